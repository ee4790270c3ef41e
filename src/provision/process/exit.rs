//! How a process ended, in words that everybody may read. Pure.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use super::exec::NOT_STARTED;

/// Returns why a run has failed that ended like this. Ending well is a failure too: nobody asked.
pub(super) fn reason(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(NOT_STARTED) => {
            format!("it exited with status {code}: its program could not be started")
        }
        (Some(code), _) => format!("it exited with status {code}"),
        (None, Some(signal)) => match name(signal) {
            Some(name) => format!("it was killed by signal {signal} ({name})"),
            None => format!("it was killed by signal {signal}"),
        },
        (None, None) => "it ended".to_owned(),
    }
}

/// Signals that are the same on every architecture in use.
fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_told_by_status_and_by_signal() {
        let told = |raw| reason(ExitStatus::from_raw(raw));
        assert_eq!(told(3 << 8), "it exited with status 3");
        assert_eq!(told(0), "it exited with status 0");
        assert_eq!(told(9), "it was killed by signal 9 (SIGKILL)");
        assert_eq!(told(40), "it was killed by signal 40");
        assert!(told(127 << 8).ends_with("could not be started"));
    }
}
