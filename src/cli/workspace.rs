//! Workspaces as the server lists them, and how people name them.

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::client::Client;
use super::error::{CliError, Done, Kind};
use super::output::Colour;
use super::text::{fit, visible};

/// The shortest part of an id that names a workspace.
const SHORTEST_PREFIX: usize = 4;
/// Candidates that are shown when a name means more than one.
const MOST_CANDIDATES: usize = 10;
/// Characters of an id that are shown.
const SHORT_ID: usize = 8;

/// What commands need of a workspace. Absent fields have defaults: older servers lack some.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Workspace {
    pub id: Uuid,
    pub name: String,
    pub status: String,
    pub tier: i32,
    pub runtime: String,
    pub parent_id: Option<Uuid>,
    pub active_tasks: i64,
    pub queue_depth: u64,
    /// 0 to 1.
    pub last_error_rate: f64,
    pub last_sample_error: String,
    pub last_heartbeat_at: Option<DateTime<Utc>>,
    pub uptime_seconds: i64,
    pub current_task: String,
}

impl Workspace {
    /// The beginning of its id.
    pub fn short_id(&self) -> String {
        short(self.id)
    }

    /// How long ago it beat, in words.
    pub fn beat_age(&self, now: DateTime<Utc>) -> String {
        self.last_heartbeat_at.map_or("-".to_owned(), |at| age((now - at).num_seconds()))
    }
}

/// The beginning of an id.
pub fn short(id: Uuid) -> String {
    id.to_string()[..SHORT_ID].to_owned()
}

/// A time span in one unit.
pub fn age(seconds: i64) -> String {
    match seconds.max(0) {
        s @ 0..=99 => format!("{s}s"),
        s @ 100..=5_999 => format!("{}m", s / 60),
        s @ 6_000..=172_799 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

/// How a status looks: a symbol that says it without colour, and a colour.
pub fn look(status: &str) -> (&'static str, Colour) {
    match status {
        "online" => ("●", Colour::Green),
        "degraded" => ("▲", Colour::Yellow),
        "provisioning" => ("◌", Colour::Blue),
        "awaiting_agent" => ("○", Colour::Blue),
        "offline" => ("■", Colour::Red),
        "failed" => ("✖", Colour::Red),
        "paused" => ("Ⅱ", Colour::Faint),
        "hibernating" | "hibernated" => ("☾", Colour::Faint),
        _ => ("·", Colour::Plain),
    }
}

/// Reads the list: every workspace that is not removed.
///
/// # Errors
/// When there is no list.
pub async fn list(client: &Client) -> Done<(Vec<Workspace>, Value)> {
    let reply = client.get("/workspaces").await?;
    let raw: Value = reply.json()?;
    let read = reply.json()?;
    Ok((read, raw))
}

/// A workspace that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: Uuid,
    /// Its name; its id where the server was not asked.
    pub label: String,
}

impl Found {
    /// The path of its routes.
    pub fn path(&self, rest: &str) -> String {
        format!("/workspaces/{}{rest}", self.id)
    }
}

/// Finds the workspace that somebody means: by its id, a beginning of it, or its whole name. A
/// whole id is taken at its word, so that tokens of one workspace do without the list.
///
/// # Errors
/// When none is meant, or more than one.
pub async fn find(client: &Client, meant: &str) -> Done<Found> {
    if let Ok(id) = Uuid::parse_str(meant) {
        return Ok(Found { id, label: id.to_string() });
    }
    let (all, _) = list(client).await?;
    pick(&all, meant)
}

/// A name never wins over an id: names are chosen by others, and would take somebody's place.
fn pick(all: &[Workspace], meant: &str) -> Done<Found> {
    let prefix = meant.to_ascii_lowercase();
    let can_be_id = prefix.len() >= SHORTEST_PREFIX
        && prefix.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let is_meant = |workspace: &&Workspace| {
        workspace.name == meant || (can_be_id && workspace.id.to_string().starts_with(&prefix))
    };
    let mut candidates: Vec<_> = all.iter().filter(is_meant).collect();
    match candidates[..] {
        [] => Err(CliError::new(Kind::NotFound, format!("no workspace is called {meant:?}"))
            .hint("`isomer ps` lists names and ids")),
        [one] => Ok(Found { id: one.id, label: visible(&one.name) }),
        _ => {
            candidates.sort_by_key(|workspace| workspace.id);
            let count = candidates.len();
            let line = |one: &&Workspace| {
                format!("{}  {}  {}", one.id, fit(&visible(&one.name), 40), visible(&one.status))
            };
            let mut hint: Vec<_> = candidates.iter().take(MOST_CANDIDATES).map(line).collect();
            if count > MOST_CANDIDATES {
                hint.push(format!("and {} more", count - MOST_CANDIDATES));
            }
            hint.insert(0, "name one of them by its id:".to_owned());
            let message = format!("{meant:?} may be {count} workspaces");
            Err(CliError::new(Kind::NotFound, message).hint(hint.join("\n")))
        }
    }
}

/// Reads how one workspace stands; nothing when it is removed.
///
/// # Errors
/// When it is not known, or there is no answer.
pub async fn state(client: &Client, id: Uuid) -> Done<Option<Workspace>> {
    let path = format!("/workspaces/{id}");
    let request = super::client::Request::new(reqwest::Method::GET, &path);
    let reply = client.call(request).await?;
    match reply.status {
        StatusCode::GONE | StatusCode::MOVED_PERMANENTLY => Ok(None),
        _ => Ok(Some(reply.success(client)?.json()?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(id: u128, name: &str) -> Workspace {
        Workspace { id: Uuid::from_u128(id << 96), name: name.to_owned(), ..Workspace::default() }
    }

    #[test]
    fn ids_prefixes_and_names() {
        let all = [called(0xaaaa_1111, "Ada"), called(0xaaaa_2222, "Grace"), called(3, "Grace")];
        assert_eq!(pick(&all, "Ada").unwrap().id, all[0].id);
        assert_eq!(pick(&all, "AAAA1").unwrap().id, all[0].id);
        assert_eq!(pick(&all, "aaaa2222-0000").unwrap().label, "Grace");
        for (meant, count) in [("Grace", 2), ("aaaa", 2)] {
            let error = pick(&all, meant).unwrap_err();
            assert_eq!(error.kind, Kind::NotFound);
            assert!(error.message.contains(&format!("{count} workspaces")), "{error}");
            assert!(error.hint.unwrap().contains("Grace"));
        }
        for none in ["ada", "aaa", "", "Gra"] {
            assert!(pick(&all, none).unwrap_err().message.contains("no workspace"), "{none}");
        }
    }

    #[test]
    fn a_name_does_not_take_the_place_of_an_id() {
        let all = [called(0xdead_beef, "Ada"), called(7, "deadbeef")];
        assert_eq!(pick(&all, "deadbeef").unwrap_err().kind, Kind::NotFound);
        assert_eq!(pick(&all, "deadbeef-").unwrap().id, all[0].id);
    }

    #[test]
    fn candidates_obey_no_escape_sequences() {
        let all = [called(1, "x\u{1b}[2J"), called(2, "x\u{1b}[2J")];
        let error = pick(&all, "x\u{1b}[2J").unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'), "{error}");
    }

    #[test]
    fn ages() {
        let ages = [-5, 0, 99, 100, 6_000, 172_800].map(age);
        assert_eq!(ages, ["0s", "0s", "99s", "1m", "1h", "2d"]);
    }
}
