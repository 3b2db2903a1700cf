//! What one peer may learn of the other's addresses (spec 4.5): with `duel.relay_only` those of relays alone.
//!
//! Owns which candidates are passed on, and what descriptions say. Pure; called where a message comes in. A relay's candidate
//! names the address behind it too (`raddr`): that goes.

use serde_json::{Map, Value};

/// What `RTCIceCandidateInit` has besides the candidate. Anything else may say anything.
const BESIDES: [&str; 3] = ["sdpMid", "sdpMLineIndex", "usernameFragment"];

/// The candidate as the other may see it. `None`: not at all. One without a word is the end of candidates.
pub(super) fn candidate(candidate: &Value) -> Option<Value> {
    let text = candidate.get("candidate")?.as_str()?;
    let text = if text.is_empty() { String::new() } else { hidden(text)? };
    let besides = BESIDES.iter().filter_map(|name| Some(((*name).to_owned(), candidate.get(name)?.clone())));
    let mut shown: Map<String, Value> = besides.collect();
    shown.insert("candidate".to_owned(), text.into());
    Some(shown.into())
}

/// The description without the addresses of its peer: other candidates than relays', and those that stand for all.
pub(super) fn description(sdp: &str) -> String {
    let end = if sdp.contains("\r\n") { "\r\n" } else { "\n" };
    let lines = sdp.lines().filter_map(|line| {
        if let Some(text) = line.strip_prefix("a=")
            && text.starts_with("candidate:")
        {
            return hidden(text).map(|text| format!("a={text}"));
        }
        let names_an_address = ["c=IN ", "o=", "a=rtcp:"].iter().any(|start| line.starts_with(start));
        Some(if names_an_address { without_address(line) } else { line.to_owned() })
    });
    lines.fold(String::with_capacity(sdp.len()), |shown, line| shown + &line + end)
}

/// A relay's candidate without the address behind it (RFC 8839, 5.1).
fn hidden(text: &str) -> Option<String> {
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let value_of = |words: &[&str], name: &str| words.iter().position(|word| *word == name).map(|at| at + 1);
    if value_of(&words, "typ").and_then(|at| words.get(at).copied()) != Some("relay") {
        return None;
    }
    for (name, nothing) in [("raddr", "0.0.0.0"), ("rport", "0")] {
        if let Some(value) = value_of(&words, name).and_then(|at| words.get_mut(at)) {
            *value = nothing;
        }
    }
    Some(words.join(" "))
}

/// `… IN IP4 address` with the address of nobody.
fn without_address(line: &str) -> String {
    match line.split_once(" IN IP").or_else(|| line.split_once("=IN IP")) {
        Some((before, _)) if line.starts_with("c=") => format!("{before}=IN IP4 0.0.0.0"),
        Some((before, _)) => format!("{before} IN IP4 0.0.0.0"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const RELAY: &str =
        "candidate:1 1 udp 41885439 198.51.100.7 49170 typ relay raddr 203.0.113.9 rport 50111 generation 0";

    #[test]
    fn relays_alone_are_passed_on_without_what_is_behind_them() {
        let of = |text: &str| json!({"candidate": text, "sdpMid": "0", "sdpMLineIndex": 0});
        let shown = candidate(&of(RELAY)).expect("a relay");
        let text = shown["candidate"].as_str().expect("text");
        assert!(text.contains("198.51.100.7 49170 typ relay raddr 0.0.0.0 rport 0"), "{text}");
        assert_eq!(shown["sdpMid"], "0");
        for other in ["host", "srflx", "prflx"] {
            assert_eq!(candidate(&of(&RELAY.replace("relay", other))), None, "{other}");
        }
        assert_eq!(candidate(&of("candidate:1 1 udp 1 relay 9 typ host ufrag relay")), None);
        assert_eq!(candidate(&of("")), Some(of("")), "the end of candidates tells nothing");
        for odd in [json!({"candidate": 7}), json!({"candidate": null}), json!({}), json!("candidate")] {
            assert_eq!(candidate(&odd), None, "{odd}");
        }
        let told = candidate(&json!({"candidate": RELAY, "address": "203.0.113.9"})).expect("a relay");
        assert_eq!(told.get("address"), None, "nor in words of its own");
    }

    #[test]
    fn a_description_names_no_address_of_its_peer() {
        let sdp = format!(
            "v=0\r\no=- 46 2 IN IP4 203.0.113.9\r\ns=-\r\nm=application 49170 UDP/DTLS/SCTP webrtc-datachannel\r\n\
             c=IN IP4 203.0.113.9\r\na=rtcp:9 IN IP6 2001:db8::9\r\n\
             a=candidate:2 1 udp 2122260223 192.168.1.9 50111 typ host\r\na={RELAY}\r\na=ice-ufrag:abcd\r\n"
        );
        let shown = description(&sdp);
        for address in ["203.0.113.9", "192.168.1.9", "2001:db8", "50111"] {
            assert!(!shown.contains(address), "{address} in {shown}");
        }
        for kept in [
            "v=0\r\n",
            "c=IN IP4 0.0.0.0\r\n",
            "o=- 46 2 IN IP4 0.0.0.0\r\n",
            "198.51.100.7 49170 typ relay",
            "a=ice-ufrag:abcd\r\n",
        ] {
            assert!(shown.contains(kept), "{kept} not in {shown}");
        }
        assert_eq!(description(&shown), shown);
    }
}
