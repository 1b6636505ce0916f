//! [`StoreUrl`]: what `--store` accepts.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;
use oidc_session_store_memory::MemoryStore;
use oidc_session_store_sqlite::SqliteStore;

use crate::failure::Failure;
use crate::open_store::AnyStore;

/// Where sessions are kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum StoreUrl {
    /// `memory:`, gone when the command ends.
    Memory,
    /// `sqlite:PATH`. File and folder are made if need be.
    Sqlite(PathBuf),
}

impl StoreUrl {
    /// Reads `scheme:rest`. Only the scheme is ever repeated in an error: the rest may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(Failure::usage("--store takes a URL such as sqlite:PATH")
                .hint("write sqlite: before the path of the file"));
        };
        match (scheme, rest) {
            ("memory", "") => Ok(Self::Memory),
            ("memory", _) => Err(Failure::usage("nothing may follow memory: in --store")),
            ("sqlite", "" | ":memory:") => {
                Err(Failure::usage("sqlite: in --store needs the path of a file")
                    .hint("for example sqlite:sessions.db"))
            }
            // Only a shell expands it, and only where a word starts; a folder called ~ is not what anybody wants.
            ("sqlite", path) if path.starts_with('~') => {
                Err(Failure::usage("~ in --store does not stand for your home directory")
                    .hint("write the path out, or use $HOME, as in sqlite:$HOME/sessions.db"))
            }
            // In a URL a host would come next, and the first folder would be taken for one.
            ("sqlite", path) if path.starts_with("//") && !path.starts_with("///") => {
                Err(Failure::usage("--store takes sqlite:PATH, without // before the path")
                    .hint("for example sqlite:sessions.db or sqlite:/var/lib/sessions.db"))
            }
            ("sqlite", path) => Ok(Self::Sqlite(path.into())),
            (scheme, _) => Err(Failure::usage(format!("this build has no store called {scheme}:"))
                .hint("it has sqlite:PATH and memory:")),
        }
    }

    /// The default: SQLite in the user's data folder.
    pub(crate) fn in_data_folder() -> Result<Self, Failure> {
        let strategy = etcetera::choose_base_strategy().map_err(|_| {
            Failure::misconfigured("there is no home directory to keep sessions in")
                .hint("say where with --store sqlite:PATH")
        })?;
        let folder = strategy.data_dir().join("oidc-session");
        Ok(Self::Sqlite(folder.join("sessions.db")))
    }

    /// Opens the store.
    pub(crate) async fn open(self) -> Result<AnyStore, Failure> {
        let path = match self {
            Self::Memory => return Ok(AnyStore::swept(MemoryStore::new())),
            Self::Sqlite(path) => path,
        };
        match SqliteStore::open(&path).await {
            Ok(store) => Ok(AnyStore::swept(store)),
            Err(error) => Err(Failure::from(error).hint(format!("look at {} and the folder it is in", path.display()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_scheme_and_path() {
        assert_eq!(StoreUrl::parse("memory:").unwrap(), StoreUrl::Memory);
        let sqlite = |path: &str| StoreUrl::Sqlite(path.into());
        assert_eq!(StoreUrl::parse("sqlite:a/b.db").unwrap(), sqlite("a/b.db"));
        assert_eq!(StoreUrl::parse("sqlite:/a:b.db").unwrap(), sqlite("/a:b.db"));
    }

    #[test]
    fn a_path_that_means_something_else_elsewhere_is_refused() {
        for (url, expected) in
            [("sqlite:~/x.db", "$HOME"), ("sqlite:~me/x.db", "$HOME"), ("sqlite://x.db", "sqlite:PATH")]
        {
            let failure = StoreUrl::parse(url).unwrap_err().to_json();
            assert_eq!(failure["error"]["kind"], "usage", "{url}");
            assert!(failure.to_string().contains(expected), "{failure}");
        }
        assert_eq!(StoreUrl::parse("sqlite:///x.db").unwrap(), StoreUrl::Sqlite("///x.db".into()));
    }

    #[test]
    fn a_store_this_build_lacks_is_named_without_its_password() {
        for url in ["redis://user:hunter2@h/0", "postgres://user:hunter2@h/db", "file:hunter2", "keyring:hunter2"] {
            let text = format!("{:?}", StoreUrl::parse(url).unwrap_err());
            assert!(text.contains(url.split(':').next().unwrap()), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        for url in ["", "sessions.db", "memory:x", "sqlite:", "sqlite::memory:"] {
            assert!(StoreUrl::parse(url).is_err(), "{url}");
        }
    }
}
