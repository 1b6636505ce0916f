//! `migrate`: moves the sessions of one store to another.

use std::path::PathBuf;

use clap::Args;
use oidc_session_core::{Walk, Walked};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::key_source::KeySource;
use crate::moving::{Moved, Mover};
use crate::open_store::OpenStore;
use crate::patience::Patience;
use crate::store_url::StoreUrl;

/// Move the sessions of one store to another; none of them is ever in use in both
///
/// Each session leaves the old store, and then arrives in the new one. Programs that still use the old store are told that
/// it was moved, so give them the new store at the same time. Ended sessions stay where they are.
///
/// It may be interrupted, and run again: it goes on where it stopped. A session that was just on its way is in use nowhere
/// until then, and not lost.
///
/// --from and --to may be the same store with another key ring: then its sessions get the names and the seal of that one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session migrate --from sqlite:sessions.db --to redis://redis.example --to-keys keys.json
  oidc-session migrate --from sqlite:sessions.db --to sqlite:sessions.db --to-keys new-keys.json
  oidc-session migrate --from redis://redis.example --from-keys keys.json \\
    --to postgres://sessions@db.example/sessions --to-keys keys.json --json")]
pub(crate) struct Migrate {
    /// The store to move the sessions from. A URL with a password belongs into the variable: others see command lines
    #[arg(long, value_name = "URL", env = "OIDC_SESSION_FROM", hide_env_values = true)]
    from: String,

    /// The store to move them to
    #[arg(long, value_name = "URL", env = "OIDC_SESSION_TO", hide_env_values = true)]
    to: String,

    /// The key ring of the old store [default: the text in OIDC_SESSION_FROM_KEYS, or else the one beside the store]
    #[arg(long, value_name = "FILE")]
    from_keys: Option<PathBuf>,

    /// The key ring of the new store, as `keys generate` makes it [default: the text in OIDC_SESSION_TO_KEYS, or else the
    /// one beside the store]
    #[arg(long, value_name = "FILE")]
    to_keys: Option<PathBuf>,

    /// The sessions of the old store are not sealed: a program stored them so
    #[arg(long, conflicts_with = "from_keys")]
    from_unsealed: bool,

    #[command(flatten)]
    patience: Patience,
}

/// From where to where.
#[derive(Debug)]
struct Route {
    from: OpenStore,
    to: OpenStore,
    /// The key ring is what changes.
    same_store: bool,
}

/// After how many records progress is told.
const STRIDE: usize = 500;

/// What became of the sessions.
#[derive(Debug, Default)]
struct Counts {
    arrived: usize,
    busy: usize,
    occupied: usize,
    unreadable: usize,
    seen: usize,
}

impl Migrate {
    /// Moves them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let (from_url, to_url) = (StoreUrl::parse_of("--from", &self.from)?, StoreUrl::parse_of("--to", &self.to)?);
        if from_url == StoreUrl::Memory || to_url == StoreUrl::Memory {
            return Err(Failure::usage("memory: ends with this command; there is nothing to move from it or to it"));
        }
        if from_url.is_missing() {
            return Err(
                Failure::usage("there is no store at --from").hint("look at its path; nothing was made or moved")
            );
        }
        let from_keys = match self.from_unsealed {
            true => KeySource::Unsealed,
            false => KeySource::of(self.from_keys, "OIDC_SESSION_FROM_KEYS"),
        };
        let to_keys = KeySource::of(self.to_keys, "OIDC_SESSION_TO_KEYS");
        let same_store = from_url == to_url;
        let from = OpenStore::open(from_url, &from_keys, context).await?;
        let to = OpenStore::open(to_url, &to_keys, context).await?;
        if same_store && from.seal.key_ring() == to.seal.key_ring() {
            return Err(Failure::usage("--from and --to are the same store with the same key ring"));
        }
        let route = Route { from, to, same_store };
        let counts = move_all(context, &route, self.patience).await?;
        counts.tell(context)
    }
}

async fn move_all(context: &Context, route: &Route, mut patience: Patience) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    loop {
        (counts.busy, counts.occupied, counts.unreadable) = (0, 0, 0);
        walk(context, route, &mut counts).await?;
        if counts.busy == 0 || !patience.is_left_after(context, counts.busy).await {
            return Ok(counts);
        }
    }
}

async fn walk(context: &Context, route: &Route, counts: &mut Counts) -> Result<(), Failure> {
    let Route { from, to, same_store } = route;
    let mover = Mover { from, to, clock: &*context.clock };
    let mut records = Walk::over(&*from.store);
    while let Some(walked) = records.next().await? {
        let moved = match walked {
            Walked::Record { key, stored } => match mover.take(&key, &stored).await? {
                // What has arrived lies beside what has not, under the other key ring.
                Moved::Unreadable if *same_store && to.seal.open(&key, &stored).is_ok() => Moved::Ended,
                moved => moved,
            },
            Walked::Unreadable(_) => Moved::Unreadable,
        };
        match moved {
            Moved::Arrived => counts.arrived += 1,
            Moved::Ended => {}
            Moved::Busy => counts.busy += 1,
            Moved::Occupied => counts.occupied += 1,
            Moved::Unreadable => counts.unreadable += 1,
        }
        counts.seen += 1;
        if counts.seen.is_multiple_of(STRIDE) {
            context.output.note(&format!("{} records seen, {} sessions moved", counts.seen, counts.arrived));
        }
    }
    Ok(())
}

impl Counts {
    fn tell(&self, context: &Context) -> Result<(), Failure> {
        let object = json!({
            "moved": self.arrived,
            "busy": self.busy,
            "occupied": self.occupied,
            "unreadable": self.unreadable,
        });
        let text = format!("Moved {} sessions", self.arrived);
        match self.failure() {
            None => context.output.answer(&object, &text),
            Some(failure) => Err(failure.finding("migration", object)),
        }
    }

    /// Why not everything was moved.
    fn failure(&self) -> Option<Failure> {
        let moved = format!("{} sessions were moved, and", self.arrived);
        if self.unreadable > 0 {
            let message = format!("{moved} {} records could not be read; they were left alone", self.unreadable);
            return Some(
                Failure::failed(message)
                    .hint("they may be sealed with another key ring (--from-keys), not sealed at all (--from-unsealed), or damaged"),
            );
        }
        if self.occupied > 0 {
            let message = format!("{moved} {} have a namesake in the new store; both were left alone", self.occupied);
            return Some(Failure::failed(message).hint("log out of one of the two, then run it again"));
        }
        (self.busy > 0).then(|| {
            Failure::unavailable(format!("{moved} {} are being refreshed, or rest; they were left alone", self.busy))
                .hint("run it again")
        })
    }
}
