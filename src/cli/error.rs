//! How a command ends when it does not end well, and with which exit code.

use std::fmt;
use std::io;
use std::process::ExitCode;

use serde_json::json;

use super::text::visible;

/// What went wrong, as far as a script should tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was tried and did not succeed: 1.
    Failed,
    /// The command line cannot be meant so: 2, as clap's own.
    Usage,
    /// Nothing has this name, or more than one thing: 3.
    NotFound,
    /// The server, or the person who was asked, said no: 4.
    Refused,
    /// No server answers: 69 (`EX_UNAVAILABLE` of sysexits.h).
    Unreachable,
    /// Nobody reads the output any more, such as `head`: 0.
    Closed,
}

impl Kind {
    /// Returns the exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable => 69,
        }
    }
}

/// Why a command did not end well. Its texts are safe for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliError {
    pub kind: Kind,
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// It was said already, for example in a document on stdout.
    pub told: bool,
}

impl CliError {
    /// Returns an error with its message. Control characters are made visible.
    pub fn new(kind: Kind, message: impl AsRef<str>) -> Self {
        Self { kind, message: visible(message.as_ref()), hint: None, told: false }
    }

    pub fn failed(message: impl AsRef<str>) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub fn usage(message: impl AsRef<str>) -> Self {
        Self::new(Kind::Usage, message)
    }

    pub fn refused(message: impl AsRef<str>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.hint = Some(hint.as_ref().lines().map(visible).collect::<Vec<_>>().join("\n"));
        self
    }

    /// Returns a failure that the output has told already.
    pub fn told(kind: Kind) -> Self {
        Self { told: true, ..Self::new(kind, "") }
    }

    /// Says it on stderr, as text or as one JSON document, and returns the exit code.
    pub fn report(&self, as_json: bool) -> ExitCode {
        let code = self.kind.code();
        if self.kind == Kind::Closed || self.told {
            return ExitCode::from(code);
        }
        if as_json {
            let document = json!({"error": self.message, "hint": self.hint, "exit_code": code});
            eprintln!("{document}");
        } else {
            eprintln!("isomer: {self}");
        }
        ExitCode::from(code)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}

/// Of writing to stdout.
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Kind::Closed, "nobody reads the output");
        }
        Self::failed(format!("the output cannot be written: {error}"))
    }
}

/// What a command returns.
pub type Done<T = ()> = Result<T, CliError>;
