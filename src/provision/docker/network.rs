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

/// Its name (contract 01 §7.2).
pub const NETWORK: &str = "molecule-monorepo-net";
/// Between two tries to reach the engine.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

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
        let (listener, url) = listen(gateway, room.address).await;
        info!(%url, "agents in containers reach this server");
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

/// Listens at the server's own port if that is free there, and says how it is reached.
async fn listen(gateway: Ipv4Addr, own: SocketAddr) -> (Option<TcpListener>, String) {
    let port = own.port();
    if own.ip().is_unspecified() || own.ip() == IpAddr::V4(gateway) {
        return (None, format!("http://{gateway}:{port}"));
    }
    let bound = match TcpListener::bind((gateway, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            TcpListener::bind((gateway, 0)).await
        }
        bound => bound,
    };
    match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => (Some(listener), format!("http://{address}")),
        Err(error) => {
            // An engine in a machine of its own: it leads this name to the host's loopback.
            warn!(%error, %gateway, "the gateway of the containers is not here");
            (None, format!("http://host.docker.internal:{port}"))
        }
    }
}
