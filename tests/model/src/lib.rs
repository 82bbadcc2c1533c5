//! Model check of the membership protocol: [`hourglass_domain::protocol`], the code that the services run, in every
//! order in which things can happen within [`Bounds`].
//!
//! A state is everything: the table, the target, the schedules, up to two workers in the middle of their work, and what
//! is left of the bounds. An action is one thing that happens: a worker does one effect, or dies; time passes; a trigger
//! comes, early, late, twice or from nobody; a person approves, extends or ends. stateright visits every state that can
//! be reached, and in each the invariants are looked at.
//!
//! That nothing is found proves only as much as would be found: so each of a list of seeded mistakes has to be, and
//! every status, presence and kind of fault has to be met on the way. `docs/ARCHITECTURE.md` says what is not modelled.

mod bounds;
mod clock;
mod fault;
mod mistakes;
mod model;
mod part;
mod reached;
mod state;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod worker;

pub use bounds::Bounds;

use anyhow::Result;
use hourglass_domain::protocol::Production;
use mistakes::{Variant, each_mistake};
use model::Protocol;
use reached::{Met, Reached};
use state::Invariant;
use stateright::{Checker, HasDiscoveries, Model};
use std::sync::Arc;
use std::time::Duration;

/// How many threads explore. The result does not depend on it, except for which path shows a violation.
const THREADS: usize = 2;
/// How often a long exploration says how far it is.
const SAYS_EVERY: Duration = Duration::from_secs(10);
/// How often it is asked whether it is over.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// What an exploration of the protocol found.
#[derive(Debug)]
pub struct Explored {
    /// Different states.
    pub states: usize,
    /// Steps between them.
    pub steps: usize,
    /// Steps of the longest history.
    pub depth: usize,
    /// Each invariant that was broken, with a history that breaks it.
    pub violations: Vec<Violation>,
    /// Which of what has to be met was not, in words.
    pub missing: Vec<&'static str>,
}

/// How an invariant is broken.
#[derive(Debug)]
pub struct Violation {
    /// Its name.
    pub invariant: &'static str,
    /// What happens, step by step, until then.
    pub history: Vec<String>,
}

/// A mistake, and what became of looking for it.
#[derive(Debug)]
pub struct Sought {
    /// What is wrong.
    pub mistake: &'static str,
    /// What the model check found, and within which bounds.
    pub found: Option<(Violation, Bounds)>,
    /// States visited until then.
    pub states: usize,
}

/// All that has to be met, in words.
pub fn to_be_met() -> impl Iterator<Item = &'static str> {
    Met::ALL.iter().map(|(_, words)| *words)
}

/// Visits every state that the protocol can reach within `bounds`. `say` is told now and then how many there are so far.
///
/// # Errors
/// When a grant cannot be made as services store it.
pub fn explore(bounds: Bounds, say: &mut dyn FnMut(usize)) -> Result<Explored> {
    let reached = Arc::new(Reached::default());
    let model = Protocol::<Production>::new(bounds, Arc::clone(&reached))?;
    let checker = model
        .checker()
        .threads(THREADS)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs();
    let mut waited = Duration::ZERO;
    while !checker.is_done() {
        std::thread::sleep(LOOKS_EVERY);
        waited += LOOKS_EVERY;
        if waited >= SAYS_EVERY {
            waited = Duration::ZERO;
            say(checker.unique_state_count());
        }
    }
    let checker = checker.join();
    Ok(Explored {
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        violations: violations(&checker),
        missing: reached.missing(),
    })
}

/// Looks for every seeded mistake. `say` is told of each.
///
/// # Errors
/// When a grant cannot be made as services store it.
pub fn seek_mistakes(say: &mut dyn FnMut(&Sought)) -> Result<Vec<Sought>> {
    let mut all = Vec::new();
    for seek in each_mistake!(seek) {
        let sought = seek()?;
        say(&sought);
        all.push(sought);
    }
    Ok(all)
}

/// Looks for one mistake, within wider and wider bounds, breadth first: what is found is a shortest history.
fn seek<R: Variant>() -> Result<Sought> {
    let mut states = 0;
    for bounds in Bounds::WIDENING {
        let model = Protocol::<R>::new(bounds, Arc::new(Reached::default()))?;
        let checker = model
            .checker()
            .threads(THREADS)
            .finish_when(HasDiscoveries::AnyFailures)
            .spawn_bfs()
            .join();
        states += checker.unique_state_count();
        if let Some(violation) = violations(&checker).into_iter().next() {
            return Ok(Sought {
                mistake: R::NAME,
                found: Some((violation, bounds)),
                states,
            });
        }
    }
    Ok(Sought {
        mistake: R::NAME,
        found: None,
        states,
    })
}

fn violations<R: Variant>(checker: &impl Checker<Protocol<R>>) -> Vec<Violation> {
    let broken = Invariant::ALL.iter().filter_map(|(_, name)| {
        let path = checker.discovery(name)?;
        let history = path.into_vec().into_iter();
        let steps = history.filter_map(|(state, action)| Some(format!("tick {:>2}  {:?}", state.now, action?)));
        Some(Violation {
            invariant: name,
            history: steps.collect(),
        })
    });
    broken.collect()
}
