//! Sessions of the console: what a sign-in is worth, and for how long.
//!
//! A session stands for one sign-in of one account. It ends by rule (idle, or after its longest time), because a person
//! ended it, or with the account. What a token would say of the caller (roles, when they signed in, which factor) is kept
//! as the identity provider said it at the sign-in, and counts no longer than a token would.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::canonical::Digest;
use crate::decision::FactorClaims;
use crate::ids::{ApplicationId, ObjectId, SessionId, TenantId, UserId};
use crate::roles::Roles;

/// How long (seconds) a session lasts that nobody uses.
pub const IDLE_SECONDS: i64 = 30 * 60;
/// How long (seconds) a session lasts at the most.
pub const ABSOLUTE_SECONDS: i64 = 8 * 3_600;
/// How old (seconds) the roles in a session may be: then the identity provider is asked again.
pub const ROLES_SECONDS: i64 = 60 * 60;
/// How long ago (seconds) a person may have signed in to decide on something or to configure.
pub const RECENT_SECONDS: i64 = 15 * 60;
/// How often (seconds) it is written down that a session is in use; the idle limit is that inexact.
pub const SEEN_SECONDS: i64 = 60;
/// Most sessions of one account; a further one ends the oldest.
pub const MOST_SESSIONS: usize = 10;
/// How far (seconds) the identity provider's clock may be ahead of ours.
const AHEAD_SECONDS: i64 = 60;

/// Whose a session is. The account decides, not the person: linked accounts sign in each for themselves.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// The tenant.
    pub tenant: TenantId,
    /// The object id.
    pub object_id: ObjectId,
    /// The provisioned user, with their application, if there was one at the sign-in.
    pub user: Option<(ApplicationId, UserId)>,
}

/// A session.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id, by which people and audit events name it. Worth nothing to who knows it.
    pub id: SessionId,
    /// SHA-256 of the secret in the cookie.
    pub hash: Digest,
    /// Whose it is.
    pub account: Account,
    /// App roles, as the identity provider gave them.
    pub roles: Roles,
    /// When it gave them.
    pub roles_at: Timestamp,
    /// When the person last proved who they are (`auth_time`).
    pub signed_in_at: Timestamp,
    /// Whether that sign-in satisfied the configured authentication context (`acrs`).
    pub acrs_context: bool,
    /// The ID token's id (`uti`), where it has one.
    pub token_id: Option<String>,
    /// When the session began.
    pub created_at: Timestamp,
    /// Which browser, in the few words of [`browser`].
    pub browser: String,
}

/// Why a session is of no use any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lapsed {
    /// Nobody used it for [`IDLE_SECONDS`].
    Idle,
    /// It has lasted [`ABSOLUTE_SECONDS`].
    Absolute,
    /// Its roles are older than [`ROLES_SECONDS`].
    Roles,
}

/// Why a session was ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionEnd {
    /// The person signed out.
    SignedOut,
    /// The person ended it from another session.
    Revoked,
    /// A new sign-in in the same browser took its place.
    Replaced,
    /// The account had too many.
    TooMany,
    /// The account was switched off or deleted.
    UserDeactivated,
    /// An admin ended all sessions of the account.
    EndedByAdmin,
}

impl SessionEnd {
    /// The name in audit events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::TooMany => "too_many",
            Self::UserDeactivated => "user_deactivated",
            Self::EndedByAdmin => "ended_by_admin",
        }
    }
}

impl Session {
    /// Whether the session still counts at `now`, having been used last at `seen` (its beginning counts as a use).
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&self, seen: Option<Timestamp>, now: Timestamp) -> Result<(), Lapsed> {
        if now.seconds_since(self.created_at) >= ABSOLUTE_SECONDS {
            return Err(Lapsed::Absolute);
        }
        if now.seconds_since(self.last_seen(seen)) >= IDLE_SECONDS {
            return Err(Lapsed::Idle);
        }
        if now.seconds_since(self.roles_at) >= ROLES_SECONDS {
            return Err(Lapsed::Roles);
        }
        Ok(())
    }

    /// When the session was used last, as far as it was written down.
    #[must_use]
    pub fn last_seen(&self, seen: Option<Timestamp>) -> Timestamp {
        seen.unwrap_or(self.created_at).max(self.created_at)
    }

    /// Whether it is time to write down that the session is in use.
    #[must_use]
    pub fn wants_seen(&self, seen: Option<Timestamp>, now: Timestamp) -> bool {
        now.seconds_since(self.last_seen(seen)) >= SEEN_SECONDS
    }

    /// Whether the person signed in within [`RECENT_SECONDS`].
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        signed_in_within(self.signed_in_at, RECENT_SECONDS, now)
    }

    /// What the sign-in says about factors. ID tokens of version 2 tell of them in `acrs` alone.
    #[must_use]
    pub fn factor(&self) -> FactorClaims {
        FactorClaims {
            auth_time: Some(self.signed_in_at),
            amr_mfa: false,
            acrs_context: self.acrs_context,
            token_id: self.token_id.clone(),
        }
    }

    /// Until when the session can count at the most.
    #[must_use]
    pub const fn ends_at(&self) -> Timestamp {
        self.created_at.plus_seconds(ABSOLUTE_SECONDS)
    }
}

