//! Rotation while the server works, killed again and again.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{KEY, OTHER_KEY, sealed, set, values, workspace};
use crate::in_both_modes;
use crate::support::sockets::Socket;
use crate::support::{Client, Mode, SOON, Server, eventually};

const WORKSPACES: usize = 12;
const KEYS: usize = 4;

async fn filled(admin: &Client) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..WORKSPACES {
        let id = workspace(admin, &format!("w{number}")).await;
        for key in 0..KEYS {
            set(admin, Some(&id), &format!("KEY_{key}"), &format!("{number}/{key}/0")).await;
        }
        ids.push(id);
    }
    set(admin, None, "GLOBAL", "g").await;
    ids
}

async fn status(admin: &Client) -> serde_json::Value {
    admin.get("/admin/keys").await.expect(200)
}

/// Waits for the newest rotation to end.
async fn ended(admin: &Client, kind: &str) -> serde_json::Value {
    eventually("end of the rotation", Duration::from_secs(60), || async {
        let status = status(admin).await;
        let job =
            status["jobs"].as_array().unwrap().iter().find(|job| job["kind"] == kind)?.clone();
        (job["state"] != "running").then_some(job)
    })
    .await
}

async fn a_reseed_replaces_every_seed_and_value(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    let seeds = "SELECT CAST(string_agg(CAST(id AS TEXT), ',') AS TEXT) FROM data_keys";
    let before = server.sql(seeds).await;
    let mut socket = Socket::open(&server.address, "").await;

    let started = admin.post("/admin/keys/reseed", json!({})).await.expect(202);
    assert_eq!(started["kind"], "reseed");
    let told = socket.until("KEY_ROTATION", &uuid::Uuid::nil().to_string(), SOON).await;
    assert_eq!(told["payload"]["kind"], "reseed");
    let job = ended(&admin, "reseed").await;
    assert_eq!((&job["state"], &job["failed"]), (&json!("finished"), &json!(0)), "{job}");
    assert_eq!(job["started_by"], "admin-token");

    let after = server.sql(seeds).await;
    assert!(after.split(',').all(|id| !before.contains(id)), "every seed is a new one");
    for (number, id) in ids.iter().enumerate() {
        let values = values(&admin, id).await;
        assert_eq!(values["KEY_1"], format!("{number}/1/0"));
        assert_eq!(values["GLOBAL"], "g");
    }
    let status = status(&admin).await;
    assert_eq!((&status["retired_seeds"], &status["stale_values"]), (&json!(0), &json!(0)));
    assert_eq!(status["minimum_format"], 3, "the ratchet");
}

/// After the migration nothing older is read, whoever puts it there, also after a restart.
async fn the_minimum_format_is_a_ratchet(mode: Mode) {
    let mut server = Server::with(mode, &[]).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "clear").await;
    server.stop();
    server.set("SECRETS_ENCRYPTION_KEY", KEY);
    server.restart();
    set(&admin, Some(&id), "B_KEY", "bound").await;
    assert_eq!(values(&admin, &id).await, json!({"A_KEY": "clear", "B_KEY": "bound"}));
    admin.post("/admin/keys/reseed", json!({})).await.expect(202);
    assert_eq!(ended(&admin, "reseed").await["state"], "finished");
    assert_eq!(status(&admin).await["values"], json!({"3": 2}));
    let plain = if mode == Mode::Production { "'\\x706c616e746564'" } else { "x'706c616e746564'" };
    let plant = format!(
        "UPDATE workspace_secrets SET encryption_version = 0, encrypted_value = {plain}
         WHERE key = 'A_KEY'"
    );
    server.tamper(&plant).await.unwrap();
    for _ in 0..2 {
        let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await.expect(500);
        assert_eq!(reply["failed_keys"], json!(["workspace:A_KEY"]));
        server.stop();
        server.restart();
    }
    server.stop();
    let (status, stderr) = server.refuses(&[("SECRETS_WRITE_FORMAT", "1")]);
    assert!(!status.success());
    assert!(stderr.contains("SECRETS_WRITE_FORMAT=1"), "{stderr}");
}

/// The ratchet of one process holds in another that already runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ratchet_reaches_running_servers() {
    let server = sealed(Mode::Production).await;
    let admin = server.admin();
    let id = workspace(&admin, "one").await;
    set(&admin, Some(&id), "A_KEY", "bound").await;
    let (exit, out, err) = server.run(&["keys", "reseed"], &[]);
    assert!(exit.success(), "{out}{err}");
    let plant = "UPDATE workspace_secrets SET encryption_version = 0,
        encrypted_value = '\\x706c616e746564'";
    server.tamper(plant).await.unwrap();
    eventually("a refusal of the planted value", Duration::from_secs(20), || async {
        let reply = admin.get(&format!("/workspaces/{id}/secrets/values")).await;
        (reply.status == 500).then_some(())
    })
    .await;
    assert_eq!(status(&admin).await["minimum_format"], 3);
}

