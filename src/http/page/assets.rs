//! The files of the canvas, embedded: hashed names for good, compressed where the client can.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rust_embed::Embed;

/// Where the compressed form of a file lies: beside it.
const BROTLI: &str = ".br";
/// Length of the hash that the canvas's build puts at the end of names.
const NAME_HASH: usize = 8;
/// Bytes of the content's hash in an ETag.
const TAG_BYTES: usize = 16;

/// What `canvas/` was built to, empty if it was not. Files only: nothing is looked up on a disk.
#[derive(Embed)]
#[folder = "canvas/dist"]
#[allow_missing = true]
struct Dist;

/// One file.
#[derive(Clone, Debug)]
pub struct File {
    pub bytes: Bytes,
    pub sha256: [u8; 32],
    pub mime: String,
}

/// Finds a file by its path inside the build.
pub fn find(path: &str) -> Option<File> {
    let file = Dist::get(path)?;
    Some(File {
        sha256: file.metadata.sha256_hash(),
        mime: file.metadata.mimetype().to_owned(),
        bytes: match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        },
    })
}

/// Answers with the file, or that the client has it already.
pub fn serve(find: impl Fn(&str) -> Option<File>, path: &str, headers: &HeaderMap) -> Response {
    let found = if path.ends_with(BROTLI) { None } else { find(path) };
    let Some(file) = found else {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    };
    let brotli = if takes_brotli(headers) { find(&format!("{path}{BROTLI}")) } else { None };
    let sent = brotli.as_ref().unwrap_or(&file);
    let tag = tag(sent);
    let mut response = if is_known(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(sent.bytes.clone()));
        set(&mut response, header::CONTENT_TYPE, &content_type(&file.mime));
        if brotli.is_some() {
            set(&mut response, header::CONTENT_ENCODING, "br");
        }
        response
    };
    let caching = if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    set(&mut response, header::CACHE_CONTROL, caching);
    set(&mut response, header::ETAG, &tag);
    set(&mut response, header::VARY, "accept-encoding");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The two forms of a file differ in their tags, as they do in their bytes.
fn tag(file: &File) -> String {
    let mut tag = String::from("\"");
    for byte in file.sha256.iter().take(TAG_BYTES) {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn content_type(mime: &str) -> String {
    let is_text = mime.starts_with("text/") || mime.ends_with("json") || mime.ends_with("xml");
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    values(headers, header::IF_NONE_MATCH)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

fn takes_brotli(headers: &HeaderMap) -> bool {
    values(headers, header::ACCEPT_ENCODING).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_brotli = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        is_brotli && weight.is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0))
    })
}

/// The members of a header that is a list.
fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// Returns whether a name ends with a hash of the content, so that it never means other bytes.
/// One that could be a word is not trusted: that costs a question, not a stale file.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.split_once('.') else { return false };
    let hash = stem.len().checked_sub(NAME_HASH).and_then(|at| stem.split_at_checked(at));
    path.starts_with("assets/")
        && hash.is_some_and(|(before, hash)| {
            before.ends_with('-')
                && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                && hash.bytes().any(|b| !b.is_ascii_lowercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "assets/index-B1a_-2Zq.js";

    fn fixture(path: &str) -> Option<File> {
        let (bytes, mime): (&'static [u8], _) = match path {
            SCRIPT => (b"let a = 1;", "text/javascript"),
            "assets/index-B1a_-2Zq.js.br" => (b"\x0bsmall", "application/octet-stream"),
            "assets/inter-DxYz0123.woff2" => (b"wOF2", "font/woff2"),
            "favicon.svg" => (b"<svg/>", "image/svg+xml"),
            _ => return None,
        };
        let sha256 = [bytes.len() as u8; 32];
        Some(File { bytes: Bytes::from_static(bytes), sha256, mime: mime.to_owned() })
    }

    fn get(path: &str, headers: &[(HeaderName, &'static str)]) -> Response {
        let headers = headers.iter().cloned().map(|(k, v)| (k, HeaderValue::from_static(v)));
        serve(fixture, path, &HeaderMap::from_iter(headers))
    }

    fn header_of(response: &Response, name: HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_client_that_can_gets_the_small_form() {
        let small = get(SCRIPT, &[(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")]);
        assert_eq!(header_of(&small, header::CONTENT_ENCODING), "br");
        assert_eq!(header_of(&small, header::CONTENT_TYPE), "text/javascript; charset=utf-8");
        for coding in ["gzip", "br;q=0", "br; q=0.0", "brotli", ""] {
            let whole = get(SCRIPT, &[(header::ACCEPT_ENCODING, coding)]);
            assert_eq!(header_of(&whole, header::CONTENT_ENCODING), "", "{coding}");
            assert_ne!(header_of(&whole, header::ETAG), header_of(&small, header::ETAG));
            assert_eq!(header_of(&whole, header::VARY), "accept-encoding");
        }
        let font = get("assets/inter-DxYz0123.woff2", &[(header::ACCEPT_ENCODING, "br;q=0.5")]);
        assert_eq!(header_of(&font, header::CONTENT_ENCODING), "", "there is no small form");
        assert_eq!(header_of(&font, header::CONTENT_TYPE), "font/woff2");
    }

    #[test]
    fn a_client_that_has_it_is_told_so() {
        let first = get(SCRIPT, &[]);
        let tag = header_of(&first, header::ETAG).to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let value = HeaderValue::try_from(&known).unwrap();
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]);
            let again = serve(fixture, SCRIPT, &headers);
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(header_of(&again, header::ETAG), tag);
        }
        let other = get(SCRIPT, &[(header::IF_NONE_MATCH, "\"x\"")]);
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn only_what_was_built_is_there() {
        for path in ["assets/index-B1a_-2Zq.js.br", "assets/../favicon.svg", "assets/", "nothing"] {
            assert_eq!(get(path, &[]).status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn only_hashed_names_are_kept_for_good() {
        let script = get(SCRIPT, &[]);
        assert!(header_of(&script, header::CACHE_CONTROL).contains("immutable"));
        assert_eq!(header_of(&get("favicon.svg", &[]), header::CACHE_CONTROL), "no-cache");
        for path in
            ["assets/a-B1a_-2Zq.css", "assets/deep/b-00000000.woff2", "assets/c-D-E-F_1g.js.map"]
        {
            assert!(is_hashed(path), "{path}");
        }
        for path in [
            "assets/long-bundling.js",
            "assets/B1a_2Zqx.js",
            "assets/a-B1a_-2Z.js",
            "a-B1a_-2Zq.js",
            "assets/é-1234567é.js",
            "assets/",
        ] {
            assert!(!is_hashed(path), "{path}");
        }
    }
}
