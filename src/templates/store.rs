//! Where templates are kept: a folder of the administrator's, or those that come with the server.
//!
//! With `CONFIGS_DIR` templates of workspaces are its folders, and those of organisations the
//! folders of `org-templates` beside it. Without, both lie in the data folder, and the built-in
//! ones are there as long as none of the same name hides them.

use std::path::{Path, PathBuf};

use super::built_in;
use super::config::{FILE, TemplateConfig};
use super::files::{Files, check_path};
use super::folder::{Folder, FolderError};
use super::yaml;
use crate::config::Config;

/// Templates that are listed at most.
const MAX_TEMPLATES: usize = 1_000;
const ORGANISATIONS: &str = "org-templates";
/// The root file of an organisation.
pub const ORG_FILE: &str = "org.yaml";
/// Credentials of a template are for its own workspaces alone.
const ENV: &str = ".env";

/// A template as the palette shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its folder.
    pub id: String,
    pub config: TemplateConfig,
}

/// The templates of this server. Every look reads the disk anew.
#[derive(Clone, Debug)]
pub struct Templates {
    root: PathBuf,
    organisations: PathBuf,
    with_built_in: bool,
}

impl Templates {
    /// Returns those that are configured.
    pub fn of(config: &Config) -> Self {
        match &config.platform.configs_dir {
            Some(root) => {
                let beside = root.parent().unwrap_or(Path::new(""));
                let organisations = beside.join(ORGANISATIONS);
                Self { root: root.clone(), organisations, with_built_in: false }
            }
            None => Self {
                root: config.data_dir.join("templates"),
                organisations: config.data_dir.join(ORGANISATIONS),
                with_built_in: true,
            },
        }
    }

    /// Lists templates whose `config.yaml` can be read, by folder.
    ///
    /// # Errors
    /// What the system says.
    pub fn list(&self) -> Result<Vec<Template>, FolderError> {
        let mut found = Vec::new();
        let root = optional(Folder::open(&self.root))?;
        for id in root.as_ref().map(Folder::folders).transpose()?.unwrap_or_default() {
            let text =
                root.as_ref().map(|root| root.read_text(&format!("{id}/{FILE}"), yaml::MAX_BYTES));
            if let Some(Ok(text)) = text
                && let Ok(config) = TemplateConfig::parse(&text)
            {
                found.push(Template { id, config });
            }
        }
        for (id, files) in self.built_in(built_in::WORKSPACES) {
            let text = files.text(FILE).unwrap_or_default();
            if let Ok(config) = TemplateConfig::parse(&text)
                && found.iter().all(|template| template.id != id)
            {
                found.push(Template { id: id.to_owned(), config });
            }
        }
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.truncate(MAX_TEMPLATES);
        Ok(found)
    }

    /// Returns the files of a template, without its credentials; `None` when there is no such.
    ///
    /// # Errors
    /// `Path` when the name leads elsewhere; `TooLarge`; what the system says.
    pub fn files(&self, id: &str) -> Result<Option<Files>, FolderError> {
        check_path(id)?;
        let root = optional(Folder::open(&self.root))?;
        if let Some(root) = root
            && let Some(folder) = optional(root.beneath(id))?
        {
            return without_credentials(&folder).map(Some);
        }
        Ok(self
            .built_in(built_in::WORKSPACES)
            .find(|(name, _)| *name == id)
            .map(|(_, files)| files))
    }

    /// Returns the id of the template that belongs to a workspace of this name: the folder of the
    /// normalised name, else the first whose own name it is (contract 06 §2).
    ///
    /// # Errors
    /// What the system says.
    pub fn find(&self, name: &str) -> Result<Option<String>, FolderError> {
        let id = normalised(name);
        if self.files(&id)?.is_some_and(|files| files.get(FILE).is_some()) {
            return Ok(Some(id));
        }
        let named = self.list()?.into_iter().find(|template| template.config.name == name);
        Ok(named.map(|template| template.id))
    }

    /// Adds a template: all of it or nothing.
    ///
    /// # Errors
    /// `Exists`; what the system says.
    pub fn import(&self, id: &str, files: &Files) -> Result<(), FolderError> {
        if self.files(id)?.is_some() {
            return Err(FolderError::Exists);
        }
        let root = Folder::create(&self.root)?;
        let temporary = format!(".incoming-{}", uuid::Uuid::new_v4().simple());
        let written = root
            .make(&temporary)
            .and_then(|folder| folder.write_all(files))
            .and_then(|()| root.rename(&temporary, id));
        if written.is_err() {
            let _ = std::fs::remove_dir_all(self.root.join(&temporary));
        }
        written
    }

    /// Returns the folders of organisations, by name; those that come with the server are written
    /// to the data folder first, so that there is one way to read them.
    ///
    /// # Errors
    /// What the system says.
    pub fn organisations(&self) -> Result<Vec<(String, Folder)>, FolderError> {
        self.unpack()?;
        let Some(root) = optional(Folder::open(&self.organisations))? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for name in root.folders()?.into_iter().take(MAX_TEMPLATES) {
            if let Some(folder) = optional(root.beneath(&name))? {
                found.push((name, folder));
            }
        }
        Ok(found)
    }

