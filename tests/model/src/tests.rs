//! Small explorations and the mistakes, as plain tests.

use super::*;

fn keeps_its_invariants(bounds: Bounds) -> Explored {
    let explored = explore(bounds, &mut |_| {}).unwrap();
    assert!(explored.violations.is_empty(), "{:#?}", explored.violations);
    explored
}

#[test]
fn the_protocol_keeps_its_invariants_whenever_people_act() {
    let explored = keeps_its_invariants(Bounds::INTERRUPTIONS);
    for met in [
        "a target is kept by another grant",
        "a grant is extended",
        "two live holds overlap",
    ] {
        assert!(!explored.missing.contains(&met), "never met: {met}");
    }
}

#[test]
fn the_protocol_keeps_its_invariants_whatever_fails() {
    let explored = keeps_its_invariants(Bounds::ONE_GRANT);
    for met in [
        "a worker dies",
        "a replica that lags answers",
        "the target says done and does nothing",
    ] {
        assert!(!explored.missing.contains(&met), "never met: {met}");
    }
}

#[test]
fn every_seeded_mistake_is_found() {
    for sought in seek_mistakes(&mut |_| {}).unwrap() {
        assert!(sought.found.is_some(), "not found: {}", sought.mistake);
    }
}
