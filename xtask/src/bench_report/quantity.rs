//! Numbers as people read them.

/// A duration with three digits and the unit that fits: `21.5 ns`.
pub(super) fn duration(nanoseconds: f64) -> String {
    let (value, unit) = in_unit(nanoseconds);
    format!("{} {unit}", digits(value))
}

/// A duration that is round already, as on an axis: `20 ns`.
pub(super) fn round_duration(nanoseconds: f64) -> String {
    let (value, unit) = in_unit(nanoseconds);
    format!("{} {unit}", number(value))
}

fn in_unit(nanoseconds: f64) -> (f64, &'static str) {
    match nanoseconds {
        short if short < 999.5 => (short, "ns"),
        short if short < 999.5e3 => (short / 1e3, "µs"),
        short if short < 999.5e6 => (short / 1e6, "ms"),
        long => (long / 1e9, "s"),
    }
}

/// How many times: `1.04×`.
pub(super) fn ratio(ratio: f64) -> String {
    format!("{}×", digits(ratio))
}

/// A number with three digits, or all of them before the point; thousands are set apart: `12,300`.
pub(super) fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        small if small < 0.0995 => 3,
        small if small < 9.995 => 2,
        middle if middle < 99.95 => 1,
        _ => 0,
    };
    thousands(&format!("{value:.decimals$}"))
}

/// A number as it was measured; whole ones stay whole: `10,000`, `56.1`.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 { thousands(&format!("{value:.0}")) } else { digits(value) }
}

/// Sets thousands apart before the point.
pub(super) fn thousands(number: &str) -> String {
    let (whole, rest) = number.find('.').map_or((number, ""), |point| number.split_at(point));
    let (sign, figures) = whole.strip_prefix('-').map_or(("", whole), |figures| ("-", figures));
    let mut apart = String::new();
    for (index, figure) in figures.chars().enumerate() {
        if index > 0 && (figures.len() - index) % 3 == 0 {
            apart.push(',');
        }
        apart.push(figure);
    }
    format!("{sign}{apart}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_and_the_unit_that_fits() {
        for (nanoseconds, text) in [
            (0.25, "0.25 ns"),
            (3.254, "3.25 ns"),
            (21.46, "21.5 ns"),
            (999.4, "999 ns"),
            (999.6, "1.00 µs"),
            (1_420.0, "1.42 µs"),
            (56.0e6, "56.0 ms"),
            (8.6e9, "8.60 s"),
            (1_234.0e9, "1,234 s"),
        ] {
            assert_eq!(duration(nanoseconds), text);
        }
    }

    #[test]
    fn a_round_duration_stays_round() {
        assert_eq!([20.0, 2_000.0, 0.5].map(round_duration), ["20 ns", "2 µs", "0.50 ns"]);
    }

    #[test]
    fn ratios_near_one_keep_two_decimals() {
        assert_eq!([1.0, 1.037, 9.994, 16.33, 459.2].map(ratio), ["1.00×", "1.04×", "9.99×", "16.3×", "459×"]);
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(
            [0.0, 1.0, 10_000.0, 1_234_567.0, -1_000.0, 0.5].map(number),
            ["0", "1", "10,000", "1,234,567", "-1,000", "0.50"]
        );
    }
}
