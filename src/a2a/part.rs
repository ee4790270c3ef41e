//! Parts: `kind` with `text`, `file` or `data` in 0.3; one of `text`, `raw`, `url` and `data` in 1.0.

use isomer_actors::domain::dialect::Generation;
use serde_json::value::RawValue;

use super::object::{Object, Said, Untranslatable, given, is_null, object, raw, text_of};

/// The contents of a part of 1.0, one of which each has.
const CONTENTS: [&str; 4] = ["text", "raw", "url", "data"];
/// What a file of 0.3 calls its members, and what a part of 1.0 does. The long names are those of
/// the 0.3 protocol buffers.
const FILE_TO_PART: [(&str, &str); 6] = [
    ("bytes", "raw"),
    ("uri", "url"),
    ("fileWithBytes", "raw"),
    ("fileWithUri", "url"),
    ("mimeType", "mediaType"),
    ("name", "filename"),
];
const PART_TO_FILE: [(&str, &str); 4] =
    [("raw", "bytes"), ("url", "uri"), ("mediaType", "mimeType"), ("filename", "name")];
/// How the SDKs mark data of 1.0 that is no object in 0.3, where it has to be one.
const WRAPPED: &str = "data_part_compat";

/// Translates a part into generation `to`.
///
/// # Errors
/// It has no content, or more than one.
pub fn part(value: &RawValue, to: Generation) -> Said<Box<RawValue>> {
    let part = object(value)?;
    let said = match to {
        Generation::V10 => newer(part)?,
        Generation::V03 => older(part)?,
    };
    Ok(raw(&said))
}

fn newer(mut part: Object) -> Said<Object> {
    match kind(&mut part)? {
        "file" => file_to_part(&mut part)?,
        "data" => unwrap_data(&mut part),
        _ => {}
    }
    content(&part)?;
    Ok(part)
}

/// Takes the tag off. Clients of the platform write `type` for `kind` (contract 04 §2.2).
fn kind(part: &mut Object) -> Said<&'static str> {
    const KINDS: [&str; 3] = ["text", "file", "data"];
    for tag in ["kind", "type"] {
        let Some(name) = text_of(part, tag) else { continue };
        if let Some(kind) = KINDS.into_iter().find(|kind| *kind == name) {
            part.remove(tag);
            return Ok(kind);
        }
        if tag == "kind" {
            return Err(Untranslatable::new("kind", "it is none of text, file and data"));
        }
    }
    KINDS
        .into_iter()
        .find(|kind| part.contains_key(*kind))
        .ok_or_else(|| Untranslatable::new("kind", "it is required: text, file or data"))
}

/// Lifts the members of `file` up. Those that have no place in 1.0 stay in it.
fn file_to_part(part: &mut Object) -> Said<()> {
    let file = part.remove("file").ok_or_else(|| Untranslatable::new("file", "it is required"))?;
    let mut file = object(&file).map_err(|error| error.within("file"))?;
    let has_bytes = ["bytes", "fileWithBytes"].iter().any(|key| given(&file, key).is_some());
    for (from, to) in FILE_TO_PART {
        // Both at once are one too many for 1.0: the address stays where it was.
        let taken = part.contains_key(to) || (to == "url" && has_bytes);
        match file.get(from).map(|value| is_null(value)) {
            Some(true) => _ = file.remove(from),
            Some(false) if !taken => {
                let value = file.remove(from);
                part.extend(value.map(|value| (to.to_owned(), value)));
            }
            _ => {}
        }
    }
    if !file.is_empty() {
        part.insert("file".to_owned(), raw(&file));
    }
    Ok(())
}

/// Returns the name of the one content of a part of 1.0.
fn content(part: &Object) -> Said<&'static str> {
    // Data may be null; of the others a null is not there.
    let there =
        |key: &&str| given(part, key).is_some() || (*key == "data" && part.contains_key(*key));
    let mut contents = CONTENTS.into_iter().filter(there);
    match (contents.next(), contents.next()) {
        (Some("text"), Some("data")) if given(part, "data").is_none() => Ok("text"),
        (Some(one), None) => Ok(one),
        (None, _) => Err(Untranslatable::new("", "it has none of text, raw, url and data")),
        (Some(one), Some(other)) => {
            Err(Untranslatable::new("", format!("it has both {one} and {other}")))
        }
    }
}

fn older(mut part: Object) -> Said<Object> {
    let kind = match content(&part)? {
        "text" => "text",
        "data" => {
            wrap_data(&mut part)?;
            "data"
        }
        _ => {
            part_to_file(&mut part);
            "file"
        }
    };
    part.insert("kind".to_owned(), raw(kind));
    Ok(part)
}

fn part_to_file(part: &mut Object) {
    // What 1.0 had no place for when it came from 0.3.
    let mut file = part.remove("file").and_then(|file| object(&file).ok()).unwrap_or_default();
    for (from, to) in PART_TO_FILE {
        if let Some(value) = part.remove(from).filter(|value| !is_null(value)) {
            file.insert(to.to_owned(), value);
        }
    }
    part.insert("file".to_owned(), raw(&file));
}

/// Data of 0.3 is an object; whatever else becomes one that is marked.
fn wrap_data(part: &mut Object) -> Said<()> {
    let Some(data) = part.get("data").filter(|data| !data.get().starts_with('{')) else {
        return Ok(());
    };
    let wrapped = raw(&Object::from([("value".to_owned(), data.clone())]));
    part.insert("data".to_owned(), wrapped);
    let metadata = given(part, "metadata").map(object).transpose();
    let mut metadata = metadata.map_err(|error| error.within("metadata"))?.unwrap_or_default();
    metadata.insert(WRAPPED.to_owned(), raw(&true));
    part.insert("metadata".to_owned(), raw(&metadata));
    Ok(())
}

fn unwrap_data(part: &mut Object) {
    let of = |key: &str| given(part, key).and_then(|value| object(value).ok());
    let (Some(mut metadata), Some(mut data)) = (of("metadata"), of("data")) else { return };
    let marked = metadata.get(WRAPPED).is_some_and(|mark| mark.get() == "true");
    let Some(value) = data.remove("value").filter(|value| !value.get().starts_with('{')) else {
        return;
    };
    if !marked || !data.is_empty() {
        return;
    }
    part.insert("data".to_owned(), value);
    metadata.remove(WRAPPED);
    match metadata.is_empty() {
        true => _ = part.remove("metadata"),
        false => _ = part.insert("metadata".to_owned(), raw(&metadata)),
    }
}
