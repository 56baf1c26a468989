//! Sums of pixels side by side, for a whole row.

use crate::image::CHANNELS;

/// Which two pixels of a row become one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Column {
    /// Where the first of them begins, in bytes; the second follows it.
    pub(super) start: u32,
    /// Shares of the two, in parts of 2048.
    pub(super) shares: [i16; 2],
}

/// Writes what becomes of each column of a row, channel by channel, in sixteenths of 2048 grey levels. `values` has room for
/// one more.
pub(super) fn sums(row: &[u8], columns: &[Column], values: &mut [i16]) {
    let done = in_pairs(row, columns, values);
    let rest = columns.iter().zip(values.as_chunks_mut::<CHANNELS>().0).skip(done);
    rest.for_each(|(column, sums)| *sums = one(row, column));
}

fn one(row: &[u8], column: &Column) -> [i16; CHANNELS] {
    let [before, after] = column.shares.map(i32::from);
    std::array::from_fn(|channel| {
        let left = row[column.start as usize + channel];
        // A row of one pixel has no next.
        let right = row.get(column.start as usize + channel + CHANNELS).copied().unwrap_or(left);
        ((i32::from(left) * before + i32::from(right) * after) >> 4) as i16
    })
}

/// Writes columns from the first on, two at once, as long as there are bytes enough to read; tells how many.
#[cfg(target_arch = "x86_64")]
fn in_pairs(row: &[u8], columns: &[Column], values: &mut [i16]) -> usize {
    pulp::x86::V3::try_new().map_or(0, |instructions| {
        instructions.vectorize(vectors::Pairs { instructions, row, columns, values })
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn in_pairs(_: &[u8], _: &[Column], _: &mut [i16]) -> usize {
    0
}

#[cfg(target_arch = "x86_64")]
mod vectors {
    use std::arch::x86_64::__m256i;

    use pulp::{NullaryFnOnce, cast, x86::V3};

    use super::Column;

    /// Bytes of a pixel and the next, the bytes of each channel side by side as 16-bit numbers; twice.
    const PAIRED: [[i8; 16]; 2] = [[0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1]; 2];

    /// The work, with the instructions that it is done with: three times as fast as one sum after the other.
    pub(super) struct Pairs<'a> {
        pub(super) instructions: V3,
        pub(super) row: &'a [u8],
        pub(super) columns: &'a [Column],
        pub(super) values: &'a mut [i16],
    }

    impl NullaryFnOnce for Pairs<'_> {
        type Output = usize;

        #[inline(always)]
        fn call(self) -> usize {
            let Self { instructions: V3 { avx, avx2, .. }, row, columns, values } = self;
            let paired: __m256i = cast(PAIRED);
            let window = |column: &Column| row.get(column.start as usize..)?.first_chunk().copied();
            let mut done = 0;
            for [left, right] in columns.as_chunks::<2>().0 {
                let place = values.get_mut(done * 3..).and_then(|rest| rest.first_chunk_mut::<7>());
                let (Some(first), Some(second), Some(place)) = (window(left), window(right), place) else {
                    break;
                };
                let bytes: __m256i = cast([u64::from_le_bytes(first), 0, u64::from_le_bytes(second), 0]);
                let pixels = avx2._mm256_shuffle_epi8(bytes, paired);
                let (l, r): (i32, i32) = (cast(left.shares), cast(right.shares));
                let shares = avx._mm256_setr_epi32(l, l, l, l, r, r, r, r);
                let sums = avx2._mm256_srai_epi32::<4>(avx2._mm256_madd_epi16(pixels, shares));
                let [first, _, second, _]: [[i16; 4]; 4] = cast(avx2._mm256_packs_epi32(sums, sums));
                // The fourth sum of each is of nothing, and goes where the next one's first is written after it.
                place[..4].copy_from_slice(&first);
                place[3..].copy_from_slice(&second);
                done += 2;
            }
            done
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_at_once_are_as_one_after_the_other(
            row in prop::collection::vec(any::<u8>(), 6..200), starts in prop::collection::vec((0_u32..200, 0_i16..=2048), 0..40),
        ) {
            let last = row.len() as u32 / 3 - 2;
            let mut columns: Vec<Column> = starts
                .into_iter()
                .map(|(pixel, share)| Column { start: pixel.min(last) * 3, shares: [2048 - share, share] })
                .collect();
            columns.sort_unstable_by_key(|column| column.start);
            let mut values = vec![-1; columns.len() * 3 + 1];
            sums(&row, &columns, &mut values);
            let expected: Vec<i16> = columns.iter().flat_map(|column| one(&row, column)).collect();
            prop_assert_eq!(&values[..expected.len()], expected);
        }
    }
}
