//! `isomer doctor`: what is wrong, in plain words, and how to mend it.

mod machine;
mod server;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::Common;
use super::client::Client;
use super::error::{CliError, Done, Kind};
use super::output::{Colour, Output};
use super::text::visible;

/// What to check.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub common: Common,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// It works; somebody may want to know.
    Warning,
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// A stable word for scripts.
    pub check: &'static str,
    pub level: Level,
    pub says: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Check {
    pub fn ok(check: &'static str, says: impl AsRef<str>) -> Self {
        Self { check, level: Level::Ok, says: visible(says.as_ref()), fix: None }
    }

    pub fn warning(check: &'static str, says: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        let fix: Vec<_> = fix.as_ref().lines().map(visible).collect();
        let fix = Some(fix.join("; ")).filter(|fix| !fix.is_empty());
        Self { check, level: Level::Warning, says: visible(says.as_ref()), fix }
    }

    pub fn wrong(check: &'static str, says: impl AsRef<str>, fix: impl AsRef<str>) -> Self {
        Self { level: Level::Wrong, ..Self::warning(check, says, fix) }
    }
}

/// # Errors
/// When something is wrong; warnings are no errors.
pub async fn run(args: DoctorArgs) -> Done {
    let output = Output::of_process(args.common.json);
    let checks = match args.common.place() {
        Err(error) => vec![Check::wrong("settings", error.message, error.hint.unwrap_or_default())],
        Ok(place) => {
            let mut checks = if place.is_here() { machine::checks(&place) } else { Vec::new() };
            let client = Client::new(place)?;
            checks.extend(server::checks(&client).await);
            checks
        }
    };
    let wrong = checks.iter().filter(|check| check.level == Level::Wrong).count();
    if output.json {
        output.document(&json!({"ok": wrong == 0, "checks": checks}))?;
    } else {
        print(&checks, wrong, output)?;
    }
    if wrong == 0 { Ok(()) } else { Err(CliError::told(Kind::Failed)) }
}

fn print(checks: &[Check], wrong: usize, output: Output) -> Done {
    let widest = checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
    for Check { check, level, says, fix } in checks {
        let (symbol, colour) = match level {
            Level::Ok => ("✔", Colour::Green),
            Level::Warning => ("!", Colour::Yellow),
            Level::Wrong => ("✘", Colour::Red),
        };
        output.line(format!("{} {check:widest$}  {says}", output.paint(colour, symbol)))?;
        if let Some(fix) = fix {
            output.line(format!("  {:widest$}  → {fix}", ""))?;
        }
    }
    output.line(match wrong {
        0 => "nothing is wrong".to_owned(),
        1 => "one thing is wrong".to_owned(),
        more => format!("{more} things are wrong"),
    })
}
