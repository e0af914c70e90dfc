//! Which addresses may be told: a webhook must not be a way to reach what only this machine can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::Error;

/// Which addresses webhooks may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Targets {
    /// `https` to addresses on the public internet.
    Public,
    /// `http` and private addresses too, those of this machine included.
    Any,
}

/// Checks an address as it is written, and where its name leads at the moment.
pub(super) async fn check(targets: Targets, url: &str) -> Result<(), Error> {
    let refuse = |reason: String| Error::WebhookAddress { url: shown(url), reason };
    let parsed = Url::parse(url).map_err(|error| refuse(error.to_string()))?;
    check_url(targets, &parsed).map_err(&refuse)?;
    if targets == Targets::Any {
        return Ok(());
    }
    let host = parsed.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = parsed.port_or_known_default().unwrap_or(443);
    resolve(&host, port).await.map(drop).map_err(refuse)
}

/// What can be said without looking a name up.
pub(super) fn check_url(targets: Targets, url: &Url) -> Result<(), String> {
    let schemes: &[&str] = match targets {
        Targets::Public => &["https"],
        Targets::Any => &["https", "http"],
    };
    if !schemes.contains(&url.scheme()) {
        return Err(format!("its scheme is `{}`; allowed is {}", url.scheme(), schemes.join(", ")));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    if targets == Targets::Public
        && let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>()
        && !is_public(address)
    {
        return Err(format!("`{address}` is not a public address"));
    }
    Ok(())
}

/// The address without user, password and query, which may hold secrets.
pub(super) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path()),
        Err(_) => "…".to_owned(),
    }
}

/// The public addresses of a host; fails when it has others too, as any of them might be taken.
async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("its host `{host}` cannot be found: {error}"))?.collect();
    match found.iter().find(|address| !is_public(address.ip())) {
        Some(private) => Err(format!("`{host}` leads to {}, which is not a public address", private.ip())),
        None if found.is_empty() => Err(format!("its host `{host}` has no address")),
        None => Ok(found),
    }
}

/// Looks names up for a client that may connect to public addresses only: what was checked is what is connected to.
#[derive(Debug)]
pub(super) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        Box::pin(async move {
            let found = resolve(&host, 0).await.map_err(std::io::Error::other)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public internet, by the registries of special addresses of IANA.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 240..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !special && !address.is_multicast()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let words = [g, h].map(u16::to_be_bytes);
    let v4 = |words: [[u8; 2]; 2]| {
        let [[one, two], [three, four]] = words;
        is_public_v4(Ipv4Addr::new(one, two, three, four))
    };
    match (a, b) {
        // NAT64 and 6to4 carry an IPv4 address; both must be public.
        (0x64, 0xff9b) => [c, d, e, f] == [0; 4] && v4(words),
        (0x2002, _) => v4([b, c].map(u16::to_be_bytes)),
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        // Global unicast is 2000::/3; loopback, unique local, link local, multicast and the rest are not.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        for special in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn only_public_https_is_told_unless_everything_may_be() {
        for url in [
            "http://example.com/x",
            "https://127.0.0.1/x",
            "https://[::1]:8443/",
            "https://localhost/x",
            "https://0x7f000001/",
            "https://2130706433/",
            "file:///etc/passwd",
            "https://",
            "hooks",
        ] {
            assert!(check(Targets::Public, url).await.is_err(), "{url}");
        }
        for url in ["http://127.0.0.1:9/x", "https://localhost/x"] {
            assert!(check(Targets::Any, url).await.is_ok(), "{url}");
        }
        assert!(check(Targets::Any, "ftp://example.com").await.is_err());
        assert!(check(Targets::Public, "https://8.8.8.8/x").await.is_ok());
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        assert_eq!(shown("https://me:pw@hooks.example/a/b?token=1"), "https://hooks.example/a/b");
    }
}
