//! Keeps pages of other sites away from a server that trusts the machine it runs on.
//!
//! Two attacks are known against servers on loopback. A page may send requests across sites: such a request carries a
//! foreign `Origin`, and may change nothing. A page may have its own name resolve to 127.0.0.1 (DNS rebinding): such
//! a request carries a foreign `Host`, and is refused whatever it asks.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri, header};
use base::Kind;

use crate::problem::Problem;
use crate::settings::Settings;

/// Refuses a request that a page of another site may have sent. `on_loopback` says whether the server listens on
/// loopback only, where the names by which it may be addressed are known.
pub(crate) fn check(
    settings: &Settings,
    on_loopback: bool,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    let host = host_of(uri, headers);
    let restricted = on_loopback || !settings.allowed_hosts.is_empty();
    if restricted && !host.as_deref().is_some_and(|host| is_ours(settings, on_loopback, host)) {
        let named = host.unwrap_or_default();
        return Err(Problem::new(
            Kind::Denied,
            "foreign_host",
            format!("this server is not known as `{named}`"),
        )
        .with_hint("use `localhost` or `127.0.0.1`, or name the host in the setting `allowed_hosts`"));
    }
    if method.is_safe() {
        return Ok(());
    }
    match headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default()) {
        Some(origin) if !is_own_origin(settings, origin, host.as_deref()) => Err(foreign_origin(origin)),
        None if headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "cross-site" || site == "same-site") =>
        {
            Err(foreign_origin("unknown"))
        }
        _ => Ok(()),
    }
}

fn foreign_origin(origin: &str) -> Problem {
    Problem::new(Kind::Denied, "foreign_origin", format!("a page of `{origin}` may not change anything here"))
        .with_hint("to allow that page, name its origin in the setting `allowed_origins`")
}

/// The host and port by which the client addressed the server, in lower case.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| uri.authority().map(Authority::as_str)).map(str::to_ascii_lowercase)
}

fn is_ours(settings: &Settings, on_loopback: bool, host: &str) -> bool {
    let name = without_port(host);
    let local = on_loopback && matches!(name, "localhost" | "127.0.0.1" | "[::1]");
    local || settings.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

fn is_own_origin(settings: &Settings, origin: &str, host: Option<&str>) -> bool {
    let own = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
        .is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)));
    own || settings.allowed_origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(method: &Method, on_loopback: bool, headers: &[(&'static str, &str)]) -> Option<&'static str> {
        let settings = Settings {
            allowed_hosts: vec!["models.example".into()],
            allowed_origins: vec!["https://portal.example".into()],
            ..Settings::default()
        };
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        check(&settings, on_loopback, method, &Uri::from_static("/"), &headers)
            .err()
            .map(|problem| problem.code)
    }

    #[test]
    fn loopback_answers_to_its_own_names_only() {
        for host in
            ["localhost", "LOCALHOST:5000", "127.0.0.1:5000", "[::1]:5000", "[::1]", "models.example:80"]
        {
            assert_eq!(code(&Method::GET, true, &[("host", host)]), None, "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5000", "192.168.1.7", ""]
        {
            assert_eq!(code(&Method::GET, true, &[("host", host)]), Some("foreign_host"), "{host}");
        }
        assert_eq!(code(&Method::GET, true, &[]), Some("foreign_host"));
    }

    #[test]
    fn a_page_of_another_site_reads_no_answer_and_changes_nothing() {
        let post =
            |origin: &str| code(&Method::POST, true, &[("host", "localhost:5000"), ("origin", origin)]);
        assert_eq!(post("http://localhost:5000"), None);
        assert_eq!(post("https://portal.example"), None);
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost:8888",
            "http://localhost",
            "localhost:5000",
            "",
        ] {
            assert_eq!(post(origin), Some("foreign_origin"), "{origin}");
        }
        let fetched = [("host", "localhost:5000"), ("sec-fetch-site", "cross-site")];
        assert_eq!(code(&Method::DELETE, true, &fetched), Some("foreign_origin"));
        assert_eq!(code(&Method::GET, true, &fetched), None);
    }

    #[test]
    fn a_client_that_is_no_browser_needs_no_origin() {
        assert_eq!(code(&Method::POST, true, &[("host", "127.0.0.1:5000")]), None);
    }

    #[test]
    fn beyond_loopback_the_configured_names_count() {
        assert_eq!(code(&Method::GET, false, &[("host", "models.example")]), None);
        assert_eq!(code(&Method::GET, false, &[("host", "localhost")]), Some("foreign_host"));
    }
}
