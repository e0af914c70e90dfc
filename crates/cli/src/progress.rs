//! Bars for long work; silent where nobody watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that fills up to `length`.
pub(crate) fn bar(length: u64, what: &str) -> ProgressBar {
    styled(ProgressBar::new(length), what, "{prefix:<26} {bar:32} {percent:>3}% {msg}")
}

/// A count of something of which nobody knows how much there is.
pub(crate) fn count(what: &str) -> ProgressBar {
    styled(ProgressBar::no_length(), what, "{prefix:<26} {spinner} {pos} {msg}")
}

fn styled(bar: ProgressBar, what: &str, template: &str) -> ProgressBar {
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.set_prefix(what.to_owned());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("█▉▊▋▌▍▎▏ ")),
        Err(_) => bar,
    }
}
