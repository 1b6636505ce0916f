//! `cargo xtask dependencies`: what an adapter brings into a program, kept in `docs/dependencies.md`.

mod closure;
mod page;
mod rules;

use std::fs;

use crate::{Result, workspace};

const PAGE: &str = "docs/dependencies.md";
const ADAPTERS: [&str; 2] = ["crates/provider-", "crates/store-"];

/// Counts what each adapter pulls in; then writes the page, or with `check` compares it.
pub(crate) fn task(check: bool) -> Result {
    let closures = adapters()?.iter().map(|name| closure::read(name)).collect::<Result<Vec<_>>>()?;
    let violations: Vec<String> = closures.iter().flat_map(rules::violations).collect();
    let table = page::table(&closures);
    print!("{table}");
    if !violations.is_empty() {
        return Err(format!("what no adapter may pull in:\n  - {}", violations.join("\n  - ")).into());
    }
    let path = workspace::root()?.join(PAGE);
    let kept = fs::read_to_string(&path)?;
    let current = page::with_table(&kept, &table)?;
    match (kept == current, check) {
        (true, _) => Ok(()),
        (false, true) => Err(format!("{PAGE} says otherwise. To write it anew: cargo xtask dependencies").into()),
        (false, false) => Ok(fs::write(path, current)?),
    }
}

/// The names of every provider and every store, found by their folders.
fn adapters() -> Result<Vec<String>> {
    let metadata = workspace::metadata()?;
    let mut names = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root)?;
        if ADAPTERS.iter().any(|folder| manifest.as_str().starts_with(folder)) {
            names.push(package.name.to_string());
        }
    }
    names.sort();
    Ok(names)
}
