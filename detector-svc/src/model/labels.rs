//! Names of classes.

use std::{ops::Deref, sync::Arc};

/// Class names in the order of class identifiers; cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[String]>);

impl Labels {
    /// Name of a class; empty for an identifier that there is not.
    #[must_use]
    pub fn name(&self, class_id: usize) -> &str {
        self.0.get(class_id).map_or("", String::as_str)
    }

    /// Class identifier of a name.
    #[must_use]
    pub fn class_id(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|label| label == name)
    }
}

impl Deref for Labels {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for Labels {
    fn from(names: Vec<String>) -> Self {
        Self(names.into())
    }
}
