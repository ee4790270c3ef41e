//! Settings of key custody (docs/architecture/secrets-key-custody.md).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isomer_seal::blob::Format;
use isomer_seal::master::MasterKey;
use zeroize::Zeroizing;

use super::read::{ConfigError, Environment, Source, bad};
use crate::keys::ports::ProviderKind;

/// Longest key file that is read, in bytes.
const MAX_KEY_FILE: u64 = 4_096;

/// Which keys there are, and which of them seals.
#[derive(Clone, Debug)]
pub struct KeysConfig {
    /// `SECRETS_ENCRYPTION_KEY` or `SECRETS_ENCRYPTION_KEY_FILE`, then the same with `_PREVIOUS`.
    pub statics: Vec<Arc<MasterKey>>,
    /// `KMS_KEY_ARN`.
    pub kms_key: Option<String>,
    /// `KMS_KEY_ARN_PREVIOUS`: still opens what it wrapped.
    pub kms_previous: Option<String>,
    /// `SECRETS_KEY_PROVIDER` (KMS when `KMS_KEY_ARN` is set, else static).
    pub provider: ProviderKind,
    /// `SECRETS_WRITE_FORMAT` (3).
    pub write: Format,
    /// `CONTROL_PLANE_URL` with `TENANT_BOOT_TOKEN_FILE`.
    pub control_plane: Option<ControlPlaneAt>,
}

/// Where this tenant gets its key at boot.
#[derive(Clone, Debug)]
pub struct ControlPlaneAt {
    pub url: String,
    pub token_file: PathBuf,
}

