//! The command that becomes an agent, or a shell beside one.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use isomer_actors::domain::record::Access;
use isomer_actors::indexes::BUILT_IN;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use secrecy::ExposeSecret;
use tokio::process::Command;

use super::super::{Failure, Launch};
use super::Shared;
use super::environment::{Environment, USUAL_PATH};
use super::scan::{INSTALLATION, RUN, SERVER};

/// Returns the program of an agent and its arguments.
pub(super) fn program(shared: &Shared, launch: &Launch) -> Result<Vec<String>, Failure> {
    if !launch.spec.command.is_empty() {
        return Ok(launch.spec.command.clone());
    }
    if launch.agent.runtime != BUILT_IN {
        let runtime = &launch.agent.runtime;
        let reason = format!("ISOMER_RUNTIMES names no command for the runtime {runtime}");
        return Err(Failure::hopeless(reason));
    }
    let own = shared.settings.program.to_str();
    let own = own.ok_or_else(|| Failure::hopeless("the path of isomer is not UTF-8"))?;
    Ok(vec![own.to_owned(), "agent".to_owned()])
}

/// Returns where an agent begins to work: its own folder, or the host's that it may write.
pub(super) fn folder(launch: &Launch) -> PathBuf {
    let shared = launch.agent.workspace_dir.as_ref();
    match shared.filter(|_| launch.agent.workspace_access == Access::ReadWrite) {
        Some(folder) => PathBuf::from(folder),
        None => launch.folders.workspace.clone(),
    }
}

/// Returns what may be overridden by a secret.
pub(super) fn usual() -> BTreeMap<String, String> {
    let lang = std::env::var("LANG").unwrap_or_else(|_| "C.UTF-8".to_owned());
    let zone = std::env::var("TZ").ok().map(|zone| ("TZ".to_owned(), zone));
    [("LANG".to_owned(), lang)].into_iter().chain(zone).collect()
}

/// Returns what says where a run takes place.
pub(super) fn own(
    shared: &Shared,
    launch: &Launch,
    run: uuid::Uuid,
    port: u16,
) -> BTreeMap<String, String> {
    let shown = |path: &Path| path.display().to_string();
    [
        ("HOME", shown(&launch.folders.workspace)),
        ("PATH", std::env::var("PATH").unwrap_or_else(|_| USUAL_PATH.to_owned())),
        ("PORT", port.to_string()),
        ("ISOMER_AGENT_BIND", "127.0.0.1".to_owned()),
        ("ISOMER_AGENT_PORT", port.to_string()),
        ("PLUGINS_DIR", shown(&launch.folders.plugins)),
        ("WORKSPACE_CONFIG_PATH", shown(&launch.folders.configs)),
        (INSTALLATION, shared.installation.to_string()),
        (SERVER, shared.server.to_string()),
        (RUN, run.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Returns the command that becomes `program`. `options` are those of `isomer exec-agent`.
pub(super) fn command(
    shared: &Shared,
    options: &[String],
    program: &[String],
    environment: &Environment,
    folder: &Path,
) -> Command {
    let mut command = Command::new(&shared.settings.program);
    command.arg0("isomer").arg("exec-agent");
    command.args(["--parent", &std::process::id().to_string()]).args(options);
    command.arg("--").args(program).current_dir(folder).env_clear();
    command.envs(environment.iter().map(|(name, value)| (name, value.expose_secret())));
    command
}

/// Returns a sealed file that is only in memory, to be read from its beginning.
pub(super) fn in_memory(bytes: &[u8]) -> io::Result<Stdio> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("isomer-secrets", flags)?);
    file.write_all(bytes)?;
    file.rewind()?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(Stdio::from(OwnedFd::from(file)))
}
