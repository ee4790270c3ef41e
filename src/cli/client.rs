//! One client for all commands: finds the server, shows the token, and says what to do when the
//! answer is none.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap};
use reqwest::{Client as Http, Method, Response, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{CliError, Done, Kind};
use super::place::Place;

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long an answer may take that is not said to take longer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const MOST_BYTES: usize = 256 << 20;
/// Of a refusal, this much is read.
const MOST_REFUSAL: usize = 64 << 10;
const KEEPALIVE: Duration = Duration::from_secs(30);
/// What the server answers on routes that it does not have.
const NO_ROUTE: &str = "404 page not found";

/// A request before it is sent.
#[derive(Debug)]
pub struct Request<'a> {
    pub method: Method,
    pub path: &'a str,
    pub body: Option<Value>,
    pub headers: &'a [(&'static str, String)],
    /// None for streams, which end when they end.
    pub limit: Option<Duration>,
}

impl<'a> Request<'a> {
    pub fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, body: None, headers: &[], limit: Some(ANSWER_LIMIT) }
    }
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// When it is none of the expected shape.
    pub fn json<T: DeserializeOwned>(&self) -> Done<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            CliError::failed(format!("the server's answer cannot be read: {error}"))
                .hint("compare `isomer --version` with the server's: `isomer doctor`")
        })
    }

    /// When the server answered, by its own clock.
    pub fn date(&self) -> Option<DateTime<Utc>> {
        let text = self.headers.get(DATE)?.to_str().ok()?;
        DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
    }

    /// Returns it if it is a success, else says why not.
    ///
    /// # Errors
    /// What the server refused, and what to do about it.
    pub fn success(self, client: &Client) -> Done<Self> {
        if self.status.is_success() { Ok(self) } else { Err(client.refusal(&self)) }
    }
}

/// Speaks to one server.
#[derive(Clone, Debug)]
pub struct Client {
    pub place: Place,
    http: Http,
}

impl Client {
    /// # Errors
    /// When the client cannot be built.
    pub fn new(place: Place) -> Done<Self> {
        let mut http = Http::builder()
            .connect_timeout(CONNECT_LIMIT)
            .tcp_keepalive(KEEPALIVE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("isomer/", env!("CARGO_PKG_VERSION")));
        if place.is_here() {
            // What a proxy would reach under this address is another machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| CliError::failed(cause(&error)))?;
        Ok(Self { place, http })
    }

    /// Asks for JSON.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn get(&self, path: &str) -> Done<Reply> {
        self.call(Request::new(Method::GET, path)).await?.success(self)
    }

    /// Has something done.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn post(&self, path: &str, body: Option<Value>) -> Done<Reply> {
        let request = Request { body, ..Request::new(Method::POST, path) };
        self.call(request).await?.success(self)
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, request: Request<'_>) -> Done<Reply> {
        let response = self.start(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let most = if status.is_success() { MOST_BYTES } else { MOST_REFUSAL };
        let body = self.read(response, most).await?;
        Ok(Reply { status, headers, body })
    }

    /// Sends a request and returns as soon as the answer begins.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start(&self, request: Request<'_>) -> Done<Response> {
        let url = format!("{}{}", self.place.url.as_str().trim_end_matches('/'), request.path);
        let mut sent = self.http.request(request.method, url);
        if let Some(token) = &self.place.token {
            sent = sent.bearer_auth(token.expose_secret());
        }
        for (name, value) in request.headers {
            sent = sent.header(*name, value);
        }
        if let Some(limit) = request.limit {
            sent = sent.timeout(limit);
        }
        if let Some(body) = &request.body {
            sent = sent.json(body);
        }
        sent.send().await.map_err(|error| self.unreachable(&error))
    }

    async fn read(&self, mut response: Response, most: usize) -> Done<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + piece.len() > most {
                return Err(CliError::failed(format!("the answer is longer than {most} bytes")));
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Reads a refusal to its end and says why.
    pub async fn refused(&self, response: Response) -> CliError {
        let (status, headers) = (response.status(), response.headers().clone());
        match self.read(response, MOST_REFUSAL).await {
            Ok(body) => self.refusal(&Reply { status, headers, body }),
            Err(error) => error,
        }
    }

    /// What a connection that failed means.
    pub fn unreachable(&self, error: &reqwest::Error) -> CliError {
        let (url, from) = (&self.place.url, self.place.url_from);
        let url = url.as_str().trim_end_matches('/');
        if error.is_builder() {
            return CliError::usage(format!("the request cannot be sent: {}", cause(error)));
        }
        let message = if error.is_timeout() && !error.is_connect() {
            format!("the server at {url} did not answer in time")
        } else {
            format!("no server answers at {url} (from {from}): {}", cause(error))
        };
        let hint = if self.place.is_here() {
            "start it with `isomer serve` (or `make run`), or say where it is: --url, ISOMER_URL\n\
             `isomer doctor` looks further"
        } else {
            "check the address and the network; `isomer doctor` looks further"
        };
        CliError::new(Kind::Unreachable, message).hint(hint)
    }

    /// What a refusal means.
    pub fn refusal(&self, reply: &Reply) -> CliError {
        let status = reply.status;
        let text = String::from_utf8_lossy(&reply.body);
        if status == StatusCode::NOT_FOUND && text.trim() == NO_ROUTE {
            return CliError::failed("the server does not know this request")
                .hint("it is older than this program: update it (`isomer doctor` compares)");
        }
        let said = said(&reply.body).unwrap_or_else(|| format!("the server answered {status}"));
        let kind = match status {
            StatusCode::NOT_FOUND => Kind::NotFound,
            StatusCode::NOT_IMPLEMENTED => Kind::Refused,
            status if status.is_server_error() => Kind::Failed,
            _ => Kind::Refused,
        };
        let error = CliError::new(kind, said);
        match status {
            StatusCode::UNAUTHORIZED => error.hint(format!(
                "the token comes from {}\n\
                 set ISOMER_TOKEN, or ISOMER_DATA_DIR to the server's data directory",
                self.place.token_from
            )),
            StatusCode::NOT_IMPLEMENTED => {
                error.hint("what runs this server's agents (PROVISIONER) does not offer it")
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                match reply.headers.get("retry-after").and_then(|wait| wait.to_str().ok()) {
                    Some(seconds) => error.hint(format!("try again in {seconds} s")),
                    None => error,
                }
            }
            status if status.is_redirection() => {
                match reply.headers.get("location").and_then(|to| to.to_str().ok()) {
                    Some(to) => error.hint(format!("it is at {to} now")),
                    None => error,
                }
            }
            _ => error,
        }
    }
}

/// What the body of a refusal says: text, field and reason.
fn said(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = text("error").or_else(|| text("message")).or_else(|| text("status"))?;
    Some(match (text("field"), text("reason")) {
        (Some(field), Some(reason)) => format!("{said}: {field}: {reason}"),
        (None, Some(reason)) => format!("{said}: {reason}"),
        _ => said.to_owned(),
    })
}

/// The innermost reason. An address may hold what is nobody's business.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if std::ptr::eq(inner, error) && error.url().is_some() {
        return "the request failed".to_owned();
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_words() {
        let body = br#"{"error":"invalid workspace fields","field":"name","reason":"too long"}"#;
        assert_eq!(said(body).unwrap(), "invalid workspace fields: name: too long");
        assert_eq!(said(br#"{"error":"workspace removed"}"#).unwrap(), "workspace removed");
        assert_eq!(said(b"<html>"), None);
    }
}