impl Source<'_> {
    /// Reads the settings of key custody.
    pub(super) fn keys(&self, environment: Environment) -> Result<KeysConfig, ConfigError> {
        let mut statics = Vec::new();
        let current = self.static_key("SECRETS_ENCRYPTION_KEY", "SECRETS_ENCRYPTION_KEY_FILE")?;
        let previous = self.static_key(
            "SECRETS_ENCRYPTION_KEY_PREVIOUS",
            "SECRETS_ENCRYPTION_KEY_PREVIOUS_FILE",
        )?;
        if previous.is_some() && current.is_none() {
            let accepted = "it is accepted only together with SECRETS_ENCRYPTION_KEY";
            return Err(bad("SECRETS_ENCRYPTION_KEY_PREVIOUS", "(hidden)", accepted));
        }
        statics.extend(current);
        statics.extend(previous);
        let kms_key = self.arn("KMS_KEY_ARN")?;
        let kms_previous = self.arn("KMS_KEY_ARN_PREVIOUS")?;
        let control_plane = self.control_plane(!statics.is_empty())?;
        let has_static = !statics.is_empty() || control_plane.is_some();
        if environment == Environment::Production && !has_static && kms_key.is_none() {
            let accepted = "in production a key is needed: KMS_KEY_ARN, or 32 bytes as \
                            SECRETS_ENCRYPTION_KEY or in SECRETS_ENCRYPTION_KEY_FILE";
            return Err(bad("SECRETS_ENCRYPTION_KEY", "", accepted));
        }
        let provider = self.provider(kms_key.is_some(), has_static)?;
        let write = self.write_format(kms_key.is_some(), has_static)?;
        Ok(KeysConfig { statics, kms_key, kms_previous, provider, write, control_plane })
    }

    /// A key that is given and cannot be used is refused in every environment: nobody who sets one
    /// means clear text.
    fn static_key(
        &self,
        variable: &'static str,
        file: &'static str,
    ) -> Result<Option<Arc<MasterKey>>, ConfigError> {
        let (variable, text) = match (self.raw(variable), self.text(file)) {
            (Some(_), Some(_)) => {
                return Err(bad(file, "(given)", "one of the variable and its file is accepted"));
            }
            (None, None) => return Ok(None),
            (Some(text), None) => (variable, Zeroizing::new(text.into_bytes())),
            (None, Some(path)) => (file, read_key(file, Path::new(path.trim()))?),
        };
        match MasterKey::parse(&text) {
            Ok(key) => Ok(Some(Arc::new(key))),
            Err(error) => Err(bad(variable, "(hidden)", &error.to_string())),
        }
    }

    fn arn(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(arn) = self.text(variable).map(|text| text.trim().to_owned()) else {
            return Ok(None);
        };
        let is_key = arn.starts_with("arn:") && arn.contains(":kms:") && arn.contains(":key/");
        if !is_key {
            let accepted = "the ARN of a key is accepted, such as arn:aws:kms:<region>:<account>:\
                            key/<id>; an alias is not, because seeds must name the very key";
            return Err(bad(variable, &arn, accepted));
        }
        if cfg!(not(feature = "kms")) {
            return Err(bad(variable, &arn, "this build has no KMS: build with the feature kms"));
        }
        Ok(Some(arn))
    }

    fn provider(&self, kms: bool, has_static: bool) -> Result<ProviderKind, ConfigError> {
        let default = if kms { ProviderKind::Kms } else { ProviderKind::Static };
        let Some(text) = self.text("SECRETS_KEY_PROVIDER") else {
            return Ok(default);
        };
        let usable = |kind| match kind {
            ProviderKind::Kms => kms,
            ProviderKind::Static => has_static,
        };
        ProviderKind::parse(text.trim()).filter(|kind| usable(*kind)).ok_or_else(|| {
            let accepted = "kms (with KMS_KEY_ARN) or static (with SECRETS_ENCRYPTION_KEY) is \
                            accepted";
            bad("SECRETS_KEY_PROVIDER", &text, accepted)
        })
    }

    fn write_format(&self, kms: bool, has_static: bool) -> Result<Format, ConfigError> {
        let text = self.text("SECRETS_WRITE_FORMAT").unwrap_or_else(|| "3".to_owned());
        match text.trim() {
            "3" => Ok(Format::Bound),
            "2" if kms => Ok(Format::Envelope),
            "1" if has_static => Ok(Format::Static),
            _ => {
                let accepted = "1 (with SECRETS_ENCRYPTION_KEY), 2 (with KMS_KEY_ARN) or 3 is \
                                accepted";
                Err(bad("SECRETS_WRITE_FORMAT", &text, accepted))
            }
        }
    }

    fn control_plane(&self, has_static: bool) -> Result<Option<ControlPlaneAt>, ConfigError> {
        let url = self.web_url("CONTROL_PLANE_URL")?;
        let file = self.text("TENANT_BOOT_TOKEN_FILE");
        match (url, file) {
            (None, None) => Ok(None),
            (Some(url), Some(_)) if has_static => {
                let accepted = "without SECRETS_ENCRYPTION_KEY it is accepted: the control plane \
                                gives the key";
                Err(bad("CONTROL_PLANE_URL", &url, accepted))
            }
            (Some(url), Some(_)) if !is_private(&url) => {
                let accepted = "https:// is accepted, and http:// only to a loopback address: the \
                                answer is a key";
                Err(bad("CONTROL_PLANE_URL", &url, accepted))
            }
            (Some(url), Some(file)) => {
                Ok(Some(ControlPlaneAt { url, token_file: PathBuf::from(file.trim()) }))
            }
            (Some(url), None) => {
                Err(bad("CONTROL_PLANE_URL", &url, "TENANT_BOOT_TOKEN_FILE is needed too"))
            }
            (None, Some(file)) => {
                Err(bad("TENANT_BOOT_TOKEN_FILE", &file, "CONTROL_PLANE_URL is needed too"))
            }
        }
    }
}

fn is_private(url: &str) -> bool {
    let loopback = ["http://127.0.0.1:", "http://[::1]:", "http://localhost:"];
    url.starts_with("https://") || loopback.iter().any(|start| url.starts_with(start))
}

