//! Shapes as SVG, with the text of each escaped.

use std::fmt::Write;

use super::markup::text;

/// A drawing in the making.
#[derive(Debug, Default)]
pub(super) struct Svg {
    body: String,
}

/// On which side of its point a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn class(self) -> &'static str {
        match self {
            Self::Start => "as",
            Self::Middle => "am",
            Self::End => "ae",
        }
    }
}

impl Svg {
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            r#"<path class="{class}" d="M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}"/>"#
        ));
    }

    /// Points joined by straight lines.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        if points.len() > 1 {
            self.push(format_args!(
                r#"<path class="{class}" d="M{}"/>"#,
                joined(points)
            ));
        }
    }

    /// The area within points.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        if points.len() > 2 {
            self.push(format_args!(
                r#"<path class="{class}" d="M{}Z"/>"#,
                joined(points)
            ));
        }
    }

    pub(super) fn path(&mut self, d: &str, class: &str) {
        self.push(format_args!(r#"<path class="{class}" d="{d}"/>"#));
    }

    pub(super) fn rect(&mut self, (x, y): (f64, f64), (width, height): (f64, f64), class: &str) {
        let (width, height) = (width.max(0.0), height.max(0.0));
        self.push(format_args!(
            r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, raw: &str) {
        let (anchor, safe) = (anchor.class(), text(raw));
        self.push(format_args!(
            r#"<text class="{anchor} {class}" x="{x:.1}" y="{y:.1}">{safe}</text>"#
        ));
    }

    /// What is drawn inside tells of itself: on hover, at the keyboard's focus, and aloud.
    pub(super) fn mark(&mut self, tip: &str, draw: impl FnOnce(&mut Self)) {
        let (tip, aloud) = (text(tip), text(&tip.replace('\n', "; ")));
        self.push(format_args!(
            r#"<g class="mark" tabindex="0" role="img" aria-label="{aloud}" data-tip="{tip}">"#
        ));
        draw(self);
        self.body.push_str("</g>");
    }

    /// The finished drawing.
    pub(super) fn finish(
        self,
        (width, height): (f64, f64),
        id: &str,
        title: &str,
        description: &str,
    ) -> String {
        format!(
            r#"<svg viewBox="0 0 {width:.0} {height:.0}" role="group" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{}</title><desc id="{id}-d">{}</desc>{}</svg>"#,
            text(title),
            text(description),
            self.body
        )
    }

    fn push(&mut self, markup: std::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.body.write_fmt(markup);
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    let points = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}"));
    points.collect::<Vec<_>>().join("L")
}

/// About how wide a text is drawn, in units of the drawing; wide scripts count double.
pub(super) fn width_of(raw: &str) -> f64 {
    raw.chars()
        .map(|c| if u32::from(c) > 0x2e80 { 13.0 } else { 7.0 })
        .sum()
}

/// At most so many characters, the rest as an ellipsis.
pub(super) fn shortened(raw: &str, most: usize) -> String {
    if raw.chars().count() <= most {
        return raw.to_owned();
    }
    let kept: String = raw.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}
