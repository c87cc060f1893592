//! Accounts in signed files: see [`engine::offline`].

use std::io;

use engine::Account;
use engine::offline::{self, Head, OpeningKey};
use model::time::Timestamp;

use crate::Runtime;
use crate::stream::Snapshot;

impl Runtime {
    /// The file of an account, from which may be decided for so many seconds.
    ///
    /// # Errors
    /// When a document cannot be written as JSON, which is our fault.
    pub fn seal(&self, snapshot: &Snapshot<Account>, valid_seconds: i64) -> io::Result<Vec<u8>> {
        let made_on = self.clock.now();
        let head = Head {
            account_id: snapshot.state.account_id(),
            revision: snapshot.revision(),
            hash: snapshot.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
            at: snapshot.at,
            made_on,
            expires_on: Timestamp::from_micros(
                made_on.as_micros().saturating_add(valid_seconds.saturating_mul(1_000_000)),
            ),
        };
        offline::seal(&snapshot.state, &head, &self.secrets.sealing_key())
    }

    /// What opens those files: a function of the server's secret key.
    pub fn opening_key(&self) -> OpeningKey {
        self.secrets.opening_key()
    }
}
