//! `docs/performance.md`, as a pure function of what was measured.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::criterion::Figure;
use super::group::{self, APART, Group, is_floor};
use super::machine::Machine;
use super::measurement::{Measurement, Row};
use super::plots::{Place, Plot, is_ours};
use super::quantity::{digits, duration, number, ratio, thousands};
use super::sections::{SECTIONS, section};
use super::{Measured, Report};

const PEERS_CASE: &str = "Threads";

const INTRODUCTION: &str = "\
# Performance

Written by `cargo xtask bench-report`; do not edit.

Absolute times belong to the machine below; ratios travel. A ratio divides by the **floor**: the least that any code must
do for the same answer, measured beside it in the same run. Figures of different runs are never divided by each other.
Times are medians, with the interval that holds the true one with 95 % confidence.
";

const PEERS: &str = "
## Beside others' crates

The same question put to other crates, in a run of its own: a fresh token as a header value. A ratio here says nothing
about one above.
";

const NOT_MEASURED: &str = "\nNot measured.\n";

/// The whole page.
pub(super) fn page(report: &Report, plots: &[Plot]) -> String {
    let mut page = INTRODUCTION.to_owned();
    if report.is_rough {
        page.push_str("\n**The samples of this run were short (`--quick`): its figures are rough.**\n");
    }
    page.push_str(&machine(&report.machine));
    for section in &SECTIONS {
        push(&mut page, format_args!("\n## {}\n\n{}\n", section.title, section.prose));
        page.push_str(&pictures(plots, Place::Family(section.family)));
        let groups: Vec<&Group> = report.ours.family(section.family).collect();
        let tables: Vec<&Measurement> = report.ours.measurements_of(section.family).collect();
        if !groups.is_empty() || tables.is_empty() {
            page.push_str(&times(&groups, section.case));
        }
        tables.into_iter().for_each(|measurement| page.push_str(&table(measurement)));
    }
    for family in unknown_families(&report.ours) {
        push(&mut page, format_args!("\n## {family}\n"));
        page.push_str(&times(&report.ours.family(family).collect::<Vec<_>>(), "Case"));
    }
    page.push_str("\n## Storms and counts\n");
    page.push_str(&measurements(&report.ours, plots, Place::Ours));
    page.push_str(PEERS);
    page.push_str(&pictures(plots, Place::Peers));
    page.push_str(&times(&report.peers.groups.iter().collect::<Vec<_>>(), PEERS_CASE));
    page.push_str("\n## Others' crates: storms and counts\n");
    page.push_str(&measurements(&report.peers, plots, Place::PeersMeasured));
    page
}

fn unknown_families(measured: &Measured) -> BTreeSet<&str> {
    measured.groups.iter().map(Group::family).filter(|family| section(family).is_none()).collect()
}

fn machine(machine: &Machine) -> String {
    let Machine { processor, cores, memory, system, compiler, date } = machine;
    let rows = [
        ("Processor", processor),
        ("Cores", cores),
        ("Memory", memory),
        ("System", system),
        ("Compiler", compiler),
        ("Written", date),
    ];
    let mut table = "\n## The machine\n\n| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        push(&mut table, format_args!("| {name} | {} |\n", cell(value)));
    }
    table
}

fn pictures(plots: &[Plot], place: Place) -> String {
    let mut pictures = String::new();
    for plot in plots.iter().filter(|plot| plot.place == place) {
        push(&mut pictures, format_args!("\n![{}](performance/{})\n", plot.title, plot.file));
    }
    pictures
}

/// One row for each figure. The columns that would be empty are left out.
fn times(groups: &[&Group], case: &str) -> String {
    if groups.is_empty() {
        return NOT_MEASURED.to_owned();
    }
    let has_cases = groups.iter().any(|group| !case_of(group, groups).is_empty());
    let has_floor = groups.iter().any(|group| group.floor().is_some());
    let mut table = Table::new();
    table.column_if(has_cases, case, Align::Left);
    table.column("Function", Align::Left).column("Median", Align::Right).column("95 %", Align::Right);
    table.column_if(has_floor, "To the floor", Align::Right);
    let has_apart = groups.iter().any(|group| group.figure(APART).is_some());
    table.column_if(has_apart, "To `apart`", Align::Right);
    table.column_if(has_apart, "To one thread", Align::Right);
    for group in groups {
        for figure in &group.figures {
            let mut cells = Vec::new();
            if has_cases {
                cells.push(case_of(group, groups));
            }
            cells.push(format!("`{}`", figure.function));
            cells.push(duration(figure.time));
            cells.push(format!("{} – {}", duration(figure.interval.0), duration(figure.interval.1)));
            if has_floor {
                cells.push(if is_floor(figure) {
                    "floor".into()
                } else {
                    group.ratio(figure).map_or("–".into(), ratio)
                });
            }
            if has_apart {
                let to_apart = group.ratio_to_apart(figure).filter(|_| is_ours(&figure.function));
                cells.push(to_apart.map_or("–".into(), ratio));
                cells.push(to_one_thread(group, figure, groups).map_or("–".into(), ratio));
            }
            table.row(cells);
        }
    }
    table.to_string()
}

