//! What clients of the contract do: list, read, edit, write back, delete, upload many.

use serde_json::{Value, json};

use super::{at, folder, save, send_if, workspace};
use crate::in_both_modes;
use crate::support::{Mode, Server};

in_both_modes!(
    files_go_round,
    mistakes_are_told_in_the_contracts_words,
    many_are_written_at_once,
    two_editors_do_not_lose_each_others_change,
);

async fn files_go_round(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    assert_eq!(admin.get(&at(&id, "")).await.expect(200), json!([]), "nothing yet");
    let missing = admin.get(&at(&id, "/config.yaml")).await.expect(404);
    assert_eq!(missing["error"], "file not found");

    let text = "\n# Ada\nname: Ada \n\n";
    let saved = save(&admin, &id, "/config.yaml", text).await.expect(200);
    assert_eq!(saved, json!({"status": "saved", "path": "config.yaml"}));
    let read = admin.get(&at(&id, "/config.yaml")).await.expect(200);
    let expected = json!({"path": "config.yaml", "content": text, "size": text.len()});
    assert_eq!(read, expected, "nothing is trimmed");
    let kept = folder(&server, &id, "configs").join("config.yaml");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), text, "not one level too deep");

    save(&admin, &id, "/skills/a/SKILL.md", "").await.expect(200);
    save(&admin, &id, "/skills/caf%C3%A9%20'%60%24(x).md", "x").await.expect(200);
    let list = admin.get(&at(&id, "?depth=3")).await.expect(200);
    let entry =
        |path: &str, size: usize, dir: bool| json!({"path": path, "size": size, "dir": dir});
    let expected = json!([
        entry("config.yaml", text.len(), false),
        entry("skills", 0, true),
        entry("skills/a", 0, true),
        entry("skills/a/SKILL.md", 0, false),
        entry("skills/café '`$(x).md", 1, false),
    ]);
    assert_eq!(list, expected);
    let inner = admin.get(&at(&id, "?path=skills/a")).await.expect(200);
    assert_eq!(inner, json!([entry("SKILL.md", 0, false)]));
    let empty = admin.get(&at(&id, "/skills/a/SKILL.md")).await.expect(200);
    assert_eq!((&empty["content"], &empty["size"]), (&json!(""), &json!(0)));

    // The roots are apart.
    for root in ["workspace", "home", "plugins"] {
        let path = format!("/note.txt?root=/{root}");
        save(&admin, &id, &path, root).await.expect(200);
        assert_eq!(admin.get(&at(&id, &path)).await.expect(200)["content"], root);
        assert!(folder(&server, &id, root).join("note.txt").is_file());
    }
    admin.get(&at(&id, "/note.txt")).await.expect(404);

    let deleted = admin.delete(&at(&id, "/config.yaml")).await.expect(200);
    assert_eq!(deleted, json!({"status": "deleted", "path": "config.yaml"}));
    admin.delete(&at(&id, "/config.yaml")).await.expect(404);
    admin.delete(&at(&id, "/skills")).await.expect(200);
    assert_eq!(admin.get(&at(&id, "?depth=5")).await.expect(200), json!([]));
}

