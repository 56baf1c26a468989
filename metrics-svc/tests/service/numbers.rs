//! Arbitrary numbers, the same in each run.

/// A linear congruential generator, of which the upper bits are taken.
pub(crate) struct Numbers(u64);

impl Default for Numbers {
    fn default() -> Self {
        Self(0x853c_49e6_748f_ea9b)
    }
}

impl Numbers {
    /// The next one, less than `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
