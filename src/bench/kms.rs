//! A line to a KMS-compatible server that can be cut.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::BenchError;

/// Connections through the line at once.
const MAX_CONNECTIONS: usize = 256;

/// A proxy on loopback; ends with its owner.
pub struct Line {
    pub address: SocketAddr,
    cut: watch::Sender<bool>,
    _task: JoinSet<()>,
}

impl Line {
    /// Listens, and passes everything on to `to`.
    pub async fn to(to: SocketAddr) -> Result<Self, BenchError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (cut, is_cut) = watch::channel(false);
        let mut task = JoinSet::new();
        task.spawn(pass(listener, to, is_cut));
        Ok(Self { address, cut, _task: task })
    }

    /// Ends every connection and takes no other, or takes them again.
    pub fn cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }
}

async fn pass(listener: TcpListener, to: SocketAddr, is_cut: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    while let Ok((mut inner, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if *is_cut.borrow() || connections.len() >= MAX_CONNECTIONS {
            continue;
        }
        let mut is_cut = is_cut.clone();
        connections.spawn(async move {
            let Ok(mut outer) = TcpStream::connect(to).await else {
                return;
            };
            tokio::select! {
                _ = copy_bidirectional(&mut inner, &mut outer) => {}
                _ = is_cut.wait_for(|cut| *cut) => {}
            }
        });
    }
}

/// Makes a key at a KMS-compatible server that checks no signatures; returns its ARN.
pub async fn create_key(url: &str) -> Result<String, BenchError> {
    let answer: Value = reqwest::Client::new()
        .post(url)
        .header("X-Amz-Target", "TrentService.CreateKey")
        .header("Content-Type", "application/x-amz-json-1.1")
        .header(
            "Authorization",
            "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/kms/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .body("{}")
        .send()
        .await?
        .json()
        .await?;
    let arn = answer["KeyMetadata"]["Arn"].as_str();
    arn.map(str::to_owned).ok_or_else(|| BenchError::Kms(url.to_owned()))
}
