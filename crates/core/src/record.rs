//! [`Record`]: a session as bytes. The one place where sessions are encoded.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    AccessToken, EndReason, IdToken, ProviderId, RefreshToken, Scopes, Session, SessionData, SessionState, SignInId,
    Timestamp, TokenSet, TokenType, Tombstone,
};

/// What a store keeps: bytes that only this module reads.
///
/// Layout: the magic `OS`, one byte of format version, one byte that says how the payload is protected, the payload.
/// Format 1, protection 0 is plain JSON with explicit units in its field names. Readers accept every format ever
/// written; fields that a later minor version adds are optional.
///
/// `Debug` shows only the length, and the bytes are wiped on drop.
#[derive(Clone, Eq, PartialEq)]
pub struct Record(Zeroizing<Vec<u8>>);

impl Record {
    /// The largest record any store must accept, in bytes.
    pub const MAX_LENGTH: usize = 256 * 1024;
    /// How deep application data may be nested: deeper than this, what is written could not be read back.
    pub const MAX_DEPTH: usize = 64;

    const MAGIC: [u8; 2] = *b"OS";
    const FORMAT: u8 = 1;
    const PLAIN: u8 = 0;

    /// Encodes a state in the newest format.
    pub fn encode(state: &SessionState) -> Result<Self, RecordError> {
        let data = match state {
            SessionState::Active(session) => &session.data,
            SessionState::Ended(tombstone) => &tombstone.data,
        };
        if !data.values().all(|value| nests_at_most(Self::MAX_DEPTH, value)) {
            return Err(RecordError::TooLarge);
        }
        let mut bytes = Zeroizing::new(vec![Self::MAGIC[0], Self::MAGIC[1], Self::FORMAT, Self::PLAIN]);
        serde_json::to_writer(&mut *bytes, &WireRef::from(state)).map_err(|_| RecordError::Corrupt)?;
        if bytes.len() > Self::MAX_LENGTH { Err(RecordError::TooLarge) } else { Ok(Self(bytes)) }
    }

    /// Decodes any format this version knows.
    pub fn decode(&self) -> Result<SessionState, RecordError> {
        match self.0.as_slice() {
            [m0, m1, Self::FORMAT, Self::PLAIN, payload @ ..] if [*m0, *m1] == Self::MAGIC => {
                // The parser's message could quote a token, so it goes no further.
                let wire: Wire = serde_json::from_slice(payload).map_err(|_| RecordError::Corrupt)?;
                Ok(wire.into())
            }
            [m0, m1, format, protection, ..] if [*m0, *m1] == Self::MAGIC => {
                Err(RecordError::UnknownFormat { format: *format, protection: *protection })
            }
            _ => Err(RecordError::Corrupt),
        }
    }

    /// A record from bytes that a store kept. Nothing is checked before [`decode`](Self::decode).
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for a store to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
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
    /// The session with its application data is larger than [`Record::MAX_LENGTH`], or the data is nested deeper than
    /// [`Record::MAX_DEPTH`].
    #[error("the session is larger than a record may be")]
    TooLarge,
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
    Session(WireSessionRef<'a>),
    Tombstone(WireTombstoneRef<'a>),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wire {
    Session(Box<WireSession>),
    Tombstone(Box<WireTombstone>),
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
}

impl<'a> From<&'a SessionState> for WireRef<'a> {
    fn from(state: &'a SessionState) -> Self {
        match state {
            SessionState::Active(session) => Self::Session(WireSessionRef {
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
                expires_in_ms: session
                    .tokens
                    .expires_in
                    .map(|lifetime| u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)),
                expires_at_hint_unix_ms: session.tokens.expires_at_hint,
                requested_at_unix_ms: session.tokens.requested_at,
                received_at_unix_ms: session.tokens.received_at,
                unsettled_attempts: session.unsettled_attempts,
                data: &session.data,
            }),
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
            }),
        }
    }
}

impl From<Wire> for SessionState {
    fn from(wire: Wire) -> Self {
        match wire {
            Wire::Session(wire) => Session {
                provider_id: wire.provider_id,
                issuer: wire.issuer,
                client_id: wire.client_id,
                subject: wire.subject,
                sid: wire.sid,
                auth_time: wire.auth_time_unix_s,
                nonce: wire.nonce,
                sign_in_id: wire.sign_in_id,
                signed_in_at: wire.signed_in_at_unix_ms,
                tokens: TokenSet {
                    access_token: wire.access_token.map(AccessToken::new),
                    token_type: wire.token_type,
                    refresh_token: wire.refresh_token.map(RefreshToken::new),
                    id_token: wire.id_token.map(IdToken::new),
                    scope: wire.scope,
                    expires_in: wire.expires_in_ms.map(Duration::from_millis),
                    expires_at_hint: wire.expires_at_hint_unix_ms,
                    requested_at: wire.requested_at_unix_ms,
                    received_at: wire.received_at_unix_ms,
                },
                unsettled_attempts: wire.unsettled_attempts,
                data: wire.data,
            }
            .into(),
            Wire::Tombstone(wire) => Tombstone {
                reason: wire.reason,
                error: wire.error,
                ended_at: wire.ended_at_unix_ms,
                provider_id: wire.provider_id,
                issuer: wire.issuer,
                client_id: wire.client_id,
                subject: wire.subject,
                sign_in_id: wire.sign_in_id,
                data: wire.data,
            }
            .into(),
        }
    }
}
