//! The gingham binary.
