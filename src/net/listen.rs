//! Taking the port, and saying who has it if it is taken.

use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;

/// Why the port could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("PORT={}: port taken by {holder}. Stop it, or choose another, for example PORT={}", .address.port(), .address.port().wrapping_add(1).max(1024))]
    Taken { address: SocketAddr, holder: String },
    #[error("cannot listen on {address}")]
    Other { address: SocketAddr, source: io::Error },
}

/// Listens on `address`.
///
/// # Errors
/// [`BindError`], naming the process that holds the port where it can be seen.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let port = address.port();
            let holder = tokio::task::spawn_blocking(move || holder_of(port)).await;
            let holder = holder.ok().flatten().unwrap_or_else(|| "another process".to_owned());
            Err(BindError::Taken { address, holder })
        }
        Err(source) => Err(BindError::Other { address, source }),
    }
}

/// Finds the process that listens on `port`: socket inodes in /proc/net, then their owner.
fn holder_of(port: u16) -> Option<String> {
    let inodes: HashSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        holds(&entry.path(), &inodes).then(|| named(pid, &entry.path()))
    })
}

/// Reads the inodes of sockets that listen (state 0A) on `port` from a /proc/net/tcp table.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let listens = fields.get(1)?.ends_with(&wanted) && *fields.get(3)? == "0A";
            listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
        })
        .collect()
}

fn holds(process: &Path, inodes: &HashSet<String>) -> bool {
    let Ok(files) = std::fs::read_dir(process.join("fd")) else {
        return false;
    };
    files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok()).any(|target| {
        let inode = target.to_str().and_then(|t| t.strip_prefix("socket:[")?.strip_suffix(']'));
        inode.is_some_and(|inode| inodes.contains(inode))
    })
}

fn named(pid: u32, process: &Path) -> String {
    let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
    format!("process {pid} ({})", name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_holder() {
        let first = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = first.local_addr().unwrap();
        let error = bind(address).await.unwrap_err().to_string();
        let me = format!("process {} (", std::process::id());
        assert!(error.contains(&me), "{error}");
        assert!(error.contains(&format!("PORT={}", address.port())), "{error}");
    }

    #[test]
    fn only_listening_sockets_of_the_port_count() {
        let table = "  sl  local_address rem_address   st tx rx tr tm retr uid timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 111 1\n\
            1: 0100007F:1F90 0100007F:C001 01 0:0 0:0 0 0 0 222 1\n\
            2: 0100007F:1F91 00000000:0000 0A 0:0 0:0 0 0 0 333 1\n";
        assert_eq!(listening_inodes(table, 8080), vec!["111"]);
    }
}
