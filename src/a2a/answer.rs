//! Answers on their way back to a sender of the other generation.

use isomer_actors::domain::dialect::Generation;
use serde_json::value::RawValue;

use super::error::{RpcError, translated};
use super::method::Operation;
use super::object::{Object, Said, Untranslatable, given, is_null, object, raw};
use super::{push, thing};

/// Translates the answers to one request.
#[derive(Clone, Debug)]
pub struct Answers {
    id: Box<RawValue>,
    operation: Operation,
    /// The sender's generation.
    to: Generation,
    /// The sender wants no history, which the agent's generation could not be told.
    no_history: bool,
}

impl Answers {
    pub(super) fn new(
        id: Box<RawValue>,
        operation: Operation,
        to: Generation,
        no_history: bool,
    ) -> Self {
        Self { id, operation, to, no_history }
    }

    /// Translates a whole JSON-RPC response.
    ///
    /// # Errors
    /// The response to send instead: the agent's cannot be translated.
    pub fn response(&self, body: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
        self.translate(body).map_err(|why| self.refusal(&why))
    }

    /// Returns the response that says why there is no other.
    pub(super) fn refusal(&self, why: &Untranslatable) -> Vec<u8> {
        RpcError::answer(why).response(&self.id, self.to)
    }

    /// Returns the response that says that too much is under way.
    pub(super) fn overloaded(&self) -> Vec<u8> {
        RpcError::overloaded().response(&self.id, self.to)
    }

    fn translate(&self, body: &[u8]) -> Said<Vec<u8>> {
        let bad = || Untranslatable::new("", "it is no JSON-RPC response");
        let body: &RawValue = serde_json::from_slice(body).map_err(|_| bad())?;
        let mut response = object(body).map_err(|_| bad())?;
        if let Some(error) = given(&response, "error") {
            let error = translated(error, self.to).map_err(|why| why.within("error"))?;
            response.insert("error".to_owned(), error);
            return Ok(written(&response));
        }
        let result = match response.get("result") {
            Some(result) => result.clone(),
            // Agents that leave nulls out.
            None if self.operation == Operation::DeletePush => Box::default(),
            None => return Err(bad()),
        };
        let result = self.result(&result).map_err(|why| why.within("result"))?;
        response.insert("result".to_owned(), result);
        Ok(written(&response))
    }

    fn result(&self, result: &RawValue) -> Said<Box<RawValue>> {
        match self.operation {
            Operation::Send | Operation::Stream | Operation::Subscribe => {
                let said = thing::said(result, self.to)?;
                self.without_history(said, true)
            }
            Operation::GetTask | Operation::CancelTask => {
                let said = thing::task(result, self.to)?;
                self.without_history(said, false)
            }
            Operation::GetPush | Operation::CreatePush => push::config(result, self.to),
            Operation::ListPush => push::listed(result, self.to),
            Operation::DeletePush => Ok(match self.to {
                Generation::V03 => Box::default(),
                Generation::V10 if is_null(result) => raw(&Object::new()),
                Generation::V10 => result.to_owned(),
            }),
            // Never translated: their requests are refused.
            Operation::ListTasks | Operation::ExtendedCard => Ok(result.to_owned()),
        }
    }

    /// Takes the history off a task, when that was asked for. Only senders of 1.0 ask; they
    /// get tasks `wrapped` in answers to messages.
    fn without_history(&self, said: Box<RawValue>, wrapped: bool) -> Said<Box<RawValue>> {
        if !self.no_history {
            return Ok(said);
        }
        let strip = |value: &RawValue| {
            let mut task = object(value)?;
            task.remove("history");
            Ok(raw(&task))
        };
        if !wrapped {
            return strip(&said);
        }
        let mut outer = object(&said)?;
        super::object::change(&mut outer, "task", strip)?;
        Ok(raw(&outer))
    }
}

fn written(response: &Object) -> Vec<u8> {
    raw(response).get().as_bytes().to_vec()
}
