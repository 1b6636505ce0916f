//! The plots of the page.

mod axis;
mod bars;
mod canvas;
mod lines;

use self::bars::{Bar, Bars};
use self::lines::{Line, Lines};
use super::group::{Group, is_floor};
use super::measurement::Measurement;
use super::quantity::{digits, duration, ratio, thousands};
use super::{Measured, Report};
use crate::Result;

/// What the axes of scaling plots have in common.
const TIME_PER_CALL: &str = "time of one call (logarithmic)";

/// One picture.
#[derive(Debug)]
pub(super) struct Plot {
    /// Its name in the folder.
    pub(super) file: String,
    /// What it shows, for those who do not see it.
    pub(super) title: String,
    /// Where the page shows it.
    pub(super) place: Place,
    pub(super) svg: String,
}

/// A place on the page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// With our figures of this family.
    Family(&'static str),
    /// With our measurements.
    Ours,
    /// With the peers' figures.
    Peers,
    /// With the peers' measurements.
    PeersMeasured,
}

/// Draws whatever was measured.
pub(super) fn draw(report: &Report) -> Result<Vec<Plot>> {
    let (ours, peers) = (&report.ours, &report.peers);
    let header = Place::Family("header");
    let plots = [
        threads(ours, "check", "check-threads", "Is the token fresh? On several threads", Place::Family("check"))?,
        floor(ours, "header/1", "header", "A ready header value beside the floor, on one thread", header)?,
        threads(ours, "header", "header-threads", "A ready header value, on several threads", header)?,
        sessions(ours)?,
        timers(ours)?,
        floor(
            peers,
            "header/1",
            "peers-header",
            "A header value of a fresh token, with several crates, on one thread",
            Place::Peers,
        )?,
        threads(
            peers,
            "header",
            "peers-threads",
            "A header value of a fresh token, with several crates, on several threads",
            Place::Peers,
        )?,
    ];
    let storms = [storms(ours, "", Place::Ours)?, storms(peers, "peers-", Place::PeersMeasured)?];
    Ok(plots.into_iter().flatten().chain(storms.into_iter().flatten()).collect())
}

fn plot(file: &str, title: &str, place: Place, svg: String) -> Plot {
    Plot { file: format!("{file}.svg"), title: title.to_owned(), place, svg }
}

/// How many times the floor each function of `group` takes; nothing without a floor to divide by.
fn floor(measured: &Measured, group: &str, file: &str, title: &str, place: Place) -> Result<Option<Plot>> {
    let Some(group) = measured.group(group) else { return Ok(None) };
    let bars = bars_beside_floor(group);
    if bars.is_empty() {
        return Ok(None);
    }
    let floor = group.floor().map(|floor| (1.0, format!("floor {}", duration(floor.time))));
    let axis = "times the floor".to_owned();
    let svg = Bars { title: title.to_owned(), axis, bars, floor }.draw()?;
    Ok(Some(plot(file, title, place, svg)))
}

fn bars_beside_floor(group: &Group) -> Vec<Bar> {
    let others = group.figures.iter().filter(|figure| !is_floor(figure));
    others
        .filter_map(|figure| {
            let times = group.ratio(figure)?;
            Some(Bar {
                name: figure.function.clone(),
                value: times,
                label: format!("{}  ·  {}", ratio(times), duration(figure.time)),
                is_ours: is_ours(&figure.function),
            })
        })
        .collect()
}

/// What is our own in a group: other crates and what is written by hand are not.
pub(super) fn is_ours(function: &str) -> bool {
    function.starts_with("oidc-session") || ["authorization", "try_authorization", "is_fresh"].contains(&function)
}

/// The functions of `family/<threads>` against the number of threads.
fn threads(measured: &Measured, family: &str, file: &str, title: &str, place: Place) -> Result<Option<Plot>> {
    let groups: Vec<(f64, &Group)> =
        measured.family(family).filter_map(|group| Some((group.case().parse().ok()?, group))).collect();
    if groups.len() < 2 {
        return Ok(None);
    }
    let lines = lines(&groups, |function| function.to_owned(), is_ours);
    let (x_axis, y_axis) = ("threads that share one session".to_owned(), TIME_PER_CALL.to_owned());
    let svg = Lines { title: title.to_owned(), x_axis, y_axis, lines }.draw()?;
    Ok(Some(plot(file, title, place, svg)))
}

/// The functions of `by_id/<sessions>/<pattern>` against the number of sessions.
fn sessions(measured: &Measured) -> Result<Option<Plot>> {
    let mut all = Vec::new();
    for pattern in ["uniform", "hot"] {
        let groups: Vec<(f64, &Group)> = measured
            .family("by_id")
            .filter_map(|group| {
                let (count, of) = group.case().split_once('/')?;
                (of == pattern).then_some((count.parse().ok()?, group))
            })
            .collect();
        all.extend(lines(&groups, |function| format!("{function}, {pattern}"), |_| pattern == "uniform"));
    }
    if all.iter().all(|line| line.points.len() < 2) {
        return Ok(None);
    }
    let title = "A header value by id, with many sessions";
    let (x_axis, y_axis) = ("sessions in memory (logarithmic)".to_owned(), TIME_PER_CALL.to_owned());
    let svg = Lines { title: title.to_owned(), x_axis, y_axis, lines: all }.draw()?;
    Ok(Some(plot("by-id-sessions", title, Place::Family("by_id"), svg)))
}

