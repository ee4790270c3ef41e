//! The network of agents' containers, and the door through which they reach the server.
//!
//! The server listens on loopback, which no container reaches. The same routes are served a second time on
//! the address that the host has in the network of containers, where nobody else comes in.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bollard::models::{NetworkCreateRequest, NetworkInspect};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::engine::{Engine, EngineError};
use super::spec::{INSTALLATION, MANAGED};
use crate::net::serve::serve;
use crate::provision::folder::Folder;

/// Its name (contract 01 §7.2).
pub const NETWORK: &str = "molecule-monorepo-net";
/// Between two tries to reach the engine.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The file of the data folder with the port of the door: the URL stands in every container, so another
/// one would make every container anew.
const PORT_FILE: &str = "docker-port";
const MAX_PORT_BYTES: u64 = 16;

/// How agents reach the server: not known yet, the URL, or why they cannot.
pub type Platform = Option<Result<String, &'static str>>;

/// Returns the address of the host in the network of containers; makes the network if it is missing.
///
/// # Errors
/// [`EngineError`].
pub async fn ensure(engine: &Engine, installation: Uuid) -> Result<Ipv4Addr, EngineError> {
    let found = match engine.network(NETWORK).await {
        Err(EngineError::Missing(_)) => {
            match engine.create_network(request(installation)).await {
                // Another server was faster.
                Ok(()) | Err(EngineError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
            engine.network(NETWORK).await?
        }
        found => found?,
    };
    gateway(&found).ok_or_else(|| EngineError::Refused {
        status: 200,
        message: format!("the network {NETWORK} has no IPv4 gateway"),
    })
}

fn request(installation: Uuid) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: NETWORK.to_owned(),
        driver: Some("bridge".to_owned()),
        labels: Some(HashMap::from([
            (MANAGED.to_owned(), "true".to_owned()),
            (INSTALLATION.to_owned(), installation.to_string()),
        ])),
        ..NetworkCreateRequest::default()
    }
}

fn gateway(network: &NetworkInspect) -> Option<Ipv4Addr> {
    let pools = network.ipam.as_ref()?.config.as_ref()?;
    pools.iter().find_map(|pool| pool.gateway.as_ref()?.split('/').next()?.parse().ok())
}

/// The second listener. It opens when the engine has told where.
#[derive(Debug)]
pub struct Door {
    pub(super) engine: Arc<Engine>,
    pub(super) installation: Uuid,
    pub(super) platform: watch::Sender<Platform>,
    pub(super) port: KeptPort,
    /// Whoever calls may do everything: nobody is let in by a second way.
    pub(super) open_to_all: bool,
}

/// What is behind the door.
#[expect(missing_debug_implementations, reason = "holds a router, which has none")]
pub struct Room {
    pub router: Router,
    /// Where the server listens already.
    pub address: SocketAddr,
    pub max_connections: usize,
    pub stop: CancellationToken,
    pub hard: CancellationToken,
}

/// The port that the door had last, and where that is kept.
#[derive(Debug)]
pub(super) struct KeptPort {
    folder: Folder,
    port: Option<u16>,
}

impl KeptPort {
    /// Reads it, if there is one. Blocks.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn read(folder: Folder) -> io::Result<Self> {
        let bytes = folder.read(PORT_FILE, MAX_PORT_BYTES)?.unwrap_or_default();
        let port = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
        Ok(Self { folder, port: port.filter(|port| *port != 0) })
    }

    /// Keeps the port for the next start. Failure is logged.
    async fn keep(self, port: u16) {
        if self.port == Some(port) {
            return;
        }
        let text = format!("{port}\n");
        let kept = move || self.folder.replace(PORT_FILE, text.as_bytes());
        let kept = tokio::task::spawn_blocking(kept).await.map_err(io::Error::other);
        if let Err(error) = kept.and_then(|kept| kept) {
            warn!(%error, "the next start may make every container anew: its port is not kept");
        }
    }
}

impl Door {
    /// Serves until told to stop. Where agents were told another URL, there is no door.
    pub async fn open(self, room: Room) {
        if self.platform.borrow().is_some() {
            return;
        }
        if self.open_to_all {
            let why =
                "in open development mode agents in containers need ADMIN_TOKEN or PLATFORM_URL";
            warn!("{why}: everybody who reaches this server may do everything");
            self.platform.send_replace(Some(Err(why)));
            return;
        }
        let Some(gateway) = self.gateway(&room.stop).await else { return };
        let (listener, url) = listen(gateway, room.address, self.port.port).await;
        info!(%url, "agents in containers reach this server");
        if let Some(address) = listener.as_ref().and_then(|listener| listener.local_addr().ok()) {
            self.port.keep(address.port()).await;
        }
        self.platform.send_replace(Some(Ok(url)));
        if let Some(listener) = listener {
            serve(listener, room.router, room.max_connections, room.stop, room.hard).await;
        }
    }

    async fn gateway(&self, stop: &CancellationToken) -> Option<Ipv4Addr> {
        let mut told = false;
        loop {
            match ensure(&self.engine, self.installation).await {
                Ok(gateway) => return Some(gateway),
                Err(error) if !told => {
                    warn!(%error, "no network for containers yet; asking again");
                    told = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(ASK_AGAIN) => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}

/// Listens at the port of the last start, else at the server's own, else at a free one; says how it is
/// reached.
async fn listen(
    gateway: Ipv4Addr,
    own: SocketAddr,
    kept: Option<u16>,
) -> (Option<TcpListener>, String) {
    let port = own.port();
    if own.ip().is_unspecified() || own.ip() == IpAddr::V4(gateway) {
        return (None, format!("http://{gateway}:{port}"));
    }
    let mut bound = TcpListener::bind((gateway, kept.unwrap_or(port))).await;
    for other in [port, 0] {
        match &bound {
            Err(error) if error.kind() != io::ErrorKind::AddrNotAvailable => {
                bound = TcpListener::bind((gateway, other)).await;
            }
            _ => break,
        }
    }
    match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => (Some(listener), format!("http://{address}")),
        Err(error) => {
            // An engine in a machine of its own: it leads this name to the host's loopback.
            warn!(%error, %gateway, "the gateway of the containers is not here");
            (None, format!("http://host.docker.internal:{port}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_door_stays_where_it_was_as_long_as_that_is_free() {
        let gateway = Ipv4Addr::LOCALHOST;
        let folder = tempfile::tempdir().unwrap();
        let kept = || KeptPort::read(Folder::open(folder.path()).unwrap()).unwrap();
        let at = |port| SocketAddr::from(([127, 0, 0, 2], port));
        let free = TcpListener::bind((gateway, 0)).await.unwrap();
        let own = free.local_addr().unwrap().port();
        // Its own port is taken there: it gets another.
        let (first, url) = listen(gateway, at(own), kept().port).await;
        let port = first.as_ref().unwrap().local_addr().unwrap().port();
        assert_ne!(port, own);
        kept().keep(port).await;
        drop((first, free));
        // Whatever port the server has next.
        let (held, again) = listen(gateway, at(own), kept().port).await;
        assert_eq!(again, url);
        // Somebody else has it: the server's own.
        let (_own, other) = listen(gateway, at(own), kept().port).await;
        assert_eq!(other, format!("http://{gateway}:{own}"));
        drop(held);
        std::fs::write(folder.path().join(PORT_FILE), "nonsense").unwrap();
        assert_eq!(kept().port, None);
    }
}
