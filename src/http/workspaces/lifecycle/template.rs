//! Which template a restart begins from, and putting it into `/configs` (contract 01 §7).

use std::io;
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use isomer_actors::domain::record::Record;
use tracing::error;

use super::restart::Body;
use crate::http::error::ApiError;
use crate::http::json::BadInput;
use crate::http::state::App;
use crate::http::workspaces::validate;
use crate::provision::Folders;

/// Bounds of one template.
const MAX_FILES: usize = 1_000;
const MAX_BYTES: u64 = 16 << 20;
const MAX_DEPTH: usize = 16;
const BAD: &str = "invalid template";

/// A template that exists.
#[derive(Debug)]
pub struct Choice {
    folder: PathBuf,
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
    let given = body.template.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = given {
        validate::template(name).map_err(|bad| bad.with_text(BAD))?;
    }
    let Some(root) = &app.config.platform.configs_dir else { return Ok(None) };
    let mut candidates: Vec<String> = given.map(str::to_owned).into_iter().collect();
    if body.apply_template {
        candidates.push(folder_name(&record.name));
    }
    if body.rebuild_config {
        candidates.push(format!("org-templates/{}", folder_name(&record.name)));
    }
    if body.apply_template {
        candidates.push(format!("{}-default", record.runtime));
    }
    for label in candidates {
        if validate::template(&label).is_err() {
            continue;
        }
        let folder = root.join(&label);
        if tokio::fs::symlink_metadata(&folder).await.is_ok_and(|meta| meta.is_dir()) {
            return Ok(Some(Choice { folder, label }));
        }
    }
    match given {
        Some(_) => {
            Err(BadInput::new("template", "there is no template of this name").with_text(BAD))
        }
        None => Ok(None),
    }
}

/// A workspace's name as folders of templates are named.
fn folder_name(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.trim().chars().map(plain).collect()
}

/// Copies a template over `/configs`. What it does not name stays, the agent's token above all.
///
/// # Errors
/// 400 when it is too large or holds something that is neither file nor folder; nothing was
/// changed then. 500 when it cannot be copied.
pub async fn apply(choice: &Choice, folders: &Folders) -> Result<(), ApiError> {
    let (from, to) = (choice.folder.clone(), folders.configs.clone());
    let copied = tokio::task::spawn_blocking(move || {
        let plan = plan(&from)?;
        copy(&from, &to, &plan)
    });
    match copied.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Err(BadInput::new("template", error.to_string()).with_text(BAD))
        }
        Ok(Err(error)) => {
            error!(template = choice.label, %error, "a template could not be copied");
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the template cannot be copied"))
        }
        Err(error) => {
            error!(%error, "copying a template panicked");
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the template cannot be copied"))
        }
    }
}

/// Lists the files of a template, relative to it, folders before what is in them.
fn plan(root: &Path) -> io::Result<Vec<PathBuf>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why.to_owned()));
    let (mut found, mut bytes) = (Vec::new(), 0);
    let mut open = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return refuse("its folders are too deep");
        }
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let (path, meta) = (folder.join(entry.file_name()), entry.metadata()?);
            if meta.is_dir() {
                open.push((path, depth + 1));
                continue;
            }
            if !meta.is_file() {
                return refuse("it holds something that is neither a file nor a folder");
            }
            bytes += meta.len();
            found.push(path);
            if found.len() > MAX_FILES || bytes > MAX_BYTES {
                return refuse("it is too large");
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Each file is there whole or not at all. Nothing is written through a link.
fn copy(from: &Path, to: &Path, files: &[PathBuf]) -> io::Result<()> {
    for file in files {
        let target = to.join(file);
        if let Some(folder) = file.parent() {
            make_folders(to, folder)?;
        }
        let part = target.with_extension(format!("{}.part", uuid::Uuid::new_v4().simple()));
        let copied = std::fs::copy(from.join(file), &part);
        if let Err(error) = copied.and_then(|_| std::fs::rename(&part, &target)) {
            let _ = std::fs::remove_file(&part);
            return Err(error);
        }
    }
    Ok(())
}

fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(root)?;
    let mut at = root.to_owned();
    for part in folder.components() {
        at.push(part);
        match std::fs::symlink_metadata(&at) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a link is in the way"));
            }
            Err(_) => std::fs::create_dir(&at)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_copied_and_nothing_follows_links() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir(from.path().join("prompts")).unwrap();
        std::fs::write(from.path().join("config.yaml"), "runtime: isomer\n").unwrap();
        std::fs::write(from.path().join("prompts/system.md"), "Be kind.").unwrap();
        std::fs::write(to.path().join(".auth_token"), "mine").unwrap();
        let files = plan(from.path()).unwrap();
        copy(from.path(), to.path(), &files).unwrap();
        let read = |name: &str| std::fs::read_to_string(to.path().join(name)).unwrap();
        assert_eq!(read("prompts/system.md"), "Be kind.");
        assert_eq!(read(".auth_token"), "mine");
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 3, "no part is left");

        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::remove_dir_all(to.path().join("prompts")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), to.path().join("prompts")).unwrap();
        copy(from.path(), to.path(), &files).unwrap_err();
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);

        std::os::unix::fs::symlink("/etc/passwd", from.path().join("x")).unwrap();
        assert_eq!(plan(from.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
