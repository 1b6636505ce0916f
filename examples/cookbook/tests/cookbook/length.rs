//! What a page promises to be short is short.

use std::fs;
use std::path::Path;

/// Lines of code: neither blank nor a comment.
fn lines_of_code(path: &str) -> usize {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//")).count()
}

#[test]
fn a_custom_provider_has_at_most_60_lines_and_a_custom_store_80() {
    for (path, most) in [("src/bin/custom_provider/provider.rs", 60), ("src/bin/custom_store/store.rs", 80)] {
        let lines = lines_of_code(path);
        assert!((20..=most).contains(&lines), "{path} has {lines} lines of code");
    }
}
