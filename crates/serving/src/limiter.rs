//! How many requests a deployment works on at once, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places to work in and places to wait in; both bounded.
#[derive(Debug)]
pub(crate) struct Limiter {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    longest_queue: usize,
    longest_wait: Duration,
}

/// Why there was no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// All places to wait were taken.
    Queue,
    /// The wait was longer than it may be.
    Wait,
}

/// Leaves the queue however the wait ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limiter {
    pub(crate) fn new(places: usize, longest_queue: usize, longest_wait: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            longest_queue,
            longest_wait,
        }
    }

    /// A place to work in, held as long as the permit.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.longest_queue {
            return Err(Full::Queue);
        }
        match tokio::time::timeout(self.longest_wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed; were it, nobody could work.
            Ok(Err(_)) => Err(Full::Queue),
            Err(_) => Err(Full::Wait),
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_and_a_long_wait_are_refused() {
        let limiter = Arc::new(Limiter::new(1, 1, Duration::from_millis(20)));
        let place = limiter.enter().await.unwrap();
        let second = tokio::spawn({
            let limiter = Arc::clone(&limiter);
            async move { limiter.enter().await.map(drop) }
        });
        while limiter.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(limiter.enter().await.map(drop), Err(Full::Queue));
        assert_eq!(second.await.unwrap(), Err(Full::Wait));
        assert_eq!(limiter.waiting(), 0);
        drop(place);
        assert!(limiter.enter().await.is_ok());
    }
}
