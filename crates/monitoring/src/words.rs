//! Numbers, shares and times as people write them.

use base::Timestamp;

/// A number with four significant digits or one decimal, whichever is more, and thousands apart: `9,831.3`, `0.0421`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return value.to_string();
    }
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else if size >= 1.0 || size == 0.0 {
        3
    } else {
        4 + size.log10().abs().floor() as usize
    };
    let text = format!("{size:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if value < 0.0 && text.chars().any(|digit| digit.is_ascii_digit() && digit != '0') {
        "-"
    } else {
        ""
    };
    if part.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}.{part}") }
}

/// A share as a percentage: `4.2 %`.
pub(crate) fn percent(share: f64) -> String {
    let hundredths = share * 100.0;
    if hundredths != 0.0 && hundredths.abs() < 0.1 {
        "under 0.1 %".to_owned()
    } else if hundredths.abs() < 10.0 && hundredths.fract() != 0.0 {
        format!("{hundredths:.1} %")
    } else {
        format!("{hundredths:.0} %")
    }
}

/// A ratio in words: `1.3 times`, `1.32 times`, `177 times`.
pub(crate) fn times(ratio: f64) -> String {
    let rounded = if ratio >= 10.0 { ratio.round() } else { (ratio * 100.0).round() / 100.0 };
    format!("{} times", number(rounded))
}

/// A time to the minute: `2014-08-08 01:00`.
pub(crate) fn moment(time: Timestamp) -> String {
    let minutes = time.as_micros().div_euclid(60_000_000).rem_euclid(24 * 60);
    format!("{} {:02}:{:02}", time.date(), minutes / 60, minutes % 60)
}

/// A count with its word: `1 row`, `2,400 rows`.
pub(crate) fn count(n: u64, word: &str) -> String {
    format!("{} {word}{}", number(n as f64), if n == 1 { "" } else { "s" })
}

/// Names in a row: "`a`", "`a` and `b`", "`a`, `b` and 3 more".
pub(crate) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [one, two] => format!("`{one}` and `{two}`"),
        [one, two, three] => format!("`{one}`, `{two}` and `{three}`"),
        [one, two, rest @ ..] => format!("`{one}`, `{two}` and {} more", rest.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        for (value, text) in [
            (9831.3, "9,831.3"),
            (1_234_567.0, "1,234,567"),
            (55.63, "55.63"),
            (0.0, "0"),
            (-0.0, "0"),
            (-12.5, "-12.5"),
            (288.28, "288.3"),
            (0.25, "0.25"),
            (0.042_13, "0.04213"),
            (1e-7, "1.000e-7"),
            (3.0, "3"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!((times(176.83), times(1.42)), ("177 times".into(), "1.42 times".into()));
        assert_eq!(
            (percent(0.042), percent(0.5), percent(0.0)),
            ("4.2 %".into(), "50 %".into(), "0 %".into())
        );
    }
}
