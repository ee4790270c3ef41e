//! Commands that have one thing done to one workspace: restart, stop, pause, resume, hibernate,
//! expand.

use clap::Args;
use serde_json::{Map, Value, json};

use super::Common;
use super::client::Client;
use super::error::Done;
use super::output::Output;
use super::text::visible;
use super::wait::{self, Wait};
use super::workspace::{self, Found};

/// One workspace.
#[derive(Clone, Debug, Args)]
pub struct PlainArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    #[command(flatten)]
    pub common: Common,
}

/// One workspace that will be online.
#[derive(Clone, Debug, Args)]
pub struct WaitingArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    pub common: Common,
}

/// How to restart.
#[derive(Clone, Debug, Args)]
pub struct RestartArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// Configure it from this template first
    #[arg(long, value_name = "TEMPLATE")]
    template: Option<String>,
    /// Configure it from the template of its name or runtime first
    #[arg(long)]
    apply_template: bool,
    /// Configure it from the organisation's template of its name first
    #[arg(long)]
    rebuild_config: bool,
    /// Have the agent begin without what it remembers of its session
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    pub common: Common,
}

/// Whether to interrupt work.
#[derive(Clone, Debug, Args)]
pub struct HibernateArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// End the tasks that it works on
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pub common: Common,
}

/// `isomer restart`.
///
/// # Errors
/// When it is not done.
pub async fn restart(args: RestartArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let body = restart_body(&args);
    let answer = client.post(&found.path("/restart"), Some(body)).await?.json()?;
    finish(&client, output, &found, &args.wait, answer, "is starting").await
}

fn restart_body(args: &RestartArgs) -> Value {
    let mut body = Map::new();
    if let Some(template) = &args.template {
        body.insert("template".to_owned(), json!(template));
    }
    for (key, given) in [
        ("apply_template", args.apply_template),
        ("rebuild_config", args.rebuild_config),
        ("reset", args.reset),
    ] {
        if given {
            body.insert(key.to_owned(), json!(true));
        }
    }
    Value::Object(body)
}

/// `isomer stop`.
///
/// # Errors
/// When it is not done.
pub async fn stop(args: PlainArgs) -> Done {
    plain(&args, "/stop", |name, answer| {
        let seconds = answer["back_in_seconds"].as_u64().unwrap_or_default();
        format!("{name} has ended and is back in {seconds} s; `isomer pause` keeps it stopped")
    })
    .await
}

/// `isomer pause`.
///
/// # Errors
/// When it is not done.
pub async fn pause(args: PlainArgs) -> Done {
    plain(&args, "/pause", |name, answer| {
        let count = answer["paused_count"].as_u64().unwrap_or(1);
        format!("{name} is paused{}", with_those_below(count))
    })
    .await
}

/// `isomer hibernate`.
///
/// # Errors
/// When it is not done.
pub async fn hibernate(args: HibernateArgs) -> Done {
    let path = if args.force { "/hibernate?force=true" } else { "/hibernate" };
    let plain_args = PlainArgs { workspace: args.workspace, common: args.common };
    let done = |name: &str, _: &Value| format!("{name} is hibernated; a message wakes it");
    let forced = plain(&plain_args, path, done).await;
    // The server's hint is in its own terms.
    forced.map_err(|error| match error.message.contains("force=true") {
        true => error.hint("`--force` ends them"),
        false => error,
    })
}

async fn plain(args: &PlainArgs, rest: &str, said: impl Fn(&str, &Value) -> String) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let answer: Value = client.post(&found.path(rest), None).await?.json()?;
    if output.json { output.document(&answer) } else { output.line(said(&found.label, &answer)) }
}

/// `isomer resume`.
///
/// # Errors
/// When it is not done, or it does not come online.
pub async fn resume(args: WaitingArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let answer: Value = client.post(&found.path("/resume"), None).await?.json()?;
    let count = answer["resumed_count"].as_u64().unwrap_or(1);
    let said = format!("is starting{}", with_those_below(count));
    finish(&client, output, &found, &args.wait, answer, &said).await
}

/// `isomer expand`.
///
/// # Errors
/// When it is not done, or a member does not come online.
pub async fn expand(args: WaitingArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let mut answer: Value = client.post(&found.path("/expand"), None).await?.json()?;
    let deadline = args.wait.deadline();
    let mut up = true;
    for child in answer["children"].as_array_mut().into_iter().flatten() {
        let id = child["id"].as_str().and_then(|id| id.parse().ok());
        if let (true, Some(id)) = (args.wait.wait, id) {
            let standing = wait::until_online(&client, id, deadline).await?;
            up &= standing.is_up();
            child["status"] = json!(standing.status);
            child["error"] = json!(standing.reason);
        }
    }
    if output.json {
        output.document(&answer)?;
    } else {
        let children = answer["children"].as_array().map(Vec::as_slice).unwrap_or_default();
        output.line(format!("{} is expanded: {} members", found.label, children.len()))?;
        for child in children {
            let text = |key: &str| visible(child[key].as_str().unwrap_or_default());
            let line = [text("id"), text("name"), text("status"), text("error")].join("  ");
            output.line(line.trim_end())?;
        }
    }
    if up { Ok(()) } else { Err(super::error::CliError::told(super::error::Kind::Failed)) }
}

/// Prints what was begun, or waits for its end and prints that.
async fn finish(
    client: &Client,
    output: Output,
    found: &Found,
    wait: &Wait,
    mut answer: Value,
    said: &str,
) -> Done {
    if !wait.wait {
        return if output.json {
            output.document(&answer)
        } else {
            output.line(format!("{} {said}", found.label))
        };
    }
    let standing = wait::until_online(client, found.id, wait.deadline()).await?;
    if output.json {
        answer["status"] = json!(standing.status);
        answer["error"] = json!(standing.reason);
        output.document(&answer)?;
        return match standing.is_up() {
            true => Ok(()),
            false => Err(super::error::CliError::told(super::error::Kind::Failed)),
        };
    }
    standing.check(found)?;
    output.line(format!("{} is {}", found.label, standing.status))
}

fn with_those_below(count: u64) -> String {
    match count {
        0 | 1 => String::new(),
        more => format!(", with {} below it", more - 1),
    }
}
