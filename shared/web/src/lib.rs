//! What the HTTP functions share: who calls, what they sent, and how they are answered.
//!
//! Every route that tells or changes anything of an application verifies the caller itself ([`extract::Authenticated`],
//! [`session::Console`]); there is no authorizer in front. Errors are
//! problem details (RFC 9457) with a stable `type`, a sentence, and the field at fault ([`problem`]).
//!
//! Routes under `/v1` take bearer tokens and answer JSON. Page routes take the session's cookie ([`session::Console`]),
//! change something only for [`csrf::Form`]s of our own pages, and answer pages ([`page`]) in the reader's language
//! ([`words`]) and theme ([`look`]).

pub mod assets;
pub mod cookies;
pub mod cors;
pub mod csrf;
pub mod extract;
pub mod fields;
pub mod look;
pub mod page;
pub mod problem;
pub mod serve;
pub mod session;
pub mod views;
pub mod words;

use std::sync::Arc;

use hourglass_app::ports::Core;
use hourglass_app::ports::tokens::TokenVerifier;

/// What the routes of an HTTP function need.
#[derive(Clone, Debug)]
pub struct Api {
    /// The table, the time and new ids.
    pub core: Core,
    /// Verifies access tokens.
    pub tokens: Arc<dyn TokenVerifier>,
    /// How a caller is told to prove more.
    pub step_up: Arc<StepUp>,
    /// Which of the functions this is: part of the keys of stored answers.
    pub function: &'static str,
}

/// What a claims challenge has to say (Microsoft identity platform, "Claims challenges, claims requests, and client
/// capabilities").
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepUp {
    /// Base of the token service, without a trailing slash.
    pub login: String,
    /// The Conditional Access authentication context that approvals need, such as `c1`.
    pub auth_context: String,
}

impl Api {
    /// The routes' needs. `login` is the base of the token service.
    #[must_use]
    pub fn new(
        core: Core,
        tokens: Arc<dyn TokenVerifier>,
        login: String,
        auth_context: String,
        function: &'static str,
    ) -> Self {
        Self {
            core,
            tokens,
            step_up: Arc::new(StepUp { login, auth_context }),
            function,
        }
    }

    /// The origin of our own pages: from the configuration, never from a header.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.core.settings.public_url
    }
}
