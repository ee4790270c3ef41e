//! What a browser is given: the canvas and its files, or plain words; never an inline script.

use isomer::http::page::has_canvas;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::Reply;
use crate::support::{Mode, Server};

/// Checks the policy of a page and returns the nonce of its styles.
fn checked(page: &Reply) -> String {
    let policy = page.header("content-security-policy");
    let directives: Vec<_> = policy.split("; ").collect();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(directives.contains(&directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("content-type").starts_with("text/html"));
    let style = directives.iter().find_map(|d| d.strip_prefix("style-src 'self' 'nonce-"));
    let nonce = style.and_then(|rest| rest.strip_suffix('\'')).unwrap();
    assert!(nonce.len() >= 22, "{nonce}");
    assert!(page.text.contains(nonce) && !page.text.contains("__CSP_NONCE__"), "{}", page.text);
    for script in page.text.split("<script").skip(1) {
        let (attributes, rest) = script.split_once('>').unwrap();
        assert!(attributes.contains("src=\"/") && rest.starts_with("</script>"), "<script{script}");
    }
    for style in page.text.split("<style").skip(1) {
        assert!(style.starts_with(&format!(" nonce=\"{nonce}\"")), "<style{style}");
    }
    nonce.to_owned()
}

#[tokio::test]
async fn strangers_are_told_how_to_log_in() {
    let server = Server::start(Mode::Embedded).await;
    let stranger = server.anonymous();
    for (path, words) in [("/", "not logged in"), ("/login?token=wrong", "not valid any more")] {
        let (one, two) = (stranger.get(path).await, stranger.get(path).await);
        assert_eq!(one.status.as_u16(), 401);
        assert!(one.text.contains(words) && one.text.contains("/login?token="), "{}", one.text);
        assert_ne!(checked(&one), checked(&two), "a nonce is for one response");
    }
    for path in ["/canvas/viewport", "/nothing", "/assets/nothing.js"] {
        let policy = stranger.get(path).await.header("content-security-policy").to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let api = stranger.get("/workspaces").await;
    assert_eq!(api.header("content-security-policy"), "default-src 'self'");
}

/// Every file that the page names.
fn named(page: &str) -> Vec<&str> {
    let attributes = page.split(['"', '\'']).collect::<Vec<_>>();
    let values = attributes.windows(2).filter(|pair| pair[0].ends_with(['=']));
    values.map(|pair| pair[1]).filter(|value| value.starts_with('/')).collect()
}

#[tokio::test]
async fn the_administrator_gets_the_canvas_with_its_files() {
    let server = Server::start(Mode::Embedded).await;
    let page = server.admin().get("/").await;
    checked(&page);
    if !has_canvas() {
        assert_eq!(page.status.as_u16(), 404);
        assert!(page.text.contains("make canvas"), "{}", page.text);
        return;
    }
    assert_eq!(page.status.as_u16(), 200);
    let nonce = checked(&page);
    let meta = format!("<meta name=\"csp-nonce\" content=\"{nonce}\"");
    assert!(page.text.contains(&meta), "{}", page.text);
    let files = named(&page.text);
    let scripts = files.iter().filter(|file| file.starts_with("/assets/") && file.ends_with(".js"));
    assert!(scripts.count() > 0, "{}", page.text);
    for file in files {
        check_file(&server, file).await;
    }
}

/// The build leaves smaller files as they are: `threshold` in `canvas/vite.config.ts`.
const COMPRESSED_FROM: usize = 1_024;

/// Whole, compressed, asked about, and asked about again.
async fn check_file(server: &Server, file: &str) {
    let client = server.anonymous();
    let whole = client.get(file).await;
    assert_eq!(whole.status.as_u16(), 200, "{file}");
    let (kind, _) =
        whole.header("content-type").split_once(';').unwrap_or((whole.header("content-type"), ""));
    let wanted = match file.rsplit_once('.').unwrap().1 {
        "js" => "text/javascript",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        "woff2" => "font/woff2",
        "png" => "image/png",
        other => panic!("which type has a file that ends with {other}?"),
    };
    assert_eq!(kind, wanted, "{file}");
    assert_eq!(whole.header("vary").to_lowercase(), "accept-encoding");
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    let is_asset = file.starts_with("/assets/");
    let forever = "public, max-age=31536000, immutable";
    assert_eq!(whole.header("cache-control") == forever, is_asset, "{file}");

    let length = |reply: &Reply| reply.header("content-length").parse::<usize>().unwrap();
    let small = client.get_with(file, &[("accept-encoding", "gzip, br")]).await;
    let is_text = wanted == "text/javascript" || wanted == "text/css";
    if is_asset && is_text && length(&whole) >= COMPRESSED_FROM {
        assert_eq!(small.header("content-encoding"), "br", "{file}");
        assert!(length(&small) < length(&whole), "{file}");
        assert_ne!(small.header("etag"), whole.header("etag"));
    }
    let head = client.try_send(Method::HEAD, file, None, &[]).await.unwrap();
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    for name in ["content-length", "content-type", "etag", "cache-control", "vary"] {
        assert_eq!(head.header(name), whole.header(name), "{file}: {name}");
    }
    let tag = [("if-none-match", whole.header("etag"))];
    let again = client.get_with(file, &tag).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn nothing_outside_the_build_is_served() {
    let server = Server::start(Mode::Embedded).await;
    let address = server.address.strip_prefix("http://").unwrap();
    for path in [
        "/assets/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/assets/%2e%2e/index.html",
        "/assets/..%2findex.html",
        "/assets/..%5c..%5cCargo.toml",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/%00",
        "/assets/",
        "/index.html",
        "/canvas/dist/index.html",
    ] {
        // By hand: clients straighten paths.
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.unwrap();
        let refused = ["HTTP/1.1 404", "HTTP/1.1 400", "HTTP/1.1 301"];
        assert!(refused.iter().any(|status| reply.starts_with(status)), "{path}: {reply}");
        assert!(!reply.contains("[workspace]") && !reply.contains("root:"), "{path}: {reply}");
    }
}
