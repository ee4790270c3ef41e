//! `POST /registry/register` (contract 02 §1).

use axum::extract::State;
use isomer_actors::api::Registration;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::DeliveryMode;
use isomer_actors::domain::status::Status;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::Registered;
use super::{BAD_BODY, no_forgery, required, required_card, required_id};
use crate::http::error::{Answer, ApiError, ok, removed};
use crate::http::gates::{Caller, Registrar};
use crate::http::json::{BadInput, Input, present};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::token;
use crate::net::guard::{self, Rule};

/// An agent and where it is reached.
#[derive(Deserialize, ToSchema)]
#[schema(as = Register)]
struct Body {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    id: Option<String>,
    /// Needed unless its messages are collected; empty counts as absent.
    #[serde(default)]
    url: Option<String>,
    /// How messages reach it. Stays as it is unless given; `push` for a new workspace.
    #[serde(default)]
    delivery_mode: Option<DeliveryMode>,
    /// At most 262,144 bytes.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Value, required)]
    agent_card: Option<Option<Value>>,
}

/// What a registrar may do to this workspace.
struct Power {
    may_create: bool,
    may_reclaim: bool,
}

/// Registers an agent: its workspace becomes online, and gets a token if it has none.
///
/// The first registration of a workspace that somebody created needs no bearer.
#[utoipa::path(
    post,
    path = "/registry/register",
    tag = "registry",
    operation_id = "registerAgent",
    request_body = Body,
    responses(
        (status = 200, description = "Registered", body = Registered),
        (status = 410, description = "It is removed: stop", body = ErrorBody),
    ),
    security((), ("bearer" = [])),
)]
pub async fn register(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    let body: Body = input.parse_or(BAD_BODY)?;
    let id = required_id("id", body.id.as_deref())?;
    let url = address(&app, id, &body)?;
    let delivery_mode = body.delivery_mode;
    let agent_card = required_card(body.agent_card)?;
    let power = authorise(&app, &caller, id).await?;
    no_forgery(&app, &agent_card)?;
    let url = match url {
        Some(url) => Some(admitted(&app, id, url).await?),
        None => None,
    };
    let minted = token::mint()?;
    let registered = app
        .directory
        .register(Registration {
            id,
            url,
            delivery_mode,
            agent_card,
            token: minted.stored,
            may_create: power.may_create,
            may_reclaim: power.may_reclaim,
        })
        .await?;
    Ok(ok(&Registered {
        auth_token: registered.token_issued.then(|| minted.text.expose_secret().to_owned()),
        delivery_mode: registered.delivery_mode,
        status: "registered",
    }))
}

/// Returns the URL under which the agent is reached, if agents may have it. An agent that this server
/// runs in a container knows itself by a private name: it is reached by what its container
/// publishes here, which the platform chose (contract 02 §7.1 keeps that URL, too).
async fn admitted(app: &App, id: WorkspaceId, url: String) -> Result<String, ApiError> {
    let hosted = app.directory.glimpse(id).is_some_and(|glimpse| glimpse.hosted);
    if hosted && let Some(own) = app.hosted_at.published(id, &url).await {
        return Ok(own.as_str().trim_end_matches('/').to_owned());
    }
    match guard::check(&url, Rule::Registration, app.address_mode()).await {
        Ok(_) => Ok(url),
        Err(refused) => Err(BadInput::new("url", refused.to_string()).with_text(BAD_BODY)),
    }
}

/// Returns where the agent is: needed where messages are pushed. The runtime asks for it again,
/// should the mode change in between.
fn address(app: &App, id: WorkspaceId, body: &Body) -> Result<Option<String>, ApiError> {
    let known = app.directory.glimpse(id).map(|glimpse| glimpse.delivery_mode);
    match body.delivery_mode.or(known).unwrap_or_default() {
        DeliveryMode::Push => required("url", body.url.as_deref()).map(|url| Some(url.to_owned())),
        DeliveryMode::Poll => Ok(body.url.clone().filter(|url| !url.is_empty())),
    }
}

/// Own token once there is one; unknown ids only for those who may add workspaces (design §7).
async fn authorise(app: &App, caller: &Caller, id: WorkspaceId) -> Result<Power, ApiError> {
    let missing = || ApiError::unauthorized("missing workspace auth token");
    let invalid = || ApiError::unauthorized("invalid workspace auth token");
    let known = app.directory.glimpse(id);
    if known.is_some_and(|glimpse| glimpse.status == Status::Removed) {
        return Err(removed());
    }
    let registrar = caller.registrar(app).await?;
    let power = match registrar {
        Registrar::Admin => Power { may_create: true, may_reclaim: true },
        Registrar::Join => Power { may_create: true, may_reclaim: true },
        _ => Power { may_create: false, may_reclaim: false },
    };
    match (known, registrar) {
        (_, Registrar::Admin) => Ok(power),
        (Some(_), Registrar::Workspace(own)) if own == id => Ok(power),
        (Some(glimpse), _) if glimpse.live_tokens > 0 => match registrar {
            Registrar::Nobody | Registrar::Join => Err(missing()),
            _ => Err(invalid()),
        },
        (_, Registrar::Join) => Ok(power),
        // The first registration of a workspace that somebody created. Agents that this server runs
        // are given a token before they start: without one it is a stranger who was quicker.
        (Some(glimpse), _) if !glimpse.had_tokens && !glimpse.hosted => Ok(power),
        (_, Registrar::Nobody) => Err(missing()
            .with("reason", "registering this id needs an admin, organisation or join token")),
        _ => Err(invalid()),
    }
}
