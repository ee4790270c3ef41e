//! `GET /workspaces/:id/shared-context`: what a workspace tells its children at their start.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::token::Owner;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::place;
use crate::files::{Content, RelativePath, Root};
use crate::http::error::{Answer, ApiError, ok};
use crate::http::gates::{Bearer, Caller, workspace_id};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;

/// Where the list stands.
const CONFIG: &str = "config.yaml";
/// Files that are shared, and their bytes in total.
const MAX_FILES: usize = 100;
const MAX_BYTES: usize = 5 << 20;

/// A file that a workspace shares.
#[derive(Debug, Serialize, ToSchema)]
pub struct SharedFile {
    pub content: String,
    /// Relative to `/configs`.
    pub path: String,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    shared_context: Option<Vec<String>>,
}

/// Returns the files of `/configs` that `shared_context:` in `config.yaml` names. What cannot be read is left out.
///
/// A direct child may ask with its own token.
#[utoipa::path(
    get,
    path = "/workspaces/{id}/shared-context",
    tag = "files",
    operation_id = "getSharedContext",
    params(
        ("id" = Uuid, Path, description = "The workspace"),
        ("x-workspace-id" = Option<Uuid>, Header, nullable = false,
            description = "The child that asks, which its token tells too"),
    ),
    responses(
        (status = 200, description = "At most 100 files and 5 MiB", body = Vec<SharedFile>),
        (status = 404, description = "There is no such workspace", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn shared_context(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    if !is_child(&app, &caller, &id, &headers).await? {
        caller.workspace(&app, &id).await?;
    }
    let id = workspace_id(&id)?;
    // The workspace is looked for before anything else can be wrong.
    place(&app, id, Root::Configs, false).await?;
    Ok(ok(&shared(&app, id).await))
}

/// Returns whether a direct child asks with its own token.
async fn is_child(
    app: &App,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
) -> Result<bool, ApiError> {
    let Bearer::Known(token) = caller.known(app).await? else { return Ok(false) };
    let Owner::Workspace(child) = token.owner else { return Ok(false) };
    let claimed = headers.get("x-workspace-id").and_then(|value| value.to_str().ok());
    let agrees = |claimed: &str| WorkspaceId::parse_loose(claimed) == Some(child);
    if claimed.is_some_and(|claimed| !claimed.is_empty() && !agrees(claimed)) {
        return Ok(false);
    }
    let parent = app.store.load(child).await?.record.and_then(|record| record.parent_id);
    Ok(parent.is_some_and(|parent| parent.to_string() == id))
}

async fn shared(app: &App, id: WorkspaceId) -> Vec<SharedFile> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    let Some(config) = read(app, id, CONFIG).await else { return files };
    for path in named(&config) {
        let Some(content) = read(app, id, &path).await else { continue };
        bytes += content.len();
        if bytes > MAX_BYTES {
            break;
        }
        files.push(SharedFile { content, path });
    }
    files
}

/// Returns the paths that a configuration names; none when it cannot be understood.
fn named(config: &str) -> Vec<String> {
    let config = serde_saphyr::from_str::<Config>(config);
    let mut paths = config.ok().and_then(|config| config.shared_context).unwrap_or_default();
    paths.truncate(MAX_FILES);
    paths
}

async fn read(app: &App, id: WorkspaceId, path: &str) -> Option<String> {
    let path = RelativePath::parse(path).ok()?;
    let place = place(app, id, Root::Configs, false).await.ok()?;
    match app.files.read(place, path).await {
        Ok(Content { text, cut: false, .. }) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn paths_are_read_from_a_configuration() {
        let config = "name: Ada\nshared_context:\n  - guide.md\n  - docs/rules.md\nother: [1]\n";
        assert_eq!(named(config), ["guide.md", "docs/rules.md"]);
        for none in ["", "name: Ada", "shared_context:", "shared_context: 5", "{", "- a\n- b"] {
            assert!(named(none).is_empty(), "{none}");
        }
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
            c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
            e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n\
            g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nshared_context: [*g]\n";
        assert!(named(bomb).is_empty());
    }
}
