//! The model check as a command: `cargo xtask model`.
//!
//! All that people read goes to standard error; the figures are one line of JSON on standard output. Fails unless every
//! state keeps the invariants, everything that has to be met was met, and each mistake was found.

use anyhow::{Context, Result, ensure};
use hourglass_model::{Bounds, Sought, explore, seek_mistakes, to_be_met};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;

/// An exploration that is smaller than this has been cut down by mistake.
const FEWEST_STATES: usize = 100_000;

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stderr(), "{text}").context("standard error cannot be written to")
}

fn main() -> Result<()> {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    let shows = given("--show");
    let mut explorations = vec![
        ("an extension and a fault", Bounds::SMALL),
        ("early ends", Bounds::ENDS),
    ];
    if !given("--small") {
        explorations.extend([
            ("people interrupt", Bounds::INTERRUPTIONS),
            ("approvals interrupt", Bounds::APPROVALS),
            ("one grant, two faults", Bounds::EXTENDED),
            ("two grants, two faults", Bounds::TWO_GRANTS),
        ]);
    }
    if given("--all") {
        explorations.push(("all at once", Bounds::FAULTS));
    }
    let mut states = 0;
    let mut violations = 0;
    let mut missing: BTreeSet<&str> = to_be_met().collect();
    for (name, bounds) in explorations {
        say(&format!("{name}: {}", bounds.words()))?;
        let explored = explore(bounds, &mut |states| {
            // Progress is worth no failure.
            let _lost = say(&format!("  … {states} states"));
        })?;
        say(&format!(
            "  {} states, {} steps between them, at most {} in a row, {} invariants broken",
            explored.states,
            explored.steps,
            explored.depth,
            explored.violations.len()
        ))?;
        for violation in &explored.violations {
            say(&format!("  {} is broken:", violation.invariant))?;
            for step in &violation.history {
                say(&format!("    {step}"))?;
            }
        }
        let unmet: BTreeSet<&str> = explored.missing.into_iter().collect();
        missing = &missing & &unmet;
        states += explored.states;
        violations += explored.violations.len();
    }
    say("sometimes:")?;
    for words in to_be_met() {
        let never = if missing.contains(words) { "NEVER " } else { "" };
        say(&format!("  {never}{words}"))?;
    }
    say("mistakes:")?;
    let mistakes = seek_mistakes(&mut |sought| {
        let _lost = tell(sought, shows);
    })?;
    let found = mistakes.iter().filter(|sought| sought.found.is_some()).count();
    let figures = json!({
        "states": states,
        "violations": violations,
        "mistakes": mistakes.len(),
        "mistakes_found": found,
    });
    writeln!(std::io::stdout(), "{figures}").context("standard output cannot be written to")?;
    ensure!(violations == 0, "an invariant is broken");
    ensure!(states >= FEWEST_STATES, "only {states} states were visited");
    ensure!(missing.is_empty(), "never met: {missing:?}");
    ensure!(found == mistakes.len(), "a mistake was not found");
    Ok(())
}

fn tell(sought: &Sought, shows: bool) -> Result<()> {
    let Some((violation, bounds)) = &sought.found else {
        return say(&format!("  NOT FOUND in {} states: {}", sought.states, sought.mistake));
    };
    say(&format!(
        "  {} is broken by: {} ({} steps; {} grants, {} faults; {} states)",
        violation.invariant,
        sought.mistake,
        violation.history.len(),
        bounds.grants,
        bounds.faults,
        sought.states
    ))?;
    if shows {
        for step in &violation.history {
            say(&format!("    {step}"))?;
        }
    }
    Ok(())
}
