//! What was sealed opens, here and in the reference; after one change of any kind it does not.

use arbitrary::Arbitrary;
use isomer_seal::blob::Format;
use isomer_seal::context::{Context, Scope};
use isomer_seal::master::MasterKey;
use isomer_seal::secret::Seed;
use isomer_seal::{v1, v2, v3, wrap};
use uuid::Uuid;

use super::reader::Reader;
use super::reference;

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Arbitrary)]
pub enum Kind {
    Static,
    Envelope,
    Bound,
    /// A seed under the static key; the value does not count.
    Seed,
}

/// The one thing that is changed. Positions are modulo the length.
#[derive(Debug, Arbitrary)]
pub enum Change {
    Bit(u16, u8),
    Truncate(u16),
    Behead(u16),
    Insert(u16, u8),
    KeyBit(u8),
    Place(Place),
    Column(i8),
}

/// Where it belongs.
#[derive(Clone, Debug, PartialEq, Eq, Arbitrary)]
pub struct Place {
    version: i64,
    workspace: Option<[u8; 16]>,
    purpose: String,
    tenant: String,
    key: String,
}

/// One value, all that is random about its blob, and the change.
#[derive(Debug, Arbitrary)]
pub struct Case {
    kind: Kind,
    change: Change,
    key: [u8; 32],
    nonce: [u8; 12],
    data_key: [u8; 16],
    info: [u8; 32],
    place: Place,
    wrapped: (u8, Vec<u8>),
    value: Vec<u8>,
}

/// What a reader is given.
struct Attempt {
    key: [u8; 32],
    place: Place,
    number: i32,
    bytes: Vec<u8>,
}

/// What a reader must answer.
#[derive(Debug, PartialEq)]
enum Answer {
    Value,
    Refusal,
    /// Clear text is anything: the bytes themselves, the value if they are format 1, or a refusal.
    NothingFalse,
}

/// Seals, opens, changes, and opens again. Returns what was sealed and the name of the change.
///
/// # Panics
/// On a finding.
pub fn check(case: &Case) -> (Kind, &'static str) {
    let (name, attempt, answer) = case.changed();
    if case.key != [0; 32] {
        assert_eq!(case.open(&case.attempt()).as_deref(), Some(case.value()), "unchanged");
        case.cross();
        let opened = case.open(&attempt);
        match answer {
            Answer::Value => assert_eq!(opened.as_deref(), Some(case.value()), "{name}"),
            Answer::Refusal => assert_eq!(opened, None, "{name}"),
            Answer::NothingFalse => assert!(
                opened
                    .is_none_or(|read| read == attempt.bytes
                        || case.kind == Kind::Static && read == case.value),
                "{name}"
            ),
        }
    }
    (case.kind, name)
}

impl Case {
    fn value(&self) -> &[u8] {
        if self.kind == Kind::Seed { &self.info } else { &self.value }
    }

    fn wrapped(&self) -> Vec<u8> {
        [&[self.wrapped.0][..], &self.wrapped.1].concat()
    }

    /// Returns the blob as the reference writes it, to be read as what it is.
    fn attempt(&self) -> Attempt {
        let Self { key, nonce, data_key, info, place, value, .. } = self;
        let (number, bytes) = match self.kind {
            Kind::Static => (1, reference::seal_static(key, nonce, value)),
            Kind::Envelope => (2, reference::seal_envelope(key, &self.wrapped(), nonce, value)),
            Kind::Bound => {
                let context = place.context();
                (3, reference::seal_bound(key, data_key, info, nonce, &context, value))
            }
            Kind::Seed => (4, reference::wrap(key, nonce, &place.pairs(), info)),
        };
        Attempt { key: *key, place: place.clone(), number, bytes }
    }