async fn a_new_static_key(mode: Mode) {
    let mut server = sealed(mode).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    server.stop();
    server.set("SECRETS_ENCRYPTION_KEY", OTHER_KEY);
    server.set("SECRETS_ENCRYPTION_KEY_PREVIOUS", KEY);
    server.restart();
    admin.post("/admin/keys/rewrap", json!({})).await.expect(202);
    assert_eq!(ended(&admin, "rewrap").await["state"], "finished");
    server.stop();
    server.set("SECRETS_ENCRYPTION_KEY_PREVIOUS", "");
    server.restart();
    assert_eq!(values(&admin, &ids[3]).await["KEY_2"], "3/2/0");
    server.stop();
    let (status, _) = server.refuses(&[("SECRETS_ENCRYPTION_KEY", KEY)]);
    assert!(!status.success(), "the old key is no key any more");
}

/// A wrapping that belongs to another workspace is left as it is and named; the rest goes on.
async fn a_seed_that_does_not_open_is_named(mode: Mode) {
    let mut server = sealed(mode).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    server.stop();
    server.set("SECRETS_ENCRYPTION_KEY", OTHER_KEY);
    server.set("SECRETS_ENCRYPTION_KEY_PREVIOUS", KEY);
    let swap = format!(
        "UPDATE data_keys SET wrapped = (SELECT w.wrapped FROM data_keys w WHERE w.workspace_id = '{}')
         WHERE workspace_id = '{}'",
        ids[1], ids[0]
    );
    server.tamper(&swap).await.unwrap();
    server.restart();
    admin.post("/admin/keys/rewrap", json!({})).await.expect(202);
    let job = ended(&admin, "rewrap").await;
    assert_eq!((&job["state"], &job["failed"]), (&json!("incomplete"), &json!(1)));
    let trail = admin.get(&format!("/admin/keys/audit?workspace_id={}", ids[0])).await.expect(200);
    let entry = &trail["entries"][0];
    assert_eq!((&entry["action"], &entry["outcome"]), (&json!("rewrap"), &json!("failed")));
    assert!(entry["detail"].as_str().unwrap().ends_with(": authentication"), "{entry}");
    assert_eq!(values(&admin, &ids[2]).await["KEY_1"], "2/1/0");
}

/// What does not open is left as it is, named, and does not stop the rest.
async fn a_value_that_does_not_open_is_kept_and_named(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    let spoil = "UPDATE workspace_secrets SET version = version + 7 WHERE key = 'KEY_0'";
    server.tamper(spoil).await.unwrap();
    admin.post("/admin/keys/reseed", json!({})).await.expect(202);
    let job = ended(&admin, "reseed").await;
    assert_eq!((&job["state"], &job["failed"]), (&json!("incomplete"), &json!(WORKSPACES)));
    let status = status(&admin).await;
    assert_eq!(status["stale_values"], WORKSPACES);
    assert_eq!(status["minimum_format"], 0, "the ratchet waits");
    let trail = admin.get(&format!("/admin/keys/audit?workspace_id={}", ids[0])).await.expect(200);
    assert_eq!(trail["entries"][0]["key"], "KEY_0");
    // Written anew, and the job goes on.
    for (number, id) in ids.iter().enumerate() {
        assert!(admin.get(&format!("/workspaces/{id}/secrets/values")).await.status == 500);
        set(&admin, Some(id), "KEY_0", &format!("{number}/0/0")).await;
    }
    admin.post("/admin/keys/reseed", json!({})).await.expect(202);
    eventually("the finished job", SOON, || async {
        let job = ended(&admin, "reseed").await;
        (job["state"] == "finished").then_some(())
    })
    .await;
    assert_eq!(values(&admin, &ids[5]).await["KEY_0"], "5/0/0");
}

