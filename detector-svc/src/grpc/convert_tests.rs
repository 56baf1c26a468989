//! Requests are read, or refused with the field and what is wrong with it.

#![expect(clippy::unwrap_used, reason = "tests")]

use tonic::Code;

use super::*;
use crate::{
    detection::{BoundingBox, Detection},
    inference::LoadedModel,
    mask::Region,
    model::{ClassSet, GraphInfo, Model, ModelOptions, Port},
    pipeline::fixture,
};

const DEFAULTS: Thresholds = Thresholds { confidence: 0.35, iou: 0.6, text: 0.25, max_detections: 300 };

fn model() -> Arc<Served> {
    let port = |name: &str, dimensions: &[Option<usize>]| Port {
        name: name.to_owned(),
        element: "float32".to_owned(),
        dimensions: dimensions.to_vec(),
    };
    let graph = GraphInfo {
        inputs: vec![port("images", &[None, Some(3), Some(32), Some(32)])],
        outputs: vec![port("boxes", &[None, None, Some(4)]), port("scores", &[None, None, Some(3)])],
        ..GraphInfo::default()
    };
    let labels = ["cat", "dog", "cow"].map(str::to_owned).into();
    let model =
        Model::recognise("pets", &graph, &ModelOptions { labels, ..ModelOptions::default() }).unwrap();
    Arc::new(Served::new(LoadedModel { model, sessions: Vec::new() }))
}

fn read(wire: wire::DetectRequest) -> Result<DetectRequest, Status> {
    request(wire::DetectRequest { image: vec![1].into(), ..wire }, model(), DEFAULTS, true, false, None)
}

#[test]
fn a_tracking_session_has_a_name_and_needs_tracking() {
    let of = |name: String, tracks| {
        let image = vec![1].into();
        let wire = wire::DetectRequest { image, track_stream: name, ..wire::DetectRequest::default() };
        request(wire, model(), DEFAULTS, tracks, false, None)
    };
    assert_eq!(of("door".to_owned(), true).unwrap().session.as_deref(), Some("door"));
    assert_eq!(of(String::new(), false).unwrap().session, None);
    let off = of("door".to_owned(), false).unwrap_err();
    assert_eq!(off.code(), Code::FailedPrecondition);
    let long = of("d".repeat(MAX_SESSION_BYTES + 1), true).unwrap_err();
    assert!(long.code() == Code::InvalidArgument && long.message().contains("257 bytes"), "{long}");
}

fn of_labels(labels: &[&str]) -> Result<DetectRequest, Status> {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    read(wire::DetectRequest { labels, ..wire::DetectRequest::default() })
}

#[test]
fn labels_become_classes() {
    let classes = of_labels(&["cow", "cat"]).unwrap().search.classes;
    assert_eq!([0, 1, 2].map(|class| classes.contains(class)), [true, false, true]);
    assert_eq!(of_labels(&[]).unwrap().search.classes, ClassSet::all());
}

#[test]
fn more_labels_than_the_model_has_are_refused_with_both_numbers() {
    let status = of_labels(&["cat", "dog", "cow", "cat"]).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("4 classes") && status.message().contains("has 3"), "{status}");
    assert!(of_labels(&["cat", "cat", "cat"]).is_ok());
    assert!(of_labels(&["dragon"]).unwrap_err().message().contains("dragon"));
}

#[test]
fn more_detections_than_candidates_are_looked_at_are_refused() {
    let of = |most: usize| {
        let max_detections = Some(u32::try_from(most).unwrap());
        read(wire::DetectRequest { max_detections, ..wire::DetectRequest::default() })
    };
    assert_eq!(of(MAX_DETECTIONS).unwrap().thresholds.max_detections, MAX_DETECTIONS);
    for most in [0, MAX_DETECTIONS + 1, u32::MAX as usize] {
        let status = of(most).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains(&format!("is {most}, 1 to 4096")), "{status}");
    }
}

