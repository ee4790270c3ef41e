//! Which addresses an agent may give (contract 02 §7): no metadata services, no neighbours.
//!
//! The classifier is pure. Checking a URL resolves its host and pins the addresses that were
//! vetted, so that a second resolution cannot lead elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::Url;
use reqwest::redirect::Policy;

/// Longest URL in bytes.
const MAX_URL_BYTES: usize = 2_048;
/// How long resolving a host may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(3);

/// How long connecting may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept: less than common servers do, so that a request seldom
/// meets one that is just being closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(3);
/// Unused connections of one client: as many as messages to one workspace may be under way
/// (`egress::MAX_IN_FLIGHT_EACH`), or a busy agent's connections would be closed and made anew
/// between two messages.
const MAX_IDLE_CONNECTIONS: usize = 64;

/// On which occasion a URL is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Contract 02 §7.1: an agent gives its URL.
    Registration,
    /// Contract 02 §7.2: the platform is about to connect.
    Dispatch,
}

/// What the deployment allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Agents live in the platform's private network.
    pub saas: bool,
    /// `MOLECULE_ENV=development`: agents live on this machine.
    pub dev: bool,
}

/// A URL whose addresses were vetted.
#[derive(Clone, Debug)]
pub struct Vetted {
    pub url: Url,
    /// The only addresses a connection may go to.
    pub addresses: Vec<SocketAddr>,
}

/// Why a URL was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    #[error("it is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("it is not an absolute URL")]
    Malformed,
    #[error("its scheme is neither http nor https")]
    Scheme,
    #[error("it carries a user name or password")]
    UserInfo,
    #[error("its port is 0")]
    Port,
    #[error("its host cannot be resolved")]
    Unresolvable,
    #[error("its address is not one that agents may have")]
    Address,
}

/// Checks a URL and resolves its host.
///
/// # Errors
/// [`UrlRefused`], a reason that can be shown to whoever gave the URL.
pub async fn check(text: &str, rule: Rule, mode: Mode) -> Result<Vetted, UrlRefused> {
    let url = parse(text)?;
    let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(UrlRefused::Port)?;
    let host = url.host_str().ok_or(UrlRefused::Malformed)?.to_owned();
    let literal: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if literal.is_none() && host.eq_ignore_ascii_case("localhost") && rule == Rule::Registration {
        let addresses = vec![
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ];
        return Ok(Vetted { url, addresses });
    }
    let addresses = match literal {
        Some(ip) => vec![SocketAddr::new(ip, port)],
        None => resolve(&host, port).await?,
    };
    if addresses.is_empty() {
        return Err(UrlRefused::Unresolvable);
    }
    if addresses.iter().all(|address| admits(address.ip(), mode)) {
        Ok(Vetted { url, addresses })
    } else {
        Err(UrlRefused::Address)
    }
}

/// Returns a client that connects only to the vetted addresses, by no proxy, and follows no
/// redirects. It sets no limit but the one for connecting: its callers do.
///
/// For `https` it reads the system's certificates, which blocks.
///
/// # Errors
/// When no TLS provider is installed.
pub fn client_for(vetted: &Vetted) -> Result<reqwest::Client, reqwest::Error> {
    let host = vetted.url.host_str().unwrap_or_default();
    let builder = reqwest::Client::builder()
        .redirect(Policy::none())
        // A proxy would resolve the name by itself.
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .resolve_to_addrs(host, &vetted.addresses);
    let plain = vetted.url.scheme() == "http";
    if plain { builder.tls_certs_only([]) } else { builder }.build()
}

fn parse(text: &str) -> Result<Url, UrlRefused> {
    if text.len() > MAX_URL_BYTES {
        return Err(UrlRefused::TooLong);
    }
    if text.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err(UrlRefused::Malformed);
    }
    let url = Url::parse(text).map_err(|_| UrlRefused::Malformed)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlRefused::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::UserInfo);
    }
    Ok(url)
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, UrlRefused> {
    let lookup = tokio::net::lookup_host((host, port));
    match tokio::time::timeout(RESOLVE_LIMIT, lookup).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(_)) | Err(_) => Err(UrlRefused::Unresolvable),
    }
}

/// Returns whether an agent may have this address.
/// The two tables of the contract agree on addresses; they differ on names.
pub fn admits(ip: IpAddr, mode: Mode) -> bool {
    match embedded(ip) {
        IpAddr::V4(v4) => admits_v4(v4, mode),
        IpAddr::V6(v6) => admits_v6(v6, mode),
    }
}

