//! `POST /bundles/import`: creates what a bundle describes. Everything is checked before anything
//! is written; then come the files, then the rows, whole teams in one transaction.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use isomer_actors::directory::Planned;
use isomer_actors::domain::ids::WorkspaceId;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::export::{MAX_DEPTH, MAX_WORKSPACES};
use super::format::Bundle;
use crate::http::creation::{self, Creation, DEFAULT_RUNTIME, Newcomer};
use crate::http::error::{Answer, ApiError, json_response};
use crate::http::gates::Caller;
use crate::http::json::{BadInput, Input};
use crate::http::openapi::schema::ErrorBody;
use crate::http::state::App;
use crate::http::workspaces::check_texts;
use crate::templates::config::{FILE, PROMPT, runtime_of};
use crate::templates::generate::{self, Subject};
use crate::templates::{Files, check_path};

const BAD: &str = "invalid bundle";
/// Longest body, in bytes.
const MAX_BODY: usize = 32 << 20;
/// Files of the whole bundle.
const MAX_FILES: usize = 2_000;
/// Longest id that is kept as the source of a workspace, in bytes.
const MAX_SOURCE: usize = 255;

/// What became of a workspace of a bundle, and of those below it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ImportedWorkspace {
    pub workspace_id: Uuid,
    pub name: String,
    /// `provisioning`, or `failed` together with `error`.
    pub status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, no_recursion)]
    pub children: Vec<ImportedWorkspace>,
}

/// Creates the workspaces of a bundle under new ids; 32 MiB, 1,000 workspaces in 32 levels and 2,000
/// files at most.
#[utoipa::path(
    post,
    path = "/bundles/import",
    tag = "bundles",
    operation_id = "importBundle",
    request_body = Bundle,
    responses(
        (status = 201, description = "What became of each: look at `status`", body = ImportedWorkspace),
        (status = 400, description = "A field or path is refused; nothing was done", body = ErrorBody),
        (status = 409, description = "This server runs as many agents as it may", body = ErrorBody),
        (status = 413, description = "It is too large", body = ErrorBody),
    ),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn import(State(app): State<App>, caller: Caller, request: Request) -> Answer {
    caller.admin(&app).await?;
    let input = Input::within(request, MAX_BODY).await?;
    // A long body takes its time.
    let parsing = tokio::task::spawn_blocking(move || input.parse_or::<Bundle>(BAD));
    let bundle = parsing.await.map_err(|_| ApiError::unavailable())??;
    Ok(json_response(StatusCode::CREATED, &create(&app, bundle, None).await?))
}

/// Creates what a bundle describes, below `parent`.
///
/// # Errors
/// 400 or 409; nothing was done then.
pub async fn create(
    app: &App,
    bundle: Bundle,
    parent: Option<WorkspaceId>,
) -> Result<ImportedWorkspace, ApiError> {
    let refused = |bad: BadInput| bad.with_text(BAD);
    let planning = tokio::task::spawn_blocking(move || plan(&bundle, parent));
    let newcomers = planning.await.map_err(|_| ApiError::unavailable())?.map_err(refused)?;
    creation::check_room(app, &newcomers)?;
    let shape: Vec<_> = newcomers
        .iter()
        .map(|newcomer| {
            let new = &newcomer.planned.new;
            (new.id, new.parent_id, new.name.clone())
        })
        .collect();
    let outcomes = creation::create_all(app, newcomers).await;
    Ok(told(shape, outcomes))
}

type Shape = Vec<(WorkspaceId, Option<WorkspaceId>, String)>;

/// Puts the outcomes, which are in the order of the tree, back into its shape.
fn told(shape: Shape, outcomes: Vec<Creation>) -> ImportedWorkspace {
    let mut open: Vec<ImportedWorkspace> = Vec::new();
    for ((id, parent, name), outcome) in shape.into_iter().zip(outcomes) {
        let (status, error) = match outcome {
            Creation::Done => ("provisioning", None),
            Creation::Failed(why) | Creation::Unknown(why) => ("failed", Some(why)),
        };
        while open.len() > 1 && open.last().map(|last| last.workspace_id) != parent.map(|id| id.0) {
            close(&mut open);
        }
        open.push(ImportedWorkspace {
            workspace_id: id.0,
            name,
            status,
            error,
            children: Vec::new(),
        });
    }
    while open.len() > 1 {
        close(&mut open);
    }
    open.pop().unwrap_or_else(|| ImportedWorkspace {
        workspace_id: Uuid::nil(),
        name: String::new(),
        status: "failed",
        error: Some("there was nothing to create".to_owned()),
        children: Vec::new(),
    })
}

