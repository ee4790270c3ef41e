//! `/canvas`: where people look (contract 08 §12, one row for everybody), the hash their page
//! compares itself with, and what this server offers it.

pub mod digest;
mod info;
mod layouts;

use axum::extract::State;
use isomer_actors::ports::Viewport;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Answer, ok, status};
use super::gates::Caller;
use super::json::{BadInput, Input};
use super::openapi::Api;
use super::openapi::schema::Done;
use super::state::App;
use super::workspaces::number;

const BAD_VIEWPORT: &str = "invalid viewport data";

/// The routes of this file.
pub fn router() -> Api {
    OpenApiRouter::default()
        .routes(routes!(read, save))
        .routes(routes!(layouts::arrange))
        .routes(routes!(digest::digest))
        .routes(routes!(info::info))
}

/// Where people look.
#[derive(Debug, ToSchema)]
#[schema(as = Viewport)]
pub struct Shown {
    pub x: f64,
    pub y: f64,
    /// 1 is natural size.
    pub zoom: f64,
}

/// Returns where people look, or the origin.
///
/// Also the origin when the store cannot be asked: looking must always work.
#[utoipa::path(
    get,
    path = "/canvas/viewport",
    tag = "canvas",
    operation_id = "getViewport",
    responses((status = 200, description = "The viewport", body = Shown)),
)]
async fn read(State(app): State<App>) -> Answer {
    let saved = app.store.viewport().await.ok().flatten();
    let viewport = saved.unwrap_or(Viewport { x: 0.0, y: 0.0, zoom: 1.0 });
    Ok(ok(&json!({
        "x": number(viewport.x),
        "y": number(viewport.y),
        "zoom": number(viewport.zoom),
    })))
}

/// Where to look; what is absent is 0.
#[derive(Default, Deserialize, ToSchema)]
#[schema(as = SaveViewport)]
struct Body {
    x: Option<f64>,
    y: Option<f64>,
    zoom: Option<f64>,
}

/// Saves where people look, for everybody.
#[utoipa::path(
    put,
    path = "/canvas/viewport",
    tag = "canvas",
    operation_id = "saveViewport",
    request_body = Body,
    responses((status = 200, description = "Saved", body = Done)),
    security(("bearer" = []), ("session" = [])),
)]
async fn save(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    caller.canvas_or_bearer(&app).await?;
    let body: Body = input.parse_or(BAD_VIEWPORT)?;
    for (field, value) in [("x", body.x), ("y", body.y), ("zoom", body.zoom)] {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(BadInput::new(field, "it must be a finite number").with_text(BAD_VIEWPORT));
        }
    }
    let viewport = Viewport {
        x: body.x.unwrap_or(0.0),
        y: body.y.unwrap_or(0.0),
        zoom: body.zoom.unwrap_or(0.0),
    };
    app.store.save_viewport(viewport, app.clock.now()).await?;
    Ok(status("saved"))
}
