//! Named series of immutable table snapshots, each with schema, profile and origin.
