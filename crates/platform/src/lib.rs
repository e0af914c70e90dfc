//! The use cases that join rooms: apply, train, promote, deploy, watch.
