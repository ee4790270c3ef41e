//! What an agent leaves in its folders: links, pipes, much, or what is no text.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use serde_json::json;

use super::{at, folder, save, workspace};
use crate::in_both_modes;
use crate::support::{Mode, SOON, Server, eventually};

in_both_modes!(
    nothing_leads_outside,
    what_is_no_text_is_shown_and_told,
    a_workspace_has_only_so_much_room,
    a_folder_of_the_host_is_used_as_it_may_be,
    a_purge_takes_the_folders_along,
);

async fn nothing_leads_outside(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    save(&admin, &id, "/mine", "mine").await.expect(200);
    let configs = folder(&server, &id, "configs");
    let secret = server.folder.path().join("secret");
    std::fs::write(&secret, "outside").unwrap();
    symlink(&secret, configs.join("link")).unwrap();
    symlink(server.folder.path(), configs.join("folder")).unwrap();
    symlink("/proc/self/environ", configs.join("environ")).unwrap();
    std::fs::hard_link(&secret, configs.join("second")).unwrap();
    let made = Command::new("mkfifo").arg(configs.join("pipe")).status().unwrap();
    assert!(made.success());

    let list = admin.get(&at(&id, "?depth=5")).await.expect(200);
    let paths: Vec<_> = list.as_array().unwrap().iter().map(|entry| &entry["path"]).collect();
    assert_eq!(paths, ["mine", "second"]);
    for path in ["/link", "/environ", "/second", "/pipe", "/folder", "/folder/secret"] {
        let read = admin.get(&at(&id, path)).await;
        assert!([400, 404].contains(&read.status.as_u16()), "{path}: {}", read.text);
        assert!(
            !read.text.contains("outside") && !read.text.contains(super::super::support::ADMIN)
        );
    }
    assert_eq!(admin.get(&at(&id, "?path=folder")).await.expect(200), json!([]));
    for path in ["/folder/secret", "/folder/new", "/link", "/pipe", "/pipe/x"] {
        save(&admin, &id, path, "x").await.expect(400);
    }
    let through = admin.delete(&at(&id, "/folder/secret")).await;
    assert!([400, 404].contains(&through.status.as_u16()), "{}", through.text);
    for path in ["/link", "/folder", "/second", "/pipe", "/environ"] {
        admin.delete(&at(&id, path)).await.expect(200);
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "outside");
    assert!(!server.folder.path().join("new").exists());

    // The folder itself may have been swapped, too.
    std::fs::remove_dir_all(&configs).unwrap();
    symlink(server.folder.path(), &configs).unwrap();
    admin.get(&at(&id, "/secret")).await.expect(404);
    assert_eq!(admin.get(&at(&id, "")).await.expect(200), json!([]));
    assert!(save(&admin, &id, "/new", "x").await.status.as_u16() >= 400);
    assert!(!server.folder.path().join("new").exists());
}

async fn what_is_no_text_is_shown_and_told(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let id = workspace(&admin, "Ada").await;
    let home = folder(&server, &id, "home");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("image"), b"\x89PNG\r\n").unwrap();
    let read = admin.get(&at(&id, "/image?root=/home")).await.expect(200);
    let content = "\u{fffd}PNG\r\n";
    let expected =
        json!({"path": "image", "content": content, "size": content.len(), "lossy": true});
    assert_eq!(read, expected);
    std::fs::write(home.join("big"), vec![b'x'; (5 << 20) + 9]).unwrap();
    let read = admin.get(&at(&id, "/big?root=/home")).await;
    assert_eq!(read.header("etag"), "");
    let read = read.expect(200);
    assert_eq!((&read["size"], &read["truncated"]), (&json!(5 << 20), &json!(true)));
}

async fn a_workspace_has_only_so_much_room(mode: Mode) {
    let server = Server::with(mode, &[("FILES_LIMIT_MB", "1")]).await;
    let admin = server.admin();
    let (id, other) = (workspace(&admin, "Ada").await, workspace(&admin, "Bob").await);
    save(&admin, &id, "/a?root=/home", &"x".repeat(900 << 10)).await.expect(200);
    let full = save(&admin, &id, "/b", &"x".repeat(200 << 10)).await.expect(507);
    assert_eq!(full["error"], "no room for more files");
    assert!(full["reason"].as_str().unwrap().contains("FILES_LIMIT_MB"));
    save(&admin, &other, "/b", &"x".repeat(200 << 10)).await.expect(200);
    admin.delete(&at(&id, "/a?root=/home")).await.expect(200);
    save(&admin, &id, "/b", &"x".repeat(200 << 10)).await.expect(200);
}

async fn a_folder_of_the_host_is_used_as_it_may_be(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let host = tempfile::tempdir().unwrap();
    std::fs::write(host.path().join("README.md"), "of the host").unwrap();
    let create = |access: &'static str| {
        let (admin, dir) = (admin.clone(), host.path().display().to_string());
        async move {
            let body = json!({
                "name": "Ada", "runtime": "external", "workspace_dir": dir,
                "workspace_access": access,
            });
            admin.create(body).await
        }
    };
    let file = "/README.md?root=/workspace";
    let reader = create("read_only").await;
    assert_eq!(admin.get(&at(&reader, file)).await.expect(200)["content"], "of the host");
    let told = save(&admin, &reader, file, "x").await.expect(403);
    assert_eq!(told["error"], "the workspace folder is read-only");
    admin.delete(&at(&reader, file)).await.expect(403);
    // Its other folders are its own.
    save(&admin, &reader, "/a", "x").await.expect(200);
    let writer = create("read_write").await;
    save(&admin, &writer, file, "changed").await.expect(200);
    save(&admin, &writer, "/new/run.sh?root=/workspace", "#!/bin/sh\n").await.expect(200);
    assert_eq!(std::fs::read_to_string(host.path().join("README.md")).unwrap(), "changed");
    let mode = std::fs::metadata(host.path().join("new/run.sh")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0);
    assert!(!folder(&server, &writer, "workspace").exists());
}

async fn a_purge_takes_the_folders_along(mode: Mode) {
    let server = Server::start(mode).await;
    let admin = server.admin();
    let (id, other) = (workspace(&admin, "Ada").await, workspace(&admin, "Bob").await);
    let child = admin.create(json!({"name": "Child", "parent_id": id})).await;
    for id in [&id, &other, &child] {
        save(&admin, id, "/a", "x").await.expect(200);
    }
    // What belongs to another database is not touched.
    let foreign = folder(&server, "11111111-1111-4111-8111-111111111111", "configs");
    std::fs::create_dir_all(&foreign).unwrap();
    let marked = || std::fs::read_dir(server.files("").join("../uncommitted")).unwrap().count();
    admin.delete(&format!("/workspaces/{id}?purge=true")).await.expect(409);
    assert_eq!(marked(), 0, "it was asked, not purged");
    let purge = format!("/workspaces/{id}?confirm=true&purge=true");
    admin.delete(&purge).await.expect(200);
    let left = |id: &str| folder(&server, id, "configs").parent().unwrap().exists();
    eventually("deleted folders", SOON, || async {
        (!left(&id) && !left(&child) && marked() == 0).then_some(())
    })
    .await;
    assert!(left(&other) && foreign.is_dir());
}
