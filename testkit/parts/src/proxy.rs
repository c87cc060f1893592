//! A way to a server that cuts connections at a byte, or holds everything back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Way {
    /// How many more bytes pass, each way, before everything is cut; negative for no end.
    to_server: AtomicI64,
    to_client: AtomicI64,
    cuts: AtomicUsize,
    is_held: AtomicBool,
    /// Milliseconds by which everything is late.
    delay: AtomicU64,
}

/// A way to a server on this machine. It ends when it is dropped; what passes already goes on.
pub struct Proxy {
    to: u16,
    port: u16,
    way: Arc<Way>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// A way to the server on that port, which holds nothing back yet.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(to: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let way = Arc::new(Way { to_server: (-1).into(), to_client: (-1).into(), ..Way::default() });
        let shared = way.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, shared.clone()));
            }
        });
        Proxy { to, port, way, task }
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An address of the server, by this way.
    pub fn instead_of(&self, address: &str) -> String {
        address.replace(&format!(":{}/", self.to), &format!(":{}/", self.port))
    }

    /// Cuts the next connection on which so many bytes have passed, on the way to the server or on the way back.
    pub fn cut_after(&self, bytes: i64, is_on_the_way_back: bool) {
        let (cut, open) = match is_on_the_way_back {
            true => (&self.way.to_client, &self.way.to_server),
            false => (&self.way.to_server, &self.way.to_client),
        };
        open.store(-1, Ordering::SeqCst);
        cut.store(bytes, Ordering::SeqCst);
    }

    /// Lets everything pass from now on.
    pub fn cut_no_more(&self) {
        self.way.to_server.store(-1, Ordering::SeqCst);
        self.way.to_client.store(-1, Ordering::SeqCst);
    }

    /// How many connections were cut.
    pub fn cuts(&self) -> usize {
        self.way.cuts.load(Ordering::SeqCst)
    }

    /// Holds everything back from now on, or lets it pass again.
    pub fn hold(&self, is_held: bool) {
        self.way.is_held.store(is_held, Ordering::SeqCst);
    }

    /// Lets everything be late by that much from now on.
    pub fn delay(&self, by: Duration) {
        self.way.delay.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Nobody is let in any more.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(client: TcpStream, to: u16, way: Arc<Way>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    // What passes is small, and whoever waits for it sends nothing meanwhile.
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // The end of either direction cuts the other.
    tokio::select! {
        () = one_way(from_client, to_server, &way, &way.to_server) => {}
        () = one_way(from_server, to_client, &way, &way.to_client) => {}
    }
}

async fn one_way(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, way: &Way, left: &AtomicI64) {
    let mut buffer = [0; 4096];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else { return };
        while way.is_held.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let delay = way.delay.load(Ordering::SeqCst);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let mut bytes = &buffer[..read];
        let allowed = left.load(Ordering::SeqCst);
        let is_cut = allowed >= 0 && allowed <= bytes.len() as i64;
        if is_cut {
            bytes = &bytes[..usize::try_from(allowed).unwrap_or(0)];
            left.store(-1, Ordering::SeqCst);
            way.cuts.fetch_add(1, Ordering::SeqCst);
        } else if allowed >= 0 {
            left.store(allowed - bytes.len() as i64, Ordering::SeqCst);
        }
        if to.write_all(bytes).await.is_err() || is_cut {
            return;
        }
    }
}
