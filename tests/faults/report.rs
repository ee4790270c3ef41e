//! The page of faults: rows that tests declare, and figures that they leave behind.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::PARTS;

/// A fault: a line of the page.
#[derive(Debug)]
pub struct Row {
    /// Names its figure's file: lower case, hyphens.
    pub id: &'static str,
    pub fault: &'static str,
    pub expected: &'static str,
}

const PAGE: &str = "docs/operations/faults.md";
const BEGIN: &str = "<!-- rows: begin (make faults) -->\n";
const END: &str = "<!-- rows: end -->";

/// Returns whether this is the long run (`make faults`): more of everything.
pub fn long() -> bool {
    std::env::var_os("ISOMER_FAULTS").is_some_and(|value| value == "long")
}

/// Leaves the figure of a fault whose test has seen all that is expected; prints it, too.
pub fn shown(id: &str, figure: &str) {
    let declared = PARTS.iter().flat_map(|(_, rows)| *rows).any(|row| row.id == id);
    assert!(declared, "{id} is not a row of any part");
    println!("{id}: {figure}");
    std::fs::create_dir_all(figures()).unwrap();
    std::fs::write(figures().join(id), figure).unwrap();
}

fn figures() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults")
}

/// The rows as Markdown, each with its figure, or `None` for one without.
fn rows(figure: impl Fn(&Row) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    for (part, rows) in PARTS {
        write!(text, "\n## {part}\n\n| Fault | What must happen | Seen |\n|---|---|---|\n").ok()?;
        for row in *rows {
            let figure = figure(row)?;
            writeln!(text, "| {} | {} | {} |", row.fault, row.expected, figure).ok()?;
        }
    }
    Some(text + "\n")
}

/// The page's rows are those of the tests; `UPDATE_FAULTS=1` writes them anew with the figures that
/// the tests of this checkout left (`make faults` runs this last), where there is none the page's.
#[test]
fn the_page_has_every_fault() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let on_the_page = |row: &Row| {
        let start = format!("| {} | {} | ", row.fault, row.expected);
        let line = table.lines().find_map(|line| line.strip_prefix(&start))?;
        line.strip_suffix(" |").map(str::to_owned)
    };
    if std::env::var_os("UPDATE_FAULTS").is_some() {
        let left = |row: &Row| std::fs::read_to_string(figures().join(row.id)).ok();
        let rows = rows(|row| left(row).or_else(|| on_the_page(row)).or(Some("–".to_owned())));
        let page = format!("{before}{BEGIN}{}{END}{after}", rows.unwrap());
        return std::fs::write(path, page).unwrap();
    }
    let missing = PARTS.iter().flat_map(|(_, rows)| *rows).find(|row| on_the_page(row).is_none());
    assert!(missing.is_none(), "{PAGE} lacks {missing:?}: `make faults`, or UPDATE_FAULTS=1");
    assert_eq!(rows(on_the_page).as_deref(), Some(table), "{PAGE} has rows that no test has");
}
