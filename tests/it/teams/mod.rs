//! Teams, bundles, templates and organisations: whole trees that come, go and come again.

mod bundles;
mod expanding;
mod killed;
mod organisations;
mod templates;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Client, Server};

/// Nobody runs agents: what is created waits for them.
pub const NOBODY: (&str, &str) = ("PROVISIONER", "none");

/// Returns where the files of a workspace lie.
pub fn configs(server: &Server, id: &str) -> PathBuf {
    server.folder.path().join("data/workspaces").join(id).join("configs")
}

/// Returns the workspaces that are there, by name.
pub async fn named(admin: &Client, name: &str) -> Vec<Value> {
    let all = admin.get("/workspaces").await.expect(200);
    all.as_array().unwrap().iter().filter(|view| view["name"] == name).cloned().collect()
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Returns the ids for which there is a folder of files.
pub fn furnished(server: &Server) -> Vec<String> {
    let entries = std::fs::read_dir(server.folder.path().join("data/workspaces"));
    let names = entries.into_iter().flatten();
    names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Returns the text of an id in an answer.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
