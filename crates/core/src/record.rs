//! [`Record`]: a session as bytes. The one place where sessions are encoded.

use std::collections::BTreeMap;
use std::time::Duration;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroize as _;

use crate::{
    AccessToken, DpopBinding, DpopKey, EndReason, IdToken, Note, ProviderId, RefreshToken, Scopes, Session,
    SessionData, SessionState, SignInId, StoreError, StoreErrorKind, Target, Timestamp, TokenSet, TokenType, Tombstone,
};

/// What a store keeps: bytes that only this module reads.
///
/// Layout: the magic `OS`, one byte of format version, one byte that says how the payload is protected, the payload.
/// Format 1, protection 0 is plain JSON with explicit units in its field names; protection 1 is such a record sealed by
/// `oidc-session-sealing`. Readers accept every format ever written; fields that a later minor version adds are optional.
///
/// `Debug` shows only the length. What is not sealed is wiped on drop.
#[derive(Clone, Eq, PartialEq)]
pub struct Record(Box<[u8]>);

impl Record {
    /// The largest record that is written, in bytes, before it is sealed.
    pub const MAX_LENGTH: usize = 256 * 1024;
    /// The largest record that every store must accept, in bytes: sealing adds a little.
    pub const MAX_STORED_LENGTH: usize = Self::MAX_LENGTH + 256;
    /// How deep application data may be nested: deeper than this, what is written could not be read back.
    pub const MAX_DEPTH: usize = 64;

    /// How many bytes come before the payload.
    const HEAD: usize = 4;
    const MAGIC: [u8; 2] = *b"OS";
    const FORMAT: u8 = 1;
    const PLAIN: u8 = 0;
    const SEALED: u8 = 1;

    /// Encodes a state in the newest format.
    pub fn encode(state: &SessionState) -> Result<Self, RecordError> {
        Self::length(state)?;
        Self::encode_wire(&WireRef::from(state))
    }

    /// Encodes a note in the newest format.
    pub fn encode_note(note: &Note) -> Result<Self, RecordError> {
        if !note.data.values().all(|value| nests_at_most(Self::MAX_DEPTH, value)) {
            return Err(RecordError::TooLarge);
        }
        Self::encode_wire(&WireRef::Note(WireNoteRef { data: &note.data, keep_until_unix_ms: note.keep_until }))
    }

    fn encode_wire(wire: &WireRef<'_>) -> Result<Self, RecordError> {
        // All the room at once: bytes that have to move leave a copy behind.
        let mut bytes = Vec::with_capacity(Self::wire_length(wire)?);
        bytes.extend([Self::MAGIC[0], Self::MAGIC[1], Self::FORMAT, Self::PLAIN]);
        let written = serde_json::to_writer(&mut bytes, wire);
        let record = Self::from_bytes(bytes);
        written.map(|()| record).map_err(|_| RecordError::Corrupt)
    }

    /// How long the record of a state is, in bytes, before it is sealed.
    ///
    /// # Errors
    ///
    /// It is longer than [`MAX_LENGTH`](Self::MAX_LENGTH), or nested deeper than [`MAX_DEPTH`](Self::MAX_DEPTH).
    pub fn length(state: &SessionState) -> Result<usize, RecordError> {
        if nests_too_deep(state) {
            return Err(RecordError::TooLarge);
        }
        Self::wire_length(&WireRef::from(state))
    }

    fn wire_length(wire: &WireRef<'_>) -> Result<usize, RecordError> {
        let mut length = Length(Self::HEAD);
        serde_json::to_writer(&mut length, wire).map_err(|_| RecordError::Corrupt)?;
        if length.0 > Self::MAX_LENGTH { Err(RecordError::TooLarge) } else { Ok(length.0) }
    }

    /// Decodes a session in any format this version knows.
    pub fn decode(&self) -> Result<SessionState, RecordError> {
        Self::decode_bytes(&self.0)
    }

    /// As [`decode`](Self::decode), from the bytes of a record that are kept somewhere else.
    pub fn decode_bytes(bytes: &[u8]) -> Result<SessionState, RecordError> {
        let state = match Self::decode_wire(bytes)? {
            Wire::Session(wire) => Session::from(*wire).into(),
            Wire::Tombstone(wire) => Tombstone::from(*wire).into(),
            Wire::Note(_) => return Err(RecordError::Note),
        };
        // What could not be written back would lose the session at the next commit.
        if nests_too_deep(&state) { Err(RecordError::TooLarge) } else { Ok(state) }
    }

