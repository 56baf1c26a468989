//! The tensors that a run of a graph returns, and the parts of them that belong to one image.

use super::OutputError;
use crate::preprocess::Letterbox;

/// One output tensor of a run, row-major; other types of elements have been converted.
#[derive(Clone, Debug)]
pub struct Output<'a> {
    /// Name of the graph output.
    pub name: &'a str,
    /// Dimensions, the batch first.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: &'a [f32],
}

/// The output tensors of a run.
#[derive(Clone, Debug, Default)]
pub struct Outputs<'a>(pub Vec<Output<'a>>);

/// What of a run's outputs belongs to one image, and how that image went in.
#[derive(Clone, Copy, Debug)]
pub struct ImageOutputs<'a> {
    /// Outputs of the whole batch.
    pub outputs: &'a Outputs<'a>,
    /// Which image of the batch.
    pub index: usize,
    /// Where the image lies within the input.
    pub letterbox: &'a Letterbox,
    /// Width and height of the input in pixels.
    pub input: (u32, u32),
}

/// Row-major matrix borrowed from an output.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// Rows.
    pub rows: usize,
    /// Values a row.
    pub columns: usize,
    /// `rows * columns` values.
    pub data: &'a [f32],
}

/// Matrices of one size on top of each other, borrowed from an output.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    /// How many.
    pub count: usize,
    /// Rows of each.
    pub rows: usize,
    /// Values a row.
    pub columns: usize,
    /// `count * rows * columns` values.
    pub data: &'a [f32],
}

impl<'a> Matrix<'a> {
    /// The rows, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        self.data.chunks_exact(self.columns.max(1))
    }

    /// One row; empty when there is none.
    #[must_use]
    pub fn row(&self, index: usize) -> &'a [f32] {
        index
            .checked_mul(self.columns)
            .and_then(|start| self.data.get(start..start.checked_add(self.columns)?))
            .unwrap_or_default()
    }
}

impl<'a> Planes<'a> {
    /// One plane; without rows when there is none.
    #[must_use]
    pub fn plane(&self, index: usize) -> Matrix<'a> {
        let size = self.rows * self.columns;
        let data = index.checked_mul(size).and_then(|start| self.data.get(start..start.checked_add(size)?));
        let rows = if data.is_some() { self.rows } else { 0 };
        Matrix { rows, columns: self.columns, data: data.unwrap_or_default() }
    }
}

impl<'a> ImageOutputs<'a> {
    /// The image's value in an output of shape `[batch]` or `[batch, 1]`.
    ///
    /// # Errors
    /// [`OutputError`]: there is no such output, it has another shape, or the value is no number.
    pub fn scalar(&self, name: &str) -> Result<f32, OutputError> {
        const EXPECTED: &str = "[batch] or [batch, 1]";
        let bare = self.part(name, EXPECTED, |_: [usize; 0]| true).map(|(_, data)| data);
        let data = match bare {
            Ok(data) => data,
            Err(_) => self.part(name, EXPECTED, |[one]: [usize; 1]| one == 1)?.1,
        };
        let value = numbers(name, data)?.first().copied();
        value.ok_or_else(|| OutputError::Missing(name.to_owned()))
    }

