//! `isomer rm` and `isomer collapse`: what takes others along asks first.

use std::collections::HashMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::Common;
use super::client::{Client, Request};
use super::error::{CliError, Done};
use super::output::Output;
use super::text::{fit, visible};
use super::workspace::{self, Workspace};

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
            // The server names the direct ones only.
            let below = match members(&client, &found).await {
                Ok(below) if !below.is_empty() => below,
                _ => names(&body["children"]),
            };
            ask(output, &format!("remove {}", found.label), &below).await?;
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
    let below = if count > 0 { ", with all that was below" } else { "" };
    output.line(format!("{} is collapsed: {count} removed{below}", found.label))?;
    for handover in answer["handovers"].as_array().into_iter().flatten() {
        output.line(handed_over(handover))?;
    }
    Ok(())
}

/// What somebody who went has left, or why there is nothing.
fn handed_over(handover: &Value) -> String {
    let text = |key: &str| handover[key].as_str().map(visible);
    let name = text("name").unwrap_or_default();
    match text("file") {
        Some(file) => format!("{name} handed over /configs/{file}"),
        None => format!("{name} handed nothing over: {}", text("error").unwrap_or_default()),
    }
}

/// The names of all who go along, to any depth.
async fn members(client: &Client, found: &workspace::Found) -> Done<Vec<String>> {
    let (all, _) = workspace::list(client).await?;
    Ok(below(&all, found.id).into_iter().map(|one| visible(&one.name)).collect())
}

/// Everybody below, parents before children.
fn below(all: &[Workspace], top: Uuid) -> Vec<&Workspace> {
    let mut children: HashMap<Uuid, Vec<&Workspace>> = HashMap::new();
    for one in all {
        if let Some(parent) = one.parent_id {
            children.entry(parent).or_default().push(one);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![top];
    while let Some(id) = open.pop() {
        // Taken out, so that nobody is looked at twice.
        let own = children.remove(&id).unwrap_or_default();
        open.extend(own.iter().map(|one| one.id));
        found.extend(own);
    }
    found
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_goes_along_is_found_to_any_depth() {
        let one = |id: u128, parent: Option<u128>| Workspace {
            id: Uuid::from_u128(id),
            parent_id: parent.map(Uuid::from_u128),
            ..Workspace::default()
        };
        let all = [one(1, None), one(2, Some(1)), one(3, Some(2)), one(4, None), one(5, Some(6))];
        let ids = |top| {
            below(&all, Uuid::from_u128(top)).iter().map(|one| one.id.as_u128()).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), [2, 3]);
        assert_eq!(ids(3), []);
        let circle = [one(1, Some(2)), one(2, Some(1))];
        assert_eq!(below(&circle, Uuid::from_u128(1)).len(), 2, "it ends");
    }

    #[test]
    fn hand_overs_are_told_and_obeyed_by_no_terminal() {
        let left = json!({"name": "A\u{1b}", "file": "handovers/1.md"});
        assert_eq!(handed_over(&left), "A\\u{1b} handed over /configs/handovers/1.md");
        let none = json!({"name": "A", "error": "no answer"});
        assert_eq!(handed_over(&none), "A handed nothing over: no answer");
    }
}
