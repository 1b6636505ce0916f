//! The servers that the tests of some packages need: found, started once for all tests, or said to be missing.

use std::any::Any;

use oidc_session_test_servers::{
    Postgres, PostgresOptions, Redis, RedisOptions, SHARED_POSTGRES, SHARED_REDIS, SecretService,
};

use crate::Result;
use crate::command_line::CommandLine;

/// A server, and what cannot be tested without it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// What people call it.
    server: &'static str,
    /// The packages of Debian that bring it.
    debian: &'static str,
    /// Whose integration tests need it.
    package: &'static str,
    /// The test program of `xtask/servers` that needs it; nextest refuses the name of one that does not exist.
    own: Option<&'static str>,
    /// The module of the programs [`BY_STORE`] that needs it.
    store: &'static str,
    is_installed: fn() -> bool,
}

const NEEDS: [Need; 3] = [
    Need {
        server: "Redis",
        debian: "redis-server",
        package: "oidc-session-store-redis",
        own: Some("redis"),
        store: "redis",
        is_installed: Redis::is_installed,
    },
    Need {
        server: "PostgreSQL",
        debian: "postgresql",
        package: "oidc-session-store-postgres",
        own: Some("postgres"),
        store: "postgres",
        is_installed: Postgres::is_installed,
    },
    Need {
        server: "a secret service",
        debian: "gnome-keyring dbus",
        package: "oidc-session-store-keyring",
        own: None,
        store: "keyring",
        is_installed: SecretService::is_installed,
    },
];

/// The packages and the test programs with a module for each store that they are about.
const BY_STORE: [(&str, &str); 2] = [("oidc-session", "every_store"), ("oidc-session-example-cookbook", "cookbook")];

/// The package that starts servers, and tests that it does.
const STARTER: &str = "oidc-session-test-servers";

/// What of this is not installed.
pub(crate) fn missing() -> Vec<Need> {
    NEEDS.into_iter().filter(|need| !(need.is_installed)()).collect()
}

/// What of it is not installed.
pub(crate) fn missing_for_the_fleet() -> Vec<Need> {
    let [redis, postgres, _] = NEEDS;
    [redis, postgres].into_iter().filter(|need| !(need.is_installed)()).collect()
}

/// Redis, if it is not installed.
pub(crate) fn missing_redis() -> Option<Need> {
    missing_for_the_fleet().into_iter().find(|need| need.is_called("redis"))
}

impl Need {
    /// Whether this is the server that `xtask/servers` calls `name`.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.own == Some(name)
    }

    /// What is not tested without it, and how to have it.
    pub(crate) fn skipped(&self) -> String {
        let Self { server, debian, package, .. } = self;
        format!(
            "SKIPPED: the integration tests of {package}: {server} is missing. To have them: apt-get install {debian}"
        )
    }

    /// Why the merge gate fails without it.
    pub(crate) fn demanded(&self) -> String {
        let Self { server, debian, package, .. } = self;
        format!("{server} is missing, which {package} is tested with; on Debian: apt-get install {debian}")
    }

    fn filter(&self) -> String {
        let own = self.own.map(|program| format!(" + (package({STARTER}) & binary({program}))"));
        let store = self.store;
        let by_store = BY_STORE
            .map(|(package, program)| format!(" + (package({package}) & binary({program}) & test(/^{store}::/))"))
            .concat();
        format!("(package({}) & kind(test)){}{by_store}", self.package, own.unwrap_or_default())
    }
}

/// Leaves out the tests that need what is missing.
pub(crate) fn leave_out_of_nextest(command: CommandLine, missing: &[Need]) -> CommandLine {
    if missing.is_empty() {
        return command;
    }
    let filters: Vec<String> = missing.iter().map(Need::filter).collect();
    command.args(["-E".to_owned(), format!("not ({})", filters.join(" + "))])
}

