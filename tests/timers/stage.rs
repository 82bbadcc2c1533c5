//! A stage of these tests' own, so that each of them can add to it what it needs.

use std::ops::Deref;

use hourglass_tests::stage;

/// A running company of one's own.
pub(crate) struct Stage(stage::Stage);

impl Deref for Stage {
    type Target = stage::Stage;

    fn deref(&self) -> &stage::Stage {
        &self.0
    }
}

/// A company with a short duration and a quick proof of absence.
pub(crate) async fn stage() -> anyhow::Result<Stage> {
    Ok(Stage(stage::stage().await?))
}

impl Stage {
    /// Ends the system in good order.
    pub(crate) async fn stop(self) {
        self.0.stop().await;
    }
}
