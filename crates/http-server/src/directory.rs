//! [`Directory`]: which sessions belong to a `sid` or a `sub`, for back-channel logout.

use std::time::Duration;

use oidc_session_core::{EndReason, LogoutToken, Note, NoteName, Session, SessionData, SessionId, Timestamp};
use oidc_session_manager::{SessionError, SessionManager};
use serde_json::{Value, json};

/// Which sessions belong to a `sid` or a `sub`: notes beside the sessions, which all processes see.
///
/// Stores know sessions by keyed hashes, so that nobody could search them for a `sid`; what is needed for it is written down
/// at the sign-in. An entry whose session is gone does no harm.
#[derive(Debug)]
pub(crate) struct Directory {
    sessions: SessionManager,
    /// Two applications that share a store have a directory each.
    application: String,
}

/// Of how many sessions a `sid` or a `sub` is written down; of more, the newest.
const MOST: usize = 512;

/// For how long sessions without an end of their own are written down: a browser keeps no cookie for longer.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// For how long a token's name is remembered after it has expired: clocks may disagree.
const TOLERANCE: Duration = Duration::from_secs(300);

impl Directory {
    pub(crate) fn new(sessions: SessionManager, application: &str) -> Self {
        Self { sessions, application: application.to_owned() }
    }

    /// Writes down that `id` is the name of `session`. Before the session is stored, so that there is none that a logout
    /// would not find.
    pub(crate) async fn enlist(&self, session: &Session, id: &SessionId) -> Result<(), SessionError> {
        let now = self.sessions.now();
        let until = session.ends_at.unwrap_or(now + LONGEST);
        for name in self.names_of(session) {
            let enlist = |note: Option<Note>| {
                let mut entries = entries(note.as_ref());
                entries.retain(|entry| entry.until > now && entry.id != id.expose());
                entries.drain(..(entries.len() + 1).saturating_sub(MOST));
                entries.push(Entry { id: id.expose().to_owned(), until });
                Some(note_of(&entries))
            };
            self.sessions.notes().change(&name, enlist).await?;
        }
        Ok(())
    }

    /// Strikes out a session that has ended.
    pub(crate) async fn strike_out(&self, session: &Session, id: &SessionId) -> Result<(), SessionError> {
        for name in self.names_of(session) {
            self.sessions.notes().change(&name, |note| without(note.as_ref(), id)).await?;
        }
        Ok(())
    }

    /// Whether a session is still written down: if not, a logout came while it was being stored.
    pub(crate) async fn has(&self, session: &Session, id: &SessionId) -> Result<bool, SessionError> {
        for name in self.names_of(session) {
            let note = self.sessions.notes().read(&name).await?;
            if !entries(note.as_ref()).iter().any(|entry| entry.id == id.expose()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a token has been acted on before.
    pub(crate) async fn has_seen(&self, token: &LogoutToken) -> Result<bool, SessionError> {
        Ok(self.sessions.notes().read(&self.name_of_token(token)).await?.is_some())
    }

    /// Ends every session that a token is about, then remembers the token. Returns how many have ended.
    ///
    /// A store that fails on the way leaves the token unremembered: the authorization server may send it again.
    pub(crate) async fn log_out(&self, token: &LogoutToken) -> Result<usize, SessionError> {
        let name = match (&token.sid, &token.subject) {
            (Some(sid), _) => self.name("sid", &token.issuer, sid),
            (None, Some(subject)) => self.name("sub", &token.issuer, subject),
            (None, None) => return Ok(0),
        };
        let note = self.sessions.notes().read(&name).await?;
        let mut ended = 0;
        for entry in entries(note.as_ref()) {
            let Ok(id) = SessionId::named(entry.id) else { continue };
            let handle = self.sessions.session(&id);
            let mut session = handle.end(EndReason::LoggedOutElsewhere).await?;
            if session.is_none() {
                // Gone, or about to be stored: a sign-in looks here once more after that. Then one of us sees the other.
                self.sessions.notes().change(&name, |note| without(note.as_ref(), &id)).await?;
                session = handle.end(EndReason::LoggedOutElsewhere).await?;
            }
            if let Some(session) = session {
                ended += 1;
                self.strike_out(&session, &id).await?;
            }
        }
        let seen = Note::new(SessionData::new(), Some(token.expires_at + TOLERANCE));
        self.sessions.notes().put_first(&self.name_of_token(token), &seen).await?;
        Ok(ended)
    }

    fn names_of(&self, session: &Session) -> impl Iterator<Item = NoteName> {
        let by_sid = session.sid.as_deref().map(|sid| self.name("sid", &session.issuer, sid));
        let by_sub = session.subject.as_deref().map(|subject| self.name("sub", &session.issuer, subject));
        by_sid.into_iter().chain(by_sub)
    }

    fn name(&self, kind: &str, issuer: &str, value: &str) -> NoteName {
        NoteName::of("back-channel logout", &[&self.application, kind, issuer, value])
    }

    fn name_of_token(&self, token: &LogoutToken) -> NoteName {
        self.name("jti", &token.issuer, &token.jti)
    }
}

/// A session that is written down.
struct Entry {
    id: String,
    until: Timestamp,
}

fn entries(note: Option<&Note>) -> Vec<Entry> {
    let entry = |value: &Value| {
        let id = value.get("id")?.as_str()?.to_owned();
        Some(Entry { id, until: Timestamp::from_unix_millis(value.get("until_unix_ms")?.as_i64()?) })
    };
    let sessions = note.and_then(|note| note.data.get("sessions")).and_then(Value::as_array);
    sessions.into_iter().flatten().filter_map(entry).collect()
}

/// The same note without a session. None if nothing is left of it.
fn without(note: Option<&Note>, id: &SessionId) -> Option<Note> {
    let mut entries = entries(note);
    entries.retain(|entry| entry.id != id.expose());
    (!entries.is_empty()).then(|| note_of(&entries))
}

fn note_of(entries: &[Entry]) -> Note {
    let until = entries.iter().map(|entry| entry.until).max();
    let sessions: Vec<Value> =
        entries.iter().map(|entry| json!({ "id": entry.id, "until_unix_ms": entry.until.as_unix_millis() })).collect();
    let mut data = SessionData::new();
    data.insert("sessions".to_owned(), sessions.into());
    Note::new(data, until)
}