/// What a timer costs against the number of sessions that have one.
fn timers(measured: &Measured) -> Result<Option<Plot>> {
    let family = "background";
    let Some(timers) = measured.measurements_of(family).find(|table| table.name == "background-timers") else {
        return Ok(None);
    };
    let mut lines: Vec<Line> = Vec::new();
    for row in timers.rows.iter().filter(|row| row.unit == "ns" && row.value > 0.0) {
        let Some(sessions) = row.extra.get("sessions").and_then(serde_json::Value::as_f64) else { continue };
        let at = lines.iter().position(|line| line.name == row.who).unwrap_or_else(|| {
            let is_ours = lines.is_empty();
            lines.push(Line {
                name: row.who.clone(),
                points: Vec::new(),
                end: String::new(),
                is_floor: false,
                is_ours,
            });
            lines.len() - 1
        });
        lines[at].points.push((sessions, row.value));
        let times = row.against_floor.map(|times| format!(", {}", ratio(times))).unwrap_or_default();
        lines[at].end = format!("{}{times}", duration(row.value));
    }
    if lines.iter().all(|line| line.points.len() < 2) {
        return Ok(None);
    }
    let title = "One timer of the keeper, among many sessions";
    let x_axis = "sessions that are kept fresh (logarithmic)".to_owned();
    let y_axis = "processor time of one (logarithmic)".to_owned();
    let svg = Lines { title: title.to_owned(), x_axis, y_axis, lines }.draw()?;
    Ok(Some(plot("background-timers", title, Place::Family(family), svg)))
}

/// One line for each function; it ends with what it took in the last group, beside the floor there.
fn lines(groups: &[(f64, &Group)], name: impl Fn(&str) -> String, is_ours: impl Fn(&str) -> bool) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (x, group) in groups {
        for figure in &group.figures {
            let name = name(&figure.function);
            let at = lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
                let (is_floor, is_ours) = (is_floor(figure), is_ours(&figure.function));
                lines.push(Line { name, points: Vec::new(), end: String::new(), is_floor, is_ours });
                lines.len() - 1
            });
            lines[at].points.push((*x, figure.time));
            lines[at].end = match group.ratio(figure).filter(|_| !is_floor(figure)) {
                Some(times) => format!("{}, {}", duration(figure.time), ratio(times)),
                None => duration(figure.time),
            };
        }
    }
    lines
}

/// A picture of each storm whose rows share a unit.
fn storms(measured: &Measured, prefix: &str, place: Place) -> Result<Vec<Plot>> {
    let storms = measured.measurements.iter().filter(|measurement| measurement.is_storm());
    storms.filter_map(|measurement| storm(measurement, prefix, place).transpose()).collect()
}

fn storm(measurement: &Measurement, prefix: &str, place: Place) -> Result<Option<Plot>> {
    let Some(unit) = measurement.rows.first().map(|row| row.unit.as_str()) else { return Ok(None) };
    let is_plotted = measurement.rows.iter().all(|row| row.unit == unit && row.value > 0.0);
    if !is_plotted {
        return Ok(None);
    }
    let bars = measurement.rows.iter().filter(|row| row.who != "floor");
    let bars: Vec<Bar> = bars
        .map(|row| {
            let times = row.against_floor.map(|times| format!("{}  ·  ", ratio(times))).unwrap_or_default();
            let label = format!("{times}{} {unit}", digits(row.value));
            Bar { name: row.who.clone(), value: row.value, label, is_ours: row.who.starts_with("oidc-session") }
        })
        .collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let floor = floor_of(measurement).map(|floor| (floor, format!("floor {} {unit}", digits(floor))));
    let svg = Bars { title: measurement.title.clone(), axis: unit.to_owned(), bars, floor }.draw()?;
    // The peers' files may be called so already.
    let file = format!("{prefix}{}", measurement.name.trim_start_matches(prefix));
    Ok(Some(plot(&file, &measurement.title, place, svg)))
}

/// What the rows were divided by: the row of that name, or else what a ratio tells, if all tell the same.
fn floor_of(measurement: &Measurement) -> Option<f64> {
    if let Some(row) = measurement.rows.iter().find(|row| row.who == "floor") {
        return Some(row.value);
    }
    let told: Vec<f64> = measurement
        .rows
        .iter()
        .filter_map(|row| Some(row.value / row.against_floor?))
        .filter(|floor| floor.is_finite())
        .collect();
    let (first, rest) = told.split_first()?;
    rest.iter().all(|floor| (floor / first - 1.0).abs() < 0.01).then_some(*first)
}

/// `1,000,000` as it is, on an axis.
fn count(value: f64) -> String {
    thousands(&format!("{value:.0}"))
}

#[cfg(test)]
mod tests {
    use super::super::measurement::tests::measurement;
    use super::*;

    #[test]
    fn a_timer_is_drawn_against_how_many_there_are() {
        let json = r#"{"title": "T", "rows": [
            {"who": "fired", "value": 600, "unit": "ns", "against_floor": 1.0, "extra": {"sessions": 1000}},
            {"who": "fired", "value": 660, "unit": "ns", "against_floor": 1.1, "extra": {"sessions": 1000000}}
        ]}"#;
        let measured =
            |json| Measured { measurements: vec![measurement("background-timers", json)], ..Measured::default() };
        let plot = timers(&measured(json)).unwrap().unwrap();
        for text in ["fired  660 ns, 1.10×", "1,000,000"] {
            assert!(plot.svg.contains(text), "{text} is missing");
        }
        assert!(timers(&measured(r#"{"title": "T", "rows": []}"#)).unwrap().is_none());
    }
}
