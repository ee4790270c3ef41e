//! `aws-sdk-kms` behind the port.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use isomer_seal::Plain;
use isomer_seal::wrap::Pairs;
use tracing::debug;
use zeroize::Zeroize;

use super::{KmsApi, KmsError};

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_millis(800);

/// KMS over the network.
#[derive(Clone, Debug)]
pub struct AwsKms {
    /// One for each region that a key lies in.
    clients: Vec<(Option<String>, Client)>,
}

impl AwsKms {
    /// Returns clients with the standard credential chain. `AWS_ENDPOINT_URL` and
    /// `AWS_ENDPOINT_URL_KMS` are honoured; the region is that of the key's ARN.
    pub async fn connect(keys: &[&str]) -> Self {
        let mut clients: Vec<(Option<String>, Client)> = Vec::new();
        for region in keys.iter().map(|key| region(key).map(str::to_owned)) {
            if !clients.iter().any(|(known, _)| *known == region) {
                let client = client(region.clone()).await;
                clients.push((region, client));
            }
        }
        Self { clients }
    }

    /// The client for a key's region. A key of none that was named is refused before it gets here.
    fn of(&self, key: &str) -> Result<&Client, KmsError> {
        let region = region(key);
        let known = self.clients.iter().find(|(known, _)| known.as_deref() == region);
        known.map(|(_, client)| client).ok_or(KmsError::Denied)
    }
}

async fn client(region: Option<String>) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT_LIMIT).build());
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    Client::new(&loader.load().await)
}

/// The pairs that are sent. An empty value (a deployment without a tenant) is left out: the API
/// does not say that it takes one, and absent is as unambiguous.
fn sent(context: &Pairs) -> impl Iterator<Item = (&str, &str)> {
    context.iter().map(|(name, value)| (*name, value.as_str())).filter(|(_, v)| !v.is_empty())
}

#[async_trait]
impl KmsApi for AwsKms {
    async fn encrypt(&self, key: &str, plain: &[u8], context: &Pairs) -> Result<Vec<u8>, KmsError> {
        let mut call = self.of(key)?.encrypt().key_id(key).plaintext(Blob::new(plain));
        for (name, value) in sent(context) {
            call = call.encryption_context(name, value);
        }
        let output = call.send().await.map_err(|error| failure("encrypt", &error))?;
        output.ciphertext_blob.map(Blob::into_inner).ok_or(KmsError::Unreachable)
    }

    async fn decrypt(&self, key: &str, sealed: &[u8], context: &Pairs) -> Result<Plain, KmsError> {
        let mut call = self.of(key)?.decrypt().key_id(key).ciphertext_blob(Blob::new(sealed));
        for (name, value) in sent(context) {
            call = call.encryption_context(name, value);
        }
        let output = call.send().await.map_err(|error| failure("decrypt", &error))?;
        output.plaintext.map(erasing).ok_or(KmsError::Unreachable)
    }

    async fn data_key(&self, key: &str, context: &Pairs) -> Result<(Plain, Vec<u8>), KmsError> {
        let mut call = self.of(key)?.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
        for (name, value) in sent(context) {
            call = call.encryption_context(name, value);
        }
        let output = call.send().await.map_err(|error| failure("generate a data key", &error))?;
        match (output.plaintext, output.ciphertext_blob) {
            (Some(plain), Some(wrapped)) => Ok((erasing(plain), wrapped.into_inner())),
            _ => Err(KmsError::Unreachable),
        }
    }
}

fn erasing(blob: Blob) -> Plain {
    let mut bytes = blob.into_inner();
    let plain = Plain::new(bytes.clone());
    bytes.zeroize();
    plain
}

/// Sorts the errors of the service by what a caller does next. Nothing of the request is logged.
fn failure<E: ProvideErrorMetadata, R>(
    operation: &'static str,
    error: &SdkError<E, R>,
) -> KmsError {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let kind = sort(code);
    debug!(operation, code = code.unwrap_or("none"), ?kind, "KMS did not do it");
    kind
}

fn sort(code: Option<&str>) -> KmsError {
    match code.unwrap_or_default() {
        "InvalidCiphertextException" | "IncorrectKeyException" => KmsError::Invalid,
        "AccessDeniedException"
        | "DisabledException"
        | "KMSInvalidStateException"
        | "NotFoundException"
        | "InvalidKeyUsageException"
        | "InvalidArnException"
        | "InvalidGrantTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "ExpiredTokenException"
        | "ValidationException"
        | "DryRunOperationException" => KmsError::Denied,
        _ => KmsError::Unreachable,
    }
}

/// Returns the region of `arn:aws:kms:<region>:<account>:key/<id>`.
fn region(key: &str) -> Option<&str> {
    let mut parts = key.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(2).filter(|region| is_arn && !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_arn() {
        assert_eq!(region("arn:aws:kms:eu-central-1:111122223333:key/abc"), Some("eu-central-1"));
        assert_eq!(region("alias/isomer"), None);
        assert_eq!(region("arn:aws:kms"), None);
    }

    #[test]
    fn a_refusal_is_not_an_outage() {
        assert_eq!(sort(Some("ThrottlingException")), KmsError::Unreachable);
        assert_eq!(sort(Some("KMSInternalException")), KmsError::Unreachable);
        assert_eq!(sort(None), KmsError::Unreachable);
        assert_eq!(sort(Some("DisabledException")), KmsError::Denied);
        assert_eq!(sort(Some("InvalidCiphertextException")), KmsError::Invalid);
    }
}
