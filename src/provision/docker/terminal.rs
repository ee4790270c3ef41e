//! A shell in an agent's container.
//!
//! The engine forgets whom a shell was for: it goes on when the connection ends. So each shell carries a mark
//! in its environment, which what it begins inherits, and all that carry the mark are killed at the end.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::warn;
use uuid::Uuid;

use super::engine::{CALL_LIMIT, Engine, EngineError, bounded};
use crate::provision::{Terminal, TerminalInput, TerminalSize};

/// Chunks that wait on either side.
const CHUNKS: usize = 64;
const CHUNK_BYTES: usize = 8 * 1024;
/// Longest answer before the terminal begins.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The shell may be a moment behind the answer that it has started.
const RESIZE_TRIES: u32 = 20;
const RESIZE_PAUSE: Duration = Duration::from_millis(50);
/// How long killing a shell may take.
const KILL_LIMIT: Duration = Duration::from_secs(10);
/// What marks shells and all that they begin.
const MARK: &str = "ISOMER_TERMINAL";
const SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi";
/// Kills whoever carries the mark `$0`, until nobody does: one that is being killed may just have begun
/// another. In the shell alone, because an image may have no tools.
const KILL: &str = r#"n=0; again=1
while [ "$again" = 1 ] && [ "$n" -lt 20 ]; do
    n=$((n + 1)); again=0
    for p in /proc/[0-9]*; do
        while IFS= read -r line || [ -n "$line" ]; do
            case "$line" in *"$0"*) kill -9 "${p##*/}" && again=1;; esac
        done <"$p/environ"
    done
done 2>/dev/null"#;

/// Opens a shell in a container.
///
/// # Errors
/// [`EngineError`].
pub async fn open(
    engine: Arc<Engine>,
    container: String,
    size: TerminalSize,
) -> Result<Terminal, EngineError> {
    let docker = engine.docker().await?;
    let mark = format!("{MARK}={}", Uuid::new_v4());
    let wanted = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(true),
        env: Some(vec!["TERM=xterm-256color", mark.as_str()]),
        cmd: Some(vec!["/bin/sh", "-c", SHELL]),
        ..CreateExecOptions::default()
    };
    let exec = bounded(docker.create_exec(&container, wanted)).await?.id;
    let attached = timeout(CALL_LIMIT, attach(engine.socket(), &exec)).await;
    let stream = match attached.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => stream,
        Err(error) => {
            kill(&engine, &container, &mark).await;
            return Err(EngineError::Unreachable(error.to_string()));
        }
    };
    let (output, shown) = mpsc::channel(CHUNKS);
    let (typed, input) = mpsc::channel(CHUNKS);
    tokio::spawn(async move {
        resize(&engine, &exec, size, RESIZE_TRIES).await;
        pump(&engine, &exec, stream, output, input).await;
        kill(&engine, &container, &mark).await;
    });
    Ok(Terminal { output: shown, input: typed })
}

/// Kills what shells left behind whose server is gone.
pub async fn kill_all(engine: &Engine, container: &str) {
    kill(engine, container, &format!("{MARK}=")).await;
}

/// Copies both ways until either side has ended. Neither waits for the other: a shell that writes
/// without end is interrupted all the same.
async fn pump(
    engine: &Engine,
    exec: &str,
    stream: UnixStream,
    output: mpsc::Sender<Bytes>,
    mut input: mpsc::Receiver<TerminalInput>,
) {
    let (mut reader, mut writer) = stream.into_split();
    let out = async {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            let Some(chunk) = buffer.get(..length) else { return };
            if output.send(Bytes::copy_from_slice(chunk)).await.is_err() {
                return;
            }
        }
    };
    let typed = async {
        while let Some(input) = input.recv().await {
            match input {
                TerminalInput::Data(bytes) if writer.write_all(&bytes).await.is_err() => return,
                TerminalInput::Data(_) => {}
                TerminalInput::Resize(size) => resize(engine, exec, size, 1).await,
            }
        }
    };
    tokio::select! {
        () = out => {}
        () = typed => {}
        () = output.closed() => {}
    }
}

async fn resize(engine: &Engine, exec: &str, size: TerminalSize, tries: u32) {
    let Ok(docker) = engine.docker().await else { return };
    for _ in 0..tries {
        let wanted = ResizeExecOptions { width: size.columns, height: size.rows };
        if bounded(docker.resize_exec(exec, wanted)).await.is_ok() {
            return;
        }
        tokio::time::sleep(RESIZE_PAUSE).await;
    }
}

/// Starts a shell and becomes its terminal. By hand, because what a terminal says is bytes: the client
/// library would read those that look like a frame's header as one.
async fn attach(socket: &Path, exec: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket).await?;
    let body = r#"{"Detach":false,"Tty":true}"#;
    let request = format!(
        "POST /exec/{exec}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\
         Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the terminal's.
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD_BYTES {
            return Err(io::Error::other("its answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    let upgraded = head.starts_with(b"HTTP/1.1 101 ") || head.starts_with(b"HTTP/1.1 200 ");
    if upgraded { Ok(stream) } else { Err(io::Error::other("it opens no terminal")) }
}

/// Kills whoever carries a mark. What cannot be killed now goes with its container.
async fn kill(engine: &Engine, container: &str, mark: &str) {
    let killing = async {
        let docker = engine.docker().await?;
        let wanted = CreateExecOptions {
            attach_stdout: Some(true),
            cmd: Some(vec!["/bin/sh", "-c", KILL, mark]),
            ..CreateExecOptions::default()
        };
        let exec = docker.create_exec(container, wanted).await?.id;
        let options = StartExecOptions::default();
        if let StartExecResults::Attached { mut output, .. } =
            docker.start_exec(&exec, Some(options)).await?
        {
            while output.next().await.is_some() {}
        }
        Ok::<_, EngineError>(())
    };
    match timeout(KILL_LIMIT, killing).await {
        Ok(Ok(()) | Err(EngineError::Missing(_) | EngineError::Conflict(_))) => {}
        Ok(Err(error)) => warn!(%error, "a terminal's shell could not be killed"),
        Err(_) => warn!("killing a terminal's shell took too long"),
    }
}
