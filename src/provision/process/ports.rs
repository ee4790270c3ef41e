//! Free ports of the loopback interface.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use parking_lot::Mutex;

/// How often another port is tried when the system gives one that is promised already.
const TRIES: usize = 64;

/// The ports that are promised to agents. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports(Arc<Mutex<HashSet<u16>>>);

/// A port that is promised to one agent while this lives. Nothing listens at it yet, so another program
/// may still take it first; then the agent fails and gets another.
#[derive(Debug)]
pub(super) struct Reserved {
    ports: Ports,
    pub(super) port: u16,
}

impl Ports {
    /// Promises a port.
    ///
    /// # Errors
    /// The system has none.
    pub(super) fn reserve(&self) -> io::Result<Reserved> {
        for _ in 0..TRIES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            if self.0.lock().insert(port) {
                return Ok(Reserved { ports: self.clone(), port });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no port is free"))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.ports.0.lock().remove(&self.port);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_promised_twice() {
        let ports = Ports::default();
        let held: Vec<_> = (0..50).map(|_| ports.reserve().unwrap()).collect();
        let different: HashSet<_> = held.iter().map(|reserved| reserved.port).collect();
        assert_eq!(different.len(), held.len());
        drop(held);
        assert!(ports.0.lock().is_empty());
    }
}
