#![expect(clippy::unwrap_used, reason = "tests")]

use vision_metrics::catalogue::{ACTIVE_TRACKS, DETECTIONS, FRAMES_DROPPED};

use super::*;

fn id(table: &mut SeriesTable, spec: &MetricSpec, labels: &[&str]) -> u32 {
    table.get_or_insert(spec, labels).unwrap().0
}

#[test]
fn a_series_keeps_its_number() {
    let mut table = SeriesTable::default();
    assert_eq!(id(&mut table, &DETECTIONS, &["m", "cat"]), 0);
    assert_eq!(id(&mut table, &DETECTIONS, &["m", "dog"]), 1);
    assert_eq!(id(&mut table, &FRAMES_DROPPED, &["m", "cat"]), 2);
    assert_eq!(id(&mut table, &DETECTIONS, &["m", "dog"]), 1);
    assert_eq!(table.get(&DETECTIONS, &["m", "dog"]).unwrap().0, 1);
}

#[test]
fn a_metric_has_one_definition() {
    let mut table = SeriesTable::default();
    let other = MetricSpec { help: "other", ..ACTIVE_TRACKS };
    id(&mut table, &ACTIVE_TRACKS, &["m"]);
    let conflict = table.get_or_insert(&other, &["m"]).unwrap_err();
    assert_eq!(conflict, LookupError::Conflict("active_tracks"));
}

#[test]
fn each_stream_is_told_everything_once_in_order() {
    let mut table = SeriesTable::default();
    id(&mut table, &DETECTIONS, &["m", "cat"]);
    let mut declared = Declared::default();
    let first = table.next_declarations(&mut declared);
    assert_eq!((first.metrics.len(), first.series.len()), (1, 1));
    id(&mut table, &DETECTIONS, &["m", "dog"]);
    id(&mut table, &ACTIVE_TRACKS, &["m"]);
    let second = table.next_declarations(&mut declared);
    assert_eq!(second.metrics[0].name, "active_tracks");
    let ids: Vec<u32> = second.series.iter().map(|series| series.id).collect();
    assert_eq!(ids, [1, 2]);
    assert!(second.complete);
    let other_stream = table.next_declarations(&mut Declared::default());
    assert_eq!((other_stream.metrics.len(), other_stream.series.len()), (2, 3));
}

#[test]
fn a_metric_is_told_before_it_has_a_series() {
    let mut table = SeriesTable::default();
    table.declare(&DETECTIONS).unwrap();
    table.declare(&DETECTIONS).unwrap();
    let mut declared = Declared::default();
    let first = table.next_declarations(&mut declared);
    assert_eq!((first.metrics.len(), first.series.len(), first.complete), (1, 0, true));
    id(&mut table, &DETECTIONS, &["m", "cat"]);
    let second = table.next_declarations(&mut declared);
    assert_eq!((second.metrics.len(), second.series.len()), (0, 1));
}

#[test]
fn declarations_are_cut_to_the_size_of_a_message() {
    let mut table = SeriesTable::default();
    let padding = "x".repeat(200);
    for number in 0..10_000 {
        id(&mut table, &ACTIVE_TRACKS, &[&format!("{number}{padding}")]);
    }
    let (mut declared, mut told) = (Declared::default(), 0);
    loop {
        let next = table.next_declarations(&mut declared);
        told += next.series.len();
        let bytes: usize = next.series.iter().map(Message::encoded_len).sum();
        assert!(bytes < 2 * MAX_DECLARATION_BYTES);
        if next.complete {
            break;
        }
    }
    assert_eq!(told, 10_000);
}

#[test]
fn the_number_of_series_is_bounded() {
    let mut table = SeriesTable::default();
    for number in 0..MAX_SERIES {
        id(&mut table, &ACTIVE_TRACKS, &[&number.to_string()]);
    }
    let full = table.get_or_insert(&ACTIVE_TRACKS, &["one more"]);
    assert!(matches!(full, Err(LookupError::Full { .. })));
    assert!(table.get_or_insert(&ACTIVE_TRACKS, &["7"]).is_ok());
}
