//! Ids that sort by the time they were made.

use uuid::Uuid;

/// A fresh id: a time-ordered UUID (version 7) as 32 lower-case hexadecimal digits.
#[must_use]
pub fn new_hex_id() -> String {
    Uuid::now_v7().simple().to_string()
}

/// A fresh time-ordered UUID (version 7).
#[must_use]
pub fn new_uuid() -> Uuid {
    Uuid::now_v7()
}
