//! What a store costs: the time of its calls, and the bytes of each session that it keeps.
//!
//! Each call is timed on a store that holds many sessions already, in turn on all of them, with records of one size: a
//! sealed session of three signed tokens, though in memory and in the user's secret store nobody need seal it. What a
//! filter leaves out is not even started.
//!
//! | | What is timed |
//! |---|---|
//! | `load` | one `load` |
//! | `commit` | one `commit` in place of the version before |
//! | `lease_and_commit` | `try_lease`, then `commit`: what a refresh costs beside the request to the authorization server |
//! | `lease_and_release` | `try_lease`, then `release`: what an attempt costs that had to be put off |
//!
//! **Durability** decides more than anything else, so the table of bytes names it: each store acknowledges a commit when
//! it is on the disk, but for the one in memory. `stores/disk/write_and_sync` is what the disk takes for that, for one
//! record in a file of its own: the floor under all of them. A disk that lives in memory costs nothing: the build folder
//! has the files of `file` and `sqlite`, and `TMPDIR` those of the servers.
//!
//! Servers are real ones on loopback, started for this run. A real network adds its round trip to each call: `load` and
//! `commit` are one, `lease_and_commit` and `lease_and_release` are two.

mod backends;
mod call;
mod footprint;
mod population;
mod prepared;
mod secret_service;

use std::hint::black_box;
use std::io::Write as _;
use std::process::ExitCode;

use criterion::Criterion;
use tokio::runtime::{self, Runtime};

use self::backends::{Backend, Disk, all, disk};
use self::call::Call;
use self::footprint::Footprint;
use self::prepared::Prepared;

fn main() -> ExitCode {
    if let Some(code) = secret_service::run_under_one() {
        return code;
    }
    let (missing, present): (Vec<_>, Vec<_>) = all().into_iter().partition(|backend| !backend.is_installed());
    for (backend, need) in missing.iter().filter_map(|backend| Some((backend.name(), backend.need()?))) {
        println!("{}", if is_merge_gate() { need.demanded(backend) } else { need.skipped(backend) });
    }
    if is_merge_gate() && !missing.is_empty() {
        return ExitCode::FAILURE;
    }
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let footprints: Vec<Footprint> =
        present.into_iter().filter_map(|backend| calls(&mut criterion, &runtime, backend)).collect();
    if !footprints.is_empty() {
        println!("{}", footprint::Table(&footprints));
    }
    // Last: what it gave back to the process would hide what the store in memory takes.
    write_and_sync(&mut criterion);
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// Times the calls of one store. `None` if a filter leaves all of them out.
fn calls(criterion: &mut Criterion, runtime: &Runtime, mut backend: Box<dyn Backend>) -> Option<Footprint> {
    let mut prepared: Option<Prepared> = None;
    let mut group = criterion.benchmark_group(format!("stores/{}", backend.name()));
    for call in Call::ALL {
        group.bench_function(call.name(), |bencher| {
            let Prepared { store, population, .. } =
                prepared.get_or_insert_with(|| runtime.block_on(Prepared::new(&mut *backend)));
            bencher.iter_custom(|times| runtime.block_on(call.time(&**store, population, times)));
        });
    }
    group.finish();
    prepared.map(|prepared| prepared.footprint)
}

fn write_and_sync(criterion: &mut Criterion) {
    let Disk { folder, record } = disk();
    let path = folder.path().join("record");
    criterion.bench_function("stores/disk/write_and_sync", |bencher| {
        bencher.iter(|| {
            let mut file = std::fs::File::create(&path).expect("the build folder can be written");
            file.write_all(black_box(record.as_bytes())).expect("the disk has room");
            file.sync_all().expect("the disk works");
        });
    });
}

/// Where nothing may be skipped.
fn is_merge_gate() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Whether this run measures. `cargo bench` says so, and `cargo test` does not: it asks for one call of each.
fn measures() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}
