//! Names as Python writes them: a dictionary `{0: 'person', 1: "driver's cab"}`, or a list `['person', "driver's cab"]`.

use std::{collections::BTreeMap, iter::Peekable, str::Chars};

/// Reads a dictionary or a list; `None` when the text is neither, or names a key twice.
pub(super) fn parse(text: &str) -> Option<BTreeMap<usize, String>> {
    let text = text.trim();
    let dictionary = || text.strip_prefix('{')?.strip_suffix('}');
    let list = || text.strip_prefix('[')?.strip_suffix(']');
    match dictionary() {
        Some(inside) => entries(inside, true),
        None => entries(list()?, false),
    }
}

/// What is between the brackets; the entries of a list have their places for keys.
fn entries(inside: &str, keyed: bool) -> Option<BTreeMap<usize, String>> {
    let mut rest = inside.chars().peekable();
    let mut entries = BTreeMap::new();
    loop {
        skip_space(&mut rest);
        if rest.peek().is_none() {
            return Some(entries);
        }
        let key = if keyed { key(&mut rest)? } else { entries.len() };
        if entries.insert(key, string(&mut rest)?).is_some() {
            return None;
        }
        skip_space(&mut rest);
        match rest.next() {
            None => return Some(entries),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

fn key(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let key = number(rest)?;
    skip_space(rest);
    (rest.next()? == ':').then_some(())?;
    skip_space(rest);
    Some(key)
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|character| character.is_whitespace()).is_some() {}
}

fn number(rest: &mut Peekable<Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    digits.parse().ok()
}

fn string(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quote = rest.next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let mut value = String::new();
    loop {
        match rest.next()? {
            end if end == quote => return Some(value),
            '\\' => value.push(escaped(rest)?),
            character => value.push(character),
        }
    }
}

fn escaped(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    let code = |rest: &mut Peekable<Chars<'_>>, digits: usize| {
        let text: String = rest.take(digits).collect();
        (text.len() == digits).then_some(())?;
        char::from_u32(u32::from_str_radix(&text, 16).ok()?)
    };
    match rest.next()? {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'x' => code(rest, 2),
        'u' => code(rest, 4),
        'U' => code(rest, 8),
        plain @ ('\\' | '\'' | '"') => Some(plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_quotes_and_escapes_are_read() {
        let text = r#"{0: 'person', 1: "driver's cab", 2: 'a "b" \'c\' \\ \xe9\u00e9',}"#;
        let names = parse(text).map(|names| names.into_values().collect::<Vec<_>>());
        assert_eq!(names, Some(vec!["person".into(), "driver's cab".into(), "a \"b\" 'c' \\ éé".into()]));
        assert_eq!(parse("{}"), Some(BTreeMap::new()));
        let list = parse("['person', \"driver's cab\"]").map(|names| names.into_values().collect::<Vec<_>>());
        assert_eq!(list, Some(vec!["person".into(), "driver's cab".into()]));
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "{",
            "{0}",
            "{0: a}",
            "{0: 'a' 1: 'b'}",
            "{0: 'a', 0: 'b'}",
            "{0: 'a\\q'}",
            "{-1: 'a'}",
            "['a': 'b']",
            "['a' 'b']",
            "[0: 'a']",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
