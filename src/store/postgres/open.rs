//! Connecting: pool, migrations, and what the server must be set to.

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, PgPool};
use tracing::{info, warn};

use super::{PgStore, PgTenants};
use crate::store::migrate::{Source, migrator};

/// How long a caller waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
/// How long one statement may take on the server, in milliseconds.
const STATEMENT_MS: &str = "7000";
/// How long a statement may wait for a lock on the server, in milliseconds.
const LOCK_MS: &str = "4000";
/// The oldest server that is supported: PostgreSQL 15.
const OLDEST: i32 = 150_000;

const MIGRATIONS: &[Source] = &[
    (1, "structure", include_str!("../../../migrations/postgres/0001_structure.sql")),
    (2, "key custody", include_str!("../../../migrations/postgres/0002_key_custody.sql")),
    (3, "activity", include_str!("../../../migrations/postgres/0003_activity.sql")),
    (4, "messages", include_str!("../../../migrations/postgres/0004_messages.sql")),
    (5, "approvals", include_str!("../../../migrations/postgres/0005_approvals.sql")),
    (6, "delivery mode", include_str!("../../../migrations/postgres/0006_delivery_mode.sql")),
    (7, "delegations", include_str!("../../../migrations/postgres/0007_delegations.sql")),
];

/// Why the server could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("DATABASE_URL: it cannot be understood")]
    Url(#[source] sqlx::Error),
    #[error("DATABASE_URL: the server cannot be reached")]
    Connect(#[source] sqlx::Error),
    #[error("DATABASE_URL: the server is PostgreSQL {0}, 15 or newer is needed")]
    TooOld(String),
    #[error("DATABASE_URL: the database cannot be migrated")]
    Migrate(#[from] MigrateError),
}

/// The control plane's own database.
const TENANTS: &[Source] =
    &[(1, "tenants", include_str!("../../../migrations/control-plane/postgres/0001_tenants.sql"))];

impl PgTenants {
    /// Connects to the control plane's database and migrates it.
    ///
    /// # Errors
    /// [`ConnectError`]; it never repeats the URL.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        let pool = pool(url, max_connections).await?;
        migrator(TENANTS).run(&pool).await?;
        Ok(Self { pool })
    }
}

impl PgStore {
    /// Connects, migrates under a lock, and checks the server's settings.
    ///
    /// # Errors
    /// [`ConnectError`]; it never repeats the URL.
    pub async fn connect(url: &str, max_connections: u32) -> Result<Self, ConnectError> {
        let pool = pool(url, max_connections).await?;
        migrator(MIGRATIONS).run(&pool).await?;
        check_wal_level(&pool).await;
        Ok(Self { pool })
    }
}

async fn pool(url: &str, max_connections: u32) -> Result<PgPool, ConnectError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(ConnectError::Url)?
        .application_name("isomer")
        .options([("statement_timeout", STATEMENT_MS), ("lock_timeout", LOCK_MS)])
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect_with(options)
        .await
        .map_err(ConnectError::Connect)?;
    check_version(&pool).await?;
    Ok(pool)
}

async fn check_version(pool: &PgPool) -> Result<(), ConnectError> {
    let version: String = sqlx::query_scalar("SHOW server_version_num")
        .fetch_one(pool)
        .await
        .map_err(ConnectError::Connect)?;
    if version.parse::<i32>().is_ok_and(|number| number >= OLDEST) {
        Ok(())
    } else {
        Err(ConnectError::TooOld(version))
    }
}

/// `wal_level` is `logical` by agreement, for change data capture. It takes effect at the
/// server's next start, so all that can be done is to ask for it and say what is lost until then.
async fn check_wal_level(pool: &PgPool) {
    let level: Result<String, _> = sqlx::query_scalar("SHOW wal_level").fetch_one(pool).await;
    if level.is_ok_and(|level| level == "logical") {
        return;
    }
    match sqlx::query("ALTER SYSTEM SET wal_level = 'logical'").execute(pool).await {
        Ok(_) => info!("set wal_level to logical; PostgreSQL takes it over at its next start"),
        Err(_) => warn!(
            "wal_level is not logical and may not be set here: change data capture from this \
             database is not possible, nothing else is lost"
        ),
    }
}
