//! The accept loop: a header timeout, a connection cap, and an orderly end.
//!
//! `axum::serve` has none of the three. A connection beyond the cap is answered 503 and closed;
//! nothing queues.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::{debug, warn};

/// How long a client may take to send its request head; also ends idle connections.
pub const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// Largest request head in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Most header fields in a request.
const MAX_HEADERS: usize = 100;
/// The pause after a failed accept, such as for want of file descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// How long the refusal of a connection may take.
const REFUSE_LIMIT: Duration = Duration::from_secs(1);

/// What a connection beyond the cap gets.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n\
Retry-After: 1\r\nContent-Length: 34\r\nConnection: close\r\n\r\n{\"error\":\"too many connections\"}\r\n";

/// Accepts until `stop`, then lets connections finish until `hard`.
///
/// Returns when every connection has ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    max_connections: usize,
    stop: CancellationToken,
    hard: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let (router, stop, hard) = (router.clone(), stop.clone(), hard.clone());
                connections.spawn(async move {
                    connection(stream, peer, router, stop, hard).await;
                    drop(place);
                });
            }
            Err(_) => _ = tokio::time::timeout(REFUSE_LIMIT, refuse(stream)).await,
        }
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn refuse(mut stream: TcpStream) {
    let _ = stream.write_all(FULL).await;
    let _ = stream.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
    hard: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return note(result),
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        result = connection => note(result),
        () = hard.cancelled() => {}
    }
}

/// Clients that leave or send nonsense are theirs to mend.
fn note(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        debug!(error = %isomer_actors::chain_of(&error), "a connection ended badly");
    }
}
