//! An authorization server, with rotation and reuse detection or without, as small as it can be.

/// A grant; its number names the access token, and the refresh token if there was a new one.
pub(crate) type Token = u8;

/// Which access token a process wants: the session's own, or one for a further target (RFC 8707).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Target {
    Own,
    Further,
}

/// What one answer brings: an access token, and the refresh token from then on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Grant {
    pub(crate) access: Token,
    pub(crate) refresh: Token,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Server {
    families: Vec<Family>,
    next: Token,
    /// The access tokens that are for the further target.
    for_further: Tokens,
    rotates: bool,
    reuse_window: bool,
}

/// The tokens of one sign-in.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
struct Family {
    live: Tokens,
    spent: Tokens,
    last_spent: Option<Token>,
    revoked: bool,
}

/// A set of tokens.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Tokens(u32);

impl Tokens {
    pub(crate) fn of(token: Token) -> Self {
        Self(1 << token)
    }

    pub(crate) fn insert(&mut self, token: Token) {
        self.0 |= 1 << token;
    }

    pub(crate) fn contains(self, token: Token) -> bool {
        self.0 & (1 << token) != 0
    }

    fn remove(&mut self, token: Token) {
        self.0 &= !(1 << token);
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Reply {
    Granted(Grant),
    Rejected,
    ReuseDetected,
}

impl Server {
    pub(crate) fn new(rotates: bool, reuse_window: bool) -> Self {
        Self { families: Vec::new(), next: 0, for_further: Tokens::default(), rotates, reuse_window }
    }

    pub(crate) fn sign_in(&mut self) -> Token {
        let token = self.issue();
        self.families.push(Family { live: Tokens::of(token), ..Family::default() });
        token
    }

    pub(crate) fn refresh(&mut self, token: Token, target: Target) -> Reply {
        let successor = self.next;
        let (rotates, window) = (self.rotates, self.reuse_window);
        let Some(family) = self.family(token) else {
            return Reply::Rejected;
        };
        if family.revoked {
            return Reply::Rejected;
        }
        let live = family.live.contains(token);
        if live || (window && family.last_spent == Some(token)) {
            if live && rotates {
                family.live.remove(token);
                family.spent.insert(token);
                family.last_spent = Some(token);
            }
            let refresh = if rotates { successor } else { token };
            family.live.insert(refresh);
            if target == Target::Further {
                self.for_further.insert(successor);
            }
            return Reply::Granted(Grant { access: self.issue(), refresh });
        }
        family.revoked = true;
        family.live = Tokens::default();
        Reply::ReuseDetected
    }

    /// RFC 7009: a token that is not live is no error, and nothing happens.
    pub(crate) fn revoke(&mut self, token: Token) {
        if let Some(family) = self.family(token)
            && family.live.contains(token)
        {
            family.revoked = true;
            family.live = Tokens::default();
        }
    }

    /// An administrator ends a sign-in.
    pub(crate) fn revoke_family(&mut self, token: Token) {
        if let Some(family) = self.family(token) {
            family.revoked = true;
            family.live = Tokens::default();
        }
    }

    pub(crate) fn is_live(&self, token: Token) -> bool {
        self.families.iter().any(|family| !family.revoked && family.live.contains(token))
    }

    pub(crate) fn granted_for(&self, access: Token) -> Target {
        if self.for_further.contains(access) { Target::Further } else { Target::Own }
    }

    /// Whether any token of the same sign-in is still good.
    pub(crate) fn any_live_beside(&self, token: Token) -> bool {
        self.families.iter().any(|family| family.has(token) && !family.live.is_empty())
    }

    fn issue(&mut self) -> Token {
        self.next += 1;
        self.next - 1
    }

    fn family(&mut self, token: Token) -> Option<&mut Family> {
        self.families.iter_mut().find(|family| family.has(token))
    }
}

impl Family {
    fn has(&self, token: Token) -> bool {
        self.live.contains(token) || self.spent.contains(token)
    }
}
