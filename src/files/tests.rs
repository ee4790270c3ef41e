use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType};

use super::*;

struct Under {
    data: tempfile::TempDir,
    files: Files,
    id: WorkspaceId,
}

fn under(limit: u64) -> Under {
    let data = tempfile::tempdir().unwrap();
    let files = Files::new(data.path(), limit);
    Under { files, id: WorkspaceId::random(), data }
}

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text).unwrap()
}

impl Under {
    fn at(&self, root: Root) -> Place {
        Place { id: self.id, root, host: None }
    }

    fn folder(&self, root: Root) -> PathBuf {
        let folders = Folders::of(self.data.path(), self.id);
        let folder = match root {
            Root::Configs => folders.configs,
            Root::Workspace => folders.workspace,
            Root::Home => folders.home,
            Root::Plugins => folders.plugins,
        };
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    async fn write(&self, name: &str, text: &str) -> Result<Option<String>, FilesError> {
        self.write_if(name, text, Condition::None).await
    }

    async fn write_if(
        &self,
        name: &str,
        text: &str,
        condition: Condition,
    ) -> Result<Option<String>, FilesError> {
        let files = vec![(path(name), text.to_owned())];
        self.files.write(self.at(Root::Configs), files, condition).await
    }

    async fn read(&self, name: &str) -> Result<Content, FilesError> {
        self.files.read(self.at(Root::Configs), path(name)).await
    }

    async fn delete(&self, name: &str) -> Result<(), FilesError> {
        self.files.delete(self.at(Root::Configs), path(name), Condition::None).await
    }

    async fn list(&self, within: &str, depth: usize) -> Vec<String> {
        let within = (!within.is_empty()).then(|| path(within));
        let list = self.files.list(self.at(Root::Configs), within, depth).await.unwrap();
        list.entries.into_iter().map(|entry| entry.path).collect()
    }
}

#[tokio::test]
async fn every_root_has_a_folder_of_its_own() {
    let under = under(1 << 20);
    for root in Root::ALL {
        let files = vec![(path("a/name"), root.as_str().to_owned())];
        under.files.write(under.at(root), files, Condition::None).await.unwrap();
    }
    for root in Root::ALL {
        let content = under.files.read(under.at(root), path("a/name")).await.unwrap();
        assert_eq!(content.text, root.as_str());
        let file = under.folder(root).join("a/name");
        assert_eq!(fs::read_to_string(&file).unwrap(), root.as_str());
    }
    let whole = Folders::root(under.data.path(), under.id);
    let mode = fs::metadata(&whole).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "private to the server");
}

