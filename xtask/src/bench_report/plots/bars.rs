//! Bars that lie, one below the other, with the floor as a line through them.

use plotters::chart::ChartBuilder;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, TRANSPARENT};

use super::super::quantity::number;
use super::axis::{Axis, Scale};
use super::canvas::{FAINT_INK, FLOOR, GRID, INK, OURS, Sheet, THEIRS, TITLE_HEIGHT, letters, picture};
use crate::Result;

const BAR_HEIGHT: u32 = 34;
const NAMES_WIDTH: u32 = 220;
const AXIS_HEIGHT: u32 = 48;
/// Between the title and the first bar: what the floor's line is called stands there.
const FLOOR_NAME_HEIGHT: u32 = 24;

/// A picture with at least one bar.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) title: String,
    /// What is shown, with its unit.
    pub(super) axis: String,
    pub(super) bars: Vec<Bar>,
    /// Where the floor lies, and its name.
    pub(super) floor: Option<(f64, String)>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) name: String,
    /// More than zero.
    pub(super) value: f64,
    /// Stands at its end.
    pub(super) label: String,
    pub(super) is_ours: bool,
}

impl Bars {
    /// The picture as SVG.
    pub(super) fn draw(&self) -> Result<String> {
        let bars = u32::try_from(self.bars.len())?;
        let head = u32::try_from(TITLE_HEIGHT)? + FLOOR_NAME_HEIGHT;
        picture(head + bars * BAR_HEIGHT + AXIS_HEIGHT, &self.title, |sheet| self.draw_on(sheet, head))
    }

    fn draw_on(&self, sheet: &Sheet<'_>, head: u32) -> Result {
        let scale = Scale::of_bars(self.values());
        let (from, to) = self.range(scale);
        let below = f64::from(u32::try_from(self.bars.len())?);
        let mut chart = ChartBuilder::on(sheet)
            .margin_top(head)
            .margin_right(32)
            .y_label_area_size(NAMES_WIDTH)
            .x_label_area_size(AXIS_HEIGHT)
            .build_cartesian_2d(Axis::new(scale, from..to), below..0.0)?;
        let note = if scale == Scale::Logarithmic { " (logarithmic)" } else { "" };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .y_labels(0)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(GRID)
            .label_style(letters(FAINT_INK, HPos::Center, VPos::Top))
            .axis_desc_style(letters(INK, HPos::Center, VPos::Top))
            .x_label_formatter(&|value| number(*value))
            .x_desc(format!("{}{note}", self.axis))
            .draw()?;
        // A label is never written across the floor's line.
        let line = self.floor.as_ref().map_or(0, |(floor, _)| chart.backend_coord(&(*floor, 0.0)).0);
        let mut top = 0.0;
        for bar in &self.bars {
            let colour = if bar.is_ours { OURS } else { THEIRS };
            chart.draw_series([Rectangle::new([(from, top + 0.18), (bar.value, top + 0.82)], colour.filled())])?;
            let (right, middle) = chart.backend_coord(&(bar.value, top + 0.5));
            let (left, _) = chart.backend_coord(&(from, top + 0.5));
            let name = letters(INK, HPos::Right, VPos::Center);
            sheet.draw(&Text::new(bar.name.clone(), (left - 10, middle), name))?;
            let label = letters(INK, HPos::Left, VPos::Center);
            sheet.draw(&Text::new(bar.label.clone(), (right.max(line) + 8, middle), label))?;
            top += 1.0;
        }
        if let Some((floor, name)) = &self.floor {
            let ((x, top), (_, bottom)) = (chart.backend_coord(&(*floor, 0.0)), chart.backend_coord(&(*floor, below)));
            sheet.draw(&PathElement::new([(x, top - 4), (x, bottom)], FLOOR.stroke_width(2)))?;
            let style = letters(FLOOR, HPos::Center, VPos::Bottom);
            sheet.draw(&Text::new(name.clone(), (x, top - 7), style))?;
        }
        Ok(())
    }

    fn values(&self) -> impl Iterator<Item = f64> + Clone {
        self.bars.iter().map(|bar| bar.value).chain(self.floor.iter().map(|(floor, _)| *floor))
    }

    /// From where to where, with room for the label at the end of the longest bar.
    fn range(&self, scale: Scale) -> (f64, f64) {
        let longest = self.values().fold(0.0, f64::max);
        match scale {
            Scale::Even => (0.0, longest * 1.4),
            Scale::Logarithmic => {
                let smallest = self.values().fold(f64::INFINITY, f64::min) * 0.5;
                (smallest, longest * (longest / smallest).powf(0.35))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(values: &[f64]) -> Bars {
        let bar =
            |value: &f64| Bar { name: format!("n<{value}>"), value: *value, label: format!("{value}x"), is_ours: true };
        let floor = Some((1.0, "floor 20 ns".to_owned()));
        Bars { title: "T".into(), axis: "times".into(), bars: values.iter().map(bar).collect(), floor }
    }

    #[test]
    fn every_bar_has_its_name_and_its_label_and_the_floor_its_line() {
        let svg = bars(&[1.04, 17.0]).draw().unwrap();
        for text in ["n&lt;1.04&gt;", "n&lt;17&gt;", "1.04x", "17x", "floor 20 ns", "times"] {
            assert!(svg.contains(text), "{text} is missing");
        }
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("logarithmic"));
    }

    #[test]
    fn a_logarithmic_axis_says_so() {
        assert!(bars(&[1.0, 459.0]).draw().unwrap().contains("times (logarithmic)"));
    }
}
