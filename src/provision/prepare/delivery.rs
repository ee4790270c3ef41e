//! Secrets in a file that is only in memory, instead of the environment
//! (`ISOMER_SECRETS_DELIVERY=file`).

use std::collections::BTreeMap;

use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::super::Launch;

/// Returns the file: one JSON object of names and values, the token as `WORKSPACE_AUTH_TOKEN`
/// among them. The buffer is overwritten when it is dropped.
///
/// # Errors
/// None that can happen: texts are always JSON.
pub fn secrets_json(launch: &Launch) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    let values: BTreeMap<&str, &str> =
        launch.confidential().map(|(name, value)| (name, value.expose_secret())).collect();
    // Growing would leave copies behind. An escaped byte takes six at most.
    let length: usize = values.iter().map(|(name, value)| 6 * (name.len() + value.len()) + 8).sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 2));
    serde_json::to_writer(&mut *bytes, &values)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;

    use super::super::super::fixtures::launch;
    use super::*;

    proptest! {
        #[test]
        fn every_value_reads_back(values in prop::collection::btree_map("[A-Z]{1,8}", "\\PC{0,30}|[\0-\x1f\"\\\\]{0,9}", 0..6)) {
            let mut launch = launch();
            launch.secrets =
                values.iter().map(|(k, v)| (k.clone(), SecretString::from(v.as_str()))).collect();
            let bytes = secrets_json(&launch).unwrap();
            prop_assert!(bytes.capacity() >= bytes.len());
            let mut read: BTreeMap<String, String> = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(read.remove("WORKSPACE_AUTH_TOKEN").unwrap(), "the-token-of-ada");
            prop_assert_eq!(read, values);
        }
    }
}