/// Gives the last open workspace to the one before it.
fn close(open: &mut Vec<ImportedWorkspace>) {
    if let Some(last) = open.pop()
        && let Some(above) = open.last_mut()
    {
        above.children.push(last);
    }
}

/// Checks a whole bundle and returns its workspaces, parents before children.
///
/// # Errors
/// The first field that is refused.
pub fn plan(bundle: &Bundle, parent: Option<WorkspaceId>) -> Result<Vec<Newcomer>, BadInput> {
    let mut planning = Planning { newcomers: Vec::new(), files: 0 };
    planning.add(bundle, parent, "", 1)?;
    Ok(planning.newcomers)
}

struct Planning {
    newcomers: Vec<Newcomer>,
    files: usize,
}

impl Planning {
    fn add(
        &mut self,
        bundle: &Bundle,
        parent: Option<WorkspaceId>,
        at: &str,
        depth: usize,
    ) -> Result<(), BadInput> {
        let field = |name: &str| format!("{at}{name}");
        if depth > MAX_DEPTH || self.newcomers.len() >= MAX_WORKSPACES {
            let reason = "at most 1,000 workspaces in 32 levels are accepted";
            return Err(BadInput::new(&field("sub_workspaces"), reason));
        }
        let (name, role) = (bundle.name.as_str(), bundle.description.as_str());
        let config = bundle.prompts.0.iter().find(|(path, _)| path == FILE);
        let runtime = config.and_then(|(_, text)| runtime_of(text)).unwrap_or(DEFAULT_RUNTIME);
        check_texts(name, role, runtime).map_err(|bad| {
            let named = if bad.field == "role" { "description" } else { &bad.field };
            BadInput::new(&field(named), bad.reason)
        })?;
        let files = self.files_of(bundle, runtime, at)?;
        let mut new = creation::plain(name, role, bundle.tier, runtime);
        new.parent_id = parent;
        let id = new.id;
        let source = &bundle.id[..bundle.id.floor_char_boundary(MAX_SOURCE.min(bundle.id.len()))];
        let source_bundle_id = (!source.is_empty()).then(|| source.to_owned());
        let planned = Planned { new, source_bundle_id, place: None };
        self.newcomers.push(Newcomer { planned, files: Arc::new(files) });
        for (place, below) in bundle.sub_workspaces.iter().enumerate() {
            self.add(below, Some(id), &format!("{at}sub_workspaces[{place}]."), depth + 1)?;
        }
        Ok(())
    }

    fn files_of(&mut self, bundle: &Bundle, runtime: &str, at: &str) -> Result<Files, BadInput> {
        let mut files = Files::default();
        let mut keep = |field: &str, path: &str, text: &str| {
            self.files += 1;
            if self.files > MAX_FILES {
                let reason = "at most 2,000 files are accepted";
                return Err(BadInput::new(&format!("{at}{field}"), reason));
            }
            let kept = match is_private(path) {
                true => Err("credentials are not taken from bundles".to_owned()),
                false => files.add(path, text).map_err(|bad| bad.to_string()),
            };
            kept.map_err(|reason| BadInput::new(&format!("{at}{field}"), reason))
        };
        if !bundle.system_prompt.is_empty() {
            keep("system_prompt", PROMPT, &bundle.system_prompt)?;
        }
        for (path, text) in &bundle.prompts.0 {
            keep("prompts", path, text)?;
        }
        for (place, skill) in bundle.skills.iter().enumerate() {
            let field = format!("skills[{place}]");
            let bad = |reason: String| BadInput::new(&format!("{at}{field}.id"), reason);
            check_path(&skill.id).map_err(|error| bad(error.to_string()))?;
            if skill.id.contains('/') {
                return Err(bad("it names one folder".to_owned()));
            }
            for (path, text) in &skill.files.0 {
                // Both parts have to be good on their own: "../x" is not, wherever it is joined.
                check_path(path).map_err(|error| {
                    BadInput::new(&format!("{at}{field}.files"), error.to_string())
                })?;
                keep(&format!("{field}.files"), &format!("skills/{}/{path}", skill.id), text)?;
            }
        }
        if files.get(FILE).is_none() {
            let subject = Subject {
                name: &bundle.name,
                role: &bundle.description,
                tier: bundle.tier,
                runtime,
                model: "",
            };
            files.put(FILE, generate::config(&subject));
        }
        Ok(files)
    }
}