/// How many times what it takes one thread alone.
fn to_one_thread(group: &Group, figure: &Figure, groups: &[&Group]) -> Option<f64> {
    let alone = groups.iter().find(|other| other.family() == group.family() && other.case() == "1")?;
    if alone.name == group.name { None } else { group::times(figure, alone.figure(&figure.function)?) }
}

/// `1,000,000, hot`; the whole name where a table is about several families.
fn case_of(group: &Group, groups: &[&Group]) -> String {
    let is_mixed = groups.iter().any(|other| other.family() != group.family());
    let case = if is_mixed { &group.name } else { group.case() };
    let words = case.split('/').map(|word| if word.parse::<u64>().is_ok() { thousands(word) } else { word.to_owned() });
    words.collect::<Vec<_>>().join(", ")
}

fn measurements(measured: &Measured, plots: &[Plot], place: Place) -> String {
    // What has a section of its own stands there.
    let here = measured.measurements.iter().filter(|table| section(table.family()).is_none());
    let (storms, others): (Vec<_>, Vec<_>) = here.partition(|table| table.is_storm());
    if storms.is_empty() && others.is_empty() {
        return NOT_MEASURED.to_owned();
    }
    let mut text = pictures(plots, place);
    storms.into_iter().chain(others).for_each(|measurement| text.push_str(&table(measurement)));
    text
}

/// A measurement under its title, with its note.
fn table(measurement: &Measurement) -> String {
    let mut text = format!("\n### {}\n", measurement.title);
    text.push_str(&rows(measurement));
    if !measurement.note.is_empty() {
        push(&mut text, format_args!("\n{}\n", measurement.note));
    }
    text
}

fn rows(measurement: &Measurement) -> String {
    let has_floor = measurement.rows.iter().any(|row| row.against_floor.is_some());
    let extras: BTreeSet<&String> = measurement.rows.iter().flat_map(|row| row.extra.keys()).collect();
    let mut table = Table::new();
    let unit = common_unit(measurement);
    table.column("Who", Align::Left).column(unit.unwrap_or("Measured"), Align::Right);
    table.column_if(has_floor, "To the floor", Align::Right);
    for extra in &extras {
        table.column(&extra.replace('_', " "), Align::Right);
    }
    for row in &measurement.rows {
        let mut cells =
            vec![row.who.clone(), if unit.is_some() { value(row) } else { format!("{} {}", value(row), row.unit) }];
        if has_floor {
            cells.push(row.against_floor.map_or("–".into(), ratio));
        }
        cells.extend(extras.iter().map(|extra| extra_cell(row, extra)));
        table.row(cells);
    }
    table.to_string()
}

/// The unit of all rows, if it is one.
fn common_unit(measurement: &Measurement) -> Option<&str> {
    let unit = measurement.rows.first()?.unit.as_str();
    measurement.rows.iter().all(|row| row.unit == unit).then_some(unit)
}

/// Times with three digits; what is counted stays whole.
fn value(row: &Row) -> String {
    let is_time = ["ns", "µs", "us", "ms", "s"].contains(&row.unit.as_str());
    if is_time { digits(row.value) } else { number(row.value) }
}

fn extra_cell(row: &Row, extra: &str) -> String {
    match row.extra.get(extra) {
        None | Some(serde_json::Value::Null) => "–".to_owned(),
        Some(serde_json::Value::String(words)) => words.clone(),
        Some(value) => value.as_f64().map_or_else(|| value.to_string(), number),
    }
}

#[derive(Clone, Copy)]
enum Align {
    Left,
    Right,
}

/// A table in Markdown.
struct Table {
    head: Vec<String>,
    rule: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn new() -> Self {
        Self { head: Vec::new(), rule: "|".to_owned(), rows: Vec::new() }
    }

    fn column(&mut self, name: &str, align: Align) -> &mut Self {
        self.head.push(name.to_owned());
        self.rule.push_str(match align {
            Align::Left => "---|",
            Align::Right => "---:|",
        });
        self
    }

