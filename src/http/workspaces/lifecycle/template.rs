//! Which template a restart begins from, and putting it into `/configs` (contract 01 §7).

use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Record;

use super::restart::Body;
use crate::files::{Condition, Place, RelativePath, Root};
use crate::http::creation::not_read;
use crate::http::error::ApiError;
use crate::http::files::refused;
use crate::http::json::BadInput;
use crate::http::state::App;
use crate::http::workspaces::validate;
use crate::templates::{Files, FolderError, Templates, blocking, normalised};

const BAD: &str = "invalid template";
const NOT_APPLIED: &str = "the template cannot be copied";

/// A template that exists.
#[derive(Debug)]
pub struct Choice {
    files: Files,
    /// As it is named in the answer.
    pub label: String,
}

/// Chooses a template in the contract's order; `None` keeps what is there.
///
/// # Errors
/// 400 when the name that was given is none.
pub(super) async fn choose(
    app: &App,
    record: &Record,
    body: &Body,
) -> Result<Option<Choice>, ApiError> {
    let given = body.template.clone().filter(|name| !name.is_empty());
    if let Some(name) = &given {
        validate::template(name).map_err(|bad| bad.with_text(BAD))?;
    }
    let named = given.is_some();
    let wish = Wish {
        given,
        name: record.name.clone(),
        runtime: record.runtime.clone(),
        of_its_name: body.apply_template,
        of_organisation: body.rebuild_config,
    };
    let templates = Templates::of(&app.config);
    let found = blocking(move || wish.find(&templates)).await;
    match found.map_err(|error| not_read(&error, NOT_APPLIED))? {
        None if named => {
            Err(BadInput::new("template", "there is no template of this name").with_text(BAD))
        }
        found => Ok(found),
    }
}

/// What a restart may begin from.
struct Wish {
    given: Option<String>,
    name: String,
    runtime: String,
    of_its_name: bool,
    of_organisation: bool,
}

impl Wish {
    fn find(self, templates: &Templates) -> Result<Option<Choice>, FolderError> {
        let own = match self.of_its_name {
            true => templates.find(&self.name)?,
            false => None,
        };
        let organisation =
            self.of_organisation.then(|| format!("org-templates/{}", normalised(&self.name)));
        let usual = self.of_its_name.then(|| format!("{}-default", self.runtime));
        let labels = [self.given, own, organisation, usual];
        for label in labels.into_iter().flatten() {
            // A runtime may be spelt as no folder is.
            match templates.files(label.trim_end_matches('/')) {
                Ok(Some(files)) => return Ok(Some(Choice { files, label })),
                Ok(None) | Err(FolderError::Path(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Writes a template over `/configs`, all of it or nothing, never through a link. What it does not
/// name stays, the agent's token above all.
///
/// # Errors
/// As for writing these files through the API.
pub(super) async fn apply(app: &App, id: WorkspaceId, choice: &Choice) -> Result<(), ApiError> {
    let mut files = Vec::with_capacity(choice.files.len());
    for (path, content) in choice.files.iter() {
        let path = RelativePath::parse(path)
            .map_err(|why| BadInput::new("template", format!("{path}: {why}")).with_text(BAD))?;
        files.push((path, String::from_utf8_lossy(content).into_owned()));
    }
    let place = Place { id, root: Root::Configs, host: None };
    let written = app.files.write(place, files, Condition::None).await;
    written.map(|_| ()).map_err(|error| refused(error, NOT_APPLIED))
}
