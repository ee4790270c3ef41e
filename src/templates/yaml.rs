//! Reading YAML from files that somebody else wrote, within limits.

use serde::de::DeserializeOwned;
use serde_saphyr::{IncludeRequest, IncludeResolveError, InputSource, Options, ResolvedInclude};

use super::folder::Folder;

/// Longest document, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// All included documents together, in bytes, and how many.
const MAX_INCLUDED_BYTES: usize = 4 << 20;
const MAX_INCLUDES: usize = 2_000;
/// Deepest that files include files (contract 06 §4.4).
const MAX_INCLUDE_DEPTH: u32 = 16;

/// Parses a document. Aliases are bounded: a bomb is refused before it unfolds.
///
/// # Errors
/// What is wrong and where, without the document.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("at most {MAX_BYTES} bytes are read"));
    }
    serde_saphyr::from_str_with_options(text, limits()).map_err(|error| error.to_string())
}

/// Parses a document of a folder, following `!include <relative path>` beneath the folder.
///
/// # Errors
/// As [`parse`]; an include that leads out of the folder, in a circle, or too deep.
pub fn parse_including<T: DeserializeOwned>(folder: &Folder, path: &str) -> Result<T, String> {
    let text = folder.read_text(path, MAX_BYTES).map_err(|error| error.to_string())?;
    let mut includes =
        Includes { folder: folder.clone(), first: path.to_owned(), bytes: 0, count: 0 };
    let options = limits().with_include_resolver(move |request| includes.resolve(&request));
    serde_saphyr::from_str_with_options(&text, options).map_err(|error| error.to_string())
}

fn limits() -> Options {
    let budget = serde_saphyr::budget! {
        max_events: 400_000,
        max_nodes: 100_000,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_depth: 80,
        max_documents: 1,
        max_inclusion_depth: MAX_INCLUDE_DEPTH,
        max_total_scalar_bytes: 8 << 20,
        max_recorded_anchor_events: 100_000,
        max_recorded_anchor_bytes: 4 << 20,
    };
    // A snippet would show what is in the file.
    // `No` and `On` are names as good as others.
    serde_saphyr::options! { budget: budget, with_snippet: false, strict_booleans: true }
}

#[derive(Debug)]
struct Includes {
    folder: Folder,
    first: String,
    bytes: usize,
    count: usize,
}

impl Includes {
    fn resolve(
        &mut self,
        request: &IncludeRequest<'_>,
    ) -> Result<ResolvedInclude, IncludeResolveError> {
        let refuse = |why: String| IncludeResolveError::Message(why);
        let from = request.from_id.unwrap_or(&self.first);
        let path = beside(from, request.spec).map_err(refuse)?;
        if path == self.first {
            return Err(refuse("an include leads in a circle".to_owned()));
        }
        let text = self.folder.read_text(&path, MAX_BYTES);
        let text = text.map_err(|error| refuse(format!("include of {path}: {error}")))?;
        self.count += 1;
        self.bytes += text.len();
        if self.count > MAX_INCLUDES || self.bytes > MAX_INCLUDED_BYTES {
            return Err(refuse("too much is included".to_owned()));
        }
        Ok(ResolvedInclude::new(path.clone(), path, InputSource::from_string(text)))
    }
}

/// Returns the path of a file that another one names beside itself. `..` may lead up, not out.
fn beside(from: &str, spec: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if spec.trim().is_empty() || spec.starts_with('/') {
        return Err("an include names a relative path".to_owned());
    }
    for part in spec.trim().split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or("an include leads out of its folder")?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::templates::Files;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::create(&place.path().join("org")).unwrap();
        let mut all = Files::default();
        for (path, text) in files {
            all.add(path, *text).unwrap();
        }
        folder.write_all(&all).unwrap();
        (place, folder)
    }

    #[test]
    fn includes_are_replaced_by_what_they_name() {
        let (_place, folder) = folder(&[
            ("org.yaml", "name: x\nworkspaces:\n  - !include teams/a.yaml\n  - name: b\n"),
            ("teams/a.yaml", "name: a\nchildren: !include ../more/c.yaml\n"),
            ("more/c.yaml", "- name: c\n"),
        ]);
        let parsed: Value = parse_including(&folder, "org.yaml").unwrap();
        let a = json!({"name": "a", "children": [{"name": "c"}]});
        assert_eq!(parsed, json!({"name": "x", "workspaces": [a, {"name": "b"}]}));
    }

    #[test]
    fn includes_stay_inside_and_end() {
        let (place, folder) = folder(&[
            ("out.yaml", "a: !include ../secret.yaml\n"),
            ("absolute.yaml", "a: !include /etc/hostname\n"),
            ("empty.yaml", "a: !include ''\n"),
            ("missing.yaml", "a: !include nothing.yaml\n"),
            ("circle.yaml", "a: !include circle2.yaml\n"),
            ("circle2.yaml", "a: !include circle3.yaml\n"),
            ("circle3.yaml", "a: !include circle2.yaml\n"),
            ("self.yaml", "a: !include self.yaml\n"),
            ("link.yaml", "a: !include planted.yaml\n"),
        ]);
        std::fs::write(place.path().join("secret.yaml"), "s: 1").unwrap();
        std::os::unix::fs::symlink("../secret.yaml", place.path().join("org/planted.yaml"))
            .unwrap();
        for name in ["out", "absolute", "empty", "missing", "circle", "self", "link"] {
            let parsed = parse_including::<Value>(&folder, &format!("{name}.yaml"));
            assert!(parsed.is_err(), "{name}: {parsed:?}");
        }
    }

    #[test]
    fn sixteen_levels_and_no_more() {
        let chain = |levels: usize| {
            let text = |n: usize| match n == levels {
                true => "end: 1\n".to_owned(),
                false => format!("a: !include f{}.yaml\n", n + 1),
            };
            let files: Vec<_> = (0..=levels).map(|n| (format!("f{n}.yaml"), text(n))).collect();
            let files: Vec<_> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let (_place, folder) = folder(&files);
            parse_including::<Value>(&folder, "f0.yaml")
        };
        assert!(chain(16).is_ok(), "{:?}", chain(16));
        assert!(chain(17).is_err());
    }

    #[test]
    fn bombs_are_refused() {
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..9 {
            let before = vec![format!("*a{}", n - 1); 10].join(",");
            laughs.push_str(&format!("a{n}: &a{n} [{before}]\n"));
        }
        assert!(parse::<Value>(&laughs).is_err());
        assert!(parse::<Value>(&"[".repeat(10_000)).is_err());
        assert!(parse::<Value>(&format!("a: {}", "x".repeat(MAX_BYTES))).is_err());
    }
}
