//! `keys`: the key ring that seals the sessions of a store.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use oidc_session_sealing::{KeyId, KeyRing, KeyRingError};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::open_store::OpenStore;
use crate::patience::Patience;
use crate::resealing::Resealing;
use crate::times::rfc3339;

/// Make, show and change the key ring that seals the sessions of a store
///
/// A store in a folder gets a key ring by itself, in a file beside the data. A store on a server needs one that you make,
/// and that every program has which uses the store: as a file (--keys), or as text in the variable OIDC_SESSION_KEYS.
/// Without its key ring nobody can open a session, so keep a copy of it, apart from the data.
///
/// A program reads the ring when it starts. Restart those that keep running after each change of it.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session keys generate keys.json
  oidc-session keys list
  oidc-session keys rotate && oidc-session keys reseal --drop-old-keys

On several machines, or with programs that keep running:
  oidc-session keys rotate --prepare --keys keys.json
  (give keys.json to all of them, and restart the programs)
  oidc-session keys rotate --keys keys.json
  (give it to all of them once more, and restart the programs)
  oidc-session keys reseal --drop-old-keys --keys keys.json --store redis://redis.example
  (give it to all of them a last time; there is no hurry)")]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key ring in a new file; a file that exists is left alone
    Generate {
        /// The file to make; only its owner can read it
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Show the ids of the keys, and which of them seals; no key is shown
    List,
    /// Seal with another key from now on; the older keys still open what they sealed
    Rotate {
        /// Only add the key, and seal with it after the next `rotate`: by then every machine must have it
        #[arg(long)]
        prepare: bool,
    },
    /// Seal all sessions of the store anew, with the key that seals now
    Reseal {
        /// Then drop the older keys, if no session needs them any more. Every program must have the rotated ring by now
        #[arg(long)]
        drop_old_keys: bool,

        #[command(flatten)]
        patience: Patience,
    },
}

/// After how many records progress is told.
const STRIDE: usize = 1000;

impl Keys {
    /// Does it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self.command {
            Command::Generate { path } => generate(context, &path),
            Command::List => {
                let path = ring_file(context).await?;
                list(context, &KeyRing::load(&path).map_err(|error| unusable(error, context))?)
            }
            Command::Rotate { prepare } => rotate(context, prepare).await,
            Command::Reseal { drop_old_keys, patience } => reseal(context, drop_old_keys, patience).await,
        }
    }
}

fn generate(context: &Context, path: &Path) -> Result<(), Failure> {
    let ring = KeyRing::generate(context.clock.now());
    ring.save_new(path).map_err(|error| match error {
        KeyRingError::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} exists already, and is left alone", path.display()))
                .hint("name another file; to change a key ring, use `oidc-session keys rotate`")
        }
        error => error.into(),
    })?;
    let text = format!("Made the key ring {}: keep it, and keep it from others", path.display());
    context.output.answer(&json!({ "file": path, "keys": rows(&ring) }), &text)
}

fn list(context: &Context, ring: &KeyRing) -> Result<(), Failure> {
    let line = |id: KeyId| {
        let role = match (id == ring.sealing_key_id(), ring.is_prepared(id)) {
            (true, _) => "seals and opens",
            (false, true) => "opens, and will seal after the next `rotate`",
            (false, false) => "opens",
        };
        let created_at = ring.created_at(id).and_then(rfc3339).unwrap_or_default();
        format!("{id}  {created_at}  {role}")
    };
    let text = ring.key_ids().map(line).collect::<Vec<_>>().join("\n");
    context.output.answer(&json!({ "keys": rows(ring) }), &text)
}

async fn rotate(context: &Context, prepare: bool) -> Result<(), Failure> {
    let (path, now) = (ring_file(context).await?, context.clock.now());
    let ring = KeyRing::update(&path, |ring| if prepare { ring.prepare(now) } else { ring.rotate(now) })
        .map_err(|error| unusable(error, context))?;
    let text = match prepare {
        true => format!("{} has a key that will seal after the next `rotate`; spread the file first", path.display()),
        false => format!("{} seals with the key {} from now on", path.display(), ring.sealing_key_id()),
    };
    context.output.answer(&json!({ "file": path, "keys": rows(&ring) }), &text)
}

async fn reseal(context: &Context, drop_old_keys: bool, mut patience: Patience) -> Result<(), Failure> {
    let store = context.store().await?;
    let Some(newest) = store.seal.key_ring().map(KeyRing::sealing_key_id) else {
        return Err(Failure::usage("the sessions of this store are not sealed, so there is nothing to seal anew"));
    };
    // Better to be told now than after a long walk.
    let ring_file = match drop_old_keys {
        true => Some(context.keys.file(&store.store.custody())?),
        false => None,
    };
    let mut counts = walk(context, &store).await?;
    let mut resealed = counts.resealed;
    while counts.busy > 0 && patience.is_left_after(context, counts.busy).await {
        counts = walk(context, &store).await?;
        resealed += counts.resealed;
    }
    counts.resealed = resealed;
    let object = json!({
        "resealed": counts.resealed,
        "busy": counts.busy,
        "unreadable": counts.unreadable,
    });
    let text = format!("Sealed {resealed} sessions anew");
    if counts.busy + counts.unreadable > 0 {
        let failure = match counts.unreadable {
            0 => Failure::unavailable(format!("{} sessions are being refreshed, or rest", counts.busy))
                .hint("run it again; no key was dropped"),
            unreadable => Failure::failed(format!("{unreadable} records cannot be read, and were left alone"))
                .hint("they may be sealed with a key that this ring does not have, or damaged; no key was dropped"),
        };
        return Err(failure.finding("resealing", object));
    }
    if let Some(path) = ring_file {
        // Somebody may have rotated meanwhile; what was sealed just now needs the key that was the newest then.
        KeyRing::update(&path, |ring| ring.without_keys_before(newest))?;
    }
    context.output.answer(&object, &text)
}

/// There may be no ring yet.
fn unusable(error: KeyRingError, context: &Context) -> Failure {
    let hint = match (&error, context.keys.file_by_itself()) {
        (KeyRingError::File { source, .. }, _) if source.kind() != std::io::ErrorKind::NotFound => None,
        (KeyRingError::File { .. }, Some(_)) => Some("make one with `oidc-session keys generate FILE`"),
        (KeyRingError::File { .. }, None) => Some(
            "the first `oidc-session login` makes one; if the store has sessions, put their ring back, or name it with --keys",
        ),
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

async fn walk(context: &Context, store: &OpenStore) -> Result<Resealing, Failure> {
    Resealing::of(store, &*context.clock, |counts| {
        if counts.seen() % STRIDE == 0 {
            context.output.note(&format!("{} so far", counts.seen()));
        }
    })
    .await
}

/// The file of the ring that belongs to the store.
async fn ring_file(context: &Context) -> Result<PathBuf, Failure> {
    match context.keys.file_by_itself() {
        Some(path) => Ok(path),
        None => {
            let store = context.store_url()?.open().await?.list;
            context.keys.file(&store.custody())
        }
    }
}

fn rows(ring: &KeyRing) -> Vec<Value> {
    let row = |id: KeyId| {
        json!({
            "id": id.to_string(),
            "created_at": ring.created_at(id).and_then(rfc3339),
            "seals": id == ring.sealing_key_id(),
            "prepared": ring.is_prepared(id),
        })
    };
    ring.key_ids().map(row).collect()
}
