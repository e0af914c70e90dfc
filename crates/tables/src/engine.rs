//! The threads on which tables are planned, scanned and committed.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// Planning recurses deeply in unoptimised builds.
const STACK_BYTES: usize = 16 << 20;

static ENGINE: OnceLock<std::result::Result<Runtime, String>> = OnceLock::new();

fn runtime() -> Result<&'static Runtime> {
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
    let built = ENGINE.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("tables")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
    });
    built
        .as_ref()
        .map_err(|problem| Error::Internal { problem: format!("cannot start the table engine: {problem}") })
}

/// Runs `work` on the engine's threads; dropping the returned future stops it.
pub(crate) async fn run<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let mut task = StopOnDrop(runtime()?.spawn(work));
    match (&mut task.0).await {
        Ok(result) => result,
        Err(error) => Err(Error::Internal { problem: format!("the table engine failed: {error}") }),
    }
}

/// Runs `work`, which changes a table, on the engine's threads to its end, even if the caller stops waiting.
pub(crate) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    match runtime()?.spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Internal { problem: format!("the table engine failed: {error}") }),
    }
}

struct StopOnDrop<T>(JoinHandle<T>);

impl<T> Drop for StopOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
