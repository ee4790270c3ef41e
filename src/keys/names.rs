//! Names that a secret may have. A secret becomes an environment variable of an agent.

/// Longest name, in bytes.
const MAX_NAME_BYTES: usize = 256;
/// Longest value, in bytes: half of what Linux takes for one variable.
pub const MAX_VALUE_BYTES: usize = 65_536;

/// Secrets of one workspace, and global ones, at most: all of them are in memory while an agent
/// gets them.
pub const MAX_SECRETS: usize = 1_000;

/// Variables that the platform gives to agents (contract 01 §7), or that make a process run code
/// of somebody's choice before its own. In any case, because some runtimes fold it.
const RESERVED: &[&str] = &[
    "AWARENESS_NAMESPACE",
    "AWARENESS_URL",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "HOME",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "MOLECULE_URL",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PARENT_ID",
    "PATH",
    "PERL5LIB",
    "PERL5OPT",
    "PLATFORM_URL",
    "PLUGINS_DIR",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "TIER",
    "WORKSPACE_CONFIG_PATH",
    "WORKSPACE_ID",
];
const RESERVED_PREFIXES: &[&str] = &["BASH_FUNC_", "DYLD_", "ISOMER_", "LD_"];

/// Returns why a name is refused, if it is.
pub fn refused(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    let reserved = RESERVED.binary_search(&upper.as_str()).is_ok()
        || RESERVED_PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
    match name {
        "" => Some("it is required"),
        _ if name.len() > MAX_NAME_BYTES => Some("at most 256 bytes are accepted"),
        _ if name.contains('=') || name.chars().any(char::is_control) => {
            Some("an environment variable's name has no '=' and no control characters")
        }
        _ if reserved => Some("it is reserved: agents get this variable from the platform"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_override_the_platform_is_refused() {
        assert!(RESERVED.is_sorted());
        for name in ["PATH", "Path", "LD_PRELOAD", "ld_audit", "PLATFORM_URL", "WORKSPACE_ID"] {
            assert!(refused(name).is_some(), "{name}");
        }
        for name in ["", "A=B", "A\nB", &"A".repeat(257)] {
            assert!(refused(name).is_some(), "{name:?}");
        }
        for name in ["OPENAI_API_KEY", "MODEL_PROVIDER", "GH_TOKEN", "my.key", "schlüssel"] {
            assert_eq!(refused(name), None, "{name}");
        }
    }
}
