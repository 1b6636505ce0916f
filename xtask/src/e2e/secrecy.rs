//! No secret in anything that was printed or logged, and files readable by their owner only.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::checks::{Checks, ensure};
use super::cli::{Cli, SECRET};
use super::dev_server::{CLIENT, DevServer};
use super::session::Session;
use crate::Result;

/// How the secrets of `dev-server` start, and how many characters follow: codes, access and refresh tokens, JWTs.
const SHAPES: [(&str, usize); 4] = [("ac_", 43), ("at_", 43), ("rt_", 43), ("eyJ", 30)];

/// Searches what every command wrote so far, `RUST_LOG=trace` included.
pub(super) fn check(cli: &Cli, checks: &mut Checks, issued: &[String]) -> Result {
    let server = DevServer::start(cli)?;
    let session = Session::in_default_store(cli);
    session.login(&server.issuer, CLIENT, &[])?.exits(0)?;
    checks.check("the default store is readable by its owner only", || owner_only(&cli.folder().join("data"), ""))?;
    checks.check("the search finds an access token where there is one", || {
        let printed = session.token(&[])?.access_token;
        ensure(shape_in(&printed).is_some(), || "dev-server changed the shape of its access tokens".into())
    })?;
    server.stop(cli)?;

    let entries = cli.transcript().entries();
    let kib = entries.iter().map(|(_, text)| text.len()).sum::<usize>() / 1024;
    let statement =
        format!("no token, code or client secret in {kib} KiB of output and logs of {} commands", entries.len());
    checks.check(&statement, || {
        for (line, text) in &entries {
            let leaked = issued.iter().map(String::as_str).chain([SECRET]).any(|secret| text.contains(secret));
            ensure(!leaked, || format!("`{line}` wrote a secret of the foreign provider or its client"))?;
            ensure(shape_in(text).is_none(), || format!("`{line}` wrote a {}…", shape_in(text).unwrap_or_default()))?;
        }
        Ok(())
    })
}

/// Fails unless every file below `folder` whose name starts with `prefix` has mode 0600, and there is one.
pub(super) fn owner_only(folder: &Path, prefix: &str) -> Result {
    let files = files(folder, prefix)?;
    ensure(!files.is_empty(), || format!("no file {prefix}* in {}", folder.display()))?;
    for (path, mode) in files {
        ensure(mode == 0o600, || format!("{path} has mode {mode:o}"))?;
    }
    Ok(())
}

fn files(folder: &Path, prefix: &str) -> Result<Vec<(String, u32)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(files(&entry.path(), prefix)?);
        } else if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push((entry.path().display().to_string(), entry.metadata()?.permissions().mode() & 0o777));
        }
    }
    Ok(found)
}

/// The start of the first thing in `text` that looks like a secret of `dev-server`.
fn shape_in(text: &str) -> Option<&'static str> {
    let long_enough = |rest: &str, length: usize| {
        rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')).count() >= length
    };
    let starts_a_word = |at: usize| !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
    let found = SHAPES.iter().find(|(start, length)| {
        let mut places = text.match_indices(start);
        places.any(|(at, _)| starts_a_word(at) && long_enough(&text[at + start.len()..], *length))
    });
    found.map(|(start, _)| *start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_their_shape() {
        let random = "aB3-_xyz".repeat(6);
        assert_eq!(shape_in(&format!("Bearer at_{random}")), Some("at_"));
        assert_eq!(shape_in(&format!("refresh_token=rt_{random}&x")), Some("rt_"));
        assert_eq!(shape_in(&format!("\"eyJ{random}.e30.\"")), Some("eyJ"));
    }

    #[test]
    fn names_and_redacted_values_are_no_secrets() {
        for harmless in ["at_hash rt_[redacted] format_of_something", "AccessToken([redacted])", "state=at_short"] {
            assert_eq!(shape_in(harmless), None);
        }
        assert_eq!(shape_in(&format!("format_{}", "x".repeat(50))), None);
    }
}
