//! Adding up what rows of one batch used, before a store is told.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use isomer_actors::domain::activity::Logged;
use isomer_actors::domain::ids::WorkspaceId;

/// What a workspace used within a batch on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    pub input: i64,
    pub output: i64,
    pub calls: i32,
    /// Millionths of a US dollar.
    pub micros: i64,
    /// Of the latest call.
    pub at: DateTime<Utc>,
}

impl Sum {
    /// Adds up by workspace and day (UTC), sorted.
    pub fn by_day<'a>(
        rows: impl Iterator<Item = &'a Logged>,
    ) -> BTreeMap<(WorkspaceId, NaiveDate), Self> {
        let mut sums = BTreeMap::new();
        for row in rows {
            let Some(usage) = row.entry.effects.usage else { continue };
            let blank = Self { input: 0, output: 0, calls: 0, micros: 0, at: row.at };
            let sum = sums.entry((row.entry.workspace, row.at.date_naive())).or_insert(blank);
            sum.input += usage.input;
            sum.output += usage.output;
            sum.calls += 1;
            sum.micros += usage.micros();
            sum.at = sum.at.max(row.at);
        }
        sums
    }
}
