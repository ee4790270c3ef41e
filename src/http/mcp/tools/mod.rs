//! The tools: what they are called, what they take, what they answer (contract 08 §10).
//!
//! Tools of parts that this server does not have are neither listed nor known.

mod argument;
mod delegation;
mod people;
mod workspaces;

use isomer_actors::api::RuntimeError;
use isomer_actors::domain::activity::MAX_BODY;
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::status::Status;
use isomer_actors::ports::StoreError;
use rmcp::model::{CallToolRequestParams, ErrorCode, ErrorData, Tool as Described};

use self::argument::{Argument, Kind};
use super::envelope::{bad_params, echo};
use crate::config::Config;
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

const MESSAGE: Argument = Argument {
    name: "message",
    about: "What they are told",
    kind: Kind::Text { max_bytes: MAX_BODY },
};

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    ListPeers,
    GetWorkspaceInfo,
    DelegateTask,
    DelegateTaskAsync,
    CheckTaskStatus,
    SendMessageToUser,
}

impl Tool {
    const ALL: [Self; 6] = [
        Self::ListPeers,
        Self::GetWorkspaceInfo,
        Self::DelegateTask,
        Self::DelegateTaskAsync,
        Self::CheckTaskStatus,
        Self::SendMessageToUser,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ListPeers => "list_peers",
            Self::GetWorkspaceInfo => "get_workspace_info",
            Self::DelegateTask => "delegate_task",
            Self::DelegateTaskAsync => "delegate_task_async",
            Self::CheckTaskStatus => "check_task_status",
            Self::SendMessageToUser => "send_message_to_user",
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
            Self::SendMessageToUser => {
                "Tell something to the people at the canvas. They see it at once, and later in \
                 the chat of this workspace."
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
            Self::SendMessageToUser => &[&MESSAGE],
        }
    }
}

/// Returns the tools that this server offers.
fn offered(config: &Config) -> impl Iterator<Item = Tool> {
    let speaks = config.mcp_send_message;
    Tool::ALL.into_iter().filter(move |tool| speaks || *tool != Tool::SendMessageToUser)
}

/// Returns the tools as clients are told of them.
pub fn list(config: &Config) -> Vec<Described> {
    let described =
        |tool: Tool| Described::new(tool.name(), tool.about(), argument::schema(tool.arguments()));
    offered(config).map(described).collect()
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
    let Some(tool) = offered(&app.config).find(|tool| tool.name() == params.name) else {
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
        Tool::SendMessageToUser => people::tell(app, own, &MESSAGE.text(&mut given)?).await?,
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
    fn tools_are_described_once_each_and_only_where_they_are_offered() {
        let read = |speaks: bool| {
            Config::from_env(&move |name| match name {
                "HOME" => Some("/home/ada".to_owned()),
                "MOLECULE_MCP_ALLOW_SEND_MESSAGE" => speaks.then(|| "true".to_owned()),
                _ => None,
            })
        };
        for (speaks, count) in [(false, 5), (true, 6)] {
            let tools = list(&read(speaks).unwrap());
            let mut names: Vec<_> = tools.iter().map(|tool| tool.name.clone()).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), count);
            assert_eq!(names.iter().any(|name| name == "send_message_to_user"), speaks);
            for tool in tools {
                assert_eq!(tool.input_schema["type"], "object");
                assert!(tool.description.is_some_and(|text| text.ends_with('.')));
            }
        }
    }
}
