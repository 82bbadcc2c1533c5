//! The simulation itself: that a history can be seen again, that the fast table tells the same story as the real adapter,
//! and that none of some histories goes wrong. `cargo xtask sim` runs thousands.

#![cfg(test)]

use hourglass_sim::{ENOUGH_FOR_ALL_STEPS, Table, history, simulate};

#[test]
fn a_seed_is_the_same_history_each_time() {
    for seed in [1, 7, 4_711] {
        let one = history(seed, Table::Memory, true).unwrap();
        let other = history(seed, Table::Memory, true).unwrap();
        assert_eq!(one.lines, other.lines, "seed {seed}");
        assert_eq!((one.trace, &one.faults), (other.trace, &other.faults), "seed {seed}");
        assert!(
            one.lines.len() > 1_000,
            "seed {seed} has only {} lines",
            one.lines.len()
        );
        let unkept = history(seed, Table::Memory, false).unwrap();
        assert_eq!(
            unkept.trace, one.trace,
            "seed {seed} runs otherwise when nobody writes it down"
        );
    }
    let (one, other) = (
        history(1, Table::Memory, false).unwrap(),
        history(2, Table::Memory, false).unwrap(),
    );
    assert_ne!(one.trace, other.trace, "two seeds are two histories");
}

#[test]
fn the_production_adapter_tells_the_same_story_as_the_sorted_map() {
    for seed in 1..=6 {
        let memory = history(seed, Table::Memory, true).unwrap();
        let dynamo = history(seed, Table::DynamoDb, true).unwrap();
        assert_eq!(memory.lines, dynamo.lines, "seed {seed}");
        assert_eq!(memory.trace, dynamo.trace, "seed {seed}");
    }
}

#[test]
fn no_history_goes_wrong_and_faults_are_everywhere() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let figures = simulate(ENOUGH_FOR_ALL_STEPS, 1_000_000, 0, threads).unwrap();
    assert_eq!(figures.histories, ENOUGH_FOR_ALL_STEPS);
    let failed = figures.failed.iter().map(|failed| (failed.seed, &failed.violations));
    assert_eq!(
        failed.collect::<Vec<_>>(),
        [],
        "replay one with `cargo xtask sim --histories 1 --seed …`"
    );
    assert_eq!(figures.missed, [""; 0], "steps at which nothing ever went wrong");
    assert_eq!(figures.steps_hit, figures.steps);
    for kind in [
        "failed_before",
        "failed_after",
        "slow_before",
        "slow_after",
        "died_before",
        "died_after",
        "lied",
        "lagging_read",
        "throttled",
        "refused",
        "record_lost",
        "record_twice",
        "schedule_lost",
        "schedule_twice",
        "message_lost",
        "message_twice",
        "sweep_lost",
    ] {
        assert!(
            figures.faults.get(kind).is_some_and(|count| *count > 0),
            "{kind} never happened"
        );
    }
}
