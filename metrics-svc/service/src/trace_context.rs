//! The trace that a request is part of, as its caller tells it (W3C Trace Context, `traceparent`).

use http::HeaderMap;

/// Header with version, trace, parent and flags, each in lowercase hexadecimal.
const TRACEPARENT: &str = "traceparent";
/// Digits of each field.
const DIGITS: [usize; 4] = [2, 32, 16, 2];
/// Version that no header may have.
const INVALID_VERSION: &str = "ff";

/// The trace id, 32 digits of lowercase hexadecimal; `None` without a valid header.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut fields = text.split('-');
    let [version, trace, parent, flags] = DIGITS.map(|digits| {
        let field = fields.next()?;
        (field.len() == digits && field.bytes().all(is_digit)).then_some(field)
    });
    // Later versions may add fields, the first has no more.
    let ends = fields.next().is_none() || version? != "00";
    let valid = ends && version? != INVALID_VERSION && is_set(trace?) && is_set(parent?);
    flags.filter(|_| valid).and(trace)
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_set(id: &str) -> bool {
    id.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn of(header: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(TRACEPARENT.parse().unwrap(), header.parse().unwrap())]);
        trace_id(&headers).map(str::to_owned)
    }

    #[test]
    fn a_valid_header_has_a_trace() {
        for header in
            [format!("00-{TRACE}-00f067aa0ba902b7-01"), format!("cc-{TRACE}-00f067aa0ba902b7-01-new")]
        {
            assert_eq!(of(&header).as_deref(), Some(TRACE), "{header}");
        }
    }

    #[test]
    fn an_invalid_one_has_none() {
        for header in [
            String::new(),
            TRACE.to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-new"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}0-00f067aa0ba902b7-01"),
        ] {
            assert_eq!(of(&header), None, "{header}");
        }
        assert_eq!(trace_id(&HeaderMap::new()), None);
    }
}
