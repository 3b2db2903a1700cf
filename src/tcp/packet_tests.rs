//! The format, whatever the bytes and however they come.

use super::packet::*;
use crate::{ids::SessionId, transport::Fault};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn packet(id: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put(&mut out, id, payload);
    out.to_vec()
}

/// Everything that these pieces hold, and what ended it; never more than 64 KiB are held.
fn read(pieces: &[&[u8]]) -> (Vec<Packet>, Option<Fault>) {
    let (mut reader, mut packets) = (PacketReader::default(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let fits = rest.len().min(reader.room());
            reader.feed(&rest[..fits]);
            rest = &rest[fits..];
            loop {
                match reader.next() {
                    Ok(Some(packet)) => packets.push(packet),
                    Ok(None) => break,
                    Err(fault) => return (packets, Some(fault)),
                }
            }
            assert!(reader.room() > 1, "a packet that is not whole leaves room for its rest");
        }
    }
    (packets, None)
}

#[test]
fn a_header_is_four_bytes_little_endian_and_counts_itself() {
    assert_eq!(packet(0x0010, b"ab"), [6, 0, 0x10, 0, b'a', b'b']);
    assert_eq!(packet(0x00ff, b""), [4, 0, 0xff, 0]);
    let longest = packet(id::REQUEST, &vec![7; PAYLOAD]);
    assert_eq!((longest.len(), &longest[..4]), (65_535, &[0xff, 0xff, 0x10, 0][..]));
    let (packets, fault) = read(&[&longest]);
    assert_eq!((packets.len(), packets[0].payload.len(), fault), (1, 65_531, None));
}

#[test]
fn a_size_under_four_ends_the_stream_after_what_was_whole() {
    for size in 0..4 {
        let bytes = [packet(id::PING_REQ, &[0; 12]), vec![size, 0, 3, 0]].concat();
        let (packets, fault) = read(&[&bytes]);
        assert_eq!(packets.len(), 1);
        assert!(matches!(fault, Some(Fault::Malformed(_))), "{size}");
    }
}

#[test]
fn a_packet_in_part_has_a_number_and_nothing_in_part_has_none() {
    let mut reader = PacketReader::default();
    assert_eq!(reader.partial(), None);
    reader.feed(&[6, 0]);
    assert_eq!((reader.next(), reader.partial()), (Ok(None), Some(0)));
    reader.feed(&[16, 0, 1]);
    assert_eq!((reader.next(), reader.partial()), (Ok(None), Some(0)), "the same one");
    reader.feed(&[2, 9]);
    assert!(matches!(reader.next(), Ok(Some(_))));
    assert_eq!((reader.next(), reader.partial()), (Ok(None), Some(1)), "the next one");
}

#[test]
fn a_connect_request_is_read_with_its_bounds() {
    let good = [&[1, 0, 3, 0][..], b"abc"].concat();
    assert_eq!(ConnectReq::parse(&good), Some(ConnectReq { protocol: 1, token: "abc" }));
    assert_eq!(ConnectReq::parse(&[1, 0, 0, 0]), Some(ConnectReq { protocol: 1, token: "" }));
    let later = [&good[..], &[1, 2, 3]].concat();
    assert_eq!(ConnectReq::parse(&later), ConnectReq::parse(&good));
    for bad in [&[][..], &[1, 0, 0], &[1, 0, 1, 0], &[1, 0, 0xff, 0xff, b'a'], &[1, 0, 1, 0, 0xff]] {
        assert_eq!(ConnectReq::parse(bad), None, "{bad:?}");
    }
}

#[test]
fn answers_are_packed_as_the_table_says() {
    let session = SessionId::new();
    let res = connect_res(ConnectResult::Draining, Some(session), 0x0102_0304_0506_0708);
    let time = [8, 7, 6, 5, 4, 3, 2, 1];
    assert_eq!(res[..], [&[30, 0, 2, 0, 4, 0][..], &session.0.as_bytes()[..], &time].concat());
    let ping = [&[1; 8][..], &[9, 0, 0, 0]].concat();
    let expected = [&[1; 8][..], &time, &[9, 0, 0, 0]].concat();
    assert_eq!(pong(&ping, 0x0102_0304_0506_0708).as_deref(), Some(&expected[..]));
    assert_eq!(pong(&ping[..11], 0), None);
    let mut close = BytesMut::new();
    put_close(&mut close, 1013, "slow");
    assert_eq!(close[..], [10, 0, 0xff, 0, 0xf5, 3, b's', b'l', b'o', b'w']);
}

/// What a client does with the parts.
fn joined(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let (packets, fault) = read(&[bytes]);
    assert_eq!(fault, None);
    let (mut whole, mut parts) = (Vec::new(), Vec::new());
    for packet in packets {
        if packet.id != id::MESSAGE_PART {
            whole.push((packet.id, packet.payload.to_vec()));
            continue;
        }
        parts.extend_from_slice(&packet.payload[1..]);
        match packet.payload[0] {
            0 => assert_eq!(packet.payload.len(), PAYLOAD, "no part but the last is short"),
            last => whole.push((id::MESSAGE_PART + u16::from(last - 1), std::mem::take(&mut parts))),
        }
    }
    assert!(parts.is_empty(), "the last part says so");
    whole
}

#[test]
fn a_message_of_any_length_arrives_whole() {
    for length in [0, 1, PAYLOAD - 1, PAYLOAD, PAYLOAD + 1, 2 * (PAYLOAD - 1), 200_000] {
        let message: Vec<u8> = (0..length).map(|n| n as u8).collect();
        for cut in [0, length / 3, length] {
            let mut out = BytesMut::new();
            put_message(&mut out, id::MESSAGE, &message[..cut], &message[cut..]);
            let expected = if length > PAYLOAD { id::MESSAGE_PART } else { id::MESSAGE };
            assert_eq!(joined(&out), [(expected, message.clone())], "{length} cut at {cut}");
        }
    }
}

fn packets() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..64),
        (0..PAYLOAD).prop_map(|length| vec![0x5a; length]),
    ];
    prop::collection::vec((any::<u16>(), payload), 0..8)
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_packets(sent in packets(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24)) {
        let bytes: Vec<u8> = sent.iter().flat_map(|(id, payload)| packet(*id, payload)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let edges = [&[0][..], &cuts, &[bytes.len()]].concat();
        let pieces: Vec<&[u8]> = edges.windows(2).map(|edge| &bytes[edge[0]..edge[1]]).collect();
        let expected: Vec<Packet> =
            sent.into_iter().map(|(id, payload)| Packet { id, payload: Bytes::from(payload) }).collect();
        prop_assert_eq!(read(&pieces), (expected, None));
    }

    #[test]
    fn any_bytes_in_any_pieces_end_the_same_way(bytes in prop::collection::vec(any::<u8>(), 0..4_000), size in 1usize..200) {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let (packets, fault) = read(&pieces);
        prop_assert_eq!((packets, fault), read(&[&bytes]));
        let _ = (ConnectReq::parse(&bytes), pong(&bytes, 0));
    }
}
