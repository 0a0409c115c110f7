//! What is to be shown, before it is decided how.

use super::plot::Plot;

/// Where a cell goes on in a new line: a character that Unicode keeps for such use within programs, so
/// that no line feed of a name is taken for one.
pub(super) const LINE_BREAK: char = '\u{fdd0}';

/// Blocks from top to bottom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Document {
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A line that names what follows.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// Short remarks, each on its own.
    Notes(Vec<String>),
    /// Raw numbers for a spreadsheet: where a document has some, CSV is these and nothing else,
    /// and no other format shows them.
    Data(Table),
    /// A chart in characters; spreadsheets do without.
    Plot(Plot),
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Its name in machine-readable output.
    pub name: String,
    /// The columns.
    pub columns: Vec<Column>,
    /// The cells, row after row.
    pub rows: Vec<Vec<String>>,
    /// Rows before which a line is drawn.
    pub breaks: Vec<usize>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading, with the unit.
    pub title: String,
    /// On which side its cells line up.
    pub align: Align,
}

/// A side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

impl Document {
    /// Append a heading.
    pub fn heading(&mut self, text: impl Into<String>) -> &mut Self {
        self.blocks.push(Block::Heading(text.into()));
        self
    }

    /// Append a paragraph.
    pub fn text(&mut self, text: impl Into<String>) -> &mut Self {
        self.blocks.push(Block::Text(text.into()));
        self
    }

    /// Append a table, if it has rows.
    pub fn table(&mut self, table: Table) -> &mut Self {
        if !table.rows.is_empty() {
            self.blocks.push(Block::Table(table));
        }
        self
    }

    /// Append raw numbers.
    pub fn data(&mut self, table: Table) -> &mut Self {
        self.blocks.push(Block::Data(table));
        self
    }

    /// Append a chart.
    pub fn plot(&mut self, plot: Plot) -> &mut Self {
        self.blocks.push(Block::Plot(plot));
        self
    }

    /// Append remarks, if there are any.
    pub fn notes(&mut self, notes: Vec<String>) -> &mut Self {
        if !notes.is_empty() {
            self.blocks.push(Block::Notes(notes));
        }
        self
    }
}

impl Table {
    /// A table without rows; a title that begins with `<` is for words, others are for numbers.
    #[must_use]
    pub fn new(name: &str, titles: &[&str]) -> Self {
        let columns = titles.iter().map(|title| match title.strip_prefix('<') {
            Some(title) => Column {
                title: title.to_owned(),
                align: Align::Left,
            },
            None => Column {
                title: (*title).to_owned(),
                align: Align::Right,
            },
        });
        Self {
            name: name.to_owned(),
            columns: columns.collect(),
            ..Self::default()
        }
    }

    /// Append a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Draw a line before the next row.
    pub fn line(&mut self) {
        if !self.rows.is_empty() {
            self.breaks.push(self.rows.len());
        }
    }
}
