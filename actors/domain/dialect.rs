//! Which generations of A2A an agent speaks, and at which of its addresses, as its card says.

use std::sync::Arc;

use serde_json::Value;

/// The one transport that is spoken here.
const JSONRPC: &str = "JSONRPC";

/// A generation of the A2A protocol: what is said alike within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generation {
    /// `message/send`, objects tagged with `kind`. Versions 0.2 and 0.3.
    V03,
    /// `SendMessage`, objects told apart by their members. Versions 1.x.
    V10,
}

impl Generation {
    /// Both, oldest first.
    pub const ALL: [Self; 2] = [Self::V03, Self::V10];

    /// Returns the other one.
    pub fn other(self) -> Self {
        match self {
            Self::V03 => Self::V10,
            Self::V10 => Self::V03,
        }
    }

    /// Returns the version that the header `A2A-Version` names it by.
    pub fn version(self) -> &'static str {
        match self {
            Self::V03 => "0.3",
            Self::V10 => "1.0",
        }
    }

    /// Returns the generation of a protocol version such as `0.3.0`; `None` for one that is
    /// not known here.
    pub fn of_version(version: &str) -> Option<Self> {
        let mut numbers = version.trim().splitn(3, '.');
        match (numbers.next()?.parse::<u32>().ok()?, numbers.next().map(str::parse::<u32>)) {
            (0, Some(Ok(2 | 3))) => Some(Self::V03),
            (1, None | Some(Ok(_))) => Some(Self::V10),
            _ => None,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::V03 => 1,
            Self::V10 => 2,
        }
    }
}

/// What is known of an agent's generations. Two words, and cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The address of a generation that is not spoken where the agent registered.
    elsewhere: Option<Arc<Elsewhere>>,
    /// Bits of the generations spoken where the agent registered; none when nothing is known.
    here: u8,
}

#[derive(Debug, PartialEq, Eq)]
struct Elsewhere {
    generation: Generation,
    url: Box<str>,
}

/// How a message of one generation reaches an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course<'a> {
    /// As it is: its generation is spoken, or nothing is known.
    AsIs,
    /// In the given generation; or as it is at the given address, if there is one.
    Translated(Generation, Option<&'a str>),
}

impl Dialect {
    /// Reads an agent card of either generation. `url` is where the agent registered.
    ///
    /// Only JSON-RPC counts: nothing else is sent. A card that names no version it is known by,
    /// or no card, tells nothing.
    pub fn of_card(card: Option<&Value>, url: Option<&str>) -> Self {
        let interfaces = card.map(interfaces).unwrap_or_default();
        let registered = url.map(address).unwrap_or_default();
        let listed = |at: &str| interfaces.iter().any(|(_, url)| address(url) == at);
        // An address the card does not list is another name of its first one (a tunnel, a port
        // of the host); the card's other addresses are then not known from here.
        let known = listed(registered);
        let at = match interfaces.first() {
            Some((_, first)) if !known => address(first),
            _ => registered,
        };
        let here = interfaces.iter().filter(|(_, url)| address(url) == at);
        let here = here.fold(0, |bits, (generation, _)| bits | generation.bit());
        let elsewhere = interfaces
            .iter()
            .find(|(generation, _)| known && here & generation.bit() == 0)
            .map(|(generation, url)| {
                Arc::new(Elsewhere { generation: *generation, url: (*url).into() })
            });
        Self { elsewhere, here }
    }

    /// Returns whether anything is known.
    pub fn is_known(&self) -> bool {
        self.here != 0
    }

    /// Returns whether the agent speaks `generation` where it registered, as far as is known.
    pub fn speaks(&self, generation: Generation) -> bool {
        self.here & generation.bit() != 0
    }

    /// Returns how a message of `generation` reaches the agent.
    pub fn course(&self, generation: Generation) -> Course<'_> {
        if !self.is_known() || self.speaks(generation) {
            return Course::AsIs;
        }
        let own = self.elsewhere.as_deref().filter(|at| at.generation == generation);
        Course::Translated(generation.other(), own.map(|at| &*at.url))
    }
}

/// Addresses that differ in a slash at the end are the same.
fn address(url: &str) -> &str {
    url.strip_suffix('/').unwrap_or(url)
}

