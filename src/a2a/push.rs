//! Push notification configurations, which 0.3 nests and 1.0 does not.
//!
//! They are read and deleted across generations, and never made: what an agent pushes goes
//! straight to its receiver, in the agent's generation.

use isomer_actors::domain::dialect::Generation;
use serde_json::value::RawValue;

use super::object::{Object, Said, Untranslatable, given, is_null, object, raw, rename, text_of};

const NESTED: &str = "pushNotificationConfig";
/// Members of a configuration that 1.0 keeps beside the id of the task.
const MEMBERS: [&str; 4] = ["id", "url", "token", "authentication"];

/// Translates the ids in the parameters of a get, list or delete. `paged` forbids what only
/// 1.0 has.
///
/// # Errors
/// It asks for a further page, which 0.3 does not have.
pub fn params(mut params: Object, to: Generation) -> Said<Object> {
    match to {
        Generation::V10 => {
            rename(&mut params, "id", "taskId");
            rename(&mut params, "pushNotificationConfigId", "id");
        }
        Generation::V03 => {
            if text_of(&params, "pageToken").is_some_and(|token| !token.is_empty()) {
                return Err(Untranslatable::new("pageToken", "A2A 0.3 has no pages"));
            }
            rename(&mut params, "id", "pushNotificationConfigId");
            rename(&mut params, "taskId", "id");
        }
    }
    Ok(params)
}

/// Translates one configuration of a task.
///
/// # Errors
/// It is no object.
pub fn config(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let mut outer = object(value)?;
    match to {
        Generation::V10 => {
            let inner = outer.remove(NESTED).filter(|inner| !is_null(inner)).unwrap_or_default();
            let inner = if is_null(&inner) { Object::new() } else { object(&inner)? };
            outer.extend(inner);
            authentication(&mut outer, newer)?;
        }
        Generation::V03 => {
            let mut inner = Object::new();
            for key in MEMBERS {
                inner.extend(outer.remove(key).map(|value| (key.to_owned(), value)));
            }
            authentication(&mut inner, older)?;
            outer.insert(NESTED.to_owned(), raw(&inner));
        }
    }
    Ok(raw(&outer))
}

fn authentication(config: &mut Object, translate: impl FnOnce(&mut Object)) -> Said<()> {
    super::object::change(config, "authentication", |value| {
        let mut authentication = object(value)?;
        translate(&mut authentication);
        Ok(raw(&authentication))
    })
}

/// 1.0 has one scheme. A list of more stays beside it.
fn newer(authentication: &mut Object) {
    let schemes = given(authentication, "schemes");
    let schemes: Vec<String> =
        schemes.and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default();
    if let Some(first) = schemes.first() {
        authentication.insert("scheme".to_owned(), raw(first));
    }
    if schemes.len() == 1 {
        authentication.remove("schemes");
    }
}

fn older(authentication: &mut Object) {
    let scheme = authentication.remove("scheme").filter(|scheme| !is_null(scheme));
    if let (Some(scheme), false) = (scheme, authentication.contains_key("schemes")) {
        authentication.insert("schemes".to_owned(), raw(&[scheme]));
    }
}

/// Translates the answer to a list: a list in 0.3, a page of one in 1.0.
///
/// # Errors
/// It is neither; or there are further pages, which 0.3 does not have.
pub fn listed(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let configs = |list: &RawValue| super::object::each(list, |one| config(one, to));
    match to {
        Generation::V10 => Ok(raw(&Object::from([("configs".to_owned(), configs(value)?)]))),
        Generation::V03 => {
            let page = object(value)?;
            if text_of(&page, "nextPageToken").is_some_and(|token| !token.is_empty()) {
                return Err(Untranslatable::new("nextPageToken", "A2A 0.3 has no pages"));
            }
            match given(&page, "configs") {
                Some(list) => configs(list).map_err(|error| error.within("configs")),
                None => Ok(raw::<[(); 0]>(&[])),
            }
        }
    }
}
