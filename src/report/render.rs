//! A document as terminal text, Markdown or CSV.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::document::{Align, Block, Document, Table};

/// A way to show a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// The tables only, one after the other, a blank line between.
    Csv,
    /// For a document.
    Markdown,
}

/// The document as text. `width` is the terminal's, where there is one.
#[must_use]
pub fn render(document: &Document, format: Format, width: Option<u16>) -> String {
    let blocks = || document.blocks.iter();
    let has_data = blocks().any(|block| matches!(block, Block::Data(_)));
    let shown = || blocks().filter(|block| !matches!(block, Block::Data(_)));
    let parts: Vec<String> = match format {
        Format::Table => shown().map(|block| terminal(block, width)).collect(),
        Format::Markdown => shown().map(markdown).collect(),
        Format::Csv => blocks()
            .filter_map(|block| match block {
                Block::Data(table) => Some(csv(table)),
                Block::Table(table) if !has_data => Some(csv(table)),
                _ => None,
            })
            .collect(),
    };
    parts.join("\n")
}

fn terminal(block: &Block, width: Option<u16>) -> String {
    match block {
        Block::Heading(text) => format!("{text}\n"),
        Block::Text(text) => format!("{text}\n"),
        Block::Notes(notes) => notes.iter().map(|note| format!("  · {note}\n")).collect(),
        Block::Table(table) | Block::Data(table) => terminal_table(table, width),
    }
}

fn terminal_table(table: &Table, width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        drawn.set_width(width);
    }
    drawn.set_header(
        table
            .columns
            .iter()
            .map(|column| Cell::new(&column.title).add_attribute(Attribute::Bold)),
    );
    for (i, row) in table.rows.iter().enumerate() {
        if table.breaks.contains(&i) {
            drawn.add_row(vec![""; row.len()]);
        }
        drawn.add_row(row);
    }
    for (i, column) in table.columns.iter().enumerate() {
        if let (Align::Right, Some(drawn)) = (column.align, drawn.column_mut(i)) {
            drawn.set_cell_alignment(CellAlignment::Right);
        }
    }
    // The table pads every line to its full width, which only harms a file or a narrow terminal.
    let lines: Vec<String> = drawn
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n") + "\n"
}

fn markdown(block: &Block) -> String {
    match block {
        Block::Heading(text) => format!("## {text}\n"),
        Block::Text(text) => format!("{text}\n"),
        Block::Notes(notes) => notes.iter().map(|note| format!("- {note}\n")).collect(),
        Block::Table(table) | Block::Data(table) => {
            let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
            let escaped = |text: &String| text.replace('|', "\\|").replace('\n', "<br>");
            let rule = |column: &super::document::Column| {
                if column.align == Align::Right {
                    "---:"
                } else {
                    "---"
                }
            };
            let mut text = line(
                table
                    .columns
                    .iter()
                    .map(|column| escaped(&column.title))
                    .collect(),
            );
            text.push_str(&line(
                table
                    .columns
                    .iter()
                    .map(|column| rule(column).to_owned())
                    .collect(),
            ));
            table
                .rows
                .iter()
                .for_each(|row| text.push_str(&line(row.iter().map(escaped).collect())));
            text
        }
    }
}

fn csv(table: &Table) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let titles = table.columns.iter().map(|column| column.title.as_str());
    // Writing to memory does not fail.
    let _ = writer.write_record(titles);
    for row in &table.rows {
        // A line within a cell is for the eye.
        let _ = writer.write_record(row.iter().map(|cell| cell.replace('\n', " ")));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let mut table = Table::new("t", &["<name", "n"]);
        table.row(vec!["a|b".into(), "1".into()]);
        table.row(vec!["c,d".into(), "22".into()]);
        let mut document = Document::default();
        document
            .heading("Title")
            .table(table)
            .notes(vec!["note".into()]);
        document
    }

    #[test]
    fn each_format_carries_the_table() {
        assert_eq!(
            render(&document(), Format::Csv, None),
            "name,n\na|b,1\n\"c,d\",22\n"
        );
        assert_eq!(
            render(&document(), Format::Markdown, None),
            "## Title\n\n| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c,d | 22 |\n\n- note\n"
        );
        assert!(render(&document(), Format::Table, Some(40)).contains("c,d"));
    }
}
