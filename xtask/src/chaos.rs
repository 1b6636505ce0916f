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
  cargo xtask chaos                                            a minute on each store, then a minute with a reuse window
  cargo xtask chaos --seconds 8 --processes 3 --sessions 20    a short look
  cargo xtask chaos --store redis --store file --seconds 600   these two, for long
  cargo xtask chaos --seed 1795444800000                       the same choices again; times still differ

Needs redis-server and postgres for those stores. The exit code says whether anything happened that must not.";

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
    let names = stores.iter().filter_map(Store::to_possible_value).map(|value| value.get_name().to_owned());
    let names: Vec<String> = names.collect();
    if let Some(need) = missing_for_the_fleet().iter().find(|need| names.iter().any(|name| need.is_called(name))) {
        return Err(need.demanded().into());
    }
    let Options { seconds, processes, sessions, seed, .. } = options;
    let numbers = [("--seconds", Some(*seconds)), ("--processes", Some(*processes)), ("--sessions", Some(*sessions))];
    let numbers = numbers.into_iter().chain([("--seed", *seed)]);
    CommandLine::new(&workspace::build(&[FLEET])?.join(FLEET).to_string_lossy(), ["chaos"])
        .args(numbers.filter_map(|(name, number)| Some(format!("{name}={}", number?))))
        .args(names.iter().map(|name| format!("--store={name}")))
        .run()
}
