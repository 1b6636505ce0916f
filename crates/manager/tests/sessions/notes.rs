//! What a program keeps beside its sessions.

use std::time::Duration;

use oidc_session_core::{Clock as _, Commit, EndReason, Expected, Note, NoteName, SessionData, SessionStore as _};
use oidc_session_manager::{KeyRing, Outcome, SessionErrorKind, SessionEventKind};
use serde_json::json;

use crate::support::{Unruly, World, id};

fn name() -> NoteName {
    NoteName::of("count", &["a"])
}

fn note(count: u64) -> Note {
    let mut data = SessionData::new();
    data.insert("count".to_owned(), json!(count));
    Note::new(data, None)
}

#[tokio::test]
async fn a_note_is_put_once_changed_and_removed() {
    let world = World::new();
    let notes = world.builder().build().unwrap().notes();
    assert_eq!(notes.read(&name()).await.unwrap(), None);
    assert!(notes.put_first(&name(), &note(1)).await.unwrap());
    assert!(!notes.put_first(&name(), &note(2)).await.unwrap());
    assert_eq!(notes.read(&name()).await.unwrap(), Some(note(1)));
    assert_eq!(notes.read(&NoteName::of("count", &["b"])).await.unwrap(), None);

    notes.change(&name(), |found| found.map(|_| note(3))).await.unwrap();
    assert_eq!(world.builder().build().unwrap().notes().read(&name()).await.unwrap(), Some(note(3)));
    notes.change(&name(), |_| None).await.unwrap();
    assert_eq!(notes.read(&name()).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_who_change_a_note_at_once_each_is_counted() {
    let world = World::new();
    let notes = world.builder().build().unwrap().notes();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let notes = notes.clone();
        tasks.spawn(async move {
            let more = |found: Option<Note>| {
                let count = found.map_or(0, |note| note.data["count"].as_u64().unwrap());
                Some(note(count + 1))
            };
            notes.change(&name(), more).await.unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(notes.read(&name()).await.unwrap(), Some(note(20)));
}

#[tokio::test]
async fn a_note_is_over_when_it_says_so_whether_the_store_has_forgotten_it_or_not() {
    let world = World::new();
    let notes = world.builder().build().unwrap().notes();
    let brief = Note::new(note(1).data, Some(world.clock.now() + Duration::from_secs(60)));
    assert!(notes.put_first(&name(), &brief).await.unwrap());
    world.clock.advance(Duration::from_secs(59));
    assert!(!notes.put_first(&name(), &note(2)).await.unwrap());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(notes.read(&name()).await.unwrap(), None);
    assert!(notes.put_first(&name(), &note(2)).await.unwrap());
    assert_eq!(notes.read(&name()).await.unwrap(), Some(note(2)));
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_counts_as_the_first() {
    let world = World::new();
    let store = Unruly::new(&world);
    let notes = world.over(&store).notes();
    store.lose_commit_answers(1);
    assert!(notes.put_first(&name(), &note(1)).await.unwrap(), "it is ours");
    store.fail_commits(1);
    let error = notes.put_first(&NoteName::of("count", &["b"]), &note(1)).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Unavailable);
}

#[tokio::test]
async fn a_note_is_sealed_and_never_taken_for_a_session() {
    let world = World::new();
    let ring = KeyRing::generate(world.clock.now());
    let sessions = world.builder().seal_with(ring).build().unwrap();
    let mut secret = note(1);
    secret.data.insert("id".to_owned(), json!("a-secret-id"));
    assert!(sessions.notes().put_first(&name(), &secret).await.unwrap());
    let mut records = oidc_session_core::Walk::over(&world.store);
    let mut seen = 0;
    while let Some(oidc_session_core::Walked::Record { stored, .. }) = records.next().await.unwrap() {
        let bytes = stored.record.as_bytes();
        assert!(!bytes.windows(11).any(|window| window == b"a-secret-id"));
        seen += 1;
    }
    assert_eq!(seen, 1);

    // Somebody puts it where a session belongs.
    let unsealed = world.builder().unsealed().build().unwrap();
    assert!(unsealed.notes().put_first(&name(), &note(1)).await.unwrap());
    let stored = world.store.load(&name().store_key()).await.unwrap().unwrap();
    let session_key = id().store_key();
    assert_eq!(world.store.commit(&session_key, Expected::Absent, &stored, None).await.unwrap(), Commit::Done);
    let error = unsealed.session(&id()).access_token().await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Damaged);
}

#[tokio::test]
async fn a_session_that_is_ended_here_is_not_revoked_there() {
    let world = World::new();
    let handle = world.signed_in().await;
    let mut events = handle.subscribe();
    let ended = handle.end(EndReason::LoggedOutElsewhere).await.unwrap();
    assert_eq!(ended.unwrap().subject.as_deref(), Some("alice"));
    assert!(world.server.revoked().is_empty());
    assert_eq!(events.try_recv().unwrap().kind, SessionEventKind::Ended(EndReason::LoggedOutElsewhere));
    let outcome = world.process().refresh_if_expired().await.unwrap();
    assert_eq!(outcome, Outcome::Ended(EndReason::LoggedOutElsewhere));
    assert!(handle.end(EndReason::Replaced).await.unwrap().is_none(), "it has ended, for the first reason");
}
