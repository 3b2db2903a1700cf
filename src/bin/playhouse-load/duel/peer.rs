//! A player of `/ws/signal`, who reads only the messages that his scenario asks for.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::guests::Guest;
use crate::target::Target;
use crate::wire::{self, CLOSE, Link, Opening, PING, Reader, TEXT};

/// How long a message may take that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// His socket.
pub struct Peer {
    pub id: String,
    pub link: Link,
    reader: Reader,
    inbox: VecDeque<(String, Value)>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    name: &'a str,
    #[serde(borrow)]
    payload: &'a RawValue,
}

impl Peer {
    /// Opens a socket for this account.
    pub async fn connect(target: &Target, guest: &Guest, place: usize) -> Result<Self> {
        let authorities = target.authorities();
        let authority = authorities.get(place % authorities.len().max(1)).cloned().unwrap_or_default();
        let token = Some(guest.token.clone());
        let opening = Opening { authority, path: "/ws/signal".to_owned(), token, ..Opening::default() };
        let (reader, link) = wire::open(&opening).await?;
        Ok(Self { id: guest.id.clone(), link, reader, inbox: VecDeque::new() })
    }

    /// Sends a message.
    pub fn say(&self, name: &str, payload: &Value) -> Result<()> {
        let frame = format!(r#"{{"type":"{name}","payload":{payload}}}"#);
        ensure!(self.link.text(frame.as_bytes()), "a socket is dead");
        Ok(())
    }

    /// Reads once. `take` sees each message; false when the server has closed.
    pub async fn read(&mut self, mut take: impl FnMut(&str, &RawValue)) -> Result<bool> {
        let (link, mut closed) = (&self.link, false);
        let read = self.reader.read(|frames| {
            for frame in frames {
                match frame.opcode {
                    TEXT => {
                        if let Ok(Envelope { name, payload }) = serde_json::from_slice(frame.payload) {
                            take(name, payload);
                        }
                    }
                    PING => drop(link.pong(frame.payload)),
                    CLOSE => closed = true,
                    _ => {}
                }
            }
        });
        Ok(read.await? > 0 && !closed)
    }

    /// Waits for a message of this type; lobby messages are passed over, an error is a fault.
    pub async fn until(&mut self, wanted: &str) -> Result<Value> {
        let found = timeout(PATIENCE, async {
            loop {
                while let Some((name, payload)) = self.inbox.pop_front() {
                    if name == wanted {
                        return Ok(payload);
                    }
                    if name == "error" {
                        bail!("waiting for {wanted}: {payload}");
                    }
                }
                let mut heard = Vec::new();
                let open = self.read(|name, payload| {
                    if !name.starts_with("lobby_") || name == wanted {
                        let payload = serde_json::from_str(payload.get()).unwrap_or_default();
                        heard.push((name.to_owned(), payload));
                    }
                });
                ensure!(open.await?, "closed while waiting for {wanted}");
                self.inbox.extend(heard);
            }
        });
        found.await.with_context(|| format!("{wanted} did not come in {PATIENCE:?}"))?
    }
}
