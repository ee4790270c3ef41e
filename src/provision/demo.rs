//! The two agents of a first run.

use isomer_actors::api::{NewWorkspace, RuntimeError, Start};
use isomer_actors::directory::Directory;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::{Access, DeliveryMode};
use isomer_actors::indexes::BUILT_IN;

/// Name and role.
const DEMO: [(&str, &str); 2] =
    [("Ada", "Answers questions with an echo"), ("Grace", "Repeats what she hears")];
/// No place of its own: the canvas finds one.
const NOWHERE: (f64, f64) = (0.0, 0.0);
/// The tier of a workspace that was created without one.
const DEFAULT_TIER: i32 = 3;

/// Creates two workspaces that this server runs, so that a first look finds something alive.
///
/// # Errors
/// As [`Directory::create`]; the first of them may exist then.
pub async fn create_demo(directory: &Directory) -> Result<(), RuntimeError> {
    for (name, role) in DEMO {
        let new = NewWorkspace {
            id: WorkspaceId::random(),
            name: name.to_owned(),
            role: Some(role.to_owned()),
            tier: DEFAULT_TIER,
            runtime: BUILT_IN.to_owned(),
            parent_id: None,
            workspace_dir: None,
            workspace_access: Access::None,
            budget_limit: None,
            delivery_mode: DeliveryMode::Push,
            max_concurrent_tasks: 1,
            position: NOWHERE,
            start: Start::Provision,
            secrets: None,
        };
        directory.create(new).await?;
    }
    Ok(())
}
