//! The few numbers that the README tells.

use super::criterion::Figure;
use super::group::{Group, is_floor};
use super::quantity::{digits, duration, number, ratio};
use super::{Measured, Report};

/// Where the headlines begin in the README.
pub(super) const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Our own name among others' crates.
const OURS: &str = "oidc-session";

/// The README with its headlines replaced; `None` if it has no place for them.
pub(super) fn replaced(readme: &str, report: &Report) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}{END}{after}", headlines(report)))
}

fn headlines(report: &Report) -> String {
    let Report { machine, ours, peers, .. } = report;
    let lines = [
        one(ours, "header/1/try_authorization", "A ready `Authorization` value of a fresh session"),
        one(ours, "header/2/try_authorization", "The same on two threads that share the session"),
        one(ours, "by_id/1000000/uniform/try_authorization", "The same by id, of a million sessions in random order"),
        storm(ours),
        kept(ours),
        others(peers),
    ];
    let known: Vec<String> = lines.into_iter().flatten().map(|line| format!("- {line}\n")).collect();
    if known.is_empty() {
        return "Not measured.\n".to_owned();
    }
    format!("{}\nOn {} ({}); [all figures](docs/performance.md).\n", known.concat(), machine.processor, machine.date)
}

/// One figure, called by the name of its group and its function.
fn one(measured: &Measured, name: &str, what: &str) -> Option<String> {
    let (group, function) = name.rsplit_once('/')?;
    let group = measured.group(group)?;
    let figure = group.figure(function)?;
    Some(format!("{what}: **{}**{}", duration(figure.time), times_the_floor(group.ratio(figure))))
}

fn storm(measured: &Measured) -> Option<String> {
    let storm = measured.measurements.iter().find(|measurement| measurement.is_storm())?;
    let row = storm.rows.iter().find(|row| row.against_floor.is_some())?;
    let value = digits(row.value);
    Some(format!("{}: **{value} {}**{}", storm.title, row.unit, times_the_floor(row.against_floor)))
}

/// How punctually sessions are kept fresh.
fn kept(measured: &Measured) -> Option<String> {
    let table = measured.measurements.iter().find(|measurement| measurement.name == "background")?;
    let row = |who: &str| table.rows.iter().find(|row| row.who == who);
    let (refreshed, late, most) = (row("refreshed")?, row("late: 99 of 100")?, row("late: most")?);
    Some(format!(
        "{} sessions refreshed in the background: 99 of 100 within **{} {}** of the planned instant, all within {} {}",
        number(refreshed.value),
        digits(late.value),
        late.unit,
        digits(most.value),
        most.unit
    ))
}

/// Ours beside the fastest and the slowest of the others, all of the peers' run.
fn others(peers: &Measured) -> Option<String> {
    let group = peers.group("header/1")?;
    let ours = group.figure(OURS)?;
    let mut others = group.figures.iter().filter(|figure| is_a_crate(figure));
    let fastest = others.next()?;
    let slowest = others.next_back().unwrap_or(fastest);
    Some(format!(
        "Beside other crates, in one run: {}; theirs from {} to {}",
        told(group, ours),
        told(group, fastest),
        told(group, slowest)
    ))
}

fn is_a_crate(figure: &Figure) -> bool {
    !is_floor(figure) && figure.function != OURS && figure.function != "by_hand"
}

fn told(group: &Group, figure: &Figure) -> String {
    format!("{}{}", duration(figure.time), times_the_floor(group.ratio(figure)))
}

fn times_the_floor(times: Option<f64>) -> String {
    times.map(|times| format!(", {} the floor", ratio(times))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::group::{by_name, tests::figure};
    use super::super::machine::tests::machine;
    use super::super::measurement::tests::{STORM, measurement};
    use super::*;

    fn report(ours: Measured, peers: Measured) -> Report {
        Report { machine: machine(), is_rough: false, ours, peers }
    }

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let readme = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let replaced = replaced(&readme, &report(Measured::default(), Measured::default())).unwrap();
        assert_eq!(replaced, format!("before\n{BEGIN}\nNot measured.\n{END}\nafter\n"));
    }

    #[test]
    fn a_readme_without_marks_keeps_its_words() {
        let report = report(Measured::default(), Measured::default());
        assert_eq!(replaced("before\n", &report), None);
        assert_eq!(replaced(&format!("{BEGIN}\nno end\n"), &report), None);
    }

    #[test]
    fn what_is_kept_fresh_is_told_with_how_punctually() {
        let json = r#"{"title": "T", "rows": [
            {"who": "refreshed", "value": 1000000, "unit": "sessions"},
            {"who": "late: 99 of 100", "value": 3.0, "unit": "ms"},
            {"who": "late: most", "value": 21.0, "unit": "ms"}
        ]}"#;
        let ours = Measured { measurements: vec![measurement("background", json)], ..Measured::default() };
        assert!(headlines(&report(ours, Measured::default())).starts_with(
            "- 1,000,000 sessions refreshed in the background: 99 of 100 within **3.00 ms** of the planned instant, all \
             within 21.0 ms\n"
        ));
    }

    #[test]
    fn what_was_measured_is_told_with_its_ratio() {
        let ours = Measured {
            groups: by_name(vec![figure("header/1", "floor", 20.0), figure("header/1", "try_authorization", 21.0)]),
            measurements: vec![measurement("storm", STORM)],
        };
        let peers = by_name(vec![
            figure("header/1", "floor", 20.0),
            figure("header/1", "by_hand", 190.0),
            figure("header/1", "oidc-session", 21.0),
            figure("header/1", "slow", 340.0),
            figure("header/1", "fast", 160.0),
        ]);
        assert_eq!(
            headlines(&report(ours, Measured { groups: peers, ..Measured::default() })),
            "- A ready `Authorization` value of a fresh session: **21.0 ns**, 1.05× the floor\n\
             - Storm: **58.8 ms**, 1.05× the floor\n\
             - Beside other crates, in one run: 21.0 ns, 1.05× the floor; theirs from 160 ns, 8.00× the floor to 340 ns, \
             17.0× the floor\n\
             \nOn Fast One (2026-11-23); [all figures](docs/performance.md).\n"
        );
    }
}
