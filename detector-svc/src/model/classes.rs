//! Which classes somebody wants to see.

/// A set of classes that costs one look-up a test; the empty one stands for every class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassSet {
    /// Whether each class is wanted, by its identifier.
    wanted: Vec<bool>,
}

impl ClassSet {
    /// Every class.
    #[must_use]
    pub const fn all() -> Self {
        Self { wanted: Vec::new() }
    }

    /// Whether the class is wanted.
    #[must_use]
    pub fn contains(&self, class_id: usize) -> bool {
        self.wanted.is_empty() || self.wanted.get(class_id).copied().unwrap_or(false)
    }
}

/// Collects the identifiers of the classes that are wanted; none: all are. Memory grows with the highest.
impl FromIterator<usize> for ClassSet {
    fn from_iter<I: IntoIterator<Item = usize>>(class_ids: I) -> Self {
        let mut wanted = Vec::new();
        for class_id in class_ids {
            if wanted.len() <= class_id {
                wanted.resize(class_id + 1, false);
            }
            wanted[class_id] = true;
        }
        Self { wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_named_and_without_a_name_everything() {
        let some: ClassSet = [5, 2, 5].into_iter().collect();
        assert_eq!((0..8).filter(|class| some.contains(*class)).collect::<Vec<_>>(), [2, 5]);
        assert!(ClassSet::all().contains(0) && ClassSet::all().contains(usize::MAX));
        assert_eq!([].into_iter().collect::<ClassSet>(), ClassSet::all());
    }
}
