//! Who wrote an entry, and what it asks for.

use super::*;

fn wants(fields: &[(&str, &str)]) -> Result<Option<Vec<String>>, String> {
    let fields = fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_string().into()));
    wanted(&fields.collect())
}

#[test]
fn what_a_detector_tells_is_no_wish() {
    let labels = ("labels", r#"["cat", "dog"]"#);
    let of = |metadata: &str| wants(&[labels, ("metadata", metadata)]);
    assert_eq!(of(r#"{"model_id": "owl", "source": "detector-svc"}"#), Ok(None));
    let wish = Ok(Some(vec!["cat".to_owned(), "dog".to_owned()]));
    assert_eq!(wants(&[labels]), wish);
    for metadata in ["", "{}", "[1]", r#"{"source": "operator"}"#, r#"{"source": 7}"#] {
        assert_eq!(of(metadata), wish, "{metadata}");
    }
}

#[test]
fn an_entry_that_asks_for_nothing_is_refused_with_the_reason() {
    for (fields, says) in [
        (vec![("label_count", "2")], "labels: is missing"),
        (vec![("labels", "cat, dog")], "labels: is no JSON list of texts"),
        (vec![("labels", r#"["cat", 7]"#)], "labels: is no JSON list of texts"),
        (vec![("labels", r#"{"0": "cat"}"#)], "labels: is no JSON list of texts"),
    ] {
        let reason = wants(&fields).expect_err("nothing to look for");
        assert!(reason.starts_with(says), "{reason}");
    }
}
