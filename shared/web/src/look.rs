//! How somebody wants pages to look: language and theme, kept in a cookie of its own, which says nothing of who they are.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

use crate::cookies;
use crate::words::{Language, Words};

/// The cookie. Any value but those of [`Look::cookie`] counts as none.
const COOKIE: &str = "hourglass-look";
/// How long a browser keeps it (seconds): a year.
const KEPT_SECONDS: i64 = 31_536_000;

/// Light or dark.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// Its name in forms, in the cookie and in the style sheet.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The message with its name for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::System => "theme-system",
            Self::Light => "theme-light",
            Self::Dark => "theme-dark",
        }
    }

    /// The theme of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.name() == name)
    }
}

/// Language and theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// The language.
    pub language: Language,
    /// The theme.
    pub theme: Theme,
}

impl Look {
    /// What a browser's call asks for: what was chosen before, else the language it prefers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let chosen = cookies::read(headers, COOKIE).and_then(|value| {
            let (language, theme) = value.split_once('.')?;
            Some(Self {
                language: Language::from_tag(language)?,
                theme: Theme::from_name(theme)?,
            })
        });
        chosen.unwrap_or_else(|| Self {
            language: Language::asked_for(headers).unwrap_or_default(),
            theme: Theme::default(),
        })
    }

    /// The texts in its language.
    #[must_use]
    pub const fn words(self) -> Words {
        Words::new(self.language)
    }

    /// The `Set-Cookie` that keeps it.
    #[must_use]
    pub fn cookie(self) -> Option<HeaderValue> {
        let value = format!("{}.{}", self.language.tag(), self.theme.name());
        cookies::set(COOKIE, &value, Some(KEPT_SECONDS))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Look {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use http::header;

    use super::*;

    fn headers(cookie: Option<&str>, language: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut put = |name, value: Option<&str>| value.map(|value| headers.insert(name, value.parse().unwrap()));
        put(header::COOKIE, cookie);
        put(header::ACCEPT_LANGUAGE, language);
        headers
    }

    #[test]
    fn what_was_chosen_counts_before_what_the_browser_prefers() {
        let german = Look {
            language: Language::German,
            theme: Theme::Dark,
        };
        assert_eq!(Look::of(&headers(Some("hourglass-look=de.dark"), Some("en"))), german);
        let cookie = german.cookie().unwrap();
        let kept = cookie.to_str().unwrap().split(';').next().unwrap();
        assert_eq!(Look::of(&headers(Some(kept), None)), german);
    }

    #[test]
    fn without_a_choice_the_browser_says_the_language() {
        for (asked, language) in [
            ("de-AT,de;q=0.9,en;q=0.8", Language::German),
            ("en;q=0.4, de;q=0.7", Language::German),
            ("fr, de;q=0", Language::English),
            ("", Language::English),
            ("xx;q=high, de", Language::German),
        ] {
            assert_eq!(Look::of(&headers(None, Some(asked))).language, language, "{asked}");
        }
        for nonsense in ["hourglass-look=de", "hourglass-look=xx.dark", "hourglass-look=de.<b>"] {
            assert_eq!(Look::of(&headers(Some(nonsense), None)), Look::default(), "{nonsense}");
        }
    }
}
