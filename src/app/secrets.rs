//! Secrets that a first start makes, kept in private files of the data directory.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use tracing::info;

use super::AppError;
use crate::config::Config;
use crate::http::token;

/// The file of the data directory with the administrator token, unless it was given.
pub const ADMIN_TOKEN_FILE: &str = "admin-token";
/// The file of the data directory that says where the server listens, for `isomer ps` and others.
pub const SERVER_URL_FILE: &str = "server-url";
const LOGIN_LINK: &str = "login-link";

/// Returns the given administrator token, or the one that the first start made.
///
/// # Errors
/// When the file cannot be read or written.
pub fn admin_token(config: &Config) -> Result<SecretString, AppError> {
    if let Some(given) = &config.auth.admin_token {
        return Ok(given.clone());
    }
    let path = config.data_dir.join(ADMIN_TOKEN_FILE);
    let failed = |source| AppError::AdminToken { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(SecretString::from(text.trim().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => {
            let made = token::random_text().map_err(|_| AppError::Randomness)?;
            write_private(&path, made.expose_secret()).map_err(failed)?;
            info!(path = %path.display(), "made an administrator token");
            Ok(made)
        }
    }
}

/// Keeps this start's login link, and the server's own address, where its owner can find them.
///
/// # Errors
/// When a file cannot be written.
pub fn keep_link(config: &Config, url: &str, link: &str) -> Result<(), AppError> {
    for (name, text) in [(LOGIN_LINK, link), (SERVER_URL_FILE, url)] {
        let path = config.data_dir.join(name);
        write_private(&path, text).map_err(|source| AppError::AdminToken { path, source })?;
    }
    Ok(())
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
    file.set_permissions(PermissionsExt::from_mode(0o600))?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}
