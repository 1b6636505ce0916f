//! [`Cloud`]: which of Microsoft's clouds a tenant is in.

/// Which of Microsoft's clouds a tenant is in (Microsoft identity platform, "National clouds").
///
/// Each has its own servers and its own app registrations. For one that is not listed, give its host to
/// [`EntraId::authority`](crate::EntraId::authority).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Cloud {
    /// The global one: `login.microsoftonline.com`.
    #[default]
    Public,
    /// Azure Government: `login.microsoftonline.us`.
    UsGovernment,
    /// Operated by 21Vianet in China: `login.partner.microsoftonline.cn`.
    China,
}

impl Cloud {
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Public => "login.microsoftonline.com",
            Self::UsGovernment => "login.microsoftonline.us",
            Self::China => "login.partner.microsoftonline.cn",
        }
    }
}
