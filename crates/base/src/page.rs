//! Lists come in pages.

use serde::{Deserialize, Serialize};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items of this page, in order.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page made from one item more than was asked for: the extra one proves that there is a next page.
    pub fn from_overfetched(mut items: Vec<T>, limit: usize, cursor_of: impl Fn(&T) -> String) -> Self {
        if items.len() <= limit {
            return Self { items, next_cursor: None };
        }
        items.truncate(limit);
        let next_cursor = items.last().map(cursor_of);
        Self { items, next_cursor }
    }

    /// The same page with each item turned into something else.
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next_cursor: self.next_cursor }
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// How many items at most; between 1 and [`PageRequest::MOST`].
    pub limit: usize,
    /// The cursor that the page before gave; absent for the first page.
    pub cursor: Option<String>,
}

impl PageRequest {
    /// The most items a page may hold.
    pub const MOST: usize = 1_000;

    /// The first page with at most `limit` items, brought within the limits.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { limit: limit.clamp(1, Self::MOST), cursor: None }
    }

    /// The page after `cursor`.
    #[must_use]
    pub fn after(limit: usize, cursor: Option<String>) -> Self {
        Self { cursor, ..Self::first(limit) }
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first(50)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extra_item_becomes_the_cursor() {
        let page = Page::from_overfetched(vec![1, 2, 3], 2, ToString::to_string);
        assert_eq!(page, Page { items: vec![1, 2], next_cursor: Some("2".into()) });
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        assert_eq!(Page::from_overfetched(vec![1, 2], 2, ToString::to_string).next_cursor, None);
    }
}
