//! Which processes an agent has left behind: looked up in `/proc` by the marks in their environment
//! and by their session. Everything but [`end_all`] blocks.

use std::fs;
use std::io::Read as _;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tracing::warn;

/// The marks: which installation, which start of its server, which workspace, which run of its
/// agent, and which terminal beside it.
pub const INSTALLATION: &str = "ISOMER_INSTALLATION";
pub const SERVER: &str = "ISOMER_SERVER";
pub const WORKSPACE: &str = "WORKSPACE_ID";
pub const RUN: &str = "ISOMER_RUN";
pub const TERMINAL: &str = "ISOMER_TERMINAL";

/// Most of an environment that is read, in bytes: more than Linux takes.
const LONGEST: u64 = 8 << 20;
/// How often it is looked again for what was begun meanwhile.
const ROUNDS: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(25);

/// Returns the processes that bear all of these marks. Those that may not be asked are none.
pub(super) fn marked(marks: &[(&str, &str)]) -> Vec<i32> {
    let wanted: Vec<_> = marks.iter().map(|(name, value)| format!("{name}={value}")).collect();
    processes().filter(|pid| bears(*pid, &wanted)).collect()
}

/// Returns the marks `names` of every process that bears the mark `name`=`value`.
pub(super) fn read_marks<const N: usize>(
    (name, value): (&str, &str),
    names: [&str; N],
) -> Vec<(i32, [Option<String>; N])> {
    let wanted = format!("{name}={value}");
    let marks = |pid| {
        let environment = environment(pid)?;
        let mut entries = environment.split(|byte| *byte == 0);
        entries.clone().find(|entry| *entry == wanted.as_bytes())?;
        let found = names.map(|name| {
            let value = |entry: &[u8]| {
                let text = std::str::from_utf8(entry).ok()?;
                Some(text.strip_prefix(name)?.strip_prefix('=')?.to_owned())
            };
            entries.clone().find_map(value)
        });
        entries.next();
        Some((pid, found))
    };
    processes().filter_map(marks).collect()
}

/// Returns the living processes of a session.
pub(super) fn in_session(session: i32) -> Vec<i32> {
    processes().filter(|pid| session_of(*pid) == Some(session)).collect()
}

/// Kills what `find` finds, again until it finds nothing more.
///
/// # Cancel safety
/// What was not found yet goes on.
pub(super) async fn end_all(find: impl Fn() -> Vec<i32> + Clone + Send + 'static) -> usize {
    let mut ended = std::collections::BTreeSet::new();
    for _ in 0..ROUNDS {
        let find = find.clone();
        let found = tokio::task::spawn_blocking(move || {
            let found = find();
            found.iter().for_each(|pid| kill(*pid));
            found
        });
        match found.await {
            Ok(found) if found.is_empty() => return ended.len(),
            Ok(found) => ended.extend(found),
            Err(_) => return ended.len(),
        }
        tokio::time::sleep(BETWEEN).await;
    }
    warn!("processes that an agent left behind could not be ended");
    ended.len()
}

/// Kills one process. One that is gone, or may not be killed, is left.
fn kill(pid: i32) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => _ = pidfd_send_signal(process, Signal::KILL),
        Err(_) => _ = rustix::process::kill_process(pid, Signal::KILL),
    }
}

/// All but this one.
fn processes() -> impl Iterator<Item = i32> {
    let own = std::process::id();
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<i32>().ok();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(number).filter(move |pid| pid.unsigned_abs() != own)
}

fn bears(pid: i32, wanted: &[String]) -> bool {
    environment(pid).is_some_and(|environment| {
        let mut missing: Vec<&[u8]> = wanted.iter().map(String::as_bytes).collect();
        for entry in environment.split(|byte| *byte == 0) {
            missing.retain(|wanted| *wanted != entry);
        }
        missing.is_empty()
    })
}

/// Empty for a process that has ended and was not waited for yet.
fn environment(pid: i32) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let file = fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(4_096));
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The session of a living process: the fourth word after the name, which stands in parentheses
/// and may hold anything.
fn session_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = words.next()?;
    let session = words.nth(2)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(session)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn only_what_bears_every_mark_is_ended() {
        let (ours, theirs) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let begin = |installation: &str, run: &str| {
            let mut command = Command::new("sleep");
            command.arg("60").env(INSTALLATION, installation).env(RUN, run).stdin(Stdio::null());
            command.spawn().unwrap()
        };
        let (mut left, mut running, mut other) =
            (begin(&ours, "1"), begin(&ours, "2"), begin(&theirs, "1"));
        let found = read_marks((INSTALLATION, &ours), [RUN, TERMINAL]);
        let mut found: Vec<_> =
            found.into_iter().map(|(_, [run, terminal])| (run, terminal)).collect();
        found.sort();
        assert_eq!(found, [(Some("1".into()), None), (Some("2".into()), None)]);
        let installation = ours.clone();
        let find = move || marked(&[(INSTALLATION, &installation), (RUN, "1")]);
        assert_eq!(end_all(find).await, 1);
        assert!(left.wait().unwrap().code().is_none());
        for child in [&mut running, &mut other] {
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Not by the session of this process, which may have been begun outside of the namespace that
    /// it runs in, and then has no number here.
    #[tokio::test]
    async fn a_session_is_found_by_its_leader() {
        let mut command = Command::new("setsid");
        let mut leader = command.args(["sleep", "60"]).stdin(Stdio::null()).spawn().unwrap();
        let session = leader.id().cast_signed();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while in_session(session) != [session] {
            assert!(tokio::time::Instant::now() < deadline, "the session was not found");
            tokio::time::sleep(BETWEEN).await;
        }
        leader.kill().unwrap();
        leader.wait().unwrap();
        assert_eq!(in_session(session), [0; 0]);
    }
}