fn is_private(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == ".auth_token" || name == ".env" || name.starts_with(".env.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::format::{Skill, Texts};
    use super::*;

    fn bundle(value: serde_json::Value) -> Bundle {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn bad_paths_are_named() {
        for (value, field) in [
            (json!({"prompts": {"../x": ""}}), "prompts"),
            (json!({"prompts": {"/etc/x": ""}}), "prompts"),
            (json!({"prompts": {".env": "K=1"}}), "prompts"),
            (json!({"skills": [{"id": "..", "files": {"a": ""}}]}), "skills[0].id"),
            (json!({"skills": [{"id": "a/b", "files": {}}]}), "skills[0].id"),
            (json!({"skills": [{"id": "a", "files": {"../../x": ""}}]}), "skills[0].files"),
            (json!({"skills": [{"id": "a", "files": {"x\\y": ""}}]}), "skills[0].files"),
            (
                json!({"skills": [{"id": "a", "files": {"x": ""}}, {"id": "a", "files": {"x": ""}}]}),
                "skills[1].files",
            ),
            (json!({"sub_workspaces": [{"name": "a\nb"}]}), "sub_workspaces[0].name"),
            (json!({"description": "a|b"}), "description"),
            (json!({"prompts": {"config.yaml": "runtime: a\rb\n"}}), "runtime"),
        ] {
            let bad = plan(&bundle(value.clone()), None).unwrap_err();
            assert_eq!(bad.field, field, "{value}: {bad:?}");
        }
    }

    #[test]
    fn sizes_are_bounded() {
        let mut deep = Bundle::default();
        for _ in 0..MAX_DEPTH {
            deep = Bundle { sub_workspaces: vec![deep], ..Bundle::default() };
        }
        assert!(plan(&deep, None).is_err());
        assert!(plan(&deep.sub_workspaces[0], None).is_ok());
        let many =
            |count| Bundle { sub_workspaces: vec![Bundle::default(); count], ..Bundle::default() };
        assert_eq!(plan(&many(MAX_WORKSPACES - 1), None).unwrap().len(), MAX_WORKSPACES);
        assert!(plan(&many(MAX_WORKSPACES), None).is_err());
        let texts = (0..=MAX_FILES).map(|n| (format!("{n}.md"), String::new()));
        let files = Bundle { prompts: Texts(texts.collect()), ..Bundle::default() };
        assert!(plan(&files, None).is_err());
    }

    fn bundles() -> impl Strategy<Value = Bundle> {
        let texts = || {
            proptest::collection::btree_map("[a-z]{1,6}\\.md", ".{0,20}", 0..3)
                .prop_map(|map| Texts(map.into_iter().collect()))
        };
        let skills = (texts(), "[a-z]{1,5}").prop_map(|(files, id)| {
            vec![Skill { id: id.clone(), name: id, description: String::new(), files }]
        });
        let leaf = ("[a-zA-Z ]{0,12}", 0..5i32, ".{0,30}", texts(), skills).prop_map(
            |(name, tier, system_prompt, prompts, skills)| Bundle {
                name,
                tier,
                system_prompt,
                prompts,
                skills,
                ..Bundle::default()
            },
        );
        leaf.prop_recursive(4, 20, 4, |below| {
            (proptest::collection::vec(below, 0..4)).prop_map(|sub_workspaces| Bundle {
                name: "lead".to_owned(),
                sub_workspaces,
                ..Bundle::default()
            })
        })
    }

    fn same(bundle: &Bundle, told: &ImportedWorkspace) -> bool {
        bundle.name == told.name
            && bundle.sub_workspaces.len() == told.children.len()
            && bundle.sub_workspaces.iter().zip(&told.children).all(|(a, b)| same(a, b))
    }

    proptest! {
        #[test]
        fn the_answer_has_the_shape_of_the_bundle(bundle in bundles()) {
            let newcomers = plan(&bundle, None).unwrap();
            let outcomes = vec![Creation::Done; newcomers.len()];
            let shape: Shape = newcomers.iter().map(|newcomer| {
                let new = &newcomer.planned.new;
                (new.id, new.parent_id, new.name.clone())
            }).collect();
            for (at, (_, parent, _)) in shape.iter().enumerate() {
                let above = parent.is_none_or(|parent| shape[..at].iter().any(|(id, ..)| *id == parent));
                prop_assert!(above, "parents come first");
            }
            prop_assert!(same(&bundle, &told(shape, outcomes)));
        }
    }
}
