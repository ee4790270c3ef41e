//! Shells in containers.

use bytes::Bytes;
use isomer::provision::{Backend, Terminal, TerminalInput, TerminalSize, Unavailable};

use super::backend::{Bench, CONTAINERS};
use super::engine::container;
use crate::support::eventually;

const SIZE: TerminalSize = TerminalSize { columns: 83, rows: 27 };

async fn type_in(terminal: &Terminal, text: &str) {
    let bytes = Bytes::from(format!("{text}\n"));
    terminal.input.send(TerminalInput::Data(bytes)).await.unwrap();
}

/// Reads until a text is shown.
async fn shown(terminal: &mut Terminal, text: &str) -> String {
    let mut seen = String::new();
    let wait = async {
        while !seen.contains(text) {
            let chunk = terminal.output.recv().await.expect("the terminal goes on");
            seen.push_str(&String::from_utf8_lossy(&chunk));
        }
    };
    let done = tokio::time::timeout(CONTAINERS, wait).await;
    assert!(done.is_ok(), "no {text:?} in {seen:?}");
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shell_is_beside_the_agent_and_goes_with_its_terminal() {
    let Some(bench) = Bench::start(&[]) else { return };
    let launch = bench.launch(1, "exec sleep 1000");
    let id = launch.agent.id;
    let refused = bench.backend.terminal(id, SIZE).await;
    assert_eq!(refused.err(), Some(Unavailable::NotRunning));
    let run = bench.run(&launch);
    bench.running(&launch).await;
    let name = container(&id.to_string());

    let mut terminal = bench.backend.terminal(id, SIZE).await.unwrap();
    type_in(&terminal, "echo a$((1 + 1))b; cat /proc/1/comm").await;
    shown(&mut terminal, "a2b").await;
    let sized = async |terminal: &mut Terminal, size: &str| {
        let asking = async {
            loop {
                type_in(terminal, "echo \"<$(stty size)>\"").await;
                if shown(terminal, ">\r\n").await.contains(size) {
                    return;
                }
            }
        };
        let sized = tokio::time::timeout(CONTAINERS, asking).await;
        assert!(sized.is_ok(), "the terminal never was {size}");
    };
    sized(&mut terminal, "<27 83>").await;
    let size = TerminalSize { columns: 120, rows: 40 };
    terminal.input.send(TerminalInput::Resize(size)).await.unwrap();
    sized(&mut terminal, "<40 120>").await;
    // Bytes that look like a frame of the engine's are bytes all the same.
    type_in(&terminal, "printf '\\001\\000\\000\\000\\000\\000\\377\\377'; echo whole").await;
    shown(&mut terminal, "whole\r\n").await;

    // What it began goes with it, whatever that ignores.
    type_in(&terminal, "(trap '' HUP TERM; while :; do sleep 77; done) & echo beg''un").await;
    shown(&mut terminal, "begun").await;
    assert!(bench.engine.exec(&name, "ps").contains("sleep 77"));
    drop(terminal);
    let left = || async {
        let processes = bench.engine.exec(&name, "ps");
        let shells =
            processes.lines().filter(|line| line.contains("sleep 77") || line.ends_with("sh"));
        (shells.count() == 0).then_some(())
    };
    eventually("end of the shell", CONTAINERS, left).await;
    assert!(!run.task.is_finished(), "its agent goes on");

    // One that ends by itself ends its terminal.
    let mut terminal = bench.backend.terminal(id, SIZE).await.unwrap();
    type_in(&terminal, "exit").await;
    let ended = async { while terminal.output.recv().await.is_some() {} };
    tokio::time::timeout(CONTAINERS, ended).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shells_of_a_server_that_died_are_ended_by_the_next() {
    let Some(bench) = Bench::start(&[]) else { return };
    let launch = bench.launch(2, "exec sleep 1000");
    let run = bench.run(&launch);
    bench.running(&launch).await;
    let name = container(&launch.agent.id.to_string());
    // As one that was killed leaves it.
    let shell = ["exec", "--detach", "--env", "ISOMER_TERMINAL=x", &name, "/bin/sleep", "88"];
    bench.engine.docker(&shell);
    run.task.abort();
    let _ = run.task.await;
    let _run = bench.run(&launch);
    eventually("end of the shell", CONTAINERS, || async {
        (!bench.engine.exec(&name, "ps").contains("sleep 88")).then_some(())
    })
    .await;
}
