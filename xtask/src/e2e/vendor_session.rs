//! The built command at the server of a vendor: `login --provider ...`.

use std::fs;

use super::checks::ensure;
use super::cli::{Cli, SECRET_VARIABLE};
use super::session::{Session, text};
use crate::Result;

/// How the command is told of the client's secret.
const SECRET: [&str; 4] = ["--client-secret-env", SECRET_VARIABLE, "--client-auth", "post"];

/// A session that the command keeps in a file of its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct VendorSession<'a> {
    pub(super) cli: &'a Cli,
    pub(super) database: &'static str,
    /// Which server it is.
    pub(super) flags: &'a [&'a str],
    pub(super) client_id: &'a str,
}

impl VendorSession<'_> {
    /// Signs in, refreshes twice, logs out.
    pub(super) fn whole_life(self) -> Result {
        let session = self.signed_in()?;
        refresh_twice(&session)?;
        leave(&session)
    }

    /// Signs in, logs out.
    pub(super) fn sign_in_and_leave(self) -> Result {
        leave(&self.signed_in()?)
    }

    /// Imports a refresh token, which is used at once; refreshes twice, logs out.
    pub(super) fn imported(self, issuer: &str, refresh_token: &str) -> Result {
        let session = Session::in_file(self.cli, self.database);
        let tokens =
            serde_json::json!({ "issuer": issuer, "client_id": self.client_id, "refresh_token": refresh_token });
        let file = self.cli.folder().join(format!("{}.json", self.database));
        fs::write(&file, tokens.to_string())?;
        let import = ["import", "--file", &file.to_string_lossy()];
        session.run_json(&[&import, self.flags, &SECRET].concat())?.exits(0)?;
        ensure(session.token(&[])?.outcome == "refreshed", || "the imported refresh token was not used".into())?;
        refresh_twice(&session)?;
        leave(&session)
    }

    fn signed_in(&self) -> Result<Session<'_>> {
        let session = Session::in_file(self.cli, self.database);
        let signed_in = session.login_at(&[self.flags, &SECRET].concat(), self.client_id)?.exits(0)?.json()?;
        text(&signed_in, "subject")?;
        Ok(session)
    }
}

/// What is remembered with the session is enough: no flag says again which server it is.
fn refresh_twice(session: &Session<'_>) -> Result {
    for _ in 0..2 {
        session.expire()?;
        let token = session.token(&[])?;
        ensure(token.outcome == "refreshed", || format!("outcome {}", token.outcome))?;
    }
    Ok(())
}

fn leave(session: &Session<'_>) -> Result {
    session.run_json(&["logout"])?.exits(0)?;
    session.run(&["token"])?.exits(3).map(drop)
}
