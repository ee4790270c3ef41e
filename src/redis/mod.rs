//! Redis: the liveness mirror, expiry notices and the relay between nodes; and their in-process
//! stand-ins for a laptop.

mod local;

pub use self::local::{LocalMirror, LocalRelay};
