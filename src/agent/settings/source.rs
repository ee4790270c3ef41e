//! Values on their way from a flag or a variable to a checked type.

use std::ffi::OsString;
use std::time::Duration;

use secrecy::SecretString;

use super::super::OpenAi;
use super::{
    A_BEAT, A_SECRET, A_URL, FORBIDDEN, LONGEST_BEAT, OPENAI_BASE_URL, OPENAI_MODEL, SHORTEST_BEAT,
    SettingError, visible,
};

/// Where values come from: a flag first, then the environment. An empty
/// variable counts as unset.
pub(super) struct Source<E> {
    pub(super) env: E,
}

impl<E: Fn(&str) -> Option<OsString>> Source<E> {
    pub(super) fn read(
        &self,
        flag: &str,
        given: Option<String>,
        variable: &str,
    ) -> Result<Option<Given>, SettingError> {
        if let Some(value) = given {
            return Ok(Some(Given { name: flag.into(), value }));
        }
        match (self.env)(variable).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) if value.is_empty() => Ok(None),
            Some(Ok(value)) => Ok(Some(Given { name: variable.into(), value })),
            Some(Err(raw)) => Err(SettingError::Value {
                name: variable.into(),
                value: raw.to_string_lossy().into_owned(),
                accepted: "valid UTF-8",
            }),
        }
    }

    pub(super) fn secret(&self, variable: &str) -> Result<Option<SecretString>, SettingError> {
        let refused = || SettingError::Secret { name: variable.into(), accepted: A_SECRET };
        let Some(raw) = (self.env)(variable) else {
            return Ok(None);
        };
        let text = raw.into_string().map_err(|_| refused())?;
        if text.trim().is_empty() {
            return Ok(None);
        }
        // A token read from a file with a shell often ends in a line break.
        let secret = SecretString::from(text.trim());
        visible(variable, &secret)?;
        Ok(Some(secret))
    }

    pub(super) fn openai(
        &self,
        base_url: Option<String>,
        model: Option<String>,
    ) -> Result<Option<OpenAi>, SettingError> {
        let base_url = self
            .read("--openai-base-url", base_url, "OPENAI_BASE_URL")?
            .map_or(Ok(OPENAI_BASE_URL.to_owned()), Given::url)?;
        let model = self
            .read("--openai-model", model, "OPENAI_MODEL")?
            .map_or_else(|| OPENAI_MODEL.to_owned(), |given| given.value);
        let key = self.secret("OPENAI_API_KEY")?;
        Ok(key.map(|api_key| OpenAi { api_key, base_url, model }))
    }
}

/// A value and the flag or variable it came from.
pub(super) struct Given {
    pub(super) name: String,
    pub(super) value: String,
}

impl Given {
    pub(super) fn refused(self, accepted: &'static str) -> SettingError {
        SettingError::Value { name: self.name, value: self.value, accepted }
    }

    pub(super) fn parse<T: std::str::FromStr>(
        self,
        accepted: &'static str,
    ) -> Result<T, SettingError> {
        self.value.parse().map_err(|_| self.refused(accepted))
    }

    pub(super) fn text(self, limit: usize, accepted: &'static str) -> Result<String, SettingError> {
        let fits = (1..=limit).contains(&self.value.len()) && !self.value.contains(FORBIDDEN);
        if fits { Ok(self.value) } else { Err(self.refused(accepted)) }
    }

    pub(super) fn url(self) -> Result<String, SettingError> {
        let Ok(url) = self.value.parse::<reqwest::Url>() else {
            return Err(self.refused(A_URL));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingError::Secret { name: self.name, accepted: A_URL });
        }
        let plain = matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(self.refused(A_URL));
        }
        Ok(self.value.trim_end_matches('/').to_owned())
    }

    pub(super) fn beat(self) -> Result<Duration, SettingError> {
        match self.value.parse::<f64>() {
            Ok(seconds) if (SHORTEST_BEAT..=LONGEST_BEAT).contains(&seconds) => {
                Ok(Duration::from_secs_f64(seconds))
            }
            _ => Err(self.refused(A_BEAT)),
        }
    }
}
