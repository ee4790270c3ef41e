//! Opening the file: permissions, lock, pragmas, migrations.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{SqliteStore, SqliteTenants};
use crate::store::migrate::{Source, migrator};

/// The database inside the data directory.
const FILE: &str = "isomer.db";
/// Locked while a server uses the directory.
const LOCK: &str = "isomer.lock";
/// Connections that read side by side.
const READERS: u32 = 4;
/// How long a caller waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);
/// How long SQLite waits for another process's lock, a backup for example.
const BUSY_LIMIT: Duration = Duration::from_secs(3);

const MIGRATIONS: &[Source] = &[
    (1, "structure", include_str!("../../../migrations/sqlite/0001_structure.sql")),
    (2, "key custody", include_str!("../../../migrations/sqlite/0002_key_custody.sql")),
    (3, "activity", include_str!("../../../migrations/sqlite/0003_activity.sql")),
    (4, "messages", include_str!("../../../migrations/sqlite/0004_messages.sql")),
    (5, "approvals", include_str!("../../../migrations/sqlite/0005_approvals.sql")),
    (6, "delivery mode", include_str!("../../../migrations/sqlite/0006_delivery_mode.sql")),
    (7, "delegations", include_str!("../../../migrations/sqlite/0007_delegations.sql")),
];

/// Why the file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("ISOMER_DATA_DIR={path}: the folder cannot be used")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("ISOMER_DATA_DIR={path}: another isomer server is using this folder")]
    InUse { path: PathBuf },
    #[error("the database in {path} cannot be opened")]
    Open { path: PathBuf, source: sqlx::Error },
    #[error("the database in {path} cannot be migrated")]
    Migrate { path: PathBuf, source: MigrateError },
}

/// The control plane's own database.
const TENANTS: &[Source] =
    &[(1, "tenants", include_str!("../../../migrations/control-plane/sqlite/0001_tenants.sql"))];
const TENANTS_FILE: &str = "control-plane.db";
const TENANTS_LOCK: &str = "control-plane.lock";

impl SqliteTenants {
    /// Opens the control plane's database in `folder`. Several processes may: the command line
    /// works beside a server, and SQLite lets one write at a time.
    ///
    /// # Errors
    /// [`OpenError`], which names the folder.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = || folder.to_path_buf();
        private_folder(folder).map_err(|source| OpenError::Folder { path: path(), source })?;
        let failed = |source| OpenError::Folder { path: path(), source };
        private_file(folder, TENANTS_FILE).map_err(failed)?;
        // SQLite's migrations take no lock of their own. Held for milliseconds, until the end of this
        // function.
        let lock = private_file(folder, TENANTS_LOCK).map_err(failed)?;
        let _locked = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
            .await
            .map_err(|_| failed(std::io::ErrorKind::Interrupted.into()))?
            .map_err(failed)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_with(options(&folder.join(TENANTS_FILE)))
            .await
            .map_err(|source| OpenError::Open { path: path(), source })?;
        migrator(TENANTS)
            .run(&pool)
            .await
            .map_err(|source| OpenError::Migrate { path: path(), source })?;
        Ok(Self { pool })
    }
}

impl SqliteStore {
    /// Opens the database in `folder`, creating both where they are missing.
    ///
    /// # Errors
    /// [`OpenError`], which names the folder.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = || folder.to_path_buf();
        let lock = prepare(folder)?;
        let options = options(&folder.join(FILE));
        let open = |source| OpenError::Open { path: path(), source };
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_with(options.clone())
            .await
            .map_err(open)?;
        migrator(MIGRATIONS)
            .run(&write)
            .await
            .map_err(|source| OpenError::Migrate { path: path(), source })?;
        let read = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(ACQUIRE_LIMIT)
            .connect_with(options.pragma("query_only", "on"))
            .await
            .map_err(open)?;
        Ok(Self { write, read, _lock: Arc::new(lock) })
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_LIMIT)
        // What is deleted is overwritten: wrapped seeds and sealed values do not linger in free pages.
        .pragma("secure_delete", "on")
}

fn private_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))
}

fn private_file(folder: &Path, name: &str) -> std::io::Result<File> {
    let path = folder.join(name);
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)
}

/// Makes the folder and the database file private, and takes the lock.
fn prepare(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder { path: folder.to_path_buf(), source };
    private_folder(folder).map_err(failed)?;
    private_file(folder, FILE).map_err(failed)?;
    let lock = private_file(folder, LOCK).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(_) => Err(OpenError::InUse { path: folder.to_path_buf() }),
    }
}
