//! Events as they come in.

use Generation::{V03, V10};
use proptest::prelude::*;

use super::*;

fn event(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"message": {"messageId": "m",
        "role": "ROLE_AGENT", "parts": [{"text": text}]}}})
    .to_string()
}

fn stream() -> EventStream {
    EventStream::new(sent(V03, Operation::Stream))
}

/// Returns what is heard of a stream that comes in pieces.
fn hear_all(pieces: &[&[u8]]) -> String {
    let (mut stream, mut out) = (stream(), Vec::new());
    for piece in pieces {
        stream.push(piece, &mut out);
    }
    stream.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// Returns the texts of the messages that are heard.
fn texts(heard: &str) -> Vec<String> {
    let data = heard.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| {
        read(data.as_bytes())["result"]["parts"][0]["text"].as_str().unwrap().to_owned()
    })
    .collect()
}

#[test]
fn an_event_is_passed_on_when_it_is_whole() {
    let (mut stream, mut out) = (stream(), Vec::new());
    let text = format!("data: {}\n", event("one"));
    assert_eq!(stream.push(text.as_bytes(), &mut out), Flow::GoesOn);
    assert_eq!(out, b"");
    assert!(stream.held() > 0);
    stream.push(b"\n", &mut out);
    assert_eq!(stream.held(), 0);
    assert_eq!(texts(std::str::from_utf8(&out).unwrap()), ["one"]);
}

#[test]
fn everything_beside_the_data_stays() {
    let text = format!(
        "\u{feff}: welcome\n\nevent: message\rid: 7\ndata:{}\r\n\r\n:ping\n\nretry: 5\n\ndata\n\n",
        event("a\nb")
    );
    let heard = hear_all(&[text.as_bytes()]);
    assert!(heard.starts_with(": welcome\n\nevent: message\nid: 7\ndata: {"), "{heard}");
    assert!(heard.ends_with("\n\n:ping\n\nretry: 5\n\n\n"), "{heard:?}");
    assert_eq!(texts(&heard), ["a\nb"]);
}

#[test]
fn data_of_many_lines_becomes_one() {
    let pretty = serde_json::to_string_pretty(&read(event("x").as_bytes())).unwrap();
    let lines: String = pretty.lines().map(|line| format!("data: {line}\n")).collect();
    assert_eq!(texts(&hear_all(&[lines.as_bytes(), b"\n"])), ["x"]);
    // What is not looked into keeps its line breaks, as spaces.
    let odd = "data: {\"result\":{\"message\":{\"metadata\":{\ndata: \"a\":1}}}}\n\n";
    let heard = hear_all(&[odd.as_bytes()]);
    assert_eq!(heard.matches('\n').count(), 2, "{heard:?}");
}

#[test]
fn an_event_without_an_end_is_the_last() {
    let text = format!("data: {}", event("last"));
    assert_eq!(texts(&hear_all(&[text.as_bytes()])), ["last"]);
    assert_eq!(hear_all(&[]), "");
}

#[test]
fn what_cannot_be_said_ends_the_stream_with_an_error() {
    let after = format!("data: {}\n\n", event("after"));
    let long = format!("data: {}", "x".repeat(MAX_EVENT));
    for bad in ["data: nonsense\n\n", "data: {\"result\":{}}\n\n", long.as_str()] {
        let (mut stream, mut out) = (stream(), Vec::new());
        assert_eq!(stream.push(bad.as_bytes(), &mut out), Flow::Ended);
        assert_eq!(stream.push(after.as_bytes(), &mut out), Flow::Ended);
        assert_eq!(stream.held(), 0);
        stream.finish(&mut out);
        let text = String::from_utf8(out).unwrap();
        let data = text.strip_prefix("data: ").unwrap().trim_end();
        assert_eq!(read(data.as_bytes())["error"]["code"], -32006);
    }
}

#[test]
fn errors_of_the_agent_are_translated_too() {
    let error = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32009, "message": "no"}});
    let heard = hear_all(&[format!("data: {error}\n\n").as_bytes()]);
    assert!(heard.contains("-32603") && heard.contains("VERSION_NOT_SUPPORTED"), "{heard}");
    assert!(sent(V10, Operation::Stream).response(b"{\"result\":null}").is_err());
}

proptest! {
    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut(
        said in prop::collection::vec(("[^\\x00-\\x1f]{0,8}", "(\n|\r|\r\n)", any::<bool>()), 0..6),
        cuts in prop::collection::vec(0..2_000usize, 0..12),
    ) {
        let mut text = String::new();
        for (words, end, comment) in &said {
            if *comment {
                text += &format!(": {words}{end}");
            }
            text += &format!("data: {}{end}{end}", event(words));
        }
        let whole = hear_all(&[text.as_bytes()]);
        let words: Vec<_> = said.iter().map(|(words, ..)| words.clone()).collect();
        prop_assert_eq!(texts(&whole), words);

        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
        prop_assert_eq!(hear_all(&pieces), whole);
        let bytes: Vec<_> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(hear_all(&bytes), hear_all(&pieces));
    }

    #[test]
    fn any_bytes_are_bounded(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
        let (mut stream, mut out) = (stream(), Vec::new());
        for piece in &pieces {
            stream.push(piece, &mut out);
            prop_assert!(stream.held() <= MAX_EVENT);
        }
        stream.finish(&mut out);
    }
}
