//! Small pictures as SVG text.

use std::fmt::Write;

use base::Timestamp;

use crate::report::BinShare;
use crate::words;

use super::escaped;

const COLOURS: [&str; 3] = ["#2f6fde", "#9aa3b5", "#d9a200"];
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 24.0;
/// A picture has no more points than this; of more, every n-th is drawn.
const MOST_POINTS: usize = 400;

type Points = Vec<(f64, Option<f64>)>;

/// Lines over time, each with its name.
pub(super) fn lines(series: &[(String, Points)]) -> String {
    let values: Vec<f64> =
        series.iter().flat_map(|(_, points)| points.iter().filter_map(|(_, value)| *value)).collect();
    let times: Vec<f64> = series.iter().flat_map(|(_, points)| points.iter().map(|(at, _)| *at)).collect();
    let (Some(most), Some(first), Some(last)) = (
        values.iter().copied().reduce(f64::max),
        times.iter().copied().reduce(f64::min),
        times.iter().copied().reduce(f64::max),
    ) else {
        return "<p class=note>Nothing to draw yet.</p>".to_owned();
    };
    let least = values.iter().copied().reduce(f64::min).unwrap_or_default().min(0.0);
    let x = |at: f64| LEFT + (at - first) / (last - first).max(1.0) * (WIDTH - LEFT - 10.0);
    let y =
        |value: f64| 24.0 + (1.0 - (value - least) / (most - least).max(1e-12)) * (HEIGHT - 24.0 - BOTTOM);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img font-size=12 fill=currentColor>");
    for share in [0.0, 0.5, 1.0] {
        let value = least + share * (most - least);
        let _ = write!(
            svg,
            "<line x1={LEFT} x2={WIDTH} y1={0:.1} y2={0:.1} stroke=#8884 /><text x={1} y={2:.1} text-anchor=end>{3}</text>",
            y(value),
            LEFT - 6.0,
            y(value) + 4.0,
            words::number(value)
        );
    }
    for (at, anchor) in [(first, "start"), (last, "end")] {
        let _ = write!(
            svg,
            "<text x={:.1} y={} text-anchor={anchor}>{}</text>",
            x(at),
            HEIGHT - 6.0,
            Timestamp::from_micros(at as i64).date()
        );
    }
    for (place, (name, points)) in series.iter().enumerate() {
        let colour = COLOURS.get(place % COLOURS.len()).copied().unwrap_or("#2f6fde");
        let _ = write!(
            svg,
            "<path d=\"{}\" fill=none stroke={colour} stroke-width=1.6 /><text x={} y=12 fill={colour}>{}</text>",
            path(points, &x, &y),
            LEFT + 130.0 * place as f64,
            escaped(name)
        );
    }
    svg.push_str("</svg>");
    svg
}

fn path(points: &Points, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut pen_up = true;
    for (at, value) in points.iter().step_by(points.len().div_ceil(MOST_POINTS).max(1)) {
        match value {
            Some(value) => {
                let _ = write!(path, "{}{:.1} {:.1}", if pen_up { "M" } else { "L" }, x(*at), y(*value));
                pen_up = false;
            }
            None => pen_up = true,
        }
    }
    path
}

/// A statistic over time with its threshold.
pub(super) fn spark(points: Points, threshold: f64) -> String {
    let limit = points.iter().map(|(at, _)| (*at, Some(threshold))).collect();
    lines(&[("by window".to_owned(), points), ("threshold".to_owned(), limit)])
}

/// Shares by bin, reference and window side by side.
pub(super) fn bars(bins: &[BinShare]) -> String {
    let most = bins.iter().map(|bin| bin.reference.max(bin.current)).fold(0.0, f64::max);
    if bins.is_empty() || most <= 0.0 {
        return String::new();
    }
    let width = (WIDTH - 10.0) / bins.len() as f64;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img font-size=12 fill=currentColor>");
    for (place, bin) in bins.iter().enumerate() {
        let left = 5.0 + width * place as f64;
        for (side, (share, colour)) in
            [(bin.reference, COLOURS[1]), (bin.current, COLOURS[0])].into_iter().enumerate()
        {
            let height = share / most * (HEIGHT - 50.0);
            let _ = write!(
                svg,
                "<rect x={:.1} y={:.1} width={:.1} height={:.1} fill={colour}><title>{}: {}</title></rect>",
                left + 0.42 * width * side as f64,
                HEIGHT - 25.0 - height,
                width * 0.4,
                height,
                escaped(&bin.label),
                words::percent(share)
            );
        }
        if place == 0 || place + 1 == bins.len() || bins.len() <= 6 {
            let label: String = bin.label.chars().take(18).collect();
            let (at, anchor) = if place + 1 == bins.len() { (left + width, "end") } else { (left, "start") };
            let _ = write!(
                svg,
                "<text x={at:.1} y={} text-anchor={anchor}>{}</text>",
                HEIGHT - 8.0,
                escaped(&label)
            );
        }
    }
    let _ = write!(
        svg,
        "<text x=5 y=12 fill={}>reference</text><text x=90 y=12 fill={}>window</text></svg>",
        COLOURS[1], COLOURS[0]
    );
    svg
}
