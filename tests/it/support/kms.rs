//! A KMS endpoint that can be told to fail: the JSON protocol of AWS KMS, as far as it is used.
//!
//! A ciphertext is a handle to what it stands for, so that keys and contexts are compared exactly.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Client, required};

pub const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/one";
pub const OTHER_ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/two";

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    /// Every call gets this error code.
    Code(u16, &'static str),
    /// The next calls get this error code, then nothing goes wrong.
    Times(usize, u16, &'static str),
    /// Answers come this much later.
    Late(Duration),
    /// There are no answers.
    Silent,
}

struct Shared {
    fault: Mutex<Fault>,
    sealed: Mutex<BTreeMap<String, (String, Value, String)>>,
    calls: AtomicUsize,
}

/// A running endpoint.
#[derive(Clone)]
pub struct FaultyKms {
    pub url: String,
    shared: Arc<Shared>,
}

impl FaultyKms {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            fault: Mutex::new(Fault::Nothing),
            sealed: Mutex::default(),
            calls: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(answer)).with_state(shared.clone());
        tokio::spawn(async move { axum_serve(listener, router).await });
        Self { url, shared }
    }

    pub fn fails(&self, fault: Fault) {
        *self.shared.fault.lock() = fault;
    }

    /// Returns how many calls there were.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Returns a server's settings for this endpoint.
    pub fn settings(&self) -> Vec<(&'static str, &str)> {
        with_endpoint(&self.url, ARN)
    }
}

/// Returns a server's settings for a KMS endpoint and key.
pub fn with_endpoint<'a>(url: &'a str, arn: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("KMS_KEY_ARN", arn),
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ]
}

/// Makes a key in the KMS-compatible server that the test run has started; returns its ARN.
pub async fn create_key() -> String {
    let url = required("ISOMER_TEST_KMS_URL");
    let headers = [
        ("X-Amz-Target", "TrentService.CreateKey"),
        ("Content-Type", "application/x-amz-json-1.1"),
        (
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kms/aws4_request, \
             SignedHeaders=host, Signature=0",
        ),
    ];
    let body = Some(b"{}".to_vec());
    let client = Client::new(&url, None);
    let reply = client.try_send(reqwest::Method::POST, "/", body, &headers).await.unwrap();
    reply.expect(200)["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

async fn axum_serve(listener: tokio::net::TcpListener, router: Router) {
    let never = tokio_util::sync::CancellationToken::new();
    isomer::net::serve::serve(listener, router, 1_000, never.clone(), never).await;
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Response {
    shared.calls.fetch_add(1, Ordering::SeqCst);
    let fault = {
        let mut fault = shared.fault.lock();
        let now = *fault;
        if let Fault::Times(left, status, code) = now {
            *fault = if left > 1 { Fault::Times(left - 1, status, code) } else { Fault::Nothing };
        }
        now
    };
    match fault {
        Fault::Nothing => {}
        Fault::Code(status, code) | Fault::Times(_, status, code) => return failure(status, code),
        Fault::Late(wait) => tokio::time::sleep(wait).await,
        Fault::Silent => std::future::pending().await,
    }
    let target = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let context = body["EncryptionContext"].clone();
    let Some(key) = body["KeyId"].as_str() else {
        return failure(400, "ValidationException");
    };
    assert!(context.as_object().is_some_and(|c| !c.is_empty()), "a context on every call");
    match target.as_str() {
        "Encrypt" => {
            let plain = body["Plaintext"].as_str().unwrap();
            ok(&json!({"CiphertextBlob": seal(&shared, key, &context, plain), "KeyId": key}))
        }
        "GenerateDataKey" => {
            let bytes = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
            let plain = STANDARD.encode(bytes);
            let blob = seal(&shared, key, &context, &plain);
            ok(&json!({"CiphertextBlob": blob, "Plaintext": plain, "KeyId": key}))
        }
        "Decrypt" => {
            let handle = body["CiphertextBlob"].as_str().unwrap();
            match shared.sealed.lock().get(handle) {
                None => failure(400, "InvalidCiphertextException"),
                Some((sealer, _, _)) if sealer != key => failure(400, "IncorrectKeyException"),
                Some((_, sealed, _)) if *sealed != context => {
                    failure(400, "InvalidCiphertextException")
                }
                Some((_, _, plain)) => ok(&json!({"Plaintext": plain, "KeyId": key})),
            }
        }
        other => panic!("{other} is not used"),
    }
}

fn seal(shared: &Shared, key: &str, context: &Value, plain: &str) -> String {
    let handle =
        STANDARD.encode([b"sealed by a test ", Uuid::new_v4().as_bytes().as_slice()].concat());
    let what = (key.to_owned(), context.clone(), plain.to_owned());
    shared.sealed.lock().insert(handle.clone(), what);
    handle
}

fn ok(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}

fn failure(status: u16, code: &str) -> Response {
    let body = json!({"__type": code, "message": "as the test asked"}).to_string();
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body).into_response()
}