/// Reads a key file. A line's end after the key is not part of it, unless the file is exactly 32
/// bytes long.
fn read_key(variable: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, ConfigError> {
    let shown = path.display().to_string();
    let unreadable = |error: std::io::Error| {
        bad(variable, &shown, &format!("a readable file is needed: {error}"))
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_KEY_FILE {
        return Err(bad(variable, &shown, "a file with one key is accepted"));
    }
    let mut text = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
    if text.len() != 32 {
        let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |n| n + 1);
        text.truncate(end);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::Config;
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/abc";

    fn read(pairs: &[(&str, &str)]) -> Result<KeysConfig, ConfigError> {
        let mut map: HashMap<_, _> =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        map.insert("HOME".to_owned(), "/home/ada".to_owned());
        Config::from_env(&move |name| map.get(name).cloned()).map(|config| config.keys)
    }

    #[test]
    fn production_without_a_key_does_not_start() {
        for environment in ["prod", " Production "] {
            let error = read(&[("MOLECULE_ENV", environment)]).unwrap_err();
            assert_eq!(error.variable, "SECRETS_ENCRYPTION_KEY");
        }
        assert!(read(&[]).unwrap().statics.is_empty(), "a laptop may");
        let kms = read(&[("MOLECULE_ENV", "prod"), ("KMS_KEY_ARN", ARN)]).unwrap();
        assert_eq!((kms.provider, kms.write), (ProviderKind::Kms, Format::Bound));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_refused_everywhere_and_not_repeated() {
        for environment in ["", "dev", "prod"] {
            for key in ["short", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "hunter2hunter2"] {
                let error = read(&[("MOLECULE_ENV", environment), ("SECRETS_ENCRYPTION_KEY", key)])
                    .unwrap_err();
                assert_eq!(error.variable, "SECRETS_ENCRYPTION_KEY");
                assert!(!error.to_string().contains(key), "{error}");
            }
        }
    }

    #[test]
    fn a_key_comes_from_a_file_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let file = path.display().to_string();
        let id = |pairs: &[(&str, &str)]| read(pairs).unwrap().statics[0].id().to_owned();
        let wanted = id(&[("SECRETS_ENCRYPTION_KEY", KEY)]);
        for text in [KEY.to_owned(), format!("{KEY}\n"), format!("{KEY}\r\n")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(id(&[("SECRETS_ENCRYPTION_KEY_FILE", &file)]), wanted);
        }
        let both = read(&[("SECRETS_ENCRYPTION_KEY", KEY), ("SECRETS_ENCRYPTION_KEY_FILE", &file)]);
        assert_eq!(both.unwrap_err().variable, "SECRETS_ENCRYPTION_KEY_FILE");
        let error = read(&[("SECRETS_ENCRYPTION_KEY_FILE", "/nowhere/at/all")]).unwrap_err();
        assert_eq!(error.variable, "SECRETS_ENCRYPTION_KEY_FILE");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let key = ("SECRETS_ENCRYPTION_KEY", KEY);
        let token = ("TENANT_BOOT_TOKEN_FILE", "/run/boot");
        for (variable, pairs) in [
            ("KMS_KEY_ARN", vec![("KMS_KEY_ARN", "alias/isomer")]),
            ("SECRETS_WRITE_FORMAT", vec![("SECRETS_WRITE_FORMAT", "1")]),
            ("SECRETS_WRITE_FORMAT", vec![key, ("SECRETS_WRITE_FORMAT", "2")]),
            ("SECRETS_WRITE_FORMAT", vec![key, ("SECRETS_WRITE_FORMAT", "0")]),
            ("SECRETS_KEY_PROVIDER", vec![key, ("SECRETS_KEY_PROVIDER", "kms")]),
            ("SECRETS_ENCRYPTION_KEY_PREVIOUS", vec![("SECRETS_ENCRYPTION_KEY_PREVIOUS", KEY)]),
            ("CONTROL_PLANE_URL", vec![("CONTROL_PLANE_URL", "https://cp.example")]),
            ("CONTROL_PLANE_URL", vec![("CONTROL_PLANE_URL", "http://cp.example"), token]),
            ("CONTROL_PLANE_URL", vec![("CONTROL_PLANE_URL", "https://cp.example"), token, key]),
            ("TENANT_BOOT_TOKEN_FILE", vec![token]),
        ] {
            assert_eq!(read(&pairs).unwrap_err().variable, variable, "{pairs:?}");
        }
        let both = read(&[key, ("KMS_KEY_ARN", ARN), ("SECRETS_KEY_PROVIDER", "static")]).unwrap();
        assert_eq!(both.provider, ProviderKind::Static);
    }
}