    /// As [`decode_bytes`](Self::decode_bytes), of a note.
    pub fn decode_note_bytes(bytes: &[u8]) -> Result<Note, RecordError> {
        match Self::decode_wire(bytes)? {
            Wire::Note(note) => Ok(Note::new(note.data, note.keep_until_unix_ms)),
            Wire::Session(_) | Wire::Tombstone(_) => Err(RecordError::Corrupt),
        }
    }

    fn decode_wire(bytes: &[u8]) -> Result<Wire, RecordError> {
        match bytes {
            [m0, m1, Self::FORMAT, Self::PLAIN, ..] if [*m0, *m1] == Self::MAGIC && bytes.len() > Self::MAX_LENGTH => {
                Err(RecordError::TooLarge)
            }
            [m0, m1, Self::FORMAT, Self::PLAIN, payload @ ..] if [*m0, *m1] == Self::MAGIC => {
                // The parser's message could quote a token, so it goes no further.
                serde_json::from_slice(payload).map_err(|_| RecordError::Corrupt)
            }
            [m0, m1, Self::FORMAT, Self::SEALED, ..] if [*m0, *m1] == Self::MAGIC => Err(RecordError::Sealed),
            [m0, m1, format, protection, ..] if [*m0, *m1] == Self::MAGIC => {
                Err(RecordError::UnknownFormat { format: *format, protection: *protection })
            }
            _ => Err(RecordError::Corrupt),
        }
    }

    /// A record whose payload somebody sealed.
    pub fn sealed(payload: &[u8]) -> Self {
        Self([&Self::MAGIC[..], &[Self::FORMAT, Self::SEALED], payload].concat().into())
    }

    /// The payload of a sealed record. `None` if it is not one.
    pub fn sealed_payload(&self) -> Option<&[u8]> {
        match &*self.0 {
            [m0, m1, Self::FORMAT, Self::SEALED, payload @ ..] if [*m0, *m1] == Self::MAGIC => Some(payload),
            _ => None,
        }
    }

    /// A record from bytes that a store kept. Nothing is checked before [`decode`](Self::decode).
    pub fn from_bytes(mut bytes: Vec<u8>) -> Self {
        if bytes.len() == bytes.capacity() {
            return Self(bytes.into());
        }
        let record = Self(bytes.as_slice().into());
        bytes.zeroize();
        record
    }

    /// The bytes, for a store to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a record keeps in the clear is wiped.
impl Drop for Record {
    fn drop(&mut self) {
        if self.sealed_payload().is_none() {
            self.0.zeroize();
        }
    }
}

/// Counts what is written, and keeps nothing of it.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({} bytes)", self.0.len())
    }
}

/// Why a record cannot be read or written. The store's bytes are left as they are.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RecordError {
    /// The bytes are not a record. Sign in again, or restore the store.
    #[error("the stored record is damaged")]
    Corrupt,
    /// A newer version of this library wrote the record. Update this program.
    #[error("the stored record has format {format}/{protection}, which this version does not know")]
    UnknownFormat {
        /// The format byte.
        format: u8,
        /// The protection byte.
        protection: u8,
    },
    /// The session with its application data, or the record it is read from, is larger than [`Record::MAX_LENGTH`], or
    /// the data is nested deeper than [`Record::MAX_DEPTH`].
    #[error("the session is larger than a record may be")]
    TooLarge,
    /// The record is no session but a [`Note`] that a program keeps beside its sessions.
    #[error("the stored record is a note, and no session")]
    Note,
    /// The record is sealed, and this program has no key ring. Give it the one that sealed the record.
    #[error("the stored record is sealed, and there is no key ring to open it with")]
    Sealed,
    /// The record is not sealed, though it should be: it is older than the key ring, or somebody put it there.
    #[error("the stored record is not sealed; if it was stored before there was a key ring, seal it anew")]
    NotSealed,
    /// The record was sealed with a key that is not in the key ring. Give this program the newer ring, or the older key.
    #[error("the stored record is sealed with the key {key_id:016x}, which the key ring does not have")]
    UnknownKey {
        /// The key's id.
        key_id: u64,
    },
    /// The record is not what was sealed under this name and version: it was altered, or comes from another place.
    #[error("the stored record was altered, moved from another session, or rolled back")]
    Refused,
}

impl RecordError {
    /// What the caller can do about a record that cannot be read.
    pub fn kind(self) -> StoreErrorKind {
        match self {
            Self::Corrupt | Self::TooLarge | Self::Refused | Self::Note => StoreErrorKind::Corrupt,
            Self::UnknownFormat { .. } | Self::Sealed | Self::NotSealed | Self::UnknownKey { .. } => {
                StoreErrorKind::Misconfigured
            }
        }
    }
}

