//! A client that says what came back.

use std::sync::Once;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Expects a status and returns the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Speaks to one server with one bearer.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    pub fn new(address: &str, token: Option<&str>) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { address: address.to_owned(), token: token.map(str::to_owned), http }
    }

    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Reply, reqwest::Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Reply { status, headers, text: response.text().await? })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_send(Method::GET, path, None, &[]).await.unwrap()
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.try_send(Method::GET, path, None, headers).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw(Method::POST, path, body.to_string().into_bytes()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.raw(Method::PATCH, path, body.to_string().into_bytes()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.raw(Method::PUT, path, body.to_string().into_bytes()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.try_send(Method::DELETE, path, None, &[]).await.unwrap()
    }

    pub async fn raw(&self, method: Method, path: &str, body: Vec<u8>) -> Reply {
        self.try_send(method, path, Some(body), &[]).await.unwrap()
    }

    /// Creates a workspace and returns its id.
    pub async fn create(&self, body: Value) -> String {
        let created = self.post("/workspaces", body).await.expect(201);
        created["id"].as_str().unwrap().to_owned()
    }

    /// Registers an agent and returns its token.
    pub async fn register(&self, id: &str) -> String {
        let body = json!({
            "id": id, "url": "http://localhost:8001", "agent_card": {"name": "agent"},
        });
        let registered = self.post("/registry/register", body).await.expect(200);
        registered["auth_token"].as_str().unwrap_or_default().to_owned()
    }

    /// Beats once.
    pub async fn beat(&self, id: &str, fields: Value) -> Reply {
        let mut body = json!({"workspace_id": id});
        body.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap_or_default());
        self.post("/registry/heartbeat", body).await
    }

    /// Returns a workspace's status.
    pub async fn status(&self, id: &str) -> String {
        let view = self.get(&format!("/workspaces/{id}")).await.json();
        view["status"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns the kinds of a workspace's events, oldest first.
    pub async fn kinds(&self, id: &str) -> Vec<String> {
        let events = self.get(&format!("/events/{id}?limit=1000")).await.expect(200);
        let kinds = events.as_array().unwrap().iter().rev();
        kinds.map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }
}
