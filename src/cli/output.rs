//! What a command prints: a document, or text and tables for people.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::error::{CliError, Done};
use super::text::{json_safe, width};

/// Stdout, and how to write to it.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document, or one a line for streams.
    pub json: bool,
    /// Stdout is a terminal.
    pub tty: bool,
    pub colour: bool,
}

impl Output {
    /// Returns the output of this process.
    pub fn of_process(json: bool) -> Self {
        let tty = io::stdout().is_terminal();
        let given = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = given("TERM").is_some_and(|term| term == "dumb");
        Self { json, tty, colour: tty && !json && !dumb && given("NO_COLOR").is_none() }
    }

    /// Prints a line.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn line(self, text: impl AsRef<str>) -> Done {
        let mut out = io::stdout().lock();
        Ok(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush())?)
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// When nobody reads them.
    pub fn bytes(self, bytes: &[u8]) -> Done {
        let mut out = io::stdout().lock();
        Ok(out.write_all(bytes).and_then(|()| out.flush())?)
    }

    /// Prints the one document of a command.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn document(self, document: &impl Serialize) -> Done {
        let text = serde_json::to_string_pretty(document);
        let text = text.map_err(|error| CliError::failed(format!("no document: {error}")))?;
        self.line(json_safe(&text))
    }

    /// Prints one document of a stream, on one line.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn item(self, document: &impl Serialize) -> Done {
        let text = serde_json::to_string(document);
        let text = text.map_err(|error| CliError::failed(format!("no document: {error}")))?;
        self.line(json_safe(&text))
    }

    /// Returns the text in a colour of the terminal, where there are colours.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        match (self.colour, colour) {
            (false, _) | (_, Colour::Plain) => text.to_owned(),
            (true, colour) => format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code()),
        }
    }
}

/// Colours of a terminal's own palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Faint,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Faint => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
        }
    }
}

/// A table, aligned by the columns that its texts take on a terminal.
#[derive(Clone, Debug)]
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<(String, Colour)>>,
    /// Columns of numbers, which end at the same place.
    numbers: Vec<usize>,
}

impl Table {
    /// Returns an empty table; `numbers` are the columns to align to the right.
    pub fn new(heads: &[&'static str], numbers: &[usize]) -> Self {
        Self { heads: heads.to_vec(), rows: Vec::new(), numbers: numbers.to_vec() }
    }

    pub fn row(&mut self, cells: Vec<(String, Colour)>) {
        self.rows.push(cells);
    }

    /// Returns the lines.
    pub fn lines(&self, output: Output) -> Vec<String> {
        let heads: Vec<_> =
            self.heads.iter().map(|head| ((*head).to_owned(), Colour::Faint)).collect();
        let all = || std::iter::once(&heads).chain(&self.rows);
        let widest = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|(text, _)| width(text)).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.heads.len()).map(widest).collect();
        all().map(|row| self.aligned(row, &widths, output)).collect()
    }

    fn aligned(&self, row: &[(String, Colour)], widths: &[usize], output: Output) -> String {
        let mut line = String::new();
        for (column, ((text, colour), most)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(most - width(text));
            let painted = output.paint(*colour, text);
            if column > 0 {
                line.push_str("  ");
            }
            if self.numbers.contains(&column) {
                line.push_str(&gap);
                line.push_str(&painted);
            } else {
                line.push_str(&painted);
                if column + 1 < row.len() {
                    line.push_str(&gap);
                }
            }
        }
        line
    }

    /// Prints it.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn print(&self, output: Output) -> Done {
        output.line(self.lines(output).join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Output = Output { json: false, tty: false, colour: false };

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "QUEUE"], &[1]);
        table.row(vec![("家".to_owned(), Colour::Red), ("7".to_owned(), Colour::Plain)]);
        table.row(vec![("Grace".to_owned(), Colour::Plain), ("120".to_owned(), Colour::Plain)]);
        table
    }

    #[test]
    fn columns_end_where_they_should() {
        assert_eq!(table().lines(PLAIN), ["NAME   QUEUE", "家         7", "Grace    120"]);
    }

    #[test]
    fn colours_take_no_columns() {
        let lines = table().lines(Output { colour: true, ..PLAIN });
        assert_eq!(lines[1], "\u{1b}[31m家\u{1b}[0m         7");
    }
}
