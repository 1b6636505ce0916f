//! Axes for values that differ by little, and for those that differ by powers of ten.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

/// Even, or with equal room for equal ratios.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scale {
    Even,
    Logarithmic,
}

impl Scale {
    /// The scale on which bars from the smallest to the largest value can be told apart.
    pub(super) fn of_bars(values: impl Iterator<Item = f64> + Clone) -> Self {
        let largest = values.clone().fold(0.0, f64::max);
        let smallest = values.fold(f64::INFINITY, f64::min);
        if largest > 30.0 * smallest { Self::Logarithmic } else { Self::Even }
    }
}

/// An axis with its ticks.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Axis {
    /// An axis with a few round ticks. On a logarithmic one all values are more than zero.
    pub(super) fn new(scale: Scale, range: Range<f64>) -> Self {
        let ticks = match scale {
            Scale::Even => even_ticks(range.start, range.end),
            Scale::Logarithmic => logarithmic_ticks(range.start, range.end),
        };
        Self { scale, range, ticks }
    }

    /// With ticks at these values only.
    pub(super) fn with_ticks(self, ticks: Vec<f64>) -> Self {
        Self { ticks, ..self }
    }

    /// How far along the axis `value` lies; 1 is its end.
    fn share(&self, value: f64) -> f64 {
        let along = |value: f64| match self.scale {
            Scale::Even => value,
            Scale::Logarithmic => value.log10(),
        };
        (along(value) - along(self.range.start)) / (along(self.range.end) - along(self.range.start))
    }
}

impl Ranged for Axis {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (begin, end): (i32, i32)) -> i32 {
        begin + (self.share(*value) * f64::from(end - begin)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Light lines lie between the ticks; these axes have none.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

fn even_ticks(from: f64, to: f64) -> Vec<f64> {
    let rough = (to - from) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(10.0 * power);
    let first = (from / step).ceil();
    let steps = (0..20_u32).map(|index| (first + f64::from(index)) * step);
    steps.take_while(|tick| *tick <= to).collect()
}

/// Powers of ten and what lies between them, unless there are many.
fn logarithmic_ticks(from: f64, to: f64) -> Vec<f64> {
    let factors: &[f64] = match to / from {
        many if many > 300.0 => &[1.0],
        some if some > 10.0 => &[1.0, 2.0, 5.0],
        _ => &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0],
    };
    let (mut power, mut ticks) = (10_f64.powf(from.log10().floor()), Vec::new());
    while power <= to {
        ticks.extend(factors.iter().map(|factor| factor * power).filter(|tick| (from..=to).contains(tick)));
        power *= 10.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ratios_get_equal_room_where_they_should() {
        let pixels = |scale, range, value| Axis::new(scale, range).map(&value, (100, 300));
        assert_eq!([0.0, 5.0, 10.0].map(|value| pixels(Scale::Even, 0.0..10.0, value)), [100, 200, 300]);
        assert_eq!([1.0, 10.0, 100.0].map(|value| pixels(Scale::Logarithmic, 1.0..100.0, value)), [100, 200, 300]);
    }

    #[test]
    fn ticks_are_round_and_within() {
        let ticks = |scale, range| Axis::new(scale, range).ticks;
        assert_eq!(ticks(Scale::Even, 0.0..18.0), [0.0, 5.0, 10.0, 15.0]);
        assert_eq!(ticks(Scale::Even, 0.0..1.3), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(Scale::Logarithmic, 15.0..220.0), [20.0, 50.0, 100.0, 200.0]);
        assert_eq!(ticks(Scale::Logarithmic, 2.5..9.0), [3.0, 4.0, 5.0, 6.0, 8.0]);
        assert_eq!(ticks(Scale::Logarithmic, 1.0..20_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
    }

    #[test]
    fn bars_of_very_different_lengths_get_a_logarithmic_axis() {
        assert_eq!(Scale::of_bars([1.0, 17.0].into_iter()), Scale::Even);
        assert_eq!(Scale::of_bars([1.0, 459.0].into_iter()), Scale::Logarithmic);
    }
}
