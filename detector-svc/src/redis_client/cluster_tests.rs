use redis::Value;

use super::*;

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

#[test]
fn slots_are_those_of_the_specification() {
    // 0x31C3 is the check value of the specification's CRC16.
    for (key, expected) in [("123456789", 0x31C3), ("foo", 12182), ("{foo}.x", 12182), ("x{foo}{bar}", 12182)]
    {
        assert_eq!(Some(slot(key)), Slot::new(expected), "{key}");
    }
    assert_ne!(slot("{}a"), slot("{}b"));
}

#[test]
fn nodes_are_read_from_the_slots_that_they_have() {
    let node =
        |host: Value, port| Value::Array(vec![host, Value::Int(port), text("id"), Value::Array(vec![])]);
    let range = |nodes: &[Value]| [&[Value::Int(0), Value::Int(1)], nodes].concat();
    let (a, b) = (node(text("a"), 1), node(text("b"), 2));
    let unknown = [node(Value::Nil, 3), node(text(""), 3), node(text("?"), 3)];
    let slots = vec![range(&[b.clone(), a.clone()]), range(&unknown), range(&[b]), vec![]];
    assert_eq!(nodes(slots), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
}
