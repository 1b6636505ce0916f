//! Sessions as providers grant them.

use std::time::Duration;

use oidc_session_core::{
    AccessToken, Clock as _, IdToken, ProviderId, Record, RefreshToken, Scopes, Session, SessionState, SignInId,
    SystemClock, Timestamp, TokenSet,
};

/// How long the access tokens are that are asked for, in bytes.
pub const ACCESS_TOKEN_LENGTH: usize = 1_024;

/// How long the refresh tokens are that are spent, in bytes.
pub(crate) const REFRESH_TOKEN_LENGTH: usize = 43;

/// A session whose access token, of [`ACCESS_TOKEN_LENGTH`], was granted just now and lives for a day.
pub fn fresh_session() -> Session {
    let now = SystemClock.now();
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = Some(AccessToken::new(text(ACCESS_TOKEN_LENGTH)));
    tokens.refresh_token = Some(RefreshToken::new(text(REFRESH_TOKEN_LENGTH)));
    tokens.expires_in = Some(Duration::from_secs(86_400));
    Session::new(ProviderId::new("bench"), "https://login.example", "app", tokens)
}

/// The same, expired.
pub fn expired_session() -> Session {
    fresh_session().into_expired(SystemClock.now())
}

/// A token of so many bytes.
pub fn opaque_token(length: usize) -> String {
    text(length)
}

/// Opaque tokens of 43 characters, which is 256 bits in base64url; no ID token.
pub fn small_session() -> Session {
    let mut tokens = token_set();
    tokens.access_token = Some(AccessToken::new(text(43)));
    tokens.refresh_token = Some(RefreshToken::new(text(43)));
    session(tokens)
}

/// What most providers grant: three signed tokens, the access token of 1,200 characters, the refresh token of 700, the
/// ID token of 1,000.
pub fn medium_session() -> Session {
    let mut tokens = token_set();
    tokens.access_token = Some(AccessToken::new(text(1_200)));
    tokens.refresh_token = Some(RefreshToken::new(text(700)));
    tokens.id_token = Some(IdToken::new(text(1_000)));
    session(tokens)
}

/// The medium one, with as much application data as a record takes.
pub fn largest_session() -> Session {
    let mut session = medium_session();
    session.data.insert("notes".to_owned(), String::new().into());
    let room = Record::MAX_LENGTH - record_length(&session);
    session.data.insert("notes".to_owned(), text(room).into());
    session
}

fn token_set() -> TokenSet {
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let mut tokens = TokenSet::new(now, now);
    tokens.expires_in = Some(Duration::from_secs(3_600));
    tokens.scope = Some(Scopes::parse("openid profile email offline_access"));
    tokens
}

fn session(tokens: TokenSet) -> Session {
    let mut session = Session::new(ProviderId::new("oidc"), "https://login.example/realms/app", "app", tokens);
    // Each time of the same length.
    session.sign_in_id = SignInId::from_u64(u64::MAX);
    session.subject = Some(text(36));
    session.sid = Some(text(36));
    session.auth_time = Some(1_700_000_000);
    session.nonce = Some(text(43));
    session
}

fn record_length(session: &Session) -> usize {
    Record::encode(&SessionState::from(session.clone())).map_or(Record::MAX_LENGTH, |record| record.as_bytes().len())
}

/// Characters of base64url, in which nothing has to be escaped.
fn text(length: usize) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    ALPHABET.chars().cycle().take(length).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_session_fills_a_record_to_the_last_byte() {
        assert_eq!(record_length(&largest_session()), Record::MAX_LENGTH);
        assert!(Record::encode(&largest_session().into()).is_ok());
    }
}
