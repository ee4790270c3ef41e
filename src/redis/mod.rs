//! Redis: the liveness mirror, expiry notices and the relay between nodes; and their in-process
//! stand-ins for a laptop.

mod connection;
mod local;
mod mirror;
mod notices;
mod relay;

pub use self::connection::RedisError;
pub use self::local::{LocalMirror, LocalRelay};
pub use self::mirror::RedisMirror;
pub use self::relay::RedisRelay;
