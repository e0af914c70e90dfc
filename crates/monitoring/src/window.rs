//! Windows of event time.

use base::{Period, Timestamp};
use serde::{Deserialize, Serialize};

use crate::spec::MonitorSpec;

/// A stretch of event time: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Window {
    /// The window of that length which holds `time`.
    #[must_use]
    pub const fn containing(time: Timestamp, length: Period) -> Self {
        let from = time.window_start(length);
        Self { from, to: from.plus(length) }
    }

    /// Whether `time` lies in it.
    #[must_use]
    pub fn holds(&self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    /// Its middle.
    #[must_use]
    pub const fn middle(&self) -> Timestamp {
        let half = self.to.since(self.from).as_micros() / 2;
        self.from.plus(Period::from_micros(half))
    }
}

/// The windows that are complete at `watermark`, their labels included, oldest first.
///
/// `first` is the time of the first prediction ever; `evaluated` the end of the last window that was evaluated. At most
/// 2,000 at once; ask again for the rest.
#[must_use]
pub fn due_windows(
    spec: &MonitorSpec,
    first: Timestamp,
    evaluated: Option<Timestamp>,
    watermark: Timestamp,
) -> Vec<Window> {
    let start = evaluated.unwrap_or(first).max(first);
    let mut next = Window::containing(start, spec.window);
    let mut due = Vec::new();
    while next.to.plus(spec.label_delay) <= watermark && due.len() < 2_000 {
        due.push(next);
        let to = next.to.plus(spec.window);
        if to <= next.to {
            break;
        }
        next = Window { from: next.to, to };
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_due_once_its_labels_are() {
        let spec: MonitorSpec = serde_json::from_str(r#"{"window": "1w", "label_delay": "1d"}"#).unwrap();
        let at = |text| Timestamp::parse(text).unwrap();
        let first = at("2013-10-02 09:00:00");
        assert!(due_windows(&spec, first, None, at("2013-10-07 23:00:00")).is_empty());
        let due = due_windows(&spec, first, None, at("2013-10-15 00:00:00"));
        let days: Vec<_> = due.iter().map(|window| window.from.date()).collect();
        assert_eq!(days, ["2013-09-30", "2013-10-07"]);
        let last = due.last().map(|window| window.to);
        assert!(due_windows(&spec, first, last, at("2013-10-20")).is_empty());
        assert_eq!(due_windows(&spec, first, last, at("2013-10-22")).len(), 1);
    }
}
