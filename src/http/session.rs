//! The login link and the session cookie (design §7).
//!
//! A session is a signed cookie: it survives restarts, is valid on every node with the same
//! administrator token, and ends when that token is changed.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, status};
use super::gates::Caller;
use super::openapi::Api;
use super::openapi::schema::{Done, ErrorBody};
use super::page;
use super::rate_limit::Verdict;
use super::state::App;

/// The cookie of a session.
pub const COOKIE: &str = "isomer_session";
/// How long a session lasts.
const LIFETIME: Duration = Duration::from_secs(30 * 24 * 3_600);
const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const EXPIRY_BYTES: usize = 8;

/// Signs and checks session cookies, and knows this start's login code.
pub struct Sessions {
    key: [u8; 32],
    /// Goes into the printed link, so that the administrator token need not.
    code: SecretString,
    secure: bool,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions(..)")
    }
}

impl Sessions {
    /// Derives the signing key from the administrator token. `secure` cookies travel over TLS only.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(admin_token: &SecretString, secure: bool) -> Result<Self, ApiError> {
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, admin_token.expose_secret().as_bytes())
            .expand(b"isomer session cookie v1", &mut key)
            .map_err(|_| ApiError::unavailable())?;
        Ok(Self { key, code: super::token::random_text()?, secure })
    }

    /// Returns the code of the printed link.
    pub fn login_code(&self) -> &SecretString {
        &self.code
    }

    /// Returns whether the request carries a session that has not ended by `now` (Unix seconds).
    pub fn is_valid(&self, headers: &HeaderMap, now: i64) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter();
        cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == COOKIE && self.checks_out(value, now))
    }

    fn checks_out(&self, value: &str, now: i64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(value) else {
            return false;
        };
        if bytes.len() != EXPIRY_BYTES + NONCE_BYTES + TAG_BYTES {
            return false;
        }
        let (signed, tag) = bytes.split_at(EXPIRY_BYTES + NONCE_BYTES);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return false;
        };
        mac.update(signed);
        let expiry: Option<[u8; EXPIRY_BYTES]> =
            signed.get(..EXPIRY_BYTES).and_then(|b| b.try_into().ok());
        mac.verify_slice(tag).is_ok() && expiry.is_some_and(|b| i64::from_be_bytes(b) > now)
    }

    fn issue(&self, now: i64) -> Result<HeaderValue, ApiError> {
        let mut bytes = (now + LIFETIME.as_secs() as i64).to_be_bytes().to_vec();
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| ApiError::unavailable())?;
        bytes.extend_from_slice(&nonce);
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).map_err(|_| ApiError::unavailable())?;
        mac.update(&bytes);
        bytes.extend_from_slice(&mac.finalize().into_bytes());
        let value = URL_SAFE_NO_PAD.encode(bytes);
        self.cookie(&value, LIFETIME)
    }

    fn cookie(&self, value: &str, lifetime: Duration) -> Result<HeaderValue, ApiError> {
        let secure = if self.secure { "; Secure" } else { "" };
        let seconds = lifetime.as_secs();
        let text = format!(
            "{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        );
        let mut value = HeaderValue::try_from(text).map_err(|_| ApiError::unavailable())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Returns whether two secrets are equal, in a time that does not depend on where they differ.
pub fn same_secret(given: &str, expected: &SecretString) -> bool {
    bool::from(given.as_bytes().ct_eq(expected.expose_secret().as_bytes()))
}

/// `/login` and `/logout`.
pub fn router() -> Api {
    OpenApiRouter::default().routes(routes!(login)).routes(routes!(logout))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Login {
    /// The code of the printed link, or the administrator token.
    #[serde(default)]
    #[param(required)]
    token: String,
}

/// Exchanges the link's token for a session.
#[utoipa::path(
    get,
    path = "/login",
    tag = "session",
    operation_id = "login",
    params(Login),
    responses(
        (status = 303, description = "Logged in",
            headers(("location" = String), ("set-cookie" = String))),
        (status = 401, description = "The token is not valid", body = String,
            content_type = "text/html"),
        (status = 429, description = "Too many logins, or the rate limit is used up", body = ErrorBody),
        (status = 503, description = "No session can be made now", body = ErrorBody),
    ),
)]
async fn login(
    State(app): State<App>,
    caller: Caller,
    Query(login): Query<Login>,
) -> Result<Response, ApiError> {
    if let Verdict::Exceeded { wait } = app.limits.login(caller.peer) {
        return Err(
            ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too many logins").retry_after(wait)
        );
    }
    let known = same_secret(&login.token, app.sessions.login_code())
        || same_secret(&login.token, &app.admin_token);
    if !known {
        return page::plain(StatusCode::UNAUTHORIZED, REFUSED).map(private);
    }
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response();
    let cookie = app.sessions.issue(app.clock.now().timestamp())?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(private(response))
}

/// Ends the session in this browser.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "session",
    operation_id = "logout",
    responses(
        (status = 200, description = "Logged out", body = Done,
            headers(("set-cookie" = String))),
    ),
)]
async fn logout(State(app): State<App>) -> Result<Response, ApiError> {
    let mut response = status("logged out");
    let cookie = app.sessions.cookie("", Duration::ZERO)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(private(response))
}

/// The address carries a secret: it must not be kept or passed on.
fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

const REFUSED: &str = "<p>This login link is not valid any more: links end when the server restarts.\n\
<p>Take the newest one from the server's output, or open \
<code>/login?token=</code> followed by the administrator token.";

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(token: &str) -> Sessions {
        Sessions::new(&SecretString::from(token.to_owned()), false).unwrap()
    }

    fn request(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        let line = format!("theme=dark; {pair}");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::try_from(line).unwrap())])
    }

    #[test]
    fn a_session_outlives_the_process_but_not_its_token_or_its_time() {
        let cookie = sessions("correct-horse").issue(1_000).unwrap();
        let headers = request(&cookie);
        assert!(sessions("correct-horse").is_valid(&headers, 1_001));
        assert!(!sessions("battery-staple").is_valid(&headers, 1_001));
        let end = 1_000 + LIFETIME.as_secs() as i64;
        assert!(!sessions("correct-horse").is_valid(&headers, end));
    }

    #[test]
    fn a_forged_session_is_none() {
        let sessions = sessions("correct-horse");
        let cookie = sessions.issue(0).unwrap();
        let text = cookie.to_str().unwrap().to_owned();
        for at in [COOKIE.len() + 2, COOKIE.len() + 40] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let forged = HeaderValue::from_bytes(&bytes).unwrap();
            assert!(!sessions.is_valid(&request(&forged), 1));
        }
        assert!(text.contains("HttpOnly") && text.contains("SameSite=Strict"));
    }
}
