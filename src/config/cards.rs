//! The keys that signatures of agent cards are trusted by.

use std::path::Path;

use super::read::{ConfigError, Source, bad};
use crate::a2a::card::TrustedKeys;

const VARIABLE: &str = "A2A_TRUSTED_CARD_KEYS";
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

impl Source<'_> {
    /// Reads the JWK set, if one is named.
    pub(super) fn card_keys(&self) -> Result<TrustedKeys, ConfigError> {
        let Some(path) = self.text(VARIABLE) else { return Ok(TrustedKeys::default()) };
        let path = Path::new(path.trim());
        let shown = path.display().to_string();
        let refused = |why: String| bad(VARIABLE, &shown, &format!("a JWK set is needed: {why}"));
        let unreadable = |error: std::io::Error| refused(error.to_string());
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(refused(format!("at most {MAX_BYTES} bytes are read")));
        }
        let text = std::fs::read(path).map_err(unreadable)?;
        TrustedKeys::parse(&text).map_err(|error| refused(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn read(path: &Path) -> Result<TrustedKeys, String> {
        let path = path.display().to_string();
        let config = Config::from_env(&|name| match name {
            VARIABLE => Some(path.clone()),
            "ISOMER_DATA_DIR" => Some("/tmp".to_owned()),
            _ => None,
        });
        config.map(|config| config.card_keys).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_is_read_or_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        assert!(read(&file).unwrap_err().starts_with("A2A_TRUSTED_CARD_KEYS="));
        std::fs::write(&file, "nonsense").unwrap();
        assert!(read(&file).unwrap_err().contains("a JWK set is needed"));
        let key = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        std::fs::write(&file, key).unwrap();
        assert!(read(&file).unwrap().know("k"));
    }
}
