//! Figures: printed, kept in `benches/figures.json`, and set into the table of `benches/README.md`.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::machine::Machine;
use crate::repository;

/// The newest figures by name, relative to the root.
const KEPT: &str = "benches/figures.json";

/// The page with the table, relative to the root.
const PAGE: &str = "benches/README.md";

/// The table stands between these lines.
const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";

/// One measured thing.
#[derive(Debug)]
pub struct Figure {
    /// What was measured, as the table names it.
    pub name: &'static str,
    /// The measurements, each in `unit`.
    pub values: Vec<f64>,
    /// Milliseconds, MB …
    pub unit: &'static str,
    /// What we aim at, in words.
    pub aim: &'static str,
}

impl Figure {
    fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn extremes(&self) -> (f64, f64) {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.extremes();
        write!(f, "{:<32} {:>9.1} {}", self.name, self.median(), self.unit)?;
        if self.values.len() > 1 {
            write!(f, "   (median of {}, {least:.1} to {most:.1})", self.values.len())?;
        }
        write!(f, "   aim: {}", self.aim)
    }
}

/// Keeps the figures and rewrites the table from everything kept so far.
pub fn keep(figures: &[Figure], machine: &Machine) -> Result<()> {
    let root = repository::root()?;
    let mut kept: BTreeMap<String, Value> = match std::fs::read_to_string(root.join(KEPT)) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("`{KEPT}` is not JSON"))?,
        Err(_) => BTreeMap::new(),
    };
    for figure in figures {
        let (least, most) = figure.extremes();
        kept.insert(
            figure.name.to_owned(),
            json!({
                "median": rounded(figure.median()), "least": rounded(least), "most": rounded(most),
                "runs": figure.values.len(), "unit": figure.unit, "aim": figure.aim,
                "date": machine.date, "machine": machine.words, "build": machine.build, "commit": machine.commit,
            }),
        );
    }
    std::fs::write(root.join(KEPT), serde_json::to_string_pretty(&kept)? + "\n")?;
    let page =
        std::fs::read_to_string(root.join(PAGE)).with_context(|| format!("`{PAGE}` cannot be read"))?;
    let page = with_table(&page, &table(&kept)).with_context(|| format!("`{PAGE}` has lost its marks"))?;
    std::fs::write(root.join(PAGE), page)?;
    println!("kept in {KEPT} and {PAGE}");
    Ok(())
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn table(kept: &BTreeMap<String, Value>) -> String {
    let mut lines = vec![
        "| What | Figure | Range | Aim | Build, commit, date | Machine |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for (name, figure) in kept {
        let text = |key: &str| figure[key].as_str().unwrap_or_default();
        let range = if figure["runs"] == 1 {
            "one run".to_owned()
        } else {
            format!("{} to {}, {} runs", figure["least"], figure["most"], figure["runs"])
        };
        lines.push(format!(
            "| {name} | {} {} | {range} | {} | {}, {}, {} | {} |",
            figure["median"],
            text("unit"),
            text("aim"),
            text("build"),
            text("commit"),
            text("date"),
            text("machine"),
        ));
    }
    lines.join("\n")
}

fn with_table(page: &str, table: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_replaced_between_its_marks() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nb");
        assert_eq!(with_table(&page, "new").unwrap(), format!("a\n{BEGIN}\nnew\n{END}\nb"));
        assert!(with_table("no marks", "new").is_none());
    }

    #[test]
    fn the_median_is_printed_with_its_range() {
        let figure = Figure { name: "start", values: vec![3.0, 1.0, 2.0], unit: "ms", aim: "under 5 ms" };
        let line = figure.to_string();
        assert!(
            line.contains("2.0 ms") && line.contains("1.0 to 3.0") && line.contains("under 5 ms"),
            "{line}"
        );
    }
}
