//! Folders of this machine into trees and back.
//!
//! What was stored before is not read again: an index beside the store keeps length, times and inode of
//! each file with its digest. A file whose times are so near to the moment it was looked at that it may
//! have changed unnoticed is always read again.

mod add;
mod index;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use add::{AddOptions, Added, Step};
pub use walk::Links;
pub use write::Written;