    /// Opens the folder of an organisation; `None` when there is no such.
    ///
    /// # Errors
    /// `Path` when the name leads elsewhere; what the system says.
    pub fn organisation(&self, dir: &str) -> Result<Option<Folder>, FolderError> {
        check_path(dir)?;
        self.unpack()?;
        match optional(Folder::open(&self.organisations))? {
            Some(root) => optional(root.beneath(dir)),
            None => Ok(None),
        }
    }

    fn unpack(&self) -> Result<(), FolderError> {
        for (id, files) in self.built_in(built_in::ORGANISATIONS) {
            let root = Folder::create(&self.organisations)?;
            if optional(root.beneath(id))?.is_some() {
                continue;
            }
            let temporary = format!(".incoming-{}", uuid::Uuid::new_v4().simple());
            root.make(&temporary)?.write_all(&files)?;
            match root.rename(&temporary, id) {
                // Another request was faster.
                Err(FolderError::Exists) => {
                    let _ = std::fs::remove_dir_all(self.organisations.join(&temporary));
                }
                renamed => renamed?,
            }
        }
        Ok(())
    }

    fn built_in(
        &self,
        set: &'static [built_in::Embedded],
    ) -> impl Iterator<Item = (&'static str, Files)> {
        set.iter().filter(|_| self.with_built_in).map(built_in::unpacked)
    }
}

/// Reads the files of a template, less what holds credentials.
fn without_credentials(folder: &Folder) -> Result<Files, FolderError> {
    folder.read_all(&|path| {
        let name = path.rsplit('/').next().unwrap_or(path);
        name != ENV && name != ".auth_token" && name != ".git"
    })
}

/// Reads the files of a folder of an organisation as those of a workspace.
///
/// # Errors
/// As [`Folder::read_all`].
pub fn workspace_files(folder: &Folder) -> Result<Files, FolderError> {
    without_credentials(folder)
}

fn optional<T>(result: Result<T, FolderError>) -> Result<Option<T>, FolderError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(FolderError::Missing | FolderError::NotAFile) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns the folder that belongs to a name (contract 06 §2).
pub fn normalised(name: &str) -> String {
    let plain = |c: char| match c {
        'A'..='Z' => Some(c.to_ascii_lowercase()),
        ' ' | '-' => Some('-'),
        'a'..='z' | '0'..='9' | '_' => Some(c),
        _ => None,
    };
    let folder: String = name.chars().filter_map(plain).collect();
    if folder.is_empty() { "unnamed".to_owned() } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(place: &Path, with_built_in: bool) -> Templates {
        Templates {
            root: place.join("templates"),
            organisations: place.join(ORGANISATIONS),
            with_built_in,
        }
    }

    #[test]
    fn names_as_the_contract_says() {
        for (name, folder) in [
            ("Team Lead", "team-lead"),
            ("a_b-C9", "a_b-c9"),
            ("../etc/passwd", "etcpasswd"),
            ("É🦀", "unnamed"),
            ("", "unnamed"),
        ] {
            assert_eq!(normalised(name), folder);
        }
    }

    #[test]
    fn a_new_server_has_something_in_the_palette() {
        let place = tempfile::tempdir().unwrap();
        let templates = templates(place.path(), true);
        let listed = templates.list().unwrap();
        let ids: Vec<_> = listed.iter().map(|template| template.id.as_str()).collect();
        assert_eq!(ids, ["isomer-default", "researcher", "reviewer", "team-lead", "writer"]);
        assert!(listed.iter().all(|template| template.config.runtime == "isomer"));
        let lead = listed.iter().find(|template| template.id == "team-lead").unwrap();
        for child in &lead.config.sub_workspaces {
            assert!(templates.files(&child.config).unwrap().is_some(), "{child:?}");
        }
        assert_eq!(templates.find("Team Lead").unwrap().as_deref(), Some("team-lead"));
        let organisations = templates.organisations().unwrap();
        assert_eq!(organisations.len(), 1);
        assert_eq!(organisations[0].0, "starter-company");
    }

    #[test]
    fn an_import_is_whole_or_nothing() {
        let place = tempfile::tempdir().unwrap();
        let templates = templates(place.path(), false);
        let mut files = Files::default();
        files.add(FILE, "name: Mine\nruntime: isomer\n").unwrap();
        files.add(".env", "KEY=1").unwrap();
        templates.import("mine", &files).unwrap();
        assert!(matches!(templates.import("mine", &files), Err(FolderError::Exists)));
        assert_eq!(templates.find("Mine").unwrap().as_deref(), Some("mine"));
        let read = templates.files("mine").unwrap().unwrap();
        assert!(read.get(".env").is_none() && read.get(FILE).is_some());
        let left: Vec<_> = std::fs::read_dir(place.path().join("templates")).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(matches!(templates.files("../mine"), Err(FolderError::Path(_))));
    }
}
