//! Names of files that come from outside (contract 07 §5).

use std::fmt::Write as _;

/// Longest name in bytes.
const MAX_NAME: usize = 100;
/// Longest extension that is kept when a name is cut, its dot included.
const MAX_EXTENSION: usize = 16;
/// The name of files whose own says nothing.
const NAMELESS: &str = "file";
/// Hexadecimal digits in front of a stored name.
const ID_DIGITS: usize = 32;

/// Returns a name that is safe on every disk and in every header: the last part of the path, of
/// ASCII letters, digits, `.`, `_` and `-` alone, 1 to 100 of them, never `.` or `..`.
pub fn sanitised(given: &str) -> String {
    let base = given.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = base.chars().map(plain).collect();
    match name.as_str() {
        "" | "." | ".." => NAMELESS.to_owned(),
        _ => cut(name),
    }
}

/// Cuts in front of the extension, unless that is too long to be one.
fn cut(mut name: String) -> String {
    if name.len() > MAX_NAME {
        let dot = name.rfind('.').filter(|dot| name.len() - dot <= MAX_EXTENSION);
        let extension = dot.map(|dot| name.split_off(dot)).unwrap_or_default();
        name.truncate(MAX_NAME - extension.len());
        name.push_str(&extension);
    }
    name
}

/// Returns the name under which a file is kept.
pub fn stored(id: [u8; ID_DIGITS / 2], name: &str) -> String {
    let mut stored = String::with_capacity(ID_DIGITS + 1 + name.len());
    for byte in id {
        let _ = write!(stored, "{byte:02x}");
    }
    stored.push('-');
    stored.push_str(name);
    stored
}

/// Returns the part of a stored name that people gave; `None` when it is no stored name, and
/// hence names nothing.
pub fn given(stored: &str) -> Option<&str> {
    let (id, name) = stored.split_at_checked(ID_DIGITS)?;
    let name = name.strip_prefix('-')?;
    let is_id = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_id && sanitised(name) == name).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_as_the_contract_says() {
        for (from, to) in [
            ("report.pdf", "report.pdf"),
            ("my report (1).pdf", "my_report__1_.pdf"),
            ("../../etc/passwd", "passwd"),
            ("a/b/c.txt/", "c.txt"),
            ("C:\\x\\y.txt", "C__x_y.txt"),
            ("", "file"),
            ("/", "file"),
            (".", "file"),
            ("..", "file"),
            ("a/..", "file"),
            ("...", "..."),
            ("<img src=x onerror=alert(1)>.html", "_img_src_x_onerror_alert_1__.html"),
            ("é🦀.tar.gz", "__.tar.gz"),
            ("a\u{202e}gpj.exe", "a_gpj.exe"),
            ("a\0b\r\nc\".txt", "a_b__c_.txt"),
        ] {
            assert_eq!(sanitised(from), to, "{from:?}");
        }
        let long = sanitised(&format!("{}.jpeg", "x".repeat(300)));
        assert_eq!((long.len(), &long[90..]), (100, "xxxxx.jpeg"));
        let odd = sanitised(&format!("x.{}", "y".repeat(300)));
        assert_eq!((odd.len(), &odd[..4]), (100, "x.yy"));
    }

    #[test]
    fn only_stored_names_name_anything() {
        let name = stored([0xab; 16], "a.txt");
        assert_eq!(name, format!("{}-a.txt", "ab".repeat(16)));
        assert_eq!(given(&name), Some("a.txt"));
        let id = "0".repeat(32);
        for bad in ["", "a.txt", &id, &format!("{id}-"), &format!("{id}-a b"), &format!("{id}a")] {
            assert_eq!(given(bad), None, "{bad}");
        }
        assert_eq!(given(&name.to_uppercase()), None);
        assert_eq!(given(&"é".repeat(20)), None);
    }

    proptest! {
        #[test]
        fn whatever_is_given_comes_out_safe(given_name in any::<String>(), id in any::<[u8; 16]>()) {
            let name = sanitised(&given_name);
            prop_assert!((1..=MAX_NAME).contains(&name.len()));
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            prop_assert!(name != "." && name != "..");
            prop_assert_eq!(sanitised(&name), name.clone());
            let kept = stored(id, &name);
            prop_assert_eq!(given(&kept), Some(name.as_str()));
        }

        #[test]
        fn an_extension_survives_the_cut(stem in "[a-z]{100,300}", extension in "[a-z0-9]{1,15}") {
            let name = sanitised(&format!("{stem}.{extension}"));
            let end = format!(".{extension}");
            prop_assert!(name.ends_with(&end));
            prop_assert_eq!(name.len(), MAX_NAME);
        }

        #[test]
        fn paths_lead_nowhere(parts in proptest::collection::vec("(\\.\\.|\\.|[a-z]{0,3})", 0..6)) {
            let name = sanitised(&parts.join("/"));
            prop_assert!(!name.contains('/'));
            prop_assert!(name != "..");
        }
    }
}
