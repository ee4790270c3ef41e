//! The backend by itself: terminals, logs, and how it tells of an end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use isomer::config::{RuntimeSpec, TierSettings};
use isomer::provision::{
    Addresses, Backend, Ended, Failure, Folders, Launch, LogRange, ProcessBackend, ProcessSettings,
    Terminal, TerminalInput, TerminalSize, Unavailable, Wanted,
};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{ONLINE, gone, is_alive};
use crate::support::eventually;

fn backend(data_dir: &Path) -> ProcessBackend {
    let settings = ProcessSettings {
        data_dir: data_dir.to_owned(),
        program: env!("CARGO_BIN_EXE_isomer").into(),
        secrets_in_file: false,
        tiers: TierSettings::default(),
        addresses: Addresses::default(),
        exists: Arc::new(|_| false),
    };
    ProcessBackend::open(settings).unwrap()
}

fn launch(data_dir: &Path, command: &[&str]) -> Launch {
    let id = WorkspaceId::random();
    let folders = Folders::of(data_dir, id);
    for folder in [&folders.configs, &folders.workspace] {
        std::fs::create_dir_all(folder).unwrap();
    }
    Launch {
        agent: Wanted {
            id,
            name: "Ada".to_owned(),
            role: None,
            tier: 2,
            runtime: "command".to_owned(),
            parent_id: None,
            workspace_dir: None,
            workspace_access: Access::None,
            status: Status::Provisioning,
        },
        spec: RuntimeSpec {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            ..RuntimeSpec::default()
        },
        folders,
        variables: BTreeMap::from([("WORKSPACE_ID".to_owned(), id.to_string())]),
        secrets: BTreeMap::from([("OPEN".to_owned(), SecretString::from("sesame-open"))]),
        token: SecretString::from("the-token-of-ada"),
    }
}

/// An agent that runs until it is stopped.
struct Run {
    backend: ProcessBackend,
    id: WorkspaceId,
    stop: CancellationToken,
    task: JoinHandle<Result<Ended, Failure>>,
    _data_dir: tempfile::TempDir,
}

fn run(command: &[&str]) -> Run {
    let data_dir = tempfile::tempdir().unwrap();
    let (backend, launch) = (backend(data_dir.path()), launch(data_dir.path(), command));
    let (id, stop) = (launch.agent.id, CancellationToken::new());
    let (runs, told) = (backend.clone(), stop.clone());
    let task = tokio::spawn(async move { runs.run(launch, told).await });
    Run { backend, id, stop, task, _data_dir: data_dir }
}

const SIZE: TerminalSize = TerminalSize { columns: 80, rows: 24 };

async fn terminal(run: &Run) -> Terminal {
    eventually("terminal", ONLINE, || async { run.backend.terminal(run.id, SIZE).await.ok() }).await
}

async fn type_in(terminal: &Terminal, text: &str) {
    let data = TerminalInput::Data(Bytes::copy_from_slice(text.as_bytes()));
    terminal.input.send(data).await.unwrap();
}

