//! Any course of events, and that the service goes through it as its model does.

use proptest::prelude::*;

use crate::model::{LABELS, METRICS, Model, PRODUCERS};

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Batch(Batch),
    /// The producer opens another stream.
    Reopen {
        producer: usize,
    },
    /// The producer starts anew.
    NewRun {
        producer: usize,
    },
    /// The service does.
    Restart {
        kill: bool,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) producer: usize,
    pub(crate) place: Place,
    pub(crate) values: Vec<Value>,
}

/// Where a batch's number stands to the last one applied.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    After(u64),
    Before(u64),
}

impl Place {
    pub(crate) fn sequence(self, last: u64) -> u64 {
        match self {
            Self::After(further) => last + further,
            Self::Before(back) => last.saturating_sub(back).max(1),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) metric: usize,
    pub(crate) label: usize,
    /// Whether it is sent by a number for its series.
    pub(crate) packed: bool,
    quarters: i32,
}

impl Value {
    /// The number of its series.
    pub(crate) fn number(&self) -> u32 {
        (self.metric * LABELS.len() + self.label) as u32
    }

    /// What is recorded: a number whose sums are exact, of a counter none below zero.
    pub(crate) fn amount(&self) -> f64 {
        let amount = f64::from(self.quarters) / 4.0;
        if self.metric == 0 { amount.abs() } else { amount }
    }

    /// Whether a gauge is changed rather than set.
    pub(crate) fn adds(&self) -> bool {
        self.metric == 1 && !self.packed && self.quarters % 2 == 0
    }
}

fn value() -> impl Strategy<Value = Value> {
    (0..METRICS.len(), 0..LABELS.len(), any::<bool>(), -4000..4000_i32)
        .prop_map(|(metric, label, packed, quarters)| Value { metric, label, packed, quarters })
}

fn step() -> impl Strategy<Value = Step> {
    let producer = || 0..PRODUCERS.len();
    let place = prop_oneof![
        6 => Just(Place::After(1)),
        1 => (2..5_u64).prop_map(Place::After),
        2 => (0..3_u64).prop_map(Place::Before),
    ];
    let batch = (producer(), place, prop::collection::vec(value(), 0..12))
        .prop_map(|(producer, place, values)| Step::Batch(Batch { producer, place, values }));
    prop_oneof![
        16 => batch,
        2 => producer().prop_map(|producer| Step::Reopen { producer }),
        1 => producer().prop_map(|producer| Step::NewRun { producer }),
        2 => any::<bool>().prop_map(|kill| Step::Restart { kill }),
    ]
}

async fn go_through(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("storage.dir", folder.path().to_str().unwrap())];
    let mut model = Model::start(&settings).await;
    for step in &steps {
        model = model.take(step).await;
    }
    model.finish().await;
}

/// `PROPTEST_CASES=500` goes through more courses than there is time for each time.
fn config() -> ProptestConfig {
    let config = ProptestConfig { max_shrink_iters: 200, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: 16, ..config } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_happens_the_service_has_what_its_model_has(steps in prop::collection::vec(step(), 1..40)) {
        tokio::runtime::Runtime::new().unwrap().block_on(go_through(steps));
    }
}
