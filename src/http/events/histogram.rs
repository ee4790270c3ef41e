//! `GET /events/histogram`: how much happened when, for a timeline.

use axum::extract::{Query, State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::json;

use super::{bad, time};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::state::App;

const DEFAULT_BUCKETS: usize = 100;
const MAX_BUCKETS: usize = 500;

#[derive(Deserialize)]
pub struct Range {
    /// A time; the first event's unless given.
    #[serde(default)]
    since: Option<String>,
    /// A time; now unless given.
    #[serde(default)]
    until: Option<String>,
    #[serde(default)]
    buckets: Option<String>,
}

/// Counts events in equal stretches of time. The last one also has what lies at `until` itself.
pub async fn histogram(
    State(app): State<App>,
    caller: Caller,
    Query(range): Query<Range>,
) -> Answer {
    caller.admin(&app).await?;
    let buckets = range.buckets.as_deref().map_or(Ok(DEFAULT_BUCKETS), buckets)?;
    let until = range.until.map(|text| time("until", &text)).transpose()?;
    let until = until.unwrap_or_else(|| app.clock.now());
    let since = range.since.map(|text| time("since", &text)).transpose()?;
    if since.is_some_and(|since| since > until) {
        return Err(bad("since", "it must not be after until"));
    }
    let first_at = app.store.first_event_at().await?;
    let since = since.or(first_at).unwrap_or(until).min(until);
    let (edges, bucket_ms) = edges(since, until, buckets);
    let counts = app.store.count_events(&edges).await?;
    Ok(ok(&json!({
        "since": since,
        "until": until,
        "bucket_ms": bucket_ms,
        "counts": counts,
        "first_at": first_at,
    })))
}

fn buckets(text: &str) -> Result<usize, ApiError> {
    let known = text.parse().ok().filter(|n| (1..=MAX_BUCKETS).contains(n));
    known.ok_or_else(|| {
        bad("buckets", format!("a whole number from 1 to {MAX_BUCKETS} is accepted"))
    })
}

/// Returns where buckets begin, with the end of the last one, and their length in milliseconds.
/// They may be fewer than asked for: each is a whole number of milliseconds and begins before
/// `until`.
fn edges(since: DateTime<Utc>, until: DateTime<Utc>, buckets: usize) -> (Vec<DateTime<Utc>>, i64) {
    let wanted = i64::try_from(buckets).unwrap_or(i64::MAX);
    let span = (until - since).num_milliseconds();
    let bucket_ms = span.div_euclid(wanted) + i64::from(span % wanted != 0);
    let bucket_ms = bucket_ms.max(1);
    let count = span.div_euclid(bucket_ms) + i64::from(span % bucket_ms != 0);
    let begin = |n| since + TimeDelta::milliseconds(n * bucket_ms);
    let mut edges: Vec<_> = (0..count.max(1)).map(begin).collect();
    edges.push(until + TimeDelta::microseconds(1));
    (edges, bucket_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    #[test]
    fn buckets_cover_the_range_without_gap_or_overlap() {
        for (span, buckets, ms, count) in [
            (1_000, 100, 10, 100),
            (1_001, 100, 11, 91),
            (0, 100, 1, 1),
            (5, 500, 1, 5),
            (9, 1, 9, 1),
        ] {
            let (edges, bucket_ms) = edges(at(0), at(span), buckets);
            assert_eq!((bucket_ms, edges.len() - 1), (ms, count), "{span} ms in {buckets}");
            assert!(edges.is_sorted() && edges.first() == Some(&at(0)), "{edges:?}");
            assert_eq!(edges.last(), Some(&(at(span) + TimeDelta::microseconds(1))));
        }
    }
}
