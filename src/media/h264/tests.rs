use super::*;
use proptest::prelude::*;

/// Packets as Chromium sends them (Debian's, with OpenH264), cut where the picture itself begins.
#[test]
fn what_a_browser_writes_is_read() {
    let parameters = "7800136742c0208c8d407808bf735060606078442350000468ce3c80";
    let with_the_picture =
        "7800136742c00d8c8d41e26f34d41818181e1108d400000468ce3c80018f65b80004000005388c500010";
    let read = |packet: &str| {
        let byte = |at| u8::from_str_radix(&packet[at..at + 2], 16).expect("two digits");
        read(&(0..packet.len()).step_by(2).map(byte).collect::<Vec<u8>>())
    };
    assert_eq!(read(parameters).key_frame, Some(960 * 540), "its picture follows in pieces");
    assert_eq!(read(with_the_picture).key_frame, Some(240 * 134), "a small one is whole in the packet");
    for rest in [
        "7c85b80004000004388c",
        "7c052bb1b8dfb66d31e0",
        "7c450252780ec352cfb9",
        "7c81129d3213e113066a",
        "61e0004000be40538542",
    ] {
        assert_eq!(read(rest), Payload::default(), "{rest}");
    }
}

fn key_frame(payload: &[u8]) -> Option<u32> {
    read(payload).key_frame
}

#[test]
fn a_key_frame_begins_with_its_parameters_in_whichever_packet_they_are() {
    let set = set(640, 360);
    let pixels = Some(640 * 360);
    assert_eq!(key_frame(&set), pixels, "alone");
    assert_eq!(key_frame(&written(Some((640, 360)), b"picture")), pixels, "with others");
    let delimited = [&[SEVERAL, 0, 2, 9, 0x10, 0, set.len() as u8][..], &set].concat();
    assert_eq!(key_frame(&delimited), pixels, "not as the first");
    let piece = |first: u8| [&[0x60 | PIECE, first | PARAMETERS], &set[1..]].concat();
    assert_eq!([key_frame(&piece(FIRST_PIECE)), key_frame(&piece(0))], [pixels, None], "in pieces");
    const IDR: u8 = 5;
    for rest in [
        &[0x60 | IDR, 1, 2][..],
        &[0x60 | PIECE, FIRST_PIECE | IDR, 1],
        &[0x41, 1],
        &[0x60 | SEVERAL, 0, 2, 0x68, 1, 0, 1, 0x65],
    ] {
        assert_eq!(key_frame(rest), None, "what follows on them: {rest:?}");
    }
}

#[test]
fn what_is_too_short_or_of_another_profile_has_no_size() {
    let set = set(640, 360);
    assert_eq!(key_frame(&set[..4]), Some(0), "it begins, and nobody knows how large");
    let high = [&[set[0], 100], &set[2..]].concat();
    assert_eq!(key_frame(&high), Some(0));
    assert_eq!(
        [key_frame(&[]), key_frame(&[SEVERAL]), key_frame(&[PIECE]), key_frame(&[SEVERAL, 0, 9, 0x67])],
        [None; 4]
    );
}

proptest! {
    #[test]
    fn no_payload_panics(mut payload: Vec<u8>, first in 0..32_u8) {
        read(&payload);
        payload.insert(0, first);
        read(&payload);
    }

    #[test]
    fn no_set_panics(rest: Vec<u8>) {
        read(&[&[PARAMETERS, 66, 0xC0, 31][..], &rest].concat());
    }

    #[test]
    fn sizes_are_read_as_they_are_written(width in 1..480_u16, height in 1..270_u16) {
        let (width, height) = (width * 2, height * 2);
        let pixels = u32::from(width) * u32::from(height);
        prop_assert_eq!(key_frame(&guarded(&set(width, height))), Some(pixels));
    }
}

/// As it goes over the wire: after two zeros a guard, if what follows is as small.
fn guarded(unit: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    for byte in unit {
        if written.ends_with(&[0, 0]) && *byte <= 3 {
            written.push(3);
        }
        written.push(*byte);
    }
    written
}
