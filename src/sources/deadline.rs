//! The end of a run, put off while a person is typing: their seconds are not the program's.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

#[derive(Debug, Clone)]
pub struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    #[must_use]
    pub fn new(at: Instant) -> Self {
        Self(Arc::new(Mutex::new(at)))
    }

    /// So long from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self::new(Instant::now() + limit)
    }

    #[must_use]
    pub fn at(&self) -> Instant {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn put_off(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += by;
    }

    /// Returns when it has passed, however often it was put off.
    pub async fn passed(&self) {
        loop {
            let at = self.at();
            sleep_until(at).await;
            if at == self.at() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_has_not_passed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let began = Instant::now();
            let deadline = Deadline::new(began + Duration::from_millis(30));
            deadline.put_off(Duration::from_millis(40));
            let later = deadline.clone();
            let put_off_again = async move {
                tokio::time::sleep(Duration::from_millis(50)).await;
                later.put_off(Duration::from_millis(40));
            };
            tokio::join!(deadline.passed(), put_off_again);
            assert!(began.elapsed() >= Duration::from_millis(110));
        });
    }
}