impl From<RecordError> for StoreError {
    fn from(error: RecordError) -> Self {
        Self::new(error.kind(), "read a record").because(error)
    }
}

/// Whether application data of `state`, or what its provider keeps, is nested deeper than a record may be.
fn nests_too_deep(state: &SessionState) -> bool {
    let (data, session) = match state {
        SessionState::Active(session) => (None, Some(&**session)),
        SessionState::Ended(tombstone) => (Some(&tombstone.data), tombstone.moving.as_deref()),
    };
    let of_session = session.into_iter().flat_map(|session| [&session.data, &session.provider_data]);
    let mut values = data.into_iter().chain(of_session).flat_map(SessionData::values);
    !values.all(|value| nests_at_most(Record::MAX_DEPTH, value))
}

/// Whether `value` has at most `levels` levels of arrays and objects.
fn nests_at_most(levels: usize, value: &Value) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| nests_at_most(levels - 1, item)),
        Value::Object(fields) => levels > 0 && fields.values().all(|field| nests_at_most(levels - 1, field)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WireRef<'a> {
    Session(Box<WireSessionRef<'a>>),
    Tombstone(WireTombstoneRef<'a>),
    Note(WireNoteRef<'a>),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Session(Box<WireSession>),
    Tombstone(Box<WireTombstone>),
    Note(WireNote),
}

#[derive(Serialize)]
struct WireNoteRef<'a> {
    data: &'a SessionData,
    keep_until_unix_ms: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WireNote {
    data: SessionData,
    keep_until_unix_ms: Option<Timestamp>,
}

// Written by reference, so that encoding makes no further copy of a token than the record itself.
#[derive(Serialize)]
struct WireSessionRef<'a> {
    provider_id: &'a ProviderId,
    issuer: &'a str,
    client_id: &'a str,
    subject: Option<&'a str>,
    sid: Option<&'a str>,
    auth_time_unix_s: Option<i64>,
    nonce: Option<&'a str>,
    sign_in_id: SignInId,
    signed_in_at_unix_ms: Timestamp,
    access_token: Option<&'a str>,
    token_type: &'a str,
    refresh_token: Option<&'a str>,
    id_token: Option<&'a str>,
    scope: Option<&'a Scopes>,
    expires_in_ms: Option<u64>,
    expires_at_hint_unix_ms: Option<Timestamp>,
    requested_at_unix_ms: Timestamp,
    received_at_unix_ms: Timestamp,
    unsettled_attempts: u32,
    data: &'a SessionData,
    #[serde(flatten)]
    tokens: WireTokenExtrasRef,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at_unix_ms: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested_scope: Option<&'a Scopes>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    resources: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    further_tokens: Vec<WireFurtherRef<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dpop: Option<WireDpopRef<'a>>,
    #[serde(skip_serializing_if = "SessionData::is_empty")]
    provider_data: &'a SessionData,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_limit_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at_unix_ms: Option<Timestamp>,
}

/// The access token of a further target.
#[derive(Serialize)]
struct WireFurtherRef<'a> {
    target: &'a Target,
    access_token: Option<&'a str>,
    token_type: &'a str,
    scope: Option<&'a Scopes>,
    expires_in_ms: Option<u64>,
    expires_at_hint_unix_ms: Option<Timestamp>,
    requested_at_unix_ms: Timestamp,
    received_at_unix_ms: Timestamp,
    #[serde(flatten)]
    extras: WireTokenExtrasRef,
}

/// What token sets have learned to hold since the first release.
#[derive(Serialize)]
struct WireTokenExtrasRef {
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended_expires_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token_expires_at_unix_ms: Option<Timestamp>,
}

#[derive(Serialize)]
struct WireDpopRef<'a> {
    key: &'a str,
    thumbprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

#[derive(Deserialize)]
struct WireSession {
    provider_id: ProviderId,
    issuer: String,
    client_id: String,
    subject: Option<String>,
    sid: Option<String>,
    auth_time_unix_s: Option<i64>,
    nonce: Option<String>,
    sign_in_id: SignInId,
    signed_in_at_unix_ms: Timestamp,
    access_token: Option<String>,
    token_type: TokenType,
    refresh_token: Option<String>,
    id_token: Option<String>,
    scope: Option<Scopes>,
    expires_in_ms: Option<u64>,
    expires_at_hint_unix_ms: Option<Timestamp>,
    requested_at_unix_ms: Timestamp,
    received_at_unix_ms: Timestamp,
    #[serde(default)]
    unsettled_attempts: u32,
    #[serde(default)]
    data: SessionData,
    refresh_in_ms: Option<u64>,
    extended_expires_in_ms: Option<u64>,
    refresh_token_expires_at_unix_ms: Option<Timestamp>,
    ends_at_unix_ms: Option<Timestamp>,
    requested_scope: Option<Scopes>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    further_tokens: Vec<WireFurther>,
    dpop: Option<WireDpop>,
    #[serde(default)]
    provider_data: SessionData,
    idle_limit_ms: Option<u64>,
    last_used_at_unix_ms: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WireFurther {
    target: Target,
    access_token: Option<String>,
    token_type: TokenType,
    scope: Option<Scopes>,
    expires_in_ms: Option<u64>,
    expires_at_hint_unix_ms: Option<Timestamp>,
    requested_at_unix_ms: Timestamp,
    received_at_unix_ms: Timestamp,
    refresh_in_ms: Option<u64>,
    extended_expires_in_ms: Option<u64>,
    refresh_token_expires_at_unix_ms: Option<Timestamp>,
}

#[derive(Deserialize)]
struct WireDpop {
    key: String,
    thumbprint: String,
    nonce: Option<String>,
}

#[derive(Serialize)]
struct WireTombstoneRef<'a> {
    reason: EndReason,
    error: Option<&'a str>,
    ended_at_unix_ms: Timestamp,
    provider_id: &'a ProviderId,
    issuer: &'a str,
    client_id: &'a str,
    subject: Option<&'a str>,
    sign_in_id: SignInId,
    data: &'a SessionData,
    #[serde(skip_serializing_if = "Option::is_none")]
    moving: Option<Box<WireSessionRef<'a>>>,
}

#[derive(Deserialize)]
struct WireTombstone {
    reason: EndReason,
    error: Option<String>,
    ended_at_unix_ms: Timestamp,
    provider_id: ProviderId,
    issuer: String,
    client_id: String,
    subject: Option<String>,
    sign_in_id: SignInId,
    #[serde(default)]
    data: SessionData,
    moving: Option<Box<WireSession>>,
}

impl<'a> From<&'a SessionState> for WireRef<'a> {
    fn from(state: &'a SessionState) -> Self {
        match state {
            SessionState::Active(session) => Self::Session(Box::new(WireSessionRef::of(session))),
            SessionState::Ended(tombstone) => Self::Tombstone(WireTombstoneRef {
                reason: tombstone.reason,
                error: tombstone.error.as_deref(),
                ended_at_unix_ms: tombstone.ended_at,
                provider_id: &tombstone.provider_id,
                issuer: &tombstone.issuer,
                client_id: &tombstone.client_id,
                subject: tombstone.subject.as_deref(),
                sign_in_id: tombstone.sign_in_id,
                data: &tombstone.data,
                moving: tombstone.moving.as_deref().map(|session| Box::new(WireSessionRef::of(session))),
            }),
        }
    }
}