/// Leaves out the packages with tests that need what is missing.
pub(crate) fn leave_out_of_cargo_test(command: CommandLine, missing: &[Need]) -> CommandLine {
    let packages = missing.iter().map(|need| need.package).chain((!missing.is_empty()).then_some(STARTER));
    let command = command.args(packages.flat_map(|package| ["--exclude", package]));
    let modules = missing.iter().flat_map(|need| ["--skip".to_owned(), format!("{}::", need.store)]);
    if missing.is_empty() { command } else { command.args(["--"]).args(modules) }
}

/// The servers that all tests share; dropping them ends them.
pub(crate) struct Shared {
    environment: Vec<(&'static str, String)>,
    _running: Vec<Box<dyn Any>>,
}

impl Shared {
    /// Starts those that are installed.
    pub(crate) fn start() -> Result<Self> {
        let mut shared = Self { environment: Vec::new(), _running: Vec::new() };
        if Redis::is_installed() {
            let redis = Redis::launch(RedisOptions::default())?;
            shared.environment.push((SHARED_REDIS, redis.url()));
            shared._running.push(Box::new(redis));
        }
        if Postgres::is_installed() {
            let postgres = Postgres::launch(PostgresOptions::default())?;
            shared.environment.push((SHARED_POSTGRES, postgres.url()));
            shared._running.push(Box::new(postgres));
        }
        Ok(shared)
    }

    /// Tells `command` where they are. A URL holds a password.
    pub(crate) fn lend(&self, command: &CommandLine) -> CommandLine {
        let command = command.clone();
        self.environment.iter().fold(command, |command, (name, url)| command.secret_env(name, url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_everything_installed_nothing_is_left_out() {
        let command = CommandLine::cargo(["test"]);
        assert_eq!(leave_out_of_nextest(command.clone(), &[]).to_string(), "cargo test");
        assert_eq!(leave_out_of_cargo_test(command, &[]).to_string(), "cargo test");
    }

    #[test]
    fn what_needs_a_missing_server_is_left_out_and_nothing_else() {
        let [redis, _, secret_service] = NEEDS;
        let nextest = leave_out_of_nextest(CommandLine::cargo(["nextest", "run"]), &[redis, secret_service]);
        assert_eq!(
            nextest.to_string(),
            "cargo nextest run -E 'not (\
             (package(oidc-session-store-redis) & kind(test)) + (package(oidc-session-test-servers) & binary(redis)) + \
             (package(oidc-session) & binary(every_store) & test(/^redis::/)) + \
             (package(oidc-session-example-cookbook) & binary(cookbook) & test(/^redis::/)) + \
             (package(oidc-session-store-keyring) & kind(test)) + \
             (package(oidc-session) & binary(every_store) & test(/^keyring::/)) + \
             (package(oidc-session-example-cookbook) & binary(cookbook) & test(/^keyring::/)))'"
        );
        let cargo = leave_out_of_cargo_test(CommandLine::cargo(["test"]), &[redis]);
        assert_eq!(
            cargo.to_string(),
            "cargo test --exclude oidc-session-store-redis --exclude oidc-session-test-servers -- --skip redis::"
        );
    }

    #[test]
    fn a_missing_server_is_named_with_what_it_costs_and_how_to_have_it() {
        let [redis, ..] = NEEDS;
        for sentence in [redis.skipped(), redis.demanded()] {
            assert!(
                ["Redis", "oidc-session-store-redis", "apt-get install redis-server"]
                    .iter()
                    .all(|part| sentence.contains(part))
            );
        }
    }

    #[test]
    fn the_tests_are_told_where_the_servers_are_and_nobody_else_is() {
        let environment = vec![(SHARED_REDIS, "redis://sessions:hunter2@localhost/".to_owned())];
        let shared = Shared { environment, _running: Vec::new() };
        let told = shared.lend(&CommandLine::new("sh", ["-c", "echo \"$OIDC_SESSION_TEST_REDIS\""]));
        assert!(!told.to_string().contains("hunter2"));
        assert_eq!(told.output().unwrap(), "redis://sessions:hunter2@localhost/\n");
    }
}
