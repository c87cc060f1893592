//! The answer to an append that is on its way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::error::{AppendError, StoreError};

/// Resolves once the transaction is durable, or is refused. Dropping it does not take the transaction back.
#[must_use = "an append is only known to be durable once this has resolved"]
#[derive(Debug)]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    Ready(Option<Result<(), AppendError>>),
    Waiting(oneshot::Receiver<Result<(), AppendError>>),
}

impl Pending {
    pub(crate) fn ready(result: Result<(), AppendError>) -> Pending {
        Pending(State::Ready(Some(result)))
    }

    pub(crate) fn waiting(answer: oneshot::Receiver<Result<(), AppendError>>) -> Pending {
        Pending(State::Waiting(answer))
    }
}

impl Future for Pending {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stopped = Err(AppendError::Backend(StoreError::WriterStopped));
        match &mut self.0 {
            // Polled again after it resolved, which the contract of futures leaves open: never again a success.
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(stopped)),
            State::Waiting(answer) => Pin::new(answer).poll(context).map(|answer| answer.unwrap_or(stopped)),
        }
    }
}
