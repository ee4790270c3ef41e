//! The activity log: appended once, read by conditions and words, kept by the day.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use isomer_actors::domain::activity::{Body, Effects, Entry, Logged, Usage};
use isomer_actors::domain::change::{Change, Draft, Effect};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::{ActivityQuery, ActivitySearch, Origin, SEARCHED_CLOSELY, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use super::suite::{at, create};

type Any = Arc<dyn Store>;

fn row(workspace: WorkspaceId, second: i64, summary: &str) -> Logged {
    let entry = Entry { summary: Some(summary.to_owned()), ..Entry::new(workspace, "agent_log") };
    Logged { id: Uuid::new_v4(), at: at(second), entry }
}

async fn append(store: &Any, rows: Vec<Logged>) -> Vec<bool> {
    let rows: Vec<_> = rows.into_iter().map(Arc::new).collect();
    store.append_activity(&rows).await.unwrap()
}

async fn summaries(store: &Any, query: ActivityQuery) -> Vec<String> {
    let limit = if query.limit == 0 { 1_000 } else { query.limit };
    let found = store.activity(&ActivityQuery { limit, ..query }).await.unwrap();
    found.into_iter().map(|row| row.logged.entry.summary.unwrap_or_default()).collect()
}

fn of(workspace: WorkspaceId) -> ActivityQuery {
    ActivityQuery { workspace: Some(workspace), ..ActivityQuery::default() }
}

pub async fn a_row_reads_back_as_it_was_logged(store: Any) {
    let (one, _) = create(&store, "one").await;
    let full = Entry {
        source: Some(Uuid::new_v4()),
        target: Some(one.id.0),
        method: Some("message/send".to_owned()),
        summary: Some("it's \"quoted\" 🦀 100%".to_owned()),
        request_body: Some(Body::of(&json!({"z": [1, 2.5, null, true], "a": "é\n\"🦀\\"}))),
        response_body: Some(Body::null()),
        tool_trace: Some(Body::of(&json!([{"tool": "search", "n": 9_007_199_254_740_993_i64}]))),
        duration_ms: Some(i32::MAX),
        status: "error".to_owned(),
        error_detail: Some("why".to_owned()),
        ..Entry::new(one.id, "a2a_receive")
    };
    let rows =
        [full, Entry::new(one.id, "agent_log")].map(|entry| Logged { entry, ..row(one.id, 5, "") });
    append(&store, rows.to_vec()).await;
    let query = ActivityQuery { ascending: true, limit: 9, ..of(one.id) };
    let found = store.activity(&query).await.unwrap();
    assert_eq!(found.len(), 2);
    for (found, wanted) in found.iter().zip(&rows) {
        let (found, mut wanted) = (&found.logged, wanted.clone());
        // The order of keys and the blanks between are the store's.
        let same = |found: &Option<Body>, wanted: &mut Option<Body>| {
            assert_eq!(found.as_ref().map(Body::value), wanted.as_ref().map(Body::value));
            wanted.clone_from(found);
        };
        same(&found.entry.request_body, &mut wanted.entry.request_body);
        same(&found.entry.response_body, &mut wanted.entry.response_body);
        same(&found.entry.tool_trace, &mut wanted.entry.tool_trace);
        assert_eq!(*found, wanted);
    }
    assert!(found[0].place < found[1].place, "one time, in the order of insertion");
}

pub async fn a_batch_may_be_repeated_and_strangers_are_left_out(store: Any) {
    let (one, _) = create(&store, "one").await;
    let usage = Usage { input: 1_000, output: 10 };
    let used = Effects { usage: Some(usage), ..Effects::default() };
    let mut rows =
        vec![row(one.id, 1, "a"), row(WorkspaceId::random(), 1, "x"), row(one.id, 1, "b")];
    rows.iter_mut().for_each(|row| row.entry.effects = used);
    assert_eq!(append(&store, rows.clone()).await, [true, false, true]);
    rows.push(Logged { at: at(86_400), ..row(one.id, 0, "c") });
    rows[3].entry.effects = used;
    assert_eq!(append(&store, rows).await, [true, false, true, true]);
    assert_eq!(summaries(&store, ActivityQuery::default()).await, ["c", "b", "a"]);

    let day = at(1).date_naive();
    let of_day = store.token_usage(one.id, day).await.unwrap().unwrap();
    assert_eq!((of_day.input_tokens, of_day.output_tokens, of_day.calls), (2_000, 20, 2));
    assert_eq!(of_day.cost, "0.006300");
    let next = store.token_usage(one.id, at(86_400).date_naive()).await.unwrap().unwrap();
    assert_eq!((next.calls, next.cost.as_str()), (1, "0.003150"));
    assert_eq!(store.token_usage(WorkspaceId::random(), day).await.unwrap(), None);

    // A day's cost has its largest value, and is not a row that cannot be stored.
    let most = Usage { input: 10_000_000, output: 10_000_000 };
    let rows = (0..600).map(|n| {
        let mut row = row(one.id, 2 * 86_400, &n.to_string());
        row.entry.effects.usage = Some(most);
        row
    });
    append(&store, rows.collect()).await;
    let day = store.token_usage(one.id, at(2 * 86_400).date_naive()).await.unwrap().unwrap();
    assert_eq!((day.input_tokens, day.cost.as_str()), (6_000_000_000, "108000.000000"));
}

pub async fn rows_are_found_by_conditions(store: Any) {
    let (one, _) = create(&store, "one").await;
    let (two, _) = create(&store, "two").await;
    let mut rows = vec![row(one.id, 1, "a"), row(one.id, 2, "b"), row(one.id, 3, "c")];
    rows[1].entry.kind = "error".to_owned();
    rows[1].entry.source = Some(two.id.0);
    rows[2].entry.status = "error".to_owned();
    rows[2].entry.method = Some("notify".to_owned());
    rows.push(row(two.id, 2, "d"));
    append(&store, rows).await;
    let is = |query: ActivityQuery, wanted: &'static [&'static str]| {
        let store = Arc::clone(&store);
        async move { assert_eq!(summaries(&store, query.clone()).await, wanted, "{query:?}") }
    };
    let text = |text: &str| Some(text.to_owned());
    is(of(one.id), &["c", "b", "a"]).await;
    is(of(WorkspaceId::random()), &[]).await;
    is(ActivityQuery { ascending: true, ..of(one.id) }, &["a", "b", "c"]).await;
    is(ActivityQuery { limit: 1, ..of(one.id) }, &["c"]).await;
    is(ActivityQuery { kind: text("error"), ..of(one.id) }, &["b"]).await;
    is(ActivityQuery { kind: text("none"), ..of(one.id) }, &[]).await;
    is(ActivityQuery { origin: Some(Origin::Canvas), ..of(one.id) }, &["c", "a"]).await;
    is(ActivityQuery { origin: Some(Origin::Agent), ..of(one.id) }, &["b"]).await;
    is(ActivityQuery { status: text("error"), ..of(one.id) }, &["c"]).await;
    is(ActivityQuery { method: text("notify"), ..of(one.id) }, &["c"]).await;
    is(ActivityQuery { since: Some(at(2)), ..of(one.id) }, &["c", "b"]).await;
    is(ActivityQuery { until: Some(at(2)), ..of(one.id) }, &["b", "a"]).await;
    is(
        ActivityQuery { since: Some(at(2)), ascending: true, ..Default::default() },
        &["b", "d", "c"],
    )
    .await;
}

