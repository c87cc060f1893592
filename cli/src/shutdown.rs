//! Ending a server in good order.

use std::io;
use std::time::Duration;

use server::App;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// How long requests in flight may take once the server was told to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// SIGINT and SIGTERM, which end the process at once until they are listened to.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens to them. To be called before anybody is told that the server is there.
    ///
    /// # Errors
    /// When the operating system does not let us.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until SIGINT or SIGTERM; then takes no new connections, and finishes the requests in flight, for at most 30
/// seconds. A second signal ends the wait at once.
///
/// # Errors
/// When the listener fails.
pub async fn serve_until_signal(listener: TcpListener, app: App, mut signals: Signals) -> io::Result<()> {
    let (stop, stopping) = oneshot::channel::<()>();
    let mut server = tokio::spawn(server::serve(listener, app, async {
        // A sender that is gone means the same.
        let _ = stopping.await;
    }));
    tokio::select! {
        ended = &mut server => return ended.map_err(io::Error::other)?,
        () = signals.next() => {}
    }
    tracing::info!("finishing the requests in flight");
    drop(stop);
    tokio::select! {
        ended = &mut server => return ended.map_err(io::Error::other)?,
        () = signals.next() => {}
        () = tokio::time::sleep(PATIENCE) => {}
    }
    tracing::warn!("some requests were still in flight and are cut off");
    server.abort();
    Ok(())
}
