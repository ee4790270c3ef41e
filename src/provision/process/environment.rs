//! What an agent finds in its environment: a clean one, made here. Pure.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::super::Launch;

/// The search path of agents where the server has none itself.
pub(super) const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An environment, with values that are not shown.
pub(super) type Environment = BTreeMap<String, SecretString>;

/// Returns the environment of a run. The later wins: `usual`, secrets, the run's variables, its
/// token, and `own`, which says where it runs. With `in_file` neither secrets nor token are in it.
pub(super) fn environment(
    launch: &Launch,
    usual: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
    in_file: bool,
) -> Environment {
    let plain =
        |(name, value): (&String, &String)| (name.clone(), SecretString::from(value.as_str()));
    let mut all: Environment = usual.iter().map(plain).collect();
    let hidden = |(name, value): (&str, &SecretString)| (name.to_owned(), value.clone());
    if !in_file {
        all.extend(launch.secrets.iter().map(|(name, value)| hidden((name, value))));
    }
    all.extend(launch.variables.iter().map(plain));
    if !in_file {
        all.extend(
            launch.confidential().filter(|(name, _)| *name == super::super::TOKEN).map(hidden),
        );
    }
    all.extend(own.iter().map(plain));
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::super::super::TOKEN;
    use super::super::super::fixtures::launch;
    use super::*;

    type Given = BTreeMap<String, String>;

    fn given() -> impl Strategy<Value = Given> {
        prop::collection::btree_map("[A-D]{1,2}", "[a-z]{0,8}", 0..6)
    }

    proptest! {
        #[test]
        fn the_platform_wins_over_secrets_and_nothing_else_is_there(
            usual in given(), secrets in given(), variables in given(), own in given(), in_file: bool,
        ) {
            let mut launch = launch();
            launch.secrets =
                secrets.iter().map(|(k, v)| (k.clone(), SecretString::from(v.as_str()))).collect();
            launch.variables = variables.clone();
            let all = environment(&launch, &usual, &own, in_file);
            prop_assert_eq!(all.contains_key(TOKEN), !in_file);
            for (name, value) in &all {
                let hidden = secrets.get(name).filter(|_| !in_file);
                let expected = own.get(name).or(variables.get(name)).or(hidden).or(usual.get(name));
                if name != TOKEN {
                    prop_assert_eq!(Some(value.expose_secret()), expected.map(String::as_str));
                }
            }
            for name in own.keys().chain(variables.keys()).chain(usual.keys()) {
                prop_assert!(all.contains_key(name));
            }
            prop_assert!(in_file || secrets.keys().all(|name| all.contains_key(name)));
        }
    }
}
