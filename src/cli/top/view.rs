//! How the table looks. Only rows on the screen are built, however many there are.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::board::{Board, Sort};
use crate::cli::output::Colour;
use crate::cli::ps::percent;
use crate::cli::text::{fit, visible};
use crate::cli::workspace::{Workspace, age, look};

/// From this width on, runtimes are shown.
const WIDE: u16 = 100;
/// Rows that are older than this are called so.
const STALE_SECONDS: i64 = 10;
const KEYS: &str = "q quit  / filter  s sort  r reverse  ↑↓ select  1-7 column";

/// The look of the screen.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub colour: bool,
}

impl Look {
    fn style(self, colour: Colour) -> Style {
        if !self.colour {
            return Style::new();
        }
        match colour {
            Colour::Plain => Style::new(),
            Colour::Faint => Style::new().add_modifier(Modifier::DIM),
            Colour::Red => Style::new().fg(Color::Red),
            Colour::Green => Style::new().fg(Color::Green),
            Colour::Yellow => Style::new().fg(Color::Yellow),
            Colour::Blue => Style::new().fg(Color::Blue),
        }
    }
}

/// Draws the board.
pub fn draw(frame: &mut Frame<'_>, board: &mut Board, now: DateTime<Utc>, look: Look) {
    let [head, counts, table, detail, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Min(2),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    board.fit(usize::from(table.height.saturating_sub(1)));
    frame.render_widget(title(board, now), head);
    frame.render_widget(totals(board, look), counts);
    frame.render_widget(rows(board, now, look, table), table);
    frame.render_widget(selected(board), detail);
    frame.render_widget(footer(board, now, look), foot);
}

fn title(board: &Board, now: DateTime<Utc>) -> Line<'static> {
    let read = board.read_at.map_or(0, |at| (now - at).num_seconds());
    let stale = if read > STALE_SECONDS { format!(", {} old", age(read)) } else { String::new() };
    let order = if board.reversed { ", reversed" } else { "" };
    let text = format!(
        "isomer  {}  {} of {} workspaces by {}{order}{stale}",
        board.server,
        board.rows().len(),
        board.all().len(),
        board.sort.as_str(),
    );
    Line::styled(text, Style::new().add_modifier(Modifier::BOLD))
}

fn totals(board: &Board, looks: Look) -> Line<'static> {
    let mut counts = BTreeMap::<&str, usize>::new();
    let (mut tasks, mut waiting) = (0, 0);
    for one in board.all() {
        *counts.entry(&one.status).or_default() += 1;
        tasks += one.active_tasks;
        waiting += one.queue_depth;
    }
    let mut spans = vec![Span::raw(format!("{tasks} tasks  {waiting} waiting"))];
    for (status, count) in counts {
        let (symbol, colour) = look(status);
        let text = format!("  {symbol} {count} {}", visible(status));
        spans.push(Span::styled(text, looks.style(colour)));
    }
    Line::from(spans)
}

fn rows(board: &Board, now: DateTime<Utc>, look: Look, area: Rect) -> Table<'static> {
    let wide = area.width >= WIDE;
    let mut heads = vec![("NAME", Some(Sort::Name)), ("STATUS", Some(Sort::Status))];
    let mut widths = vec![Constraint::Min(12), Constraint::Length(16)];
    if wide {
        heads.push(("RUNTIME", None));
        widths.push(Constraint::Length(14));
    }
    for (head, sort, width) in [
        ("TIER", Sort::Tier, 4),
        ("TASKS", Sort::Tasks, 5),
        ("QUEUE", Sort::Queue, 6),
        ("ERRORS", Sort::Errors, 6),
        ("BEAT", Sort::Beat, 5),
    ] {
        heads.push((head, Some(sort)));
        widths.push(Constraint::Length(width));
    }
    let texts = if wide { 3 } else { 2 };
    let head = heads.into_iter().enumerate().map(|(column, (text, sort))| {
        let style = match sort == Some(board.sort) {
            true => Style::new().add_modifier(Modifier::UNDERLINED | Modifier::BOLD),
            false => look.style(Colour::Faint),
        };
        cell(text.to_owned(), column >= texts, style)
    });
    let chosen = board.selected().map(|(_, row)| row.id);
    let body = board.window().map(|one| {
        let row = Row::new(cells(one, now, look, wide));
        match chosen == Some(one.id) {
            true => row.style(Style::new().add_modifier(Modifier::REVERSED)),
            false => row,
        }
    });
    Table::new(body.collect::<Vec<_>>(), widths).header(Row::new(head.collect::<Vec<_>>()))
}

fn cells(one: &Workspace, now: DateTime<Utc>, looks: Look, wide: bool) -> Vec<Cell<'static>> {
    let (symbol, colour) = look(&one.status);
    let status = format!("{symbol} {}", visible(&one.status));
    let mut cells = vec![
        cell(visible(&one.name), false, Style::new()),
        cell(status, false, looks.style(colour)),
    ];
    if wide {
        cells.push(cell(visible(&one.runtime), false, Style::new()));
    }
    let numbers = [
        one.tier.to_string(),
        one.active_tasks.to_string(),
        one.queue_depth.to_string(),
        percent(one.last_error_rate),
        one.beat_age(now),
    ];
    cells.extend(numbers.into_iter().map(|text| cell(text, true, Style::new())));
    cells
}

fn cell(text: String, is_number: bool, style: Style) -> Cell<'static> {
    let side = if is_number { Alignment::Right } else { Alignment::Left };
    Cell::from(Line::styled(text, style).alignment(side))
}

fn selected(board: &Board) -> Paragraph<'static> {
    let Some((_, one)) = board.selected() else { return Paragraph::new("") };
    let doing = match (one.last_sample_error.as_str(), one.current_task.as_str()) {
        ("", "") => String::new(),
        ("", task) => visible(task),
        (error, _) => format!("error: {}", visible(error)),
    };
    Paragraph::new(format!("{}  {}  {doing}", one.id, fit(&visible(&one.name), 24)))
}

fn footer(board: &Board, now: DateTime<Utc>, look: Look) -> Line<'static> {
    if board.typing {
        return Line::raw(format!("/{}▏", visible(&board.filter)));
    }
    if let Some(problem) = &board.problem {
        let since = board.read_at.map_or(0, |at| (now - at).num_seconds());
        let text = format!("no news for {}: {problem}", age(since));
        return Line::styled(text, look.style(Colour::Red).add_modifier(Modifier::BOLD));
    }
    let filter = match board.filter.as_str() {
        "" => String::new(),
        filter => format!("filter: {} (Esc ends it)  ", visible(filter)),
    };
    Line::styled(format!("{filter}{KEYS}"), look.style(Colour::Faint))
}