    fn column_if(&mut self, is_wanted: bool, name: &str, align: Align) {
        if is_wanted {
            self.column(name, align);
        }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = |cells: &[String]| {
            let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
            format!("| {} |", cells.join(" | "))
        };
        writeln!(f, "\n{}\n{}", line(&self.head), self.rule)?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}

/// Text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = page.write_fmt(text);
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
    fn a_page_without_figures_says_so_in_each_section() {
        let page = page(&report(Measured::default(), Measured::default()), &[]);
        // Beside the sections: our measurements, the peers' figures, and the peers' measurements.
        assert_eq!(page.matches("Not measured.").count(), SECTIONS.len() + 3);
        assert!(page.contains("| Processor | Fast One |"));
        assert!(!page.contains("--quick"));
    }

    #[test]
    fn rough_figures_are_called_rough() {
        let report = Report { is_rough: true, ..report(Measured::default(), Measured::default()) };
        assert!(page(&report, &[]).contains("figures are rough"));
    }

    #[test]
    fn each_figure_is_a_row_with_its_ratio() {
        let groups = by_name(vec![
            figure("by_id/1000000/hot", "floor", 20.0),
            figure("by_id/1000000/hot", "try_authorization", 25.0),
            figure("by_id/1000/hot", "try_authorization", 1_500.0),
        ]);
        assert_eq!(
            times(&groups.iter().collect::<Vec<_>>(), "Sessions"),
            "\n| Sessions | Function | Median | 95 % | To the floor |\n|---|---|---:|---:|---:|\n\
             | 1,000, hot | `try_authorization` | 1.50 µs | 1.35 µs – 1.65 µs | – |\n\
             | 1,000,000, hot | `floor` | 20.0 ns | 18.0 ns – 22.0 ns | floor |\n\
             | 1,000,000, hot | `try_authorization` | 25.0 ns | 22.5 ns – 27.5 ns | 1.25× |\n"
        );
    }

    #[test]
    fn what_threads_share_is_told_from_what_a_further_processor_costs() {
        let groups = by_name(vec![
            figure("header/1", "try_authorization", 20.0),
            figure("header/2", "apart", 25.0),
            figure("header/2", "try_authorization", 30.0),
            figure("header/2", "shared", 60.0),
        ]);
        let table = times(&groups.iter().collect::<Vec<_>>(), "Threads");
        assert!(table.contains("| To `apart` | To one thread |"), "{table}");
        assert!(table.contains("| 2 | `try_authorization` | 30.0 ns | 27.0 ns – 33.0 ns | 1.20× | 1.50× |"), "{table}");
        assert!(table.contains("| 2 | `shared` | 60.0 ns | 54.0 ns – 66.0 ns | – | – |"), "{table}");
    }

    #[test]
    fn a_measurement_of_a_section_stands_there() {
        let table = measurement("background-timers", STORM);
        let ours = Measured { measurements: vec![table], ..Measured::default() };
        let page = page(&report(ours, Measured::default()), &[]);
        assert_eq!(page.matches("### Storm").count(), 1);
        assert!(page.find("### Storm") < page.find("## Storms and counts"));
        // Neither it nor the section that it stands in is without figures.
        assert_eq!(page.matches("Not measured.").count(), SECTIONS.len() + 2);
    }

    #[test]
    fn columns_that_would_be_empty_are_left_out() {
        let groups = by_name(vec![figure("decide", "plan", 3.0)]);
        assert_eq!(
            times(&groups.iter().collect::<Vec<_>>(), "Case"),
            "\n| Function | Median | 95 % |\n|---|---:|---:|\n| `plan` | 3.00 ns | 2.70 ns – 3.30 ns |\n"
        );
    }

    #[test]
    fn a_measurement_shows_its_extras_as_columns_and_its_note_below() {
        let table = measurement("storm", STORM);
        let ours = Measured { measurements: vec![table], ..Measured::default() };
        assert!(page(&report(ours, Measured::default()), &[]).contains(
            "\n### Storm\n\n\
             | Who | ms | To the floor | how | requests |\n|---|---:|---:|---:|---:|\n\
             | floor | 56.0 | – | – | – |\n\
             | ours | 58.8 | 1.05× | shared | 1 |\n\
             \n10,000 callers.\n"
        ));
    }

    #[test]
    fn rows_of_different_units_bear_them() {
        let mut table = measurement("storm", STORM);
        table.rows[1].unit = "refreshes".to_owned();
        let rows = rows(&table);
        assert!(rows.contains("| Who | Measured |") && rows.contains("56.0 ms |") && rows.contains("58.8 refreshes |"));
    }

    #[test]
    fn a_family_that_nobody_described_has_a_section_too() {
        let ours = Measured { groups: by_name(vec![figure("novel/1", "one", 3.0)]), ..Measured::default() };
        assert!(page(&report(ours, Measured::default()), &[]).contains("\n## novel\n\n| Case |"));
    }

    #[test]
    fn no_text_ends_its_cell() {
        assert_eq!(cell("a|b\nc"), "a\\|b c");
    }
}
