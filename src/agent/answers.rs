//! Answers by the id of their message, so that a message which is delivered again is not thought
//! about again (A2A: `messageId` identifies a message).
//!
//! In memory and bounded: the oldest makes room.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::OnceCell;

/// How many answers are remembered.
const MAX_ANSWERS: usize = 128;

/// One is filled by whoever asks first; others with the same message wait for it.
pub(super) type Answer = Arc<OnceCell<String>>;

#[derive(Debug, Default)]
pub(super) struct Answers {
    kept: Mutex<VecDeque<Kept>>,
}

#[derive(Debug)]
struct Kept {
    id: String,
    text: String,
    answer: Answer,
}

impl Answers {
    /// Returns the place of the answer to a message: a new one for a new message. Some senders
    /// use one id for everything; the same id with another text is another message.
    pub(super) fn to(&self, id: &str, text: &str) -> Answer {
        let mut kept = self.kept.lock();
        let same = |kept: &&Kept| kept.id == id && kept.text == text;
        if let Some(known) = kept.iter().rev().find(same) {
            return Arc::clone(&known.answer);
        }
        if kept.len() >= MAX_ANSWERS {
            kept.pop_front();
        }
        let answer = Answer::default();
        let new = Kept { id: id.to_owned(), text: text.to_owned(), answer: Arc::clone(&answer) };
        kept.push_back(new);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_id_and_its_text() {
        let answers = Answers::default();
        let first = answers.to("1", "a");
        first.set("A".to_owned()).unwrap();
        assert!(Arc::ptr_eq(&first, &answers.to("1", "a")));
        assert!(answers.to("1", "b").get().is_none());
        for n in 0..MAX_ANSWERS {
            answers.to(&n.to_string(), "x");
        }
        assert!(answers.to("1", "a").get().is_none(), "it made room");
        assert_eq!(answers.kept.lock().len(), MAX_ANSWERS);
    }
}
