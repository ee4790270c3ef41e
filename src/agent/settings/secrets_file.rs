//! Secrets that are handed over in a file: a JSON object of names and values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::SettingError;

/// Names the file.
pub(super) const VARIABLE: &str = "ISOMER_SECRETS_FILE";
/// Longest file that is read, in bytes: a thousand of the longest secrets.
const LIMIT: u64 = 72 << 20;

/// What was in the file; nothing without one.
#[derive(Debug, Default)]
pub(super) struct Handed(BTreeMap<String, SecretString>);

impl Handed {
    /// Returns a value. The environment comes first.
    pub(super) fn get(&self, name: &str) -> Option<OsString> {
        self.0.get(name).map(|value| OsString::from(value.expose_secret()))
    }
}

/// Reads the file that the variable names.
pub(super) fn read(path: Option<OsString>) -> Result<Handed, SettingError> {
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(Handed::default()) };
    let refused = || SettingError::Value {
        name: VARIABLE.into(),
        value: path.to_string_lossy().into_owned(),
        accepted: "a file with a JSON object of texts",
    };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(&path).map_err(|_| refused())?;
    file.take(LIMIT).read_to_end(&mut bytes).map_err(|_| refused())?;
    serde_json::from_slice(&bytes).map(Handed).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_by_name_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        std::fs::write(&path, r#"{"OPENAI_API_KEY":"sesame-open"}"#).unwrap();
        let handed = read(Some(path.clone().into())).unwrap();
        assert_eq!(handed.get("OPENAI_API_KEY").unwrap(), "sesame-open");
        assert_eq!(handed.get("OTHER"), None);
        assert!(!format!("{handed:?}").contains("sesame"));
        assert!(read(None).unwrap().0.is_empty());
        for wrong in ["[\"sesame-open\"]", "{\"a\":{\"sesame-open\":1}}", ""] {
            std::fs::write(&path, wrong).unwrap();
            let error = read(Some(path.clone().into())).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("sesame"), "{error}");
        }
    }
}
