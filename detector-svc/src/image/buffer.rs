//! Memory that serves one image after the other.

/// Bytes that a buffer keeps whatever the next image needs: enough for a 4K image.
const KEPT: usize = 32 * 1024 * 1024;

/// Makes a buffer `length` zeros long: a decoder that leaves pixels out, as it may in a damaged file, must not show
/// what another camera saw. A buffer of more than [`KEPT`] bytes is given back as soon as less than half of it is
/// needed, so that one large image does not cost its memory for ever.
pub(super) fn zero(buffer: &mut Vec<u8>, length: usize) {
    give_back(buffer, length);
    if buffer.capacity() < length {
        // The old memory goes before the new comes.
        *buffer = Vec::new();
        *buffer = vec![0; length];
    } else {
        buffer.clear();
        buffer.resize(length, 0);
    }
}

/// Empties a buffer and gives it room for `length` bytes, with the same rule as [`zero`].
pub(super) fn clear(buffer: &mut Vec<u8>, length: usize) {
    give_back(buffer, length);
    buffer.clear();
    buffer.reserve(length);
}

fn give_back(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() > KEPT && buffer.capacity() / 2 > length {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_until_it_is_far_more_than_needed() {
        for change in [zero, clear] {
            let mut buffer = Vec::new();
            change(&mut buffer, KEPT * 3);
            assert!(buffer.capacity() >= KEPT * 3);
            let place = buffer.as_ptr();
            change(&mut buffer, KEPT * 2);
            assert_eq!(buffer.as_ptr(), place, "more than half of it is needed");
            change(&mut buffer, KEPT);
            assert!(buffer.capacity() < KEPT * 2);
            let place = buffer.as_ptr();
            change(&mut buffer, 10);
            assert_eq!(buffer.as_ptr(), place, "so much is always kept");
        }
    }

    #[test]
    fn a_buffer_has_the_length_that_was_asked_for_and_nothing_from_before() {
        for length in [3, 9, 0, 4] {
            let mut buffer = vec![7; 5];
            zero(&mut buffer, length);
            assert_eq!(buffer, vec![0; length]);
        }
        let mut buffer = vec![7; 5];
        clear(&mut buffer, 100);
        assert!(buffer.is_empty() && buffer.capacity() >= 100);
    }
}
