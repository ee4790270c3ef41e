//! What every test needs: a server as a process of its own, a client, deadlines.

pub mod agent;
pub mod client;
pub mod fixtures;
pub mod kms;
pub mod scripted;
pub mod sdk;
pub mod server;
pub mod sockets;

use std::future::Future;
use std::time::Duration;

pub use client::Client;
pub use server::{Mode, Server};

/// How long anything may take that should happen at once.
pub const SOON: Duration = Duration::from_secs(10);

/// The administrator token of test servers.
pub const ADMIN: &str = "test-administrator-token";

/// Asks again until there is a value, or fails naming what was waited for.
pub async fn eventually<T, F, Fut>(what: &str, limit: Duration, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let asking = async {
        loop {
            if let Some(value) = ask().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    };
    tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| panic!("no {what} in {limit:?}"))
}

/// Reads a variable that `make test` sets.
pub fn required(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}

/// Runs a test against both modes.
#[macro_export]
macro_rules! in_both_modes {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::support::Mode::Embedded).await; })+
        }
        mod production {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name($crate::support::Mode::Production).await; })+
        }
    };
}
