//! One prepared engine state, copied for each query.

use std::sync::{Arc, OnceLock};

use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder, TaskContext};
use datafusion::prelude::SessionConfig;

use super::failure;
use crate::Result;

/// A state with the built-in functions and no tables. Preparing it is dear, copying it is cheap.
pub(super) fn state() -> Result<SessionState> {
    static PREPARED: OnceLock<SessionState> = OnceLock::new();
    let prepared = match PREPARED.get() {
        Some(prepared) => prepared,
        None => {
            let runtime = RuntimeEnvBuilder::new().build_arc().map_err(failure::words)?;
            let config = SessionConfig::new()
                .with_create_default_catalog_and_schema(false)
                .with_information_schema(false)
                .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
                .set_bool("datafusion.execution.parquet.schema_force_view_types", false)
                .set_bool("datafusion.sql_parser.map_string_types_to_utf8view", false);
            PREPARED.get_or_init(|| {
                SessionStateBuilder::new()
                    .with_config(config)
                    .with_runtime_env(runtime)
                    .with_default_features()
                    .build()
            })
        }
    };
    let mut state = prepared.clone();
    state.mark_start_execution();
    Ok(state)
}

/// What the running plan may use: a memory budget of its own, caches shared by all queries.
pub(super) fn task(state: &SessionState, memory_bytes: usize) -> Arc<TaskContext> {
    let shared = state.runtime_env();
    let runtime = RuntimeEnv {
        memory_pool: Arc::new(GreedyMemoryPool::new(memory_bytes)),
        ..RuntimeEnv::clone(shared)
    };
    Arc::new(TaskContext::from(state).with_runtime(Arc::new(runtime)))
}

/// How many threads one large query uses.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(4)
}
