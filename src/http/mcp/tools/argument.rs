//! Arguments of tools: one definition is both the schema that clients are shown and the check.

use isomer_actors::domain::ids::WorkspaceId;
use rmcp::model::{ErrorData, JsonObject};
use serde_json::{Value, json};

use crate::http::mcp::envelope::bad_params;

/// An argument that a tool requires.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    pub name: &'static str,
    pub about: &'static str,
    pub kind: Kind,
}

/// What an argument holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The id of a workspace, in any written form.
    Workspace,
    /// A text that is not empty.
    Text { max_bytes: usize },
}

/// Returns the schema of a tool's arguments.
pub fn schema(arguments: &[&Argument]) -> JsonObject {
    let properties: JsonObject =
        arguments.iter().map(|one| (one.name.to_owned(), one.schema())).collect();
    let mut schema = JsonObject::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), Value::Object(properties)),
    ]);
    if !arguments.is_empty() {
        let required: Vec<_> = arguments.iter().map(|one| one.name).collect();
        schema.insert("required".to_owned(), json!(required));
    }
    schema
}

impl Argument {
    fn schema(&self) -> Value {
        match self.kind {
            Kind::Workspace => {
                json!({"type": "string", "format": "uuid", "description": self.about})
            }
            Kind::Text { max_bytes } => json!({
                "type": "string",
                "minLength": 1,
                "description": format!("{}; at most {max_bytes} bytes", self.about),
            }),
        }
    }

    /// Takes the text out of what was given.
    ///
    /// # Errors
    /// -32602, naming the argument.
    pub fn text(&self, given: &mut JsonObject) -> Result<String, ErrorData> {
        let wrong = |reason: &str| bad_params(self.name, reason);
        let text = match given.remove(self.name) {
            Some(Value::String(text)) => text,
            None | Some(Value::Null) => return Err(wrong("it is required")),
            Some(_) => return Err(wrong("expected a string")),
        };
        match self.kind {
            _ if text.is_empty() => Err(wrong("it is required")),
            // No store can keep it.
            _ if text.contains('\0') => Err(wrong("it contains a NUL character")),
            Kind::Text { max_bytes } if text.len() > max_bytes => {
                Err(wrong(&format!("at most {max_bytes} bytes are accepted")))
            }
            Kind::Text { .. } | Kind::Workspace => Ok(text),
        }
    }

    /// Takes the id of a workspace out of what was given.
    ///
    /// # Errors
    /// -32602, naming the argument.
    pub fn workspace(&self, given: &mut JsonObject) -> Result<WorkspaceId, ErrorData> {
        WorkspaceId::parse_loose(&self.text(given)?)
            .ok_or_else(|| bad_params(self.name, "not a UUID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: Argument =
        Argument { name: "task", about: "What to do", kind: Kind::Text { max_bytes: 4 } };
    const WHO: Argument = Argument { name: "who", about: "Who does it", kind: Kind::Workspace };

    fn given(value: Value) -> JsonObject {
        JsonObject::from_iter([("task".to_owned(), value.clone()), ("who".to_owned(), value)])
    }

    #[test]
    fn what_is_wrong_names_its_argument() {
        for (value, reason) in [
            (json!(null), "it is required"),
            (json!(""), "it is required"),
            (json!(7), "expected a string"),
            (json!("a\0"), "it contains a NUL character"),
            (json!("éé!"), "at most 4 bytes are accepted"),
        ] {
            let error = TASK.text(&mut given(value)).unwrap_err();
            assert_eq!(error.message, format!("task: {reason}"));
            assert_eq!(error.data, Some(json!({"field": "task", "reason": reason})));
        }
        assert_eq!(TASK.text(&mut given(json!("éé"))).unwrap(), "éé");
        let error = WHO.workspace(&mut given(json!("x"))).unwrap_err();
        assert_eq!((error.code.0, &*error.message), (-32602, "who: not a UUID"));
        let id = WorkspaceId::random();
        let bare = json!(id.0.simple().to_string());
        assert_eq!(WHO.workspace(&mut given(bare)).unwrap(), id);
    }

    #[test]
    fn the_schema_says_what_is_checked() {
        let schema = schema(&[&WHO, &TASK]);
        assert_eq!(schema["required"], json!(["who", "task"]));
        assert_eq!(schema["properties"]["who"]["format"], "uuid");
        assert_eq!(schema["properties"]["task"]["description"], "What to do; at most 4 bytes");
        assert_eq!(super::schema(&[]).get("required"), None);
    }
}
