//! Packing and unpacking.

use proptest::prelude::*;

use super::*;
use crate::sketch::{mapping::Place, samples::Shape};

fn buckets(counts: &[(i32, u64)]) -> Buckets {
    let mut buckets = Buckets::default();
    for (key, count) in counts {
        let _ = buckets.add(Place::Positive(*key), *count);
        let _ = buckets.add(Place::Negative(key / 2), *count / 3);
    }
    buckets
}

#[test]
fn nothing_takes_a_byte_a_part() {
    let packed = Packed::new(&Buckets::<u32>::default());
    assert_eq!(packed.bytes(), 3);
    assert_eq!(packed.unpack().count(), 0);
}

#[test]
fn neighbours_take_about_a_byte_each_and_gaps_nothing() {
    let mut dense = Buckets::<u32>::default();
    for value in Shape::LogUniform.values(1, 100_000) {
        assert!(dense.observe(value).is_ok());
    }
    let packed = Packed::new(&dense).bytes();
    assert!((352..400).contains(&packed), "{packed} bytes");
    let sparse = Packed::new(&buckets(&[(-1000, 1), (0, 3), (1000, 1)])).bytes();
    assert!(sparse < 50, "{sparse} bytes");
}

#[test]
fn what_no_buckets_can_be_is_found() {
    let endless = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    // Zeros, a length, a first key, none collapsed, then counts that repeat too often.
    let repeats = [0, 2, 0, 0, 2, 0, 100, 0];
    // More values than can have been counted.
    let counts = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0];
    // A value that collapsed into a store with room for it.
    let collapsed = [0, 1, 0, 1, 4, 0];
    let trailing = [0, 0, 0, 0];
    for bytes in [&[][..], &[0], &endless, &repeats, &counts, &collapsed, &trailing] {
        assert!(Packed::try_from(bytes.to_vec()).is_err(), "{bytes:?}");
    }
    assert!(Packed::try_from(vec![0, 1, 0, 0, 4, 0]).is_ok());
}

proptest! {
    #[test]
    fn unpacks_to_what_was_packed(
        counts in prop::collection::vec((-3000..3000_i32, 0..MAX_COUNT / 1000), 0..200), zeros in 0..1_000_000_u64,
    ) {
        let buckets = Buckets { zeros, ..buckets(&counts) };
        let packed = Packed::new(&buckets);
        let unpacked = packed.unpack();
        prop_assert!(unpacked.occupied().eq(buckets.occupied()));
        prop_assert_eq!(unpacked.collapsed(), buckets.collapsed());
        prop_assert!(Packed::try_from(Vec::from(packed)).is_ok());
    }

    #[test]
    fn any_number_survives(number: u64) {
        let mut bytes = Vec::new();
        write(&mut bytes, number);
        prop_assert_eq!(read(&mut &*bytes), Some(number));
        prop_assert_eq!(zigzag(unzigzag(number)), number);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(packed) = Packed::try_from(bytes) {
            prop_assert!(packed.unpack().count() <= MAX_COUNT);
        }
    }
}
