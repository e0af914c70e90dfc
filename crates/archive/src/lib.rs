//! The prediction archive: write-ahead log, Delta table, labels.
