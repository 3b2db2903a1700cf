//! What every answer has in common: security headers, refusals as problems; and where a request comes from.

use super::Problem;
use crate::config::Config;
use actix_web::{
    body::EitherBody,
    dev::{RequestHead, ServiceResponse},
    http::header::{self, HeaderMap, HeaderName, HeaderValue},
    middleware::{DefaultHeaders, ErrorHandlerResponse, ErrorHandlers},
};
use std::net::{IpAddr, Ipv4Addr};

/// Pages run our own scripts alone and speak to us alone; nobody frames them (spec 2). No form is sent by the browser
/// itself: what is typed into one never ends up in an address.
const CSP: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a page may ask its user for: his camera and microphone, for the page's own use (spec 7), and nothing else.
const PERMISSIONS: &str = "camera=(self), microphone=(self), display-capture=(), geolocation=(), usb=()";

/// For every answer. What is not said to be cached is not: answers carry tokens.
const SECURITY: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::PERMISSIONS_POLICY, PERMISSIONS),
    (header::CACHE_CONTROL, "no-store"),
];

/// Puts the security headers on every answer that does not set its own. With `hsts_s` browsers are told to insist on TLS for
/// so many seconds.
pub fn security_headers(hsts_s: u64) -> DefaultHeaders {
    let headers = SECURITY.into_iter().fold(DefaultHeaders::new(), DefaultHeaders::add);
    match hsts_s {
        0 => headers,
        s => headers.add((header::STRICT_TRANSPORT_SECURITY, format!("max-age={s}"))),
    }
}

/// As [`security_headers`], for an answer that no middleware sees.
pub fn secure(headers: &mut HeaderMap) {
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Turns the framework's own refusals (unknown path, wrong method, broken body) into problem documents.
pub fn errors<B: 'static>() -> ErrorHandlers<B> {
    ErrorHandlers::new().default_handler(as_problem)
}

fn as_problem<B>(response: ServiceResponse<B>) -> actix_web::Result<ErrorHandlerResponse<B>> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes() == Problem::CONTENT_TYPE.as_bytes()) {
        return Ok(ErrorHandlerResponse::Response(response.map_into_left_body()));
    }
    let (req, mut response) = response.into_parts();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::CONTENT_TYPE));
    let document = Problem::of_status(response.status()).document();
    let response =
        response.set_body(document).map_into_boxed_body().map_body(|_, body| EitherBody::right(body));
    Ok(ErrorHandlerResponse::Response(ServiceResponse::new(req, response)))
}

/// The client's address: the peer's, or, behind proxies of `server.trusted_proxies`, the last address of
/// `X-Forwarded-For` that is none of them.
pub fn client_address(req: &RequestHead, config: &Config) -> IpAddr {
    let trusted = |address: &IpAddr| config.server.trusted_proxies.contains(&address.to_canonical());
    let peer = req.peer_addr.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
    if !trusted(&peer) {
        return peer;
    }
    let mut client = peer;
    let hops = req.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        client = address.to_canonical();
        if !trusted(&client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut config = Config::default();
        config.server.trusted_proxies =
            vec!["10.0.0.1".parse().expect("ip"), "10.0.0.2".parse().expect("ip")];
        let mut req = TestRequest::default().peer_addr(format!("{peer}:1").parse().expect("address"));
        for value in forwarded {
            req = req.append_header(("X-Forwarded-For", *value));
        }
        client_address(req.to_http_request().head(), &config).to_string()
    }

    #[test]
    fn a_stranger_cannot_choose_his_address() {
        assert_eq!(address("1.2.3.4", &["9.9.9.9"]), "1.2.3.4");
    }

    #[test]
    fn a_trusted_proxy_names_its_client_and_the_client_cannot_lie_further() {
        assert_eq!(address("10.0.0.1", &["9.9.9.9, 5.6.7.8"]), "5.6.7.8");
        assert_eq!(address("10.0.0.1", &["9.9.9.9, 5.6.7.8", "10.0.0.2"]), "5.6.7.8");
        assert_eq!(address("10.0.0.1", &["5.6.7.8, nonsense"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &[]), "10.0.0.1");
    }
}
