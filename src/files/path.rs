//! Paths that come from outside (contract 07 §4). Pure.

/// Longest path in bytes, longest part of one, and most parts.
const MAX_PATH: usize = 1_024;
const MAX_PART: usize = 255;
const MAX_PARTS: usize = 32;

/// Where a workspace has files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Configs,
    Workspace,
    Home,
    Plugins,
}

impl Root {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Configs, Self::Workspace, Self::Home, Self::Plugins];

    /// Returns the spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configs => "/configs",
            Self::Workspace => "/workspace",
            Self::Home => "/home",
            Self::Plugins => "/plugins",
        }
    }

    /// Parses the spelling on the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|root| root.as_str() == text)
    }
}

/// A path beneath a root: at least one part, none of them empty, `.` or with `..` in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelativePath(String);

impl RelativePath {
    /// Parses a path as the contract wants it; empty parts and `.` are left out. Returns why it is
    /// not accepted.
    ///
    /// # Errors
    /// The reason.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('/') {
            return Err("it is relative to its root");
        }
        if text.contains("..") {
            return Err("`..` is not accepted anywhere in it");
        }
        if text.contains('\0') {
            return Err("it contains a NUL character");
        }
        let parts: Vec<_> =
            text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.is_empty() {
            return Err("it names nothing");
        }
        if text.len() > MAX_PATH || parts.len() > MAX_PARTS {
            return Err("it has at most 1024 bytes and 32 parts");
        }
        if parts.iter().any(|part| part.len() > MAX_PART) {
            return Err("a part of it has at most 255 bytes");
        }
        Ok(Self(parts.join("/")))
    }

    /// Returns it without empty parts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the folder it lies in, which may be the root (empty), and its name there.
    pub fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('/').unwrap_or(("", &self.0))
    }

    /// Returns whether this is a folder on the way to `other`.
    pub fn is_above(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_as_the_contract_has_them() {
        for (text, outcome) in [
            ("config.yaml", Some("config.yaml")),
            ("skills/a/SKILL.md", Some("skills/a/SKILL.md")),
            ("a//b/./c/", Some("a/b/c")),
            (".env", Some(".env")),
            ("a b é", Some("a b é")),
            ("a'; rm -rf b", Some("a'; rm -rf b")),
            ("", None),
            (".", None),
            ("./", None),
            ("/etc/passwd", None),
            ("..", None),
            ("a..b", None),
            ("a/../b", None),
            ("a\0b", None),
        ] {
            let parsed = RelativePath::parse(text);
            assert_eq!(parsed.as_ref().ok().map(RelativePath::as_str), outcome, "{text:?}");
        }
        assert!(RelativePath::parse(&"x".repeat(255)).is_ok());
        assert!(RelativePath::parse(&"x".repeat(256)).is_err());
        assert!(RelativePath::parse(&vec!["x"; 32].join("/")).is_ok());
        assert!(RelativePath::parse(&vec!["x"; 33].join("/")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_beneath_its_root(
            text in prop_oneof![
                "[./a\\\\]{0,12}", any::<String>(), "(/|\\.|\\.\\.|a|é|\u{0}|-|~|%2e){0,8}",
            ],
        ) {
            // The standard library's view of the same text.
            let goes_down = Path::new(&text).components().all(|part| {
                matches!(part, Component::Normal(_) | Component::CurDir)
            });
            let names = Path::new(&text).components().any(|part| {
                matches!(part, Component::Normal(_))
            });
            match RelativePath::parse(&text) {
                Ok(path) => {
                    prop_assert!(goes_down && names, "{:?}", text);
                    prop_assert!(!path.as_str().contains("..") && !path.as_str().contains('\0'));
                    let normal: Vec<_> = Path::new(&text).components()
                        .filter(|part| *part != Component::CurDir).collect();
                    let parts: Vec<_> = Path::new(path.as_str()).components().collect();
                    prop_assert_eq!(normal, parts);
                    prop_assert_eq!(RelativePath::parse(path.as_str()), Ok(path.clone()));
                    let (folder, name) = path.split();
                    let joined = Path::new("/root").join(folder).join(name);
                    prop_assert!(joined.starts_with("/root") && joined != Path::new("/root"));
                }
                Err(_) => {
                    let small = text.len() <= MAX_PART;
                    let fine = goes_down && names && !text.contains("..") && !text.contains('\0');
                    prop_assert!(!(small && fine) || text.matches('/').count() >= MAX_PARTS);
                }
            }
        }
    }
}
