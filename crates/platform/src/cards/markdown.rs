//! A sheet as Markdown.

use std::fmt::Write;

use super::{Cell, Sheet, heading};

pub(super) fn write(sheet: &Sheet, base: &str) -> String {
    let mut text = format!("# {}\n", line(&sheet.title));
    if !sheet.lead.is_empty() {
        let _ = write!(text, "\n{}\n", sheet.lead.trim());
    }
    for (field, words) in &sheet.fields {
        let _ = write!(text, "\n## {}\n\n{}\n", heading(field), words.trim());
    }
    for field in &sheet.blank {
        let _ = write!(text, "\n## {}\n\n*blank*\n", heading(field));
    }
    for table in sheet.tables.iter().filter(|table| !table.rows.is_empty()) {
        let _ = write!(text, "\n## {}\n\n", line(&table.title));
        let heads: Vec<String> = table.columns.iter().map(|head| cell_text(head)).collect();
        let _ = writeln!(text, "| {} |", heads.join(" | "));
        let _ = writeln!(text, "|{}", " --- |".repeat(heads.len()));
        for row in &table.rows {
            let cells: Vec<String> = row.iter().map(|cell| linked(cell, base)).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

fn linked(cell: &Cell, base: &str) -> String {
    let text = cell_text(&cell.text);
    match &cell.link {
        Some(link) => format!("[{text}]({base}{})", link.replace([' ', ')', '('], "%20")),
        None => text,
    }
}

/// A text that stays within its cell.
fn cell_text(text: &str) -> String {
    line(text)
        .replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('[', "\\[")
        .replace(']', "\\]")
        .replace('<', "&lt;")
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
