//! Fields are found, and what is none is refused.

use proptest::prelude::*;

use super::*;

#[test]
fn fields_are_kept_byte_for_byte() {
    let mut message = Vec::new();
    put_varint(1, 300, &mut message);
    put_bytes(2, b"name", &mut message);
    message.extend([0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8]);
    let fields: Result<Vec<_>, _> = Fields::of(&message).collect();
    let fields = fields.expect("a message");
    assert_eq!(fields.iter().map(|field| field.number).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!((fields[0].varint, fields[1].bytes, fields[2].bytes), (300, &b"name"[..], &[1, 2, 3, 4][..]));
    assert_eq!(fields.iter().flat_map(|field| field.raw).copied().collect::<Vec<_>>(), message);
}

#[test]
fn what_ends_within_a_field_is_refused_once() {
    for message in
        [&[0x0a, 5, 1][..], &[0x08], &[0x80], &[0x0b], &[0x1d, 1, 2], &[0x0a, 255, 255, 255, 255, 255, 255]]
    {
        let fields: Vec<_> = Fields::of(message).collect();
        assert!(fields.len() == 1 && fields[0].is_err(), "{message:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_end(bytes: Vec<u8>) {
        let whole: usize = Fields::of(&bytes).map_while(Result::ok).map(|field| field.raw.len()).sum();
        prop_assert!(whole <= bytes.len());
    }
}
