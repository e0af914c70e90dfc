//! A sheet as one page of HTML that needs nothing else. What people wrote stands there as text, with its lines.

use std::fmt::Write;

use super::{Cell, Sheet, heading};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;\
    color:#1c2733;background:#fff}h1,h2{line-height:1.2}table{border-collapse:collapse;width:100%}\
    th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d5dce3}p.words{white-space:pre-wrap}\
    .blank{color:#a33}@media(prefers-color-scheme:dark){body{color:#dfe6ed;background:#131a21}\
    th,td{border-color:#33404d}a{color:#7db4ff}.blank{color:#ff9a8f}}";

pub(super) fn write(sheet: &Sheet, base: &str) -> String {
    let title = escape(&sheet.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
         <body>\n<h1>{title}</h1>\n"
    );
    if !sheet.lead.is_empty() {
        let _ = writeln!(page, "<p class=\"words\">{}</p>", escape(sheet.lead.trim()));
    }
    for (field, words) in &sheet.fields {
        let heading = escape(&heading(field));
        let _ = writeln!(page, "<h2>{heading}</h2>\n<p class=\"words\">{}</p>", escape(words.trim()));
    }
    for field in &sheet.blank {
        let _ = writeln!(page, "<h2>{}</h2>\n<p class=\"blank\">blank</p>", escape(&heading(field)));
    }
    for table in sheet.tables.iter().filter(|table| !table.rows.is_empty()) {
        let _ = writeln!(page, "<h2>{}</h2>\n<table><thead><tr>", escape(&table.title));
        for head in &table.columns {
            let _ = write!(page, "<th scope=\"col\">{}</th>", escape(head));
        }
        page.push_str("</tr></thead><tbody>\n");
        for row in &table.rows {
            let cells: String = row.iter().map(|cell| format!("<td>{}</td>", linked(cell, base))).collect();
            let _ = writeln!(page, "<tr>{cells}</tr>");
        }
        page.push_str("</tbody></table>\n");
    }
    page.push_str("</body></html>\n");
    page
}

fn linked(cell: &Cell, base: &str) -> String {
    match &cell.link {
        Some(link) => format!("<a href=\"{}{}\">{}</a>", escape(base), escape(link), escape(&cell.text)),
        None => escape(&cell.text),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
