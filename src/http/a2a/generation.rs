//! Senders and agents of different generations of A2A (`docs/api/a2a.md`).
//!
//! When the agent speaks the sender's generation, or nothing is known of it, nothing is touched.

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use isomer_actors::domain::dialect::{Course, Dialect, Generation};
use serde_json::Value;
use tracing::debug;

use super::reply;
use crate::a2a::{self, Answers, EventStream, Flow};
use crate::egress::{Gate, Held, ReplyBody, Request};
use crate::http::state::App;
use crate::net::guard::{self, Rule};

const VERSION: &str = "a2a-version";
/// What extensions are asked for by in 1.0, and in 0.3.
const EXTENSIONS: &str = "a2a-extensions";
const OLD_EXTENSIONS: &str = "x-a2a-extensions";

/// How sender and agent understand each other.
#[derive(Debug)]
pub enum Meeting {
    /// By themselves.
    Untouched,
    /// The agent is spoken to in its generation, and its answers are translated.
    Translated(Box<Answers>),
}

/// Makes `request`, which asks `method`, one that an agent of this dialect understands, or sends
/// it where the agent does.
///
/// # Errors
/// The JSON-RPC response to answer instead ([`refusal`]): it cannot be said in the agent's generation.
pub async fn meet(
    app: &App,
    dialect: &Dialect,
    method: &str,
    request: &mut Request,
) -> Result<Meeting, Bytes> {
    let Some((spoken, _)) = a2a::method(method) else { return Ok(Meeting::Untouched) };
    let (to, own_address) = match dialect.course(spoken) {
        Course::AsIs => return Ok(Meeting::Untouched),
        Course::Translated(to, own_address) => (to, own_address),
    };
    if let Some(url) = own_address {
        match guard::check(url, Rule::Dispatch, app.address_mode()).await {
            Ok(vetted) => {
                request.to = vetted;
                return Ok(Meeting::Untouched);
            }
            // Where it registered it can be reached, though in the other generation.
            Err(refused) => debug!(%refused, "an address of an agent card is not used"),
        }
    }
    translate(spoken, to, request)
}

fn translate(spoken: Generation, to: Generation, request: &mut Request) -> Result<Meeting, Bytes> {
    let asked = request.headers.get(VERSION);
    let asked = asked.map(|value| value.to_str().unwrap_or("unreadable").trim());
    let asked = asked.filter(|asked| !asked.is_empty());
    if let Some(asked) = asked.filter(|asked| Generation::of_version(asked).is_none()) {
        return Err(a2a::unknown_version(&request.body, spoken, asked).into());
    }
    match a2a::request(&request.body) {
        None => Ok(Meeting::Untouched),
        Some(Err(error)) => Err(error.into()),
        Some(Ok(translated)) => {
            request.body = translated.body.into();
            name_generation(&mut request.headers, to);
            Ok(Meeting::Translated(Box::new(translated.answers)))
        }
    }
}

/// Tells the agent in which generation it is spoken to.
fn name_generation(headers: &mut HeaderMap, to: Generation) {
    headers.insert(VERSION, HeaderValue::from_static(to.version()));
    let (from, into) = match to {
        Generation::V03 => (EXTENSIONS, OLD_EXTENSIONS),
        Generation::V10 => (OLD_EXTENSIONS, EXTENSIONS),
    };
    if let Some(asked) = headers.remove(from)
        && !headers.contains_key(into)
    {
        headers.insert(into, asked);
    }
}

/// Returns a JSON-RPC response of our own: the transport has worked, so its status is success.
pub fn refusal(body: Bytes) -> Response {
    reply::success(StatusCode::OK, body)
}

/// Returns what such a response says, for those who get no response.
pub fn reason(refusal: &[u8]) -> String {
    let response = serde_json::from_slice::<Value>(refusal).unwrap_or_default();
    response["error"]["message"].as_str().unwrap_or_default().to_owned()
}

impl Meeting {
    /// Translates a whole answer. One that did not succeed is no JSON-RPC.
    pub fn whole(&self, status: StatusCode, body: Bytes) -> Bytes {
        match self {
            Self::Translated(answers) if status.is_success() => {
                let (Ok(body) | Err(body)) = answers.response(&body);
                body.into()
            }
            _ => body,
        }
    }

