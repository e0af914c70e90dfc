//! Windows and alerts in the database; the only module that knows their tables.

mod alerts;
mod outbox;
mod profiles;
mod record;
mod silences;
mod unpacked;
mod windows;

pub use alerts::{
    AlertFilter, Look, Moved, acknowledge, count_firing, get_alert, list_alerts, observe, resolve,
    resolve_of_model, silence,
};
pub use outbox::{
    Attempt, NOTICES_KEPT, NewOutgoing, NoticeReader, Outgoing, due_notices, forget_notices, list_notices,
    may_have_heard, note_attempt, notices_read_to, put_notice, sent_since, set_notices_read_to,
};
pub use profiles::{
    ProfileChange, ProfileSource, Stored, begin_profiles, find_profiles, profile_source, profile_sources,
    profiles_within, put_profiles, segments_within, volumes_within,
};
pub use record::record_window;
pub use silences::{Matcher, Silence, alert_labels, find_silence, list_silences, put_silence};
pub use unpacked::Unpacked;
pub use windows::{earlier_reports, find_report, get_report, last_window, list_windows};

use base::{Page, PageRequest};

use crate::error::Error;

/// One more than asked for, to know whether there is a next page.
fn overfetch(page: &PageRequest) -> i64 {
    i64::try_from(page.limit.clamp(1, PageRequest::MOST) + 1).unwrap_or(i64::MAX)
}

fn page_of<T>(items: Vec<T>, page: &PageRequest, cursor_of: impl Fn(&T) -> String) -> Page<T> {
    Page::from_overfetched(items, page.limit.clamp(1, PageRequest::MOST), cursor_of)
}

fn cursor_as_int(page: &PageRequest) -> Result<Option<i64>, Error> {
    let parse = |cursor: &String| cursor.parse().map_err(|_| Error::BadCursor { cursor: cursor.clone() });
    page.cursor.as_ref().map(parse).transpose()
}
