//! A document as terminal text, Markdown or CSV.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, TableStyle};
use weighbridge_router::printable;

use super::document::{Align, Block, Column, Document, LINE_BREAK, Table};
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
        Block::Heading(text) | Block::Text(text) => format!("{}\n", printable(text)),
        Block::Notes(notes) => dotted(notes),
        Block::Table(table) | Block::Data(table) => terminal_table(table, screen.width),
        Block::Plot(plot) => chart(plot, screen),
    }
}

fn dotted(notes: &[String]) -> String {
    let line = |note: &String| format!("  · {}\n", printable(note));
    notes.iter().map(line).collect()
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
        printable(&plot.title),
        terminal_table(&plot.legend, screen.width),
        dotted(&notes)
    )
}

/// A cell's lines, whatever its names hold, with `between` them.
fn lines(cell: &str, between: &str) -> String {
    printable(cell).replace(LINE_BREAK, between)
}

fn terminal_table(table: &Table, width: Option<u16>) -> String {
    let mut drawn = comfy_table::Table::new();
    drawn
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        drawn.set_width(width);
    }
    let shown = |text: &String| lines(text, "\n");
    drawn.set_header(
        table
            .columns
            .iter()
            .map(|column| Cell::new(shown(&column.title)).add_attribute(Attribute::Bold)),
    );
    for (i, row) in table.rows.iter().enumerate() {
        if table.breaks.contains(&i) {
            drawn.add_row(vec![""; row.len()]);
        }
        drawn.add_row(row.iter().map(shown));
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
        Block::Heading(text) => format!("## {}\n", prose(text)),
        Block::Text(text) => format!("{}\n", prose(text)),
        Block::Notes(notes) => {
            let line = |note: &String| format!("- {}\n", prose(note));
            notes.iter().map(line).collect()
        }
        Block::Plot(plot) => {
            let page = Screen {
                width: Some(PAGE),
                colour: false,
            };
            format!("```text\n{}```\n", chart(plot, page))
        }
        Block::Table(table) | Block::Data(table) => markdown_table(table),
    }
}

fn markdown_table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let escaped = |text: &String| {
        let cell = prose(text).replace('|', "\\|");
        cell.replace(LINE_BREAK, "<br>")
    };
    let rule = |column: &Column| {
        if column.align == Align::Right {
            "---:"
        } else {
            "---"
        }
    };
    let columns = || table.columns.iter();
    let mut text = line(columns().map(|column| escaped(&column.title)).collect());
    text.push_str(&line(columns().map(|it| rule(it).to_owned()).collect()));
    let rows = table.rows.iter();
    rows.for_each(|row| text.push_str(&line(row.iter().map(escaped).collect())));
    text
}

/// A text in Markdown that begins no tag, no link and no image.
fn prose(text: &str) -> String {
    let text = printable(text).replace("](", "]\\(");
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let opens = |next: &char| next.is_alphabetic() || "/!?".contains(*next);
        if c == '<' && rest.peek().is_some_and(opens) {
            shown.push_str("&lt;");
        } else {
            shown.push(c);
        }
    }
    shown
}

fn csv(table: &Table) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let titles = table.columns.iter().map(|column| column.title.as_str());
    // Writing to memory does not fail.
    let _ = writer.write_record(titles);
    for row in &table.rows {
        // A line within a cell is for the eye.
        let _ = writer.write_record(row.iter().map(|cell| no_formula(lines(cell, " "))));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// A cell that a spreadsheet would compute is given the quote that makes it text; a number with its
/// sign stays one (<https://owasp.org/www-community/attacks/CSV_Injection>).
fn no_formula(cell: String) -> String {
    let number = |c: char| c.is_ascii_digit() || "+-.,%[] e".contains(c);
    let mut rest = cell.chars();
    let computed = match rest.next() {
        Some('=' | '@' | '\t' | '\r') => true,
        Some('+' | '-') => !rest.all(number),
        _ => false,
    };
    if computed { format!("'{cell}") } else { cell }
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

    #[test]
    fn a_name_gives_no_orders_to_whatever_shows_it() {
        let names = [
            "\u{1b}[31mred\u{1b}]0;title\u{7}",
            "two\nlines",
            "\u{9b}2J\u{202e}txt",
            "<img src=x onerror=y>",
            "![x](http://x)",
            "=cmd|' /C calc'!A0",
            "-1+cmd",
            "@sum",
            "+8.86 [2.29, 16.19]",
            "<0.1%",
        ];
        let mut table = Table::new("t", &["<name", "n"]);
        let stacked = format!("1{LINE_BREAK}[0, 2]");
        for name in names {
            table.row(vec![name.into(), stacked.clone()]);
        }
        let mut document = Document::default();
        document
            .heading(names[0])
            .text(names[1])
            .table(table)
            .notes(vec![names[2].into(), names[3].into()]);
        let shown = |format| render(&document, format, Screen::default());
        for format in [Format::Table, Format::Markdown, Format::Csv] {
            let text = shown(format);
            let orders = |c: char| c != '\n' && *printable(&c.to_string()) != c.to_string();
            assert!(!text.contains(orders), "{text}");
            assert!(text.contains(r"two\nlines"), "{text}");
        }
        let markdown = shown(Format::Markdown);
        assert!(
            !markdown.contains("<img") && !markdown.contains("]("),
            "{markdown}"
        );
        assert!(markdown.contains("| <0.1% | 1<br>[0, 2] |"), "{markdown}");
        let csv = shown(Format::Csv);
        let cells: Vec<&str> = csv.lines().skip(6).collect();
        let quoted = [
            "'=cmd|' /C calc'!A0,\"1 [0, 2]\"",
            "'-1+cmd,\"1 [0, 2]\"",
            "'@sum,\"1 [0, 2]\"",
            "\"+8.86 [2.29, 16.19]\",\"1 [0, 2]\"",
            "<0.1%,\"1 [0, 2]\"",
        ];
        assert_eq!(cells, quoted);
    }
}
