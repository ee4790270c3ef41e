//! Where the agents listen that this server runs: the only loopback addresses that messages go to
//! outside development mode, because the platform chose them itself.
//!
//! An agent in a container knows itself by names of its own network. Those lead to the address that
//! its container publishes on this machine, and nowhere else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use isomer_actors::domain::ids::WorkspaceId;
use reqwest::Url;
use tokio::sync::watch;

use crate::net::guard::Vetted;

/// How long a registration waits for its container's address: an agent can be faster than the
/// engine's answer to who started it.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);

/// Where one agent is reached.
#[derive(Clone, Copy, Debug)]
struct Reached {
    address: SocketAddr,
    /// Its address in the network of containers.
    inside: Option<IpAddr>,
}

/// Where one agent is.
#[derive(Debug)]
struct Place {
    reached: watch::Sender<Option<Reached>>,
    /// Its name in the network of containers.
    name: Option<String>,
}

/// The addresses by workspace. Cheap to clone; bounded by the agents that run.
#[derive(Clone, Debug, Default)]
pub struct Addresses(Arc<DashMap<WorkspaceId, Place>>);

impl Addresses {
    /// Notes where the agent of a workspace listens.
    pub fn put(&self, id: WorkspaceId, address: SocketAddr) {
        let reached = watch::Sender::new(Some(Reached { address, inside: None }));
        self.0.insert(id, Place { reached, name: None });
    }

    /// Notes that the agent of a workspace runs in a container of this name, whose address will be
    /// published.
    pub fn expect(&self, id: WorkspaceId, name: String) {
        self.0.insert(id, Place { reached: watch::Sender::new(None), name: Some(name) });
    }

    /// Notes where the container of a workspace is reached from here, and its address in the network
    /// of containers.
    pub fn publish(&self, id: WorkspaceId, address: SocketAddr, inside: Option<IpAddr>) {
        if let Some(place) = self.0.get(&id) {
            place.reached.send_replace(Some(Reached { address, inside }));
        }
    }

    /// Returns whether a workspace's agent is being run.
    pub fn knows(&self, id: WorkspaceId) -> bool {
        self.0.contains_key(&id)
    }

    /// Returns a guard that takes the workspace off the list when dropped.
    pub fn listed(&self, id: WorkspaceId) -> Listed {
        Listed { addresses: self.clone(), id }
    }

    /// Returns `url`, pinned to the agent's own socket, if it leads to exactly that one. For an agent
    /// in a container these are all the names by which it knows itself, and no URL at all.
    pub fn vetted(&self, id: WorkspaceId, url: &str) -> Option<Vetted> {
        let place = self.0.get(&id)?;
        let reached = (*place.reached.borrow())?;
        let url = match &place.name {
            Some(name) => published(name, reached, url)?,
            None => exactly(reached.address, url)?,
        };
        Some(Vetted { url, addresses: vec![reached.address] })
    }

    /// Returns where an agent is reached from here that runs in a container and says that it is at
    /// `url`: `None` unless that is one of its own names. Waits a moment for a container that is
    /// just being started.
    pub async fn published(&self, id: WorkspaceId, url: &str) -> Option<Url> {
        let (name, mut reached) = {
            let place = self.0.get(&id)?;
            (place.name.clone()?, place.reached.subscribe())
        };
        let known = tokio::time::timeout(PUBLISH_LIMIT, reached.wait_for(Option::is_some)).await;
        let reached = (*known.ok()?.ok()?)?;
        published(&name, reached, url)
    }
}

/// Returns `url` if it leads to `address`.
fn exactly(address: SocketAddr, url: &str) -> Option<Url> {
    let url = plain(url)?;
    let host = url.host_str()?;
    let same_host = match host.parse::<IpAddr>() {
        Ok(ip) => ip == address.ip(),
        Err(_) => host == "localhost" && address.ip().is_loopback(),
    };
    (same_host && url.port() == Some(address.port())).then_some(url)
}

/// Returns `url` with the published address in the place of one of the container's own names.
fn published(name: &str, reached: Reached, url: &str) -> Option<Url> {
    let Reached { address, inside } = reached;
    if url.is_empty() {
        return Url::parse(&format!("http://{address}/")).ok();
    }
    let mut url = plain(url)?;
    let host = url.host_str()?;
    let own = host == name
        || host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback() || Some(ip) == inside);
    if !own {
        return None;
    }
    url.set_ip_host(address.ip()).ok()?;
    url.set_port(Some(address.port())).ok()?;
    Some(url)
}

fn plain(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    (bare && url.scheme() == "http").then_some(url)
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
            "",
        ] {
            assert!(addresses.vetted(id, url).is_none(), "{url}");
        }
        assert!(addresses.vetted(WorkspaceId::random(), "http://localhost:4711").is_none());
        drop(listed);
        assert!(addresses.vetted(id, "http://localhost:4711").is_none());
    }

    #[tokio::test]
    async fn a_containers_own_names_lead_to_what_it_publishes() {
        let (addresses, id) = (Addresses::default(), WorkspaceId::random());
        let own: SocketAddr = "127.0.0.1:40001".parse().unwrap();
        let _listed = addresses.listed(id);
        addresses.expect(id, "ws-abc".to_owned());
        assert!(addresses.vetted(id, "http://ws-abc:8000").is_none(), "nowhere yet");
        let publish = async { addresses.publish(id, own, Some([172, 18, 0, 7].into())) };
        let (known, ()) = tokio::join!(addresses.published(id, "http://ws-abc:8000/a2a"), publish);
        assert_eq!(known.unwrap().as_str(), "http://127.0.0.1:40001/a2a");
        for (url, expected) in [
            ("http://ws-abc:8000/a2a?x=1", "http://127.0.0.1:40001/a2a?x=1"),
            ("http://localhost:8000", "http://127.0.0.1:40001/"),
            ("http://127.0.0.1:39999/old", "http://127.0.0.1:40001/old"),
            ("http://172.18.0.7:8000", "http://127.0.0.1:40001/"),
            ("", "http://127.0.0.1:40001/"),
        ] {
            let vetted = addresses.vetted(id, url).unwrap();
            assert_eq!((vetted.url.as_str(), &vetted.addresses[..]), (expected, &[own][..]));
        }
        for url in [
            "https://ws-abc:8000",
            "http://ws-abcd:8000",
            "http://172.18.0.8:8000",
            "http://169.254.169.254/latest",
            "http://user@ws-abc:8000",
            "http://:pw@ws-abc:8000",
            "nonsense",
        ] {
            assert!(addresses.vetted(id, url).is_none(), "{url}");
            assert!(addresses.published(id, url).await.is_none(), "{url}");
        }
        assert!(addresses.published(WorkspaceId::random(), "http://ws-abc:8000").await.is_none());
    }
}
