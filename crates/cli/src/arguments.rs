//! [`Arguments`]: the command line in one tree; its doc comments are the help.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use oidc_session_core::SessionId;

use crate::commands::{
    demo, dev_server, expire, import, keys, list, login, logout, migrate, refresh, status, sweep, token, userinfo,
};
use crate::context::Context;
use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::output::{Output, shown};

/// Keeps OpenID Connect sessions alive: sign in once, then ask for an access token and get one that is valid.
///
/// Any number of processes may ask at once: the session is refreshed exactly once, and only a verdict of the
/// authorization server ends it.
#[derive(Debug, Parser)]
#[command(name = "oidc-session", version, max_term_width = 100, after_help = EXAMPLES, after_long_help = LONG_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  oidc-session demo
  oidc-session login --issuer https://login.example --client-id my-app
  curl -H \"Authorization: Bearer $(oidc-session token)\" https://api.example/me
  oidc-session status

Exit codes: 0 ok, 2 usage, 3 sign-in needed, 4 temporarily unavailable, 5 misconfigured, 1 anything else.";

const LONG_HELP: &str = "\
Examples:
  oidc-session demo
  oidc-session login --issuer https://login.example --client-id my-app
  curl -H \"Authorization: Bearer $(oidc-session token)\" https://api.example/me
  oidc-session status

Exit codes:
  0  ok
  1  anything that is not listed below
  2  the command line is wrong
  3  sign-in needed: there is no session, or it has ended; the reason is named
  4  temporarily unavailable: the session is kept, later may help
  5  misconfigured: client, issuer, address or store; somebody has to look

Output:
  Only `token` prints tokens. With --json, stdout carries exactly one JSON object, or one per line
  for `demo` and `dev-server`; times are RFC 3339 in UTC. A failure is told on stderr, and with --json
  on stdout too: {\"error\":{\"kind\",\"message\",\"reason\",\"retry_after_seconds\",\"hint\"}}. `kind` is one
  of usage, sign_in_needed, unavailable, misconfigured, failed. Logs go to stderr (RUST_LOG).";

const STORE_VARIABLE: &str = "OIDC_SESSION_STORE";
const KEYS_FILE_VARIABLE: &str = "OIDC_SESSION_KEYS_FILE";
/// Holds the ring itself, as a server gets it from its secret manager.
const KEYS_VARIABLE: &str = "OIDC_SESSION_KEYS";

/// What every command understands.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// Where sessions are kept: file:FOLDER, sqlite:PATH, keyring:NAME, redis://…, postgres://… or memory: [default:
    /// SQLite in your data folder]
    #[arg(long, global = true, value_name = "URL", env = STORE_VARIABLE, hide_env_values = true)]
    store: Option<String>,

    /// The key ring that opens the sessions [default: the text in OIDC_SESSION_KEYS, or else the one beside the store]
    #[arg(long, global = true, value_name = "FILE", env = KEYS_FILE_VARIABLE, hide_env_values = true)]
    keys: Option<PathBuf>,

    /// Which session
    #[arg(long, global = true, value_name = "NAME", default_value = "default", value_parser = session_name)]
    session: String,

    /// Print JSON on stdout, errors included
    #[arg(long, global = true)]
    json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Demo),
    Login(login::Login),
    Token(token::Token),
    Userinfo(userinfo::Userinfo),
    Status(status::Status),
    Refresh(refresh::Refresh),
    Logout(logout::Logout),
    List(list::List),
    Import(import::Import),
    Expire(expire::Expire),
    Keys(keys::Keys),
    Migrate(migrate::Migrate),
    Sweep(sweep::Sweep),
    DevServer(dev_server::DevServer),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Demo(demo) => demo.run(context).await,
            Self::Login(login) => login.run(context).await,
            Self::Token(token) => token.run(context).await,
            Self::Userinfo(userinfo) => userinfo.run(context).await,
            Self::Status(status) => status.run(context).await,
            Self::Refresh(refresh) => refresh.run(context).await,
            Self::Logout(logout) => logout.run(context).await,
            Self::List(list) => list.run(context).await,
            Self::Import(import) => import.run(context).await,
            Self::Expire(expire) => expire.run(context).await,
            Self::Keys(keys) => keys.run(context).await,
            Self::Migrate(migrate) => migrate.run(context).await,
            Self::Sweep(sweep) => sweep.run(context).await,
            Self::DevServer(server) => server.run(context).await,
        }
    }
}

