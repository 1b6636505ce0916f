//! What the tests themselves say has to be proved: their mutants, and the properties of the model.

use std::fs;

use crate::{Result, workspace};

const MODEL_MUTANTS: &str = "crates/policy/tests/model/setting.rs";
const MODEL_PROPERTIES: &str = "crates/policy/tests/model/main.rs";
const SIMULATION_MUTANTS: &str = "crates/manager/tests/simulation/plan.rs";
const WRONG_STORES: &str = "crates/testkit/tests/store_contract/bug.rs";

/// What has to be on the page.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Each mutant of the model and of the simulation, by its name on the page.
    pub(super) mutants: Vec<String>,
    /// How many wrong stores there are.
    pub(super) wrong_stores: usize,
    /// What the model checks in each state.
    pub(super) properties: Vec<String>,
}

/// Reads them from the sources of the tests.
pub(super) fn read() -> Result<Sources> {
    let root = workspace::root()?;
    let source = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let model = variants(&source(MODEL_MUTANTS)?, "Mutant")?;
    let simulation = variants(&source(SIMULATION_MUTANTS)?, "Mutant")?;
    let named = |place: &str, mutants: Vec<String>| -> Vec<String> {
        mutants.into_iter().map(|mutant| format!("{place}::Mutant::{mutant}")).collect()
    };
    Ok(Sources {
        mutants: [named("model", model), named("simulation", simulation)].concat(),
        wrong_stores: variants(&source(WRONG_STORES)?, "Bug")?.len(),
        properties: properties(&source(MODEL_PROPERTIES)?),
    })
}

/// The variants of an enum without fields.
fn variants(source: &str, name: &str) -> Result<Vec<String>> {
    let body = source.split_once(&format!("enum {name} {{")).and_then(|(_, rest)| rest.split_once('}'));
    let (body, _) = body.ok_or_else(|| format!("there is no enum `{name}` any more"))?;
    let variant = |line: &str| line.trim().strip_suffix(',').map(str::to_owned);
    Ok(body.lines().filter(|line| !line.trim().starts_with("//")).filter_map(variant).collect())
}

fn properties(source: &str) -> Vec<String> {
    let quoted = |rest: &str| rest.split('"').nth(1).map(str::to_owned);
    source.split("Property::always(").skip(1).filter_map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_found_and_comments_are_none() {
        let source = "enum Other { A }\n/// Wrong.\npub(crate) enum Bug {\n    // Records, and\n    One,\n\
            \x20   /// Two, then.\n    Two,\n}\nenum C { D }";
        assert_eq!(variants(source, "Bug").unwrap(), ["One", "Two"]);
        assert!(variants(source, "Mutant").is_err());
    }

    #[test]
    fn properties_that_always_hold_are_found() {
        let source =
            r#"Property::always("it holds", |_| {}), Property::sometimes("it may", |_| {}), Property::always("so", x)"#;
        assert_eq!(properties(source), ["it holds", "so"]);
    }

    #[test]
    fn the_sources_are_where_they_are_looked_for() {
        let sources = read().unwrap();
        assert!(sources.mutants.contains(&"model::Mutant::NoReread".to_owned()));
        assert!(sources.mutants.contains(&"simulation::Mutant::LeaseForAll".to_owned()));
        assert!(sources.wrong_stores > 0 && !sources.properties.is_empty());
    }
}
