//! The user that a server runs as.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use crate::Result;

/// Whom a server that refuses root may run as, best first.
const CANDIDATES: [&str; 2] = ["postgres", "nobody"];

/// A user without special rights.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Account {
    user: u32,
    group: u32,
}

impl Account {
    /// Whom to run as; `None` for ourselves, unless we are root.
    pub(crate) fn unprivileged() -> Result<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let table = fs::read_to_string("/etc/passwd")?;
        let found = CANDIDATES.iter().find_map(|name| Self::named(name, &table));
        Ok(Some(found.ok_or("PostgreSQL refuses to run as root, and there is no user postgres or nobody")?))
    }

    /// Gives the files in `folder`, and the folder, to this user.
    pub(crate) fn own(self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            chown(entry?.path(), Some(self.user), Some(self.group))?;
        }
        chown(folder, Some(self.user), Some(self.group))
    }

    /// Lets `command` run as this user.
    pub(crate) fn run(self, command: &mut Command) {
        command.uid(self.user).gid(self.group);
    }

    /// See passwd(5).
    fn named(name: &str, table: &str) -> Option<Self> {
        let mut fields =
            table.lines().map(|line| line.split(':')).find_map(|mut line| (line.next()? == name).then_some(line))?;
        Some(Self { user: fields.nth(1)?.parse().ok()?, group: fields.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let table = "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(Account::named("postgres", table), Some(Account { user: 101, group: 104 }));
        assert_eq!(Account::named("nobody", table), None);
    }
}