impl Arguments {
    /// Reads the command line.
    pub(crate) fn read() -> Result<Self, Unreadable> {
        Self::try_parse().map_err(Unreadable)
    }

    /// Where to do it, and what.
    pub(crate) fn into_parts(self) -> (Context, Command) {
        let Global { store, keys, session, json } = self.global;
        // A variable that is empty counts as unset; a flag that is empty is a mistake.
        let unset = std::env::var_os(STORE_VARIABLE).is_some_and(|value| value.is_empty());
        let store = store.filter(|url| !(url.is_empty() && unset));
        let keys = KeySource::of(keys.filter(|path| !path.as_os_str().is_empty()), KEYS_VARIABLE);
        (Context::new(Output::new(json), store, keys, session), self.command)
    }
}

/// A command line that does not say what to do, or asks for help.
#[derive(Debug)]
pub(crate) struct Unreadable(clap::Error);

impl Unreadable {
    /// Says what is wrong, or helps.
    pub(crate) fn explain(self) -> ExitCode {
        let error = escaped(self.0);
        // Nobody can be told that telling failed.
        let _ = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
            _ => {
                let failure = Failure::usage(summary(&error));
                // The flag could not be read, so it is looked for.
                if std::env::args_os().any(|argument| argument == "--json") {
                    Output::new(true).failure_object(&failure);
                }
                failure.exit_code()
            }
        }
    }
}

/// The same error, which quotes what was typed without its control characters, a newline among them.
fn escaped(mut error: clap::Error) -> clap::Error {
    let quoted: Vec<_> = error
        .context()
        .filter_map(|(kind, value)| {
            let value = match value {
                ContextValue::String(text) => ContextValue::String(shown(text).into_owned()),
                ContextValue::Strings(texts) => {
                    ContextValue::Strings(texts.iter().map(|text| shown(text).into_owned()).collect())
                }
                _ => return None,
            };
            Some((kind, value))
        })
        .collect();
    for (kind, value) in quoted {
        error.insert(kind, value);
    }
    error
}

/// The first line of what clap says.
fn summary(error: &clap::Error) -> String {
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "there is no command".to_owned(),
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    }
}

fn session_name(name: &str) -> Result<String, String> {
    match SessionId::named(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_tree_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_usage_error_is_not_cut_at_a_newline_in_what_was_typed() {
        for (arguments, expected) in [
            (["status", "--session=a\nb"], r"invalid value 'a\nb' for '--session <NAME>': a session name has"),
            (["stat\n\nus", "--json"], r"unrecognized subcommand 'stat\n\nus'"),
            (["status", "--js\non"], r"unexpected argument '--js\non' found"),
        ] {
            let error = Arguments::try_parse_from(["oidc-session"].iter().chain(&arguments)).unwrap_err();
            let summary = summary(&escaped(error));
            assert!(summary.starts_with(expected), "{summary}");
        }
    }

    #[test]
    fn every_command_has_help_and_examples() {
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name}");
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.starts_with("Examples:"), "{name}");
        }
    }

    /// The words of a line as a shell would split it, up to a pipe or the like.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        let end = words.iter().position(|word| word == "|" || word == "&&").unwrap_or(words.len());
        words.truncate(end);
        words
    }

    #[test]
    fn every_example_is_a_command_line_and_every_provider_in_one_can_be_built() {
        let mut seen = 0;
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default().replace("\\\n", "");
            for line in help.lines().filter_map(|line| line.strip_prefix("  ")) {
                let words = words(line);
                if words.first().is_none_or(|word| word != "oidc-session") {
                    continue;
                }
                let arguments = Arguments::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
                if let Command::Login(login) = arguments.command {
                    login.check().unwrap_or_else(|failure| panic!("{line}: {}", failure.whole_message()));
                }
                seen += 1;
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
