//! The MCP endpoint of a workspace (contract 08 §10): its agent calls the platform's tools.
//!
//! Messages are read and written in the types of the crate rmcp. Neither its HTTP service nor
//! its service loop is in between: the one answers statuses that the contract does not know and
//! refuses its clients' headers, the other logs what agents say. Each request stands for itself;
//! there are no sessions.

mod envelope;
mod limit;
mod stream;
mod tools;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use rmcp::model::{
    CallToolResult, ContentBlock, EmptyResult, ErrorData, Implementation, InitializeResult,
    ListToolsResult, ProtocolVersion, ServerCapabilities, ServerResult, ToolsCapability,
};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::envelope::{Call, Incoming};
pub use self::limit::{MAX_STREAMS, MAX_STREAMS_EACH};
use super::error::{ApiError, json_response};
use super::gates::{Actor, Caller};
use super::json::Input;
use super::openapi::Api;
use super::openapi::schema::ErrorBody;
use super::state::App;

/// What the contract calls this server; clients may look for it.
const NAME: &str = "molecule-a2a";
const VERSION: &str = "1.0.0";
const MISSING: &str = "missing bearer token";

/// The routes of this folder.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(call, no_stream, no_session))
        .routes(routes!(stream::stream))
}

/// A JSON-RPC request of the Model Context Protocol.
#[derive(Debug, ToSchema)]
#[schema(as = McpRequest)]
#[expect(dead_code, reason = "describes what is read by hand")]
struct Request {
    /// `2.0`.
    #[schema(nullable = false)]
    jsonrpc: Option<String>,
    /// A whole number or a string; only notifications have none.
    #[schema(required = false)]
    id: Option<Value>,
    /// `initialize`, `ping`, `tools/list`, `tools/call`, or a notification.
    method: String,
    #[schema(required = false)]
    params: Option<Value>,
}

/// A JSON-RPC answer: `result`, or `error`. A notification is answered with neither.
#[derive(Debug, ToSchema)]
#[schema(as = McpAnswer)]
#[expect(dead_code, reason = "describes an answer")]
struct Answer {
    /// `2.0`.
    jsonrpc: String,
    /// The request's, or null.
    id: Value,
    #[schema(required = false, value_type = Object)]
    result: Option<Value>,
    #[schema(nullable = false)]
    error: Option<Problem>,
}

/// Why a request was not done.
#[derive(Debug, ToSchema)]
#[schema(as = McpError)]
#[expect(dead_code, reason = "describes an answer")]
struct Problem {
    /// -32700, -32600, -32601, -32602 as JSON-RPC says; -32000: the tool failed.
    code: i32,
    message: String,
    /// `field` and `reason`, where a parameter is wrong.
    #[schema(required = false)]
    data: Option<Value>,
}

/// Answers one request of the Model Context Protocol: tools that act as the workspace.
///
/// The status is 200 also for JSON-RPC errors. A notification of a client that accepts
/// `application/json` and `text/event-stream` gets 202 without a body.
#[utoipa::path(
    post,
    path = "/workspaces/{id}/mcp",
    tag = "mcp",
    operation_id = "callMcp",
    params(("id" = Uuid, Path, description = "As whom the tools act")),
    request_body = Request,
    responses(
        (status = 200, description = "The answer", body = Answer),
        (status = 202, description = "A notification was taken"),
        (status = 400, description = "The body is not JSON: error -32700", body = Answer),
    ),
    security(("bearer" = []), ("session" = [])),
)]
async fn call(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    input: Input,
) -> Result<Response, Response> {
    let (_, told) = enter(&app, &caller, &id, &headers).await?;
    let mut response = match envelope::read(&input.0) {
        Incoming::Call { id: request, call } => {
            let outcome = perform(&app, &id, call).await;
            json_response(StatusCode::OK, &envelope::answer(Some(request), outcome))
        }
        Incoming::Notification { id: None } if streams_http(&headers) => {
            StatusCode::ACCEPTED.into_response()
        }
        Incoming::Notification { id } => json_response(StatusCode::OK, &envelope::acknowledged(id)),
        Incoming::Refused { id, error } => {
            json_response(StatusCode::OK, &envelope::answer(id, Err(error)))
        }
        Incoming::Unparsable(error) => {
            json_response(StatusCode::BAD_REQUEST, &envelope::answer(None, Err(error)))
        }
    };
    response.headers_mut().extend(told);
    Ok(response)
}

