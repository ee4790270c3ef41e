//! The agent's own server: card and JSON-RPC, every wait and queue bounded.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::protocol::{Code, RpcError, parse};
use super::rpc::Agent;

/// Most connections at once; more wait to be accepted.
const MAX_CONNECTIONS: usize = 256;
/// Longest request body, in bytes.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;
/// Longest wait for a request's headers, also between two requests.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// Longest wait for a request's body.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// Pause after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Shared {
    agent: Arc<Agent>,
    stop: CancellationToken,
}

/// Serves connections until `stop`, then lets those under way finish.
///
/// # Cancel safety
/// Dropping it closes the listener and every connection.
pub(super) async fn serve(listener: TcpListener, agent: Arc<Agent>, stop: CancellationToken) {
    let router = router(Arc::clone(&agent), stop.clone());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Dropping the set, with this future, ends the connections in it.
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((socket, place)) = accepted else {
            continue;
        };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            let _place = place;
            converse(socket, router, stop).await;
        });
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
    agent.drained().await;
}

fn report(ended: Result<(), JoinError>) {
    if let Err(panic) = ended {
        error!(%panic, "a connection panicked");
    }
}

/// # Cancel safety
/// Cancel safe: a connection is either returned or still in the queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => Some((socket, place)),
        Err(error) => {
            warn!(%error, "cannot accept a connection");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn converse(socket: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers must not wait for the caller's acknowledgement.
    _ = socket.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection ended badly");
    }
}

fn router(agent: Arc<Agent>, stop: CancellationToken) -> Router {
    Router::new()
        .route("/.well-known/agent-card.json", get(card))
        .route("/.well-known/agent.json", get(card))
        .route("/", post(rpc))
        .with_state(Shared { agent, stop })
}

async fn card(State(shared): State<Shared>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], shared.agent.card()).into_response()
}

/// Errors of the protocol are answered with 200, as JSON-RPC over HTTP wants;
/// other statuses say that the call was not read.
async fn rpc(State(shared): State<Shared>, request: Request<Body>) -> Result<Response, Infallible> {
    let Some(place) = shared.agent.admit() else {
        let error = RpcError::new(Code::Internal, "the agent is at capacity; retry in 1 s");
        let refused = refused(StatusCode::SERVICE_UNAVAILABLE, &error);
        return Ok(([(header::RETRY_AFTER, "1")], refused).into_response());
    };
    let (parts, body) = request.into_parts();
    let body = match read(&parts.headers, body).await {
        Ok(body) => body,
        Err((status, error)) => return Ok(refused(status, &error)),
    };
    let version =
        parts.headers.get("A2A-Version").map(|value| value.to_str().unwrap_or("unreadable"));
    Ok(match parse(&body, version) {
        Ok(call) => shared.agent.call(call, place, shared.stop).await,
        Err((id, error)) => axum::Json(error.response(&id)).into_response(),
    })
}

/// The body, within its limits of size and time.
async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, (StatusCode, RpcError)> {
    let too_long = || {
        let text = format!("the body is longer than {BODY_LIMIT} bytes");
        (StatusCode::PAYLOAD_TOO_LARGE, RpcError::new(Code::InvalidRequest, text))
    };
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_LIMIT) {
        return Err(too_long());
    }
    match timeout(BODY_WAIT, to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_long()),
        Ok(Err(_)) => {
            let error = RpcError::new(Code::InvalidRequest, "the body broke off");
            Err((StatusCode::BAD_REQUEST, error))
        }
        Err(_) => {
            let text = format!("the body did not arrive within {} s", BODY_WAIT.as_secs());
            let error = RpcError::new(Code::InvalidRequest, text);
            Err((StatusCode::REQUEST_TIMEOUT, error))
        }
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

fn refused(status: StatusCode, error: &RpcError) -> Response {
    (status, axum::Json(error.response(&Value::Null))).into_response()
}
