//! How often somebody may call: fixed windows, one bucket a principal (contract 00 §9).
//!
//! Valid bearers have a bucket of their own, so that a fleet behind one address does not share
//! one; everybody else is counted by address.

use std::net::IpAddr;
use std::time::Duration;

use dashmap::DashMap;
use isomer_actors::domain::token::TokenHash;
use tokio::time::Instant;
use uuid::Uuid;

/// The window of the general limit.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Organisation tokens that one address may mint in [`MINT_WINDOW`].
const MINTS: u32 = 10;
const MINT_WINDOW: Duration = Duration::from_secs(3_600);
/// Login attempts of one address per [`WINDOW`].
const LOGINS: u32 = 10;
/// Calls of MCP of one bearer per [`WINDOW`].
pub const MCP_CALLS: u32 = 120;
/// Buckets kept at most; beyond that those whose window is over are dropped, and then newcomers
/// share one.
const MAX_BUCKETS: usize = 200_000;

/// Whose bucket a call counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    Address(IpAddr),
    Token(Uuid),
    /// The administrator or a session, by address.
    Admin(IpAddr),
    Mint(IpAddr),
    Login(IpAddr),
    /// Calls of MCP, by bearer, whoever's it is.
    Mcp(TokenHash),
    /// The same of sessions, by address.
    McpSession(IpAddr),
    /// Everybody for whom there is no room.
    Overflow,
}

/// What the limit says to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed { limit: u32, remaining: u32, reset: Duration },
    Exceeded { wait: Duration },
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    began: Instant,
    window: Duration,
    count: u32,
}

/// All buckets.
#[derive(Debug)]
pub struct Limits {
    buckets: DashMap<Key, Bucket>,
    general: u32,
}

impl Limits {
    /// Returns limits that allow `general` calls a minute and principal.
    pub fn new(general: u32) -> Self {
        Self { buckets: DashMap::new(), general }
    }

    /// Returns the general limit.
    pub fn general(&self) -> u32 {
        self.general
    }

    /// Counts a call.
    pub fn hit(&self, key: Key) -> Verdict {
        self.count(key, self.general, WINDOW)
    }

    /// Counts the minting of an organisation token.
    pub fn mint(&self, peer: IpAddr) -> Verdict {
        self.count(Key::Mint(peer), MINTS, MINT_WINDOW)
    }

    /// Counts a login attempt.
    pub fn login(&self, peer: IpAddr) -> Verdict {
        self.count(Key::Login(peer), LOGINS, WINDOW)
    }

    /// Counts a call of MCP.
    pub fn mcp(&self, bearer: TokenHash) -> Verdict {
        self.count(Key::Mcp(bearer), MCP_CALLS, WINDOW)
    }

    /// Counts a call of MCP that came with a session.
    pub fn mcp_session(&self, peer: IpAddr) -> Verdict {
        self.count(Key::McpSession(peer), MCP_CALLS, WINDOW)
    }

    fn count(&self, key: Key, limit: u32, window: Duration) -> Verdict {
        let now = Instant::now();
        // Known callers touch one shard of the map; only newcomers ask whether there is room.
        if let Some(mut bucket) = self.buckets.get_mut(&key) {
            return bucket.count(now, limit);
        }
        let key = self.room_for(key, now);
        let mut bucket = self.buckets.entry(key).or_insert(Bucket { began: now, window, count: 0 });
        bucket.count(now, limit)
    }

    /// Makes room for a newcomer. Only buckets whose window is over are dropped: a purge never
    /// forgives.
    fn room_for(&self, key: Key, now: Instant) -> Key {
        if self.buckets.len() < MAX_BUCKETS {
            return key;
        }
        self.buckets.retain(|_, bucket| now.duration_since(bucket.began) < bucket.window);
        if self.buckets.len() < MAX_BUCKETS { key } else { Key::Overflow }
    }
}

impl Bucket {
    fn count(&mut self, now: Instant, limit: u32) -> Verdict {
        if now.duration_since(self.began) >= self.window {
            *self = Self { began: now, window: self.window, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        let reset = self.window.saturating_sub(now.duration_since(self.began));
        if self.count > limit {
            Verdict::Exceeded { wait: reset }
        } else {
            Verdict::Allowed { limit, remaining: limit - self.count, reset }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[tokio::test(start_paused = true)]
    async fn a_window_is_counted_and_ends() {
        let limits = Limits::new(2);
        let key = Key::Address(PEER);
        assert_eq!(limits.hit(key), Verdict::Allowed { limit: 2, remaining: 1, reset: WINDOW });
        tokio::time::advance(WINDOW / 2).await;
        assert!(matches!(limits.hit(key), Verdict::Allowed { remaining: 0, .. }));
        assert_eq!(limits.hit(key), Verdict::Exceeded { wait: WINDOW / 2 });
        tokio::time::advance(WINDOW / 2).await;
        assert!(matches!(limits.hit(key), Verdict::Allowed { remaining: 1, .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn principals_do_not_share() {
        let limits = Limits::new(1);
        for _ in 0..3 {
            let verdict = limits.hit(Key::Token(Uuid::new_v4()));
            assert!(matches!(verdict, Verdict::Allowed { .. }));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn mints_are_counted_for_an_hour() {
        let limits = Limits::new(1_000);
        for _ in 0..MINTS {
            assert!(matches!(limits.mint(PEER), Verdict::Allowed { .. }));
        }
        tokio::time::advance(Duration::from_secs(900)).await;
        assert!(matches!(limits.mint(PEER), Verdict::Exceeded { .. }));
    }
}
