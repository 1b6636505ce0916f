//! [`TargetFlags`]: which access token of a session, as the command line says it.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use oidc_session_core::{Scopes, Session, SessionState, Target};

use crate::context::Context;
use crate::failure::Failure;
use crate::saved_session::SavedSession;

/// Which access token, for sessions that have several.
#[derive(Args, Clone, Debug)]
pub(crate) struct TargetFlags {
    /// The access token for this resource server, named at the sign-in by `login --resource` [default: the sign-in's own]
    #[arg(long, value_name = "URI", value_parser = NonEmptyStringValueParser::new())]
    resource: Option<String>,

    /// The access token with this scope [default: what the server decides]
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    scope: Option<String>,
}

impl TargetFlags {
    /// What was chosen.
    pub(crate) fn target(&self) -> Target {
        let target = self.resource.as_ref().map_or_else(Target::default, Target::resource);
        target.scopes(Scopes::parse(self.scope.as_deref().unwrap_or_default()))
    }

    /// What to do about a refusal of the server, or of its dialect, to issue this access token.
    pub(crate) fn advise(&self, failure: Failure, context: &Context, saved: &SavedSession) -> Failure {
        let SessionState::Active(session) = &saved.state else { return failure };
        match &self.resource {
            // The word of the session manager: what this program itself finds wrong has words of its own, and hints.
            Some(resource) if failure.has_reason("misconfigured") && !names(session, resource) => {
                let mut again = saved.registration.clone();
                again.settings.resources.push(resource.clone());
                // The device flow names no resources.
                again.settings.device = false;
                let command = again.login_command(&context.session, &[]);
                failure.hint(format!("the sign-in named no such resource; sign in with it: {command}"))
            }
            _ => failure,
        }
    }
}

fn names(session: &Session, resource: &str) -> bool {
    session.resources.iter().any(|named| named == resource)
}
