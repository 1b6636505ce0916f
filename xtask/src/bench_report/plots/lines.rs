//! Lines over a number that grows, each called by its name at its end.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Text};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor, ShapeStyle, TRANSPARENT};

use super::super::quantity::round_duration;
use super::axis::{Axis, Scale};
use super::canvas::{FAINT_INK, FLOOR, GRID, INK, LETTERS, OURS, Sheet, TITLE_HEIGHT, WIDTH, colour, letters, picture};
use crate::Result;

const HEIGHT: u32 = 440;
const AXIS_HEIGHT: u32 = 48;
const AXIS_WIDTH: u32 = 90;
/// How many times the lowest value of the upright axis the highest is, at least.
const LEAST_SPAN: f64 = 8.0;
const NAMES_WIDTH: u32 = 300;

/// A picture with at least one point.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) title: String,
    pub(super) x_axis: String,
    pub(super) y_axis: String,
    pub(super) lines: Vec<Line>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    /// From left to right; times in nanoseconds.
    pub(super) points: Vec<(f64, f64)>,
    /// Stands behind its name.
    pub(super) end: String,
    /// Floors are dashed.
    pub(super) is_floor: bool,
    pub(super) is_ours: bool,
}

impl Lines {
    /// The picture as SVG.
    pub(super) fn draw(&self) -> Result<String> {
        picture(HEIGHT, &self.title, |sheet| self.draw_on(sheet))
    }

    fn draw_on(&self, sheet: &Sheet<'_>) -> Result {
        let ((left, right), (low, high)) = (range(self.values(|point| point.0)), range(self.values(|point| point.1)));
        // Room for the first and the last point beside the edges.
        let aside = (right / left).powf(0.06).max(1.05);
        let across = Axis::new(Scale::Logarithmic, left / aside..right * aside).with_ticks(self.columns());
        // Lines that differ by little shall not seem to lie far apart.
        let above = (LEAST_SPAN * low / high).max(2.0).sqrt();
        let up = Axis::new(Scale::Logarithmic, low / above..high * above);
        let mut chart = ChartBuilder::on(sheet)
            .margin_top(TITLE_HEIGHT)
            .margin_left(14)
            .margin_right(NAMES_WIDTH)
            .y_label_area_size(AXIS_WIDTH)
            .x_label_area_size(AXIS_HEIGHT)
            .build_cartesian_2d(across, up)?;
        chart
            .configure_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GRID)
            .label_style(letters(FAINT_INK, HPos::Center, VPos::Center))
            .axis_desc_style(letters(INK, HPos::Center, VPos::Center))
            .x_label_formatter(&|value| super::count(*value))
            .y_label_formatter(&|value| round_duration(*value))
            .x_desc(&self.x_axis)
            .y_desc(&self.y_axis)
            .draw()?;
        let mut ends = Vec::new();
        for (line, colour) in self.lines.iter().zip(self.colours()) {
            let points = line.points.clone();
            let Some(last) = points.last() else { continue };
            ends.push((chart.backend_coord(last), line, colour));
            let style =
                ShapeStyle { color: colour.to_rgba(), filled: true, stroke_width: if line.is_ours { 3 } else { 2 } };
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, style.color.filled())))?;
            if line.is_floor {
                chart.draw_series(DashedLineSeries::new(points, 7, 5, style))?;
            } else {
                chart.draw_series(LineSeries::new(points, style))?;
            }
        }
        name_ends(sheet, ends)
    }

    fn values(&self, of: impl Fn(&(f64, f64)) -> f64) -> impl Iterator<Item = f64> {
        self.lines.iter().flat_map(|line| &line.points).map(of)
    }

    /// Every place on the lower axis at which something was measured.
    fn columns(&self) -> Vec<f64> {
        let mut columns: Vec<f64> = self.values(|point| point.0).collect();
        columns.sort_by(f64::total_cmp);
        columns.dedup();
        columns
    }

    fn colours(&self) -> impl Iterator<Item = RGBColor> {
        let mut others = (0..).map(colour);
        self.lines.iter().map(move |line| match line {
            line if line.is_floor => FLOOR,
            line if line.is_ours => OURS,
            _ => others.next().unwrap_or(INK),
        })
    }
}

/// Writes each name beside the end of its line, as near as the others leave room.
fn name_ends(sheet: &Sheet<'_>, mut ends: Vec<((i32, i32), &Line, RGBColor)>) -> Result {
    ends.sort_by_key(|((_, y), _, _)| *y);
    let heights = set_apart(&ends.iter().map(|((_, y), _, _)| *y).collect::<Vec<_>>());
    let left = i32::try_from(WIDTH - NAMES_WIDTH)? + 26;
    for (((x, y), line, colour), height) in ends.into_iter().zip(heights) {
        sheet.draw(&PathElement::new([(x + 6, y), (left - 6, height)], colour.mix(0.6)))?;
        let text = format!("{}  {}", line.name, line.end);
        // Their own colours would be too pale to read: a mark bears it.
        sheet.draw(&Circle::new((left, height), 4, colour.filled()))?;
        sheet.draw(&Text::new(text, (left + 9, height), letters(INK, HPos::Left, VPos::Center)))?;
    }
    Ok(())
}

/// Moves sorted heights apart by a line of text, and no further; the whole stays where it was.
fn set_apart(heights: &[i32]) -> Vec<i32> {
    let step = LETTERS + 5;
    let mut apart: Vec<i32> = Vec::new();
    for height in heights {
        let lowest = apart.last().map_or(*height, |above| above + step);
        apart.push(lowest.max(*height));
    }
    // Whatever was pushed below the axis goes up again, and pushes those above it.
    let mut bottom = i32::try_from(HEIGHT - AXIS_HEIGHT).unwrap_or(i32::MAX);
    for height in apart.iter_mut().rev() {
        *height = (*height).min(bottom);
        bottom = *height - step;
    }
    apart
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (least.min(value), most.max(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_named_at_its_end_and_floors_are_dashed() {
        let line = |name: &str, time: f64, is_floor| Line {
            name: name.to_owned(),
            points: vec![(1.0, time), (2.0, time * 2.0)],
            end: format!("{time} ns"),
            is_floor,
            is_ours: false,
        };
        let lines = vec![line("floor", 20.0, true), line("slow", 300.0, false)];
        let svg = Lines { title: "T".into(), x_axis: "threads".into(), y_axis: "time".into(), lines }.draw().unwrap();
        for text in ["floor  20 ns", "slow  300 ns", "threads", "time", "100 ns"] {
            assert!(svg.contains(text), "{text} is missing");
        }
        let segments =
            |colour: &str| svg.lines().filter(|line| line.contains("<polyline") && line.contains(colour)).count();
        assert!(segments("#CF222E") > 5 && segments("#E69F00") < 5);
    }

    #[test]
    fn names_that_would_lie_on_each_other_are_set_apart() {
        assert_eq!(set_apart(&[100, 200]), [100, 200]);
        assert_eq!(set_apart(&[100, 101, 102]), [100, 119, 138]);
        let bottom = i32::try_from(HEIGHT - AXIS_HEIGHT).unwrap();
        assert_eq!(set_apart(&[bottom - 1, bottom]), [bottom - 19, bottom]);
    }
}
