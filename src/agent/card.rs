//! The agent card, readable by clients of both A2A generations.

use serde_json::{Value, json};

use super::AgentConfig;

/// One document with the 0.3 fields (`url`, `protocolVersion`,
/// `preferredTransport`) and the 1.0 field (`supportedInterfaces`); each
/// generation ignores the other's.
pub(super) fn card(config: &AgentConfig, url: &str) -> Value {
    let (skill, about) = match &config.openai {
        None => ("echo", "Answers with the text it was sent."),
        Some(_) => ("chat", "Answers through a language model."),
    };
    json!({
        "name": config.name,
        "description": config.role.as_deref().unwrap_or(about),
        "version": env!("CARGO_PKG_VERSION"),
        "protocolVersion": "0.3.0",
        "url": url,
        "preferredTransport": "JSONRPC",
        "supportedInterfaces": [
            {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
            {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "0.3"},
        ],
        "capabilities": {"streaming": true, "pushNotifications": false},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{
            "id": skill,
            "name": skill,
            "description": about,
            "tags": [skill],
        }],
    })
}
