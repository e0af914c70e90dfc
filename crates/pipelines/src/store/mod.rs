//! The tables of this room; nobody else touches them.

pub mod jobs;
pub mod runs;
#[cfg(test)]
mod tests;

use base::PageRequest;

/// The id before which a page begins. Ids are lower-case hexadecimal, so `g` is after all of them.
fn cursor(page: &PageRequest) -> String {
    page.cursor.clone().unwrap_or_else(|| "g".to_owned())
}
