//! A chart on a grid of characters.

use super::scale::Scale;
use crate::report::document::Table;

/// A chart of series over two axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// What it shows.
    pub title: String,
    /// From left to right.
    pub x: Axis,
    /// From below to above.
    pub y: Axis,
    /// What is drawn; where two marks fall into one cell, the earlier one is seen.
    pub series: Vec<Series>,
    /// A row for each series, which begins with its mark.
    pub legend: Table,
    /// Remarks below the legend.
    pub notes: Vec<String>,
}

/// An axis: its title, and what stands after each number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// What is measured.
    pub title: &'static str,
    /// `%`, or nothing.
    pub suffix: &'static str,
    /// Whether numbers far apart may make it logarithmic.
    pub stretch: bool,
}

/// What is drawn with one mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The mark.
    pub glyph: char,
    /// How much it is to be seen.
    pub tone: Tone,
    /// Where it is drawn.
    pub shape: Shape,
}

/// Where a series is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// In one place.
    Point([f64; 2]),
    /// Along these points, in ascending order of x.
    Line(Vec<[f64; 2]>),
    /// Between two heights at each x, in ascending order of x: `[x, low, high]`.
    Band(Vec<[f64; 3]>),
}

/// How much a mark is to be seen; colours only repeat what the marks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// What the chart is about.
    Strong,
    /// A bound that nobody reaches.
    Bound,
    /// What it is compared with.
    Plain,
    /// What stands behind everything else.
    Faint,
}

/// The least and the greatest width of the grid, and its height.
const WIDTHS: [usize; 2] = [16, 88];
const ROWS: usize = 18;

