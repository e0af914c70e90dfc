//! Pipeline specification, plan, cache, steps and their runner.
