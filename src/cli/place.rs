//! Where the server is, and what to show it: the files that the server on this machine keeps in its
//! data directory, unless the environment says otherwise.

use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::error::{CliError, Done};
use crate::app::{ADMIN_TOKEN_FILE, SERVER_URL_FILE};
use crate::config::default_data_dir;

/// Where a server listens that says nothing else.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";
/// Longest file that is read as a token or an address.
const MOST_BYTES: u64 = 8_192;

/// Reads an environment variable; empty ones count as absent.
pub type Read<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A server, and the credential for it.
#[derive(Clone, Debug)]
pub struct Place {
    pub url: Url,
    /// Where the address comes from, in words.
    pub url_from: &'static str,
    pub token: Option<SecretString>,
    /// Where the token comes from, or was looked for, in words.
    pub token_from: String,
    /// The data directory of a server on this machine, if there can be one.
    pub data_dir: Option<PathBuf>,
}

impl Place {
    /// Finds the server: `--url`, `ISOMER_URL`, the file that a running server wrote, the default.
    ///
    /// # Errors
    /// When the address is none, or a file cannot be read.
    pub fn find(given: Option<&str>, read: Read<'_>) -> Done<Self> {
        let data_dir = default_data_dir(read);
        let written = data_dir.as_deref().map(|folder| text_of(&folder.join(SERVER_URL_FILE)));
        let written = written.transpose()?.flatten();
        let (text, url_from) = match (given, read("ISOMER_URL"), &written) {
            (Some(text), _, _) => (text.to_owned(), "--url"),
            (None, Some(text), _) => (text, "ISOMER_URL"),
            (None, None, Some(text)) => (text.clone(), "the data directory"),
            (None, None, None) => (DEFAULT_URL.to_owned(), "the default"),
        };
        let url = parse(&text, url_from)?;
        let is_own = written.is_some_and(|written| parse(&written, "").is_ok_and(|own| own == url));
        let (token, token_from) = token(&url, is_own, data_dir.as_deref(), read)?;
        Ok(Self { url, url_from, token, token_from, data_dir })
    }

    /// Whether the server is on this machine.
    pub fn is_here(&self) -> bool {
        is_loopback(&self.url)
    }
}

fn parse(text: &str, from: &str) -> Done<Url> {
    let bad = |reason: &str| {
        CliError::usage(format!("the server's address from {from} is {text:?}: {reason}"))
    };
    let url = Url::parse(text.trim_end_matches('/')).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(bad("http://… or https://… is accepted"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("credentials do not belong into it; use ISOMER_TOKEN"));
    }
    Ok(url)
}

/// What is in the data directory is for the server of that directory: another machine is never
/// shown it.
fn token(
    url: &Url,
    is_own: bool,
    data_dir: Option<&Path>,
    read: Read<'_>,
) -> Done<(Option<SecretString>, String)> {
    if let Some(token) = read("ISOMER_TOKEN") {
        return Ok((Some(SecretString::from(token)), "ISOMER_TOKEN".to_owned()));
    }
    if !is_own && !is_loopback(url) {
        let from = "ISOMER_TOKEN, which is not set; tokens of this machine are not shown to others";
        return Ok((None, from.to_owned()));
    }
    if let Some(token) = read("ADMIN_TOKEN") {
        return Ok((Some(SecretString::from(token)), "ADMIN_TOKEN".to_owned()));
    }
    let Some(path) = data_dir.map(|folder| folder.join(ADMIN_TOKEN_FILE)) else {
        return Ok((None, "ISOMER_TOKEN, which is not set".to_owned()));
    };
    let from = path.display().to_string();
    match text_of(&path)? {
        Some(token) => Ok((Some(SecretString::from(token)), from)),
        None => Ok((None, format!("ISOMER_TOKEN, ADMIN_TOKEN and {from}, but there is none"))),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// The trimmed text of a small file; nothing when it is not there or empty.
fn text_of(path: &Path) -> Done<Option<String>> {
    let failed = |error: io::Error| {
        CliError::failed(format!("{} cannot be read: {error}", path.display()))
            .hint("run as the user who runs the server, or set ISOMER_URL and ISOMER_TOKEN")
    };
    match std::fs::metadata(path) {
        Ok(found) if found.len() > MOST_BYTES => {
            return Err(CliError::failed(format!("{} is too long", path.display())));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::error::Kind;
    use super::*;

    fn found(given: Option<&str>, variables: &[(&str, &str)]) -> Done<Place> {
        Place::find(given, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn shown(place: &Place) -> Option<&str> {
        place.token.as_ref().map(ExposeSecret::expose_secret)
    }

    #[test]
    fn files_of_the_data_directory_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join(SERVER_URL_FILE), "http://127.0.0.1:9\n").unwrap();
        std::fs::write(folder.path().join(ADMIN_TOKEN_FILE), "file-token\n").unwrap();
        let here = found(None, &[("ISOMER_DATA_DIR", data)]).unwrap();
        assert_eq!((here.url.as_str(), shown(&here)), ("http://127.0.0.1:9/", Some("file-token")));
        let told =
            [("ISOMER_DATA_DIR", data), ("ISOMER_TOKEN", "mine"), ("ISOMER_URL", "http://[::1]:7")];
        let told = found(None, &told).unwrap();
        assert_eq!((told.url.as_str(), shown(&told)), ("http://[::1]:7/", Some("mine")));
    }

    #[test]
    fn other_machines_are_not_shown_the_tokens_of_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join(ADMIN_TOKEN_FILE), "file-token").unwrap();
        let variables = [("ISOMER_DATA_DIR", data), ("ADMIN_TOKEN", "own-servers-token")];
        for url in ["https://isomer.example", "http://127.0.0.1.example", "http://10.0.0.1"] {
            assert_eq!(shown(&found(Some(url), &variables).unwrap()), None, "{url}");
        }
        let place = found(Some("http://localhost:8080"), &variables).unwrap();
        assert_eq!(shown(&place), Some("own-servers-token"));
        let asked = found(Some("https://isomer.example"), &[("ISOMER_TOKEN", "theirs")]).unwrap();
        assert_eq!(shown(&asked), Some("theirs"));
    }

    #[test]
    fn addresses_that_are_none() {
        for url in ["ftp://x", "127.0.0.1:8080", "http://user:secret@host", ""] {
            let error = found(Some(url), &[]).unwrap_err();
            assert_eq!(error.kind, Kind::Usage, "{url}");
        }
    }
}
