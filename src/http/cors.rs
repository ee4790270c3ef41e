//! Which web pages may call (contract 00 §5).

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What CORS says to a request.
#[derive(Debug)]
pub enum Cors {
    /// Not cross-origin: nothing is added.
    Same,
    /// Answer this at once.
    Answer(Response),
    /// Go on, and add the headers for this origin.
    Allowed(HeaderValue),
}

const METHODS: HeaderValue = HeaderValue::from_static("GET,POST,PUT,PATCH,DELETE,OPTIONS");
const HEADERS: HeaderValue =
    HeaderValue::from_static("Origin,Content-Type,X-Workspace-Id,Authorization");
const YES: HeaderValue = HeaderValue::from_static("true");

/// Decides by origin, own host and method.
pub fn check(method: &Method, headers: &HeaderMap, allowed: &[String]) -> Cors {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Cors::Same;
    };
    if is_own(origin, headers) {
        return Cors::Same;
    }
    if !is_listed(origin, allowed) {
        return Cors::Answer(StatusCode::FORBIDDEN.into_response());
    }
    if method == Method::OPTIONS {
        return Cors::Answer(preflight(origin.clone()));
    }
    Cors::Allowed(origin.clone())
}

/// Adds what an allowed origin needs to read the answer.
pub fn add(response: &mut Response, origin: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, YES);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

/// Returns whether the page came from this server.
pub fn is_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let (Ok(origin), Some(Ok(host))) =
        (origin.to_str(), headers.get(header::HOST).map(HeaderValue::to_str))
    else {
        return false;
    };
    let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
}

/// Returns whether the origin is in the list.
pub fn is_listed(origin: &HeaderValue, allowed: &[String]) -> bool {
    let origin = origin.to_str().map(str::trim).unwrap_or_default();
    allowed.iter().any(|entry| entry.eq_ignore_ascii_case(origin))
}

fn preflight(origin: HeaderValue) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    add(&mut response, origin);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    for name in ["Access-Control-Request-Method", "Access-Control-Request-Headers"] {
        headers.append(header::VARY, HeaderValue::from_static(name));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::ORIGIN, HeaderValue::from_static(origin)),
            (header::HOST, HeaderValue::from_static("localhost:8080")),
        ])
    }

    fn allowed() -> Vec<String> {
        vec!["http://localhost:3000".to_owned()]
    }

    #[test]
    fn every_row_of_the_table() {
        assert!(matches!(check(&Method::GET, &HeaderMap::new(), &allowed()), Cors::Same));
        let own = request("http://localhost:8080");
        assert!(matches!(check(&Method::OPTIONS, &own, &allowed()), Cors::Same));
        let listed = request("http://LOCALHOST:3000");
        assert!(matches!(check(&Method::GET, &listed, &allowed()), Cors::Allowed(_)));
        for origin in ["http://evil.example", "null", "http://localhost:80800"] {
            let Cors::Answer(response) = check(&Method::GET, &request(origin), &allowed()) else {
                panic!("{origin}");
            };
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
        }
    }

    #[test]
    fn a_preflight_is_answered_in_full() {
        let listed = request("http://localhost:3000");
        let Cors::Answer(response) = check(&Method::OPTIONS, &listed, &allowed()) else {
            panic!("not answered");
        };
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert_eq!(response.headers().get_all(header::VARY).iter().count(), 3);
        assert_eq!(response.headers()[header::ACCESS_CONTROL_ALLOW_METHODS], METHODS);
        assert!(!response.headers().contains_key(header::ACCESS_CONTROL_MAX_AGE));
    }
}
