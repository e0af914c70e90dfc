//! Windows, references, drift, performance and alerts.
