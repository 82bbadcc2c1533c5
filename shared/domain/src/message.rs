//! The texts of messages that a template may replace, and what may be filled into them.
//!
//! A text names what is filled in as `{{ requester }}`. Nothing else of a template language is taken: a text that reads
//! like more is refused when it is saved, so that nobody finds out at 3 a.m. that a message cannot be made.

use crate::Refusal;
use crate::refusal::Rule;

/// A text that can be replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageKind {
    /// Its name in the template.
    pub name: &'static str,
    /// What it says where nobody replaced it.
    pub default: &'static str,
    /// What may be filled in.
    pub placeholders: &'static [&'static str],
}

/// What can be said of a request.
const OF_REQUEST: &[&str] = &[
    "requester",
    "beneficiary",
    "entitlement",
    "duration",
    "justification",
    "ticket",
    "link",
];
/// What can be said of a grant.
const OF_GRANT: &[&str] = &["requester", "beneficiary", "entitlement", "until", "link"];

/// All texts.
pub const KINDS: [MessageKind; 6] = [
    MessageKind {
        name: "request_to_approvers",
        default: "{{ requester }} asks for {{ entitlement }} for {{ duration }}: {{ justification }}\n{{ link }}",
        placeholders: OF_REQUEST,
    },
    MessageKind {
        name: "request_approved",
        default: "Your request for {{ entitlement }} was approved.\n{{ link }}",
        placeholders: OF_REQUEST,
    },
    MessageKind {
        name: "request_denied",
        default: "Your request for {{ entitlement }} was denied.\n{{ link }}",
        placeholders: OF_REQUEST,
    },
    MessageKind {
        name: "access_active",
        default: "You have {{ entitlement }} until {{ until }}. Sign in again where you do not see it.\n{{ link }}",
        placeholders: OF_GRANT,
    },
    MessageKind {
        name: "access_ends_soon",
        default: "{{ entitlement }} ends at {{ until }}.\n{{ link }}",
        placeholders: OF_GRANT,
    },
    MessageKind {
        name: "access_ended",
        default: "{{ entitlement }} has ended.\n{{ link }}",
        placeholders: OF_GRANT,
    },
];

/// The text of this name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static MessageKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// A part of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part<'a> {
    Plain(&'a str),
    Named(&'a str),
}

impl MessageKind {
    fn parts<'a>(&self, text: &'a str) -> Result<Vec<Part<'a>>, Refusal> {
        let wrong = |rule| Refusal::invalid("messages", rule);
        let message = self.name;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parts.push(Part::Plain(before));
            let (named, after) = after
                .split_once("}}")
                .ok_or_else(|| wrong(Rule::PlaceholderOpen { message }))?;
            let named = named.trim();
            if !self.placeholders.contains(&named) {
                return Err(wrong(Rule::UnknownPlaceholder {
                    message,
                    placeholder: named.to_owned(),
                    known: self.placeholders.join(", "),
                }));
            }
            parts.push(Part::Named(named));
            rest = after;
        }
        parts.push(Part::Plain(rest));
        let plain = |part: &Part<'_>| matches!(part, Part::Plain(text) if ["}}", "{%", "{#"].iter().any(|mark| text.contains(mark)));
        if parts.iter().any(plain) {
            return Err(wrong(Rule::PlaceholderOnly { message }));
        }
        Ok(parts)
    }

    /// # Errors
    /// [`Refusal::InvalidField`] when the text names something that is not filled in here, or is more than plain text.
    pub fn check(&self, text: &str) -> Result<(), Refusal> {
        self.parts(text).map(|_| ())
    }

    /// The text with example values, as an admin sees it before saving.
    ///
    /// # Errors
    /// As [`MessageKind::check`].
    pub fn preview(&self, text: &str) -> Result<String, Refusal> {
        let example = |named: &str| match named {
            "requester" | "beneficiary" => "Dana Reyes",
            "entitlement" => "prod-admins",
            "duration" => "2h",
            "justification" => "checkout is down, the pool has to be restarted",
            "ticket" => "INC-1042",
            "until" => "03:52 UTC",
            _ => "https://hourglass.contoso.example/…",
        };
        let parts = self.parts(text)?;
        Ok(parts
            .into_iter()
            .map(|part| match part {
                Part::Plain(text) => text,
                Part::Named(named) => example(named),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_can_be_filled_in() {
        for kind in KINDS {
            assert_eq!(kind.check(kind.default), Ok(()), "{}", kind.name);
            let preview = kind.preview(kind.default).unwrap();
            assert!(preview.contains("prod-admins") && !preview.contains("{{"), "{preview}");
        }
    }

    #[test]
    fn a_placeholder_that_is_not_known_is_refused_by_name() {
        let kind = kind("access_ended").unwrap();
        for (text, why) in [
            ("Bye {{ requestor }}", "requestor"),
            ("{{ duration }}", "duration"),
            ("{{ link", "no `}}`"),
            ("}} {{ link }}", "only"),
            ("{% if link %}", "only"),
            ("{{ link }} {# x #}", "only"),
            ("{{ link | upper }}", "link | upper"),
        ] {
            let refusal = kind.check(text).unwrap_err();
            assert_eq!(refusal.field(), Some("messages"));
            assert!(refusal.to_string().contains(why), "{text}: {refusal}");
        }
        assert_eq!(kind.check("{ until } and {{until}}"), Ok(()));
    }
}
