//! What the routes of this folder answer.

use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use uuid::Uuid;

/// The name of a secret. Its value is never shown.
#[derive(Debug, ToSchema)]
pub struct Secret {
    pub created_at: DateTime<Utc>,
    /// Always true.
    pub has_value: bool,
    pub key: String,
    pub scope: SecretScope,
    pub updated_at: DateTime<Utc>,
}

/// Who gets a secret.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum SecretScope {
    /// Every workspace that does not override it.
    Global,
    /// One workspace.
    Workspace,
}

/// A secret of a workspace was saved or deleted.
#[derive(Debug, ToSchema)]
pub struct SecretChanged {
    pub key: String,
    /// `saved` or `deleted`.
    pub status: String,
}

/// A global secret was saved or deleted.
#[derive(Debug, ToSchema)]
pub struct GlobalSecretChanged {
    pub key: String,
    /// Always `global`.
    pub scope: SecretScope,
    /// `saved` or `deleted`.
    pub status: String,
}

/// The workspaces that get a secret.
#[derive(Debug, ToSchema)]
pub struct Dependents {
    pub dependents: Vec<Uuid>,
}

/// Whether a name and a value would be accepted.
#[derive(Debug, ToSchema)]
pub struct SecretValidity {
    /// Why not.
    #[schema(nullable = false)]
    pub error: Option<String>,
    pub valid: bool,
}

/// The model that was chosen for a workspace.
#[derive(Debug, ToSchema)]
pub struct ChosenModel {
    /// Empty for the default.
    pub model: String,
    pub source: ModelSource,
}

/// Where the choice of a model comes from.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ModelSource {
    Default,
    WorkspaceSecrets,
}

/// A model was chosen, or the choice cleared.
#[derive(Debug, ToSchema)]
pub struct ModelChanged {
    /// Absent when cleared.
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// `saved` or `cleared`.
    pub status: String,
}
