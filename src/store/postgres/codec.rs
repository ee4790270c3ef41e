//! Reading values, and telling errors apart.

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Refusal, StoreError};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::store::unreadable;

/// A row being read on behalf of an operation, for the error if a value is not what it must be.
pub struct Columns<'r> {
    pub row: &'r PgRow,
    pub operation: &'static str,
}

impl Columns<'_> {
    pub fn get<'a, T>(&'a self, name: &str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'a, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        self.row.try_get(name).map_err(|_| unreadable(self.operation, name))
    }

    pub fn workspace(&self, name: &str) -> Result<WorkspaceId, StoreError> {
        self.get::<Uuid>(name).map(WorkspaceId)
    }

    pub fn opt_workspace(&self, name: &str) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self.get::<Option<Uuid>>(name)?.map(WorkspaceId))
    }

    pub fn hash(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let bytes: &[u8] = self.get(name)?;
        bytes.try_into().map_err(|_| unreadable(self.operation, name))
    }

    pub fn parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text: &str = self.get(name)?;
        parse(text).ok_or_else(|| unreadable(self.operation, name))
    }
}

/// SQLSTATE codes (PostgreSQL documentation, appendix A).
mod state {
    pub const FOREIGN_KEY: &str = "23503";
    /// Class 23: integrity constraint violation.
    pub const CONSTRAINT: &str = "23";
    pub const NO_PRIVILEGE: &str = "42501";
    pub const DEADLOCK: &str = "40P01";
    pub const SERIALIZATION: &str = "40001";
}

/// Tells whether a failed statement was refused or could not be run; it was rolled back.
pub fn classify(operation: &'static str, error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        return StoreError::Unavailable { operation, source: error.into() };
    };
    let code = database.code().unwrap_or_default();
    let constraint = database.constraint().unwrap_or_default();
    let refusal = match constraint {
        "workspaces_parent_id_fkey" => Refusal::ParentUnknown,
        "workspaces_not_own_parent" => Refusal::Cycle,
        "agents_one_active" => Refusal::AgentActive,
        _ if code == state::FOREIGN_KEY => Refusal::WorkspaceUnknown,
        _ if code.starts_with(state::CONSTRAINT) || code == state::NO_PRIVILEGE => {
            Refusal::Constraint(constraint.to_owned())
        }
        _ => {
            return StoreError::Unavailable { operation, source: error.into() };
        }
    };
    StoreError::Refused { operation, refusal }
}

/// The answer to a commit that failed: whether it took effect nobody knows, unless the server
/// said no.
pub fn unknown(operation: &'static str, error: sqlx::Error) -> StoreError {
    match &error {
        sqlx::Error::Database(_) => classify(operation, error),
        _ => StoreError::Unknown { operation, source: error.into() },
    }
}

/// Returns whether the transaction lost against another one and may simply be run again.
pub fn is_retryable(error: &StoreError) -> bool {
    let StoreError::Unavailable { source, .. } = error else {
        return false;
    };
    source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .and_then(|error| error.code())
        .is_some_and(|code| code == state::DEADLOCK || code == state::SERIALIZATION)
}
