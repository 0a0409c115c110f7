//! What the command prints, on the page: its tables, folded, and its remarks.

use super::markup::text;
use super::tables::Grid;
use crate::report::document::{Block, Document};

/// The tables of a document, but for those of these names; `first` is the heading of tables that
/// have none.
pub(super) fn tables(document: &Document, first: &str, without: &[&str]) -> String {
    let mut markup = String::new();
    let mut heading = first.to_owned();
    let mut count = 0;
    for block in &document.blocks {
        match block {
            Block::Heading(text) => heading.clone_from(text),
            Block::Table(table) if !without.contains(&table.name.as_str()) => {
                count += 1;
                let grid = Grid::of(table, &format!("{}-{count}", table.name), &heading);
                markup.push_str(&format!(
                    "<details><summary>{}</summary>{}</details>",
                    text(&heading),
                    grid.html()
                ));
            }
            _ => {}
        }
    }
    markup
}

/// Remarks as a list.
pub(super) fn list(items: &[String]) -> String {
    let items = items.iter().map(|item| format!("<li>{}</li>", text(item)));
    let items: String = items.collect();
    if items.is_empty() {
        return items;
    }
    format!(r#"<ul class="notes">{items}</ul>"#)
}

/// Charts beside each other, where there are any.
pub(super) fn grid(charts: impl IntoIterator<Item = String>) -> String {
    let charts: String = charts.into_iter().collect();
    if charts.is_empty() {
        charts
    } else {
        format!(r#"<div class="grid">{charts}</div>"#)
    }
}