    /// Translates a stream of events as they come in.
    pub fn stream(self, gate: &Gate, body: ReplyBody) -> ReplyBody {
        let Self::Translated(answers) = self else { return body };
        let events = EventStream::new(*answers);
        let translating = Translating { body: Some(body), events, held: gate.hold() };
        stream::unfold(translating, |mut translating| async {
            let piece = translating.next().await?;
            Some((piece, translating))
        })
        .boxed()
    }
}

/// A stream on its way back. Without a body it has ended.
struct Translating {
    body: Option<ReplyBody>,
    events: EventStream,
    held: Held,
}

impl Translating {
    async fn next(&mut self) -> Option<<ReplyBody as futures_util::Stream>::Item> {
        loop {
            let piece = self.body.as_mut()?.next().await;
            let mut out = Vec::new();
            match piece {
                Some(Ok(bytes)) => {
                    let flow = self.events.push(&bytes, &mut out);
                    if flow == Flow::Ended {
                        // Dropping it closes the connection to the agent.
                        self.body = None;
                    }
                    if self.held.set(self.events.held()).is_err() {
                        self.events.overloaded(&mut out);
                        self.body = None;
                    }
                }
                Some(Err(broken)) => {
                    self.body = None;
                    return Some(Err(broken));
                }
                None => {
                    self.events.finish(&mut out);
                    self.body = None;
                }
            }
            if !out.is_empty() {
                return Some(Ok(out.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::egress::{Broken, MAX_BUFFERED};

    fn translated() -> Meeting {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": {}});
        let translated = a2a::request(call.to_string().as_bytes()).unwrap().unwrap();
        Meeting::Translated(Box::new(translated.answers))
    }

    fn event(text: &str) -> String {
        let message = json!({"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": text}]});
        format!("data: {}\n\n", json!({"id": 1, "result": {"message": message}}))
    }

    async fn heard(gate: &Gate, pieces: Vec<Result<Bytes, Broken>>) -> Vec<Result<String, Broken>> {
        let body = translated().stream(gate, stream::iter(pieces).boxed());
        body.map(|piece| piece.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()))
            .collect()
            .await
    }

    #[tokio::test]
    async fn events_are_translated_one_by_one() {
        let (first, second) = (event("one"), event("two"));
        let (half, rest) = second.split_at(9);
        let pieces = [format!("{first}{half}"), rest.to_owned()];
        let heard = heard(&Gate::default(), pieces.map(|piece| Ok(piece.into())).into()).await;
        let texts: Vec<_> = heard
            .iter()
            .map(|piece| piece.as_ref().unwrap().trim().strip_prefix("data: ").unwrap())
            .map(|data| serde_json::from_str::<Value>(data).unwrap())
            .map(|data| data["result"]["parts"][0]["text"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(texts, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_broken_stream_stays_broken() {
        let pieces = vec![Ok(event("one").into()), Err(Broken::Cut), Ok(event("two").into())];
        let heard = heard(&Gate::default(), pieces).await;
        assert_eq!(heard.len(), 2);
        assert_eq!(heard[1], Err(Broken::Cut));
    }

    #[tokio::test]
    async fn what_is_held_back_is_bounded_by_what_memory_there_is() {
        let gate = Gate::default();
        let mut others = gate.hold();
        others.set(MAX_BUFFERED - 4).unwrap();
        let heard = heard(&gate, vec![Ok("data: {\"a\"".into()), Ok(event("two").into())]).await;
        assert_eq!(heard.len(), 1);
        assert!(heard[0].as_ref().unwrap().contains("-32603"), "{heard:?}");
        others.set(MAX_BUFFERED).unwrap();
    }

    #[test]
    fn headers_name_the_agents_generation() {
        let named = |to, name: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("urn:x"));
            headers.insert(VERSION, HeaderValue::from_static("?"));
            name_generation(&mut headers, to);
            headers
        };
        for (to, version, name) in
            [(Generation::V10, "1.0", EXTENSIONS), (Generation::V03, "0.3", OLD_EXTENSIONS)]
        {
            for given in [EXTENSIONS, OLD_EXTENSIONS] {
                let headers = named(to, given);
                assert_eq!(headers.len(), 2, "one name for extensions");
                assert_eq!(headers[VERSION], version);
                assert_eq!(headers[name], "urn:x");
            }
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let refusal = a2a::unknown_version(br#"{"id":1}"#, Generation::V03, "9");
        assert!(reason(&refusal).starts_with("A2A-Version is \"9\""));
        assert_eq!(reason(b"nonsense"), "");
    }
}
