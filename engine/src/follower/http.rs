//! The requests of a follower.

use std::io::{self, BufReader, Read as _};
use std::time::Duration;

use model::ids::Revision;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::events;
use super::replica::Replica;
use super::{FollowError, Options};
use crate::offline::{self, OpeningKey};

/// Within it a connection is made and an answer has begun.
const PATIENCE: Duration = Duration::from_secs(5);
/// A larger account is read in a longer time than that.
const LARGEST: u64 = 4 << 30;
/// How long the server itself may not have heard of other servers, in seconds.
const STALENESS: &str = "portcullis-staleness";

pub struct Server {
    agent: Agent,
    account: String,
    authorization: String,
}

impl From<io::Error> for FollowError {
    fn from(error: io::Error) -> FollowError {
        FollowError::Server(error.to_string())
    }
}

impl From<ureq::Error> for FollowError {
    fn from(error: ureq::Error) -> FollowError {
        FollowError::Server(error.to_string())
    }
}

impl Server {
    pub fn new(options: &Options) -> Server {
        let patience = options.bound.min(PATIENCE);
        let config = Agent::config_builder().timeout_connect(Some(patience)).timeout_recv_response(Some(patience));
        Server {
            // A redirect would carry the token elsewhere.
            agent: config.max_redirects(0).build().new_agent(),
            account: format!("{}/client/v4/accounts/{}/iam", options.server.trim_end_matches('/'), options.account_id),
            authorization: format!("Bearer {}", options.token),
        }
    }

    /// The whole account, and how old it may be.
    pub fn snapshot(&self, key: &OpeningKey) -> Result<(Replica, Duration), FollowError> {
        let mut answer = self.get("/snapshot", 0)?;
        let staleness = staleness(&answer)?;
        let mut bytes = Vec::new();
        answer.body_mut().with_config().limit(LARGEST).reader().read_to_end(&mut bytes)?;
        // It was made for this answer; whose clock is right does not matter.
        let made_on = offline::head(&bytes, key)?.made_on;
        let (_, account) = offline::open(&bytes, key, made_on)?;
        Ok((Replica::new(account), staleness))
    }

    /// Reads the commits after a revision up to now, and tells how old what was read may be.
    pub fn commits(
        &self,
        after: Revision,
        mut take: impl FnMut(&str) -> Result<(), FollowError>,
    ) -> Result<Duration, FollowError> {
        let mut answer = self.get(&format!("/commits/stream?follow=false&after={after}"), after)?;
        let staleness = staleness(&answer)?;
        let body = answer.body_mut().with_config().limit(u64::MAX).reader();
        events::read(BufReader::new(body), |event| take(event).map(|()| true))?;
        Ok(staleness)
    }

    /// Hears of commits after a revision, until the connection ends or `take` says so.
    pub fn listen(
        &self,
        after: Revision,
        take: impl FnMut(&str) -> Result<bool, FollowError>,
    ) -> Result<(), FollowError> {
        let mut answer = self.get(&format!("/commits/stream?after={after}"), after)?;
        let body = answer.body_mut().with_config().limit(u64::MAX).reader();
        events::read(BufReader::new(body), take)
    }

    fn get(&self, path: &str, at_least: Revision) -> Result<Response<Body>, FollowError> {
        let request = self.agent.get(format!("{}{path}", self.account)).header("authorization", &self.authorization);
        // Another server of the same database may not have come so far yet.
        let request = if at_least > 0 { request.header("portcullis-revision", at_least.to_string()) } else { request };
        Ok(request.call()?)
    }
}

fn staleness(answer: &Response<Body>) -> Result<Duration, FollowError> {
    let seconds = answer.headers().get(STALENESS).and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let staleness = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    staleness.ok_or_else(|| FollowError::Server(format!("it does not tell its `{STALENESS}`")))
}