#[tokio::test]
async fn what_is_written_is_read_back_as_it_is() {
    let under = under(64 << 20);
    for text in ["", "\n a \n\n", "é\u{0}x", &"x".repeat(MAX_FILE)] {
        let written = under.write("f", text).await.unwrap();
        let content = under.read("f").await.unwrap();
        assert_eq!((content.text.as_str(), content.cut, content.lossy), (text, false, false));
        assert_eq!((content.tag.is_some(), content.tag), (true, written));
    }
    let more = under.write("f", &"x".repeat(MAX_FILE + 1)).await;
    assert!(matches!(more, Err(FilesError::TooLarge)), "{more:?}");
    assert_eq!(under.list("", 1).await, ["f"], "nothing else is left behind");
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_has_no_tag() {
    let under = under(1 << 20);
    let file = under.folder(Root::Configs).join("big");
    let bytes = [&b"x"[..], "é".repeat(MAX_FILE / 2).as_bytes(), b"rest"].concat();
    fs::write(&file, bytes).unwrap();
    let content = under.read("big").await.unwrap();
    assert_eq!((content.text.len(), content.cut, content.tag), (MAX_FILE - 1, true, None));
    assert!(!content.lossy, "no character is cut in half");
    let saved = under.write_if("big", "x", Condition::OneOf(vec![String::from("\"x\"")])).await;
    assert!(matches!(saved, Err(FilesError::Changed)), "{saved:?}");
    // Holes take no room, and end no earlier.
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert!(under.read("big").await.unwrap().cut);
    fs::write(&file, b"a\xff\xfeb").unwrap();
    let content = under.read("big").await.unwrap();
    assert_eq!((content.text.as_str(), content.lossy), ("a\u{fffd}\u{fffd}b", true));
}

#[tokio::test]
async fn two_editors_do_not_overwrite_each_other() {
    let under = under(1 << 20);
    let first = under.write_if("f", "1", Condition::Absent).await.unwrap().unwrap();
    let again = under.write_if("f", "2", Condition::Absent).await;
    assert!(matches!(again, Err(FilesError::Changed)), "{again:?}");
    let mine = Condition::OneOf(vec![first]);
    under.write_if("f", "2", mine.clone()).await.unwrap();
    let late = under.write_if("f", "3", mine.clone()).await;
    assert!(matches!(late, Err(FilesError::Changed)), "{late:?}");
    let late = under.files.delete(under.at(Root::Configs), path("f"), mine).await;
    assert!(matches!(late, Err(FilesError::Changed)), "{late:?}");
    assert_eq!(under.read("f").await.unwrap().text, "2");
    let absent = under.write_if("g", "1", Condition::Present).await;
    assert!(matches!(absent, Err(FilesError::Changed)), "{absent:?}");
    // Of many who have read the same, one wins.
    let tag = under.read("f").await.unwrap().tag.unwrap();
    let tries = (0..20).map(|n| {
        let condition = Condition::OneOf(vec![tag.clone()]);
        let (files, place) = (under.files.clone(), under.at(Root::Configs));
        let texts = vec![(path("f"), format!("of {n}"))];
        async move { files.write(place, texts, condition).await.is_ok() }
    });
    let won = futures_util::future::join_all(tries).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
}

#[tokio::test]
async fn the_agents_token_is_nobodys_file() {
    let under = under(1 << 20);
    let token = under.folder(Root::Configs).join(TOKEN);
    fs::write(&token, "secret").unwrap();
    fs::hard_link(&token, under.folder(Root::Configs).join("second")).unwrap();
    symlink(TOKEN, under.folder(Root::Configs).join("third")).unwrap();
    assert_eq!(under.list("", 5).await, ["second"]);
    for name in [TOKEN, "./.auth_token", ".auth_token/x", ".auth_token.0123"] {
        assert!(matches!(under.read(name).await, Err(FilesError::Missing)));
        assert!(matches!(under.write(name, "x").await, Err(FilesError::Reserved)));
        assert!(matches!(under.delete(name).await, Err(FilesError::Reserved)));
    }
    for name in ["second", "third"] {
        assert!(matches!(under.read(name).await, Err(FilesError::NotAFile)), "{name}");
    }
    // Elsewhere it is a file like others.
    under.write("sub/.auth_token", "mine").await.unwrap();
    assert_eq!(under.read("sub/.auth_token").await.unwrap().text, "mine");
    assert_eq!(fs::read_to_string(token).unwrap(), "secret");
}

#[tokio::test]
async fn what_is_gone_is_deleted_and_nothing_else() {
    let (under, other) = (under(1 << 20), WorkspaceId::random());
    assert!(under.files.existing(|_| true).await.unwrap().is_empty());
    under.write("f", "x").await.unwrap();
    let outside = under.data.path().join("outside");
    fs::create_dir_all(outside.join("kept")).unwrap();
    symlink(&outside, under.folder(Root::Home).join("link")).unwrap();
    let theirs = Folders::root(under.data.path(), other);
    fs::create_dir_all(&theirs).unwrap();
    fs::create_dir_all(under.data.path().join("workspaces/not-an-id")).unwrap();
    let id = under.id;
    assert_eq!(under.files.existing(move |one| one == id).await.unwrap(), [id]);
    under.files.forget(vec![id, WorkspaceId::random()]).await.unwrap();
    assert!(!Folders::root(under.data.path(), id).exists());
    assert!(theirs.is_dir() && outside.join("kept").is_dir());
}

#[tokio::test]
async fn only_regular_files_are_read_and_nothing_is_waited_for() {
    let under = under(1 << 20);
    let folder = under.folder(Root::Configs);
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    fs::create_dir(folder.join("dir")).unwrap();
    symlink("/dev/zero", folder.join("zero")).unwrap();
    for name in ["pipe", "socket", "dir", "zero"] {
        let read = tokio::time::timeout(Duration::from_secs(10), under.read(name)).await.unwrap();
        assert!(matches!(read, Err(FilesError::NotAFile)), "{name}: {read:?}");
        let written = under.write(name, "x").await;
        assert!(matches!(written, Err(FilesError::NotAFile)), "{name}: {written:?}");
    }
    let written = under.write("pipe/x", "x").await;
    assert!(matches!(written, Err(FilesError::NotAFile)), "{written:?}");
    assert!(matches!(under.read("pipe/x").await, Err(FilesError::Missing)));
    assert!(matches!(under.read("nowhere/x").await, Err(FilesError::Missing)));
    assert_eq!(under.list("", 1).await, ["dir"]);
    assert!(under.list("pipe", 1).await.is_empty() && under.list("zero", 1).await.is_empty());
    // Whatever it is can be removed.
    for name in ["pipe", "socket", "dir", "zero"] {
        under.delete(name).await.unwrap();
    }
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn deleting_takes_folders_whole_and_follows_nothing() {
    let under = under(1 << 20);
    let outside = under.data.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("kept"), "kept").unwrap();
    let folder = under.folder(Root::Configs);
    fs::create_dir_all(folder.join("a/b/c")).unwrap();
    fs::write(folder.join("a/b/c/d"), "x").unwrap();
    symlink(&outside, folder.join("a/b/link")).unwrap();
    symlink(&outside, folder.join("link")).unwrap();
    let through = under.delete("link/kept").await;
    assert!(matches!(through, Err(FilesError::Missing | FilesError::NotAFile)), "{through:?}");
    under.delete("a").await.unwrap();
    under.delete("link").await.unwrap();
    assert!(matches!(under.delete("a").await, Err(FilesError::Missing)));
    assert_eq!(fs::read_to_string(outside.join("kept")).unwrap(), "kept");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
}

#[tokio::test]
async fn lists_are_bounded_in_depth_and_length() {
    let under = under(1 << 20);
    let folder = under.folder(Root::Configs);
    fs::create_dir_all(folder.join("a/b/c/d/e/f")).unwrap();
    for hidden in [".git", "node_modules", "a/__pycache__"] {
        fs::create_dir_all(folder.join(hidden)).unwrap();
        fs::write(folder.join(hidden).join("x"), "x").unwrap();
    }
    fs::write(folder.join(".DS_Store"), "x").unwrap();
    fs::write(folder.join("it's; rm -rf"), "x").unwrap();
    fs::write(folder.join(std::ffi::OsStr::from_bytes(b"bad\xff")), "x").unwrap();
    assert_eq!(under.list("", 1).await, ["a", "it's; rm -rf"]);
    assert_eq!(under.list("a", 5).await, ["b", "b/c", "b/c/d", "b/c/d/e", "b/c/d/e/f"]);
    assert_eq!(under.list("", 2).await, ["a", "a/b", "it's; rm -rf"]);
    assert!(under.list("missing", 5).await.is_empty());
    for n in 0..MAX_ENTRIES {
        fs::write(folder.join("a/b").join(format!("{n:05}")), "").unwrap();
    }
    let list = under.files.list(under.at(Root::Configs), None, 5).await.unwrap();
    assert_eq!((list.entries.len(), list.cut), (MAX_ENTRIES, true));
    assert_eq!(list.entries[0].path, "a", "what is near comes first");
}

#[tokio::test]
async fn a_workspace_has_only_so_much_room_whoever_fills_it() {
    let under = under(256 << 10);
    under.write("a", &"x".repeat(200 << 10)).await.unwrap();
    let full = under.write("b", &"x".repeat(100 << 10)).await;
    assert!(matches!(full, Err(FilesError::Full { limit: 262_144 })), "{full:?}");
    // In the same place there is room for something else.
    under.write("a", &"y".repeat(200 << 10)).await.unwrap();
    under.write("a", &"y".repeat(10 << 10)).await.unwrap();
    under.write("b", &"x".repeat(100 << 10)).await.unwrap();
    fs::write(under.folder(Root::Workspace).join("agents"), vec![1; 200 << 10]).unwrap();
    let full = under.write("c", "x").await;
    assert!(matches!(full, Err(FilesError::Full { .. })), "{full:?}");
    under.delete("b").await.unwrap();
    assert_eq!(under.read("a").await.unwrap().text.len(), 10 << 10);
}

#[tokio::test]
async fn many_files_are_written_all_or_none() {
    let under = under(1 << 20);
    let folder = under.folder(Root::Configs);
    fs::create_dir(folder.join("z")).unwrap();
    let texts = |names: &[&str]| -> Vec<_> {
        names.iter().map(|name| (path(name), (*name).to_owned())).collect()
    };
    let none =
        under.files.write(under.at(Root::Configs), texts(&["a", "b/c", "z"]), Condition::None);
    let none = none.await;
    assert!(matches!(none, Err(FilesError::NotAFile)), "{none:?}");
    assert_eq!(under.list("", 5).await, ["b", "z"], "folders alone");
    let all = texts(&["a", "b/c", "z/y"]);
    under.files.write(under.at(Root::Configs), all, Condition::None).await.unwrap();
    assert_eq!(under.list("", 5).await, ["a", "b", "b/c", "z", "z/y"]);
}

#[tokio::test]
async fn a_folder_of_the_host_is_used_as_its_access_allows() {
    let under = under(1 << 20);
    let host = tempfile::tempdir().unwrap();
    let script = host.path().join("run.sh");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).unwrap();
    let place = |writable| Place {
        host: Some(HostFolder { path: host.path().to_owned(), writable }),
        ..under.at(Root::Workspace)
    };
    let texts = || vec![(path("run.sh"), "#!/bin/sh\nexit\n".to_owned())];
    let refused = under.files.write(place(false), texts(), Condition::None).await;
    assert!(matches!(refused, Err(FilesError::ReadOnly)), "{refused:?}");
    let refused = under.files.delete(place(false), path("run.sh"), Condition::None).await;
    assert!(matches!(refused, Err(FilesError::ReadOnly)), "{refused:?}");
    assert_eq!(under.files.read(place(false), path("run.sh")).await.unwrap().text, "#!/bin/sh\n");
    under.files.write(place(true), texts(), Condition::None).await.unwrap();
    assert_eq!(fs::read_to_string(&script).unwrap(), "#!/bin/sh\nexit\n");
    assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o750);
}

