//! What no adapter may bring into a program: a pure function of what it pulls in.

use super::closure::{Closure, is_ours};

/// Clients of databases and of stores of secrets. A store needs one, a provider none.
const DATABASES: [&str; 12] = [
    "deadpool-postgres",
    "diesel",
    "fred",
    "keyring",
    "libsqlite3-sys",
    "mongodb",
    "postgres",
    "redb",
    "redis",
    "rusqlite",
    "sqlx-core",
    "tokio-postgres",
];

/// What a command line is made of.
const COMMAND_LINES: [&str; 7] = ["anstream", "argh", "clap", "clap_builder", "owo-colors", "structopt", "webbrowser"];

/// What serves HTTP.
const SERVERS: [&str; 9] = ["actix-web", "axum", "axum-core", "ntex", "poem", "rocket", "salvo_core", "tide", "warp"];

/// Every rule that `closure` breaks, as sentences; empty if none.
pub(super) fn violations(closure: &Closure) -> Vec<String> {
    closure
        .names()
        .filter_map(|name| Some(format!("{} pulls in {name}, {}", closure.name, kind(closure, name)?)))
        .collect()
}

fn kind(closure: &Closure, name: &str) -> Option<&'static str> {
    let is_provider = closure.name.starts_with("oidc-session-provider-");
    match name {
        _ if COMMAND_LINES.contains(&name) => Some("part of a command line"),
        _ if SERVERS.contains(&name) => Some("a server framework"),
        _ if is_provider && DATABASES.contains(&name) => Some("a database client"),
        _ if is_ours(name) => not_for_adapters(name),
        _ => None,
    }
}

fn not_for_adapters(name: &str) -> Option<&'static str> {
    match name.strip_prefix("oidc-session-")? {
        "cli" => Some("the command line"),
        "testkit" => Some("the tests' server"),
        store if store.starts_with("store-") => Some("a store"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closure(name: &str, packages: &[&str]) -> Closure {
        let packages = packages.iter().map(|package| ((*package).to_owned(), "1.0.0".to_owned())).collect();
        Closure { name: name.to_owned(), packages }
    }

    #[test]
    fn what_an_adapter_needs_is_allowed() {
        let provider = ["oidc-session-core", "oidc-session-provider-oidc", "reqwest", "tower-http"];
        assert_eq!(violations(&closure("oidc-session-provider-new", &provider)), [""; 0]);
        assert_eq!(violations(&closure("oidc-session-store-new", &["oidc-session-core", "rusqlite"])), [""; 0]);
    }

    #[test]
    fn each_kind_is_found_and_named() {
        for (package, kind) in [
            ("rusqlite", "a database client"),
            ("clap", "part of a command line"),
            ("axum", "a server framework"),
            ("oidc-session-store-memory", "a store"),
            ("oidc-session-cli", "the command line"),
            ("oidc-session-testkit", "the tests' server"),
        ] {
            let found = violations(&closure("oidc-session-provider-new", &["serde", package]));
            assert_eq!(found, [format!("oidc-session-provider-new pulls in {package}, {kind}")]);
        }
    }

    #[test]
    fn a_store_may_not_pull_in_another() {
        assert_eq!(violations(&closure("oidc-session-store-new", &["oidc-session-store-memory"])).len(), 1);
    }
}
