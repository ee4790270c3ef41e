//! Frames as text, and what keys do to them.

use chrono::{DateTime, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use uuid::Uuid;

use super::board::{Board, Flow, Sort};
use super::view::{Look, draw};
use crate::cli::workspace::Workspace;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn workspace(id: u128, name: &str, status: &str) -> Workspace {
    Workspace {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        status: status.to_owned(),
        tier: 3,
        runtime: "isomer".to_owned(),
        last_heartbeat_at: Some(now() - chrono::Duration::seconds(id as i64)),
        ..Workspace::default()
    }
}

fn three() -> Board {
    let mut board = Board::new("http://127.0.0.1:8080", Sort::Status);
    let mut failed = workspace(7, "Grace\u{1b}[2J", "failed");
    failed.last_sample_error = "no key".to_owned();
    failed.last_error_rate = 0.25;
    let mut busy = workspace(20, "家 Ada", "online");
    (busy.active_tasks, busy.queue_depth) = (2, 11);
    board.update(vec![busy, failed, workspace(400, "Alan", "offline")], now());
    board
}

fn frame(board: &mut Board, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, board, now(), Look { colour: true })).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let mut lines = Vec::new();
    for y in 0..height {
        let mut line = String::new();
        let mut x = 0;
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += (crate::cli::text::width(symbol) as u16).max(1);
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

fn press(board: &mut Board, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            key => KeyCode::Char(key),
        };
        assert_eq!(board.press(KeyEvent::new(code, KeyModifiers::NONE)), Flow::Go, "{key:?}");
    }
}

fn names(board: &Board) -> Vec<&str> {
    board.rows().map(|row| row.name.as_str()).collect()
}

#[test]
fn a_frame_of_eighty_columns() {
    let expected = include_str!("frame-80x12.txt");
    assert_eq!(frame(&mut three(), 80, 12), expected.trim_end(), "as in top/frame-80x12.txt");
}

#[test]
fn a_wide_frame_shows_runtimes() {
    let shown = frame(&mut three(), 120, 12);
    assert!(shown.contains("RUNTIME") && shown.contains("isomer"), "{shown}");
}

#[test]
fn every_size_can_be_drawn() {
    for width in [1, 10, 40, 79, 80, 300] {
        for height in [1, 2, 5, 24, 100] {
            frame(&mut three(), width, height);
        }
    }
}

#[test]
fn keys_sort_and_filter() {
    let mut board = three();
    assert_eq!(names(&board), ["Grace\u{1b}[2J", "Alan", "家 Ada"]);
    press(&mut board, "s");
    assert_eq!((board.sort, names(&board)[0]), (Sort::Name, "Alan"));
    press(&mut board, "r");
    assert_eq!(names(&board)[0], "家 Ada");
    press(&mut board, "r5");
    assert_eq!((board.sort, names(&board)[0]), (Sort::Beat, "Alan"));
    press(&mut board, "6");
    assert_eq!(names(&board)[0], "家 Ada");
    press(&mut board, "/ad");
    assert_eq!(names(&board), ["家 Ada"]);
    assert!(frame(&mut board, 80, 12).contains("/ad▏"));
    press(&mut board, "\u{8}x\n");
    assert!(names(&board).is_empty() && !board.typing);
    press(&mut board, "\u{1b}");
    assert_eq!(names(&board).len(), 3);
    for key in [
        KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE),
        KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
    ] {
        assert_eq!(board.press(key), Flow::Quit);
    }
}

#[test]
fn the_selection_stays_with_its_workspace() {
    let mut board = three();
    press(&mut board, "jj");
    assert_eq!(board.selected().unwrap().1.name, "家 Ada");
    press(&mut board, "s");
    assert_eq!(board.selected().unwrap().1.name, "家 Ada");
    board.update(vec![workspace(1, "Zoe", "online"), workspace(20, "Ada", "failed")], now());
    assert_eq!(board.selected().unwrap().1.id, Uuid::from_u128(20));
    board.update(vec![workspace(1, "Zoe", "online")], now());
    assert_eq!(board.selected().unwrap().1.name, "Zoe");
    board.update(Vec::new(), now());
    assert!(board.selected().is_none());
}

#[test]
fn five_thousand_are_scrolled_through() {
    let mut board = Board::new("http://127.0.0.1:8080", Sort::Name);
    let many = (0..5_000).map(|n| workspace(n + 1, &format!("agent {n:04}"), "online")).collect();
    board.update(many, now());
    press(&mut board, "G");
    let shown = frame(&mut board, 80, 24);
    assert!(shown.contains("5000 of 5000") && shown.contains("agent 4999"), "{shown}");
    assert!(!shown.contains("agent 4900"));
    assert_eq!(board.window().count(), 19);
    press(&mut board, "g");
    let shown = frame(&mut board, 80, 24);
    assert!(shown.contains("agent 0000") && shown.contains("agent 0018"), "{shown}");
}

#[test]
fn problems_and_old_rows_are_told() {
    let mut board = three();
    board.problem = Some("no server answers".to_owned());
    board.read_at = Some(now() - chrono::Duration::seconds(40));
    let shown = frame(&mut board, 80, 12);
    assert!(shown.contains("no news for 40s: no server answers"), "{shown}");
    assert!(shown.contains("Alan"), "{shown}");
}
