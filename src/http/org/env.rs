//! `.env` files: secrets that come with an organisation (contract 06 §4.5).

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::templates::{Folder, FolderError};

/// The file.
const FILE: &str = ".env";
/// Longest file, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Variables by name.
pub type Variables = BTreeMap<String, SecretString>;

/// Reads the file of a folder; nothing when there is none. Blocks.
///
/// # Errors
/// `TooLarge`, or what the system says.
pub fn read(folder: &Folder) -> Result<Variables, FolderError> {
    match folder.read(FILE, MAX_BYTES) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            Ok(parse(&String::from_utf8_lossy(&bytes)))
        }
        Err(FolderError::Missing) => Ok(Variables::new()),
        Err(error) => Err(error),
    }
}

/// Parses `KEY=VALUE` lines: `#` begins a comment, one pair of quotes around a value is taken off,
/// empty values are ignored.
fn parse(text: &str) -> Variables {
    let pair = |line: &str| {
        let line = line.trim();
        let (name, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let name = name.trim().strip_prefix("export ").unwrap_or(name.trim()).trim();
        let value = unquoted(value.trim());
        let is_pair = !name.is_empty() && !value.is_empty();
        is_pair.then(|| (name.to_owned(), SecretString::from(value.to_owned())))
    };
    text.lines().filter_map(pair).collect()
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

/// Puts the values of `$NAME` and `${NAME}` into a text. Only what `.env` files say counts: the
/// variables of the server are not for templates.
///
/// # Errors
/// The first name that has no value.
pub fn expanded(text: &str, variables: &Variables) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, left) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some(found) => found,
            None => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
                after.split_at(after.find(|c| !is_part(c)).unwrap_or(after.len()))
            }
        };
        match variables.get(name) {
            Some(value) => out.push_str(value.expose_secret()),
            None => return Err(format!("no .env file has {name:?}")),
        }
        rest = left;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_the_contract_says() {
        let parsed = parse("# no\nA=1\n B = \"two words\" \nC='x'\nD=\nnothing\nE=\"\nF=a=b\n=g\n");
        let shown: Vec<_> =
            parsed.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
        assert_eq!(shown, [("A", "1"), ("B", "two words"), ("C", "x"), ("E", "\""), ("F", "a=b")]);
    }

    #[test]
    fn variables_of_the_server_are_not_read() {
        let variables = parse("DIR=/srv/x\n");
        assert_eq!(expanded("${DIR}/a", &variables).as_deref(), Ok("/srv/x/a"));
        assert_eq!(expanded("$DIR/a", &variables).as_deref(), Ok("/srv/x/a"));
        assert!(expanded("$PATH", &variables).is_err());
        assert_eq!(expanded("/plain", &variables).as_deref(), Ok("/plain"));
    }
}
