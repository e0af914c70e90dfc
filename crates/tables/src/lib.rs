//! Arrow, DataFusion and Delta Lake behind our own types; the only room that sees them.
