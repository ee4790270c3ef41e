//! A2A over JSON-RPC, as pure functions between bytes and values.
//!
//! Two generations are spoken, told apart by the method name: 0.3
//! (`message/send`, tagged objects with `kind`) and 1.0 (`SendMessage`,
//! objects told apart by the field that is present, enums in capitals).

mod reply;
mod request;

use serde_json::{Value, json};

pub(super) use reply::{Message, Reply, Task, TaskState, fresh_id};
pub(super) use request::{Call, Prompt, Request, parse};

/// Which shapes a caller understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    V03,
    V10,
}

/// JSON-RPC 2.0 and A2A error codes that this agent sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Parse,
    InvalidRequest,
    MethodNotFound,
    InvalidParams,
    Internal,
    TaskNotFound,
    TaskNotCancelable,
    PushNotSupported,
    Unsupported,
    ContentType,
    NoExtendedCard,
    Version,
}

impl Code {
    fn number(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams => -32602,
            Self::Internal => -32603,
            Self::TaskNotFound => -32001,
            Self::TaskNotCancelable => -32002,
            Self::PushNotSupported => -32003,
            Self::Unsupported => -32004,
            Self::ContentType => -32005,
            Self::NoExtendedCard => -32007,
            Self::Version => -32009,
        }
    }

    /// The reason A2A 1.0 wants beside its own codes.
    fn reason(self) -> Option<&'static str> {
        Some(match self {
            Self::TaskNotFound => "TASK_NOT_FOUND",
            Self::TaskNotCancelable => "TASK_NOT_CANCELABLE",
            Self::PushNotSupported => "PUSH_NOTIFICATION_NOT_SUPPORTED",
            Self::Unsupported => "UNSUPPORTED_OPERATION",
            Self::ContentType => "CONTENT_TYPE_NOT_SUPPORTED",
            Self::NoExtendedCard => "EXTENDED_AGENT_CARD_NOT_CONFIGURED",
            Self::Version => "VERSION_NOT_SUPPORTED",
            _ => return None,
        })
    }
}

/// An error on its way to the caller. The text is shown to them: it names
/// the field and what is accepted, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RpcError {
    pub code: Code,
    pub message: String,
}

impl RpcError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The whole response. `id` is the call's, or null when it had none.
    pub(super) fn response(&self, id: &Value) -> Value {
        let mut error = json!({"code": self.code.number(), "message": self.message});
        if let Some(reason) = self.code.reason() {
            error["data"] = json!([{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "a2a-protocol.org",
            }]);
        }
        json!({"jsonrpc": "2.0", "id": id, "error": error})
    }
}

/// The response that carries `result`.
pub(super) fn response(id: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "result": result})
}