/// The chart as lines, none longer than `width` where the legend's words allow it, without the
/// legend.
pub(in crate::report) fn draw(plot: &Plot, width: usize, colour: bool) -> Drawn {
    let numbers = |i: usize| -> Vec<f64> {
        plot.series
            .iter()
            .flat_map(|series| series.shape.numbers(i))
            .collect()
    };
    let Some(y) = Scale::over(&numbers(1), ROWS, plot.y.stretch) else {
        return Drawn {
            text: "Nothing to draw.\n".to_owned(),
            hidden: Vec::new(),
        };
    };
    let beside: Vec<(usize, String)> = y
        .ticks(7)
        .into_iter()
        .map(|(row, label)| (row, format!("{label}{}", plot.y.suffix)))
        .collect();
    let margin = beside
        .iter()
        .map(|(_, label)| label.len())
        .max()
        .unwrap_or(0);
    // A space before the labels, one and the axis after them.
    let columns = width.saturating_sub(margin + 3).clamp(WIDTHS[0], WIDTHS[1]);
    let Some(x) = Scale::over(&numbers(0), columns, plot.x.stretch) else {
        return Drawn::default();
    };
    let mut grid = Grid::new(columns);
    for series in &plot.series {
        grid.add(series, &x, &y);
    }
    let mut text = format!(" {}\n", plot.y.title);
    for row in (0..ROWS).rev() {
        let label = beside.iter().find(|(at, _)| *at == row);
        let (label, axis) = label.map_or(("", '│'), |(_, label)| (label, '┤'));
        let line = format!(" {label:>margin$} {axis}{}", grid.line(row, colour));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(&below(&x, plot, margin, columns));
    Drawn {
        text,
        hidden: grid.hidden,
    }
}

/// A chart that is drawn.
#[derive(Debug, Default, PartialEq)]
pub(in crate::report) struct Drawn {
    /// Its lines.
    pub(in crate::report) text: String,
    /// Marks of points that cannot be seen, each with the mark that stands in its place.
    pub(in crate::report) hidden: Vec<[char; 2]>,
}

/// The axis from left to right, with its numbers and title.
fn below(x: &Scale, plot: &Plot, margin: usize, columns: usize) -> String {
    let mut axis: Vec<char> = vec!['─'; columns];
    let mut labels: Vec<char> = vec![' '; columns];
    let mut free = 0;
    for (cell, label) in x.ticks((columns / 9).max(2)) {
        let label: Vec<char> = format!("{label}{}", plot.x.suffix).chars().collect();
        let start = cell
            .saturating_sub(label.len() / 2)
            .min(columns.saturating_sub(label.len()));
        if start < free {
            continue;
        }
        axis[cell] = '┬';
        free = start + label.len() + 1;
        labels[start..]
            .iter_mut()
            .zip(label)
            .for_each(|(to, from)| *to = from);
    }
    let line = |corner: char, cells: Vec<char>| {
        let cells: String = cells.into_iter().collect();
        format!(" {:margin$} {corner}{}\n", "", cells.trim_end())
    };
    let title = format!("{:>width$}\n", plot.x.title, width = margin + 3 + columns);
    line('└', axis) + &line(' ', labels) + &title
}

impl Shape {
    /// All its numbers along one axis.
    fn numbers(&self, axis: usize) -> Vec<f64> {
        match self {
            Self::Point(at) => vec![at[axis]],
            Self::Line(points) => points.iter().map(|at| at[axis]).collect(),
            Self::Band(points) if axis == 0 => points.iter().map(|at| at[0]).collect(),
            Self::Band(points) => points.iter().flat_map(|at| [at[1], at[2]]).collect(),
        }
    }
}

/// Cells, the lowest row first.
struct Grid {
    columns: usize,
    cells: Vec<Option<(char, Tone)>>,
    hidden: Vec<[char; 2]>,
}

impl Grid {
    fn new(columns: usize) -> Self {
        Self {
            columns,
            cells: vec![None; columns * ROWS],
            hidden: Vec::new(),
        }
    }

    /// Draw a series below what is there already.
    fn add(&mut self, series: &Series, x: &Scale, y: &Scale) {
        match &series.shape {
            Shape::Point(at) => {
                if let Some(seen) = self.put(x.cell(at[0]), y.cell(at[1]), series) {
                    self.hidden.push([series.glyph, seen]);
                }
            }
            Shape::Line(points) => {
                for column in covered(points, x) {
                    let height = interpolated(points, x.at(column), |at| at[1]);
                    self.put(column, y.cell(height), series);
                }
            }
            Shape::Band(points) => {
                for column in covered(points, x) {
                    let [low, high] =
                        [1, 2].map(|end| y.cell(interpolated(points, x.at(column), |at| at[end])));
                    for row in low..=high {
                        self.put(column, row, series);
                    }
                }
            }
        }
    }

    /// Put a mark into a free cell; else say which mark stands there.
    fn put(&mut self, column: usize, row: usize, series: &Series) -> Option<char> {
        let cell = &mut self.cells[row * self.columns + column];
        if let Some((seen, _)) = cell {
            return Some(*seen);
        }
        *cell = Some((series.glyph, series.tone));
        None
    }

    fn line(&self, row: usize, colour: bool) -> String {
        let cells = &self.cells[row * self.columns..(row + 1) * self.columns];
        let mut text = String::new();
        for cell in cells {
            match cell {
                None => text.push(' '),
                Some((glyph, tone)) if colour => {
                    text.push_str(&format!("\u{1b}[{}m{glyph}\u{1b}[0m", tone.code()));
                }
                Some((glyph, _)) => text.push(*glyph),
            }
        }
        text
    }
}

/// The columns between the first and the last point.
fn covered<const N: usize>(points: &[[f64; N]], x: &Scale) -> std::ops::Range<usize> {
    match points {
        [] => 0..0,
        [first, .., last] => x.cell(first[0])..x.cell(last[0]) + 1,
        [only] => x.cell(only[0])..x.cell(only[0]) + 1,
    }
}

/// What lies between the two points around `x`, on the straight line between them.
fn interpolated<const N: usize>(
    points: &[[f64; N]],
    x: f64,
    read: impl Fn(&[f64; N]) -> f64,
) -> f64 {
    let next = points.partition_point(|at| at[0] < x).min(points.len() - 1);
    let [a, b] = [&points[next.saturating_sub(1)], &points[next]];
    let along = (x - a[0]) / (b[0] - a[0]);
    if along.is_finite() {
        read(a) + along.clamp(0.0, 1.0) * (read(b) - read(a))
    } else {
        read(b)
    }
}

impl Tone {
    /// Its code as a terminal understands it: blue and yellow are told apart by everybody.
    const fn code(self) -> &'static str {
        match self {
            Self::Strong => "1;36",
            Self::Bound => "33",
            Self::Plain => "0",
            Self::Faint => "2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(series: Vec<Series>) -> Plot {
        Plot {
            title: "a chart".to_owned(),
            x: Axis {
                title: "USD",
                suffix: "",
                stretch: true,
            },
            y: Axis {
                title: "right",
                suffix: "%",
                stretch: false,
            },
            series,
            legend: Table::default(),
            notes: Vec::new(),
        }
    }

    fn series(glyph: char, shape: Shape) -> Series {
        Series {
            glyph,
            tone: Tone::Strong,
            shape,
        }
    }

    #[test]
    fn points_stand_where_their_numbers_say() {
        let drawn = draw(
            &plot(vec![
                series('a', Shape::Point([1.0, 80.0])),
                series('b', Shape::Point([3.0, 90.0])),
            ]),
            60,
            false,
        );
        let lines: Vec<&str> = drawn.text.lines().collect();
        assert!(
            lines[1].ends_with('b') && lines[1].starts_with(" 90% ┤"),
            "{}",
            drawn.text
        );
        assert_eq!(lines[ROWS], " 80% ┤a", "{}", drawn.text);
        assert!(lines.iter().all(|line| line.chars().count() <= 60));
        assert!(lines[ROWS + 2].contains("1.0") && lines[ROWS + 2].contains("3.0"));
    }

    #[test]
    fn a_hidden_point_is_told() {
        let at = Shape::Point([1.0, 80.0]);
        let drawn = draw(
            &plot(vec![series('a', at.clone()), series('b', at)]),
            60,
            false,
        );
        assert_eq!(drawn.hidden, [['b', 'a']]);
        assert!(!drawn.text.contains('b'));
    }

    #[test]
    fn a_line_fills_every_column_between_its_ends() {
        let line = Shape::Line(vec![[0.0, 0.0], [50.0, 10.0], [100.0, 0.0]]);
        let drawn = draw(&plot(vec![series('*', line)]), 40, false);
        assert_eq!(drawn.text.matches('*').count(), 40 - 6, "{}", drawn.text);
    }

    #[test]
    fn a_band_lies_behind_the_line() {
        let drawn = draw(
            &plot(vec![
                series('*', Shape::Line(vec![[0.0, 5.0], [9.0, 5.0]])),
                series('░', Shape::Band(vec![[0.0, 0.0, 10.0], [9.0, 0.0, 10.0]])),
            ]),
            40,
            false,
        );
        assert_eq!(drawn.text.matches('*').count(), 34);
        assert_eq!(drawn.text.matches('░').count(), 34 * (ROWS - 1));
    }

    #[test]
    fn colours_only_add_to_the_marks() {
        let plot = plot(vec![
            series('a', Shape::Point([1.0, 80.0])),
            series('b', Shape::Point([300.0, 90.0])),
        ]);
        let [plain, coloured] = [false, true].map(|colour| draw(&plot, 60, colour).text);
        assert!(!plain.contains('\u{1b}'));
        assert_eq!(
            coloured
                .replace("\u{1b}[1;36m", "")
                .replace("\u{1b}[0m", ""),
            plain
        );
    }

    #[test]
    fn nothing_and_a_terminal_without_room_are_no_trouble() {
        assert_eq!(draw(&plot(vec![]), 60, false).text, "Nothing to draw.\n");
        let drawn = draw(&plot(vec![series('a', Shape::Point([0.0, 0.0]))]), 0, false);
        assert!(drawn.text.contains('a'));
    }
}
