//! The tools: what they are called, what they take, what they answer (contract 08 §10).
//!
//! Tools of parts that this server does not have are neither listed nor known.

mod argument;
mod delegation;
mod workspaces;

use isomer_actors::api::RuntimeError;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::StoreError;
use rmcp::model::{CallToolRequestParams, ErrorCode, ErrorData, Tool as Described};

use self::argument::{Argument, Kind};
use super::envelope::{bad_params, echo};
use crate::http::delegations::MAX_TASK;
use crate::http::error::{ApiError, removed};
use crate::http::state::App;

/// What a tool that failed is answered with.
const FAILED: ErrorCode = ErrorCode(-32000);
/// Longest id of a delegation, in bytes.
const MAX_TASK_ID: usize = 255;

const TARGET: Argument = Argument {
    name: "workspace_id",
    about: "The workspace that is to do it, as list_peers tells",
    kind: Kind::Workspace,
};
const TASK: Argument = Argument {
    name: "task",
    about: "What it is to do, in words",
    kind: Kind::Text { max_bytes: MAX_TASK },
};
const TASK_ID: Argument = Argument {
    name: "task_id",
    about: "The task_id that delegate_task_async answered",
    kind: Kind::Text { max_bytes: MAX_TASK_ID },
};

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    ListPeers,
    GetWorkspaceInfo,
    DelegateTask,
    DelegateTaskAsync,
    CheckTaskStatus,
}

impl Tool {
    const ALL: [Self; 5] = [
        Self::ListPeers,
        Self::GetWorkspaceInfo,
        Self::DelegateTask,
        Self::DelegateTaskAsync,
        Self::CheckTaskStatus,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ListPeers => "list_peers",
            Self::GetWorkspaceInfo => "get_workspace_info",
            Self::DelegateTask => "delegate_task",
            Self::DelegateTaskAsync => "delegate_task_async",
            Self::CheckTaskStatus => "check_task_status",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::ListPeers => {
                "List the workspaces you can work with: your parent, your children, your siblings. \
                 Each with id, name, role, status and tier."
            }
            Self::GetWorkspaceInfo => {
                "Tell about your own workspace: id, name, role, tier, status and parent."
            }
            Self::DelegateTask => {
                "Give a task to another workspace and wait for its answer, for at most 30 seconds. \
                 For longer tasks, or when it is away or busy, use delegate_task_async."
            }
            Self::DelegateTaskAsync => {
                "Give a task to another workspace without waiting. The task is kept until the \
                 workspace can do it. Returns a task_id for check_task_status."
            }
            Self::CheckTaskStatus => {
                "Tell how a task that delegate_task_async gave stands: pending, dispatched, \
                 queued, completed with its result, or failed with its error."
            }
        }
    }

    fn arguments(self) -> &'static [&'static Argument] {
        match self {
            Self::ListPeers | Self::GetWorkspaceInfo => &[],
            Self::DelegateTask | Self::DelegateTaskAsync => &[&TARGET, &TASK],
            Self::CheckTaskStatus => &[&TARGET, &TASK_ID],
        }
    }
}

/// Returns the tools as clients are told of them.
pub fn list() -> Vec<Described> {
    let described =
        |tool: Tool| Described::new(tool.name(), tool.about(), argument::schema(tool.arguments()));
    Tool::ALL.into_iter().map(described).collect()
}

/// Calls a tool as the workspace `own` and returns its text.
///
/// # Errors
/// -32602 names what is wrong with which parameter; -32000 says why the tool failed.
pub async fn call(
    app: &App,
    own: Option<(WorkspaceId, Status)>,
    params: CallToolRequestParams,
) -> Result<String, ErrorData> {
    let Some(tool) = Tool::ALL.into_iter().find(|tool| tool.name() == params.name) else {
        return Err(bad_params("name", &format!("unknown tool: {}", echo(&params.name))));
    };
    let mut given = params.arguments.unwrap_or_default();
    let own = match own {
        Some((_, Status::Removed)) => return Err(Failed::from(removed()).into()),
        Some((id, _)) => id,
        None => return Err(Failed::from(ApiError::not_found("workspace not found")).into()),
    };
    let text = match tool {
        Tool::ListPeers => workspaces::peers(app, own).await?,
        Tool::GetWorkspaceInfo => workspaces::info(app, own).await?,
        Tool::DelegateTask => {
            let (to, task) = (TARGET.workspace(&mut given)?, TASK.text(&mut given)?);
            delegation::ask(app, other(own, to)?, task).await?
        }
        Tool::DelegateTaskAsync => {
            let (to, task) = (TARGET.workspace(&mut given)?, TASK.text(&mut given)?);
            delegation::give(app, other(own, to)?, task).await?
        }
        Tool::CheckTaskStatus => {
            let (to, id) = (TARGET.workspace(&mut given)?, TASK_ID.text(&mut given)?);
            delegation::check(app, own, to, &id).await?
        }
    };
    Ok(text)
}

/// Nobody gives tasks to itself.
fn other(own: WorkspaceId, to: WorkspaceId) -> Result<(WorkspaceId, WorkspaceId), ErrorData> {
    let itself = "self-delegation not permitted: it is the workspace itself";
    if own == to { Err(bad_params(TARGET.name, itself)) } else { Ok((own, to)) }
}

/// Why a tool failed.
#[derive(Debug)]
struct Failed(String);

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self(error.reason())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<RuntimeError> for Failed {
    fn from(error: RuntimeError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<Failed> for ErrorData {
    fn from(Failed(why): Failed) -> Self {
        Self::new(FAILED, why, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_described_once_each() {
        let tools = list();
        let mut names: Vec<_> = tools.iter().map(|tool| tool.name.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), Tool::ALL.len());
        for tool in tools {
            assert_eq!(tool.input_schema["type"], "object");
            assert!(tool.description.is_some_and(|text| text.ends_with('.')));
        }
    }
}
