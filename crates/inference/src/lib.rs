//! Engines that turn rows into predictions.
