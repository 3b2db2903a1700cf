//! How a socket that resumes finds its session: its first message must say which (spec 1.1).
//!
//! Called by `ws` and `tcp` once they know who comes. Sends nothing until that message is there.

use super::{Connection, Framing, Incoming, More, Speaks};
use crate::{
    actors::session::{Attached, Door, Player},
    protocol::{ClientFrame, CloseCode, Encoding, frame::BadFrame, messages::Resume},
};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

/// Why a socket ends before it has a session: what it can still be told.
pub(crate) type Refusal = Option<(CloseCode, &'static str)>;

/// The session that the first message names, or a new one if that cannot be or nothing came within `wait`.
pub(crate) async fn resume<S: AsyncRead + AsyncWrite + Unpin, F: Framing>(
    connection: &mut Connection<S, F>,
    door: &Arc<Door>,
    player: Player,
    speaks: Speaks,
    (nesting, wait): (usize, Duration),
) -> Result<Attached, Refusal> {
    let first = first_message(connection, Instant::now() + wait).await?;
    let encoding = match (speaks, &first) {
        (Speaks::AsLast(_), Some((encoding, _))) => *encoding,
        _ => speaks.first(),
    };
    let first = first.map(|(encoding, bytes)| speaks.parse(encoding, &bytes, nesting));
    Ok(match first.map(as_resume) {
        Some(Ok((re, resume))) => door.resume(player, encoding, re, resume).await,
        Some(Err(re)) => door.enter(player, encoding, Some(Door::resume_failed(re))),
        None => door.enter(player, encoding, Some(Door::resume_failed(None))),
    })
}

/// The first message, or `None` if it does not come in time.
async fn first_message<S: AsyncRead + AsyncWrite + Unpin, F: Framing>(
    connection: &mut Connection<S, F>,
    deadline: Instant,
) -> Result<Option<(Encoding, Bytes)>, Refusal> {
    loop {
        match connection.framing.next() {
            Ok(Some(Incoming::Data(encoding, bytes))) => return Ok(Some((encoding, bytes))),
            Ok(Some(Incoming::Close { .. })) => return Err(Some((CloseCode::Normal, "goodbye"))),
            Ok(Some(_)) => continue,
            Ok(None) => {}
            Err(fault) => return Err(Some(fault.close())),
        }
        match connection.more(deadline).await {
            More::Came => {}
            More::Late => return Ok(None),
            More::Gone => return Err(None),
        }
    }
}

/// What the first message of a resuming socket says, or the `re` to refuse.
fn as_resume(frame: Result<ClientFrame, BadFrame>) -> Result<(Option<u32>, Resume), Option<u32>> {
    let frame = frame.map_err(|bad| bad.id)?;
    let re = frame.id;
    if frame.name != "session.resume" {
        return Err(re);
    }
    serde_json::from_value(frame.payload).map(|resume| (re, resume)).map_err(|_| re)
}
