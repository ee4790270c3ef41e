//! Requests on their way to an agent of the other generation.

use isomer_actors::domain::dialect::Generation;
use serde_json::value::RawValue;

use super::answer::Answers;
use super::error::RpcError;
use super::method::{Operation, method};
use super::object::{Object, Said, Untranslatable, change, given, object, raw, text_of};
use super::push;
use super::thing::message;

/// A request in the other generation.
#[derive(Debug)]
pub struct Translated {
    pub body: Vec<u8>,
    /// Translates what comes back.
    pub answers: Answers,
}

/// Translates a whole JSON-RPC request from its generation into the other one. `None` when it
/// is no request of either: it is not ours to judge, and goes as it is.
///
/// # Errors
/// The whole response to the sender: it cannot be said in the other generation.
pub fn request(body: &[u8]) -> Option<Result<Translated, Vec<u8>>> {
    let mut request: Object = serde_json::from_slice(body).ok()?;
    let name = text_of(&request, "method")?;
    let (from, operation) = method(&name)?;
    let to = from.other();
    let id = request.get("id").cloned().unwrap_or_default();
    let params = given(&request, "params");
    Some(match translated(&name, operation, params, to) {
        Err(error) => Err(error.response(&id, from)),
        Ok((method, params, no_history)) => {
            request.insert("method".to_owned(), raw(method));
            request.insert("params".to_owned(), params);
            let body = raw(&request).get().as_bytes().to_vec();
            Ok(Translated { body, answers: Answers::new(id, operation, from, no_history) })
        }
    })
}

/// Returns the whole response to a request that asks for a version that is not known. The request
/// itself goes nowhere.
pub fn unknown_version(body: &[u8], generation: Generation, asked: &str) -> Vec<u8> {
    let request: Object = serde_json::from_slice(body).unwrap_or_default();
    let id = request.get("id").cloned().unwrap_or_default();
    RpcError::version(asked).response(&id, generation)
}

/// Returns method and parameters, and whether the answer must be without a history.
fn translated(
    name: &str,
    operation: Operation,
    given: Option<&RawValue>,
    to: Generation,
) -> Result<(&'static str, Box<RawValue>, bool), RpcError> {
    let method = operation.name(to).ok_or_else(|| RpcError::no_method(name, to))?;
    match operation {
        Operation::CreatePush => return Err(RpcError::no_push(to)),
        Operation::ExtendedCard => {
            let other = operation.name(to).unwrap_or_default();
            let text =
                format!("a card is not translated, as its signatures would break: use {other}");
            return Err(RpcError::unsupported(text));
        }
        _ => {}
    }
    let bad = |error: Untranslatable| RpcError::params(&error.within("params"));
    let mut params = given.map(object).transpose().map_err(bad)?.unwrap_or_default();
    let mut no_history = false;
    match operation {
        Operation::Send | Operation::Stream => {
            if configures_push(&params).map_err(bad)? {
                return Err(RpcError::no_push(to));
            }
            change(&mut params, "message", |one| message(one, to)).map_err(bad)?;
            no_history = configured(&mut params, operation, to).map_err(bad)?;
        }
        Operation::GetTask => no_history = history_length(&mut params, to),
        Operation::GetPush | Operation::ListPush | Operation::DeletePush => {
            params = push::params(params, to).map_err(bad)?;
        }
        _ => {}
    }
    Ok((method, raw(&params), no_history))
}

fn configuration(params: &Object) -> Said<Option<Object>> {
    let read = given(params, "configuration").map(object).transpose();
    read.map_err(|error| error.within("configuration"))
}

fn configures_push(params: &Object) -> Said<bool> {
    let Some(configuration) = configuration(params)? else { return Ok(false) };
    let keys = ["pushNotificationConfig", "taskPushNotificationConfig"];
    Ok(keys.iter().any(|key| given(&configuration, key).is_some()))
}

/// Translates how to answer. Returns whether no history is wanted.
fn configured(params: &mut Object, operation: Operation, to: Generation) -> Said<bool> {
    let there = configuration(params)?;
    let must_wait = to == Generation::V03 && operation == Operation::Send;
    if there.is_none() && !must_wait {
        return Ok(false);
    }
    let mut configuration = there.unwrap_or_default();
    let no_history = history_length(&mut configuration, to);
    let (from, into) = match to {
        Generation::V10 => ("blocking", "returnImmediately"),
        Generation::V03 => ("returnImmediately", "blocking"),
    };
    match configuration.remove(from).map(|value| value.get().to_owned()).as_deref() {
        Some("true") => _ = configuration.insert(into.to_owned(), raw(&false)),
        Some("false") => _ = configuration.insert(into.to_owned(), raw(&true)),
        // Waiting is what 1.0 means when it says nothing; agents of 0.3 choose.
        None | Some("null") if must_wait => {
            configuration.entry(into.to_owned()).or_insert_with(|| raw(&true));
        }
        None | Some("null") => {}
        Some(_) => {
            let error = Untranslatable::new(from, "expected true or false");
            return Err(error.within("configuration"));
        }
    }
    params.insert("configuration".to_owned(), raw(&configuration));
    Ok(no_history)
}

/// None at all is 0 in 1.0. In 0.3 that is no limit, which 1.0 says by saying nothing.
fn history_length(object: &mut Object, to: Generation) -> bool {
    let zero = given(object, "historyLength").is_some_and(|length| length.get() == "0");
    if zero && to == Generation::V10 {
        object.remove("historyLength");
    }
    zero && to == Generation::V03
}
