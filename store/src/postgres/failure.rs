//! What the failures of PostgreSQL mean: whether it helps to try again, and what to say.

use std::sync::Arc;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::error::StoreError;

/// Whether the database took the transaction back by itself, because of others that ran at the same time: it may be tried again at once.
pub fn is_rolled_back_for_others(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

/// Whether the connection is of no more use: it is lost, or leads to a server that goes away, or that only reads since another one leads.
pub fn is_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => true,
        Some(code) => {
            // Class 57 is the operator's intervention (shutdown, crash), class 08 the connection's own.
            matches!(&code.code()[..2], "57" | "08")
                || [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::TOO_MANY_CONNECTIONS].contains(code)
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> StoreError {
        let code = error.code().cloned();
        let is_lost = is_lost(&error);
        let error = Arc::new(error);
        match code {
            Some(SqlState::DISK_FULL) => StoreError::Full(error),
            Some(SqlState::READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly(error),
            Some(SqlState::LOCK_NOT_AVAILABLE) => StoreError::Busy(error),
            Some(_) | None if is_lost => StoreError::Unreachable(error),
            Some(_) | None => StoreError::Failed(error),
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> StoreError {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Closed => StoreError::Closed,
            error => StoreError::Unreachable(Arc::new(error)),
        }
    }
}
