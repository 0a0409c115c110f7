//! A document as terminal text, Markdown or CSV.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};

use super::document::{Align, Block, Document, Table};
use super::plot::{Drawn, Plot, draw};

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

/// The width of a chart in a document.
const PAGE: u16 = 100;

/// What text is written on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Screen {
    /// Its width in characters; a terminal tells its own where there is none.
    pub width: Option<u16>,
    /// Whether charts may be coloured.
    pub colour: bool,
}

/// The document as text.
#[must_use]
pub fn render(document: &Document, format: Format, screen: Screen) -> String {
    let blocks = || document.blocks.iter();
    let has_data = blocks().any(|block| matches!(block, Block::Data(_)));
    let shown = || blocks().filter(|block| !matches!(block, Block::Data(_)));
    let parts: Vec<String> = match format {
        Format::Table => shown().map(|block| terminal(block, screen)).collect(),
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

fn terminal(block: &Block, screen: Screen) -> String {
    match block {
        Block::Heading(text) => format!("{text}\n"),
        Block::Text(text) => format!("{text}\n"),
        Block::Notes(notes) => dotted(notes),
        Block::Table(table) | Block::Data(table) => terminal_table(table, screen.width),
        Block::Plot(plot) => chart(plot, screen),
    }
}

fn dotted(notes: &[String]) -> String {
    notes.iter().map(|note| format!("  · {note}\n")).collect()
}

/// A chart, what its marks mean, and what it cannot show.
fn chart(plot: &Plot, screen: Screen) -> String {
    let width = screen.width.or_else(|| comfy_table::Table::new().width());
    let Drawn { text, hidden } = draw(plot, width.map_or(80, usize::from), screen.colour);
    let hidden = hidden
        .iter()
        .map(|[under, seen]| format!("{under} is where {seen} is"));
    let notes: Vec<String> = hidden.chain(plot.notes.iter().cloned()).collect();
    format!(
        "{}\n\n{text}\n{}{}",
        plot.title,
        terminal_table(&plot.legend, screen.width),
        dotted(&notes)
    )
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
        Block::Plot(plot) => {
            let page = Screen {
                width: Some(PAGE),
                colour: false,
            };
            format!("```text\n{}```\n", chart(plot, page))
        }
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
            render(&document(), Format::Csv, Screen::default()),
            "name,n\na|b,1\n\"c,d\",22\n"
        );
        assert_eq!(
            render(&document(), Format::Markdown, Screen::default()),
            "## Title\n\n| name | n |\n| --- | ---: |\n| a\\|b | 1 |\n| c,d | 22 |\n\n- note\n"
        );
        let narrow = Screen {
            width: Some(40),
            colour: false,
        };
        assert!(render(&document(), Format::Table, narrow).contains("c,d"));
    }
}
