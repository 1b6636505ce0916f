//! What was checked, one readable line each.

use std::fmt;

use crate::Result;

/// Counts and prints the checks that passed; the first that fails ends the run.
#[derive(Debug)]
pub(super) struct Checks {
    passed: u32,
}

impl Checks {
    /// Nothing checked yet.
    pub(super) fn new() -> Self {
        Self { passed: 0 }
    }

    /// Starts a group of checks.
    pub(super) fn section(&self, title: &str) {
        println!("\n  {title}");
    }

    /// Runs one check; `statement` is what holds if it passes.
    pub(super) fn check<T>(&mut self, statement: &str, check: impl FnOnce() -> Result<T>) -> Result<T> {
        match check() {
            Ok(value) => {
                self.passed(statement);
                Ok(value)
            }
            Err(error) => {
                println!("  FAIL  {statement}");
                Err(format!("{statement}: {error}").into())
            }
        }
    }

    /// Counts a check that somebody else ran, and that passed.
    pub(super) fn passed(&mut self, statement: &str) {
        println!("    ok  {statement}");
        self.passed += 1;
    }

    /// Says that something cannot be checked, and why. It does not count.
    pub(super) fn skipped(&self, statement: &str, because: &str) {
        println!("     -  {statement}: not checked, {because}");
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} checks passed", self.passed)
    }
}

/// Fails with `otherwise` unless `holds`.
pub(super) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
