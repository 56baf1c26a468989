//! CLIP's tokenizer without a file: its vocabulary is part of the program.

use tokenizers::{
    AddedToken, Result, SplitDelimiterBehavior, Tokenizer,
    models::bpe::BPE,
    normalizers::{
        NFC, NormalizerWrapper, Replace, Sequence as Normalizers, replace::ReplacePattern, utils::Lowercase,
    },
    pre_tokenizers::{
        PreTokenizerWrapper,
        byte_level::ByteLevel,
        sequence::Sequence as PreTokenizers,
        split::{Split, SplitPattern},
    },
    processors::roberta::RobertaProcessing,
};

/// The two tokens that each merge joins, as 16-bit identifiers; `models/clip/README.md` says more.
const MERGES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/clip/merges.bin"));

/// What ends the last token of a word.
const END_OF_WORD: &str = "</w>";
/// Tokens that begin and end a text.
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// What becomes a word: endings of English, letters, single digits, other signs.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// The tokenizer of the published CLIP models: byte-pair encoding of lower-case words.
///
/// Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021.
pub(super) fn tokenizer() -> Result<Tokenizer> {
    let (tokens, merges) = vocabulary();
    let (start, end) = (tokens.len() as u32, tokens.len() as u32 + 1);
    let all = tokens.into_iter().chain([START.to_owned(), END.to_owned()]);
    let vocabulary: Vec<(String, u32)> = all.zip(0..).collect();
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.into_iter().collect::<tokenizers::models::bpe::Vocab>(), merges)
        .unk_token(END.to_owned())
        .end_of_word_suffix(END_OF_WORD.to_owned())
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    let spaces = Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?;
    let normalizers: Vec<NormalizerWrapper> = vec![NFC.into(), spaces.into(), Lowercase.into()];
    let pattern = SplitPattern::Regex(WORDS.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Removed, true)?;
    let pre_tokenizers: Vec<PreTokenizerWrapper> =
        vec![split.into(), ByteLevel::new(false, true, true).into()];
    let ends = RobertaProcessing::new((END.to_owned(), end), (START.to_owned(), start));
    tokenizer.with_normalizer(Some(Normalizers::new(normalizers)))?;
    tokenizer.with_pre_tokenizer(Some(PreTokenizers::new(pre_tokenizers)));
    tokenizer.with_post_processor(Some(ends.trim_offsets(false).add_prefix_space(false)));
    tokenizer.add_special_tokens([START, END].map(|token| AddedToken::from(token, true)))?;
    Ok(tokenizer)
}

/// Tokens in the order of their identifiers, and the pairs that are merged.
fn vocabulary() -> (Vec<String>, Vec<(String, String)>) {
    let mut tokens: Vec<String> = symbols().map(String::from).collect();
    tokens.extend_from_within(..);
    tokens[256..].iter_mut().for_each(|token| token.push_str(END_OF_WORD));
    let mut merges = Vec::with_capacity(MERGES.len() / 4);
    for [a, b, c, d] in MERGES.as_chunks::<4>().0 {
        let token =
            |low, high| tokens.get(usize::from(u16::from_le_bytes([low, high]))).cloned().unwrap_or_default();
        let (left, right) = (token(*a, *b), token(*c, *d));
        tokens.push([left.as_str(), &right].concat());
        merges.push((left, right));
    }
    (tokens, merges)
}

/// The signs that stand for the 256 bytes, in the order of their identifiers: bytes that are printable in Latin-1 stand
/// for themselves and come first.
fn symbols() -> impl Iterator<Item = char> {
    let printable = || ('!'..='~').chain('¡'..='¬').chain('®'..='ÿ');
    let others = (0..=0xff_u32).filter(move |byte| !printable().any(|sign| sign as u32 == *byte));
    printable().chain(others.zip(0x100_u32..).filter_map(|(_, sign)| char::from_u32(sign)))
}
