//! Many histories, and what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::faults::{Step, steps};
use crate::history::{History, Table, history};

/// From this number of histories on all steps have to be hit: each seed aims at another one, and some miss.
pub const ENOUGH_FOR_ALL_STEPS: u64 = 200;

/// What many histories came to.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How many there were.
    pub histories: u64,
    /// How many of them ran on the production adapter and an embedded database.
    pub on_dynamodb: u64,
    /// The seed of the first; the others follow.
    pub seed: u64,
    /// In how many something happened that must never happen.
    pub violations: u64,
    /// Before and after each method of each port.
    pub steps: usize,
    /// At how many of them something went wrong.
    pub steps_hit: usize,
    /// What went wrong, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The steps at which nothing did.
    #[serde(skip)]
    pub missed: Vec<String>,
    /// The histories that went wrong.
    #[serde(skip)]
    pub failed: Vec<History>,
}

impl Figures {
    /// Whether all is well: nothing happened that must not, and the faults were everywhere.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let everywhere = self.missed.is_empty() || self.histories < ENOUGH_FOR_ALL_STEPS;
        self.violations == 0 && everywhere
    }
}

/// Runs `histories` histories with the seeds from `seed` on, on as many threads. Every `on_dynamodb`-th runs on the
/// production adapter (0: none).
///
/// # Errors
/// When the simulation itself does not work.
pub fn simulate(histories: u64, seed: u64, on_dynamodb: u64, threads: usize) -> anyhow::Result<Figures> {
    let next = AtomicU64::new(0);
    let all: Mutex<Vec<anyhow::Result<(History, Table)>>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= histories {
                        return;
                    }
                    let table = if on_dynamodb > 0 && number.is_multiple_of(on_dynamodb) {
                        Table::DynamoDb
                    } else {
                        Table::Memory
                    };
                    let lived = history(seed.wrapping_add(number), table, false).map(|lived| (lived, table));
                    all.lock().unwrap_or_else(PoisonError::into_inner).push(lived);
                }
            });
        }
    });
    let all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut figures = Figures {
        histories: 0,
        on_dynamodb: 0,
        seed,
        violations: 0,
        steps: steps().len(),
        steps_hit: 0,
        faults: BTreeMap::new(),
        missed: Vec::new(),
        failed: Vec::new(),
    };
    let mut hit: BTreeSet<Step> = BTreeSet::new();
    for lived in all {
        let (lived, table) = lived?;
        figures.histories += 1;
        figures.on_dynamodb += u64::from(table == Table::DynamoDb);
        hit.extend(&lived.hit);
        for (kind, count) in &lived.faults {
            *figures.faults.entry(kind).or_default() += count;
        }
        if !lived.violations.is_empty() {
            figures.violations += 1;
            figures.failed.push(lived);
        }
    }
    figures.failed.sort_by_key(|history| history.seed);
    figures.steps_hit = hit.len();
    let all = steps();
    let missed = all
        .difference(&hit)
        .map(|(method, moment)| format!("{moment:?} {method}"));
    figures.missed = missed.collect();
    Ok(figures)
}
