//! A set of files by relative path, within limits.

use std::collections::BTreeMap;

/// Longest path of a file, in bytes.
pub const MAX_PATH_BYTES: usize = 512;
/// Longest name of one part of a path, in bytes: what disks take.
const MAX_PART_BYTES: usize = 255;
/// Deepest that folders may be nested.
const MAX_PARTS: usize = 16;

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    #[error("a path is required")]
    Empty,
    #[error("a relative path is required")]
    Absolute,
    #[error("a path has no empty part, no . and no ..")]
    Escaping,
    #[error("a path has no backslash and no control or formatting characters")]
    Characters,
    #[error("a path has at most 512 bytes, 16 parts, and 255 bytes in each")]
    TooLong,
    #[error("the same path is given twice, or once as a file and once as a folder")]
    Twice,
}

/// Checks the path of a file: relative, in its one normal form, and without anything that a disk,
/// a terminal or a reader could take for something else.
///
/// # Errors
/// The first rule that is broken.
pub fn check_path(path: &str) -> Result<(), BadPath> {
    if path.is_empty() {
        return Err(BadPath::Empty);
    }
    if path.chars().any(|c| c == '\\' || c.is_control() || is_invisible(c)) {
        return Err(BadPath::Characters);
    }
    if path.starts_with('/') {
        return Err(BadPath::Absolute);
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(BadPath::Escaping);
    }
    let long = |part: &&str| part.len() > MAX_PART_BYTES;
    if path.len() > MAX_PATH_BYTES || parts.len() > MAX_PARTS || parts.iter().any(long) {
        return Err(BadPath::TooLong);
    }
    Ok(())
}

/// Formatting characters of Unicode: they turn text around or cannot be seen.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Files by path. Every path is a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Adds a file.
    ///
    /// # Errors
    /// [`BadPath`].
    pub fn add(&mut self, path: &str, content: impl Into<Vec<u8>>) -> Result<(), BadPath> {
        check_path(path)?;
        if self.0.contains_key(path) || self.clashes(path) {
            return Err(BadPath::Twice);
        }
        self.0.insert(path.to_owned(), content.into());
        Ok(())
    }

    /// Replaces a file, or adds it. A path that would be refused changes nothing.
    pub fn put(&mut self, path: &str, content: impl Into<Vec<u8>>) {
        self.0.remove(path);
        let _ = self.add(path, content);
    }

    /// Takes files away.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|path, _| keep(path));
    }

    /// Returns the content of a file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }

    /// Returns a file as text; what is not UTF-8 in it is replaced.
    pub fn text(&self, path: &str) -> Option<String> {
        self.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Returns all of them, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many bytes they have together.
    pub fn bytes(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Returns whether `path` is a folder of another file, or lies in what is a file.
    fn clashes(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        let below = self.0.range(folder.clone()..).next();
        below.is_some_and(|(other, _)| other.starts_with(&folder))
            || path.match_indices('/').any(|(at, _)| self.0.contains_key(&path[..at]))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_paths_are_refused() {
        for (path, why) in [
            ("", BadPath::Empty),
            ("/etc/passwd", BadPath::Absolute),
            ("../x", BadPath::Escaping),
            ("a/../b", BadPath::Escaping),
            ("a/./b", BadPath::Escaping),
            ("a//b", BadPath::Escaping),
            ("a/", BadPath::Escaping),
            ("..", BadPath::Escaping),
            ("a\\..\\b", BadPath::Characters),
            ("a\0b", BadPath::Characters),
            ("a\nb", BadPath::Characters),
            ("a\u{202e}b", BadPath::Characters),
            ("a\u{85}b", BadPath::Characters),
            ("\u{feff}a", BadPath::Characters),
        ] {
            assert_eq!(check_path(path), Err(why), "{path:?}");
        }
        assert_eq!(check_path(&"x".repeat(256)), Err(BadPath::TooLong));
        assert_eq!(check_path(&vec!["x"; 17].join("/")), Err(BadPath::TooLong));
        for good in ["config.yaml", "skills/a b/SKILL.md", "ü/..x", "...", ".hidden"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn a_path_is_one_thing() {
        let mut files = Files::default();
        files.add("a/b", "1").unwrap();
        for clash in ["a/b", "a", "a/b/c"] {
            assert_eq!(files.add(clash, ""), Err(BadPath::Twice), "{clash}");
        }
        files.add("a.b", "2").unwrap();
        files.add("ab", "3").unwrap();
        assert_eq!((files.len(), files.bytes()), (3, 3));
    }

    proptest! {
        #[test]
        fn good_paths_stay_beneath(parts in proptest::collection::vec("(\\.\\.|\\.|[a-z]{0,3}|/)", 0..6)) {
            let path = parts.join("/");
            if check_path(&path).is_ok() {
                let joined = std::path::Path::new("/root").join(&path);
                prop_assert!(joined.starts_with("/root"));
                let plain = |part: std::path::Component<'_>| matches!(
                    part, std::path::Component::Normal(_) | std::path::Component::RootDir);
                prop_assert!(joined.components().all(plain));
                prop_assert_eq!(joined.to_str().unwrap(), format!("/root/{path}"));
            }
        }
    }
}
