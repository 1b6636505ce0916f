//! [`KeySource`]: where the key ring of a store comes from.

use std::path::PathBuf;

use oidc_session_core::{Custody, Timestamp};
use oidc_session_sealing::{KeyRing, Seal};

use crate::failure::Failure;
use crate::output::Output;

/// Where the key ring of a store comes from.
#[derive(Clone, Debug)]
pub(crate) enum KeySource {
    /// A file: `--keys`, or its variable.
    File(PathBuf),
    /// A variable that holds the ring itself.
    Variable(&'static str),
    /// What fits the store: beside the data if it is in a folder, none if nobody else can read it.
    ByStore,
    /// None: the sessions are not sealed.
    Unsealed,
}

impl KeySource {
    /// A flag, or else the variable that holds the ring itself, or else what fits the store.
    pub(crate) fn of(file: Option<PathBuf>, variable: &'static str) -> Self {
        let is_set = || std::env::var_os(variable).is_some_and(|value| !value.is_empty());
        match file {
            Some(path) => Self::File(path),
            None if is_set() => Self::Variable(variable),
            None => Self::ByStore,
        }
    }

    /// The seal of a store.
    pub(crate) fn seal(&self, custody: &Custody, now: Timestamp, output: Output) -> Result<Seal, Failure> {
        match (self, custody) {
            (Self::Unsealed, _) => Ok(Seal::none()),
            (Self::File(path), _) => KeyRing::load(path).map(Seal::with).map_err(|error| {
                Failure::from(error).hint("make one with `oidc-session keys generate FILE`, and keep it with the store")
            }),
            (Self::Variable(name), _) => Ok(Seal::with(KeyRing::from_env(name)?)),
            (Self::ByStore, Custody::Process | Custody::OperatingSystem) => Ok(Seal::none()),
            (Self::ByStore, Custody::Folder(folder)) => {
                let beside = KeyRing::beside(folder, now)?;
                if beside.made {
                    let path = beside.path.display();
                    output
                        .note(&format!("made the key ring {path}: without it, the sessions beside it cannot be read"));
                }
                Ok(Seal::with(beside.ring))
            }
            (Self::ByStore, _) => Err(no_ring()),
        }
    }

    /// The file that a ring would be made in, because there is none.
    pub(crate) fn missing_file(&self, custody: &Custody) -> Option<PathBuf> {
        match (self, custody) {
            (Self::ByStore, Custody::Folder(folder)) => {
                Some(folder.join(KeyRing::FILE_NAME)).filter(|path| matches!(path.try_exists(), Ok(false)))
            }
            _ => None,
        }
    }

    /// The file of the ring, if that is known without looking at a store.
    pub(crate) fn file_by_itself(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Variable(_) | Self::ByStore | Self::Unsealed => None,
        }
    }

    /// The file of the ring, to change it.
    pub(crate) fn file(&self, custody: &Custody) -> Result<PathBuf, Failure> {
        match (self, custody) {
            (Self::File(path), _) => Ok(path.clone()),
            (Self::ByStore, Custody::Folder(folder)) => Ok(folder.join(KeyRing::FILE_NAME)),
            (Self::Variable(name), _) => Err(Failure::usage(format!(
                "the key ring comes from the variable {name}, which cannot be changed from here"
            ))
            .hint("name its file with --keys, and put the new text into the variable")),
            (Self::ByStore | Self::Unsealed, _) => Err(no_ring()),
        }
    }
}

fn no_ring() -> Failure {
    Failure::misconfigured("this store needs a key ring, because others can reach what it keeps")
        .reason("no_key_ring")
        .hint(
            "make one with `oidc-session keys generate FILE`, and name it with --keys FILE wherever the store is used",
        )
}