    /// Returns the change's name, what is left after it, and what must come of it.
    fn changed(&self) -> (&'static str, Attempt, Answer) {
        let mut attempt = self.attempt();
        let length = attempt.bytes.len();
        let at = |at: u16| usize::from(at) % length;
        let mut answer = Answer::Refusal;
        let name = match &self.change {
            Change::Bit(byte, bit) => {
                attempt.bytes[at(*byte)] ^= 1 << (bit % 8);
                "bit"
            }
            Change::Truncate(to) => {
                attempt.bytes.truncate(at(*to));
                "truncate"
            }
            Change::Behead(to) => {
                attempt.bytes.drain(..=at(*to));
                "behead"
            }
            Change::Insert(before, byte) => {
                attempt.bytes.insert(usize::from(*before) % (length + 1), *byte);
                "insert"
            }
            Change::KeyBit(bit) => {
                attempt.key[usize::from(bit / 8)] ^= 1 << (bit % 8);
                "key"
            }
            Change::Place(place) => {
                attempt.place = place.clone();
                answer = self.moved(place);
                "place"
            }
            Change::Column(number) => {
                if self.kind != Kind::Seed {
                    attempt.number = i32::from(number.rem_euclid(5)) - 1;
                }
                answer = self.relabelled(attempt.number);
                "column"
            }
        };
        (name, attempt, answer)
    }

    /// Formats 1 and 2 do not know their place.
    fn moved(&self, place: &Place) -> Answer {
        let home = match self.kind {
            Kind::Static | Kind::Envelope => true,
            Kind::Bound => *place == self.place,
            Kind::Seed => place.pairs() == self.place.pairs(),
        };
        if home { Answer::Value } else { Answer::Refusal }
    }

    fn relabelled(&self, number: i32) -> Answer {
        match (self.kind, number) {
            (Kind::Static, -1 | 1) | (Kind::Envelope, -1 | 2) => Answer::Value,
            (Kind::Bound, 3) | (Kind::Seed, _) => Answer::Value,
            (Kind::Static | Kind::Envelope, 0) => Answer::NothingFalse,
            _ => Answer::Refusal,
        }
    }

    /// Opens as a server does that has the attempt's key as master key and as data key.
    fn open(&self, attempt: &Attempt) -> Option<Vec<u8>> {
        let reader = Reader {
            master: MasterKey::from_bytes(&attempt.key).ok()?,
            seed: Seed::from_bytes(&attempt.key),
            data_key: Uuid::from_bytes(self.data_key),
            wrapped: self.wrapped(),
        };
        if self.kind == Kind::Seed {
            let seed = wrap::unwrap(&reader.master, &attempt.bytes, &attempt.place.pairs());
            return Some(seed.ok()?.expose().to_vec());
        }
        let format = Format::from_number(attempt.number).expect("columns are -1 to 3");
        let opened = reader.open(format, &attempt.bytes, &attempt.place.context());
        Some(opened.ok()?.to_vec())
    }

    /// What the code seals is as long as the reference's blob, and opens there.
    fn cross(&self) {
        let Self { key, place, value, .. } = self;
        let seed = Seed::from_bytes(key);
        let master = MasterKey::from_bytes(key).expect("the key is not zero");
        let context = place.context();
        let sealed = match self.kind {
            Kind::Static => v1::seal(&master, value),
            Kind::Envelope => v2::seal(&seed, &self.wrapped(), value),
            Kind::Bound => v3::seal(&seed, Uuid::from_bytes(self.data_key), &context, value),
            Kind::Seed => wrap::wrap(&master, &Seed::from_bytes(&self.info), &place.pairs()),
        }
        .expect("the system gives randomness");
        let opened = match self.kind {
            Kind::Static => reference::open_static(key, &sealed),
            Kind::Envelope => reference::open_envelope(key, &sealed),
            Kind::Bound => reference::open_bound(key, &context, &sealed),
            Kind::Seed => reference::unwrap(key, &place.pairs(), &sealed),
        };
        assert_eq!(opened.as_deref(), Some(self.value()), "sealed here, opened in the reference");
        assert_eq!(sealed.len(), self.attempt().bytes.len());
    }
}

impl Place {
    fn context(&self) -> Context<'_> {
        Context {
            purpose: &self.purpose,
            tenant: &self.tenant,
            scope: Scope::from(self.workspace.map(Uuid::from_bytes)),
            key: &self.key,
            version: self.version,
        }
    }

    /// The encryption context of a wrapped seed.
    fn pairs(&self) -> [(&'static str, String); 2] {
        [("isomer:tenant", self.tenant.clone()), ("isomer:data-key", self.key.clone())]
    }
}
