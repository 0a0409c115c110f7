//! Tables that a reader can sort and take away as CSV: each cell shows a number as people read it
//! and carries the raw one.

use super::markup::{name, text};
use crate::evaluate::Figure;
use crate::report::document::{Align, Table};
use crate::report::number::NONE;

/// A cell.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// Markup.
    shown: String,
    /// For sorting, and for CSV.
    value: Option<f64>,
    /// Further attributes, markup.
    attributes: String,
}

/// A table in the making.
#[derive(Debug)]
pub(super) struct Grid {
    id: String,
    caption: String,
    /// Heading, and whether its cells are numbers.
    titles: Vec<(String, bool)>,
    rows: Vec<(Vec<Cell>, &'static str)>,
}

impl Cell {
    /// Words of ours or of somebody else.
    pub(super) fn words(raw: &str) -> Self {
        Self::markup(text(raw))
    }

    /// A name that somebody chose.
    pub(super) fn name(raw: &str) -> Self {
        Self::markup(name(raw))
    }

    /// What is markup already.
    pub(super) fn markup(shown: String) -> Self {
        Self {
            shown,
            value: None,
            attributes: String::new(),
        }
    }

    /// A number; a dash where there is none.
    pub(super) fn number(x: Option<f64>, show: impl Fn(f64) -> String) -> Self {
        Self {
            value: x,
            ..Self::markup(x.map_or_else(|| NONE.to_owned(), |x| text(&show(x))))
        }
    }

    /// A figure with its interval beneath; where there is none, why stands in the title.
    pub(super) fn figure(figure: &Figure, show: impl Fn(f64) -> String) -> Self {
        let mut cell = Self::number(figure.x, &show);
        if let Some([low, high]) = figure.ci95 {
            let (low, high) = (text(&show(low)), text(&show(high)));
            cell.shown
                .push_str(&format!(r#"<small class="ci">{low} to {high}</small>"#));
        }
        if let Some(why) = figure.why.as_ref().filter(|_| figure.x.is_none()) {
            cell.attributes = format!(r#" title="{}""#, text(why));
        }
        cell
    }

    /// The same with further attributes.
    pub(super) fn with(mut self, attributes: String) -> Self {
        self.attributes.push_str(&attributes);
        self
    }
}

impl Grid {
    /// A table without rows; a title that begins with `<` is for words, others are for numbers.
    pub(super) fn new(id: &str, caption: &str, titles: &[&str]) -> Self {
        let titles = titles.iter().map(|title| match title.strip_prefix('<') {
            Some(title) => (title.to_owned(), false),
            None => ((*title).to_owned(), true),
        });
        Self {
            id: id.to_owned(),
            caption: caption.to_owned(),
            titles: titles.collect(),
            rows: Vec::new(),
        }
    }

    /// A table of the command's output.
    pub(super) fn of(table: &Table, id: &str, caption: &str) -> Self {
        let titles = table.columns.iter();
        let titles = titles.map(|column| (column.title.clone(), column.align == Align::Right));
        let cell = |raw: &String| Cell::markup(text(raw).replace("&#10;", "<br>"));
        let rows = table.rows.iter().enumerate().map(|(i, row)| {
            let class = if table.breaks.contains(&i) { "brk" } else { "" };
            (row.iter().map(cell).collect(), class)
        });
        Self {
            id: id.to_owned(),
            caption: caption.to_owned(),
            titles: titles.collect(),
            rows: rows.collect(),
        }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push((cells, ""));
    }

    /// A row of a class of the style sheet.
    pub(super) fn row_of(&mut self, class: &'static str, cells: Vec<Cell>) {
        self.rows.push((cells, class));
    }

    /// The table and its button for CSV.
    pub(super) fn html(&self) -> String {
        format!(
            r#"<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="sortable" id="{id}"><caption>{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div><button type="button" class="csv" data-table="{id}" hidden>CSV<span class="vh"> of {label}</span></button>"#,
            label = text(&self.caption),
            id = text(&self.id),
            head = self.head(),
            body = self
                .rows
                .iter()
                .map(|(cells, class)| self.line(cells, class))
                .collect::<String>(),
        )
    }

    fn head(&self) -> String {
        let cell = |(title, number): &(String, bool)| {
            let class = if *number { r#" class="n""# } else { "" };
            let shown = if title.is_empty() {
                r#"<span class="vh">Role</span>"#.to_owned()
            } else {
                text(title)
            };
            format!(r#"<th scope="col"{class}>{shown}</th>"#)
        };
        self.titles.iter().map(cell).collect()
    }

    fn line(&self, cells: &[Cell], class: &str) -> String {
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(r#" class="{class}""#)
        };
        let mut line = format!("<tr{class}>");
        for (cell, (_, number)) in cells.iter().zip(&self.titles) {
            let value = cell
                .value
                .map_or_else(String::new, |x| format!(r#" data-value="{x}""#));
            let class = if *number { r#" class="n""# } else { "" };
            line.push_str(&format!(
                "<td{class}{value}{}>{}</td>",
                cell.attributes, cell.shown
            ));
        }
        line.push_str("</tr>");
        line
    }
}
