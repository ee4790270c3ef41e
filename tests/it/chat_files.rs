//! Files of conversations: stored whole or not at all, and handed out only as what they are.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::in_both_modes;
use crate::support::{ADMIN, Client, Mode, SOON, Server, eventually};

const MIB: usize = 1 << 20;

in_both_modes!(
    files_go_in_and_come_out,
    limits_and_their_order,
    what_is_aborted_leaves_nothing,
    nothing_leads_outside,
    a_purge_takes_the_files_along,
    a_workspace_has_only_so_much_room,
);

/// A part of a form: field, file name, type, content.
struct Part<'a>(&'a str, Option<&'a str>, Option<&'a str>, &'a [u8]);

fn file<'a>(name: &'a str, content: &'a [u8]) -> Part<'a> {
    Part("files", Some(name), None, content)
}

fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut form = Vec::new();
    for Part(field, name, media, content) in parts {
        let name = name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
        let media = media.map(|media| format!("\r\nContent-Type: {media}")).unwrap_or_default();
        let head =
            format!("--B\r\nContent-Disposition: form-data; name=\"{field}\"{name}{media}\r\n\r\n");
        form.extend_from_slice(head.as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--B--\r\n");
    form
}

async fn send(client: &Client, id: &str, body: Vec<u8>, kind: &str) -> (u16, Value) {
    let path = format!("/workspaces/{id}/chat/uploads");
    let headers = [("content-type", kind)];
    let reply = client.try_send(reqwest::Method::POST, &path, Some(body), &headers).await.unwrap();
    (reply.status.as_u16(), reply.json())
}

async fn upload(client: &Client, id: &str, parts: &[Part<'_>]) -> (u16, Value) {
    send(client, id, form(parts), "multipart/form-data; boundary=B").await
}

/// Uploads one file and returns the path of its download.
async fn stored(client: &Client, id: &str, name: &str, content: &[u8]) -> String {
    let (status, answer) = upload(client, id, &[file(name, content)]).await;
    assert_eq!(status, 200, "{answer}");
    path_of(&answer["files"][0])
}

fn path_of(file: &Value) -> String {
    file["uri"].as_str().unwrap().strip_prefix("workspace:").unwrap().to_owned()
}

fn download(id: &str, path: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://x", [("path", path)]).unwrap();
    format!("/workspaces/{id}/chat/download?{}", url.query().unwrap())
}

fn folder(server: &Server) -> PathBuf {
    server.folder.path().join("data/chat")
}

fn names(folder: PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn is_empty(server: &Server) -> bool {
    names(folder(server)) == ["incoming"] && names(folder(server).join("incoming")).is_empty()
}

async fn files_go_in_and_come_out(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Eve"})).await;
    let agent = server.bearer(&server.anonymous().register(&id).await);
    let stranger = server.bearer(&server.anonymous().register(&other).await);
    let large: Vec<u8> = (0..3 * MIB).map(|n| (n % 251) as u8).collect();
    let parts = [
        Part("note", None, None, b"not a file"),
        file("a report.txt", b"hello"),
        Part("files", Some("x.html"), Some("text/html"), b"<script>alert(1)</script>"),
        Part("other", Some("other.txt"), None, b"another field"),
        file("../../etc/passwd", &large),
        file("", b"no file was chosen"),
        file("empty.bin", b""),
    ];
    let (status, answer) = upload(&admin, &id, &parts).await;
    assert_eq!(status, 200, "{answer}");
    let files = answer["files"].as_array().unwrap();
    let said: Vec<_> =
        files.iter().map(|f| (f["name"].as_str().unwrap(), &f["size"], &f["mimeType"])).collect();
    let (text, html, none) = (json!("text/plain"), json!("text/html"), Value::Null);
    let bytes = json!("application/octet-stream");
    assert_eq!(
        said,
        [
            ("a_report.txt", &json!(5), &text),
            ("x.html", &json!(25), &html),
            ("passwd", &json!(3 * MIB), &none),
            ("empty.bin", &json!(0), &bytes),
        ]
    );
    for file in files {
        let path = path_of(file);
        let name = path.strip_prefix("/workspace/.molecule/chat-uploads/").unwrap();
        let (hex, rest) = name.split_at(32);
        assert!(hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{name}");
        assert_eq!(rest, format!("-{}", file["name"].as_str().unwrap()));
        let kept = folder(&server).join(&id).join(name);
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(kept), mode(folder(&server).join(&id))), (0o600, 0o700));
    }

    let paths: Vec<_> = files.iter().map(path_of).collect();
    assert!(server.stop().success());
    server.restart();
    let text = agent.get(&download(&id, &paths[0])).await;
    assert_eq!((text.status, text.text.as_str()), (StatusCode::OK, "hello"));
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(text.header("content-length"), "5");
    assert_eq!(text.header("x-content-type-options"), "nosniff");
    let page = agent.get(&download(&id, &paths[1])).await;
    assert_eq!(page.header("content-type"), "application/octet-stream");
    let disposition = "attachment; filename=\"x.html\"; filename*=UTF-8''x.html";
    assert_eq!(page.header("content-disposition"), disposition);
    assert!(page.header("content-security-policy").contains("sandbox"));
    let url = format!("{}{}", server.address, download(&id, &paths[2]));
    let got = reqwest::Client::new().get(url).bearer_auth(ADMIN).send().await.unwrap();
    assert!(got.bytes().await.unwrap() == large);
    assert_eq!(admin.get(&download(&id, &paths[3])).await.text, "");

    // Nobody else's, neither by another's id nor by another's token.
    admin.get(&download(&other, &paths[0])).await.expect(404);
    stranger.get(&download(&id, &paths[0])).await.expect(401);
    server.anonymous().get(&download(&id, &paths[0])).await.expect(401);
    assert_eq!(upload(&stranger, &id, &[file("a", b"b")]).await.0, 401);
    assert_eq!(upload(&agent, &id, &[file("a", b"b")]).await.0, 200);
}

async fn limits_and_their_order(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let (large, half) = (vec![1; 25 * MIB + 1], vec![2; 25 * MIB]);
    let many: Vec<_> = (0..21).map(|_| file("a", b"b")).collect();
    let unparsable = "failed to parse multipart form";
    let cases: Vec<(Vec<Part<'_>>, u16, &str)> = vec![
        (vec![], 400, "expected at least one 'files' field"),
        (vec![Part("file", Some("a"), None, b"b")], 400, "expected at least one 'files' field"),
        (vec![Part("files", None, None, b"b")], 400, "expected at least one 'files' field"),
        (vec![file("my <b>.bin", &large)], 413, "my <b>.bin exceeds per-file limit (25 MB)"),
        (vec![file("a", &large), file("b", &large)], 400, unparsable),
        (vec![file("a", &half), file("b", &half)], 400, unparsable),
        (many, 400, "too many files"),
    ];
    for (parts, status, text) in cases {
        let (answered, error) = upload(&admin, &id, &parts).await;
        assert_eq!((answered, error["error"].as_str()), (status, Some(text)));
        eventually("empty folder", SOON, || async { is_empty(&server).then_some(()) }).await;
    }
    let fine = form(&[file("a", b"b")]);
    for (body, kind) in [
        (fine[..fine.len() - 8].to_vec(), "multipart/form-data; boundary=B"),
        (fine.clone(), "multipart/form-data"),
        (fine.clone(), "multipart/form-data; boundary=C"),
        (fine.clone(), "application/json"),
        (b"{}".to_vec(), "application/json"),
    ] {
        let (status, error) = send(&admin, &id, body, kind).await;
        assert_eq!((status, error["error"].as_str()), (400, Some(unparsable)), "{kind}");
    }
    assert_eq!(upload(&admin, &id, &[file("a", &half)]).await.0, 200);

    let unknown = "00000000-0000-4000-8000-000000000000";
    assert_eq!(upload(&admin, unknown, &[file("a", b"b")]).await.0, 404);
    let (status, error) = upload(&admin, "nonsense", &[file("a", b"b")]).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid workspace ID")));
    let path = stored(&admin, &id, "kept.txt", b"kept").await;
    admin.delete(&format!("/workspaces/{id}")).await.expect(200);
    assert_eq!(upload(&admin, &id, &[file("a", b"b")]).await.0, 410);
    assert_eq!(admin.get(&download(&id, &path)).await.text, "kept", "removed is not purged");
}

/// Begins an upload over a plain connection and leaves it half done.
async fn half_done(server: &Server, id: &str) -> TcpStream {
    let address = server.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let whole = form(&[file("first.txt", b"whole"), file("second.bin", &[7; 300_000])]);
    let head = format!(
        "POST /workspaces/{id}/chat/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN}\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {}\r\n\r\n",
        whole.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&whole[..200_000]).await.unwrap();
    eventually("two files being written", SOON, || async {
        (names(folder(server).join("incoming")).len() == 2).then_some(())
    })
    .await;
    stream
}

async fn what_is_aborted_leaves_nothing(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    drop(half_done(&server, &id).await);
    eventually("empty folder", SOON, || async { is_empty(&server).then_some(()) }).await;

    // Killed in the middle: the next start tidies up, and what was acknowledged is there.
    let path = stored(&admin, &id, "a.txt", b"acknowledged").await;
    let stream = half_done(&server, &id).await;
    server.kill();
    drop(stream);
    assert_eq!(names(folder(&server).join("incoming")).len(), 2);
    server.restart();
    assert_eq!(names(folder(&server).join("incoming")).len(), 0);
    assert_eq!(admin.get(&download(&id, &path)).await.text, "acknowledged");

    // Five at once to one workspace are one too many; those that leave make room.
    let mut streams = Vec::new();
    for _ in 0..4 {
        let address = server.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /workspaces/{id}/chat/uploads HTTP/1.1\r\nHost: x\r\n\
             Authorization: Bearer {ADMIN}\r\nContent-Type: multipart/form-data; boundary=B\r\n\
             Content-Length: 1000\r\n\r\n--B\r\nContent-Disposition: form-data; \
             name=\"files\"; filename=\"a\"\r\n\r\nbegun"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    eventually("four files being written", SOON, || async {
        (names(folder(&server).join("incoming")).len() == 4).then_some(())
    })
    .await;
    let (status, error) = upload(&admin, &id, &[file("a", b"b")]).await;
    assert_eq!((status, &error["code"]), (503, &json!("overloaded")));
    let other = admin.create(json!({"name": "Eve"})).await;
    assert_eq!(upload(&admin, &other, &[file("a", b"b")]).await.0, 200);
    drop(streams);
    eventually("room", SOON, || async {
        (upload(&admin, &id, &[file("a", b"b")]).await.0 == 200).then_some(())
    })
    .await;
}

async fn nothing_leads_outside(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Eve"})).await;
    let path = stored(&admin, &id, "a.txt", b"mine").await;
    let own = folder(&server).join(&id);
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let hex = "0".repeat(32);
    let at = |name: &str| format!("/workspace/.molecule/chat-uploads/{name}");
    let named = |rest: &str| format!("{hex}-{rest}");
    std::os::unix::fs::symlink(&secret, own.join(named("link"))).unwrap();
    std::os::unix::fs::symlink(path.rsplit('/').next().unwrap(), own.join(named("near"))).unwrap();
    std::fs::create_dir(own.join(named("folder"))).unwrap();
    std::fs::write(own.join("planted"), "planted").unwrap();
    let pipe = own.join(named("pipe"));
    assert!(std::process::Command::new("mkfifo").arg(pipe).status().unwrap().success());

    let (not_regular, missing) = ("path is not a regular file", "file not found");
    let under = "path must be under /configs, /workspace, /home, or /plugins";
    for (path, status, text) in [
        (String::new(), 400, "path query required"),
        ("workspace/x".to_owned(), 400, "path must be absolute"),
        ("/etc/passwd".to_owned(), 400, under),
        (secret.display().to_string(), 400, under),
        (at("../../../etc/passwd"), 400, "invalid path"),
        (at(&format!("../{other}/x")), 400, "invalid path"),
        (at("x/./y"), 400, "invalid path"),
        (at(&named("link")), 400, not_regular),
        (at(&named("near")), 400, not_regular),
        (at(&named("folder")), 400, not_regular),
        (at(&named("pipe")), 400, not_regular),
        (at(&named("none")), 404, missing),
        (at("planted"), 404, missing),
        (at(&format!("{}/x", named("folder"))), 404, missing),
        (at(&format!("{}%2fx", named("folder"))), 404, missing),
        (at(&named("a\0b")), 404, missing),
        ("/workspace/.molecule/chat-uploads".to_owned(), 404, missing),
        ("/configs/config.yaml".to_owned(), 404, missing),
    ] {
        let error = admin.get(&download(&id, &path)).await.expect(status);
        assert_eq!(error["error"], text, "{path}");
    }
    admin.get(&format!("/workspaces/{id}/chat/download")).await.expect(400);

    // A folder that is a link is neither read nor written.
    std::os::unix::fs::symlink(&own, folder(&server).join(&other)).unwrap();
    admin.get(&download(&other, &path)).await.expect(404);
    let (status, error) = upload(&admin, &other, &[file("a", b"b")]).await;
    assert_eq!(
        (status, error["error"].as_str()),
        (500, Some("failed to stage files in workspace"))
    );
    assert_eq!(admin.get(&download(&id, &path)).await.text, "mine");
}

async fn a_purge_takes_the_files_along(mode: Mode) {
    let mut server = Server::start(mode).await;
    let admin = server.admin();
    let parent = admin.create(json!({"name": "Ada"})).await;
    let child = admin.create(json!({"name": "Eve", "parent_id": parent})).await;
    let stays = admin.create(json!({"name": "Bob"})).await;
    for id in [&parent, &child, &stays] {
        stored(&admin, id, "a.txt", b"text").await;
    }
    let path = format!("/workspaces/{parent}?confirm=true&purge=true");
    admin.delete(&path).await.expect(200);
    eventually("purged folders", SOON, || async {
        (names(folder(&server)).len() == 2).then_some(())
    })
    .await;
    assert_eq!(names(folder(&server).join(&stays)).len(), 1);

    // Purged as the process ended: the next start finds the orphan. What bears no mark is left alone:
    // another database may know it.
    assert!(server.stop().success());
    let foreign = uuid::Uuid::new_v4().to_string();
    for id in [&child, &foreign] {
        std::fs::create_dir(folder(&server).join(id)).unwrap();
        std::fs::write(folder(&server).join(id).join("x"), "x").unwrap();
    }
    let markers = server.folder.path().join("data/uncommitted");
    std::fs::create_dir_all(&markers).unwrap();
    std::fs::write(markers.join(&child), "").unwrap();
    server.restart();
    let mut left = [stays, foreign, "incoming".to_owned()];
    left.sort();
    assert_eq!(names(folder(&server)), left);
}

async fn a_workspace_has_only_so_much_room(mode: Mode) {
    let mut server = Server::with(mode, &[("CHAT_FILES_LIMIT_MB", "2")]).await;
    let admin = server.admin();
    let id = admin.create(json!({"name": "Ada"})).await;
    let other = admin.create(json!({"name": "Eve"})).await;
    let most = vec![1; MIB];
    stored(&admin, &id, "a", &most).await;
    let full = || async {
        let (status, error) = upload(&admin, &id, &[file("b", b"b"), file("c", &most)]).await;
        assert_eq!((status, error["error"].as_str()), (507, Some("no room for more chat files")));
        assert!(error["reason"].as_str().unwrap().contains("CHAT_FILES_LIMIT_MB"));
    };
    full().await;
    // What was refused took no room, and another workspace has its own.
    stored(&admin, &id, "d", &most[..MIB - 4_096]).await;
    stored(&admin, &id, "e", b"the last block").await;
    full().await;
    stored(&admin, &other, "a", &most).await;
    assert!(server.stop().success());
    server.restart();
    full().await;
    let path = format!("/workspaces/{id}?purge=true");
    tokio::time::timeout(Duration::from_secs(20), admin.delete(&path)).await.unwrap().expect(200);
}
