//! Servers, databases and folders that tests start and stop.
