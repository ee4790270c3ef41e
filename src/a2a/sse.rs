//! Streams of server-sent events, translated event by event as the bytes come in.

use super::answer::Answers;
use super::object::Untranslatable;

/// Longest event, in bytes.
pub const MAX_EVENT: usize = 1 << 20;

/// Whether a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    GoesOn,
    /// Its last event was written; what the agent sends after it is of no use.
    Ended,
}

/// Translates one stream. Holds no more than one event.
#[derive(Debug)]
pub struct EventStream {
    answers: Answers,
    /// The line that is coming in.
    line: Vec<u8>,
    /// The data of the event that is coming in; `None` before its first line of data.
    data: Option<Vec<u8>>,
    /// Its other lines: comments, names, ids.
    rest: Vec<u8>,
    /// The last byte ended a line as CR, so that LF right after it ends no other.
    after_cr: bool,
    began: bool,
    ended: bool,
}

impl EventStream {
    /// Returns a stream that has not begun.
    pub fn new(answers: Answers) -> Self {
        Self {
            answers,
            line: Vec::new(),
            data: None,
            rest: Vec::new(),
            after_cr: false,
            began: false,
            ended: false,
        }
    }

    /// Takes in bytes and writes the events that they complete to `out`. An event that cannot be
    /// translated, or is too long, becomes a JSON-RPC error and ends the stream.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Flow {
        for byte in bytes {
            if self.ended {
                break;
            }
            let lf_of_crlf = self.after_cr && *byte == b'\n';
            self.after_cr = *byte == b'\r';
            match byte {
                _ if lf_of_crlf => {}
                b'\n' | b'\r' => self.end_line(out),
                _ => self.line.push(*byte),
            }
            if self.held() > MAX_EVENT {
                let reason = format!("an event is longer than {MAX_EVENT} bytes");
                self.refuse(&Untranslatable::new("", reason), out);
            }
        }
        if self.ended { Flow::Ended } else { Flow::GoesOn }
    }

    /// Writes what the agent did not end with an empty line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.ended {
            return;
        }
        if !self.line.is_empty() {
            self.end_line(out);
        }
        if self.data.is_some() || !self.rest.is_empty() {
            self.end_event(out);
        }
        self.ended = true;
    }

    /// Returns how many bytes are held back.
    pub fn held(&self) -> usize {
        self.line.len() + self.rest.len() + self.data.as_ref().map_or(0, Vec::len)
    }

    /// Ends the stream because there is no memory for what it holds back.
    pub fn overloaded(&mut self, out: &mut Vec<u8>) {
        if !self.ended {
            let refusal = self.answers.overloaded();
            self.end_with(&refusal, out);
        }
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.began, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            return self.end_event(out);
        }
        let value = match line.strip_prefix(b"data") {
            Some(b"") => Some(&b""[..]),
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => Some(value),
            _ => None,
        };
        match (value, &mut self.data) {
            (Some(value), None) => self.data = Some(value.to_vec()),
            (Some(value), Some(data)) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            (None, _) => {
                self.rest.extend_from_slice(&line);
                self.rest.push(b'\n');
            }
        }
    }

    fn end_event(&mut self, out: &mut Vec<u8>) {
        let data = self.data.take().filter(|data| !data.is_empty());
        let Some(data) = data else {
            // Comments keep a connection alive; they must not wait for an event.
            out.append(&mut self.rest);
            out.push(b'\n');
            return;
        };
        match self.answers.response(&data) {
            Ok(response) => {
                out.append(&mut self.rest);
                write(&response, out);
            }
            Err(refusal) => self.end_with(&refusal, out),
        }
    }

    fn refuse(&mut self, why: &Untranslatable, out: &mut Vec<u8>) {
        let refusal = self.answers.refusal(why);
        self.end_with(&refusal, out);
    }

    fn end_with(&mut self, refusal: &[u8], out: &mut Vec<u8>) {
        self.ended = true;
        (self.line, self.rest, self.data) = (Vec::new(), Vec::new(), None);
        write(refusal, out);
    }
}

/// Writes an event. Line breaks, which JSON has between its tokens only, become spaces.
fn write(data: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend(data.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
    out.extend_from_slice(b"\n\n");
}
