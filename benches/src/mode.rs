//! Whether a run measures.

/// Whether this run measures. `cargo bench` says so. `cargo test` does not, and criterion's `--test` takes it back: both
/// only ask whether everything works, so that few sessions and few repeats do.
pub fn measures() -> bool {
    let given = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    given("--bench") && !given("--test")
}
