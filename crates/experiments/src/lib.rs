//! Experiments, runs, params, metrics, tags and their search.
