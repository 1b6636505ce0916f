//! [`Options`]: what `oidc-session-fleet chaos` was asked for.

use std::time::Duration;

/// Real processes over real stores, while everything goes wrong.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "oidc-session-fleet chaos")]
pub(crate) struct Options {
    /// For how many seconds things go wrong on each store: half of them without a reuse window, half with one.
    #[arg(long, default_value_t = 60)]
    pub(crate) seconds: u64,
    /// How many worker processes share a store.
    #[arg(long, default_value_t = 4)]
    pub(crate) processes: usize,
    /// How many sessions they ask for.
    #[arg(long, default_value_t = 50)]
    pub(crate) sessions: usize,
    /// Only this store. May be given several times.
    #[arg(long = "store", value_enum)]
    pub(crate) stores: Vec<Kind>,
    /// All stores at once, in both forms: busier, and over sooner.
    #[arg(long)]
    pub(crate) together: bool,
    /// Where chance comes from.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

impl Options {
    /// A store's time is shared by the run without a reuse window and the one with.
    pub(crate) fn seconds_of_a_run(&self) -> f64 {
        self.seconds as f64 / 2.0
    }

    /// How long access tokens live: many sessions for longer, or no store could keep up with them.
    pub(crate) fn lifetime(&self) -> Duration {
        times::LIFETIME.mul_f64((self.sessions as f64 / 40.0).max(1.0))
    }
}

/// A store that processes can share.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum, serde::Deserialize, serde::Serialize)]
pub(crate) enum Kind {
    Sqlite,
    File,
    Redis,
    Postgres,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Sqlite, Self::File, Self::Redis, Self::Postgres];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::File => "file",
            Self::Redis => "Redis",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The times of a run. They are short, so that much happens in a minute.
pub(crate) mod times {
    use std::time::Duration;

    use super::super::line::Millis;

    /// How long access tokens live at the authorization server, if they are few.
    pub(crate) const LIFETIME: Duration = Duration::from_secs(4);
    /// How long before their end they are refreshed.
    pub(crate) const SKEW: Duration = Duration::from_secs(1);
    /// The longest a request may take.
    pub(crate) const REQUEST: Duration = Duration::from_secs(1);
    /// The longest a call to the store may take.
    pub(crate) const STORE: Duration = Duration::from_millis(700);
    /// Few: a call that is given up takes the connection with it that it was about to make.
    pub(crate) const CONNECTIONS: usize = 3;
    /// Not much more than the shortest that is allowed: a request, a commit and a second.
    pub(crate) const LEASE: Duration = Duration::from_secs(3);
    /// How old what is known may be where nobody tells of changes.
    pub(crate) const CONFIRM: Duration = Duration::from_secs(1);
    /// How long a logout or a sign-in may take to get about: what is known may be so old, and a look at the store, which
    /// callers share, takes half a second.
    pub(crate) const HEARSAY: Millis = CONFIRM.as_millis() as Millis + 600;
    /// Longer than one misfortune after another can keep a session from being refreshed.
    pub(crate) const WINDOW: Duration = Duration::from_secs(600);
}
