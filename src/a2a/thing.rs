//! Messages, tasks, artifacts and the events of a stream. What is not known here stays as it is.

use isomer_actors::domain::dialect::Generation;
use serde_json::value::RawValue;

use super::object::{
    Object, Said, Untranslatable, change, each, given, object, raw, text, text_of,
};
use super::part::part;

const ROLES: [(&str, &str); 2] = [("user", "ROLE_USER"), ("agent", "ROLE_AGENT")];
/// In the order of the numbers that 1.0 gives them.
const STATES: [(&str, &str); 9] = [
    ("unknown", "TASK_STATE_UNSPECIFIED"),
    ("submitted", "TASK_STATE_SUBMITTED"),
    ("working", "TASK_STATE_WORKING"),
    ("completed", "TASK_STATE_COMPLETED"),
    ("failed", "TASK_STATE_FAILED"),
    ("canceled", "TASK_STATE_CANCELED"),
    ("input-required", "TASK_STATE_INPUT_REQUIRED"),
    ("rejected", "TASK_STATE_REJECTED"),
    ("auth-required", "TASK_STATE_AUTH_REQUIRED"),
];
/// States that no event follows.
const FINAL: [&str; 4] = ["completed", "failed", "canceled", "rejected"];

/// What an agent says of itself: the `kind` of 0.3 and the wrapper of 1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Message,
    Task,
    Status,
    Artifact,
}

impl Thing {
    /// All, with the `kind` and the wrapper of each.
    const ALL: [(Self, &str, &str); 4] = [
        (Self::Message, "message", "message"),
        (Self::Task, "task", "task"),
        (Self::Status, "status-update", "statusUpdate"),
        (Self::Artifact, "artifact-update", "artifactUpdate"),
    ];

    fn kind(self) -> &'static str {
        Self::ALL.into_iter().find(|(thing, ..)| *thing == self).map_or("", |(_, kind, _)| kind)
    }

    fn wrapper(self) -> &'static str {
        Self::ALL.into_iter().find(|(thing, ..)| *thing == self).map_or("", |(.., name)| name)
    }

    /// Tells what an object of 0.3 is; agents that leave `kind` out are told by their members.
    fn of(tagged: &Object) -> Option<Self> {
        let has = |key: &str| given(tagged, key).is_some();
        if let Some(kind) = text_of(tagged, "kind") {
            return Self::ALL
                .into_iter()
                .find(|(_, name, _)| *name == kind)
                .map(|(thing, ..)| thing);
        }
        match () {
            () if has("messageId") => Some(Self::Message),
            () if has("artifact") => Some(Self::Artifact),
            () if has("taskId") && has("status") => Some(Self::Status),
            () if has("id") && has("status") => Some(Self::Task),
            () => None,
        }
    }
}

/// Translates the result of a message, or an event of a stream.
///
/// # Errors
/// It is nothing that an agent says there, or something in it cannot be said.
pub fn said(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let mut outer = object(value)?;
    match to {
        Generation::V10 => {
            let bad =
                || Untranslatable::new("kind", "it is neither a message, a task nor an event");
            let thing = Thing::of(&outer).ok_or_else(bad)?;
            let inner = of_thing(thing, outer, to)?;
            Ok(raw(&Object::from([(thing.wrapper().to_owned(), raw(&inner))])))
        }
        Generation::V03 => {
            let mut there =
                Thing::ALL.into_iter().filter(|(.., name)| given(&outer, name).is_some());
            let (Some((thing, _, name)), None) = (there.next(), there.next()) else {
                let reason = "it has not one of message, task, statusUpdate and artifactUpdate";
                return Err(Untranslatable::new("", reason));
            };
            let inner = outer.remove(name).unwrap_or_default();
            let inner = object(&inner).map_err(|error| error.within(name))?;
            let inner = of_thing(thing, inner, to).map_err(|error| error.within(name))?;
            // What stood beside it, and is not known here, stays.
            outer.extend(inner);
            Ok(raw(&outer))
        }
    }
}

/// Translates a message.
///
/// # Errors
/// Something in it cannot be said.
pub fn message(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    Ok(raw(&of_thing(Thing::Message, object(value)?, to)?))
}

