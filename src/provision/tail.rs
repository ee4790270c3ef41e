//! The last lines that an agent wrote.

use std::time::Duration;

use futures_util::StreamExt;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::text::printable;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::{Backend, LogRange, Unavailable};

/// How much of the output is looked at, in bytes, and for how long.
const MAX_READ: usize = 256 << 10;
const READ_LIMIT: Duration = Duration::from_secs(3);
/// What takes the place of a secret.
const REDACTED: &str = "[redacted]";
/// Shorter values are found everywhere: taking them out would tell what they are.
const SHORTEST: usize = 4;

/// Returns the last `lines` lines that an agent wrote, readable.
///
/// # Errors
/// [`Unavailable`].
pub async fn tail(
    backend: &dyn Backend,
    id: WorkspaceId,
    lines: usize,
) -> Result<String, Unavailable> {
    let late = || Unavailable::Engine("its output did not come in time".to_owned());
    let read = async {
        let mut output = backend.logs(id, LogRange { tail: lines, follow: false }).await?;
        let mut bytes = Vec::new();
        while let Some(Ok(piece)) = output.next().await {
            bytes.extend_from_slice(&piece);
            if bytes.len() > 2 * MAX_READ {
                bytes.drain(..bytes.len() - MAX_READ);
            }
        }
        Ok::<_, Unavailable>(bytes)
    };
    let bytes = timeout(READ_LIMIT, read).await.map_err(|_| late())??;
    let text = printable(&String::from_utf8_lossy(&bytes), MAX_READ);
    Ok(last_lines(&text, lines))
}

/// Returns `text` without the values of `secrets`, nor lines of them.
pub fn redacted(mut text: String, secrets: &[SecretString]) -> String {
    let mut values: Vec<&str> = secrets
        .iter()
        .flat_map(|secret| {
            let value = secret.expose_secret();
            std::iter::once(value).chain(value.lines().map(str::trim))
        })
        .filter(|value| value.len() >= SHORTEST)
        .collect();
    // A value that holds another goes first.
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        if text.contains(value) {
            text = text.replace(value, REDACTED);
        }
    }
    text
}

fn last_lines(text: &str, lines: usize) -> String {
    let text = text.trim_end();
    let from = text.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out_whole_and_by_the_line() {
        let secrets =
            ["sk-12", "sk-12345", "abc", "first line\nsecond line"].map(SecretString::from);
        let text = "key sk-12345, abc\nsecond line of it".to_owned();
        assert_eq!(redacted(text, &secrets), "key [redacted], abc\n[redacted] of it");
    }

    #[test]
    fn the_last_lines_are_whole() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\nb", 9), "a\nb");
        assert_eq!(last_lines("", 2), "");
    }
}
