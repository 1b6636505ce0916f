//! What has to hold between the page, the tests and their sources.

use std::collections::BTreeSet;

use super::page::{Page, Row};
use super::sources::Sources;

/// The promises of the design are numbered from one.
const PROMISES: usize = 12;
/// The row that stands for all wrong stores.
const WRONG_STORES: &str = "store_contract::Bug::*";

/// Each violation as a sentence.
pub(super) fn violations(page: &Page, tests: &BTreeSet<String>, sources: &Sources) -> Vec<String> {
    let unknown = page.tests().into_iter().filter(|test| !tests.contains(*test));
    let mut violations: Vec<String> = unknown.map(|test| format!("there is no test `{test}`")).collect();
    let unproved = page.rows().filter(|row| row.tests.is_empty());
    violations.extend(unproved.map(|row| format!("`{}` is proved by no test", row.name)));
    violations.extend(missing_promises(page));
    violations.extend(missing_mutants(page, sources));
    violations.extend(wrong_stores(page, sources));
    violations.extend(properties(page, sources));
    violations
}

fn missing_promises(page: &Page) -> Vec<String> {
    let numbered = |number: usize| page.promises.iter().any(|row| row.name.starts_with(&format!("P{number}:")));
    (1..=PROMISES).filter(|number| !numbered(*number)).map(|number| format!("promise P{number} has no row")).collect()
}

fn missing_mutants(page: &Page, sources: &Sources) -> Vec<String> {
    let on_page: BTreeSet<&str> = page.mutants.iter().map(|row| row.name.as_str()).collect();
    let in_tests: BTreeSet<&str> = sources.mutants.iter().map(String::as_str).chain([WRONG_STORES]).collect();
    let missing = in_tests.difference(&on_page).map(|mutant| format!("the mutant `{mutant}` has no row"));
    let gone = on_page.difference(&in_tests).map(|mutant| format!("there is no mutant `{mutant}` any more"));
    missing.chain(gone).collect()
}

fn wrong_stores(page: &Page, sources: &Sources) -> Option<String> {
    let count = format!("{} wrong stores", sources.wrong_stores);
    let row: &Row = page.mutants.iter().find(|row| row.name == WRONG_STORES)?;
    (!row.text.contains(&count)).then(|| format!("there are {count}; `{WRONG_STORES}` says otherwise"))
}

fn properties(page: &Page, sources: &Sources) -> Vec<String> {
    let on_page: BTreeSet<&String> = page.promises.iter().flat_map(|row| &row.properties).collect();
    let in_model: BTreeSet<&String> = sources.properties.iter().collect();
    let missing = in_model.difference(&on_page).map(|property| format!("no promise names the property \"{property}\""));
    let gone = on_page.difference(&in_model).map(|property| format!("the model has no property \"{property}\""));
    missing.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, property: Option<&str>) -> Row {
        let properties = property.map(str::to_owned).into_iter().collect();
        Row { name: name.to_owned(), tests: vec!["b t".to_owned()], properties, text: "the 2 wrong stores".to_owned() }
    }

    fn sound() -> (Page, BTreeSet<String>, Sources) {
        let promises = (1..=PROMISES).map(|number| row(&format!("P{number}: so"), Some("it holds"))).collect();
        let mutants = vec![row("model::Mutant::One", None), row(WRONG_STORES, None)];
        let page = Page { promises, mutants, situations: vec![row("rain", None)] };
        let sources = Sources {
            mutants: vec!["model::Mutant::One".to_owned()],
            wrong_stores: 2,
            properties: vec!["it holds".to_owned()],
        };
        (page, BTreeSet::from(["b t".to_owned()]), sources)
    }

    /// What is said once `change` was made to a page without fault.
    fn after(change: impl FnOnce(&mut Page, &mut BTreeSet<String>, &mut Sources)) -> Vec<String> {
        let (mut page, mut tests, mut sources) = sound();
        change(&mut page, &mut tests, &mut sources);
        violations(&page, &tests, &sources)
    }

    #[test]
    fn a_page_that_holds_is_left_alone() {
        assert_eq!(after(|_, _, _| ()), Vec::<String>::new());
    }

    #[test]
    fn a_test_that_is_gone_is_missed() {
        assert_eq!(after(|_, tests, _| tests.clear()), ["there is no test `b t`"]);
    }

    #[test]
    fn whatever_is_proved_by_no_test_is_missed() {
        assert_eq!(after(|page, _, _| page.promises[3].tests.clear()), ["`P4: so` is proved by no test"]);
        assert_eq!(after(|page, _, _| page.mutants[0].tests.clear()), ["`model::Mutant::One` is proved by no test"]);
        assert_eq!(after(|page, _, _| page.situations[0].tests.clear()), ["`rain` is proved by no test"]);
    }

    #[test]
    fn every_promise_and_every_mutant_has_a_row() {
        assert_eq!(after(|page, _, _| _ = page.promises.remove(0)), ["promise P1 has no row"]);
        assert_eq!(after(|page, _, _| _ = page.promises.remove(11)), ["promise P12 has no row"]);
        let lost = after(|page, _, _| _ = page.mutants.remove(0));
        assert_eq!(lost, ["the mutant `model::Mutant::One` has no row"]);
        let lost = after(|page, _, _| _ = page.mutants.pop());
        assert_eq!(lost, ["the mutant `store_contract::Bug::*` has no row"]);
        let gone = after(|_, _, sources| sources.mutants.clear());
        assert_eq!(gone, ["there is no mutant `model::Mutant::One` any more"]);
    }

    #[test]
    fn the_wrong_stores_are_counted() {
        let told = after(|_, _, sources| sources.wrong_stores = 3);
        assert_eq!(told, ["there are 3 wrong stores; `store_contract::Bug::*` says otherwise"]);
    }

    #[test]
    fn the_properties_of_the_page_are_those_of_the_model() {
        let told = after(|_, _, sources| sources.properties = vec!["so does it".to_owned()]);
        assert_eq!(told, ["no promise names the property \"so does it\"", "the model has no property \"it holds\""]);
    }
}
