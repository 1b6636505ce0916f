//! `cargo xtask bench-report`: measures, and writes what was measured to `docs/performance.md`.

mod criterion;
mod group;
mod headlines;
mod machine;
mod measurement;
mod page;
mod plots;
mod quantity;
mod run;
mod sections;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use self::group::Group;
use self::machine::Machine;
use self::measurement::Measurement;
use self::plots::Plot;
use crate::{Result, workspace};

const PAGE: &str = "docs/performance.md";
const PLOTS: &str = "docs/performance";
const README: &str = "README.md";

/// Shown below the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask bench-report                              measure everything (many minutes), write the page
  cargo xtask bench-report --quick --only expiry_check  measure one benchmark roughly
  cargo xtask bench-report --only storm --only peers    measure these two again; the page keeps the other figures
  cargo xtask bench-report --no-run                     write the page from what was measured before

Figures are read from the target folders. To forget them: remove `criterion` and `measurements` there.";

/// What `cargo xtask bench-report` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Run only this benchmark, by its name in cargo; others' crates are `peers`. May be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Run nothing: write the page from what the target folders hold.
    #[arg(long, conflicts_with_all = ["only", "quick"])]
    no_run: bool,
    /// Take short samples. The page says that its figures are rough.
    #[arg(long)]
    quick: bool,
    /// Where others' crates are built and measured, if not in the target folder of their workspace.
    #[arg(long, value_name = "FOLDER")]
    peers_target: Option<PathBuf>,
}

/// Everything that the page tells.
#[derive(Debug)]
struct Report {
    machine: Machine,
    /// Whether the samples were short.
    is_rough: bool,
    ours: Measured,
    peers: Measured,
}

/// What one run left behind. Figures of different runs are never divided by each other.
#[derive(Debug, Default)]
struct Measured {
    groups: Vec<Group>,
    measurements: Vec<Measurement>,
}

impl Measured {
    /// The group called `name`, if it was measured.
    fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// The groups whose name begins with `family`, in natural order.
    fn family<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(move |group| group.family() == family)
    }

    /// The tables about `family`, by name.
    fn measurements_of<'a>(&'a self, family: &'a str) -> impl Iterator<Item = &'a Measurement> {
        self.measurements.iter().filter(move |measurement| measurement.family() == family)
    }
}

/// Runs the benchmarks, reads what they left, and writes the page, its plots and the headlines of the README.
pub(crate) fn task(options: &Options) -> Result {
    let started = now();
    let places = run::places(options.peers_target.as_deref())?;
    if !options.no_run {
        run::run(&places, &options.only, options.quick)?;
    }
    // After a whole run, what is older belongs to benchmarks that are no more.
    let since = (!options.no_run && options.only.is_empty()).then_some(started);
    let report = Report {
        machine: machine::describe(started)?,
        is_rough: options.quick,
        ours: read(&places.ours.target, since)?,
        peers: places.peers.as_ref().map_or_else(|| Ok(Measured::default()), |peers| read(&peers.target, since))?,
    };
    write(&report, &workspace::root()?)
}

#[expect(clippy::disallowed_methods, reason = "the one look at the clock: the page says when it was written")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn read(target: &Path, since: Option<SystemTime>) -> Result<Measured> {
    Ok(Measured {
        groups: group::by_name(criterion::read(&target.join("criterion"), since)?),
        measurements: measurement::read(&target.join("measurements"), since)?,
    })
}

fn write(report: &Report, root: &Path) -> Result {
    let plots = plots::draw(report)?;
    replace_plots(&root.join(PLOTS), &plots)?;
    fs::write(root.join(PAGE), page::page(report, &plots))?;
    println!("\n{PAGE} is written, with {} plots in {PLOTS}", plots.len());
    let readme = fs::read_to_string(root.join(README))?;
    match headlines::replaced(&readme, report) {
        Some(replaced) => fs::write(root.join(README), replaced)?,
        None => println!("{README} has no `{}`: it keeps its words", headlines::BEGIN),
    }
    Ok(())
}

/// Nothing stays in the folder that the page does not show.
fn replace_plots(folder: &Path, plots: &[Plot]) -> Result {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    Ok(plots.iter().try_for_each(|plot| fs::write(folder.join(&plot.file), &plot.svg))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let groups = group::by_name(vec![
            group::tests::figure("header/1", "floor", 20.0),
            group::tests::figure("header/1", "try_authorization", 21.0),
        ]);
        let measurements = vec![measurement::tests::measurement("storm", measurement::tests::STORM)];
        Report {
            machine: machine::tests::machine(),
            is_rough: false,
            ours: Measured { groups, measurements },
            peers: Measured::default(),
        }
    }

    #[test]
    fn the_page_shows_every_plot_in_the_folder_and_the_folder_holds_no_other() {
        let root = std::env::temp_dir().join(format!("bench-report-write-{}", std::process::id()));
        fs::create_dir_all(root.join(PLOTS)).unwrap();
        fs::write(root.join(PLOTS).join("earlier.svg"), "<svg/>").unwrap();
        fs::write(root.join(README), format!("{}\n<!-- bench:end -->\n", headlines::BEGIN)).unwrap();
        write(&report(), &root).unwrap();
        let page = fs::read_to_string(root.join(PAGE)).unwrap();
        let files =
            fs::read_dir(root.join(PLOTS)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut files: Vec<String> = files.collect();
        files.sort();
        assert_eq!(files, ["header.svg", "storm.svg"]);
        assert!(files.iter().all(|file| page.contains(&format!("](performance/{file})"))));
        assert!(fs::read_to_string(root.join(README)).unwrap().contains("1.05× the floor"));
        fs::remove_dir_all(root).unwrap();
    }
}
