//! The tree of keys that settings have, with what each means.

/// A key or a section of keys.
#[derive(Clone, Debug)]
pub struct KeyDoc {
    name: &'static str,
    lines: &'static [&'static str],
    section: Option<Vec<KeyDoc>>,
    mask: Option<fn(&str) -> String>,
}

/// What a path of names leads to.
#[derive(Debug)]
pub(super) enum Found {
    /// A key, after this many names; the names left over are the setting's own business.
    Key(usize),
    /// A section.
    Section,
    /// Nothing.
    Unknown,
}

impl KeyDoc {
    /// A key with a value; `lines` are the lines of its doc comment.
    #[must_use]
    pub fn key(name: &'static str, lines: &'static [&'static str]) -> Self {
        Self { name, lines, section: None, mask: None }
    }

    /// A section that holds `keys`; `lines` are the lines of its doc comment.
    #[must_use]
    pub fn section(name: &'static str, lines: &'static [&'static str], keys: Vec<KeyDoc>) -> Self {
        Self { name, lines, section: Some(keys), mask: None }
    }

    /// The same key, of whose text values only what `mask` makes of them is shown.
    #[must_use]
    pub fn masked(self, mask: fn(&str) -> String) -> Self {
        Self { mask: Some(mask), ..self }
    }

    /// What may be shown of the key's text values; `None`: all of it.
    #[must_use]
    pub fn mask(&self) -> Option<fn(&str) -> String> {
        self.mask
    }

    /// The name, without the sections around it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The lines of its doc comment, without the space that starts them.
    pub fn lines(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line))
    }

    /// The keys of a section; `None` for a key with a value.
    #[must_use]
    pub fn keys(&self) -> Option<&[KeyDoc]> {
        self.section.as_deref()
    }
}

/// Follows a path down the tree.
pub(super) fn find(keys: &[KeyDoc], path: &[String]) -> Found {
    let mut level = keys;
    for (index, name) in path.iter().enumerate() {
        let Some(key) = level.iter().find(|key| key.name == name) else {
            return Found::Unknown;
        };
        match key.keys() {
            Some(keys) => level = keys,
            None => return Found::Key(index + 1),
        }
    }
    Found::Section
}

/// Whether the key at `path`, or one on the way to it, holds what is not to be shown.
pub(super) fn is_masked(keys: &[KeyDoc], path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return false;
    };
    let key = keys.iter().find(|key| key.name == name);
    key.is_some_and(|key| key.mask.is_some() || key.keys().is_some_and(|keys| is_masked(keys, rest)))
}
