//! Built-in trainers for tables and forecasts, run in a child process.
