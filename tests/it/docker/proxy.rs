//! A way to the engine that can be cut, and mended.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

/// A socket that leads to the engine until it is cut.
pub struct Proxy {
    folder: TempDir,
    engine: PathBuf,
    running: Option<AbortOnDropHandle<()>>,
}

impl Proxy {
    /// Starts one.
    pub fn start(host: &str) -> Self {
        let engine = Path::new(host.strip_prefix("unix://").unwrap()).to_owned();
        let mut proxy = Self { folder: tempfile::tempdir().unwrap(), engine, running: None };
        proxy.mend();
        proxy
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// Returns where it listens, as `DOCKER_HOST` has it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Ends all connections, and takes no more.
    pub async fn cut(&mut self) {
        if let Some(running) = self.running.take() {
            running.abort();
            let _ = running.await;
        }
        std::fs::remove_file(self.socket()).unwrap();
    }

    /// Leads to the engine again.
    pub fn mend(&mut self) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        self.running =
            Some(AbortOnDropHandle::new(tokio::spawn(serve(listener, self.engine.clone()))));
    }
}

async fn serve(listener: UnixListener, engine: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        let engine = engine.clone();
        connections.spawn(async move {
            if let Ok(mut far) = UnixStream::connect(engine).await {
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
