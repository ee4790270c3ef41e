//! nginx as a bare reverse proxy: one worker a core, connections to the agent kept, no access log.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::bench::BenchError;

/// How long it may take to listen.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// A running nginx; ends with its owner.
pub struct Nginx {
    child: Child,
    pub address: SocketAddr,
}

impl Nginx {
    /// Starts one in front of `agent`, with its files in `folder`, which must be there.
    ///
    /// # Errors
    /// [`BenchError`].
    pub async fn start(
        binary: &Path,
        agent: SocketAddr,
        folder: &Path,
        connections: usize,
    ) -> Result<Self, BenchError> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let settings = folder.join("nginx.conf");
        std::fs::write(&settings, configuration(address, agent, folder, connections))?;
        let child = Command::new(binary)
            .arg("-e")
            .arg("stderr")
            .arg("-p")
            .arg(folder)
            .arg("-c")
            .arg(&settings)
            .stdin(Stdio::null())
            .spawn()?;
        let mut nginx = Self { child, address };
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(address).await.is_err() {
            if nginx.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(BenchError::Silent("nginx"));
            }
            sleep(PAUSE).await;
        }
        Ok(nginx)
    }
}

impl Drop for Nginx {
    /// Asks it to end at once. Killed, it could not tell its workers.
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }
}

fn configuration(
    listen: SocketAddr,
    agent: SocketAddr,
    folder: &Path,
    connections: usize,
) -> String {
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("    {kind}_temp_path {}/{kind};\n", folder.display()))
        .collect();
    format!(
        "daemon off;
pid {folder}/nginx.pid;
worker_processes auto;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
{paths}    upstream agent {{
        server {agent};
        keepalive {connections};
        keepalive_requests 100000000;
    }}
    server {{
        listen {listen};
        location / {{
            proxy_pass http://agent;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }}
    }}
}}
",
        folder = folder.display()
    )
}
