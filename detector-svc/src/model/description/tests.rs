//! What is said of a model is read, and what contradicts itself is named.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::preprocess::{Edges, Rounding};

fn metadata(entries: &[(&str, &str)]) -> Result<Description, DescriptionError> {
    metadata::parse(&entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect())
}

#[test]
fn names_come_in_the_order_of_their_identifiers() {
    let names = |text| metadata(&[("names", text)]).unwrap().names.unwrap().concat();
    let json =
        r#"{"10":"k","2":"c","0":"a","1":"b","3":"d","4":"e","5":"f","6":"g","7":"h","8":"i","9":"j"}"#;
    assert_eq!(names(json), "abcdefghijk");
    assert_eq!(names(r#"{1: 'b', 0: "it's"}"#), "it'sb");
    assert_eq!(names(r#"["x", "y"]"#), "xy");
}

#[test]
fn contradictions_in_metadata_are_named() {
    for (key, value) in [
        ("names", r#"{"0":"a","2":"c"}"#),
        ("names", "{0: 'a', 2: 'c'}"),
        ("names", "a, b"),
        ("std", "[1,0,1]"),
        ("mean", "[1]"),
        ("mean", "[1,2,1e39]"),
        ("std", "[1e39,1,1]"),
        ("imgsz", "[416]"),
        ("color", "cmyk"),
        ("task", "pose"),
    ] {
        let message = metadata(&[(key, value)]).unwrap_err().to_string();
        assert!(message.contains(key) && message.contains(value), "{message}");
    }
    assert_eq!(metadata(&[("imgsz", "416")]).unwrap().image_size, Some([416, 416]));
}

#[test]
fn a_users_description_is_read_whole() {
    let text = r#"
        family = "yolo"
        labels = ["cat", "dog"]
        activation = "softmax"
        decoded = true
        [input]
        size = [320, 416]
        color = "bgr"
        mean = [1, 2, 3]
        std = [4, 5, 6]
        padding = 114
        resize = "letterbox_centre"
        filter = "bicubic_antialias"
    "#;
    let expected = Description {
        family: Some("yolo".into()),
        model_type: None,
        names: Some(vec!["cat".into(), "dog".into()]),
        image_size: Some([320, 416]),
        color: Some(ColorOrder::Bgr),
        mean: Some([1.0, 2.0, 3.0]),
        std: Some([4.0, 5.0, 6.0]),
        padding: Some([114.0; 3]),
        resize: Some(ResizeMode::LetterboxCentre),
        filter: Some(Filter::BicubicAntialias),
        activation: Some(Activation::Softmax),
        decoded: Some(true),
        text_tokens: None,
    };
    assert_eq!(model_toml::parse(text).unwrap(), expected);
    for (text, named) in [
        ("colour = 1", "colour"),
        ("[input]\nstd = [0, 1, 1]", "input.std"),
        ("[input]\nresize = \"crop\"", "crop"),
        ("[input]\npadding = nan", "input.padding"),
    ] {
        let message = model_toml::parse(text).unwrap_err().to_string();
        assert!(message.starts_with("model.toml: ") && message.contains(named), "{message}");
    }
}

#[test]
fn an_image_processors_numbers_go_to_the_scale_of_bytes() {
    let text = r#"{"image_processor_type": "DetrImageProcessor", "do_rescale": true, "rescale_factor": 0.00392156862745098,
        "image_mean": [0.5, 0.25, 0.0], "image_std": [0.2, 0.2, 0.2], "resample": 2,
        "size": {"shortest_edge": 800, "longest_edge": 1333}}"#;
    let description = preprocessor_config::parse(text).unwrap();
    let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-3);
    assert!(close(description.mean.unwrap(), [127.5, 63.75, 0.0]), "{description:?}");
    assert!(close(description.std.unwrap(), [51.0; 3]), "{description:?}");
    assert_eq!(description.padding, description.mean, "zeros after normalisation");
    assert_eq!(description.image_size, Some([800, 1333]));
    let edges = Edges { shortest: 800, longest: 1333, multiple: 1, rounding: Rounding::Down };
    assert_eq!(description.resize, Some(ResizeMode::Edges(edges)));
    assert_eq!(description.filter, Some(Filter::BilinearAntialias));
}

#[test]
fn an_image_processor_that_does_not_normalise_leaves_pixels_between_0_and_1() {
    let text = r#"{"do_normalize": false, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.1, 0.1, 0.1],
        "size": {"height": 640, "width": 480}}"#;
    let description = preprocessor_config::parse(text).unwrap();
    assert_eq!((description.mean, description.std), (Some([0.0; 3]), Some([255.0; 3])));
    assert_eq!((description.image_size, description.resize), (Some([640, 480]), Some(ResizeMode::Stretch)));
    assert!(preprocessor_config::parse(r#"{"image_std": [0.0, 1.0, 1.0]}"#).is_err());
    assert!(preprocessor_config::parse(r#"{"resample": 9}"#).unwrap_err().to_string().contains("resample"));
}

fn fitted(entries: &str) -> (Option<[u32; 2]>, Option<ResizeMode>) {
    let description = preprocessor_config::parse(&format!("{{{entries}}}")).unwrap();
    (description.image_size, description.resize)
}

#[test]
fn an_image_processors_size_has_many_forms() {
    let edges = |shortest, longest, multiple, rounding| {
        Some(ResizeMode::Edges(Edges { shortest, longest, multiple, rounding }))
    };
    let (stretch, letterbox) = (Some(ResizeMode::Stretch), Some(ResizeMode::LetterboxTopLeft));
    for (entries, size, resize) in [
        (r#""size": 640"#, [640, 640], stretch),
        (r#""size": [480, 640]"#, [480, 640], stretch),
        (r#""size": {"height": 64, "width": 96}, "do_pad": true, "pad_size": null"#, [64, 96], stretch),
        (
            r#""size": {"height": 64, "width": 96}, "pad_size": {"height": 64, "width": 96}"#,
            [64, 96],
            stretch,
        ),
        (
            r#""size": {"longest_edge": 1024}, "pad_size": {"height": 1024, "width": 1024}"#,
            [1024, 1024],
            letterbox,
        ),
        (r#""size": {"longest_edge": 1024}"#, [1024, 1024], letterbox),
        (r#""size": {"max_height": 600, "max_width": 800}"#, [600, 800], letterbox),
        (r#""size": 800, "max_size": 1333"#, [800, 1333], edges(800, 1333, 1, Rounding::Down)),
        (
            r#""size": 512, "feature_extractor_type": "DetrFeatureExtractor""#,
            [512, 1333],
            edges(512, 1333, 1, Rounding::Down),
        ),
        (
            r#""size": {"shortest_edge": 120, "longest_edge": 150}, "pad_size": {"height": 128, "width": 160}"#,
            [128, 160],
            edges(120, 150, 1, Rounding::Down),
        ),
        (
            r#""size": {"shortest_edge": 120, "longest_edge": 150}, "pad_size": {"height": 9, "width": 9}, "do_pad": false"#,
            [120, 150],
            edges(120, 150, 1, Rounding::Down),
        ),
        (
            r#""size": {"shortest_edge": 800, "longest_edge": 1333}, "image_processor_type": "YolosImageProcessor""#,
            [800, 1328],
            edges(800, 1333, 16, Rounding::Down),
        ),
        (
            r#""size": {"shortest_edge": 800, "longest_edge": 1333}, "image_processor_type": "MaskFormerImageProcessor""#,
            [800, 1344],
            edges(800, 1333, 32, Rounding::Up),
        ),
        (
            r#""size": {"height": 100, "width": 128}, "size_divisor": 64, "image_processor_type": "Mask2FormerImageProcessor""#,
            [128, 128],
            stretch,
        ),
    ] {
        assert_eq!(fitted(entries), (Some(size), resize), "{entries}");
    }
    assert_eq!(fitted(r#""size": {"height": 64, "width": 64}, "do_resize": false"#), (None, None));
}

#[test]
fn the_image_processor_of_rf_detr_interpolates_between_pixels() {
    let of = |kind: &str| {
        let text = format!(r#"{{"image_processor_type": "{kind}", "resample": 2}}"#);
        preprocessor_config::parse(&text).unwrap().filter
    };
    assert_eq!(of("RfDetrImageProcessor"), Some(Filter::Bilinear));
    assert_eq!(of("RTDetrImageProcessorFast"), Some(Filter::BilinearAntialias));
}

#[test]
fn what_is_said_first_counts() {
    let graph =
        GraphInfo { metadata: [("imgsz".to_owned(), "[1, 2]".to_owned())].into(), ..GraphInfo::default() };
    let sidecars = Sidecars {
        model_toml: Some("labels = [\"a\"]\n[input]\nsize = [3, 4]".to_owned()),
        preprocessor_config: Some(r#"{"size": {"height": 5, "width": 6}, "resample": 3}"#.to_owned()),
        config: Some(r#"{"model_type": "detr", "id2label": {"0": "b", "2": "c"}}"#.to_owned()),
        tokenizer: None,
    };
    let description = Description::read(&graph, &sidecars).unwrap();
    assert_eq!(description.image_size, Some([1, 2]));
    assert_eq!(description.names, Some(vec!["a".to_owned()]));
    assert_eq!(description.filter, Some(Filter::BicubicAntialias));
    assert_eq!(description.model_type.as_deref(), Some("detr"));
    let config = Sidecars { config: sidecars.config, ..Sidecars::default() };
    let names = Description::read(&GraphInfo::default(), &config).unwrap().names.unwrap();
    assert_eq!(names, ["b", "class_1", "c"]);
}
