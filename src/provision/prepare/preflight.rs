//! What an agent says that it needs, before it starts. Pure.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::Failure;

/// Names that are read at most.
const MOST: usize = 256;

#[derive(Deserialize, Default)]
struct Config {
    #[serde(default)]
    runtime_config: Option<RuntimeConfig>,
}

#[derive(Deserialize, Default)]
struct RuntimeConfig {
    #[serde(default)]
    required_env: Option<Vec<String>>,
}

/// Returns the names in `runtime_config.required_env` of a configuration that are not among
/// `given`, in its order.
///
/// # Errors
/// Why the configuration cannot be understood.
pub(super) fn check(config: &[u8], given: &BTreeSet<&str>) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(config).map_err(|_| "it is not UTF-8".to_owned())?;
    let config: Option<Config> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let required = config.and_then(|config| config.runtime_config?.required_env);
    let missing = |name: &String| !given.contains(name.as_str());
    let mut missing: Vec<_> =
        required.unwrap_or_default().into_iter().filter(missing).take(MOST).collect();
    let mut seen = BTreeSet::new();
    missing.retain(|name| seen.insert(name.clone()));
    Ok(missing)
}

/// Returns the failure of a start without these variables.
pub(super) fn refused(missing: Vec<String>) -> Failure {
    let names = missing.join(", ");
    let reason = format!("required environment variables are not set: {names}");
    Failure { missing, ..Failure::hopeless(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_and_not_given_is_missing() {
        let given = BTreeSet::from(["A", "TIER"]);
        let yaml = b"name: x\nruntime_config:\n  timeout: 0\n  required_env: [B, A, TIER, C, B]\n";
        assert_eq!(check(yaml, &given).unwrap(), ["B", "C"]);
        for nothing in ["", "name: x", "runtime_config:", "runtime_config: {required_env: }"] {
            assert!(check(nothing.as_bytes(), &given).unwrap().is_empty(), "{nothing:?}");
        }
        for wrong in ["- a", "runtime_config: {required_env: 7}", "a: ["] {
            assert!(check(wrong.as_bytes(), &given).is_err(), "{wrong:?}");
        }
        let failure = refused(vec!["B".into(), "C".into()]);
        assert!(failure.hopeless && failure.reason.ends_with("B, C"), "{failure:?}");
        assert_eq!(failure.missing, ["B", "C"]);
    }
}
