//! The search for the TXT records of SSO connectors, beside the server.

use std::net::SocketAddr;
use std::sync::Arc;

use runtime::Runtime;
use server::sso_verification::{DnsTxtRecords, Verifier};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A search that is running.
pub struct Verification {
    /// Hastens it.
    pub verifier: Verifier,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

/// Starts it. A machine without DNS servers can run the rest of the server, so then there is none, and a warning.
pub fn start(runtime: &Arc<Runtime>, dns_server: Option<SocketAddr>) -> Option<Verification> {
    let records = match DnsTxtRecords::new(dns_server) {
        Ok(records) => Arc::new(records),
        Err(error) => {
            tracing::warn!(%error, "domains of SSO connectors cannot be verified; name a DNS server with `--dns-server`");
            return None;
        }
    };
    let verifier = Verifier::new(runtime.clone(), records);
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(verifier.clone().run(async {
        // A sender that is gone means the same.
        let _ = stopped.await;
    }));
    Some(Verification { verifier, stop, running })
}

impl Verification {
    /// Gives up what is being looked up, and waits for the outcomes that are being written.
    pub async fn end(self) {
        drop(self.stop);
        if let Err(error) = self.running.await {
            tracing::error!(%error, "the verification of SSO connectors has failed");
        }
    }
}
