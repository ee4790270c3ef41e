//! The secrets of a run: decrypted by key custody, and only those that may become variables.

use std::collections::BTreeMap;
use std::time::Duration;

use isomer_actors::chain_of;
use isomer_actors::domain::ids::WorkspaceId;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::super::Failure;
use crate::keys::error::{KeyError, Outage};
use crate::keys::names;
use crate::keys::secrets::{Bundle, Secrets};

/// Who reads them, in the audit trail.
const ACTOR: &str = "provisioner";
/// How long a key service or a store may be away before a start fails for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Reserved beside what [`names::refused`] knows: variables of runs. Secrets of these names may be
/// kept for others to read, but the platform's value wins.
const RESERVED: &[&str] = &[
    "AGENT_PUBLIC_URL",
    "HERMES_DEFAULT_MODEL",
    "HOSTNAME",
    "LOGNAME",
    "MOLECULE_AGENT_ROLE",
    "PORT",
    "PWD",
    "USER",
    "WORKSPACE_AUTH_TOKEN",
];

/// Returns the secrets of a workspace by name, its own over global ones. Waits a while for keys
/// and store.
///
/// # Errors
/// What cannot be opened, by name; no other try would open it.
///
/// # Cancel safety
/// Cancel safe.
pub(super) async fn read(
    secrets: &Secrets,
    id: WorkspaceId,
) -> Result<BTreeMap<String, SecretString>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match secrets.bundle(id.0, ACTOR).await {
            Ok(Bundle::Whole(values)) => return Ok(usable(id, values)),
            Ok(Bundle::Failed(failed)) => return Err(refused(&failed)),
            Err(error) => {
                warn!(workspace_id = %id, error = %chain_of(&error), "its secrets cannot be read now");
                match lasting(&error) {
                    Some(failure) => return Err(failure),
                    None if Instant::now() >= until => {
                        return Err(Failure::new(
                            "its secrets cannot be read now: the key service or the store is away",
                        ));
                    }
                    None => sleep(ASK_AGAIN).await,
                }
            }
        }
    }
}

/// Returns why another try would end in the same way.
fn lasting(error: &KeyError) -> Option<Failure> {
    match error {
        KeyError::Unavailable(Outage::NotConfigured) => Some(Failure::hopeless(
            "cannot decrypt workspace secrets: they are sealed under a key service, and this \
             server has none",
        )),
        KeyError::Refused(_) => Some(Failure::hopeless(
            "cannot decrypt workspace secrets: the keys are not the right ones",
        )),
        _ => None,
    }
}

/// `failed` are `global:K` and `workspace:K`.
fn refused(failed: &[String]) -> Failure {
    let named = |failed: &String| {
        let (scope, name) = failed.split_once(':').unwrap_or(("workspace", failed));
        format!("{scope} secret {name}")
    };
    let all: Vec<_> = failed.iter().map(named).collect();
    Failure::hopeless(format!(
        "cannot decrypt {}: the stored value was changed, or its key is gone",
        all.join(", ")
    ))
}

/// Leaves out what can be no variable. The warning names the name alone.
fn usable(
    id: WorkspaceId,
    values: BTreeMap<String, SecretString>,
) -> BTreeMap<String, SecretString> {
    let keeps = |(name, value): &(String, SecretString)| {
        let why = unusable(name, value);
        if let Some(why) = why {
            warn!(workspace_id = %id, name, why, "a secret is not given to its agent");
        }
        why.is_none()
    };
    values.into_iter().filter(keeps).collect()
}

fn unusable(name: &str, value: &SecretString) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.as_bytes().first().is_none_or(u8::is_ascii_digit) || !name.bytes().all(plain) {
        return Some("its name is not a variable's: letters, digits and underscores are");
    }
    if RESERVED.binary_search(&name.to_ascii_uppercase().as_str()).is_ok() {
        return Some("its name is reserved");
    }
    if value.expose_secret().contains('\0') {
        return Some("its value holds a NUL, which no variable can");
    }
    names::refused(name)
}

#[cfg(test)]
mod tests {
    use isomer_seal::{Cause, Refused};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_the_platform_and_no_names_at_all_are_left_out() {
        assert!(RESERVED.is_sorted());
        let given: Vec<_> = [
            "WORKSPACE_ID",
            "WORKSPACE_CONFIG_PATH",
            "PLATFORM_URL",
            "MOLECULE_URL",
            "TIER",
            "WORKSPACE_AUTH_TOKEN",
            "PORT",
            "port",
            "PATH",
            "LD_PRELOAD",
            "ld_audit",
            "HOME",
            "ISOMER_AGENT_PORT",
            "my.key",
            "schlüssel",
            "1A",
            "",
            "A B",
            "OPENAI_API_KEY",
            "_a1",
        ]
        .iter()
        .map(|name| ((*name).to_owned(), SecretString::from("value")))
        .collect();
        let kept = usable(WorkspaceId::random(), given.into_iter().collect());
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["OPENAI_API_KEY", "_a1"]);
    }

    #[test]
    fn what_does_not_open_is_named_and_hopeless() {
        let failure = refused(&["workspace:A".into(), "global:B".into()]);
        assert!(failure.hopeless);
        assert!(
            failure.reason.starts_with("cannot decrypt workspace secret A, global secret B"),
            "{}",
            failure.reason
        );
        assert!(lasting(&KeyError::Refused(Refused(Cause::DataKeyGone))).is_some());
        for passing in [Outage::Unreachable, Outage::Denied] {
            assert!(lasting(&KeyError::Unavailable(passing)).is_none());
        }
    }

    proptest! {
        #[test]
        fn every_name_that_is_kept_is_a_variable(name in "\\PC{0,12}") {
            if unusable(&name, &SecretString::from("v")).is_none() {
                prop_assert!(!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()));
                prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
            }
        }
    }
}
