//! The built command at the servers of vendors: `login --provider ...`.

use super::checks::ensure;
use super::cli::{Cli, SECRET_VARIABLE};
use super::session::{Session, text};
use crate::Result;

/// How the command is told of the client's secret.
pub(super) const SECRET: [&str; 4] = ["--client-secret-env", SECRET_VARIABLE, "--client-auth", "post"];

/// Signs in, refreshes twice, logs out. `flags` say at which server.
pub(super) fn check(cli: &Cli, database: &'static str, flags: &[&str], client_id: &str) -> Result {
    let session = Session::in_file(cli, database);
    let signed_in = session.login_at(&[flags, &SECRET].concat(), client_id)?.exits(0)?.json()?;
    text(&signed_in, "subject")?;
    refresh_and_leave(&session)
}

/// Imports a refresh token, refreshes twice, logs out.
pub(super) fn check_import(
    cli: &Cli,
    database: &'static str,
    flags: &[&str],
    issuer: &str,
    client_id: &str,
    refresh_token: &str,
) -> Result {
    let session = Session::in_file(cli, database);
    let tokens = serde_json::json!({ "issuer": issuer, "client_id": client_id, "refresh_token": refresh_token });
    let file = cli.folder().join(format!("{database}.json"));
    std::fs::write(&file, tokens.to_string())?;
    session.run_json(&[&["import", "--file", &file.to_string_lossy()], flags, &SECRET].concat())?.exits(0)?;
    ensure(session.token(&[])?.outcome == "refreshed", || "the imported refresh token was not used".into())?;
    refresh_and_leave(&session)
}

/// What is remembered with the session is enough: no flag says again which server it is.
fn refresh_and_leave(session: &Session<'_>) -> Result {
    for _ in 0..2 {
        session.expire()?;
        let token = session.token(&[])?;
        ensure(token.outcome == "refreshed", || format!("outcome {}", token.outcome))?;
    }
    session.run_json(&["logout"])?.exits(0)?;
    session.run(&["token"])?.exits(3).map(drop)
}
