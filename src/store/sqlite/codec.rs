//! How values are written in SQLite, and how errors are told apart.

use chrono::{DateTime, SecondsFormat, Utc};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::{Refusal, StoreError};
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::store::unreadable;

/// Writes a time so that texts sort like times.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A row being read on behalf of an operation, for the error if a value is not what it must be.
pub struct Columns<'r> {
    pub row: &'r SqliteRow,
    pub operation: &'static str,
}

impl Columns<'_> {
    pub fn get<'a, T>(&'a self, name: &str) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'a, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.row.try_get(name).map_err(|_| unreadable(self.operation, name))
    }

    pub fn time(&self, name: &str) -> Result<DateTime<Utc>, StoreError> {
        self.parsed(name, |text| text.parse().ok())
    }

    pub fn opt_time(&self, name: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.opt_parsed(name, |text| text.parse().ok())
    }

    pub fn uuid(&self, name: &str) -> Result<Uuid, StoreError> {
        self.parsed(name, |text| text.parse().ok())
    }

    pub fn opt_uuid(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.opt_parsed(name, |text| text.parse().ok())
    }

    pub fn workspace(&self, name: &str) -> Result<WorkspaceId, StoreError> {
        self.uuid(name).map(WorkspaceId)
    }

    pub fn opt_workspace(&self, name: &str) -> Result<Option<WorkspaceId>, StoreError> {
        Ok(self.opt_uuid(name)?.map(WorkspaceId))
    }

    pub fn opt_json(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.opt_parsed(name, |text| serde_json::from_str(text).ok())
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

    fn opt_parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.get(name)?;
        text.map(|text| parse(text).ok_or_else(|| unreadable(self.operation, name))).transpose()
    }
}

/// Extended result codes of SQLite.
mod code {
    pub const FOREIGN_KEY: &str = "787";
    /// Primary codes of constraint and trigger failures share the low byte 19.
    pub const CONSTRAINT: i64 = 19;
}

/// Tells whether a failed statement was refused or could not be run; it was rolled back.
pub fn classify(operation: &'static str, error: sqlx::Error) -> StoreError {
    let sqlx::Error::Database(database) = &error else {
        return StoreError::Unavailable { operation, source: error.into() };
    };
    let code = database.code().unwrap_or_default();
    let message = database.message();
    let refusal = if code == code::FOREIGN_KEY {
        Refusal::WorkspaceUnknown
    } else if message.contains("agents.workspace_id") {
        Refusal::AgentActive
    } else if code.parse::<i64>().is_ok_and(|code| code & 0xff == code::CONSTRAINT) {
        Refusal::Constraint(message.to_owned())
    } else {
        return StoreError::Unavailable { operation, source: error.into() };
    };
    StoreError::Refused { operation, refusal }
}

/// The answer to a commit that failed: whether it took effect nobody knows.
pub fn unknown(operation: &'static str, error: sqlx::Error) -> StoreError {
    StoreError::Unknown { operation, source: error.into() }
}
