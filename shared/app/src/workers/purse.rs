//! Where workers get the tokens for their writes from: each tenant's bucket ([`hourglass_domain::budget`]) is an item of
//! the table, and taking from it is a conditional write, so that all instances of all functions share it.
//!
//! Tokens are taken for a batch at a time, or the item would be written as often as the target. What is left of them is
//! put back; if that fails, or the worker dies, they are lost, which costs the tenant a few seconds and nothing else.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hourglass_domain::Timestamp;
use hourglass_domain::budget::{Bucket, Spend, Taken};
use hourglass_domain::ids::TenantId;

use crate::change::{Change, ChangeError, read};
use crate::error::Result;
use crate::keys;
use crate::ports::Core;
use crate::records::Stored;

/// How often a change of a bucket is tried again when others changed it meanwhile.
const TRIES: u32 = 10;
/// Longest pause between two tries, times their number, in milliseconds.
const PAUSE_MILLIS: u64 = 8;
/// How soon to come back (seconds) when the bucket could not be asked.
const BUSY_SECONDS: i64 = 1;
/// How long (seconds) a note that urgent ends go short is good enough as it is.
const NOTED_SECONDS: i64 = 10;

/// What one worker may write.
#[derive(Debug)]
pub struct Purse {
    removals: Spend,
    prepaid: Mutex<BTreeMap<TenantId, u32>>,
}

impl Purse {
    /// An empty purse, whose removals are of this kind.
    #[must_use]
    pub const fn new(removals: Spend) -> Self {
        Self {
            removals,
            prepaid: Mutex::new(BTreeMap::new()),
        }
    }

    fn prepaid(&self) -> MutexGuard<'_, BTreeMap<TenantId, u32>> {
        self.prepaid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes tokens for removals that are to come.
    pub async fn prepay(&self, core: &Core, tenant: TenantId, wanted: u32) -> Taken {
        let taken = take(core, tenant, self.removals, wanted).await;
        let mut prepaid = self.prepaid();
        let tokens = prepaid.entry(tenant).or_default();
        *tokens = tokens.saturating_add(taken.tokens);
        taken
    }

    /// Tokens for so many removals: what was prepaid first.
    pub(super) async fn for_removals(&self, core: &Core, tenant: TenantId, wanted: u32) -> Taken {
        let prepaid = {
            let mut prepaid = self.prepaid();
            let tokens = prepaid.entry(tenant).or_default();
            let used = wanted.min(*tokens);
            *tokens = tokens.saturating_sub(used);
            used
        };
        let rest = wanted.saturating_sub(prepaid);
        if rest == 0 {
            return Taken {
                tokens: prepaid,
                look_again_at: None,
            };
        }
        let taken = take(core, tenant, self.removals, rest).await;
        Taken {
            tokens: prepaid.saturating_add(taken.tokens),
            ..taken
        }
    }

    /// The target has refused a write and asked to wait: nothing more goes to the tenant until then.
    pub(super) async fn refused(&self, core: &Core, tenant: TenantId, seconds: i64) {
        tracing::warn!(%tenant, seconds, "a tenant takes no more writes for now");
        self.prepaid().remove(&tenant);
        if let Err(error) = change(core, tenant, |bucket, now| (bucket.refused(seconds, now), true)).await {
            tracing::warn!(%tenant, %error, "that a tenant takes no more writes could not be noted");
        }
    }

    /// Puts back what is left.
    pub async fn close(self, core: &Core) {
        let prepaid = std::mem::take(&mut *self.prepaid());
        for (tenant, tokens) in prepaid.into_iter().filter(|(_, tokens)| *tokens > 0) {
            if let Err(error) = change(core, tenant, |bucket, now| (bucket.give_back(tokens, now), true)).await {
                tracing::warn!(%tenant, tokens, %error, "unused tokens are lost");
            }
        }
    }
}

/// Tokens for so many adds.
pub(super) async fn for_adds(core: &Core, tenant: TenantId, wanted: u32) -> Taken {
    take(core, tenant, Spend::Add, wanted).await
}

/// Whether the tenant takes a removal of this kind now. Yes, when that cannot be found out: then it is tried.
pub(super) async fn is_open(core: &Core, tenant: TenantId, spend: Spend) -> bool {
    let stored = read::<Bucket>(&*core.store, &keys::write_budget(tenant)).await;
    match stored {
        Ok(Some(stored)) => stored.value.take(spend, 1, core.clock.now()).1.tokens > 0,
        Ok(None) | Err(_) => true,
    }
}

async fn take(core: &Core, tenant: TenantId, spend: Spend, wanted: u32) -> Taken {
    let nothing = |seconds| Taken {
        tokens: 0,
        look_again_at: Some(core.clock.now().plus_seconds(seconds)),
    };
    if wanted == 0 {
        return Taken {
            tokens: 0,
            look_again_at: None,
        };
    }
    let mut taken = nothing(BUSY_SECONDS);
    let changed = change(core, tenant, |bucket, now| {
        let noted = bucket.urgent_at.is_some_and(|at| now < at.plus_seconds(NOTED_SECONDS));
        let (next, what) = bucket.take(spend, wanted, now);
        taken = what;
        // One that finds nothing leaves nothing, or a burst would write the item once for each that waits.
        (next, what.tokens > 0 || (spend == Spend::UrgentEnd && !noted))
    })
    .await;
    match changed {
        Ok(true) => taken,
        Ok(false) => nothing(BUSY_SECONDS),
        // A bucket that a newer version made, say, must not keep anybody's access standing: the target's own answers
        // still rule.
        Err(error) if spend != Spend::Add => {
            tracing::error!(%tenant, %error, "the write budget cannot be asked; removals go on without it");
            Taken {
                tokens: wanted,
                look_again_at: None,
            }
        }
        Err(error) => {
            tracing::error!(%tenant, %error, "the write budget cannot be asked; nobody is added");
            nothing(BUSY_SECONDS)
        }
    }
}

/// Changes a bucket, unless `next` says that there is nothing to store. `false` when others changed it each time.
async fn change(
    core: &Core,
    tenant: TenantId,
    mut next: impl FnMut(Bucket, Timestamp) -> (Bucket, bool) + Send,
) -> Result<bool> {
    for again in 0..TRIES {
        let now = core.clock.now();
        let stored: Option<Stored<Bucket>> = read(&*core.store, &keys::write_budget(tenant)).await?;
        let (bucket, version) = stored.map_or_else(
            || (Bucket::full(tenant, now), 0),
            |stored| (stored.value, stored.version),
        );
        // A copy under another key is not this tenant's.
        let bucket = if bucket.tenant == tenant {
            bucket
        } else {
            Bucket::full(tenant, now)
        };
        let (bucket, store) = next(bucket, now);
        if !store {
            return Ok(true);
        }
        match Change::new().replace(version, &bucket)?.commit(&*core.store).await {
            Ok(()) => return Ok(true),
            Err(ChangeError::Conflict(_)) => {}
            Err(ChangeError::App(error)) => return Err(error),
        }
        let mut chance = [0_u8];
        core.ids.random(&mut chance);
        let longest = PAUSE_MILLIS.saturating_mul(u64::from(again) + 1);
        let pause = longest.saturating_mul(u64::from(chance[0])) / 255;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    Ok(false)
}