async fn perform(app: &App, id: &str, call: Call) -> Result<ServerResult, ErrorData> {
    match call {
        Call::Initialize(version) => Ok(ServerResult::InitializeResult(welcome(version))),
        Call::Ping => Ok(ServerResult::EmptyResult(EmptyResult {})),
        Call::Tools => Ok(ServerResult::ListToolsResult(ListToolsResult::with_all_items(
            tools::list(&app.config),
        ))),
        Call::Tool(params) => {
            let text = tools::call(app, found(app, id), params).await?;
            let mut result = CallToolResult::success(vec![ContentBlock::text(text)]);
            // The contract's results have nothing but their content.
            result.is_error = None;
            Ok(ServerResult::CallToolResult(result))
        }
    }
}

/// Speaks the client's revision, if it has a handshake and the crate knows it; else the contract's.
fn welcome(asked: Option<ProtocolVersion>) -> InitializeResult {
    let known = ProtocolVersion::known_up_to(&ProtocolVersion::LATEST_WITH_INITIALIZE);
    let spoken = asked.filter(|version| known.contains(version));
    let mut tools = ToolsCapability::default();
    tools.list_changed = Some(false);
    let mut capabilities = ServerCapabilities::default();
    capabilities.tools = Some(tools);
    InitializeResult::new(capabilities)
        .with_protocol_version(spoken.unwrap_or(ProtocolVersion::V_2024_11_05))
        .with_server_info(Implementation::new(NAME, VERSION))
}

/// Whether a client speaks the streamable HTTP transport, which has it accept both.
fn streams_http(headers: &HeaderMap) -> bool {
    let accepts = |wanted: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .any(|range| {
                let kind = range.split(';').next().unwrap_or_default();
                kind.trim().eq_ignore_ascii_case(wanted)
            })
    };
    accepts("application/json") && accepts("text/event-stream")
}

/// There is no stream of the server's own messages: it sends none.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/mcp",
    tag = "mcp",
    operation_id = "noMcpStream",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses((status = 405, description = "Always", body = ErrorBody)),
    security(("bearer" = []), ("session" = [])),
)]
async fn no_stream(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let (_, told) = enter(&app, &caller, &id, &headers).await?;
    Ok(only_posts(told))
}

/// There are no sessions to end.
#[utoipa::path(
    delete,
    path = "/workspaces/{id}/mcp",
    tag = "mcp",
    operation_id = "noMcpSession",
    params(("id" = Uuid, Path, description = "The workspace")),
    responses((status = 405, description = "Always", body = ErrorBody)),
    security(("bearer" = []), ("session" = [])),
)]
async fn no_session(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let (_, told) = enter(&app, &caller, &id, &headers).await?;
    Ok(only_posts(told))
}

/// What the streamable HTTP transport asks of servers without streams or sessions.
fn only_posts(mut told: HeaderMap) -> Response {
    let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed");
    told.insert(header::ALLOW, HeaderValue::from_static("POST"));
    (told, error).into_response()
}

/// The WS gate and the limit (contract 00 §6.2, §9); returns who calls, and the limit's headers.
async fn enter(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<(Actor, HeaderMap), Response> {
    // Development mode does not open this one (contract 00 §9).
    if limit::bearer(headers).is_none() && !caller.session {
        return Err(ApiError::unauthorized(MISSING).into_response());
    }
    let actor = caller.workspace(app, id).await.map_err(IntoResponse::into_response)?;
    let told = limit::count(app, caller, headers).map_err(|refused| *refused)?;
    Ok((actor, told))
}

fn found(app: &App, id: &str) -> Option<(WorkspaceId, Status)> {
    let id = WorkspaceId::parse_loose(id)?;
    Some((id, app.directory.glimpse(id)?.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_revision_is_spoken_if_it_is_known() {
        for (asked, spoken) in [
            (None, "2024-11-05"),
            (Some("2024-11-05"), "2024-11-05"),
            (Some("2025-06-18"), "2025-06-18"),
            (Some("2025-11-25"), "2025-11-25"),
            (Some("2026-07-28"), "2024-11-05"),
            (Some("1999-01-01"), "2024-11-05"),
        ] {
            let asked = asked.map(|text| serde_json::from_value(Value::from(text)).unwrap());
            let answer = serde_json::to_value(welcome(asked)).unwrap();
            assert_eq!(answer["protocolVersion"], spoken);
            assert_eq!(
                answer["capabilities"],
                serde_json::json!({"tools": {"listChanged": false}})
            );
        }
    }

    #[test]
    fn both_kinds_make_a_streaming_client() {
        let accepts = |text: &'static str| {
            let value = HeaderValue::from_static(text);
            streams_http(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        assert!(accepts("application/json, text/event-stream"));
        assert!(accepts("Text/Event-Stream;q=0.5,application/json"));
        assert!(!accepts("application/json") && !accepts("*/*") && !accepts(""));
    }
}
