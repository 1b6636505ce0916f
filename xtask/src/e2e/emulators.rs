//! Emulators of vendors: that each still behaves as `docs/checked-against.md` says, and that we get on with it.
//!
//! A check against an emulator proves what the emulator does, so that has to be known first.

mod conversation;

use std::path::Path;

use conversation::{Client, converse};

use super::checks::Checks;
use super::cli::{Cli, SECRET};
use super::launcher::{Launcher, Server};
use super::node::Node;
use super::program::Program;
use super::session::text;
use super::vendor_session::VendorSession;
use crate::Result;

const ENVIRONMENT: [(&str, &str); 1] = [("E2E_WEB_APP_SECRET", SECRET)];

/// What becomes of a refresh token that was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Used {
    /// It is refused; the answer had another.
    Replaced,
    /// It is good for more; the answer had another all the same.
    ReplacedButAccepted,
    /// It is good for more; the answer had none.
    Kept,
}

/// What the command can do there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Command {
    /// Everything.
    Everything,
    /// It can sign in, but not refresh what comes of that; the reason is the emulator's.
    RefreshImported(&'static str),
    /// It cannot sign in, but refresh what was imported; the reason is the emulator's.
    Import(&'static str),
}

/// One emulator, and what is known of it.
#[derive(Clone, Copy, Debug)]
struct Emulator {
    title: &'static str,
    /// The name of our adapter on the command line, and of the program's checks.
    provider: &'static str,
    /// The file for the command's session.
    database: &'static str,
    /// The options of the command that say where the server is, each with what was announced under the name.
    options: &'static [(&'static str, &'static str)],
    launcher: Launcher,
    command: Command,
    used: Used,
    /// The status for a refresh token nobody issued.
    unknown: u16,
    /// Whether the ID token repeats the nonce.
    nonce: bool,
    /// Whether it has a revocation endpoint.
    revokes: bool,
}

const EMULATORS: [Emulator; 5] = [
    Emulator {
        title: "Microsoft Entra ID (npm emulate)",
        provider: "entra",
        database: "entra.db",
        options: &[("--tenant", "tenant"), ("--emulator", "authority")],
        launcher: Launcher { name: "emulate", arguments: &["microsoft"] },
        command: Command::Everything,
        used: Used::Replaced,
        unknown: 400,
        nonce: true,
        revokes: false,
    },
    Emulator {
        title: "Okta (npm emulate)",
        provider: "okta",
        database: "okta.db",
        options: &[("--domain", "org_issuer"), ("--server", "server")],
        launcher: Launcher { name: "emulate", arguments: &["okta"] },
        command: Command::RefreshImported("the emulator changes auth_time at a refresh"),
        used: Used::Replaced,
        unknown: 400,
        nonce: true,
        revokes: true,
    },
    Emulator {
        title: "Google (npm emulate)",
        provider: "google",
        database: "google.db",
        options: &[("--emulator", "issuer")],
        launcher: Launcher { name: "emulate", arguments: &["google"] },
        command: Command::Everything,
        used: Used::Kept,
        unknown: 400,
        nonce: true,
        revokes: true,
    },
    Emulator {
        title: "Auth0 (npm @simulacrum/auth0-simulator)",
        provider: "auth0",
        database: "auth0.db",
        options: &[("--domain", "issuer"), ("--audience", "audience")],
        launcher: Launcher { name: "auth0", arguments: &[] },
        command: Command::Everything,
        used: Used::ReplacedButAccepted,
        unknown: 500,
        nonce: true,
        revokes: false,
    },
    Emulator {
        title: "AWS Cognito (npm cognito-local)",
        provider: "cognito",
        database: "cognito.db",
        options: &[("--user-pool", "user_pool"), ("--emulator", "domain")],
        launcher: Launcher { name: "cognito", arguments: &[] },
        command: Command::Import("the emulator leaves the nonce out of its ID tokens"),
        used: Used::Kept,
        unknown: 400,
        nonce: false,
        revokes: false,
    },
];

/// Starts each emulator, has the conversation of a client with it, and then has ours; returns every secret they issued.
pub(super) fn check(
    node: &Node,
    target: &Path,
    cli: &Cli,
    program: &Program,
    checks: &mut Checks,
) -> Result<Vec<String>> {
    let mut issued = Vec::new();
    for emulator in EMULATORS {
        checks.section(emulator.title);
        let server = emulator.launcher.start(node, target, &ENVIRONMENT)?;
        let client = Client::of(&server)?;
        checks.check("it behaves as is written of it", || converse(&emulator, &client))?;
        program.check(cli, checks, emulator.provider, &server.announced)?;
        command(&emulator, &server, &client, cli, checks)?;
        issued.extend(server.secrets("issued")?);
    }
    Ok(issued)
}

/// The built command there, as far as the emulator lets it.
fn command(emulator: &Emulator, server: &Server, client: &Client, cli: &Cli, checks: &mut Checks) -> Result {
    let login = format!("login --provider {}", emulator.provider);
    let flags = emulator.flags(server)?;
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let session = VendorSession { cli, database: emulator.database, flags: &flags, client_id: &client.id };
    let reason = match emulator.command {
        Command::Everything => {
            let statement = format!("{login}: signs in, refreshes twice, logs out");
            return checks.check(&statement, || session.whole_life());
        }
        Command::RefreshImported(reason) => {
            checks.check(&format!("{login}: signs in, logs out"), || session.sign_in_and_leave())?;
            reason
        }
        Command::Import(reason) => reason,
    };
    checks.skipped(&format!("{login}: refreshes"), reason);
    checks.check(&format!("import --provider {}: refreshes three times, logs out", emulator.provider), || {
        session.imported(&client.issuer, &text(&client.sign_in()?, "refresh_token")?)
    })
}

impl Emulator {
    /// The flags of the command that say which server this is.
    fn flags(&self, server: &Server) -> Result<Vec<String>> {
        let mut flags = vec!["--provider".to_owned(), self.provider.to_owned()];
        for (option, name) in self.options {
            flags.extend([(*option).to_owned(), text(&server.announced, name)?]);
        }
        Ok(flags)
    }
}
