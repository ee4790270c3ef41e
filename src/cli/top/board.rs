//! What `isomer top` shows, and what keys do to it. Pure: rows and keys in, order and selection out.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use uuid::Uuid;

use crate::cli::text::visible;
use crate::cli::workspace::Workspace;

/// Longest filter, in characters.
const MOST_FILTER: usize = 100;

/// By what rows are ordered; equal ones by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sort {
    /// What needs somebody first
    Status,
    Name,
    Tier,
    /// Most tasks first
    Tasks,
    /// Longest silence first
    Beat,
    /// Longest queue first
    Queue,
    /// Highest share of errors first
    Errors,
}

impl Sort {
    const ALL: [Self; 7] =
        [Self::Status, Self::Name, Self::Tier, Self::Tasks, Self::Beat, Self::Queue, Self::Errors];

    /// Returns its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Name => "name",
            Self::Tier => "tier",
            Self::Tasks => "tasks",
            Self::Beat => "beat",
            Self::Queue => "queue",
            Self::Errors => "errors",
        }
    }

    fn compare(self, a: &Workspace, b: &Workspace) -> Ordering {
        let first = match self {
            Self::Status => urgency(&a.status).cmp(&urgency(&b.status)),
            Self::Name => Ordering::Equal,
            Self::Tier => b.tier.cmp(&a.tier),
            Self::Tasks => b.active_tasks.cmp(&a.active_tasks),
            // Who never beat has been silent for longest.
            Self::Beat => a.last_heartbeat_at.cmp(&b.last_heartbeat_at),
            Self::Queue => b.queue_depth.cmp(&a.queue_depth),
            Self::Errors => b.last_error_rate.total_cmp(&a.last_error_rate),
        };
        first.then_with(|| a.name.cmp(&b.name)).then_with(|| a.id.cmp(&b.id))
    }
}

/// How far down a status is when what needs somebody comes first.
fn urgency(status: &str) -> u8 {
    let order = [
        "failed",
        "offline",
        "degraded",
        "provisioning",
        "hibernating",
        "awaiting_agent",
        "online",
        "paused",
        "hibernated",
    ];
    order.iter().position(|known| *known == status).map_or(u8::MAX, |place| place as u8)
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Go,
    Quit,
}

/// The table.
#[derive(Debug)]
pub struct Board {
    all: Vec<Workspace>,
    /// Indexes into `all`: those that pass the filter, in order.
    shown: Vec<usize>,
    pub sort: Sort,
    pub reversed: bool,
    pub filter: String,
    /// Keys go into the filter.
    pub typing: bool,
    selected: Option<Uuid>,
    /// First row on the screen.
    pub offset: usize,
    /// Rows on the screen.
    pub height: usize,
    pub server: String,
    /// When the rows were read.
    pub read_at: Option<DateTime<Utc>>,
    /// Why newer rows are not there.
    pub problem: Option<String>,
}

impl Board {
    /// Returns a board without rows.
    pub fn new(server: &str, sort: Sort) -> Self {
        Self {
            all: Vec::new(),
            shown: Vec::new(),
            sort,
            reversed: false,
            filter: String::new(),
            typing: false,
            selected: None,
            offset: 0,
            height: 1,
            server: visible(server),
            read_at: None,
            problem: None,
        }
    }

    /// Takes newer rows. The selection stays with its workspace.
    pub fn update(&mut self, rows: Vec<Workspace>, at: DateTime<Utc>) {
        let place = self.place();
        self.all = rows;
        self.read_at = Some(at);
        self.problem = None;
        self.arrange(place);
    }

    /// All rows.
    pub fn all(&self) -> &[Workspace] {
        &self.all
    }

    /// The rows that pass the filter, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Workspace> {
        self.shown.iter().map(|index| &self.all[*index])
    }

    /// The rows that are on the screen.
    pub fn window(&self) -> impl Iterator<Item = &Workspace> {
        self.rows().skip(self.offset).take(self.height)
    }

    /// The selected row: its place among those shown.
    pub fn selected(&self) -> Option<(usize, &Workspace)> {
        let id = self.selected?;
        self.rows().enumerate().find(|(_, row)| row.id == id)
    }

    /// Has the screen show so many rows, the selected one among them.
    pub fn fit(&mut self, height: usize) {
        self.height = height.max(1);
        let place = self.place();
        self.offset = self.offset.min(place).max((place + 1).saturating_sub(self.height));
        self.offset = self.offset.min(self.shown.len().saturating_sub(self.height));
    }

    fn place(&self) -> usize {
        self.selected().map_or(0, |(place, _)| place)
    }

    /// Filters and orders. Who was selected stays so, else what stands at that place.
    fn arrange(&mut self, place: usize) {
        let wanted = self.filter.to_lowercase();
        let passes = |row: &Workspace| {
            wanted.is_empty()
                || row.name.to_lowercase().contains(&wanted)
                || row.status.contains(&wanted)
                || row.runtime.contains(&wanted)
                || row.id.to_string().starts_with(&wanted)
        };
        let mut shown: Vec<usize> = (0..self.all.len()).filter(|i| passes(&self.all[*i])).collect();
        shown.sort_by(|a, b| self.sort.compare(&self.all[*a], &self.all[*b]));
        if self.reversed {
            shown.reverse();
        }
        self.shown = shown;
        if self.selected().is_none() {
            self.select(place);
        }
    }

    fn select(&mut self, place: usize) {
        let last = self.shown.len().saturating_sub(1);
        self.selected = self.shown.get(place.min(last)).map(|index| self.all[*index].id);
    }

    /// Does what a key says.
    pub fn press(&mut self, key: KeyEvent) -> Flow {
        if key.kind == KeyEventKind::Release {
            return Flow::Go;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Flow::Quit } else { Flow::Go };
        }
        if self.typing {
            self.type_into_filter(key.code);
            return Flow::Go;
        }
        let place = self.place();
        match key.code {
            KeyCode::Char('q') => return Flow::Quit,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => {
                self.filter.clear();
                self.arrange(self.place());
            }
            KeyCode::Char('s') => {
                let next = Sort::ALL.iter().position(|sort| *sort == self.sort).unwrap_or(0) + 1;
                self.sort_by(Sort::ALL[next % Sort::ALL.len()]);
            }
            KeyCode::Char('r') => {
                self.reversed = !self.reversed;
                self.arrange(self.place());
            }
            KeyCode::Char(digit @ '1'..='7') => {
                self.sort_by(Sort::ALL[digit as usize - '1' as usize]);
            }
            KeyCode::Down | KeyCode::Char('j') => self.select(place + 1),
            KeyCode::Up | KeyCode::Char('k') => self.select(place.saturating_sub(1)),
            KeyCode::PageDown => self.select(place + self.height),
            KeyCode::PageUp => self.select(place.saturating_sub(self.height)),
            KeyCode::Home | KeyCode::Char('g') => self.select(0),
            KeyCode::End | KeyCode::Char('G') => self.select(usize::MAX),
            _ => {}
        }
        Flow::Go
    }

    fn sort_by(&mut self, sort: Sort) {
        self.sort = sort;
        self.arrange(self.place());
    }

    fn type_into_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) if self.filter.chars().count() < MOST_FILTER => self.filter.push(c),
            _ => {}
        }
        self.arrange(self.place());
    }
}
