//! `GET /org/templates`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::preflight::{Needs, Requirement};
use super::template::Org;
use crate::http::creation::not_read;
use crate::http::error::{Answer, ok};
use crate::http::gates::Caller;
use crate::http::state::App;
use crate::templates::{Folder, ORG_FILE, Templates, blocking, yaml};

/// An organisation that can be imported.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrgListed {
    /// Its folder.
    pub dir: String,
    pub name: String,
    pub description: String,
    /// How many workspaces it has.
    pub workspaces: usize,
    /// Names, or `{"any_of": [names]}`.
    pub required_env: Vec<Requirement>,
    pub recommended_env: Vec<Requirement>,
}

/// Lists the organisations that can be imported. What cannot be read is left out.
#[utoipa::path(
    get,
    path = "/org/templates",
    tag = "organisations",
    operation_id = "listOrgTemplates",
    responses((status = 200, description = "By folder", body = [OrgListed])),
    security(("bearer" = []), ("session" = [])),
)]
pub async fn list(State(app): State<App>, caller: Caller) -> Answer {
    caller.admin(&app).await?;
    let templates = Templates::of(&app.config);
    let listed = blocking(move || {
        let organisations = templates.organisations()?;
        Ok(organisations.iter().filter_map(|(dir, folder)| listed(dir, folder)).collect::<Vec<_>>())
    });
    let listed = listed.await;
    Ok(ok(&listed.map_err(|error| not_read(&error, "failed to read organisations"))?))
}

fn listed(dir: &str, folder: &Folder) -> Option<OrgListed> {
    let parsed = yaml::parse_including::<Org>(folder, ORG_FILE);
    let org = parsed.or_else(|_| yaml::parse_including(folder, "org.yml")).ok()?;
    let needs = Needs::of(&org);
    Some(OrgListed {
        dir: dir.to_owned(),
        workspaces: org.nodes().len(),
        name: org.name,
        description: org.description,
        required_env: needs.required,
        recommended_env: needs.recommended,
    })
}
