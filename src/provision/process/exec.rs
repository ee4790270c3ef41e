//! `isomer exec-agent`: what happens between fork and exec, in a program of its own, so that none of it
//! needs unsafe code. It becomes the agent: same process, same parent.
//!
//! The order matters: the session first, then the limits, then the promise to die with the server,
//! and the program last.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU};
use uuid::Uuid;

use super::inherited;
use super::watch;

/// Where an agent finds its secrets when they are handed over in a file.
pub const SECRETS_FILE: &str = "ISOMER_SECRETS_FILE";
pub const SECRETS_FD: &str = "ISOMER_SECRETS_FD";

/// The exit code when the program could not be started, as shells have it.
pub const NOT_STARTED: u8 = 127;

/// For the server alone: becomes an agent, a shell beside one, or what watches over the server.
#[derive(Clone, Debug, clap::Args)]
pub struct ExecArgs {
    /// The server. If that is not the parent, it has ended.
    #[arg(long)]
    parent: u32,
    /// The standard input is a terminal, to be the session's.
    #[arg(long)]
    terminal: bool,
    /// The standard input, or with a terminal the standard error, is the file of secrets.
    #[arg(long)]
    secrets: bool,
    /// A file to write this process's id to, to come under its limits.
    #[arg(long)]
    cgroup: Vec<PathBuf>,
    /// Waits for the end of the standard input, then ends what this server has left.
    #[arg(long, value_name = "SERVER")]
    watch: Option<Uuid>,
    /// The program and its arguments.
    #[arg(last = true)]
    program: Vec<String>,
}

/// Does it; returns only when it could not, or when there is nothing left to watch.
pub fn run(args: ExecArgs) -> ExitCode {
    let error = match args.watch {
        Some(server) => match watch::watch(server, &args.cgroup) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => error,
        },
        None => match become_agent(&args) {
            Ok(never) => match never {},
            Err(error) => error,
        },
    };
    // Where that goes may be closed or no text.
    let _ = writeln!(io::stderr(), "isomer: the agent's program could not be started: {error}");
    ExitCode::from(NOT_STARTED)
}

fn become_agent(args: &ExecArgs) -> io::Result<std::convert::Infallible> {
    let Some((program, arguments)) = args.program.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program is given"));
    };
    rustix::process::setsid()?;
    hear_signals()?;
    for file in &args.cgroup {
        fs::write(file, std::process::id().to_string())?;
    }
    rustix::thread::set_no_new_privs(true)?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Between fork and that promise the server may have ended.
    if getppid().is_none_or(|parent| parent.as_raw_pid().unsigned_abs() != args.parent) {
        return Err(io::Error::other("the server has ended"));
    }
    if args.terminal {
        rustix::process::ioctl_tiocsctty(io::stdin())?;
    }
    let mut command = Command::new(program);
    command.args(arguments);
    let secrets = args.secrets.then(|| secrets(args.terminal, &mut command)).transpose()?;
    inherited::keep_only(secrets.as_ref().map(AsRawFd::as_raw_fd))?;
    Err(command.exec())
}

/// A server that was started in the background, or by `nohup`, ignores signals, and whatever it starts
/// would: ^C in a terminal would do nothing. A signal that is caught is as usual after exec.
fn hear_signals() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD] {
        signal_hook::flag::register(signal, Arc::default())?;
    }
    Ok(())
}

/// Duplicates the file of secrets; the duplicate stays open in the program, unlike everything else that
/// is open here. It came as the standard input, or as the standard error beside a terminal.
fn secrets(terminal: bool, command: &mut Command) -> io::Result<OwnedFd> {
    let file = if terminal {
        command.stderr(Stdio::from(io::stdin().as_fd().try_clone_to_owned()?));
        rustix::io::dup(io::stderr().as_fd())?
    } else {
        command.stdin(Stdio::null());
        rustix::io::dup(io::stdin().as_fd())?
    };
    let number = file.as_raw_fd();
    command.env(SECRETS_FD, number.to_string());
    command.env(SECRETS_FILE, format!("/proc/self/fd/{number}"));
    Ok(file)
}