async fn mistakes_are_told_in_the_contracts_words(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let bad_root = "root must be one of: /configs, /workspace, /home, /plugins";
    for (rest, error) in [
        ("?root=/etc", bad_root),
        ("?root=configs", bad_root),
        ("/x?root=/", bad_root),
        ("?depth=0", "depth must be 1-5"),
        ("?depth=6", "depth must be 1-5"),
        ("?depth=x", "depth must be 1-5"),
        ("?path=..", "invalid path"),
        ("?path=.", "invalid path"),
        ("?path=/etc", "invalid path"),
        ("?path=a..b", "invalid path"),
        ("//etc/passwd", "invalid path"),
        ("/a%2f%2e%2e%2f%2e%2e%2fetc/passwd", "invalid path"),
        ("/..%2f..%2fetc/passwd", "invalid path"),
        ("/a..b", "invalid path"),
        ("/a%00b", "invalid path"),
    ] {
        let told = admin.get(&at(&id, rest)).await.expect(400);
        assert_eq!(told["error"], error, "{rest}");
    }
    let put = |rest: &'static str, body: Value| {
        let (admin, path) = (admin.clone(), at(&id, rest));
        async move { admin.put(&path, body).await }
    };
    assert_eq!(put("/a..b", json!({"content": ""})).await.expect(400)["error"], "invalid path");
    for body in [json!({}), json!({"content": 5}), json!([]), json!({"content": null})] {
        assert_eq!(put("/a", body).await.expect(400)["error"], "invalid request body");
    }
    for body in [
        json!({}),
        json!({"files": []}),
        json!({"files": {"../a": "x"}}),
        json!({"files": {"a": 5}}),
        json!({"files": {"": "x"}}),
        json!({"files": {"a": "x", "./a": "y"}}),
        json!({"files": {"a": "x", "a/b": "y"}}),
    ] {
        assert_eq!(put("", body).await.expect(400)["error"], "invalid request body");
    }
    let many: serde_json::Map<_, _> = (0..201).map(|n| (n.to_string(), json!("x"))).collect();
    let told = put("", json!({"files": many})).await.expect(400);
    assert_eq!(told["error"], "too many files (201), max 200");
    let huge = json!({"content": "x".repeat((5 << 20) + 1)});
    assert_eq!(put("/huge", huge).await.expect(413)["error"], "file too large");
    assert_eq!(admin.get(&at(&id, "?depth=5")).await.expect(200), json!([]), "nothing was written");

    let nobody = "00000000-0000-4000-8000-000000000000";
    for rest in ["", "/a"] {
        let told = admin.get(&at(nobody, rest)).await.expect(404);
        assert_eq!(told["error"], "workspace not found");
    }
    assert_eq!(save(&admin, nobody, "/a", "x").await.expect(404)["error"], "workspace not found");
}

async fn many_are_written_at_once(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    save(&admin, &id, "/kept.md", "kept").await.expect(200);
    let body = json!({"files": {"config.yaml": "name: Ada\n", "skills/x/SKILL.md": "# X\n"}});
    let written = admin.put(&at(&id, ""), body).await.expect(200);
    let expected = json!({"status": "replaced", "workspace": id, "files": 2, "source": "volume"});
    assert_eq!(written, expected);
    for (path, content) in
        [("config.yaml", "name: Ada\n"), ("skills/x/SKILL.md", "# X\n"), ("kept.md", "kept")]
    {
        let read = admin.get(&at(&id, &format!("/{path}"))).await.expect(200);
        assert_eq!(read["content"], content, "{path}");
    }
    // All or none: a folder stands where a file should go.
    let body = json!({"files": {"a.md": "a", "skills": "x"}});
    assert_eq!(
        admin.put(&at(&id, ""), body).await.expect(400)["error"],
        "path is not a regular file"
    );
    admin.get(&at(&id, "/a.md")).await.expect(404);
    // A text of line feeds is twice as long in JSON.
    let text = "\n".repeat(5 << 20);
    save(&admin, &id, "/lines", &text).await.expect(200);
    assert_eq!(admin.get(&at(&id, "/lines")).await.expect(200)["size"], 5 << 20);
}

async fn two_editors_do_not_lose_each_others_change(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let file = at(&id, "/config.yaml");
    let text = |text: &str| json!({"content": text});
    send_if(&admin, &file, text("1"), ("if-none-match", "*")).await.expect(200);
    send_if(&admin, &file, text("2"), ("if-none-match", "*")).await.expect(412);
    let read = admin.get(&file).await;
    let tag = read.header("etag").to_owned();
    assert!(tag.starts_with('"'), "{tag}");
    let mine = send_if(&admin, &file, text("mine"), ("if-match", &tag)).await;
    mine.expect(200);
    let late = send_if(&admin, &file, text("theirs"), ("if-match", &tag)).await.expect(412);
    assert_eq!(
        (&late["error"], &late["code"]),
        (&json!("the file has changed"), &json!("changed"))
    );
    assert_eq!(admin.get(&file).await.expect(200)["content"], "mine");
    let again = mine.header("etag").to_owned();
    send_if(&admin, &file, text("more"), ("if-match", &again)).await.expect(200);
    let weak = send_if(&admin, &file, text("x"), ("if-none-match", "\"x\"")).await.expect(400);
    assert_eq!(weak["field"], "If-None-Match");
}
