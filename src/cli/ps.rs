//! `isomer ps`: the workspaces, one a line.

use chrono::{DateTime, Utc};
use clap::Args;
use isomer_actors::ports::Clock as _;
use serde_json::Value;

use super::Common;
use super::error::Done;
use super::output::{Colour, Table};
use super::text::{fit, visible};
use super::workspace::{self, Workspace, look};
use crate::clock::SystemClock;

/// Columns of a name on a terminal.
const NAME_COLUMNS: usize = 40;

/// Which workspaces to list.
#[derive(Clone, Debug, Args)]
pub struct PsArgs {
    /// Only workspaces with this status, such as `online` or `failed`; may be given more than once
    #[arg(long, short, value_name = "STATUS")]
    status: Vec<String>,
    /// Print whole ids only, one a line
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    pub common: Common,
}

/// # Errors
/// When there is no list.
pub async fn run(args: PsArgs) -> Done {
    let (client, output) = args.common.session()?;
    let (all, raw) = workspace::list(&client).await?;
    let is_asked = |status: &str| args.status.is_empty() || args.status.iter().any(|s| s == status);
    if output.json {
        let Value::Array(mut items) = raw else { return output.document(&raw) };
        items.retain(|item| is_asked(item["status"].as_str().unwrap_or_default()));
        return output.document(&items);
    }
    let shown: Vec<_> = all.into_iter().filter(|one| is_asked(&one.status)).collect();
    if args.quiet {
        for one in &shown {
            output.line(one.id.to_string())?;
        }
        return Ok(());
    }
    if shown.is_empty() && output.tty {
        return output.line("no workspaces; `isomer create NAME` makes one");
    }
    let columns = if output.tty { NAME_COLUMNS } else { usize::MAX };
    table(&shown, SystemClock.now(), columns).print(output)
}

/// Returns the workspaces as a table; names take so many columns at most.
pub fn table(shown: &[Workspace], now: DateTime<Utc>, columns: usize) -> Table {
    let heads = ["ID", "NAME", "STATUS", "TIER", "RUNTIME", "TASKS", "QUEUE", "ERRORS", "BEAT"];
    let mut table = Table::new(&heads, &[3, 5, 6, 7, 8]);
    for one in shown {
        let (symbol, colour) = look(&one.status);
        let plain = |text: String| (text, Colour::Plain);
        table.row(vec![
            (one.short_id(), Colour::Faint),
            plain(fit(&visible(&one.name), columns)),
            (format!("{symbol} {}", visible(&one.status)), colour),
            plain(one.tier.to_string()),
            plain(fit(&visible(&one.runtime), columns)),
            plain(one.active_tasks.to_string()),
            plain(one.queue_depth.to_string()),
            plain(percent(one.last_error_rate)),
            plain(one.beat_age(now)),
        ]);
    }
    table
}

/// A share, as people read it.
pub fn percent(share: f64) -> String {
    format!("{:.0}%", share.clamp(0.0, 1.0) * 100.0)
}
