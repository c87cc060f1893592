//! Hearing of the commits of other nodes. Notifications are hints: one may be lost with its connection, so heads are polled as well.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::TryRngCore;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::{Access, in_time};
use crate::error::StoreError;
use crate::foreign::Foreign;

/// Longer texts do not fit into a notification.
const LONGEST: usize = 7900;
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(10);
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What was heard and not yet told.
#[derive(Debug, Default)]
pub struct Heard {
    foreign: Mutex<Foreign>,
    news: Notify,
}

impl Heard {
    pub fn take(&self) -> Foreign {
        std::mem::take(&mut self.foreign.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there is something to take.
    pub async fn wait(&self) {
        self.news.notified().await;
    }

    fn add(&self, more: Foreign) {
        if more == Foreign::Nothing {
            return;
        }
        let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        *foreign = std::mem::take(&mut *foreign).and(more);
        self.news.notify_one();
    }
}

/// A session that listens, and comes back when it is lost. It ends when this is dropped.
#[derive(Debug)]
pub struct Listener {
    /// This node's name; none where the database has no notifications.
    name: Option<Box<str>>,
    task: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens from now on, where the database can notify.
    pub async fn start(access: Arc<Access>, heard: Arc<Heard>) -> Result<Listener, StoreError> {
        let mut subscription = match Subscription::open(&access).await {
            Ok(subscription) => subscription,
            Err(StoreError::Failed(error)) => {
                tracing::info!(%error, "this database has no notifications; what others write is asked for");
                return Ok(Listener { name: None, task: None });
            }
            Err(error) => return Err(error),
        };
        let number = rand::rngs::OsRng.try_next_u64().map_err(|error| StoreError::Failed(Arc::new(error)))?;
        let name: Box<str> = format!("{number:016x}").into();
        let own = name.clone();
        let task = tokio::spawn(async move {
            loop {
                let lost = subscription.hear(&heard, &own).await;
                tracing::debug!(?lost, "notifications of the database are not heard; heads are polled meanwhile");
                subscription = loop {
                    tokio::time::sleep(RETRY_AFTER).await;
                    if let Ok(again) = Subscription::open(&access).await {
                        break again;
                    }
                };
                // What was said meanwhile was not heard.
                heard.add(Foreign::Anything);
            }
        });
        Ok(Listener { name: Some(name), task: Some(task) })
    }

    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// A session that the database notifies.
struct Subscription {
    /// Keeps the session open.
    _client: Client,
    connection: Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>,
}

impl Subscription {
    async fn open(access: &Access) -> Result<Subscription, StoreError> {
        let opening = async {
            let (client, mut connection) = access.config().connect(access.tls()).await?;
            {
                let listening = client.batch_execute("LISTEN portcullis");
                tokio::pin!(listening);
                loop {
                    // The connection makes progress only while it is polled.
                    tokio::select! {
                        said = &mut listening => break said?,
                        message = poll_fn(|context| connection.poll_message(context)) => match message {
                            Some(message) => drop(message?),
                            // Then the answer to LISTEN is an error.
                            None => break listening.await?,
                        }
                    }
                }
            }
            Ok(Subscription { _client: client, connection })
        };
        in_time(SUBSCRIBE_TIMEOUT, opening).await?
    }

    /// Hears until the connection is lost, and says why.
    async fn hear(&mut self, heard: &Heard, own: &str) -> Option<tokio_postgres::Error> {
        loop {
            match poll_fn(|context| self.connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(said))) => heard.add(understood(said.payload(), own)),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(error),
                None => return None,
            }
        }
    }
}

/// What a node says of streams that it has written to, in their order.
pub fn saying(own: &str, streams: &[&str]) -> String {
    let length: usize = streams.iter().map(|stream| stream.len() + 1).sum();
    if own.len() + length > LONGEST { format!("{own} *") } else { format!("{own} {}", streams.join(" ")) }
}

fn understood(payload: &str, own: &str) -> Foreign {
    match payload.split_once(' ') {
        Some((by, _)) if by == own => Foreign::Nothing,
        Some((_, "*")) | None => Foreign::Anything,
        Some((_, streams)) => Foreign::Streams(streams.split(' ').map(Box::from).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_understood_and_own_words_are_not_news() {
        let said = saying("a", &["account/1", "user/2"]);
        assert_eq!(understood(&said, "a"), Foreign::Nothing);
        assert_eq!(understood(&said, "b"), Foreign::Streams(vec!["account/1".into(), "user/2".into()]));
        let many = vec!["account/023e105f4ecef8ad9ca31a8372d0c353"; 300];
        assert!(saying("a", &many).len() < 8000, "PostgreSQL takes no more");
        assert_eq!(understood(&saying("a", &many), "b"), Foreign::Anything);
        assert_eq!(understood("what?", "b"), Foreign::Anything);
    }
}
