//! Ids, clock, pages, kinds of failure and event types; no I/O.
