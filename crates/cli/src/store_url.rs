//! [`StoreUrl`]: what `--store` accepts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy as _;
use oidc_session_core::StoreError;
use oidc_session_store_file::FileStore;
use oidc_session_store_keyring::KeyringStore;
use oidc_session_store_memory::MemoryStore;
use oidc_session_store_postgres::PostgresStore;
use oidc_session_store_redis::RedisStore;
use oidc_session_store_sqlite::SqliteStore;

use crate::failure::Failure;
use crate::open_store::AnyStore;

/// Any scheme is shorter; what is longer may be a secret.
const LONGEST_SCHEME: usize = 16;

/// Where sessions are kept.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum StoreUrl {
    /// `memory:`, gone when the command ends.
    Memory,
    /// `file:FOLDER`, a file for each session. The folder is made if need be.
    File(PathBuf),
    /// `sqlite:PATH`. File and folder are made if need be.
    Sqlite(PathBuf),
    /// `keyring:NAME`, the secret store of the operating system.
    Keyring(String),
    /// `redis://…` or `rediss://…`. May hold a password.
    Redis(String),
    /// `postgres://…`. May hold a password.
    Postgres(String),
}

/// Shows the kind only: the rest may hold a password.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory:",
            Self::File(_) => "file:…",
            Self::Sqlite(_) => "sqlite:…",
            Self::Keyring(_) => "keyring:…",
            Self::Redis(_) => "redis:…",
            Self::Postgres(_) => "postgres:…",
        })
    }
}

impl StoreUrl {
    /// Reads `scheme:rest`. Only the scheme is ever repeated in an error: the rest may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, Failure> {
        Self::parse_of("--store", url)
    }

    /// As [`parse`](Self::parse), for another flag than `--store`.
    pub(crate) fn parse_of(flag: &str, url: &str) -> Result<Self, Failure> {
        let scheme_and_rest = url.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
        let Some((scheme, rest)) = scheme_and_rest else {
            return Err(Failure::usage(format!("{flag} takes a URL such as sqlite:PATH"))
                .hint("write sqlite: before the path of the file"));
        };
        match scheme {
            "memory" if rest.is_empty() => Ok(Self::Memory),
            "memory" => Err(Failure::usage(format!("nothing may follow memory: in {flag}"))),
            "file" => Ok(Self::File(path_of(flag, scheme, rest, "a folder", "sessions")?)),
            "sqlite" => Ok(Self::Sqlite(path_of(flag, scheme, rest, "a file", "sessions.db")?)),
            "keyring" if rest.is_empty() => Err(Failure::usage(format!("keyring: in {flag} needs a name"))
                .hint("for example keyring:my-app; the secret store shows the sessions under it")),
            "keyring" => Ok(Self::Keyring(rest.to_owned())),
            "redis" | "rediss" | "redis+unix" | "unix" => Ok(Self::Redis(url.to_owned())),
            "postgres" | "postgresql" => Ok(Self::Postgres(url.to_owned())),
            scheme => Err(Failure::usage(format!("this build has no store called {scheme}:"))
                .hint("it has file:FOLDER, sqlite:PATH, keyring:NAME, redis://…, postgres://… and memory:")),
        }
    }

    /// Whether it is a file or a folder that does not exist; opening it would make it.
    pub(crate) fn is_missing(&self) -> bool {
        match self {
            Self::File(path) | Self::Sqlite(path) => matches!(path.try_exists(), Ok(false)),
            _ => false,
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
        match self {
            Self::Memory => Ok(AnyStore::swept(MemoryStore::new())),
            Self::File(path) => opened(FileStore::open(&path).await, || at(&path)).map(AnyStore::swept),
            Self::Sqlite(path) => opened(SqliteStore::open(&path).await, || at(&path)).map(AnyStore::swept),
            Self::Keyring(name) => opened(KeyringStore::open(name).await, || None).map(AnyStore::swept),
            Self::Postgres(url) => opened(PostgresStore::connect(url).await, || None).map(AnyStore::swept),
            // Redis drops what has passed its time by itself.
            Self::Redis(url) => opened(RedisStore::connect(url).await, || None)
                .map(|store| AnyStore { list: Arc::new(store), sweep: None }),
        }
    }
}

/// Whether it can be the scheme of a URL (RFC 3986 §3.1). `host=h password=p options=a:b` has none, and is not repeated.
fn is_scheme(text: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    (1..=LONGEST_SCHEME).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(rest)
}

fn opened<S>(store: Result<S, StoreError>, hint: impl FnOnce() -> Option<String>) -> Result<S, Failure> {
    store.map_err(|error| {
        let failure = Failure::from(error);
        match hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn at(path: &Path) -> Option<String> {
    Some(format!("look at {} and the folder it is in", path.display()))
}

fn path_of(flag: &str, scheme: &str, path: &str, what: &str, example: &str) -> Result<PathBuf, Failure> {
    match path {
        "" | ":memory:" => Err(Failure::usage(format!("{scheme}: in {flag} needs the path of {what}"))
            .hint(format!("for example {scheme}:{example}"))),
        // Only a shell expands it, and only where a word starts; a folder called ~ is not what anybody wants.
        path if path.starts_with('~') => {
            Err(Failure::usage(format!("~ in {flag} does not stand for your home directory"))
                .hint(format!("write the path out, or use $HOME, as in {scheme}:$HOME/{example}")))
        }
        // In a URL a host would come next, and the first folder would be taken for one.
        path if path.starts_with("//") && !path.starts_with("///") => {
            Err(Failure::usage(format!("{flag} takes {scheme}:PATH, without // before the path"))
                .hint(format!("for example {scheme}:{example} or {scheme}:/var/lib/{example}")))
        }
        path => Ok(path.into()),
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
    fn a_url_is_never_shown_whole() {
        for url in ["redis://user:hunter2@h/0", "rediss://user:hunter2@h/0", "postgres://user:hunter2@h/db"] {
            let debug = format!("{:?}", StoreUrl::parse(url).unwrap());
            assert!(!debug.contains("hunter2"), "{debug}");
        }
    }

    #[test]
    fn a_store_this_build_lacks_is_named_without_its_password() {
        for url in ["mysql://user:hunter2@h/0", "etcd://user:hunter2@h/db", "File:hunter2", "s3:hunter2"] {
            let text = format!("{:?}", StoreUrl::parse(url).unwrap_err());
            assert!(text.contains(url.split(':').next().unwrap()), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        for url in
            ["host=h password=hunter2 options=a:b", "//user=hunter2:x", "hunter2hunter2hunter2:x", "h\u{1b}hunter2:x"]
        {
            let text = format!("{:?}", StoreUrl::parse(url).unwrap_err());
            assert!(!text.contains("hunter2"), "{text}");
        }
        for url in ["", "sessions.db", "memory:x", "sqlite:", "sqlite::memory:", "file:", "keyring:"] {
            assert!(StoreUrl::parse(url).is_err(), "{url}");
        }
    }
}
