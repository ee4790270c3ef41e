//! `/canvas`: where people look (contract 08 §12), one row for everybody, and where workspaces lie.

use std::collections::HashSet;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, put};
use isomer_actors::api::RuntimeError;
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::Viewport;
use serde::Deserialize;
use serde_json::json;

use super::error::{Answer, ApiError, ok, status};
use super::gates::Caller;
use super::json::{BadInput, Input};
use super::state::App;
use super::workspaces::number;

const BAD_VIEWPORT: &str = "invalid viewport data";

/// The routes of this file.
pub fn router() -> Router<App> {
    Router::new()
        .route("/canvas/viewport", get(read).put(save))
        .route("/canvas/layouts", put(arrange))
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

/// Layouts in one request.
const MAX_LAYOUTS: usize = 10_000;
const BAD_LAYOUTS: &str = "invalid layouts";

#[derive(Deserialize)]
struct Arrangement {
    #[serde(default)]
    layouts: Vec<Layout>,
}

#[derive(Deserialize)]
struct Layout {
    #[serde(default)]
    id: String,
    #[serde(default)]
    x: Option<f64>,
    #[serde(default)]
    y: Option<f64>,
    #[serde(default)]
    collapsed: Option<bool>,
}

/// Saves where many workspaces lie and which are folded, all or none.
async fn arrange(State(app): State<App>, caller: Caller, input: Input) -> Answer {
    caller.admin(&app).await?;
    let body: Arrangement = input.parse_or(BAD_LAYOUTS)?;
    if body.layouts.len() > MAX_LAYOUTS {
        let reason = format!("at most {MAX_LAYOUTS} are accepted");
        return Err(BadInput::new("layouts", reason).with_text(BAD_LAYOUTS));
    }
    let mut seen = HashSet::with_capacity(body.layouts.len());
    let mut layouts = Vec::with_capacity(body.layouts.len());
    for (place, layout) in body.layouts.iter().enumerate() {
        let (id, patch) = checked(place, layout)?;
        if !seen.insert(id) {
            return Err(bad_layout(place, "id", "it is there twice"));
        }
        layouts.push((id, patch));
    }
    app.directory.arrange(&layouts).await.map_err(|(place, error)| match error {
        RuntimeError::NotFound | RuntimeError::Removed => {
            bad_layout(place, "id", "there is no such workspace")
        }
        other => other.into(),
    })?;
    Ok(status("saved"))
}

fn checked(place: usize, layout: &Layout) -> Result<(WorkspaceId, LayoutPatch), ApiError> {
    let id = WorkspaceId::parse_loose(&layout.id)
        .ok_or_else(|| bad_layout(place, "id", "a UUID is required"))?;
    for (field, value, other) in [("x", layout.x, layout.y), ("y", layout.y, layout.x)] {
        if value.is_some_and(|value| !value.is_finite()) {
            return Err(bad_layout(place, field, "it must be a finite number"));
        }
        if value.is_none() && other.is_some() {
            return Err(bad_layout(place, field, "x and y come together"));
        }
    }
    Ok((id, LayoutPatch { position: layout.x.zip(layout.y), collapsed: layout.collapsed }))
}

fn bad_layout(place: usize, field: &str, reason: &str) -> ApiError {
    BadInput::new(&format!("layouts[{place}].{field}"), reason).with_text(BAD_LAYOUTS)
}
