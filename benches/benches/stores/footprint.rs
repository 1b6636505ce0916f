//! [`Footprint`]: how many bytes a session takes.

use std::fmt::{self, Display};

use crate::measures;

/// What the sessions of one store take.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) backend: &'static str,
    /// When a commit is acknowledged.
    pub(crate) durability: &'static str,
    pub(crate) sessions: usize,
    /// The length of each one's record.
    pub(crate) record: usize,
    pub(crate) growths: Vec<Growth>,
}

/// By how much one place grew when all of the sessions were put there.
#[derive(Debug)]
pub(crate) struct Growth {
    pub(crate) place: &'static str,
    pub(crate) bytes: u64,
}

/// The stores of a run.
pub(crate) struct Table<'a>(pub(crate) &'a [Footprint]);

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let few = if measures() { "" } else { "; with so few of them, only to show that it can be found out" };
        writeln!(f, "\nBytes per session, beside those of its sealed record{few}\n")?;
        writeln!(
            f,
            "{:<8}  {:>8}  {:>6}  {:>7}  {:>8}  {:<35}  a commit is acknowledged",
            "store", "sessions", "record", "session", "x record", "what was weighed"
        )?;
        for Footprint { backend, durability, sessions, record, growths } in self.0 {
            for Growth { place, bytes } in growths {
                let session = *bytes as f64 / *sessions as f64;
                let ratio = session / *record as f64;
                writeln!(
                    f,
                    "{backend:<8}  {sessions:>8}  {record:>6}  {session:>7.0}  {ratio:>8.2}  {place:<35}  {durability}"
                )?;
            }
        }
        Ok(())
    }
}
