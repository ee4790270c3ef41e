//! JSON objects whose members keep the very text they came with: numbers of any size, and
//! whatever is not known here.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::value::RawValue;

/// The members of an object, each as it was written.
pub type Object = BTreeMap<String, Box<RawValue>>;

/// What cannot be said in the other generation, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untranslatable {
    field: String,
    reason: String,
}

impl Untranslatable {
    /// Names `field`; empty for the value itself.
    pub fn new(field: &str, reason: impl Into<String>) -> Self {
        Self { field: field.to_owned(), reason: reason.into() }
    }

    /// Says that the field lies within `outer`.
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        self.field = match self.field.as_str() {
            "" => outer.to_owned(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        self
    }
}

impl fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.reason),
            field => write!(f, "{field}: {}", self.reason),
        }
    }
}

/// What a translation gives.
pub type Said<T> = Result<T, Untranslatable>;

/// Reads an object.
///
/// # Errors
/// It is something else.
pub fn object(value: &RawValue) -> Said<Object> {
    let bad = || Untranslatable::new("", "expected an object");
    if !value.get().starts_with('{') {
        return Err(bad());
    }
    serde_json::from_str(value.get()).map_err(|_| bad())
}

/// Reads a text; `None` when it is something else.
pub fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns whether it is `null`, which stands for a member that is not there.
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Returns a member that is there and not null.
pub fn given<'a>(object: &'a Object, key: &str) -> Option<&'a RawValue> {
    object.get(key).map(|value| &**value).filter(|value| !is_null(value))
}

/// Returns the text of a member, if it is one.
pub fn text_of(object: &Object, key: &str) -> Option<String> {
    object.get(key).and_then(|value| text(value))
}

/// Writes a value.
pub fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts, numbers and parsed JSON are JSON")
}

/// Translates a member, if it is there.
///
/// # Errors
/// The translation's, with the member's name.
pub fn change(
    object: &mut Object,
    key: &str,
    translate: impl FnOnce(&RawValue) -> Said<Box<RawValue>>,
) -> Said<()> {
    if let Some(value) = object.get_mut(key).filter(|value| !is_null(value)) {
        *value = translate(value).map_err(|error| error.within(key))?;
    }
    Ok(())
}

/// Translates every element of a list.
///
/// # Errors
/// It is no list; or the translation's, with the element's place.
pub fn each(
    value: &RawValue,
    mut translate: impl FnMut(&RawValue) -> Said<Box<RawValue>>,
) -> Said<Box<RawValue>> {
    let bad = || Untranslatable::new("", "expected a list");
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| bad())?;
    let mut said = Vec::with_capacity(items.len());
    for (place, item) in items.into_iter().enumerate() {
        said.push(translate(item).map_err(|error| error.within(&format!("[{place}]")))?);
    }
    Ok(raw(&said))
}

/// Gives a member another name. One of that name is only replaced by a value that is not null.
pub fn rename(object: &mut Object, from: &str, to: &str) {
    if let Some(value) = object.remove(from).filter(|value| !is_null(value)) {
        object.insert(to.to_owned(), value);
    }
}
