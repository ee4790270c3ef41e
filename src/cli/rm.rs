//! `isomer rm` and `isomer collapse`: what takes others along asks first.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::Common;
use super::client::{Client, Request};
use super::error::{CliError, Done};
use super::output::Output;
use super::text::{fit, visible};
use super::workspace;

/// Names that are shown before somebody is asked.
const MOST_SHOWN: usize = 10;

/// What to remove.
#[derive(Clone, Debug, Args)]
pub struct RmArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// Remove everything below it, too, without asking
    #[arg(long, short)]
    yes: bool,
    /// Keep no row of it; its events stay
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    pub common: Common,
}

/// Whose team to remove.
#[derive(Clone, Debug, Args)]
pub struct CollapseArgs {
    /// Its name, its id, or the beginning of its id
    workspace: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    pub common: Common,
}

/// `isomer rm`.
///
/// # Errors
/// When it is not removed.
pub async fn run(args: RmArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    let remove = async |confirm: bool| {
        let path = found.path(&format!("?confirm={confirm}&purge={}", args.purge));
        client.call(Request::new(Method::DELETE, &path)).await
    };
    let mut reply = remove(args.yes).await?;
    if reply.status == StatusCode::CONFLICT {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if body["status"] == "confirmation_required" {
            ask(output, &format!("remove {}", found.label), &names(&body["children"])).await?;
            reply = remove(true).await?;
        }
    }
    let answer: Value = reply.success(&client)?.json()?;
    if output.json {
        return output.document(&answer);
    }
    let below = match answer["cascade_deleted"].as_u64() {
        None | Some(0) => String::new(),
        Some(count) => format!(", with {count} below it"),
    };
    output.line(format!(
        "{} is {}{below}",
        found.label,
        if args.purge { "purged" } else { "removed" }
    ))
}

/// `isomer collapse`.
///
/// # Errors
/// When it is not collapsed.
pub async fn collapse(args: CollapseArgs) -> Done {
    let (client, output) = args.common.session()?;
    let found = workspace::find(&client, &args.workspace).await?;
    if !args.yes {
        let below = members(&client, &found).await?;
        if !below.is_empty() {
            ask(output, &format!("collapse {}", found.label), &below).await?;
        }
    }
    let answer: Value = client.post(&found.path("/collapse"), None).await?.json()?;
    if output.json {
        return output.document(&answer);
    }
    let count = answer["removed"].as_array().map_or(0, Vec::len);
    output.line(format!("{} is collapsed: {count} removed", found.label))
}

async fn members(client: &Client, found: &workspace::Found) -> Done<Vec<String>> {
    let (all, _) = workspace::list(client).await?;
    let own = all.iter().filter(|one| one.parent_id == Some(found.id));
    Ok(own.map(|one| visible(&one.name)).collect())
}

fn names(children: &Value) -> Vec<String> {
    let name = |child: &Value| visible(child["name"].as_str().unwrap_or("?"));
    children.as_array().into_iter().flatten().map(name).collect()
}

/// Asks on the terminal. Without one, the answer is no.
async fn ask(output: Output, what: &str, below: &[String]) -> Done {
    let count = below.len();
    let refused = || {
        CliError::refused(format!("nothing was done: to {what} takes {count} below it along"))
            .hint("`--yes` does it without asking")
    };
    if output.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(refused());
    }
    let mut shown: Vec<_> = below.iter().take(MOST_SHOWN).map(|name| fit(name, 40)).collect();
    if count > MOST_SHOWN {
        shown.push(format!("and {} more", count - MOST_SHOWN));
    }
    let question = format!("{what}, and with it {}? [y/N] ", shown.join(", "));
    let answered = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        let mut error = io::stderr().lock();
        write!(error, "{question}").and_then(|()| error.flush())?;
        io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = answered.await.map_err(|error| CliError::failed(error.to_string()))??;
    let is_yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if is_yes { Ok(()) } else { Err(refused()) }
}
