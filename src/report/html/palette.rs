//! What tells one policy from another: a colour, a shape and a dash, so that none stands alone.

/// How a series looks: by its place among the policies of a page, the same in every chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Classes of the style sheet.
    color: &'static str,
    shape: Shape,
    dash: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Circle,
    Square,
    Diamond,
    Triangle,
    Cross,
    Star,
}

const COLORS: [&str; 7] = ["c0", "c1", "c2", "c3", "c4", "c5", "c6"];
const SHAPES: [Shape; 4] = [
    Shape::Circle,
    Shape::Square,
    Shape::Diamond,
    Shape::Triangle,
];
const DASHES: usize = 5;

impl Look {
    /// Of a policy.
    pub(super) fn of(place: usize) -> Self {
        Self {
            color: COLORS[place % COLORS.len()],
            // Neighbours differ in both, and the pairs repeat only after 28.
            shape: SHAPES[(place + place / COLORS.len()) % SHAPES.len()],
            dash: place % DASHES,
        }
    }

    /// Of a floor: what a policy must beat is grey.
    pub(super) fn floor(place: usize) -> Self {
        Self {
            color: "cf",
            shape: [Shape::Cross, Shape::Square, Shape::Triangle, Shape::Diamond][place % 4],
            dash: 1 + place % (DASHES - 1),
        }
    }

    /// Of hindsight.
    pub(super) fn hindsight() -> Self {
        Self {
            color: "ch",
            shape: Shape::Star,
            dash: 1,
        }
    }

    /// Classes of a line.
    pub(super) fn line(self) -> String {
        format!("ln {} d{}", self.color, self.dash)
    }

    /// Classes of a filled area.
    pub(super) fn fill(self) -> String {
        format!("fl {}", self.color)
    }

    /// The colour's class.
    pub(super) fn color(self) -> &'static str {
        self.color
    }

    /// The path of the shape around a point.
    pub(super) fn shape(self, x: f64, y: f64, r: f64) -> String {
        let polygon = |points: &[(f64, f64)]| {
            let points = points
                .iter()
                .map(|(dx, dy)| format!("{:.1} {:.1}", x + dx * r, y + dy * r));
            format!("M{}Z", points.collect::<Vec<_>>().join("L"))
        };
        match self.shape {
            Shape::Circle => {
                format!(
                    "M{:.1} {y:.1}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
                    x - r,
                    d = 2.0 * r
                )
            }
            Shape::Square => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            Shape::Diamond => polygon(&[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)]),
            Shape::Triangle => polygon(&[(0.0, -1.2), (1.15, 0.85), (-1.15, 0.85)]),
            Shape::Cross => polygon(&[
                (-1.1, -0.4),
                (-0.4, -0.4),
                (-0.4, -1.1),
                (0.4, -1.1),
                (0.4, -0.4),
                (1.1, -0.4),
                (1.1, 0.4),
                (0.4, 0.4),
                (0.4, 1.1),
                (-0.4, 1.1),
                (-0.4, 0.4),
                (-1.1, 0.4),
            ]),
            Shape::Star => polygon(&[
                (0.0, -1.5),
                (0.4, -0.45),
                (1.45, -0.45),
                (0.6, 0.2),
                (0.9, 1.25),
                (0.0, 0.6),
                (-0.9, 1.25),
                (-0.6, 0.2),
                (-1.45, -0.45),
                (-0.4, -0.45),
            ]),
        }
    }

    /// A small drawing of the look, for legends and tables.
    pub(super) fn swatch(self) -> String {
        format!(
            r#"<svg class="sw" viewBox="0 0 26 12" aria-hidden="true"><path class="{}" d="M0 6H26"/><path class="{}" d="{}"/></svg>"#,
            self.line(),
            self.fill(),
            self.shape(13.0, 6.0, 4.2)
        )
    }
}
