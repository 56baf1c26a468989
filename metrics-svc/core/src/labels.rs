//! The labels of a series, rendered once and for all.

use std::{borrow::Cow, sync::Arc};

/// Names and values of a series' labels, kept as the text formats print them: `{model="a",class="b"}`, or nothing.
///
/// Cheap to clone. A page of many series copies this text; nothing is escaped again. Equality and order are those of the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<str>);

impl Labels {
    /// Renders names and values in the order given. Names are not checked.
    #[must_use]
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut text = String::new();
        for (name, value) in pairs {
            text.push(if text.is_empty() { '{' } else { ',' });
            text.push_str(name);
            text.push_str("=\"");
            escape(value, true, &mut text);
            text.push('"');
        }
        if !text.is_empty() {
            text.push('}');
        }
        Self(text.into())
    }

    /// The text between the braces of a sample's line; empty without labels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default()
    }

    /// The same with its braces.
    pub(crate) fn in_braces(&self) -> &str {
        &self.0
    }

    /// Names and values.
    #[must_use]
    pub fn iter(&self) -> LabelPairs<'_> {
        LabelPairs { rest: self.as_str() }
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// The first `count` labels only.
    pub(crate) fn truncated(&self, count: usize) -> Self {
        let pairs: Vec<_> = self.iter().take(count).collect();
        Self::new(pairs.iter().map(|(name, value)| (*name, &**value)))
    }

    /// Whether the values are these, followed by that of a producer if there is one.
    pub(crate) fn have(&self, values: &[&str], producer: Option<&str>) -> bool {
        let mut own = self.iter().map(|(_, value)| value);
        values.iter().copied().chain(producer).all(|value| own.next().is_some_and(|own| own == value))
            && own.next().is_none()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, Cow<'a, str>);
    type IntoIter = LabelPairs<'a>;

    fn into_iter(self) -> LabelPairs<'a> {
        self.iter()
    }
}

/// Reads names and values back from the rendered text.
#[derive(Clone, Debug)]
pub struct LabelPairs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for LabelPairs<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, quoted) = self.rest.split_once("=\"")?;
        let end = closing_quote(quoted)?;
        let rest = &quoted[end + 1..];
        self.rest = rest.strip_prefix(',').unwrap_or(rest);
        Some((name, unescape(&quoted[..end])))
    }
}

/// Where the value ends: at the first quote that no backslash takes for itself.
fn closing_quote(quoted: &str) -> Option<usize> {
    let mut escaped = false;
    quoted.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// Writes text with backslashes and line feeds escaped, and quotes where they would end it.
pub(crate) fn escape(text: &str, quotes: bool, out: &mut String) {
    let special = |byte: u8| byte == b'\\' || byte == b'\n' || (quotes && byte == b'"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(special) {
        out.push_str(&rest[..at]);
        out.push('\\');
        out.push(match rest.as_bytes()[at] {
            b'\n' => 'n',
            other => char::from(other),
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next().map(|c| if c == 'n' { '\n' } else { c })),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_that_of_a_sample() {
        let labels = Labels::new([("a", "x\"y\\z\nw"), ("b", "")]);
        assert_eq!(labels.as_str(), r#"a="x\"y\\z\nw",b="""#);
        assert_eq!(labels.get("a").as_deref(), Some("x\"y\\z\nw"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(Labels::new([]).as_str(), "");
    }

    #[test]
    fn truncation_keeps_whole_labels() {
        let labels = Labels::new([("a", "\","), ("b", "2"), ("c", "3")]);
        assert_eq!(labels.truncated(2), Labels::new([("a", "\","), ("b", "2")]));
        assert_eq!(labels.truncated(0).as_str(), "");
        assert_eq!(labels.truncated(3), labels);
    }

    proptest! {
        #[test]
        fn pairs_read_back(values in prop::collection::vec("\\PC{0,9}|[\\\\\",\n=]{0,9}", 0..5)) {
            let names = ["a", "b", "c", "d", "e"];
            let pairs = || names.iter().copied().zip(values.iter().map(String::as_str));
            let labels = Labels::new(pairs());
            let read: Vec<_> = labels.iter().map(|(name, value)| (name, value.into_owned())).collect();
            let expected: Vec<_> = pairs().map(|(name, value)| (name, value.to_owned())).collect();
            prop_assert_eq!(read, expected);
            let values: Vec<_> = values.iter().map(String::as_str).collect();
            prop_assert!(labels.have(&values, None));
            prop_assert!(!labels.have(&values, Some("producer")));
        }
    }
}
