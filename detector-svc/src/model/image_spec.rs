//! The image input of a graph that is no detector.

use super::{
    GraphInfo, ModelError, Sidecars,
    description::Description,
    queries::imagenet,
    recognise::{image_input, input_spec},
};
use crate::preprocess::{Filter, InputSpec, ResizeMode};

/// How the image input of a segmenter's graph is made: as the graph and what lies beside it say, and otherwise as SAM 2
/// has it, stretched and normalised as ImageNet. `None` when the graph takes no image.
///
/// # Errors
/// [`ModelError`] when what is said cannot be, or nothing tells how large the input is.
pub(crate) fn segmenter_input(
    graph: &GraphInfo,
    sidecars: &Sidecars,
) -> Result<Option<InputSpec>, ModelError> {
    let usual = imagenet(ResizeMode::Stretch, Filter::BilinearAntialias);
    let description = Description::read(graph, sidecars)?;
    image_input(graph).map(|image| input_spec(&image, &description, &usual)).transpose()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::model::Port;
    use crate::model::queries::IMAGENET_MEAN;

    fn graph(side: Option<usize>) -> GraphInfo {
        let dimensions = vec![None, Some(3), side, side];
        let port = Port { name: "pixel_values".to_owned(), element: "float32".to_owned(), dimensions };
        GraphInfo { inputs: vec![port], ..GraphInfo::default() }
    }

    #[test]
    fn what_is_not_said_is_as_sam_2_has_it() {
        let spec = segmenter_input(&graph(Some(64)), &Sidecars::default()).unwrap().unwrap();
        assert_eq!((spec.size(), spec.resize), ((64, 64), ResizeMode::Stretch));
        assert_eq!((spec.mean, spec.filter), (IMAGENET_MEAN, Filter::BilinearAntialias));
    }

    #[test]
    fn the_file_beside_it_tells_the_size_and_how_images_are_fitted_in() {
        let config = r#"{"size": {"longest_edge": 96}, "pad_size": {"height": 96, "width": 96}}"#;
        let sidecars = Sidecars { preprocessor_config: Some(config.to_owned()), ..Sidecars::default() };
        let spec = segmenter_input(&graph(None), &sidecars).unwrap().unwrap();
        assert_eq!((spec.size(), spec.resize), ((96, 96), ResizeMode::LetterboxTopLeft));
    }

    #[test]
    fn an_input_of_no_known_size_is_refused_and_without_an_image_there_is_none() {
        assert!(segmenter_input(&graph(None), &Sidecars::default()).is_err());
        assert_eq!(segmenter_input(&GraphInfo::default(), &Sidecars::default()).unwrap(), None);
    }
}
