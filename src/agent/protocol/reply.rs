//! What the agent says, in the shape of either generation.

use serde_json::{Value, json};
use uuid::Uuid;

use super::Generation;

/// A message of the agent. One text part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Message {
    pub message_id: String,
    pub context_id: String,
    pub task_id: Option<String>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::agent) enum TaskState {
    Working,
    Completed,
    Failed,
    Canceled,
}

/// A streamed answer as a task. Its only artifact is the text so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) struct Task {
    pub id: String,
    pub context_id: String,
    pub artifact_id: String,
    pub state: TaskState,
    /// Why it failed; empty otherwise.
    pub note: String,
    pub text: String,
}

/// One result, alone or as an event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::agent) enum Reply {
    Message(Message),
    Task(Task),
    /// More text of the task's artifact.
    Delta {
        task: Task,
        text: String,
    },
    /// The task's new state.
    Status(Task),
}

impl Message {
    pub(in crate::agent) fn new(context_id: String, text: String) -> Self {
        Self { message_id: fresh_id(), context_id, task_id: None, text }
    }

    pub(in crate::agent) fn render(&self, generation: Generation) -> Value {
        let mut message = json!({
            "messageId": self.message_id,
            "contextId": self.context_id,
            "role": match generation { Generation::V03 => "agent", Generation::V10 => "ROLE_AGENT" },
            "parts": [part(generation, &self.text)],
        });
        if let Some(task_id) = &self.task_id {
            message["taskId"] = json!(task_id);
        }
        tagged(generation, "message", message)
    }
}

impl TaskState {
    pub(in crate::agent) fn is_final(self) -> bool {
        self != Self::Working
    }

    fn name(self, generation: Generation) -> &'static str {
        match (generation, self) {
            (Generation::V03, Self::Working) => "working",
            (Generation::V03, Self::Completed) => "completed",
            (Generation::V03, Self::Failed) => "failed",
            (Generation::V03, Self::Canceled) => "canceled",
            (Generation::V10, Self::Working) => "TASK_STATE_WORKING",
            (Generation::V10, Self::Completed) => "TASK_STATE_COMPLETED",
            (Generation::V10, Self::Failed) => "TASK_STATE_FAILED",
            (Generation::V10, Self::Canceled) => "TASK_STATE_CANCELED",
        }
    }
}

impl Task {
    /// A new task at work.
    pub(in crate::agent) fn new(context_id: String) -> Self {
        Self {
            id: fresh_id(),
            context_id,
            artifact_id: fresh_id(),
            state: TaskState::Working,
            note: String::new(),
            text: String::new(),
        }
    }

    pub(in crate::agent) fn render(&self, generation: Generation) -> Value {
        let artifacts = match self.text.as_str() {
            "" => json!([]),
            text => json!([self.artifact(generation, text)]),
        };
        let task = json!({
            "id": self.id,
            "contextId": self.context_id,
            "status": self.status(generation),
            "artifacts": artifacts,
        });
        tagged(generation, "task", task)
    }

    fn artifact(&self, generation: Generation, text: &str) -> Value {
        json!({
            "artifactId": self.artifact_id,
            "name": "answer",
            "parts": [part(generation, text)],
        })
    }

    fn status(&self, generation: Generation) -> Value {
        let mut status = json!({"state": self.state.name(generation)});
        if !self.note.is_empty() {
            let mut message = Message::new(self.context_id.clone(), self.note.clone());
            message.task_id = Some(self.id.clone());
            status["message"] = message.render(generation);
        }
        status
    }
}

impl Reply {
    /// The `result` of a response. Generation 0.3 tags the object itself, 1.0
    /// wraps it under the name of what it is.
    pub(in crate::agent) fn render(&self, generation: Generation) -> Value {
        let (name, body) = match self {
            Self::Message(message) => ("message", message.render(generation)),
            Self::Task(task) => ("task", task.render(generation)),
            Self::Delta { task, text } => ("artifactUpdate", delta(generation, task, text)),
            Self::Status(task) => ("statusUpdate", status(generation, task)),
        };
        match generation {
            Generation::V03 => body,
            Generation::V10 => json!({name: body}),
        }
    }
}

/// `append` is false for the first piece, which creates the artifact.
fn delta(generation: Generation, task: &Task, text: &str) -> Value {
    let event = json!({
        "taskId": task.id,
        "contextId": task.context_id,
        "artifact": task.artifact(generation, text),
        "append": !task.text.is_empty(),
        "lastChunk": false,
    });
    tagged(generation, "artifact-update", event)
}

fn status(generation: Generation, task: &Task) -> Value {
    let mut event = json!({
        "taskId": task.id,
        "contextId": task.context_id,
        "status": task.status(generation),
    });
    if generation == Generation::V03 {
        event["final"] = json!(task.state.is_final());
    }
    tagged(generation, "status-update", event)
}

fn part(generation: Generation, text: &str) -> Value {
    tagged(generation, "text", json!({"text": text}))
}

fn tagged(generation: Generation, kind: &str, mut value: Value) -> Value {
    if generation == Generation::V03 {
        value["kind"] = json!(kind);
    }
    value
}

pub(in crate::agent) fn fresh_id() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_shape_of_its_generation() {
        let message = Message::new("c".into(), "hi".into());
        let id = &message.message_id;
        let reply = Reply::Message(message.clone());
        assert_eq!(
            reply.render(Generation::V03),
            json!({"kind": "message", "messageId": id, "contextId": "c", "role": "agent",
                "parts": [{"kind": "text", "text": "hi"}]})
        );
        assert_eq!(
            reply.render(Generation::V10),
            json!({"message": {"messageId": id, "contextId": "c", "role": "ROLE_AGENT",
                "parts": [{"text": "hi"}]}})
        );
    }

    #[test]
    fn events_of_a_task_have_the_shape_of_their_generation() {
        let mut task = Task::new("c".into());
        let delta = Reply::Delta { task: task.clone(), text: "he".into() };
        let old = delta.render(Generation::V03);
        assert_eq!(old["kind"], "artifact-update");
        assert_eq!(old["append"], false);
        assert_eq!(old["artifact"]["parts"][0]["text"], "he");

        task.text = "he".into();
        let delta = Reply::Delta { task: task.clone(), text: "llo".into() };
        assert_eq!(delta.render(Generation::V10)["artifactUpdate"]["append"], true);

        task.state = TaskState::Failed;
        task.note = "no model".into();
        let old = Reply::Status(task.clone()).render(Generation::V03);
        assert_eq!(old["final"], true);
        assert_eq!(old["status"]["state"], "failed");
        assert_eq!(old["status"]["message"]["parts"][0]["text"], "no model");
        let new = Reply::Status(task).render(Generation::V10);
        assert_eq!(new["statusUpdate"]["status"]["state"], "TASK_STATE_FAILED");
        assert!(new["statusUpdate"].get("final").is_none());
    }
}