/// Whether a sign-in at `signed_in_at` is at most `seconds` old at `now`. One "in the future", beyond what clocks differ,
/// is as little proof as an old one.
#[must_use]
pub fn signed_in_within(signed_in_at: Timestamp, seconds: i64, now: Timestamp) -> bool {
    (-AHEAD_SECONDS..=seconds).contains(&now.seconds_since(signed_in_at))
}

/// Which browser sends this `User-Agent`, in words of ours: what people recognise a session by. None of the header's own
/// text is kept.
#[must_use]
pub fn browser(user_agent: &str) -> String {
    // In this order: browsers name those they descend from.
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let named = |names: &[(&str, &'static str)]| {
        names
            .iter()
            .find(|(mark, _)| user_agent.contains(mark))
            .map(|(_, name)| *name)
    };
    let browser = named(&BROWSERS).unwrap_or("A browser");
    match named(&SYSTEMS) {
        Some(system) => format!("{browser} on {system}"),
        None => browser.to_owned(),
    }
}

/// Whether `path` is a place of our own to go to after a sign-in (abuse case 22): an absolute path, with or without a
/// query, which no browser reads as another host. Browsers drop tabs and line breaks, take `\` for `/`, and read two
/// slashes as the beginning of a host (WHATWG URL, "URL parsing"), hence a list of what is allowed instead of what is not.
#[must_use]
pub fn is_own_path(path: &str) -> bool {
    /// Longest path that is kept.
    const LONGEST: usize = 4_096;
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'~' | b'/' | b':');
    // With the sub-delimiters of RFC 3986 (section 2.2), which `encodeURIComponent` leaves as they are, and what browsers
    // send as it is in a query (WHATWG URL, "query percent-encode set"): after the `?`, nothing makes another host. Not
    // `\`, which is in no address that somebody means.
    let in_query = |c: u8| {
        plain(c)
            || matches!(
                c,
                b'=' | b'&' | b'%' | b'+' | b',' | b'#' | b'!' | b'$' | b'\'' | b'(' | b')' | b'*' | b';'
            )
            || matches!(c, b'@' | b'[' | b']' | b'|' | b'?' | b'^' | b'`' | b'{' | b'}')
    };
    path.len() <= LONGEST
        && place.starts_with('/')
        && !place.contains("//")
        && !place.split('/').any(|part| matches!(part, "." | ".."))
        && place.bytes().all(plain)
        && query.bytes().all(in_query)
        // Nothing of the sign-in itself: coming back there would go in a circle.
        && place != "/auth"
        && (!place.starts_with("/auth/") || place == "/auth/sessions")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const BEGAN: Timestamp = Timestamp::from_seconds(1_000_000);

    fn session() -> Session {
        Session {
            id: SessionId::new(Uuid::from_u128(1)),
            hash: Digest::of(b"secret"),
            account: Account {
                tenant: TenantId::new(Uuid::from_u128(2)),
                object_id: ObjectId::new(Uuid::from_u128(3)),
                user: None,
            },
            roles: Roles::new(),
            roles_at: BEGAN,
            signed_in_at: BEGAN.plus_seconds(-10),
            acrs_context: false,
            token_id: None,
            created_at: BEGAN,
            browser: "Firefox on Linux".to_owned(),
        }
    }

    fn after(seconds: i64) -> Timestamp {
        BEGAN.plus_seconds(seconds)
    }

    #[test]
    fn a_session_that_nobody_uses_lapses() {
        assert_eq!(session().check(None, after(IDLE_SECONDS - 1)), Ok(()));
        assert_eq!(session().check(None, after(IDLE_SECONDS)), Err(Lapsed::Idle));
        assert_eq!(session().check(Some(after(600)), after(IDLE_SECONDS)), Ok(()));
        let seen = Some(after(-999));
        assert_eq!(session().check(seen, after(IDLE_SECONDS - 1)), Ok(()), "{seen:?}");
    }

    #[test]
    fn no_use_makes_a_session_last_longer_than_it_may() {
        let mut session = session();
        session.roles_at = after(ABSOLUTE_SECONDS - 10);
        let seen = Some(after(ABSOLUTE_SECONDS - 2));
        assert_eq!(session.check(seen, after(ABSOLUTE_SECONDS - 1)), Ok(()));
        assert_eq!(session.check(seen, after(ABSOLUTE_SECONDS)), Err(Lapsed::Absolute));
    }

    #[test]
    fn roles_count_for_an_hour() {
        let seen = Some(after(ROLES_SECONDS - 2));
        assert_eq!(session().check(seen, after(ROLES_SECONDS - 1)), Ok(()));
        assert_eq!(session().check(seen, after(ROLES_SECONDS)), Err(Lapsed::Roles));
    }

    #[test]
    fn a_sign_in_is_recent_for_a_quarter_of_an_hour() {
        let mut session = session();
        session.signed_in_at = BEGAN;
        assert!(session.is_recent(after(RECENT_SECONDS)));
        assert!(!session.is_recent(after(RECENT_SECONDS + 1)));
        assert!(session.is_recent(after(-AHEAD_SECONDS)));
        assert!(!session.is_recent(after(-AHEAD_SECONDS - 1)));
    }

    #[test]
    fn a_use_is_written_down_once_a_minute() {
        assert!(!session().wants_seen(None, after(SEEN_SECONDS - 1)));
        assert!(session().wants_seen(None, after(SEEN_SECONDS)));
        assert!(!session().wants_seen(Some(after(30)), after(SEEN_SECONDS)));
    }

    #[test]
    fn a_session_says_of_factors_what_the_sign_in_said() {
        let mut session = session();
        assert!(session.factor().evidence(Ok(()), BEGAN).is_err());
        session.acrs_context = true;
        assert!(session.factor().evidence(Ok(()), BEGAN).is_ok());
        assert!(session.factor().evidence(Ok(()), after(301)).is_err());
    }

    #[test]
    fn a_browser_is_named_in_words_of_ours() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(
            browser(
                &chrome
                    .replace("X11; Linux x86_64", "Windows NT 10.0")
                    .replace("537.36", "537.36 Edg/148")
            ),
            "Edge on Windows"
        );
        assert_eq!(
            browser("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1"),
            "Safari on iPhone"
        );
        assert_eq!(browser("<script>alert(1)</script>\u{202e}"), "A browser");
    }

    #[test]
    fn only_a_path_of_our_own_is_gone_to() {
        for own in [
            "/",
            "/inbox",
            "/inbox/01a2-b3?tab=mine&page=2",
            "/passkeys",
            "/auth/sessions",
            "/history?from=2026-11-01T00%3A00%3A00Z",
            "/request?justification=Restart%20(INC-1)!%20It's%20*down*;%20now",
            "/request?entitlement=7&justification=[INC-1042]%20ask%20kim@contoso.example",
            "/request?justification=up|down?%20{pool}%20`restart`%20^2",
            "/history?q=https://fabrikam.example",
        ] {
            assert!(is_own_path(own), "{own}");
        }
        for other in [
            "",
            "inbox",
            "//fabrikam.example",
            "///fabrikam.example",
            "/\\fabrikam.example",
            "\\\\fabrikam.example",
            "/inbox//fabrikam.example",
            "https://fabrikam.example",
            "https:fabrikam.example",
            "javascript:alert(1)",
            "/@fabrikam.example",
            "/%2f%2ffabrikam.example",
            "/%5cfabrikam.example",
            "/\t/fabrikam.example",
            "/\r\nLocation: https://fabrikam.example",
            "/inbox?x=\r\nSet-Cookie: a=b",
            "/inbox?\u{202e}",
            "/inbox?x=\\\\fabrikam.example",
            "/inbox?x=\\@fabrikam.example",
            "/request?q=<script>",
            "/request?q=\"x\"",
            "/request?q=two words",
            "/request?q=\t",
            "/request?q=\0",
            "//fabrikam.example?x=[1]@",
            "//kim@fabrikam.example?x=1",
            "/[::1]?x=1",
            "/kim@fabrikam.example?x=1",
            "/inbox|x?x=1",
            "?x=@fabrikam.example",
            "?/inbox",
            "/\u{ff0f}fabrikam.example",
            "/./",
            "/..//fabrikam.example",
            "/inbox/../x",
            " /inbox",
            "/auth/sign-in",
            "/auth/callback?code=1",
            "/auth",
        ] {
            assert!(!is_own_path(other), "{other:?}");
        }
        assert!(!is_own_path(&format!("/{}", "a".repeat(4_096))));
    }
}
