//! A shell beside an agent, in a terminal of its own.
//!
//! The shell has the agent's environment, as `docker exec` would give it, and its limits. It ends with the
//! agent, and with whoever looks at it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use secrecy::SecretString;
use tokio::io::unix::AsyncFd;
use tokio::process::Child;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::super::{Terminal, TerminalInput, TerminalSize};
use super::run::Live;
use super::scan::{self, TERMINAL};
use super::{Shared, command};

const SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// What the page's terminal understands.
const KIND: &str = "xterm-256color";
/// Pieces that may wait in either direction.
const MAX_WAITING: usize = 32;
/// Longest piece of output, in bytes.
const PIECE: usize = 16 * 1024;

type Master = AsyncFd<OwnedFd>;

/// Opens one.
///
/// # Errors
/// What the system says.
pub(super) async fn open(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    size: TerminalSize,
) -> io::Result<Terminal> {
    let mark = Uuid::new_v4();
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    resize(&master, size)?;
    let shell = ioctl_tiocgptpeer(&master, flags)?;
    let child = start(shared, live, mark, shell).await?;
    fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
    let (output, shown) = mpsc::channel(MAX_WAITING);
    let (typed, input) = mpsc::channel(MAX_WAITING);
    tokio::spawn(converse(watched(master)?, child, mark, output, input));
    Ok(Terminal { output: shown, input: typed })
}

/// Watches a descriptor that is owned, and so stays open and the same as long as it is watched.
#[expect(deprecated, reason = "its successor is unsafe, for descriptors that are not owned")]
fn watched(master: OwnedFd) -> io::Result<Master> {
    AsyncFd::new(master)
}

async fn start(
    shared: &Arc<Shared>,
    live: &Arc<Live>,
    mark: Uuid,
    terminal: OwnedFd,
) -> io::Result<Child> {
    let shell = SHELLS.into_iter().find(|shell| Path::new(shell).exists()).unwrap_or(SHELLS[1]);
    let mut environment = live.environment.clone();
    for (name, value) in [("TERM", KIND), ("SHELL", shell), (TERMINAL, &mark.to_string())] {
        environment.insert(name.to_owned(), SecretString::from(value));
    }
    let (mut options, secrets) = live.options()?;
    options.push("--terminal".to_owned());
    let program = [shell.to_owned()];
    let mut command = command::command(shared, &options, &program, &environment, &live.folder);
    command.stdin(Stdio::from(terminal.try_clone()?));
    command.stdout(Stdio::from(terminal.try_clone()?));
    command.stderr(secrets.unwrap_or_else(|| Stdio::from(terminal)));
    shared.spawner.spawn(command).await
}

/// Passes bytes both ways until the shell has ended or nobody is there any more; then ends what is
/// left of the session.
async fn converse(
    master: Master,
    mut child: Child,
    mark: Uuid,
    output: mpsc::Sender<Bytes>,
    input: mpsc::Receiver<TerminalInput>,
) {
    let session = child.id().map(u32::cast_signed);
    let ended = tokio::select! {
        _ = child.wait() => true,
        () = show(&master, &output) => false,
        () = type_in(&master, input) => false,
        // A shell that reads nothing would keep the one who types, and say nothing either.
        () = output.closed() => false,
    };
    if ended {
        show_rest(&master, &output);
    }
    // Its end of the terminal hangs up, and what does not care is killed.
    drop((child, master));
    let mark = mark.to_string();
    scan::end_all(move || {
        let mut found = scan::marked(&[(TERMINAL, &mark)]);
        found.extend(session.into_iter().flat_map(scan::in_session));
        found
    })
    .await;
}

/// Ends when nothing writes to the terminal any more, or when nobody looks.
async fn show(master: &Master, output: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; PIECE];
    loop {
        let Ok(mut ready) = master.readable().await else { return };
        let read = ready.try_io(|master| Ok(rustix::io::read(master.get_ref(), &mut buffer)?));
        match read {
            Err(_would_block) => {}
            Ok(Ok(0) | Err(_)) => return,
            Ok(Ok(length)) => {
                if output.send(Bytes::copy_from_slice(&buffer[..length])).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What the shell said last, as far as it is taken.
fn show_rest(master: &Master, output: &mpsc::Sender<Bytes>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(length @ 1..) = rustix::io::read(master.get_ref(), &mut buffer) {
        if output.try_send(Bytes::copy_from_slice(&buffer[..length])).is_err() {
            return;
        }
    }
}

/// Ends when nobody types any more, or when the terminal takes nothing.
async fn type_in(master: &Master, mut input: mpsc::Receiver<TerminalInput>) {
    while let Some(next) = input.recv().await {
        let done = match next {
            TerminalInput::Data(bytes) => write(master, bytes).await,
            TerminalInput::Resize(size) => resize(master.get_ref(), size),
        };
        if done.is_err() {
            return;
        }
    }
}

async fn write(master: &Master, mut bytes: Bytes) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = master.writable().await?;
        match ready.try_io(|master| Ok(rustix::io::write(master.get_ref(), &bytes)?)) {
            Err(_would_block) => {}
            Ok(written) => bytes.advance(written?),
        }
    }
    Ok(())
}

fn resize(master: &OwnedFd, size: TerminalSize) -> io::Result<()> {
    let size = Winsize { ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0 };
    Ok(tcsetwinsize(master, size)?)
}