/// A job that ended with failures is over: the next one, after another incident, replaces the seeds
/// that it made.
async fn a_reseed_after_an_incomplete_one_makes_new_seeds(mode: Mode) {
    let server = sealed(mode).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    let spoil = "UPDATE workspace_secrets SET version = version + 7
        WHERE key = 'KEY_0' AND workspace_id IN (SELECT max(CAST(id AS TEXT)) FROM workspaces)";
    let spoil = if mode == Mode::Production {
        spoil.replace("workspace_id IN", "CAST(workspace_id AS TEXT) IN")
    } else {
        spoil.to_owned()
    };
    server.tamper(&spoil).await.unwrap();
    let seeds = "SELECT CAST(string_agg(CAST(id AS TEXT), ',') AS TEXT) FROM data_keys
        WHERE state = 'active'";
    let mut before = server.sql(seeds).await;
    for _ in 0..2 {
        // The one before is told to have ended a moment before it has.
        eventually("start of the reseed", SOON, || async {
            let reply = admin.post("/admin/keys/reseed", json!({})).await;
            (reply.status == 202).then_some(())
        })
        .await;
        let after = eventually("new seeds for all", Duration::from_secs(30), || async {
            let now = server.sql(seeds).await;
            let new = now.split(',').filter(|id| !before.contains(id)).count();
            (new == ids.len() + 1).then_some(now)
        })
        .await;
        let job = ended(&admin, "reseed").await;
        assert_eq!((&job["state"], &job["failed"]), (&json!("incomplete"), &json!(1)), "{job}");
        before = after;
    }
}

in_both_modes!(
    a_reseed_replaces_every_seed_and_value,
    the_minimum_format_is_a_ratchet,
    a_new_static_key,
    a_value_that_does_not_open_is_kept_and_named,
    a_reseed_after_an_incomplete_one_makes_new_seeds,
    a_seed_that_does_not_open_is_named,
);

/// Writers that write on until told to stop; returns the last acknowledged value of each key.
async fn write_on(
    admin: Client,
    id: String,
    number: usize,
    stop: Arc<AtomicBool>,
) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    let mut round = 1;
    while !stop.load(Ordering::Relaxed) {
        for key in 0..KEYS {
            let (key, value) = (format!("KEY_{key}"), format!("{number}/{key}/{round}"));
            set(&admin, Some(&id), &key, &value).await;
            last.insert(key, value);
        }
        round += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    last
}

/// `isomer keys reseed` killed a hundred times at random moments, beside a serving server and
/// writers. Nothing becomes unreadable, no acknowledged write is overwritten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_lose_nothing() {
    const KILLS: u64 = 100;
    let server = sealed(Mode::Production).await;
    let admin = server.admin();
    let ids = filled(&admin).await;
    let stop = Arc::new(AtomicBool::new(false));
    // Half of the workspaces are written to all the time.
    let writers: Vec<_> = ids
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 2 == 0)
        .map(|(number, id)| {
            tokio::spawn(write_on(admin.clone(), id.clone(), number, Arc::clone(&stop)))
        })
        .collect();

    let mut finished = 0;
    for kill in 0..KILLS {
        let mut job = server
            .command(&["keys", "reseed", "--rate", "600"], &[])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the whole run of the job, start included, in no order.
        let moment = Duration::from_millis(30 + kill * 37 % 501);
        tokio::time::sleep(moment).await;
        if job.try_wait().unwrap().is_some_and(|status| status.success()) {
            finished += 1;
        }
        let _ = job.kill();
        job.wait().unwrap();
        // Readers never see anything that does not open.
        let id = &ids[usize::try_from(kill).unwrap() % ids.len()];
        let seen = values(&admin, id).await;
        assert_eq!(seen.as_object().unwrap().len(), KEYS + 1, "{seen}");
    }
    stop.store(true, Ordering::Relaxed);
    let mut last = Vec::new();
    for writer in writers {
        last.push(writer.await.unwrap());
    }
    let (status, out, err) = server.run(&["keys", "reseed"], &[]);
    assert!(status.success(), "{out}{err}");
    for (number, id) in ids.iter().enumerate() {
        let seen = values(&admin, id).await;
        for key in 0..KEYS {
            let key = format!("KEY_{key}");
            let wanted = match number % 2 {
                0 => last[number / 2][&key].clone(),
                _ => format!("{number}/{}/0", &key[4..]),
            };
            assert_eq!(seen[&key], json!(wanted), "workspace {number}");
        }
    }
    let status = self::status(&admin).await;
    assert_eq!((&status["retired_seeds"], &status["stale_values"]), (&json!(0), &json!(0)));
    // The kills met every part of the job: some before it began, some in the middle, and some runs
    // were over.
    let begun = server.sql(
        "SELECT CAST(count(*) AS TEXT) FROM secret_audit WHERE action = 'reseed' AND outcome = 'started'",
    );
    let jobs = server.sql("SELECT CAST(count(*) AS TEXT) FROM key_jobs WHERE state = 'finished'");
    let (begun, jobs) = (begun.await.parse::<u64>().unwrap(), jobs.await.parse::<u64>().unwrap());
    println!(
        "{KILLS} kills: {begun} runs had begun, {jobs} jobs were finished, {finished} runs ended"
    );
    assert!(begun > KILLS / 4 && jobs >= 1, "{begun} {jobs}");
}