/// Translates a task.
///
/// # Errors
/// Something in it cannot be said.
pub fn task(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    Ok(raw(&of_thing(Thing::Task, object(value)?, to)?))
}

fn of_thing(thing: Thing, mut it: Object, to: Generation) -> Said<Object> {
    it.remove("kind");
    let messages = |list: &RawValue| each(list, |one| message(one, to));
    let artifacts = |list: &RawValue| each(list, |one| artifact(one, to));
    match thing {
        Thing::Message => {
            change(&mut it, "role", |role| name(role, to, &ROLES, 1))?;
            change(&mut it, "parts", |list| each(list, |one| part(one, to)))?;
            if to == Generation::V03 {
                // What protocol buffers write for nothing would name something in 0.3.
                for key in ["contextId", "taskId"] {
                    if it.get(key).is_some_and(|id| id.get() == "\"\"") {
                        it.remove(key);
                    }
                }
            }
        }
        Thing::Task => {
            with_status(&mut it, to)?;
            change(&mut it, "history", messages)?;
            change(&mut it, "artifacts", artifacts)?;
        }
        Thing::Status => {
            with_status(&mut it, to)?;
            with_final(&mut it, to);
        }
        Thing::Artifact => change(&mut it, "artifact", |one| artifact(one, to))?,
    }
    if to == Generation::V03 {
        if thing != Thing::Message && given(&it, "contextId").is_none() {
            // Required there.
            it.insert("contextId".to_owned(), raw(""));
        }
        it.insert("kind".to_owned(), raw(thing.kind()));
    }
    Ok(it)
}

fn artifact(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let mut artifact = object(value)?;
    change(&mut artifact, "parts", |list| each(list, |one| part(one, to)))?;
    Ok(raw(&artifact))
}

fn with_status(it: &mut Object, to: Generation) -> Said<()> {
    if to == Generation::V03 && given(it, "status").is_none() {
        it.insert("status".to_owned(), raw(&Object::new()));
    }
    change(it, "status", |value| {
        let mut status = object(value)?;
        if to == Generation::V03 && given(&status, "state").is_none() {
            // The default, which 1.0 does not write.
            status.insert("state".to_owned(), raw(STATES[0].0));
        }
        change(&mut status, "state", |state| name(state, to, &STATES, 0))?;
        change(&mut status, "message", |one| message(one, to))?;
        Ok(raw(&status))
    })
}

/// `final` is gone from 1.0, where the state tells it. It stays only when it says something else.
fn with_final(it: &mut Object, to: Generation) {
    let state = given(it, "status").and_then(|status| object(status).ok());
    let state = state.and_then(|status| text_of(&status, "state")).unwrap_or_default();
    let ends = |(old, new): &(&str, &str)| (*old == state || *new == state) && FINAL.contains(old);
    let last = raw(&STATES.iter().any(ends));
    match to {
        Generation::V10 if it.get("final").is_some_and(|given| given.get() == last.get()) => {
            it.remove("final");
        }
        Generation::V03 if !it.contains_key("final") => _ = it.insert("final".to_owned(), last),
        _ => {}
    }
}

/// Translates a name of one of two lists; a name of generation `to` stays. 1.0 may write the
/// number, which begins at `first`.
fn name(
    value: &RawValue,
    to: Generation,
    names: &[(&'static str, &'static str)],
    first: usize,
) -> Said<Box<RawValue>> {
    let number = value.get().parse::<usize>().ok().and_then(|number| number.checked_sub(first));
    let found = match (text(value), number.filter(|_| to == Generation::V03)) {
        (Some(text), _) => names.iter().find(|(old, new)| *old == text || *new == text),
        (None, Some(number)) => names.get(number),
        (None, None) => None,
    };
    let (old, new) = found.ok_or_else(|| {
        let from = |name: &(&'static str, &'static str)| match to {
            Generation::V10 => name.0,
            Generation::V03 => name.1,
        };
        let known: Vec<_> = names.iter().map(from).collect();
        Untranslatable::new("", format!("it is none of {}", known.join(", ")))
    })?;
    Ok(raw(if to == Generation::V10 { new } else { old }))
}
