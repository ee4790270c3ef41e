//! HTTP clients by the addresses they are pinned to, so that connections are used again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::warn;

use crate::net::guard::{Vetted, client_for};

/// Clients that are kept; the one that was unused longest makes room.
const MAX_CLIENTS: usize = 1_024;

/// The kept clients. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clients(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    by_target: HashMap<Target, (reqwest::Client, u64)>,
    /// Counts uses, to know which was longest ago.
    uses: u64,
}

/// A client is used again only for the very addresses that were vetted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Target {
    tls: bool,
    host: String,
    addresses: Vec<SocketAddr>,
}

impl Target {
    fn of(vetted: &Vetted) -> Self {
        let mut addresses = vetted.addresses.clone();
        addresses.sort_unstable();
        addresses.dedup();
        let host = vetted.url.host_str().unwrap_or_default().to_owned();
        Self { tls: vetted.url.scheme() == "https", host, addresses }
    }
}

impl Clients {
    /// Returns a client pinned to the addresses of `vetted`; `None` when none can be made.
    pub async fn pinned(&self, vetted: &Vetted) -> Option<reqwest::Client> {
        let target = Target::of(vetted);
        if let Some(client) = self.0.lock().find(&target) {
            return Some(client);
        }
        let vetted = vetted.clone();
        // It may read certificates from disk.
        let made = tokio::task::spawn_blocking(move || client_for(&vetted)).await.ok()?;
        match made {
            Ok(client) => {
                self.0.lock().keep(target, client.clone());
                Some(client)
            }
            Err(error) => {
                warn!(error = %isomer_actors::chain_of(&error), "no HTTP client can be made");
                None
            }
        }
    }
}

impl Kept {
    fn find(&mut self, target: &Target) -> Option<reqwest::Client> {
        self.uses += 1;
        let (client, used) = self.by_target.get_mut(target)?;
        *used = self.uses;
        Some(client.clone())
    }

    fn keep(&mut self, target: Target, client: reqwest::Client) {
        if self.by_target.len() >= MAX_CLIENTS {
            let oldest = self.by_target.iter().min_by_key(|(_, (_, used))| *used);
            let oldest = oldest.map(|(target, _)| target.clone());
            oldest.and_then(|target| self.by_target.remove(&target));
        }
        self.uses += 1;
        self.by_target.insert(target, (client, self.uses));
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::*;

    fn target(port: u16) -> Target {
        let address = SocketAddr::from(([10, 0, 0, 1], port));
        let url = Url::parse(&format!("http://10.0.0.1:{port}/")).unwrap();
        Target::of(&Vetted { url, addresses: vec![address] })
    }

    #[test]
    fn the_longest_unused_makes_room() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([]).build().unwrap();
        let mut kept = Kept::default();
        for port in 1..=MAX_CLIENTS as u16 {
            kept.keep(target(port), client.clone());
        }
        assert!(kept.find(&target(1)).is_some(), "and is used again");
        kept.keep(target(5_000), client);
        assert_eq!(kept.by_target.len(), MAX_CLIENTS);
        assert!(kept.find(&target(1)).is_some() && kept.find(&target(5_000)).is_some());
        assert!(kept.find(&target(2)).is_none());
    }

    #[test]
    fn other_addresses_need_another_client() {
        let at = |addresses: &[[u8; 4]], url: &str| {
            let addresses = addresses.iter().map(|ip| SocketAddr::from((*ip, 80))).collect();
            Target::of(&Vetted { url: Url::parse(url).unwrap(), addresses })
        };
        let (one, two) = ([8, 8, 8, 8], [9, 9, 9, 9]);
        assert_eq!(at(&[one, two], "http://a/x"), at(&[two, one], "http://a/y"));
        assert_ne!(at(&[one], "http://a/"), at(&[two], "http://a/"));
        assert_ne!(at(&[one], "http://a/"), at(&[one], "http://b/"));
    }
}
