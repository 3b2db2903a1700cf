//! Frames that no client should send.

use playhouse::actors::session::CLIENT_TYPES;
use rand::{Rng, RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

/// Makes payloads in one encoding, from a seed.
pub struct Mutator {
    pub rng: StdRng,
    pub packed: bool,
}

impl Mutator {
    /// The next payload, and whether it goes into a text frame.
    pub fn next(&mut self) -> (bool, Vec<u8>) {
        let payload = match self.rng.random_range(0..1_000) {
            0 => self.huge(),
            1..30 => self.nested(),
            30..300 => self.noise(),
            300..320 => self.valid(),
            _ => self.mutated(),
        };
        let astray = self.rng.random_bool(0.01);
        (self.packed == astray, payload)
    }

    fn encode(&self, value: &Value) -> Vec<u8> {
        if self.packed { rmp_serde::to_vec_named(value).unwrap() } else { value.to_string().into_bytes() }
    }

    /// A frame of the protocol, its payload of any shape.
    fn valid(&mut self) -> Vec<u8> {
        let name = *CLIENT_TYPES.choose(&mut self.rng).unwrap();
        let fields = [
            "ready",
            "name",
            "capacity",
            "settings",
            "text",
            "target",
            "suspect",
            "execute",
            "code",
            "player_id",
            "room_id",
            "cursor",
            "limit",
            "client_time",
            "day_ms",
            "roles",
            "muted",
            "reason",
        ];
        let mut payload = json!({});
        for _ in 0..self.rng.random_range(0..3) {
            let field = *fields.choose(&mut self.rng).unwrap();
            payload[field] = self.value(2);
        }
        let mut frame = json!({"type": name, "payload": payload});
        if self.rng.random_bool(0.7) {
            frame["id"] = json!(self.rng.random::<u32>());
        }
        self.encode(&frame)
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.rng.random_range(0..if depth > 0 { 10 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.rng.random_bool(0.5)),
            2 => json!(self.rng.random_range(-10..1_000)),
            3 => json!(self.rng.random::<u64>()),
            4 => json!(self.rng.random_range(-1e300..1e300)),
            5 => json!("\u{202e}\0가\u{fffd}".repeat(self.rng.random_range(0..20))),
            6 => json!("018f0000-0000-7000-8000-000000000000"),
            7 => json!(""),
            8 => (0..self.rng.random_range(0..4)).map(|_| self.value(depth - 1)).collect(),
            _ => json!({"mafia": self.value(depth - 1), "": self.value(depth - 1)}),
        }
    }

    /// A frame of the protocol with some bytes changed, lost, doubled or cut off.
    fn mutated(&mut self) -> Vec<u8> {
        let mut bytes = self.valid();
        for _ in 0..self.rng.random_range(1..4) {
            if bytes.is_empty() {
                break;
            }
            let at = self.rng.random_range(0..bytes.len());
            match self.rng.random_range(0..5) {
                0 => bytes[at] = self.rng.random(),
                1 => bytes[at] ^= 1 << self.rng.random_range(0..8),
                2 => bytes.truncate(at),
                3 => drop(bytes.remove(at)),
                _ => bytes.extend_from_within(at..),
            }
        }
        bytes
    }

    fn noise(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.random_range(0..100)];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn nested(&mut self) -> Vec<u8> {
        let depth = self.rng.random_range(10..300);
        if self.packed {
            return [vec![0x91; depth], vec![0xc0]].concat();
        }
        let (open, close) = *[("[", "]"), (r#"{"a":"#, "}")].choose(&mut self.rng).unwrap();
        let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
        format!(r#"{{"id":1,"type":"ping","payload":{{"client_time":{deep}}}}}"#).into_bytes()
    }

    /// As large as may be: one long string, or brackets without end.
    fn huge(&mut self) -> Vec<u8> {
        let len = self.rng.random_range(30_000..65_000);
        let filler = *[b'[', b'"', b' ', b'9', 0x91, 0xff].choose(&mut self.rng).unwrap();
        vec![filler; len]
    }

    /// Bytes that are no frame, or the beginning of one that is too large.
    pub fn broken_framing(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..4) {
            0 => vec![0x83, 0x80, 0, 0, 0, 0], // a reserved opcode
            1 => vec![0x81, 0x02, b'{', b'}'], // unmasked
            2 => vec![0x82, 0xff, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0], // four gigabytes are announced
            _ => self.noise(),
        }
    }
}

/// Appends a client's frame; its mask is zero, which changes nothing.
pub fn frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const MASKED: u8 = 0x80;
    out.push(opcode);
    match payload.len() {
        short @ 0..=125 => out.push(MASKED | short as u8),
        medium => {
            out.push(MASKED | 126);
            out.extend_from_slice(&u16::try_from(medium).unwrap().to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
}
