//! `PUT /canvas/layouts`: where many workspaces lie, in one request. Ours.

use std::collections::HashSet;

use axum::extract::State;
use isomer_actors::api::RuntimeError;
use isomer_actors::domain::change::LayoutPatch;
use isomer_actors::domain::ids::WorkspaceId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::http::error::{Answer, ApiError, status};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::Done;
use crate::http::state::App;

/// Layouts in one request.
const MAX_LAYOUTS: usize = 10_000;
const BAD_LAYOUTS: &str = "invalid layouts";

/// Where workspaces lie.
#[derive(Deserialize, ToSchema)]
struct Arrangement {
    /// At most 10,000, each workspace once.
    #[serde(default)]
    #[schema(required)]
    layouts: Vec<Layout>,
}

/// Where a workspace lies. Absent fields stay.
#[derive(Deserialize, ToSchema)]
struct Layout {
    #[serde(default)]
    #[schema(value_type = Uuid, required)]
    id: String,
    /// Comes together with `y`.
    #[serde(default)]
    x: Option<f64>,
    #[serde(default)]
    y: Option<f64>,
    #[serde(default)]
    collapsed: Option<bool>,
}

/// Saves where many workspaces lie and which are folded, all or none.
#[utoipa::path(
    put,
    path = "/canvas/layouts",
    tag = "canvas",
    operation_id = "saveLayouts",
    request_body = Arrangement,
    responses(
        (status = 200, description = "Saved", body = Done),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn arrange(State(app): State<App>, caller: Caller, input: Input) -> Answer {
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
