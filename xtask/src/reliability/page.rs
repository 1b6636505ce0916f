//! The tables of the page.

use std::collections::BTreeSet;

use crate::Result;

const PROMISES: &str = "Coverage of the promises";
const MUTANTS: &str = "Mutants";
const SITUATIONS: &str = "Situations";

/// What the page says is proved.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) promises: Vec<Row>,
    pub(super) mutants: Vec<Row>,
    pub(super) situations: Vec<Row>,
}

/// One row of a table.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Row {
    /// The first cell: a promise, a mutant, a situation.
    pub(super) name: String,
    /// The tests that are named in any of its cells, as the test runner names them.
    pub(super) tests: Vec<String>,
    /// The properties of the model that are quoted in any of its cells.
    pub(super) properties: Vec<String>,
    /// Its text as it stands.
    pub(super) text: String,
}

impl Page {
    /// Every test that is named in a table.
    pub(super) fn tests(&self) -> BTreeSet<&str> {
        self.rows().flat_map(|row| &row.tests).map(String::as_str).collect()
    }

    /// Every row of every table.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.promises.iter().chain(&self.mutants).chain(&self.situations)
    }
}

/// Reads the three tables.
pub(super) fn parse(text: &str) -> Result<Page> {
    Ok(Page { promises: rows(text, PROMISES)?, mutants: rows(text, MUTANTS)?, situations: rows(text, SITUATIONS)? })
}

fn rows(text: &str, heading: &str) -> Result<Vec<Row>> {
    let section = text.split("\n## ").find_map(|section| section.strip_prefix(heading));
    let section = section.ok_or_else(|| format!("the page has lost its section `{heading}`"))?;
    let lines: Vec<&str> = section.lines().filter(|line| line.starts_with('|')).collect();
    // The first two are the head of the table.
    let rows: Vec<Row> = lines.iter().skip(2).map(|line| row(line)).collect();
    if rows.is_empty() { Err(format!("`{heading}` has no table").into()) } else { Ok(rows) }
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let name = cells.first().map(|cell| cell.trim_matches('`').to_owned()).unwrap_or_default();
    let rest = cells.get(1..).unwrap_or_default().join(" ");
    let between = |mark: char| rest.split(mark).skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let tests = between('`').into_iter().filter(|code| names_a_test(code)).collect();
    Row { name, tests, properties: between('"'), text: line.to_owned() }
}

/// A binary, a blank, and the path of the test in it.
fn names_a_test(code: &str) -> bool {
    code.split_once(' ').is_some_and(|(binary, test)| !binary.is_empty() && !test.is_empty() && !test.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Page\n\
        ## Coverage of the promises\n\nText.\n\n| | Tests | Model |\n|---|---|---|\n\
        | P1: one | `a::b c::d`<br>`a e` and `x` | \"it holds\" and \"so does it\" |\n\
        ## Mutants\n| Mutant | Test |\n|---|---|\n| `model::Mutant::One` | `a::b c` |\n\
        ## Situations\n| When | Test |\n|---|---|\n| rain | none |\n";

    #[test]
    fn every_table_is_read_and_nothing_but_tables() {
        let page = parse(TEXT).unwrap();
        let [promise] = &page.promises[..] else { panic!("{page:?}") };
        assert_eq!(promise.name, "P1: one");
        assert_eq!(promise.tests, ["a::b c::d", "a e"]);
        assert_eq!(promise.properties, ["it holds", "so does it"]);
        assert_eq!(page.mutants[0].name, "model::Mutant::One");
        assert_eq!(page.situations[0].tests, Vec::<String>::new());
        assert_eq!(page.tests().into_iter().collect::<Vec<_>>(), ["a e", "a::b c", "a::b c::d"]);
    }

    #[test]
    fn a_page_without_one_of_its_tables_is_an_error() {
        for lost in [TEXT.replace("## Mutants", "## Other"), TEXT.replace("| rain | none |\n", "")] {
            assert!(parse(&lost).is_err(), "{lost}");
        }
    }
}
