//! What became of the changes.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::Result;

/// What became of the changes.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Report {
    /// How many there were to make.
    planned: usize,
    /// Tests failed.
    caught: usize,
    /// Tests came to no end, and were ended.
    timed_out: usize,
    /// What was changed did not compile.
    unviable: usize,
    /// No test noticed.
    pub(super) survived: Vec<String>,
}

/// Reads what cargo-mutants left in its folder.
pub(super) fn read(output: &Path) -> Result<Report> {
    let folder = output.join("mutants.out");
    let lines = |name: &str| -> Result<Vec<String>> {
        let path = folder.join(name);
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let planned: Vec<serde_json::Value> = serde_json::from_str(&lines("mutants.json")?.concat())?;
    Ok(Report {
        planned: planned.len(),
        caught: lines("caught.txt")?.len(),
        timed_out: lines("timeout.txt")?.len(),
        unviable: lines("unviable.txt")?.len(),
        survived: lines("missed.txt")?,
    })
}

impl Report {
    /// Itself, if every change was made. A run that stopped before that, whatever it found, proves nothing.
    pub(super) fn unless_it_broke_off(self, outcome: Result) -> Result<Self> {
        let made = self.caught + self.timed_out + self.unviable + self.survived.len();
        match outcome {
            // It fails for what survived, too; that is told later.
            _ if made == self.planned && made > 0 => Ok(self),
            Ok(()) if made == self.planned => Ok(self),
            Ok(()) => Err(format!("only {made} of {} changes were made", self.planned).into()),
            Err(error) => Err(error),
        }
    }

    /// Once all the tests were shown what some of them had let pass, or had not come to an end with.
    pub(super) fn after_another_look(mut self, last: Self) -> Self {
        self.caught += last.caught;
        self.timed_out = last.timed_out;
        self.unviable += last.unviable;
        self.survived = last.survived;
        self
    }

    pub(super) fn add(&mut self, other: Self) {
        self.planned += other.planned;
        self.caught += other.caught;
        self.timed_out += other.timed_out;
        self.unviable += other.unviable;
        self.survived.extend(other.survived);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { planned, caught, timed_out, unviable, survived } = self;
        write!(f, "{planned} changes: {caught} made a test fail, {timed_out} kept one from ending, ")?;
        write!(f, "{unviable} did not compile, {} survived", survived.len())?;
        survived.iter().try_for_each(|mutant| write!(f, "\n  - {mutant}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(planned: usize, caught: usize, timed_out: usize, survived: &[&str]) -> Report {
        let survived = survived.iter().map(|mutant| (*mutant).to_owned()).collect();
        Report { planned, caught, timed_out, unviable: 1, survived }
    }

    #[test]
    fn a_run_that_broke_off_proves_nothing() {
        let failed = || Err("the tests fail".into());
        assert!(report(4, 2, 0, &["a"]).unless_it_broke_off(Ok(())).is_ok());
        assert!(report(4, 2, 0, &["a"]).unless_it_broke_off(failed()).is_ok());
        assert!(report(4, 1, 0, &["a"]).unless_it_broke_off(Ok(())).is_err());
        assert!(report(4, 1, 0, &["a"]).unless_it_broke_off(failed()).is_err());
        assert!(Report::default().unless_it_broke_off(failed()).is_err());
    }

    #[test]
    fn what_another_look_finds_counts() {
        let looked = report(6, 2, 1, &["a", "b"]).after_another_look(report(3, 1, 0, &["b"]));
        assert_eq!(looked, Report { unviable: 2, ..report(6, 3, 0, &["b"]) });
        assert_eq!(
            looked.to_string(),
            "6 changes: 3 made a test fail, 0 kept one from ending, 2 did not compile, 1 survived\n  - b"
        );
    }

    #[test]
    fn the_folder_is_read() {
        let folder = std::env::temp_dir().join(format!("oidc-session-mutants-{}", std::process::id()));
        let files = [
            ("mutants.json", "[{}, {},\n {}]"),
            ("caught.txt", "a\n"),
            ("timeout.txt", ""),
            ("unviable.txt", "b\n"),
            ("missed.txt", "c: replace x\n"),
        ];
        assert!(read(&folder).is_err(), "there is nothing");
        fs::create_dir_all(folder.join("mutants.out")).unwrap();
        for (name, text) in files {
            fs::write(folder.join("mutants.out").join(name), text).unwrap();
        }
        let found = read(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found.unwrap(), report(3, 1, 0, &["c: replace x"]));
    }
}
