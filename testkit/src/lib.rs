//! For tests: a server with its clock and ids in hand, callers that speak HTTP to it, and the real program started and
//! ended.
//!
//! ```no_run
//! # async fn example() {
//! use serde_json::json;
//! use testkit::{Owner, TestServer, allow};
//!
//! let server = TestServer::start().await;
//! let made = server.admin().post("/accounts/{account}/iam/user_groups", json!({"name": "staff"})).await;
//! assert_eq!(made.result()["name"], "staff");
//!
//! let reader = server.token(Owner::Account, &[allow(&["Account Settings Read"], &["com.cloudflare.api.account.{account}"])]).await;
//! assert_eq!(reader.get("/accounts/{account}/iam/user_groups").await.status, 200);
//! # }
//! # extern crate portcullis_testkit as testkit;
//! ```

#![expect(clippy::expect_used, reason = "for tests: what fails here fails the test, and says what it was about")]

pub mod binary;
mod caller;
mod clock;
mod dns;
mod people;
mod server;
mod tokens;

pub use caller::{Caller, Response};
pub use clock::{ManualClock, SequentialIds};
pub use dns::ScriptedDns;
pub use hyper::Method;
pub use people::TestMember;
pub use server::{Builder, TestServer};
pub use tokens::{Owner, TestToken, TokenGrant, allow, deny};
