//! One-shot schedules, late by up to a minute, and delayed messages, late by up to a second. While faults last some of both
//! are lost or come twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hourglass_app::ports::Clock as _;
use hourglass_app::ports::delays::{DelayError, Delays};
use hourglass_app::ports::schedules::{Found, Listed, ScheduleError, Schedules};
use hourglass_domain::Timestamp;
use hourglass_domain::grant::ScheduleName;
use hourglass_domain::ids::GrantId;

use crate::world::{Trigger, World};

/// The precision that EventBridge Scheduler promises: within the minute.
const LATE_MILLIS: (u64, u64) = (0, 60_000);
/// How late, in milliseconds, a message is.
const MESSAGE_LATE_MILLIS: (u64, u64) = (0, 1_000);
/// How often, in a hundred, a schedule is lost, and how often it fires twice.
const LOST: u64 = 10;
const TWICE: u64 = 10;

/// The scheduler.
#[derive(Debug)]
pub(crate) struct Scheduler {
    world: Arc<World>,
}

impl Scheduler {
    pub(crate) const fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

#[async_trait]
impl Schedules for Scheduler {
    async fn create(&self, name: &ScheduleName, at: Timestamp) -> Result<(), ScheduleError> {
        {
            let truth = &mut *self.world.truth();
            match truth.schedules.get(name) {
                Some(other) if *other != at => return Err(ScheduleError(format!("{name} exists with another time"))),
                Some(_) => return Ok(()),
                None => {}
            }
            truth.schedules.insert(name.clone(), at);
            truth.made.insert(name.clone());
        }
        tokio::spawn(fire(Arc::clone(&self.world), name.clone(), at));
        Ok(())
    }

    async fn inspect(&self, name: &ScheduleName, at: Timestamp) -> Result<Found, ScheduleError> {
        Ok(match self.world.truth().schedules.get(name) {
            Some(found) if *found == at => Found::Same,
            Some(_) => Found::Changed("time".to_owned()),
            None => Found::Missing,
        })
    }

    async fn list(&self, _after: Option<&str>) -> Result<Listed, ScheduleError> {
        let names = self.world.truth().schedules.keys().map(ToString::to_string).collect();
        Ok(Listed { names, next: None })
    }

    async fn delete(&self, name: &ScheduleName) -> Result<(), ScheduleError> {
        self.world.truth().schedules.remove(name);
        Ok(())
    }
}

#[async_trait]
impl Delays for Scheduler {
    async fn send(&self, grant: GrantId, seconds: u32) -> Result<(), DelayError> {
        let world = Arc::clone(&self.world);
        world.truth().messages.insert(grant);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            world.pass(MESSAGE_LATE_MILLIS).await;
            if world.mishap("message_lost", LOST) {
                return;
            }
            world.trace(|| format!("a message for {grant} arrives"));
            world.start(Trigger::Schedule(grant));
            if world.mishap("message_twice", TWICE) {
                world.start(Trigger::Schedule(grant));
            }
        });
        Ok(())
    }
}

async fn fire(world: Arc<World>, name: ScheduleName, at: Timestamp) {
    let wait = at.millis().saturating_sub(world.now().millis());
    let late = world.between(LATE_MILLIS);
    let wait = u64::try_from(wait).unwrap_or_default().saturating_add(late);
    tokio::time::sleep(Duration::from_millis(wait)).await;
    // One that was deleted meanwhile, or deleted and made again, is not this one's to fire.
    if world.truth().schedules.get(&name) != Some(&at) {
        return;
    }
    world.truth().schedules.remove(&name);
    if world.mishap("schedule_lost", LOST) {
        return;
    }
    world.trace(|| format!("{name} fires"));
    world.start(Trigger::Schedule(name.grant));
    if world.mishap("schedule_twice", TWICE) {
        world.start(Trigger::Schedule(name.grant));
    }
}
