//! What an external agent needs to connect (contract 01 §2.2). The canvas looks for the token's
//! place in both snippets by exact text.

use super::schema::Connection;
use crate::http::state::App;
use axum::http::{HeaderMap, header};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::DeliveryMode;
use secrecy::{ExposeSecret, SecretString};

/// Returns the `connection` block.
pub fn details(
    app: &App,
    id: WorkspaceId,
    delivery_mode: DeliveryMode,
    token: &SecretString,
    headers: &HeaderMap,
) -> Connection {
    let platform = platform_url(app, headers);
    Connection {
        auth_token: token.expose_secret().to_owned(),
        curl_register_template: curl(&platform, id, delivery_mode),
        heartbeat_endpoint: format!("{platform}/registry/heartbeat"),
        python_snippet: python(&platform, id, delivery_mode),
        registry_endpoint: format!("{platform}/registry/register"),
        platform_url: platform,
        workspace_id: id.0,
    }
}

/// The address by which the caller reached this server, unless it is configured.
fn platform_url(app: &App, headers: &HeaderMap) -> String {
    if let Some(url) = &app.config.platform.external_platform_url {
        return url.clone();
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = text("x-forwarded-proto").filter(|s| *s == "https").unwrap_or("http");
    let plausible = |host: &&str| {
        !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    };
    let host = text("x-forwarded-host")
        .filter(plausible)
        .or_else(|| text(header::HOST.as_str()).filter(plausible));
    match host {
        Some(host) => format!("{scheme}://{host}"),
        None => format!("http://{}", app.config.http.listen),
    }
}

fn curl(platform: &str, id: WorkspaceId, delivery_mode: DeliveryMode) -> String {
    let reached = match delivery_mode {
        DeliveryMode::Push => r#""url":"https://YOUR-AGENT""#,
        DeliveryMode::Poll => r#""delivery_mode":"poll""#,
    };
    format!(
        r#"WORKSPACE_AUTH_TOKEN="<paste from create response>"

curl -X POST {platform}/registry/register \
  -H "Authorization: Bearer $WORKSPACE_AUTH_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{{"id":"{id}",{reached},"agent_card":{{"name":"my agent"}}}}'

# Then every 30 seconds:
curl -X POST {platform}/registry/heartbeat \
  -H "Authorization: Bearer $WORKSPACE_AUTH_TOKEN" \
  -H "Content-Type: application/json" \
  -d '{{"workspace_id":"{id}","error_rate":0,"active_tasks":0}}'
"#
    )
}

fn python(platform: &str, id: WorkspaceId, delivery_mode: DeliveryMode) -> String {
    let (address, reached) = match delivery_mode {
        DeliveryMode::Push => ("AGENT_URL     = \"https://YOUR-AGENT\"\n", r#""url": AGENT_URL"#),
        DeliveryMode::Poll => ("", r#""delivery_mode": "poll""#),
    };
    format!(
        r#"import json, time, urllib.request

PLATFORM_URL  = "{platform}"
WORKSPACE_ID  = "{id}"
AUTH_TOKEN    = "<paste from create response>"
{address}
def post(path, body):
    request = urllib.request.Request(
        PLATFORM_URL + path,
        data=json.dumps(body).encode(),
        headers={{"Authorization": "Bearer " + AUTH_TOKEN, "Content-Type": "application/json"}},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)

post("/registry/register",
     {{"id": WORKSPACE_ID, {reached}, "agent_card": {{"name": "my agent"}}}})
started = time.time()
while True:
    post("/registry/heartbeat",
         {{"workspace_id": WORKSPACE_ID, "error_rate": 0, "active_tasks": 0,
          "uptime_seconds": int(time.time() - started)}})
    time.sleep(30)
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canvas_finds_where_the_token_goes() {
        let id = WorkspaceId::random();
        let curl = curl("http://x", id, DeliveryMode::Push);
        assert!(curl.contains(r#"WORKSPACE_AUTH_TOKEN="<paste from create response>""#));
        let python = python("http://x", id, DeliveryMode::Push);
        assert!(python.contains(r#"AUTH_TOKEN    = "<paste from create response>""#));
        assert!(python.contains(&id.to_string()) && curl.contains(&id.to_string()));
    }

    #[test]
    fn agents_that_poll_are_asked_for_no_url() {
        let id = WorkspaceId::random();
        for text in
            [curl("http://x", id, DeliveryMode::Poll), python("http://x", id, DeliveryMode::Poll)]
        {
            assert!(text.contains("poll") && !text.contains("YOUR-AGENT"), "{text}");
        }
    }
}
