//! Looks into the table of a system in which every grant has ended: is every audit chain whole, and is nothing left
//! that somebody would have to come back for?

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use hourglass_app::change::{read, read_page};
use hourglass_app::keys;
use hourglass_app::ports::store::Query;
use hourglass_boot::Services;
use hourglass_domain::audit::{Event, Head, StreamId, verify};
use hourglass_domain::due::DueKind;
use hourglass_local::aws::Shutdown;
use hourglass_local::system::{FUNCTION_FAILURES, Options, SCHEDULE_FAILURES, World};
use hourglass_tests::table;
use serde_json::json;

/// What stands for work that is to be done, or for somebody's open request or live grant.
const UNFINISHED: [&str; 4] = ["DUE#G#", "END#", "LIVE#", "OPEN#"];

/// Whether triggers may have been given up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// None may: nothing was down for longer than retries last.
    Nothing,
    /// Some may, while there was nobody to take them. The sweep has to have made up for it.
    Expected,
}

/// Examines the state in the data directory and answers how many audit streams it has.
pub(crate) async fn examine(data: &Path, given_up: GivenUp) -> anyhow::Result<usize> {
    let options = Options::new(data);
    let world = World::start(&options, Shutdown::new()).await?;
    let services = Services::new(world.config(&options, "http://localhost:8600")).await?;
    let items = table(&world)?;
    // A look at what has ended stands for no unfinished work: it comes minutes to days later.
    let later = |item: &&serde_json::Value| {
        let sk = item["sk"]["S"].as_str().unwrap_or_default();
        !sk.contains(&format!("#{}#", DueKind::Recheck.name()))
    };
    let stored = items.iter().filter(later);
    let keys: BTreeSet<&str> = stored.filter_map(|item| item["pk"]["S"].as_str()).collect();
    // An order to end stays to be read, where somebody gave one.
    let ordered = |pk: &str| given_up == GivenUp::Expected && pk.starts_with("END#");
    let left = keys
        .iter()
        .filter(|pk| !ordered(pk))
        .filter(|pk| UNFINISHED.iter().any(|prefix| pk.starts_with(prefix)));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&&str>::new(), "left behind");
    for queue in [SCHEDULE_FAILURES, FUNCTION_FAILURES] {
        if given_up == GivenUp::Nothing {
            assert_eq!(world.queues.messages(queue)?, Vec::new(), "given up");
        }
    }
    let streams = keys.iter().filter_map(|pk| pk.strip_prefix("AUD#"));
    let streams: Vec<StreamId> = streams
        .map(|name| serde_json::from_value(json!(name)))
        .collect::<Result<_, _>>()?;
    for stream in &streams {
        let store = &*services.core.store;
        let mut events: Vec<Event> = Vec::new();
        let mut after = None;
        loop {
            let query = Query::partition(keys::audit_stream(stream))
                .prefix(keys::EVENTS)
                .after(after);
            let page = read_page::<Event>(store, &query).await?;
            events.extend(page.items.into_iter().map(|event| event.value));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let head = read::<Head>(store, &keys::audit_head(stream)).await?;
        let head = head.with_context(|| format!("{} has no head", stream.as_str()))?;
        verify(stream, &events, &head.value).with_context(|| format!("the chain of {}", stream.as_str()))?;
    }
    world.base().shutdown.finish().await;
    Ok(streams.len())
}
