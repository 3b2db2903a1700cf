//! The part on `/ws/signal`: from the types of its payloads and the table of its codes.

use super::{
    cell, put,
    schema::{about, doc_in, shape_of},
};
use crate::protocol::signal::{SUBPROTOCOLS, Signal, SignalCode, payloads::*, pushes::*};

type Row = (&'static str, fn() -> String, &'static str);

const CLIENT: [Row; 12] = [
    ("join_lobby", shape_of::<JoinLobby>, "into a lobby, or into another, or for a new `lobby_update`"),
    ("leave_lobby", shape_of::<LeaveLobby>, "out of it; a lost socket does so too"),
    (
        "request_match",
        shape_of::<RequestMatch>,
        "asks an `available` player in a lobby. If he has asked the same, it accepts his request",
    ),
    ("accept_match", shape_of::<AcceptMatch>, "in `requested`, by who was asked"),
    ("decline_match", shape_of::<DeclineMatch>, "in `requested`, by who was asked"),
    ("cancel_match_request", shape_of::<CancelRequest>, "in `requested`, by who asked"),
    (
        "send_sdp_offer",
        shape_of::<SendSdp>,
        "from `accepted` on, by the requester; one that is sent again replaces the first and its answer",
    ),
    ("send_sdp_answer", shape_of::<SendSdp>, "by the accepter, once for each offer"),
    (
        "send_ice_candidate",
        shape_of::<SendCandidate>,
        "from `accepted` on; held until the sender's description has gone out",
    ),
    (
        "report_connection",
        shape_of::<ReportConnection>,
        "how the sender's data channel fares; `connected` from the answer on",
    ),
    (
        "report_result",
        shape_of::<ReportResult>,
        "in `connected`; `winnerId` must be there, and is `null` for a draw",
    ),
    (
        "leave_match",
        shape_of::<LeaveMatch>,
        "takes back or declines a request, fails a match, ends one that has started",
    ),
];

macro_rules! rows {
    ($($Type:ident)*) => {
        [$(($Type::NAME, shape_of::<$Type> as fn() -> String, about::<$Type> as fn() -> String)),*]
    };
}

pub(super) fn signalling(out: &mut String) {
    let [json, msgpack] = SUBPROTOCOLS;
    put(out, "\n## Duels: `GET /ws/signal`\n");
    put(
        out,
        "A socket of its own beside `/ws`, with the same authentication. Frames are `{\"type\", \"payload\"}`:",
    );
    put(out, format!("JSON text (no subprotocol, or `{json}`) or MessagePack (`{msgpack}`)."));
    put(
        out,
        "No `id`, no `seq`, no resume: who comes back is told where his match stands. The newest socket of an",
    );
    put(out, "account wins (4001). Ids are strings. Why so: [0018](decisions/0018-duels.md).\n");
    put(out, "| type | payload | what it does |\n| --- | --- | --- |");
    for (name, payload, what) in CLIENT {
        put(out, format!("| `{name}` | `{}` | {what} |", cell(&payload())));
    }
    put(out, "\n| type | payload | when |\n| --- | --- | --- |");
    let pushes = rows![
        LobbyJoined LobbyUpdate LobbyDelta MatchRequestSent MatchRequestReceived MatchRequestAccepted
        MatchRequestDeclined MatchRequestCancelled SdpOfferReceived SdpAnswerReceived IceCandidateReceived MatchStarted
        MatchFailed MatchEnded
    ];
    for (name, payload, when) in pushes {
        put(out, format!("| `{name}` | `{}` | {} |", cell(&payload()), cell(&when())));
    }
    let error = "{code: number, message: string, sessionId?: string}";
    put(out, format!("| `error` | `{error}` | a message was refused; nothing has changed |"));
    put(out, format!("\nA player is `{}`.\n", shape_of::<LobbyPlayer>()));
    put(out, "| error.code | meaning |\n| --- | --- |");
    for code in SignalCode::ALL {
        let meaning = doc_in(include_str!("../signal.rs"), &format!("{code:?} = "));
        put(out, format!("| {} | {} |", code.as_str(), cell(&meaning)));
    }
}

#[test]
fn protocol_docs_have_every_message_of_signalling() {
    assert_eq!(CLIENT.map(|row| row.0), Signal::CLIENT_TYPES);
    let mut out = String::new();
    signalling(&mut out);
    for name in SERVER_TYPES {
        assert!(out.contains(&format!("| `{name}` |")), "{name}");
    }
}
