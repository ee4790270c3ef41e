//! `/canvas`: where people look (contract 08 §12, one row for everybody), the hash their page
//! compares itself with, and what this server offers it.

pub mod digest;
mod info;
mod layouts;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use isomer_actors::ports::Viewport;
use serde::Deserialize;
use serde_json::json;

use super::error::{Answer, ok, status};
use super::gates::Caller;
use super::json::{BadInput, Input};
use super::state::App;
use super::workspaces::number;

const BAD_VIEWPORT: &str = "invalid viewport data";

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/canvas/viewport", get(read).put(save))
        .route("/canvas/layouts", put(layouts::arrange))
        .route("/canvas/digest", get(digest::digest))
        .route("/canvas/info", get(info::info))
}

/// Falls back to the origin when the store cannot be asked: looking must always work.
async fn read(State(app): State<App>) -> Answer {
    let saved = app.store.viewport().await.ok().flatten();
    let viewport = saved.unwrap_or(Viewport { x: 0.0, y: 0.0, zoom: 1.0 });
    Ok(ok(&json!({
        "x": number(viewport.x),
        "y": number(viewport.y),
        "zoom": number(viewport.zoom),
    })))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    x: Option<f64>,
    y: Option<f64>,
    zoom: Option<f64>,
}

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
