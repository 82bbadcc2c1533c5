//! One handle that ends every simulator.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long servers and loops get to finish what they are doing.
const GRACE: Duration = Duration::from_secs(5);

/// Ends the servers and loops that were started with it.
///
/// Dropping the last clone aborts them, so a test that forgets about its simulators leaves none behind.
#[derive(Debug, Clone)]
pub struct Shutdown {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    requested: watch::Sender<bool>,
    tasks: Mutex<JoinSet<()>>,
}

impl Shutdown {
    /// A handle that nothing has been started with yet.
    #[must_use]
    pub fn new() -> Self {
        let (requested, _) = watch::channel(false);
        Self {
            inner: Arc::new(Inner {
                requested,
                tasks: Mutex::new(JoinSet::new()),
            }),
        }
    }

    /// Resolves once the end was asked for, or the handle is gone.
    pub fn wait(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut requested = self.inner.requested.subscribe();
        async move {
            // An error means that the last handle was dropped, which ends everything just the same.
            let _ = requested.wait_for(|requested| *requested).await;
        }
    }

    /// Asks for the end without waiting for it.
    pub fn trigger(&self) {
        self.inner.requested.send_replace(true);
    }

    /// Runs a long-lived task that ends by itself once [`Shutdown::wait`] resolves.
    ///
    /// The task must not hold a clone of this handle.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spawn(task);
    }

    /// Asks for the end and waits for it; what is not done after 5 seconds is aborted.
    pub async fn finish(&self) {
        self.trigger();
        let mut tasks = std::mem::take(&mut *self.inner.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let all_done = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_done).await.is_err() {
            tracing::warn!("simulators did not end in time and were aborted");
            tasks.shutdown().await;
        }
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn finish_waits_for_the_tasks() {
        let shutdown = Shutdown::new();
        let (ended, mut has_ended) = oneshot::channel();
        let stop = shutdown.wait();
        shutdown.spawn(async move {
            stop.await;
            ended.send(()).unwrap();
        });
        tokio::task::yield_now().await;
        assert!(has_ended.try_recv().is_err());
        shutdown.finish().await;
        assert!(has_ended.try_recv().is_ok());
    }

    #[tokio::test]
    async fn dropping_the_last_handle_ends_the_tasks() {
        let shutdown = Shutdown::new();
        let (alive, gone) = oneshot::channel::<()>();
        shutdown.spawn(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        });
        let stop = shutdown.wait();
        drop(shutdown);
        stop.await;
        assert!(gone.await.is_err());
    }
}
