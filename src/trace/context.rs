//! The W3C trace context: read from clients and other nodes, written for other nodes and logs.

use crate::chance;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{borrow::Cow, fmt, num::NonZeroU64, num::NonZeroU128};

/// The length of version 00.
const LENGTH: usize = 55;

/// Which trace, and which span of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: (u64, u64),
    span: NonZeroU64,
    sampled: bool,
}

impl TraceContext {
    /// The first of a trace.
    pub fn fresh(sampled: bool) -> Self {
        Self { trace: (chance::bits(), chance::bits()), span: new_span(), sampled }
    }

    /// The next span of the same trace.
    pub fn child(self) -> Self {
        Self { span: new_span(), ..self }
    }

    /// As this one, exported or not.
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// Reads a `traceparent`. `None` if it is none: a trace is not worth refusing a request for.
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = text.split_once('-')?;
        let known = version == "00" && text.len() == LENGTH;
        let newer = version.len() == 2 && version > "00" && version < "ff" && hex(version, 2).is_some();
        if !known && !newer {
            return None;
        }
        let mut parts = rest.splitn(4, '-');
        let trace = NonZeroU128::new(hex(parts.next()?, 32)?)?.get();
        let span = NonZeroU64::new(u64::try_from(hex(parts.next()?, 16)?).ok()?)?;
        let flags = hex(parts.next()?, 2)?;
        Some(Self { trace: ((trace >> 64) as u64, trace as u64), span, sampled: flags & 1 == 1 })
    }

    /// As logs show it, and OpenTelemetry knows it.
    pub fn trace_id(self) -> u128 {
        (u128::from(self.trace.0) << 64) | u128::from(self.trace.1)
    }

    /// Of the work under way.
    pub fn span_id(self) -> u64 {
        self.span.get()
    }

    /// Whether it is exported, where there is an exporter.
    pub fn is_sampled(self) -> bool {
        self.sampled
    }
}

fn new_span() -> NonZeroU64 {
    NonZeroU64::new(chance::bits()).unwrap_or(NonZeroU64::MIN)
}

/// So many digits, lower case, and nothing else.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let right = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    right.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// As a `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id(), self.span, u8::from(self.sampled))
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// For a field of a message between nodes: what cannot be read is no trace, and no fault of the message.
pub fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TraceContext>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| TraceContext::parse(&text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_read_and_written_as_it_was() {
        let context = TraceContext::parse(GIVEN).expect("valid");
        assert_eq!(context.to_string(), GIVEN);
        assert!(context.is_sampled());
        let child = context.child();
        assert_eq!(child.trace_id(), context.trace_id());
        assert_ne!(child.span_id(), context.span_id());
        let fresh = TraceContext::fresh(true);
        assert_eq!(TraceContext::parse(&fresh.to_string()), Some(fresh));
    }

    #[test]
    fn a_newer_version_is_read_as_far_as_it_is_known() {
        let newer = format!("{}-what-is-new", GIVEN.replacen("00", "01", 1));
        assert_eq!(TraceContext::parse(&newer), TraceContext::parse(GIVEN));
    }

    #[test]
    fn what_is_no_traceparent_is_none() {
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let no_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let upper = GIVEN.to_uppercase();
        let longer = format!("{GIVEN}-x");
        let invalid = GIVEN.replacen("00", "ff", 1);
        let signed = GIVEN.replacen("4bf9", "+bf9", 1);
        for text in ["", "00", "-", zero, no_span, &upper, &longer, &invalid, &signed, "00-é-é-é"] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
