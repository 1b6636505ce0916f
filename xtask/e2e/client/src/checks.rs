//! What was checked: one line of JSON each, for `cargo xtask e2e` to print and count.

use std::error::Error;

use serde_json::json;

/// Whatever goes wrong ends the run.
pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs one check; `statement` is what holds if it passes.
pub(crate) async fn holds<T>(statement: &str, check: impl Future<Output = Result<T>>) -> Result<T> {
    let value = check.await.map_err(|error| format!("{statement}: {}", with_causes(&*error)))?;
    println!("{}", json!({ "ok": statement }));
    Ok(value)
}

/// Says that something cannot be checked here, and why.
pub(crate) fn skip(statement: &str, because: &str) {
    println!("{}", json!({ "skipped": statement, "because": because }));
}

/// Says what ended the run.
pub(crate) fn fail(because: &str) {
    println!("{}", json!({ "failed": because }));
}

/// Fails with `otherwise` unless `holds`.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}

fn with_causes(error: &(dyn Error + 'static)) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
