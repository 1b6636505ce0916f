//! `cargo xtask chaos`: real processes over each shared store, while everything goes wrong.

use clap::ValueEnum;

use crate::Result;
use crate::command_line::CommandLine;
use crate::test_servers::missing_for_the_fleet;
use crate::workspace;

const FLEET: &str = "oidc-session-fleet";

/// Shown below the help.
pub(crate) const EXAMPLES: &str = "\
Examples:
  cargo xtask chaos                                              four stores, a minute each
  cargo xtask chaos --seconds 300 --processes 8 --sessions 200   the long one: some 25 minutes
  cargo xtask chaos --together --seconds 20 --processes 3 --sessions 20
                                                                 a short look, as the merge gate takes it
  cargo xtask chaos --store redis --store file --seconds 3600    these two, for long
  cargo xtask chaos --seed 1795444800000                         the same choices again; times still differ

Needs redis-server and postgres for those stores. Progress is told every ten seconds, the table comes at the end: what must
not happen has a (0), and each time it did is told with what had happened around it. The exit code says whether it did.";

/// What the merge gate runs: the repetition of this step says the same.
pub(crate) const SHORT: &str = "cargo xtask chaos --together --seconds 20 --processes 3 --sessions 20";

/// What `cargo xtask chaos` was asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For how many seconds things go wrong on each store: half of them without a reuse window, half with one.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// How many worker processes share a store.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(2..))]
    processes: u64,
    /// How many sessions they ask for.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    sessions: u64,
    /// Only this store. May be given several times.
    #[arg(long = "store", value_enum, value_name = "STORE")]
    stores: Vec<Store>,
    /// All stores at once, in both forms: busier, and over sooner.
    #[arg(long)]
    together: bool,
    /// Where chance comes from. Without one, it is new each time, and said.
    #[arg(long)]
    seed: Option<u64>,
}

/// A store that processes can share.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Store {
    Sqlite,
    File,
    Redis,
    Postgres,
}

/// Runs it; fails if a server that it needs is not installed.
pub(crate) fn task(options: &Options) -> Result {
    let stores = if options.stores.is_empty() { Store::value_variants() } else { options.stores.as_slice() };
    let missing = missing_for_the_fleet();
    match missing.iter().find(|need| stores.iter().any(|store| need.is_called(&store.name()))) {
        Some(need) => Err(need.demanded().into()),
        None => run(options, stores),
    }
}

/// Runs it shortly on the stores that are installed.
pub(crate) fn run_shortly() -> Result {
    let missing = missing_for_the_fleet();
    let is_there = |store: &Store| !missing.iter().any(|need| need.is_called(&store.name()));
    let stores: Vec<Store> = Store::value_variants().iter().copied().filter(is_there).collect();
    run(&Options { seconds: 20, processes: 3, sessions: 20, stores: Vec::new(), together: true, seed: None }, &stores)
}

fn run(options: &Options, stores: &[Store]) -> Result {
    let Options { seconds, processes, sessions, together, seed, .. } = options;
    let numbers = [("--seconds", Some(*seconds)), ("--processes", Some(*processes)), ("--sessions", Some(*sessions))];
    let numbers = numbers.into_iter().chain([("--seed", *seed)]);
    CommandLine::new(&workspace::build(&[FLEET])?.join(FLEET).to_string_lossy(), ["chaos"])
        .args(numbers.filter_map(|(name, number)| Some(format!("{name}={}", number?))))
        .args(stores.iter().map(|store| format!("--store={}", store.name())))
        .args(together.then_some("--together"))
        .run()
}

impl Store {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Chaos {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn what_repeats_the_short_run_is_the_short_run() {
        let words = SHORT.split(' ').skip(2);
        let Chaos { options } = Chaos::parse_from(words);
        assert_eq!((options.seconds, options.processes, options.sessions, options.together), (20, 3, 20, true));
    }
}