impl<'a> WireSessionRef<'a> {
    fn of(session: &'a Session) -> Self {
        Self {
            provider_id: &session.provider_id,
            issuer: &session.issuer,
            client_id: &session.client_id,
            subject: session.subject.as_deref(),
            sid: session.sid.as_deref(),
            auth_time_unix_s: session.auth_time,
            nonce: session.nonce.as_deref(),
            sign_in_id: session.sign_in_id,
            signed_in_at_unix_ms: session.signed_in_at,
            access_token: session.tokens.access_token.as_ref().map(AccessToken::expose),
            token_type: session.tokens.token_type.as_str(),
            refresh_token: session.tokens.refresh_token.as_ref().map(RefreshToken::expose),
            id_token: session.tokens.id_token.as_ref().map(IdToken::expose),
            scope: session.tokens.scope.as_ref(),
            expires_in_ms: session.tokens.expires_in.map(millis),
            expires_at_hint_unix_ms: session.tokens.expires_at_hint,
            requested_at_unix_ms: session.tokens.requested_at,
            received_at_unix_ms: session.tokens.received_at,
            unsettled_attempts: session.unsettled_attempts,
            data: &session.data,
            tokens: WireTokenExtrasRef::of(&session.tokens),
            ends_at_unix_ms: session.ends_at,
            requested_scope: session.requested_scope.as_ref(),
            resources: &session.resources,
            further_tokens: session.further_tokens.iter().map(WireFurtherRef::of).collect(),
            dpop: session.dpop.as_ref().map(|dpop| WireDpopRef {
                key: dpop.key.expose(),
                thumbprint: &dpop.thumbprint,
                nonce: dpop.nonce.as_deref(),
            }),
            provider_data: &session.provider_data,
            idle_limit_ms: session.idle_limit.map(millis),
            last_used_at_unix_ms: session.last_used_at,
        }
    }
}

