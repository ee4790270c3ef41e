//! `isomer logs`: what an agent wrote.

use clap::Args;
use reqwest::Method;
use serde_json::json;

use super::Common;
use super::client::Request;
use super::error::Done;
use super::output::Output;
use super::text::log_line;
use super::workspace;

/// Longest line; what is longer is printed in pieces.
const MOST_LINE: usize = 64 << 10;

/// How much to print.
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// Go on printing what it writes, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Print this many of the last lines
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 200,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lines: u32,
    #[command(flatten)]
    pub common: Common,
}

/// # Errors
/// When there are no logs, or the server stops answering.
pub async fn run(args: LogsArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let follow = if args.follow { "&follow=1" } else { "" };
    let path = found.path(&format!("/logs?tail={}{follow}", args.lines));
    let mut request = Request::new(Method::GET, &path);
    if args.follow {
        request.limit = None;
    }
    let mut response = client.start(request).await?;
    if !response.status().is_success() {
        return Err(client.refused(response).await);
    }
    let mut lines = Lines::default();
    while let Some(piece) = response.chunk().await.map_err(|error| client.unreachable(&error))? {
        lines.print(&piece, output)?;
    }
    lines.end(output)
}

/// The beginning of a line whose end has not come.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// A file gets the bytes as they are; a terminal and documents get lines.
    fn print(&mut self, piece: &[u8], output: Output) -> Done {
        if !output.tty && !output.json {
            return output.bytes(piece);
        }
        for line in self.take(piece) {
            show(&line, output)?;
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) -> Vec<String> {
        let mut whole = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.0.extend_from_slice(part);
            if part.ends_with(b"\n") || self.0.len() >= MOST_LINE {
                let line = std::mem::take(&mut self.0);
                whole
                    .push(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
            }
        }
        whole
    }

    fn end(self, output: Output) -> Done {
        if self.0.is_empty() { Ok(()) } else { show(&String::from_utf8_lossy(&self.0), output) }
    }
}

fn show(line: &str, output: Output) -> Done {
    if output.json { output.item(&json!({"line": line})) } else { output.line(log_line(line)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together() {
        let mut lines = Lines::default();
        assert!(lines.take(&"be\u{fc}".as_bytes()[..3]).is_empty());
        let rest = [&"be\u{fc}".as_bytes()[3..], b"r\r\nnext\nopen"].concat();
        assert_eq!(lines.take(&rest), ["be\u{fc}r", "next"]);
        assert_eq!(lines.0, b"open");
    }

    #[test]
    fn an_endless_line_is_no_leak() {
        let mut lines = Lines::default();
        let printed: usize = (0..10).map(|_| lines.take(&[b'x'; 30 << 10]).len()).sum();
        assert!(printed >= 3 && lines.0.len() < MOST_LINE, "{printed}");
    }
}