/// While somebody swaps a folder for a link to another, whatever is read comes from inside, and
/// whatever is written stays there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_comes_in_between_leads_nowhere() {
    const ROUNDS: usize = 3_000;
    let under = under(64 << 20);
    let outside = under.data.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    let folder = under.folder(Root::Configs);
    fs::create_dir(folder.join("at")).unwrap();
    fs::write(folder.join("at/file"), "inside").unwrap();
    symlink(&outside, folder.join("link")).unwrap();

    let done = Arc::new(AtomicBool::new(false));
    let (stop, within) = (Arc::clone(&done), folder.clone());
    let swapper = std::thread::spawn(move || {
        let (at, link) = (within.join("at"), within.join("link"));
        while !stop.load(Ordering::SeqCst) {
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(CWD, &at, CWD, &link, exchange).unwrap();
        }
    });
    let (mut found, mut written, mut deleted) = (0, 0, 0);
    for round in 0..ROUNDS {
        match under.read("at/file").await {
            Ok(content) => {
                assert_eq!(content.text, "inside");
                found += 1;
            }
            Err(FilesError::Missing | FilesError::NotAFile) => {}
            Err(error) => panic!("{error:?}"),
        }
        let listed = under.list("at", 2).await;
        assert!(listed.iter().all(|name| ["file", "new"].contains(&name.as_str())), "{listed:?}");
        match round % 4 {
            0 => written += usize::from(under.write("at/new", "new").await.is_ok()),
            1 => deleted += usize::from(under.delete("at/new").await.is_ok()),
            2 => assert!(under.delete("at/secret").await.is_err()),
            _ => {}
        }
    }
    done.store(true, Ordering::SeqCst);
    swapper.join().unwrap();
    let names = fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["file", "secret"], "nothing was written or deleted outside");
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "outside");
    let reached = (found > 0, written > 0, deleted > 0);
    assert_eq!(reached, (true, true, true), "{found} {written} {deleted}");
}
