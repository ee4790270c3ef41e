//! The templates that come with the server.

use super::files::Files;

/// A folder's name, and its files by path.
pub type Embedded = (&'static str, &'static [(&'static str, &'static str)]);

macro_rules! embedded {
    ($set:literal, $name:literal, [$($path:literal),+ $(,)?]) => {
        ($name, &[$((
            $path,
            include_str!(concat!("../../templates/", $set, "/", $name, "/", $path)),
        )),+])
    };
}

/// Templates of workspaces.
pub const WORKSPACES: &[Embedded] = &[
    embedded!("workspaces", "isomer-default", ["config.yaml", "system-prompt.md"]),
    embedded!("workspaces", "researcher", ["config.yaml", "system-prompt.md"]),
    embedded!("workspaces", "reviewer", ["config.yaml", "system-prompt.md"]),
    embedded!(
        "workspaces",
        "team-lead",
        ["config.yaml", "system-prompt.md", "skills/delegation/SKILL.md"]
    ),
    embedded!("workspaces", "writer", ["config.yaml", "system-prompt.md"]),
];

/// Templates of organisations.
pub const ORGANISATIONS: &[Embedded] =
    &[embedded!("organisations", "starter-company", ["org.yaml", "teams/studio.yaml"])];

/// Returns a template's name and files.
pub fn unpacked(embedded: &Embedded) -> (&'static str, Files) {
    let mut files = Files::default();
    for (path, text) in embedded.1 {
        files.put(path, *text);
    }
    (embedded.0, files)
}