impl<'a> WireFurtherRef<'a> {
    fn of((target, tokens): (&'a Target, &'a TokenSet)) -> Self {
        Self {
            target,
            access_token: tokens.access_token.as_ref().map(AccessToken::expose),
            token_type: tokens.token_type.as_str(),
            scope: tokens.scope.as_ref(),
            expires_in_ms: tokens.expires_in.map(millis),
            expires_at_hint_unix_ms: tokens.expires_at_hint,
            requested_at_unix_ms: tokens.requested_at,
            received_at_unix_ms: tokens.received_at,
            extras: WireTokenExtrasRef::of(tokens),
        }
    }
}

impl WireTokenExtrasRef {
    fn of(tokens: &TokenSet) -> Self {
        Self {
            refresh_in_ms: tokens.refresh_in.map(millis),
            extended_expires_in_ms: tokens.extended_expires_in.map(millis),
            refresh_token_expires_at_unix_ms: tokens.refresh_token_expires_at,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<WireFurther> for (Target, TokenSet) {
    fn from(wire: WireFurther) -> Self {
        let mut tokens = TokenSet::new(wire.requested_at_unix_ms, wire.received_at_unix_ms);
        tokens.access_token = wire.access_token.map(AccessToken::new);
        tokens.token_type = wire.token_type;
        tokens.scope = wire.scope;
        tokens.expires_in = wire.expires_in_ms.map(Duration::from_millis);
        tokens.expires_at_hint = wire.expires_at_hint_unix_ms;
        tokens.refresh_in = wire.refresh_in_ms.map(Duration::from_millis);
        tokens.extended_expires_in = wire.extended_expires_in_ms.map(Duration::from_millis);
        tokens.refresh_token_expires_at = wire.refresh_token_expires_at_unix_ms;
        (wire.target, tokens)
    }
}

impl From<WireSession> for Session {
    fn from(wire: WireSession) -> Self {
        Self {
            provider_id: wire.provider_id,
            issuer: wire.issuer,
            client_id: wire.client_id,
            subject: wire.subject,
            sid: wire.sid,
            auth_time: wire.auth_time_unix_s,
            nonce: wire.nonce,
            sign_in_id: wire.sign_in_id,
            signed_in_at: wire.signed_in_at_unix_ms,
            ends_at: wire.ends_at_unix_ms,
            idle_limit: wire.idle_limit_ms.map(Duration::from_millis),
            last_used_at: wire.last_used_at_unix_ms,
            requested_scope: wire.requested_scope,
            resources: wire.resources,
            tokens: TokenSet {
                access_token: wire.access_token.map(AccessToken::new),
                token_type: wire.token_type,
                refresh_token: wire.refresh_token.map(RefreshToken::new),
                id_token: wire.id_token.map(IdToken::new),
                scope: wire.scope,
                expires_in: wire.expires_in_ms.map(Duration::from_millis),
                expires_at_hint: wire.expires_at_hint_unix_ms,
                refresh_in: wire.refresh_in_ms.map(Duration::from_millis),
                extended_expires_in: wire.extended_expires_in_ms.map(Duration::from_millis),
                refresh_token_expires_at: wire.refresh_token_expires_at_unix_ms,
                requested_at: wire.requested_at_unix_ms,
                received_at: wire.received_at_unix_ms,
            },
            further_tokens: wire.further_tokens.into_iter().map(Into::into).collect::<BTreeMap<_, _>>(),
            dpop: wire.dpop.map(|dpop| DpopBinding {
                key: DpopKey::new(dpop.key),
                thumbprint: dpop.thumbprint,
                nonce: dpop.nonce,
            }),
            unsettled_attempts: wire.unsettled_attempts,
            provider_data: wire.provider_data,
            data: wire.data,
        }
    }
}

impl From<WireTombstone> for Tombstone {
    fn from(wire: WireTombstone) -> Self {
        Self {
            reason: wire.reason,
            error: wire.error,
            ended_at: wire.ended_at_unix_ms,
            provider_id: wire.provider_id,
            issuer: wire.issuer,
            client_id: wire.client_id,
            subject: wire.subject,
            sign_in_id: wire.sign_in_id,
            data: wire.data,
            moving: wire.moving.map(|session| Box::new(Session::from(*session))),
        }
    }
}
