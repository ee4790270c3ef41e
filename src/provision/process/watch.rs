//! What outlives the server by a moment: when the server is killed, its agents die with it, and this
//! ends what those had begun.

use std::io::{self, Read as _};
use std::path::PathBuf;

use uuid::Uuid;

use super::cgroup;
use super::scan::{self, SERVER};

/// Waits for the server's end of the standard input to close, then ends every process that bears
/// the mark of this server, and those in its control groups.
pub(super) fn watch(server: Uuid, roots: &[PathBuf]) -> io::Result<()> {
    rustix::process::setsid()?;
    let mut rest = [0; 64];
    while io::stdin().read(&mut rest)? > 0 {}
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let prefix = server.to_string();
        let groups = cgroup::with_prefix(roots, &prefix);
        let members = groups.clone();
        scan::end_all(move || {
            let mut found = scan::marked(&[(SERVER, &prefix)]);
            found.extend(members.iter().flat_map(cgroup::Cgroup::members));
            found
        })
        .await;
        for group in groups {
            group.remove().await;
        }
    });
    Ok(())
}