#[test]
fn masks_come_back_in_the_encoding_asked_for() {
    let region = Region { x: 1, y: 0, width: 1, height: 2 };
    let mask = Mask { width: 3, height: 2, region, pixels: [true, false].into() };
    let detection = Detection {
        class_id: 1,
        confidence: 0.5,
        bounding_box: BoundingBox::default(),
        track_id: None,
        mask: Some(mask),
    };
    let detected = Detected { detections: vec![detection], ..fixture::detected(&["cat", "dog"]) };
    let answered = |encoding| {
        let response = response("r".to_owned(), &detected, encoding).unwrap();
        let mask = response.detections.into_iter().next().unwrap().mask.unwrap();
        assert_eq!((mask.width, mask.height), (3, 2));
        mask.encoding.unwrap()
    };
    for encoding in [MaskEncoding::Unspecified, MaskEncoding::CocoRle] {
        assert_eq!(answered(encoding), Encoding::CocoRle("213".to_owned()));
    }
    let Encoding::Png(png) = answered(MaskEncoding::Png) else { panic!("no PNG") };
    let png = image::load_from_memory(&png).unwrap();
    assert_eq!((png.color(), png.into_luma8().into_raw()), (image::ColorType::L8, vec![0, 255, 0, 0, 0, 0]));
}

#[test]
fn an_encoding_of_masks_that_there_is_not_is_refused() {
    let of = |number: i32| {
        mask_encoding(&wire::DetectRequest { mask_encoding: number, ..wire::DetectRequest::default() })
    };
    assert_eq!(of(2).unwrap(), MaskEncoding::Png);
    let status = of(7).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("mask_encoding: is 7"), "{status}");
}

#[test]
fn masks_are_refused_where_nothing_makes_them() {
    let of = |makes_masks| {
        let image = vec![1].into();
        let wire = wire::DetectRequest { image, include_masks: true, ..wire::DetectRequest::default() };
        request(wire, model(), DEFAULTS, true, makes_masks, None)
    };
    assert!(of(true).unwrap().masks);
    let refused = of(false).unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("pets") && refused.message().contains("segmenter"), "{refused}");
}

/// A model that is asked in words.
fn open_model() -> Arc<Served> {
    let port = |name: &str, element: &str, dimensions: &[Option<usize>]| Port {
        name: name.to_owned(),
        element: element.to_owned(),
        dimensions: dimensions.to_vec(),
    };
    let graph = GraphInfo {
        inputs: vec![
            port("input_ids", "int64", &[None, None]),
            port("pixel_values", "float32", &[None, Some(3), Some(32), Some(32)]),
        ],
        outputs: vec![
            port("logits", "float32", &[None, None, None]),
            port("pred_boxes", "float32", &[None, None, Some(4)]),
        ],
        ..GraphInfo::default()
    };
    let model = Model::recognise("owl", &graph, &ModelOptions::default()).unwrap();
    Arc::new(Served::new(LoadedModel { model, sessions: Vec::new() }))
}

#[test]
fn a_model_that_is_asked_in_words_looks_for_the_labels() {
    let served = open_model();
    let ask = |labels: &[&str]| {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let wire = wire::DetectRequest { image: vec![1].into(), labels, ..wire::DetectRequest::default() };
        request(wire, Arc::clone(&served), DEFAULTS, true, false, None).map(|request| request.search)
    };
    let dragons = ask(&["red dragon", "egg"]).unwrap();
    assert_eq!(
        (&dragons.vocabulary.labels[..], dragons.classes),
        (&["red dragon", "egg"].map(str::to_owned)[..], ClassSet::all())
    );
    // Of the same words it is the same vocabulary, so that their images go in one batch.
    assert!(Arc::ptr_eq(&ask(&["red dragon", "egg"]).unwrap().vocabulary, &dragons.vocabulary));
    let usual = ask(&[]).unwrap().vocabulary;
    assert!(usual.labels.len() == 80 && Arc::ptr_eq(&usual, &served.vocabulary()));
    served.set_vocabulary(Arc::clone(&dragons.vocabulary));
    assert!(Arc::ptr_eq(&ask(&[]).unwrap().vocabulary, &dragons.vocabulary));
    let status = ask(&["egg", "egg"]).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("labels: label \"egg\" is given twice"), "{status}");
}
