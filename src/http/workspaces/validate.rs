//! Field validation of create and patch (contract 01 §1). Lengths are in bytes.

use std::path::{Component, Path, PathBuf};

use isomer_actors::domain::record::Access;

use crate::http::json::BadInput;

const MAX_NAME: usize = 255;
const MAX_ROLE: usize = 1_000;
const MAX_MODEL: usize = 100;
const MAX_RUNTIME: usize = 100;
/// Would change what generated configuration means.
const SPECIAL: &[char] = &['{', '}', '[', ']', '|', '>', '*', '&', '!'];
/// Host directories that no agent gets.
const SYSTEM: [&str; 9] =
    ["/etc", "/var", "/proc", "/sys", "/dev", "/boot", "/sbin", "/bin", "/lib"];
const USR: &str = "/usr";

/// The texts that are checked together; empty ones count as absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Texts<'a> {
    pub name: &'a str,
    pub role: &'a str,
    pub model: &'a str,
    pub runtime: &'a str,
}

/// Checks newlines in all four, special characters in name and role, then lengths.
///
/// # Errors
/// The first rule that is broken, in the contract's words.
pub fn texts(texts: Texts<'_>) -> Result<(), BadInput> {
    let all = [
        ("name", texts.name, MAX_NAME),
        ("role", texts.role, MAX_ROLE),
        ("model", texts.model, MAX_MODEL),
        ("runtime", texts.runtime, MAX_RUNTIME),
    ];
    for (field, text, _) in all {
        if text.contains(['\n', '\r']) {
            return Err(BadInput::new(
                field,
                format!("{field} must not contain newline characters"),
            ));
        }
    }
    for (field, text, _) in &all[..2] {
        if text.contains(SPECIAL) {
            return Err(BadInput::new(field, format!("{field} contains invalid characters")));
        }
    }
    for (field, text, most) in all {
        if text.len() > most {
            return Err(BadInput::new(field, format!("{field} must be at most {most} characters")));
        }
    }
    Ok(())
}

/// Checks name, role and runtime of a workspace that is not created by itself.
///
/// # Errors
/// As [`texts`].
pub fn check_texts(name: &str, role: &str, runtime: &str) -> Result<(), BadInput> {
    texts(Texts { name, role, runtime, model: "" })
}

/// Checks a host directory: absolute, no `..`, not a system directory.
///
/// # Errors
/// Which of these it breaks.
pub fn directory(text: &str) -> Result<(), BadInput> {
    let bad = |reason: &str| BadInput::new("workspace_dir", reason);
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(bad("it must be an absolute path"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(bad("it must not contain .."));
    }
    let clean: PathBuf = path.components().collect();
    let system = SYSTEM.iter().chain([&USR]).any(|root| clean.starts_with(root));
    if system || clean == Path::new("/") {
        return Err(bad("it must not be a system directory"));
    }
    Ok(())
}

/// Checks the access to a host directory.
///
/// # Errors
/// When it is unknown, or has no directory to apply to.
pub fn access(text: Option<&str>, directory: Option<&str>) -> Result<Access, BadInput> {
    let bad = |reason: &str| BadInput::new("workspace_access", reason);
    let text = text.filter(|text| !text.is_empty()).unwrap_or("none");
    let access =
        Access::parse(text).ok_or_else(|| bad("none, read_only or read_write is accepted"))?;
    if access != Access::None && directory.is_none() {
        return Err(bad("it needs workspace_dir"));
    }
    Ok(access)
}

/// Returns why an agent that this server runs cannot collect its messages.
pub fn pushed_only() -> BadInput {
    BadInput::new("delivery_mode", "agents that this server runs do not collect their messages")
}

/// Checks a template's folder name: relative, and inside the templates root.
///
/// # Errors
/// When it could lead outside.
pub fn template(text: &str) -> Result<(), BadInput> {
    let inside = Path::new(text).components().all(|part| matches!(part, Component::Normal(_)));
    if inside && !text.contains('\\') {
        Ok(())
    } else {
        Err(BadInput::new("template", "it must name a folder inside the templates root"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_the_contracts_order_and_words() {
        let long = "é".repeat(128);
        for (given, reason) in [
            (
                Texts { name: "a\nb", ..Texts::default() },
                "name must not contain newline characters",
            ),
            (
                Texts { name: "a{", runtime: "x\r", ..Texts::default() },
                "runtime must not contain newline characters",
            ),
            (Texts { role: "a|b", ..Texts::default() }, "role contains invalid characters"),
            (Texts { name: &long, ..Texts::default() }, "name must be at most 255 characters"),
        ] {
            assert_eq!(texts(given).unwrap_err().reason, reason);
        }
        let fine = Texts { name: "Ada", role: "Plans, and writes", model: "m{1}", runtime: "x" };
        assert_eq!(texts(fine), Ok(()));
    }

    #[test]
    fn directories() {
        for bad in ["", "data", "/", "/etc", "/etc/x", "/usr//lib", "/home/../etc", "/./var/x"] {
            assert!(directory(bad).is_err(), "{bad}");
        }
        for good in ["/home/ada", "/srv/teams/x", "/etcetera", "/library"] {
            assert_eq!(directory(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn access_needs_a_directory() {
        assert_eq!(access(None, None), Ok(Access::None));
        assert_eq!(access(Some("read_only"), Some("/srv/x")), Ok(Access::ReadOnly));
        assert!(access(Some("read_write"), None).is_err());
        assert!(access(Some("all"), Some("/srv/x")).is_err());
    }

    #[test]
    fn templates_stay_inside() {
        for bad in ["/etc", "../x", "a/../../b", "./a", "a\\..\\b", ""] {
            assert!(template(bad).is_err() || bad.is_empty(), "{bad}");
        }
        assert_eq!(template("team/lead"), Ok(()));
    }
}
