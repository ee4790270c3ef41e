//! `isomer create`. Values of secrets come from the environment or stdin: what is on a command
//! line, every user of the machine can read.

use std::io::{self, IsTerminal as _, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};

use super::Common;
use super::error::{CliError, Done, Kind};
use super::output::Output;
use super::text::visible;
use super::wait::{self, Wait};
use super::workspace::{self, Found};

/// The runtime unless one is given, directly or by a template: the one that needs nothing.
const DEFAULT_RUNTIME: &str = "isomer";
const EXTERNAL: &str = "external";
/// Longest secret that is read, in bytes.
const MOST_SECRET: u64 = 1 << 20;

/// What to create.
#[derive(Clone, Debug, Args)]
pub struct CreateArgs {
    /// Its name
    name: String,
    /// What its agent is for
    #[arg(long)]
    role: Option<String>,
    /// What runs as its agent; `external` for one that somebody else runs [default: isomer, or the template's]
    #[arg(long)]
    runtime: Option<String>,
    /// How much its agent may: 1 to 4
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=4))]
    tier: Option<i32>,
    /// The workspace that it reports to: name, id, or the beginning of its id
    #[arg(long, value_name = "WORKSPACE")]
    parent: Option<String>,
    /// The template to configure it from
    #[arg(long)]
    template: Option<String>,
    /// The model that its agent asks
    #[arg(long)]
    model: Option<String>,
    /// Name of a secret for it, whose value is that environment variable, else stdin; may be given more than once
    #[arg(long, value_name = "KEY")]
    secret: Vec<String>,
    /// With `--runtime external`: the new file, mode 0600, for the token that its agent needs
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    pub common: Common,
}

/// # Errors
/// When it is not created, or does not come online.
pub async fn run(args: CreateArgs) -> Done {
    let is_external = args.runtime.as_deref() == Some(EXTERNAL);
    if is_external != args.token_file.is_some() {
        return Err(CliError::usage("--runtime external and --token-file go together")
            .hint("the token of its agent is shown once, and belongs into a file"));
    }
    let (client, output) = args.common.session()?;
    let secrets = read_secrets(&args.secret).await?;
    let parent = match &args.parent {
        Some(meant) => Some(workspace::find(&client, meant).await?),
        None => None,
    };
    // Before anything is created that would be of no use without it.
    let token_file = args.token_file.as_deref().map(reserve).transpose()?;
    let created = client.post("/workspaces", Some(body(&args, parent, &secrets))).await;
    let created = created.inspect_err(|_| drop_reserved(args.token_file.as_deref()))?;
    let mut answer: Value = created.json()?;
    let id = answer["id"].as_str().and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| CliError::failed("the server's answer names no id"))?;
    if let (Some(mut file), Some(path)) = (token_file, &args.token_file) {
        let token = answer["connection"]["auth_token"].take();
        let token = token.as_str().unwrap_or_default();
        io::Write::write_all(&mut file, token.as_bytes())?;
        // Its examples hold the token, too.
        answer.as_object_mut().map(|answer| answer.remove("connection"));
        answer["token_file"] = json!(path);
    }
    let found = Found { id, label: visible(&args.name) };
    if args.wait.wait {
        let standing = wait::until_online(&client, id, args.wait.deadline()).await?;
        answer["status"] = json!(standing.status);
        answer["error"] = json!(standing.reason);
        if !output.json {
            standing.check(&found)?;
        } else if !standing.is_up() {
            output.document(&answer)?;
            return Err(CliError::told(Kind::Failed));
        }
    }
    show(output, &found, &answer)
}

fn show(output: Output, found: &Found, answer: &Value) -> Done {
    if output.json {
        return output.document(answer);
    }
    let status = visible(answer["status"].as_str().unwrap_or("created"));
    output.line(format!("{}  {} is {status}", found.id, found.label))
}

fn body(args: &CreateArgs, parent: Option<Found>, secrets: &[(String, SecretString)]) -> Value {
    let runtime = match (&args.runtime, &args.template) {
        (None, None) => Some(DEFAULT_RUNTIME.to_owned()),
        (given, _) => given.clone(),
    };
    let mut body = Map::from_iter([("name".to_owned(), json!(args.name))]);
    for (key, value) in [
        ("role", args.role.as_ref().map(|text| json!(text))),
        ("runtime", runtime.map(|text| json!(text))),
        ("tier", args.tier.map(|tier| json!(tier))),
        ("parent_id", parent.map(|parent| json!(parent.id))),
        ("template", args.template.as_ref().map(|text| json!(text))),
        ("model", args.model.as_ref().map(|text| json!(text))),
    ] {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    }
    if !secrets.is_empty() {
        let value = |(key, value): &(String, SecretString)| {
            (key.clone(), Value::String(value.expose_secret().to_owned()))
        };
        body.insert("secrets".to_owned(), Value::Object(secrets.iter().map(value).collect()));
    }
    Value::Object(body)
}

async fn read_secrets(keys: &[String]) -> Done<Vec<(String, SecretString)>> {
    let mut secrets = Vec::with_capacity(keys.len());
    let mut from_stdin = None;
    for key in keys {
        if key.contains('=') {
            let name = key.split('=').next().unwrap_or_default();
            return Err(CliError::usage("--secret takes a name, never a value")
                .hint(format!("`export {name}` and say `--secret {name}`, or pipe the value in")));
        }
        match std::env::var(key) {
            Ok(value) if !value.is_empty() => {
                secrets.push((key.clone(), SecretString::from(value)))
            }
            _ => match from_stdin.replace(key) {
                None => secrets.push((key.clone(), stdin_secret(key).await?)),
                Some(other) => {
                    let message = format!("neither {other} nor {key} is an environment variable");
                    return Err(CliError::usage(message).hint("stdin holds one value only"));
                }
            },
        }
    }
    Ok(secrets)
}

async fn stdin_secret(key: &str) -> Done<SecretString> {
    let missing = |reason: &str| {
        CliError::usage(format!("the secret {key} has no value: {reason}"))
            .hint(format!("export {key}, or pipe the value in: `isomer create … < file`"))
    };
    if io::stdin().is_terminal() {
        return Err(missing("it is no environment variable, and stdin is a terminal"));
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        io::stdin().lock().take(MOST_SECRET + 1).read_to_string(&mut text).map(|_| text)
    });
    let text = read.await.map_err(|error| CliError::failed(error.to_string()))?;
    let text = text.map_err(|error| missing(&format!("stdin cannot be read: {error}")))?;
    let text = SecretString::from(text);
    let value = text.expose_secret();
    if value.len() as u64 > MOST_SECRET {
        return Err(missing("stdin is longer than 1 MiB"));
    }
    // What `echo` and editors add is no part of it.
    let value = value.strip_suffix('\n').unwrap_or(value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() { Err(missing("stdin is empty")) } else { Ok(SecretString::from(value)) }
}

fn reserve(path: &Path) -> Done<std::fs::File> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| {
        CliError::failed(format!("{} cannot be made: {error}", path.display()))
            .hint("nothing was created")
    })
}

fn drop_reserved(path: Option<&Path>) {
    if let Some(path) = path {
        let _ = std::fs::remove_file(path);
    }
}
