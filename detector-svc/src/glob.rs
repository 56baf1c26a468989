//! Names and patterns as Redis matches keys: `*`, `?`, `[abc]`, `[^abc]`, `[a-z]`, and `\` before what is meant as it
//! is. Matching goes by bytes, as Redis does it.

/// Whether a name of the settings is a pattern.
#[must_use]
pub fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// Whether a pattern matches the whole of `name`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    // Where the last star stands, and how much of the name it stands for: a later mismatch lets it stand for more.
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, read));
            at += 1;
        } else if let Some(next) = one(&pattern[at..], name[read]) {
            at += next;
            read += 1;
        } else if let Some((stands, taken)) = star {
            star = Some((stands, taken + 1));
            (at, read) = (stands + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// How many bytes of the pattern stand for this one of the name; `None` when they do not match it.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte),
        [b'\\', literal, ..] => (literal == byte).then_some(2),
        [literal, ..] => (literal == byte).then_some(1),
    }
}

/// A class in brackets; one that is not closed goes to the end of the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match pattern[at..] {
            [] => break,
            [b']', ..] => {
                at += 1;
                break;
            }
            [b'\\', literal, ..] => {
                found |= literal == byte;
                at += 2;
            }
            [from, b'-', to, ..] => {
                found |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of a star, word for word; slow.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], _) => {
                naive(rest, name) || name.split_first().is_some_and(|(_, name)| naive(pattern, name))
            }
            (_, []) => false,
            (_, [first, rest @ ..]) => one(pattern, *first).is_some_and(|next| naive(&pattern[next..], rest)),
        }
    }

    proptest! {
        #[test]
        fn stars_stand_for_anything(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
            prop_assert_eq!(matches(&pattern, &name), naive(pattern.as_bytes(), name.as_bytes()));
        }

        #[test]
        fn no_pattern_panics(pattern in r"[ab*?\[\]\\^-]{0,10}", name in r"[ab\[\]\\^-]{0,6}") {
            let _ = matches(&pattern, &name);
        }
    }

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, name, expected) in [
            ("camera:*", "camera:1", true),
            ("camera:*", "camera:", true),
            ("camera:*", "a camera:1", false),
            ("cam?", "cam1", true),
            ("cam?", "cam", false),
            ("cam[12]", "cam2", true),
            ("cam[^12]", "cam2", false),
            ("cam[^12]", "cam3", true),
            ("cam[a-c]x", "cambx", true),
            ("cam[c-a]x", "cambx", true),
            ("cam[12", "cam1", true),
            (r"cam\*", "cam*", true),
            (r"cam\*", "cam1", false),
            (r"[\]]", "]", true),
            ("*a*b", "xaxxb", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