/// Unwraps IPv4 addresses that travel inside IPv6 ones: mapped, compatible, NAT64 and 6to4.
fn embedded(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    if v6.is_loopback() || v6.is_unspecified() {
        return ip;
    }
    let s = v6.segments();
    let low =
        |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] => low(a, b),
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => low(a, b),
        [0x2002, a, b, ..] => low(a, b),
        _ => ip,
    }
}

fn admits_v4(ip: Ipv4Addr, mode: Mode) -> bool {
    let [a, b, ..] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let never = ip.is_unspecified()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        || ip.is_broadcast()
        || shared;
    if never {
        return false;
    }
    if ip.is_loopback() {
        return mode.dev;
    }
    if ip.is_private() {
        return mode.saas || mode.dev;
    }
    a != 0
}

fn admits_v6(ip: Ipv6Addr, mode: Mode) -> bool {
    let s = ip.segments();
    let documentation = s[0] == 0x2001 && s[1] == 0xdb8;
    if ip.is_unspecified() || ip.is_unicast_link_local() || ip.is_multicast() || documentation {
        return false;
    }
    if ip.is_loopback() {
        return mode.dev;
    }
    match s[0] >> 8 {
        0xfc => false,
        0xfd => mode.saas || mode.dev,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NORMAL: Mode = Mode { saas: false, dev: false };
    const SAAS: Mode = Mode { saas: true, dev: false };
    const DEV: Mode = Mode { saas: false, dev: true };

    fn admitted(text: &str, mode: Mode) -> bool {
        let ip: IpAddr = text.parse().unwrap();
        admits(ip, mode)
    }

    fn refused(text: &str, mode: Mode) -> bool {
        let ip: IpAddr = text.parse().unwrap();
        !admits(ip, mode)
    }

    #[test]
    fn what_is_never_an_agent() {
        for ip in [
            "0.0.0.0",
            "169.254.169.254",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "100.64.0.1",
            "100.127.255.255",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fc00::1",
            "2001:db8::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            for mode in [NORMAL, SAAS, DEV] {
                assert!(refused(ip, mode), "{ip} {mode:?}");
            }
        }
    }

    #[test]
    fn what_depends_on_the_deployment() {
        for ip in
            ["10.0.0.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"]
        {
            assert!(refused(ip, NORMAL) && admitted(ip, SAAS) && admitted(ip, DEV), "{ip}");
        }
        for ip in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"] {
            assert!(refused(ip, NORMAL) && refused(ip, SAAS) && admitted(ip, DEV), "{ip}");
        }
    }

    #[test]
    fn the_rest_of_the_world_is_open() {
        for ip in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(admitted(ip, NORMAL), "{ip}");
        }
    }

    #[tokio::test]
    async fn urls_are_refused_with_their_reason() {
        let long = format!("http://example.com/{}", "x".repeat(3_000));
        for (url, reason) in [
            ("", UrlRefused::Malformed),
            ("ftp://example.com", UrlRefused::Scheme),
            ("http://a b", UrlRefused::Malformed),
            ("http://x\u{0}y", UrlRefused::Malformed),
            ("http://user:pw@8.8.8.8", UrlRefused::UserInfo),
            ("http://8.8.8.8:0", UrlRefused::Port),
            ("http://169.254.169.254/latest", UrlRefused::Address),
            ("http://[::ffff:127.0.0.1]", UrlRefused::Address),
            ("http://0x7f000001", UrlRefused::Address),
            ("http://127.0.0.1:8000", UrlRefused::Address),
            (long.as_str(), UrlRefused::TooLong),
        ] {
            let result = check(url, Rule::Registration, NORMAL).await;
            assert_eq!(result.map(|_| ()), Err(reason), "{url}");
        }
    }

    #[tokio::test]
    async fn localhost_may_register_and_pins_loopback() {
        let vetted = check("http://localhost:8001", Rule::Registration, NORMAL).await.unwrap();
        assert!(vetted.addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 8001));
        let dispatch = check("http://localhost:8001", Rule::Dispatch, NORMAL).await;
        assert_eq!(dispatch.map(|_| ()), Err(UrlRefused::Address));
    }

    proptest! {
        #[test]
        fn wrapping_an_address_never_admits_more(bits in any::<u32>(), dev in any::<bool>(), saas in any::<bool>()) {
            let v4 = Ipv4Addr::from(bits);
            let mode = Mode { saas, dev };
            let plain = admits(IpAddr::V4(v4), mode);
            prop_assert_eq!(plain, admits(IpAddr::V6(v4.to_ipv6_mapped()), mode));
        }
    }
}
