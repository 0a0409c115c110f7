//! The first thing on a page: what to do in one sentence with its numbers, and around it how sure
//! that is, what it rests on and what would change it.

use super::markup::text;
use super::words;
use crate::evaluate::Figure;

/// How a decision leans; chooses its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lean {
    /// Route.
    Yes,
    /// Do not.
    No,
    /// It cannot be told.
    Open,
}

/// A decision. All but the verdict and the tiles is markup.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) lean: Lean,
    /// In a word or two.
    pub(super) verdict: &'static str,
    pub(super) sentence: String,
    /// How sure it is.
    pub(super) sure: String,
    /// What the tiles are of.
    pub(super) of: String,
    pub(super) tiles: Vec<Tile>,
    pub(super) rests: Vec<String>,
    pub(super) changes: Vec<String>,
}

/// One figure, large.
#[derive(Debug)]
pub(super) struct Tile {
    label: &'static str,
    shown: String,
    beneath: String,
}

impl Tile {
    /// A figure with its interval beneath; none where it is not known.
    pub(super) fn of(
        label: &'static str,
        figure: Option<&Figure>,
        show: words::Show,
    ) -> Option<Self> {
        let figure = figure?;
        Some(Self {
            label,
            shown: show(figure.x?),
            beneath: words::interval(figure, show)
                .map_or_else(String::new, |range| format!("95%: {range}")),
        })
    }

    /// A figure with a remark beneath.
    pub(super) fn beside(
        label: &'static str,
        figure: &Figure,
        show: words::Show,
        beneath: String,
    ) -> Option<Self> {
        Some(Self {
            label,
            shown: show(figure.x?),
            beneath,
        })
    }

    fn html(&self) -> String {
        let (label, shown, beneath) = (text(self.label), text(&self.shown), text(&self.beneath));
        format!("<li><span>{label}</span><b>{shown}</b><small>{beneath}</small></li>")
    }
}

impl Lead {
    /// Its markup.
    pub(super) fn html(&self) -> String {
        let class = match self.lean {
            Lean::Yes => "yes",
            Lean::No => "no",
            Lean::Open => "open",
        };
        let paragraph = |class: &str, inner: &str| match inner {
            "" => String::new(),
            inner => format!(r#"<p class="{class}">{inner}</p>"#),
        };
        let tiles: String = self.tiles.iter().map(Tile::html).collect();
        let tiles = if tiles.is_empty() {
            tiles
        } else {
            format!(
                r#"{}<ul class="tiles">{tiles}</ul>"#,
                paragraph("of", &self.of)
            )
        };
        let because = [
            ("It rests on", &self.rests),
            ("What would change it", &self.changes),
        ];
        let because: String = because
            .iter()
            .filter(|(_, items)| !items.is_empty())
            .map(|(title, items)| {
                let items: String = items
                    .iter()
                    .map(|item| format!("<li>{item}</li>"))
                    .collect();
                format!("<div><h2>{title}</h2><ul>{items}</ul></div>")
            })
            .collect();
        format!(
            r#"<section class="decision {class}" aria-labelledby="decision"><p class="verdict">{}</p><h1 id="decision">{}</h1>{}{tiles}<div class="because">{because}</div></section>"#,
            text(self.verdict),
            self.sentence,
            paragraph("sure", &self.sure),
        )
    }
}