/// Reads until `part` was shown; returns everything up to then.
async fn until(terminal: &mut Terminal, part: &str) -> String {
    let mut shown = String::new();
    let reading = async {
        while !shown.contains(part) {
            let piece = terminal.output.recv().await;
            let piece = piece.unwrap_or_else(|| panic!("the shell ended: {shown:?}"));
            shown.push_str(&String::from_utf8_lossy(&piece));
        }
    };
    if tokio::time::timeout(ONLINE, reading).await.is_err() {
        panic!("no {part:?} in {shown:?}");
    }
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_a_shell_where_the_agent_is() {
    let run = run(&["sleep", "600"]);
    let mut terminal = terminal(&run).await;
    type_in(&terminal, "echo a$((6 * 7))z $WORKSPACE_ID $OPEN; pwd; stty size\n").await;
    let shown = until(&mut terminal, "24 80").await;
    assert!(shown.contains(&format!("a42z {} sesame-open", run.id)), "{shown:?}");
    assert!(shown.contains("/workspace"), "{shown:?}");
    let size = TerminalSize { columns: 132, rows: 43 };
    terminal.input.send(TerminalInput::Resize(size)).await.unwrap();
    type_in(&terminal, "stty size\n").await;
    until(&mut terminal, "43 132").await;
    // It is the controlling terminal: ^C reaches what runs in the foreground.
    let waits = r#"x=caught y=ready; sh -c "trap 'echo =$x=; exit' INT; echo =$y=; while :; do sleep 0.1; done""#;
    type_in(&terminal, &format!("{waits}\n")).await;
    until(&mut terminal, "=ready=").await;
    type_in(&terminal, "\u{3}").await;
    until(&mut terminal, "=caught=").await;
    // `exit` ends it.
    type_in(&terminal, "exit\n").await;
    let ended = async { while terminal.output.recv().await.is_some() {} };
    tokio::time::timeout(ONLINE, ended).await.unwrap();
    run.stop.cancel();
    assert_eq!(run.task.await.unwrap(), Ok(Ended::Stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_terminal_ends_what_was_begun_in_it() {
    let run = run(&["sleep", "600"]);
    let mut terminal = terminal(&run).await;
    type_in(&terminal, "setsid sleep 601 & nohup sleep 602 & echo started $! started\n").await;
    until(&mut terminal, "\nstarted ").await;
    // They have become what they are to be.
    let both = "until [ $(grep -laE '^sleep.60[12]' /proc/[0-9]*/cmdline 2>/dev/null | wc -l) -ge 2 ]; do sleep 0.1; done; ";
    type_in(&terminal, both).await;
    type_in(&terminal, "for p in /proc/[0-9]*; do tr '\\0' ' ' 2>/dev/null <$p/cmdline | grep -q '^sleep 60[12]' && echo found=${p#/proc/}=; done; echo fin''ished\n").await;
    let shown = until(&mut terminal, "finished").await;
    let found = |line: &str| line.strip_prefix("found=")?.split('=').next()?.parse::<i32>().ok();
    let begun: Vec<_> = shown.lines().filter_map(found).collect();
    assert!(begun.len() >= 2, "{shown:?}");
    drop(terminal);
    for process in begun {
        gone(process).await;
    }
    assert!(!run.task.is_finished(), "the agent goes on");
    run.stop.cancel();
    run.task.await.unwrap().unwrap();
    let refused = run.backend.terminal(run.id, SIZE).await;
    assert_eq!(refused.unwrap_err(), Unavailable::NotRunning);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_terminal_whose_shell_reads_nothing_ends_too() {
    let run = run(&["sleep", "600"]);
    let mut terminal = terminal(&run).await;
    type_in(&terminal, "echo =$$=; sleep 603\n").await;
    let shown = until(&mut terminal, "=\r\n").await;
    let shell = shown.split('=').find_map(|word| word.parse::<i32>().ok()).unwrap();
    // More than the terminal takes: the rest waits.
    type_in(&terminal, &"nothing\n".repeat(1 << 17)).await;
    eventually("taken input", ONLINE, || async {
        (terminal.input.capacity() == terminal.input.max_capacity()).then_some(())
    })
    .await;
    drop(terminal);
    gone(shell).await;
    run.stop.cancel();
    run.task.await.unwrap().unwrap();
}

async fn text(run: &Run, range: LogRange) -> String {
    let mut logs = run.backend.logs(run.id, range).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = logs.next().await {
        text.extend_from_slice(&piece.unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_are_followed_without_the_values_of_secrets() {
    let script = "echo one; echo two >&2; while [ ! -e go ]; do sleep 0.05; done; \
                  printf 'open ses'; sleep 0.1; echo ame-open; echo $WORKSPACE_AUTH_TOKEN; exec sleep 600";
    let run = run(&["sh", "-c", script]);
    let range = LogRange { tail: 10, follow: false };
    eventually("first lines", ONLINE, || async {
        let logs = run.backend.logs(run.id, range).await.ok()?;
        drop(logs);
        (text(&run, range).await == "one\ntwo\n").then_some(())
    })
    .await;
    let follow = LogRange { tail: 1, follow: true };
    let mut logs = run.backend.logs(run.id, follow).await.unwrap();
    std::fs::write(Folders::of(run._data_dir.path(), run.id).workspace.join("go"), "").unwrap();
    let mut seen = String::new();
    let expected = "two\nopen [REDACTED:OPEN]\n[REDACTED:WORKSPACE_AUTH_TOKEN]\n";
    let reading = async {
        while seen != expected {
            let piece = logs.next().await.unwrap().unwrap();
            seen.push_str(std::str::from_utf8(&piece).unwrap());
        }
    };
    tokio::time::timeout(ONLINE, reading).await.unwrap_or_else(|_| panic!("{seen:?}"));
    // They stay when the agent ends, and go when it is forgotten.
    run.stop.cancel();
    run.task.await.unwrap().unwrap();
    let range = LogRange { tail: 2, follow: false };
    let mut last = run.backend.logs(run.id, range).await.unwrap();
    assert!(last.next().await.unwrap().unwrap().starts_with(b"open [REDACTED"));
    run.backend.forget(run.id).await;
    assert!(logs.next().await.is_none(), "followers are told");
    let refused = run.backend.logs(run.id, range).await;
    assert_eq!(refused.err(), Some(Unavailable::NotRunning));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ends_are_told_as_they_were() {
    for (command, reason) in [
        (&["sh", "-c", "exit 3"][..], "it exited with status 3"),
        (&["true"], "it exited with status 0"),
        (&["sh", "-c", "kill -9 $$"], "it was killed by signal 9 (SIGKILL)"),
        (&["/no/such/program"], "it exited with status 127: its program could not be started"),
    ] {
        let run = run(command);
        let failure = run.task.await.unwrap().unwrap_err();
        assert_eq!((failure.reason.as_str(), failure.hopeless), (reason, false), "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_or_ended_leaves_nothing() {
    let script = "setsid sleep 600 & echo $! >begun; wait";
    for drops in [true, false] {
        let run = run(&["sh", "-c", script]);
        let file = Folders::of(run._data_dir.path(), run.id).workspace.join("begun");
        let begun: i32 = eventually("begun process", ONLINE, || async {
            std::fs::read_to_string(&file).ok()?.trim().parse().ok()
        })
        .await;
        assert!(is_alive(begun));
        assert_eq!(run.backend.reap(&BTreeSet::new()).await, Ok(0), "what runs is not reaped");
        assert!(is_alive(begun));
        if drops {
            run.task.abort();
        } else {
            run.backend.end(run.id).await.unwrap();
            let failure = run.task.await.unwrap().unwrap_err();
            assert!(failure.reason.contains("SIGKILL"), "{failure:?}");
        }
        gone(begun).await;
    }
}
