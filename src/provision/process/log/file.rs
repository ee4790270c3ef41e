//! Two files, of which the newer is written: what is kept is bounded. Blocks.

use std::fs::File;
use std::io::{self, Write as _};

use super::super::super::folder::Folder;

const NEW: &str = "agent.log";
const OLD: &str = "agent.log.1";
/// How long a file becomes before another is begun, in bytes.
const LIMIT: u64 = 1 << 20;

/// The files of one workspace.
#[derive(Debug)]
pub(super) struct Files {
    folder: Folder,
    open: Option<(File, u64)>,
    limit: u64,
}

impl Files {
    /// Nothing is made before something is written.
    pub(super) fn new(folder: Folder) -> Self {
        Self { folder, open: None, limit: LIMIT }
    }

    /// Writes a piece at the end. It is never split; a longer file than the limit holds one piece.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let length = piece.len() as u64;
        let size = self.file()?.1;
        let full = size > 0 && size + length > self.limit;
        if full {
            self.folder.rename(NEW, OLD)?;
            self.open = None;
        }
        let (file, size) = self.file()?;
        file.write_all(piece)?;
        *size += length;
        Ok(())
    }

    fn file(&mut self) -> io::Result<&mut (File, u64)> {
        match &mut self.open {
            Some(open) => Ok(open),
            closed => {
                let file = self.folder.append(NEW)?;
                let size = file.metadata()?.len();
                Ok(closed.insert((file, size)))
            }
        }
    }

    /// Returns the last lines.
    pub(super) fn tail(&self, lines: usize) -> io::Result<Vec<u8>> {
        // A piece may have made a file longer than the limit.
        let most = 2 * self.limit;
        let mut all = self.folder.read(OLD, most)?.unwrap_or_default();
        all.extend(self.folder.read(NEW, most)?.unwrap_or_default());
        let from = beginning(&all, lines);
        all.drain(..from);
        Ok(all)
    }
}

/// Returns where the last lines begin. One that is not finished is a line, too.
fn beginning(text: &[u8], lines: usize) -> usize {
    if lines == 0 {
        return text.len();
    }
    let body = text.strip_suffix(b"\n").unwrap_or(text);
    memchr::memrchr_iter(b'\n', body).nth(lines - 1).map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_lines_are_counted_from_the_end() {
        for (text, lines, expected) in [
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc", 2, "b\nc"),
            ("a\nb\n", 9, "a\nb\n"),
            ("a\n", 0, ""),
            ("", 3, ""),
            ("\n\n", 1, "\n"),
        ] {
            assert_eq!(&text[beginning(text.as_bytes(), lines)..], expected, "{text:?} {lines}");
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_is_bounded_and_the_end_of_what_was_written(
            pieces in prop::collection::vec(prop::collection::vec(97u8..123, 1..40), 1..40),
            reopened in 0usize..40,
        ) {
            let root = tempfile::tempdir().unwrap();
            let open = || Files { folder: Folder::open(root.path()).unwrap(), open: None, limit: 64 };
            let mut files = open();
            for (index, piece) in pieces.iter().enumerate() {
                if index == reopened {
                    files = open();
                }
                files.write(piece).unwrap();
            }
            let (all, kept) = (pieces.concat(), files.tail(usize::MAX).unwrap());
            prop_assert!(all.ends_with(&kept));
            prop_assert!(kept.len() <= 128);
            // Nothing is dropped before there are two files' worth.
            prop_assert!(kept.len() > 64 - 40 || kept.len() == all.len());
            prop_assert!(std::fs::read_dir(root.path()).unwrap().count() <= 2);
        }
    }
}
