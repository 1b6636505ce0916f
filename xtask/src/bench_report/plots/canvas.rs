//! What all plots share: paper, ink and letters.

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::Text;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, IntoTextStyle, RGBColor, TextStyle, WHITE};

use crate::Result;

/// A sheet to draw on.
pub(super) type Sheet<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How wide every plot is, in pixels.
pub(super) const WIDTH: u32 = 860;
/// From the upper edge to where a chart may begin.
pub(super) const TITLE_HEIGHT: i32 = 52;
/// The height of letters on axes and beside figures.
pub(super) const LETTERS: i32 = 14;

pub(super) const INK: RGBColor = RGBColor(36, 41, 47);
pub(super) const FAINT_INK: RGBColor = RGBColor(87, 96, 106);
pub(super) const GRID: RGBColor = RGBColor(225, 228, 232);
pub(super) const OURS: RGBColor = RGBColor(9, 105, 218);
pub(super) const THEIRS: RGBColor = RGBColor(140, 149, 159);
pub(super) const FLOOR: RGBColor = RGBColor(207, 34, 46);

/// Letters in `colour`, held at `anchor`.
pub(super) fn letters(colour: RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    let style = ("sans-serif", LETTERS).with_color(colour).into_text_style(&(WIDTH, WIDTH));
    style.pos(Pos::new(horizontal, vertical))
}

/// Draws on white paper under `title`, and returns the SVG.
pub(super) fn picture(height: u32, title: &str, draw: impl FnOnce(&Sheet<'_>) -> Result) -> Result<String> {
    let mut svg = String::new();
    {
        let sheet = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        // White paper, so that the ink is seen on dark pages too.
        sheet.fill(&WHITE)?;
        let style = ("sans-serif", 20, FontStyle::Bold).into_text_style(&sheet).color(&INK);
        sheet.draw(&Text::new(title.to_owned(), (20, 16), style))?;
        draw(&sheet)?;
        sheet.present()?;
    }
    Ok(svg)
}

/// A colour for the line that comes at `index`, seen by those who do not tell red from green too.
pub(super) fn colour(index: usize) -> RGBColor {
    const COLOURS: [RGBColor; 7] = [
        RGBColor(230, 159, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(86, 180, 233),
        RGBColor(213, 94, 0),
        RGBColor(122, 105, 40),
        RGBColor(110, 119, 129),
    ];
    COLOURS[index % COLOURS.len()]
}