/// Every JSON-RPC address of a card, in the card's order of preference.
fn interfaces(card: &Value) -> Vec<(Generation, &str)> {
    let new = listed(card, "supportedInterfaces").filter_map(|interface| {
        let generation = Generation::of_version(text(interface, "protocolVersion")?)?;
        let rpc = is_rpc(text(interface, "protocolBinding")?);
        rpc.then_some((generation, text(interface, "url")?))
    });
    let generation = text(card, "protocolVersion").and_then(Generation::of_version);
    let first_is_rpc = is_rpc(text(card, "preferredTransport").unwrap_or(JSONRPC));
    let first = text(card, "url").filter(|_| first_is_rpc);
    let more = listed(card, "additionalInterfaces").filter_map(|interface| {
        is_rpc(text(interface, "transport")?).then_some(text(interface, "url")?)
    });
    let old = first.into_iter().chain(more).filter_map(|url| Some((generation?, url)));
    new.chain(old).collect()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn listed<'a>(card: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    card.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn is_rpc(transport: &str) -> bool {
    transport.eq_ignore_ascii_case(JSONRPC)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::Generation::{V03, V10};
    use super::*;

    const HOME: &str = "http://agent:8000/";

    fn of(card: &Value) -> Dialect {
        Dialect::of_card(Some(card), Some(HOME))
    }

    fn interface(url: &str, version: &str) -> Value {
        json!({"url": url, "protocolBinding": "JSONRPC", "protocolVersion": version})
    }

    #[test]
    fn it_is_two_words() {
        assert_eq!(size_of::<Dialect>(), 2 * size_of::<usize>());
    }

    #[test]
    fn versions_belong_to_a_generation() {
        for (version, generation) in [
            ("0.3", Some(V03)),
            ("0.3.0", Some(V03)),
            ("0.2.6", Some(V03)),
            ("1.0", Some(V10)),
            ("1.0.1", Some(V10)),
            ("1", Some(V10)),
            ("1.4", Some(V10)),
            ("0.1", None),
            ("2.0", None),
            ("", None),
            ("one", None),
            ("1.x", None),
        ] {
            assert_eq!(Generation::of_version(version), generation, "{version}");
        }
    }

    #[test]
    fn a_card_without_a_version_tells_nothing() {
        let cards = [
            json!(null),
            json!({"name": "agent"}),
            json!({"name": "agent", "url": HOME}),
            json!({"url": HOME, "protocolVersion": "7.0"}),
            json!({"url": HOME, "protocolVersion": "0.3.0", "preferredTransport": "GRPC"}),
            json!({"supportedInterfaces": [{"url": HOME, "protocolBinding": "JSONRPC"}]}),
            json!({"supportedInterfaces": "none", "additionalInterfaces": 7}),
        ];
        for card in cards {
            assert!(!of(&card).is_known(), "{card}");
            assert_eq!(of(&card).course(V10), Course::AsIs);
        }
        assert!(!Dialect::of_card(None, Some(HOME)).is_known());
    }

    #[test]
    fn each_generation_says_it_in_its_own_words() {
        let old = of(&json!({"url": "http://agent:8000", "protocolVersion": "0.3.0"}));
        assert_eq!(old.course(V03), Course::AsIs);
        assert_eq!(old.course(V10), Course::Translated(V03, None));
        let new = of(&json!({"supportedInterfaces": [interface(HOME, "1.0")]}));
        assert_eq!(new.course(V10), Course::AsIs);
        assert_eq!(new.course(V03), Course::Translated(V10, None));
        let both = json!({"supportedInterfaces": [interface(HOME, "1.0")],
            "url": HOME, "protocolVersion": "0.3.0"});
        assert!(of(&both).speaks(V03) && of(&both).speaks(V10));
        let behind = json!({"url": "grpc://agent", "preferredTransport": "GRPC",
            "protocolVersion": "0.3.0",
            "additionalInterfaces": [{"url": HOME, "transport": "jsonrpc"}]});
        assert!(of(&behind).speaks(V03) && !of(&behind).speaks(V10));
    }

    #[test]
    fn another_address_counts_only_beside_the_registered_one() {
        let card = json!({"supportedInterfaces":
            [interface("http://agent:8000/v1", "1.0"), interface("http://agent:8000", "0.3")]});
        let course = Course::Translated(V03, Some("http://agent:8000/v1"));
        assert_eq!(of(&card).course(V10), course);
        assert_eq!(of(&card).course(V03), Course::AsIs);
        // Reached by a name that the card does not know: its first address is meant.
        let away = Dialect::of_card(Some(&card), Some("http://localhost:49152"));
        assert_eq!(away.course(V10), Course::AsIs);
        assert_eq!(away.course(V03), Course::Translated(V10, None));
    }

    proptest! {
        #[test]
        fn a_generation_that_is_spoken_is_never_translated(
            entries in proptest::collection::vec(("[a-c]", "(0\\.3|1\\.0|9)"), 0..5), home in "[a-d]",
        ) {
            let interfaces: Vec<_> =
                entries.iter().map(|(url, version)| interface(url, version)).collect();
            let card = json!({"supportedInterfaces": interfaces});
            let dialect = Dialect::of_card(Some(&card), Some(&home));
            for generation in Generation::ALL {
                let listed = entries.iter().any(|(url, version)| {
                    *url == home && Generation::of_version(version) == Some(generation)
                });
                prop_assert!(!listed || dialect.course(generation) == Course::AsIs);
                if let Course::Translated(to, own) = dialect.course(generation) {
                    prop_assert!(dialect.speaks(to) && to != generation);
                    prop_assert!(own.is_none_or(|url| url != home));
                }
            }
        }
    }
}
