//! All queries in one text, as Grounding DINO takes them.

use std::ops::Range;

use tokenizers::Encoding;

use super::VocabularyError;

/// What ends a query in the text.
pub(super) const FULL_STOP: char = '.';

/// A text of all queries, and which of its bytes are each query's.
pub(super) fn joined(labels: &[String]) -> (String, Vec<Range<usize>>) {
    let mut text = String::new();
    let mut places = Vec::with_capacity(labels.len());
    for label in labels {
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(&label.trim().to_lowercase());
        places.push(start..text.len());
        text.push(FULL_STOP);
    }
    (text, places)
}

/// Which tokens are each query's.
pub(super) fn spans(
    labels: &[String],
    places: &[Range<usize>],
    encoding: &Encoding,
) -> Result<Vec<Range<usize>>, VocabularyError> {
    // Tokens are in the order of the text, so each query begins where the one before ended.
    let mut tokens =
        encoding.get_offsets().iter().zip(encoding.get_special_tokens_mask()).enumerate().peekable();
    let spans = labels.iter().zip(places).map(|(label, place)| {
        let before = |(offsets, special): (&(usize, usize), &u32)| *special == 1 || offsets.0 < place.start;
        while tokens.next_if(|(_, token)| before(*token)).is_some() {}
        let (mut first, mut end) = (None, 0);
        while let Some((index, _)) =
            tokens.next_if(|(_, (offsets, special))| **special == 0 && offsets.1 <= place.end)
        {
            first.get_or_insert(index);
            end = index + 1;
        }
        first.map(|first| first..end).ok_or_else(|| VocabularyError::NoToken(label.clone()))
    });
    spans.collect()
}
