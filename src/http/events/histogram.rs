//! `GET /events/histogram`: how much happened when, for a timeline.

use axum::extract::{Query, State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{bad, time};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::Caller;
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

const DEFAULT_BUCKETS: usize = 100;
const MAX_BUCKETS: usize = 500;

/// How many events lie in equal stretches of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Histogram {
    /// The length of a stretch in milliseconds.
    pub bucket_ms: i64,
    /// `counts[i]` begins at `since + i * bucket_ms`; the last one includes `until`.
    pub counts: Vec<u64>,
    /// The first event of all.
    #[schema(required)]
    pub first_at: Option<DateTime<Utc>>,
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Range {
    /// An RFC 3339 time; the first event's unless given.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    since: Option<String>,
    /// An RFC 3339 time; now unless given.
    #[serde(default)]
    #[param(value_type = Option<DateTime<Utc>>, nullable = false)]
    until: Option<String>,
    /// How many stretches; 100 unless given. There may be fewer.
    #[serde(default)]
    #[param(value_type = Option<u32>, minimum = 1, maximum = 500, nullable = false)]
    buckets: Option<String>,
}

/// Counts events in equal stretches of time.
///
/// The last one also has what lies at `until` itself.
#[utoipa::path(
    get,
    path = "/events/histogram",
    tag = "events",
    operation_id = "getEventHistogram",
    params(Range),
    responses(
        (status = 200, description = "The counts", body = Histogram),
        (status = 400, description = "A parameter is not acceptable", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
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
    Ok(ok(&Histogram { bucket_ms, counts, first_at, since, until }))
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
