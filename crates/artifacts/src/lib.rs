//! Content-addressed chunks and trees on an object store.