    /// The image's part of an output of shape `[batch, n]`.
    ///
    /// # Errors
    /// [`OutputError`]: there is no such output, it has another shape, or something in it is no number.
    pub fn vector(&self, name: &str) -> Result<&'a [f32], OutputError> {
        let ([_], data) = self.part(name, "[batch, n]", |_: [usize; 1]| true)?;
        numbers(name, data)
    }

    /// The image's part of an output of shape `[batch, rows, columns]`; `columns` may be left open.
    ///
    /// # Errors
    /// [`OutputError`]: there is no such output, it has another shape, or something in it is no number.
    pub fn matrix(&self, name: &str, columns: Option<usize>) -> Result<Matrix<'a>, OutputError> {
        let matrix = self.unchecked_matrix(name, columns)?;
        numbers(name, matrix.data)?;
        Ok(matrix)
    }

    /// [`ImageOutputs::matrix`] for those who look at a part of it only: what in it is no number stays.
    ///
    /// # Errors
    /// [`OutputError`]: there is no such output, or it has another shape.
    pub fn unchecked_matrix(&self, name: &str, columns: Option<usize>) -> Result<Matrix<'a>, OutputError> {
        let wanted = columns.map_or_else(|| "n".to_owned(), |columns| columns.to_string());
        let fits = |[_, width]: [usize; 2]| columns.is_none_or(|columns| columns == width);
        let ([rows, columns], data) = self.part(name, &format!("[batch, rows, {wanted}]"), fits)?;
        Ok(Matrix { rows, columns, data })
    }

    /// The image's part of an output of shape `[batch, count, rows, columns]`. What in it is no number stays.
    ///
    /// # Errors
    /// [`OutputError`]: there is no such output, or it has another shape.
    pub fn planes(&self, name: &str) -> Result<Planes<'a>, OutputError> {
        let ([count, rows, columns], data) =
            self.part(name, "[batch, count, rows, columns]", |_: [usize; 3]| true)?;
        Ok(Planes { count, rows, columns, data })
    }

    /// Dimensions without the batch, and values, of the image's part of an output.
    fn part<const N: usize>(
        &self,
        name: &str,
        expected: &str,
        fits: impl Fn([usize; N]) -> bool,
    ) -> Result<([usize; N], &'a [f32]), OutputError> {
        let output = self.outputs.0.iter().find(|output| output.name == name);
        let output = output.ok_or_else(|| OutputError::Missing(name.to_owned()))?;
        let part = || {
            let (batch, dimensions) = output.shape.split_first()?;
            let dimensions = <[usize; N]>::try_from(dimensions).ok()?;
            if self.index >= *batch || !fits(dimensions) {
                return None;
            }
            let size = dimensions.iter().try_fold(1_usize, |size, side| size.checked_mul(*side))?;
            let start = self.index.checked_mul(size)?;
            // A shape may claim more than there is.
            Some((dimensions, output.data.get(start..start.checked_add(size)?)?))
        };
        part().ok_or_else(|| OutputError::Shape {
            name: name.to_owned(),
            shape: output.shape.clone(),
            expected: format!("{expected} with more than {} in the batch", self.index),
        })
    }
}

/// The values, when all are numbers. Those of what was left out may be infinitely low; none is infinitely high, but by an
/// overflow.
pub(super) fn numbers<'a>(name: &str, data: &'a [f32]) -> Result<&'a [f32], OutputError> {
    // Without a branch: nearly all outputs are fine, and large.
    let broken = data.iter().fold(false, |broken, value| broken | value.is_nan() | (*value == f32::INFINITY));
    if broken { Err(OutputError::NotANumber(name.to_owned())) } else { Ok(data) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::preprocess::ResizeMode;

    fn matrix(shape: &[usize], data: &[f32], index: usize) -> Result<(usize, Vec<f32>), OutputError> {
        let outputs = Outputs(vec![Output { name: "boxes", shape: shape.to_vec(), data }]);
        let letterbox = Letterbox::new(ResizeMode::Stretch, (8, 8), (8, 8));
        let image = ImageOutputs { outputs: &outputs, index, letterbox: &letterbox, input: (8, 8) };
        image.matrix("boxes", Some(4)).map(|matrix| (matrix.rows, matrix.data.to_vec()))
    }

    #[test]
    fn an_image_has_its_own_part() {
        let data: Vec<f32> = (0..16).map(|value| value as f32).collect();
        assert_eq!(matrix(&[2, 2, 4], &data, 1).unwrap(), (2, data[8..].to_vec()));
        assert!(matrix(&[2, 2, 4], &data, 2).is_err());
    }

    #[test]
    fn a_shape_that_claims_more_than_there_is_is_refused() {
        for shape in [vec![1, 3, 4], vec![2, usize::MAX, 4], vec![usize::MAX, 2, 4], vec![2, 4]] {
            assert!(matrix(&shape, &[0.0; 8], 1).is_err());
        }
    }

    #[test]
    fn what_is_no_number_is_named() {
        let message = matrix(&[1, 1, 4], &[0.0, f32::NAN, 0.0, 0.0], 0).unwrap_err().to_string();
        assert!(message.contains("`boxes`") && message.contains("no number"), "{message}");
        assert!(matrix(&[1, 1, 4], &[f32::NEG_INFINITY; 4], 0).is_ok());
    }
}
