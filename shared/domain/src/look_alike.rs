//! Names that can be taken for one another.
//!
//! An approver reads names, and whoever chooses a name can choose one that looks like somebody else's. Two names look
//! alike when they have the same *skeleton* (Unicode Technical Standard 39, section 4), here without regard to letter case
//! and spaces. That is a hint for a person: nothing is decided by it.

use unicode_security::MixedScript as _;

use crate::canonical::Digest;
use crate::directory::User;

/// Which of a user's names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NameKind {
    /// The display name.
    Display,
    /// The name that one signs in with.
    SignIn,
}

impl NameKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Display, Self::SignIn];

    /// The name of the kind, in marks.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Display => "display",
            Self::SignIn => "sign-in",
        }
    }

    /// The user's name of this kind.
    #[must_use]
    pub fn of(self, user: &User) -> Option<&str> {
        match self {
            Self::Display => user.display_name.as_deref(),
            Self::SignIn => Some(&user.user_name),
        }
    }

    /// Under which mark the users are found whose name looks like this one; `None` for one of spaces alone.
    #[must_use]
    pub fn mark(self, name: &str) -> Option<Digest> {
        let skeleton = skeleton(name);
        let marked = || Digest::of(format!("looks-like\n{}\n{skeleton}", self.name()).as_bytes());
        (!skeleton.is_empty()).then(marked)
    }
}

/// What two names that look alike have in common.
#[must_use]
pub fn skeleton(name: &str) -> String {
    // The skeleton comes first: in lower case, a capital I could not be taken for an l any more.
    let skeleton: String = unicode_security::skeleton(name).collect();
    skeleton.to_lowercase().split_whitespace().collect::<Vec<_>>().concat()
}

/// Whether a word of the name is written in letters of more than one script, such as a Cyrillic а among Latin letters. A
/// given name and a family name may each have their own.
#[must_use]
pub fn mixes_scripts(name: &str) -> bool {
    name.split_whitespace().any(|word| !word.is_single_script())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        for (one, other) in [
            ("Dana Reyes", "Dana Reyes"),
            ("Dana Reyes", "dana  reyes"),
            ("Dana Reyes", "DanaReyes"),
            // Cyrillic а and е.
            ("Dana Reyes", "D\u{430}na R\u{435}yes"),
            // A capital I for an l, a zero for an o, rn for m.
            ("Paloma Quintana", "PaIoma Quintana"),
            ("ola.berg@contoso.example", "ola.berg@cont0so.example"),
            ("tomasz@contoso.example", "tornasz@contoso.example"),
            // A zero-width space, and a full-width letter.
            ("Kim Osei", "Kim\u{200b} Osei"),
            ("Kim Osei", "\u{ff2b}im Osei"),
        ] {
            assert_eq!(skeleton(one), skeleton(other), "{one} and {other}");
            assert_eq!(NameKind::Display.mark(one), NameKind::Display.mark(other));
        }
        for (one, other) in [("Dana Reyes", "Dana Reyer"), ("Kim Osei", "Kim Osel"), ("Ola", "Öla")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} and {other}");
        }
    }

    #[test]
    fn each_kind_of_name_has_marks_of_its_own() {
        assert_ne!(NameKind::Display.mark("dana"), NameKind::SignIn.mark("dana"));
        assert_eq!(NameKind::Display.mark(" \u{200b}"), None);
    }

    #[test]
    fn scripts_are_mixed_within_a_word() {
        assert!(mixes_scripts("D\u{430}na Reyes"));
        assert!(mixes_scripts("dana.rey\u{435}s@contoso.example"));
        for fine in [
            "Dana Reyes",
            "Hye-jin Seo",
            "Ольга Berg",
            "Ольга",
            "田中 ゆき",
            "O'Brien 3rd",
            "Łukasz Żak",
            "",
        ] {
            assert!(!mixes_scripts(fine), "{fine}");
        }
    }
}
