//! Where the agents listen that run in this process: the only loopback addresses that messages
//! go to outside development mode, because the platform chose them itself.

use std::net::SocketAddr;
use std::sync::Arc;

use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;
use reqwest::Url;

use crate::net::guard::Vetted;

/// The addresses by workspace. Cheap to clone; bounded by the agents that run.
#[derive(Clone, Debug, Default)]
pub struct Addresses(Arc<DashMap<WorkspaceId, SocketAddr>>);

impl Addresses {
    /// Notes where the agent of a workspace listens.
    pub fn put(&self, id: WorkspaceId, address: SocketAddr) {
        self.0.insert(id, address);
    }

    /// Returns a guard that takes the workspace off the list when dropped.
    pub fn listed(&self, id: WorkspaceId) -> Listed {
        Listed { addresses: self.clone(), id }
    }

    /// Returns `url`, pinned to the agent's own socket, if it leads to exactly that one.
    pub fn vetted(&self, id: WorkspaceId, url: &str) -> Option<Vetted> {
        let address = *self.0.get(&id)?;
        let url = Url::parse(url).ok()?;
        let host = url.host_str()?;
        let same_host = match host.parse::<std::net::IpAddr>() {
            Ok(ip) => ip == address.ip(),
            Err(_) => host == "localhost" && address.ip().is_loopback(),
        };
        let same = same_host && url.port() == Some(address.port()) && url.scheme() == "http";
        (same && url.username().is_empty()).then(|| Vetted { url, addresses: vec![address] })
    }
}

/// While it lives, its agent may be on the list.
#[derive(Debug)]
pub struct Listed {
    addresses: Addresses,
    id: WorkspaceId,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.addresses.0.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_agents_own_socket_is_vetted() {
        let (addresses, id) = (Addresses::default(), WorkspaceId::random());
        let own: SocketAddr = "127.0.0.1:4711".parse().unwrap();
        assert!(addresses.vetted(id, "http://localhost:4711").is_none());
        let listed = addresses.listed(id);
        addresses.put(id, own);
        for url in ["http://localhost:4711", "http://127.0.0.1:4711/"] {
            assert_eq!(addresses.vetted(id, url).unwrap().addresses, [own], "{url}");
        }
        for url in [
            "http://localhost:4712",
            "http://localhost",
            "https://localhost:4711",
            "http://127.0.0.2:4711",
            "http://example.com:4711",
            "http://user@localhost:4711",
            "nonsense",
        ] {
            assert!(addresses.vetted(id, url).is_none(), "{url}");
        }
        assert!(addresses.vetted(WorkspaceId::random(), "http://localhost:4711").is_none());
        drop(listed);
        assert!(addresses.vetted(id, "http://localhost:4711").is_none());
    }
}
