//! The naming rules of metrics and labels.

/// Longest metric or label name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 256;

/// Whether `name` is a metric name: `[a-zA-Z_:][a-zA-Z0-9_:]*`, at most 256 bytes.
pub(crate) fn is_metric_name(name: &str) -> bool {
    follows(name, |byte| byte == b'_' || byte == b':')
}

/// Whether `name` is a label name: `[a-zA-Z_][a-zA-Z0-9_]*`, at most 256 bytes.
pub(crate) fn is_label_name(name: &str) -> bool {
    follows(name, |byte| byte == b'_')
}

fn follows(name: &str, punctuation: impl Fn(u8) -> bool) -> bool {
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|first: char| !first.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || punctuation(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names() {
        for good in ["a", "_a", "a:b", "A9_z"] {
            assert!(is_metric_name(good), "{good}");
        }
        for bad in ["", "9a", "a-b", "a b", "é", "a\n"] {
            assert!(!is_metric_name(bad), "{bad}");
        }
        assert!(!is_metric_name(&"a".repeat(MAX_NAME_BYTES + 1)));
    }

    #[test]
    fn label_names_have_no_colon() {
        assert!(is_label_name("stage_2"));
        assert!(!is_label_name("a:b"));
        assert!(!is_label_name(""));
    }
}