pub async fn pages_have_no_gaps_and_no_doubles(store: Any) {
    let (one, _) = create(&store, "one").await;
    // Many of one time, across two days.
    let rows =
        |from: i64| (from..from + 40).map(move |n| (n, (n / 10) * 43_200)).collect::<Vec<_>>();
    let logged = |pairs: Vec<(i64, i64)>| {
        pairs.into_iter().map(|(n, second)| row(one.id, second, &n.to_string())).collect()
    };
    append(&store, logged(rows(0))).await;
    for ascending in [false, true] {
        let mut seen = Vec::new();
        let mut beyond = None;
        loop {
            let query = ActivityQuery { beyond, ascending, limit: 7, ..of(one.id) };
            let page = store.activity(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            beyond = Some(last.place);
            seen.extend(page.into_iter().map(|row| row.logged.entry.summary.unwrap()));
            if !ascending {
                append(&store, vec![row(one.id, 999_999, "later")]).await;
            }
        }
        seen.retain(|summary| summary != "later");
        if !ascending {
            seen.reverse();
        }
        let wanted: Vec<_> = (0..40).map(|n: i64| n.to_string()).collect();
        assert_eq!(seen, wanted, "ascending: {ascending}");
    }
}

async fn search(store: &Any, workspace: WorkspaceId, text: &str) -> Vec<String> {
    let search = ActivitySearch { workspace, text: text.to_owned(), limit: 50 };
    let found = store.search_activity(&search).await.unwrap();
    found.into_iter().map(|row| row.logged.entry.summary.unwrap_or_default()).collect()
}

pub async fn words_and_parts_of_words_are_found(store: Any) {
    let (one, _) = create(&store, "one").await;
    let (two, _) = create(&store, "two").await;
    let mut rows = vec![
        row(one.id, 1, "Deploy finished at 100%"),
        row(one.id, 2, "1000 things_to do"),
        row(one.id, 3, "thingsXto"),
        row(one.id, 4, "Ärger über die Straße 東京タワー"),
        row(one.id, 5, "quoted"),
        row(two.id, 6, "Deploy elsewhere"),
    ];
    rows[4].entry.request_body = Some(Body::of(&json!({"text": "say \"hi\"\nline2\tC:\\new"})));
    rows[4].entry.response_body = Some(Body::of(&json!({"url": "http://example.com/deep/path"})));
    rows[4].entry.method = Some("message/send".to_owned());
    append(&store, rows).await;
    for (text, wanted) in [
        ("deploy", vec!["Deploy finished at 100%"]),
        ("FINISHED deploy", vec!["Deploy finished at 100%"]),
        ("ploy fin", vec!["Deploy finished at 100%"]),
        ("100%", vec!["Deploy finished at 100%"]),
        ("%", vec!["Deploy finished at 100%"]),
        ("s_t", vec!["1000 things_to do"]),
        ("s_", vec!["1000 things_to do"]),
        ("things", vec!["thingsXto", "1000 things_to do"]),
        ("Ärger", vec!["Ärger über die Straße 東京タワー"]),
        ("traß", vec!["Ärger über die Straße 東京タワー"]),
        ("京タ", vec!["Ärger über die Straße 東京タワー"]),
        ("say \"hi\"", vec!["quoted"]),
        ("line2", vec!["quoted"]),
        ("c:\\new", vec!["quoted"]),
        ("example", vec!["quoted"]),
        ("deep path", vec!["quoted"]),
        ("message/", vec!["quoted"]),
        ("nothing", vec![]),
        ("\\", vec!["quoted"]),
        ("' OR 1=1 --", vec![]),
        ("deploy & | ! :* <-> (", vec![]),
    ] {
        assert_eq!(search(&store, one.id, text).await, wanted, "{text:?}");
    }
    assert_eq!(search(&store, one.id, "").await.len(), 5, "no question finds everything");
    assert_eq!(search(&store, two.id, "deploy").await, ["Deploy elsewhere"]);
}

pub async fn old_rows_are_found_by_their_words(store: Any) {
    let (one, _) = create(&store, "one").await;
    append(&store, vec![row(one.id, 0, "a needle in it"), row(one.id, 0, "100% hay")]).await;
    let many = (1..=SEARCHED_CLOSELY).map(|n| row(one.id, 1 + n, "hay 100"));
    append(&store, many.collect()).await;
    assert_eq!(search(&store, one.id, "need").await, ["a needle in it"]);
    assert_eq!(search(&store, one.id, "eedle").await, [""; 0], "only the newest are read closely");
    assert_eq!(search(&store, one.id, "%").await, [""; 0]);
    assert_eq!(search(&store, one.id, "hay").await.len(), 50);
}

pub async fn what_is_old_goes(store: Any) {
    let (one, _) = create(&store, "one").await;
    store.prepare_activity(at(0).date_naive()).await.unwrap();
    store.prepare_activity(at(0).date_naive()).await.unwrap();
    // Days that nobody made ahead are made when they are needed.
    for day in [0, 1, 2, 5, 30] {
        append(&store, vec![row(one.id, day * 86_400, &day.to_string())]).await;
    }
    let midnight = at(2 * 86_400).date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let mut pieces = 0;
    while store.expire_activity(midnight).await.unwrap() {
        pieces += 1;
        assert!(pieces < 10, "it ends");
    }
    assert_eq!(summaries(&store, of(one.id)).await, ["30", "5", "2"]);
    // A row for a day that is gone is not lost.
    append(&store, vec![row(one.id, 0, "late")]).await;
    assert_eq!(summaries(&store, of(one.id)).await.last().unwrap(), "late");
    assert_eq!(search(&store, one.id, "late").await, ["late"]);
    // What is deleted leaves the index too.
    while store.expire_activity(midnight).await.unwrap() {}
    assert_eq!(search(&store, one.id, "late").await, [""; 0]);
}

pub async fn days_may_be_made_side_by_side(store: Any) {
    let (one, _) = create(&store, "one").await;
    let mut appending = tokio::task::JoinSet::new();
    for n in 0..8_i64 {
        let (store, id) = (Arc::clone(&store), one.id);
        appending.spawn(async move {
            let rows: Vec<_> = (0..4).map(|day| row(id, day * 86_400, &n.to_string())).collect();
            append(&store, rows).await
        });
    }
    assert_eq!(appending.join_all().await.concat(), [true; 32]);
    assert_eq!(summaries(&store, of(one.id)).await.len(), 32);
}

pub async fn a_purge_takes_activity_along(store: Any) {
    let (one, head) = create(&store, "one").await;
    let (two, _) = create(&store, "two").await;
    let mut used = row(one.id, 1, "gone");
    used.entry.effects.usage = Some(Usage { input: 1, output: 1 });
    append(&store, vec![used, row(two.id, 1, "stays")]).await;
    let mut after = one.clone();
    after.status = Status::Removed;
    let draft = Draft::new("WORKSPACE_REMOVED", json!({}));
    let purge = Change::new(Some(&one), after, head, None, vec![draft], at(2)).with(Effect::Purge);
    store.commit(&[vec![purge]]).await.unwrap();
    assert_eq!(summaries(&store, ActivityQuery::default()).await, ["stays"]);
    assert_eq!(store.token_usage(one.id, at(1).date_naive()).await.unwrap(), None);
    assert_eq!(append(&store, vec![row(one.id, 3, "late")]).await, [false]);
}

pub async fn no_body_is_too_much(store: Any) {
    let (one, _) = create(&store, "one").await;
    // Hundreds of digits each, where numbers are exact.
    let numbers: Vec<Value> = (0..2_500).map(|n| json!(1e300 + f64::from(n) * 1e287)).collect();
    let words: Vec<Value> = (0..5_000).map(|n| json!(format!("é{n}🦀"))).collect();
    let deep = (0..100).fold(json!("needle"), |inner, _| json!([inner]));
    let letters = json!("京".repeat(21_000));
    for (n, body) in [numbers.into(), words.into(), deep, letters].iter().enumerate() {
        let mut monster = row(one.id, 1, &n.to_string());
        (monster.entry.request_body, monster.entry.response_body) =
            (Some(Body::of(body)), Some(Body::of(body)));
        assert!(!Body::of(body).as_str().contains("truncated"), "{n} is stored whole");
        assert_eq!(append(&store, vec![monster]).await, [true], "{n}");
    }
    assert_eq!(search(&store, one.id, "needle").await, ["2"]);
}

pub async fn last_outbound_never_goes_back(store: Any) {
    let (one, _) = create(&store, "one").await;
    let sent = |second| {
        let times: [(WorkspaceId, DateTime<Utc>); 2] =
            [(one.id, at(second)), (WorkspaceId::random(), at(second))];
        BTreeMap::from(times)
    };
    for second in [5, 9, 7] {
        store.write_outbound(&sent(second)).await.unwrap();
    }
    let view = store.view(one.id).await.unwrap().unwrap();
    assert_eq!(view.last_outbound_at, Some(at(9)));
    assert_eq!(view.last_outbound_at.unwrap() - at(0), TimeDelta::seconds(9));
}
