//! Rules for text that people enter.
//!
//! Text is kept as it was entered, byte for byte; what could deceive a reader or break a log line is refused rather
//! than cleaned. Escaping is the business of whoever prints it.

use unicode_normalization::UnicodeNormalization as _;

use crate::Refusal;
use crate::refusal::Rule;

/// Longest justification and comment, in characters.
pub const LONGEST_JUSTIFICATION: usize = 2_000;
/// Longest name of anything that an admin names, in characters.
pub const LONGEST_NAME: usize = 200;
/// Longest ticket reference, in characters.
pub const LONGEST_TICKET: usize = 100;

/// Checks free text of several lines.
///
/// # Errors
/// When it is shorter than `shortest` (counted without surrounding space) or longer than `longest` characters, or
/// holds control characters (line feed, carriage return and tab excepted) or characters that turn the direction of
/// writing (abuse case 25).
pub fn check_free_text(field: &'static str, text: &str, shortest: usize, longest: usize) -> Result<(), Refusal> {
    check_length(field, text, shortest, longest)?;
    check_characters(field, text, |c| matches!(c, '\n' | '\r' | '\t'))
}

/// Checks text of one line: names, tickets.
///
/// # Errors
/// As [`check_free_text`], and when it has line breaks, or space at either end.
pub fn check_line(field: &'static str, text: &str, shortest: usize, longest: usize) -> Result<(), Refusal> {
    check_length(field, text, shortest, longest)?;
    if text.trim() != text {
        return Err(Refusal::invalid(field, Rule::SpaceAround));
    }
    check_characters(field, text, |_| false)
}

fn check_length(field: &'static str, text: &str, shortest: usize, longest: usize) -> Result<(), Refusal> {
    let count = text.trim().chars().count();
    if count < shortest {
        let rule = if count == 0 {
            Rule::Required
        } else {
            Rule::TooShort { least: shortest }
        };
        return Err(Refusal::invalid(field, rule));
    }
    if text.chars().count() > longest {
        return Err(Refusal::invalid(field, Rule::TooLong { most: longest }));
    }
    Ok(())
}

fn check_characters(field: &'static str, text: &str, allowed: impl Fn(char) -> bool) -> Result<(), Refusal> {
    let bad = text
        .chars()
        .find(|&c| (c.is_control() && !allowed(c)) || turns_direction(c));
    match bad {
        None => Ok(()),
        Some(character) => Err(Refusal::invalid(field, Rule::ControlCharacter { character })),
    }
}

/// Unicode's explicit directional formatting characters (UAX #9), used to make text read as something else.
const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
}

/// Whether a character is not meant to be seen: Unicode's default-ignorable code points (`Default_Ignorable_Code_Point` of
/// DerivedCoreProperties.txt, Unicode 16), among them those that turn the direction of writing, that join, and that choose
/// a variant.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    turns_direction(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A name from outside as it may stand in a sentence: one line, without control characters and without those that are not
/// seen or turn the direction of writing, so that what stands around it reads as it was written (abuse case 25). It is for
/// people only: what the directory sent is kept as it was sent, and compared as it was sent.
#[must_use]
pub fn shown(name: &str) -> String {
    // A Braille pattern without dots is no space to Unicode, and nothing to the eye.
    let space = |c: char| c.is_whitespace() || c.is_control() || c == '\u{2800}';
    let seen: String = name
        .chars()
        .filter(|c| !is_invisible(*c))
        .map(|c| if space(c) { ' ' } else { c })
        .collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a text has in common with everything that a person types to say the same: its compatibility composition (NFKC, UAX
/// #15), without invisible characters, and with one space wherever there is any.
#[must_use]
pub fn typed(text: &str) -> String {
    let visible = |text: &str| text.chars().filter(|c| !is_invisible(*c)).collect::<String>();
    let composed: String = visible(text).nfkc().collect();
    visible(&composed).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_leaves_the_sentence_around_it_alone() {
        for name in [
            "Dana Reyes",
            "Dana \u{202e}Reyes\u{2066}",
            "\u{feff}Da\u{200b}na\u{a0}\u{2028}Re\u{e0041}yes\u{1b}",
            " Dana\r\n\u{2800}Reyes\u{ad}",
        ] {
            assert_eq!(shown(name), "Dana Reyes", "{name:?}");
        }
        assert_eq!(shown("\u{202e}\u{3164} \u{2800}"), "");
        for fine in ["Zoë Ní Bhriain", "Ольга Berg", "田中 ゆき", "دانا", "Lin (ops) 🦉"] {
            assert_eq!(shown(fine), fine);
        }
    }

    #[test]
    fn what_is_typed_by_hand_equals_what_looks_the_same() {
        for text in [
            "Zoë Ní Bhriain",
            "  Zoë  Ní Bhriain ",
            "Zoë\u{a0}Ní\u{2003}Bhriain",
            "Zo\u{200b}ë Ní\u{ad} Bhriain\u{feff}",
            "Zoe\u{308} Ni\u{301} Bhriain",
            "\u{202e}Zoë\u{2066} Ní Bhriain",
            "\u{ff3a}oë Ní Bhriain",
        ] {
            assert_eq!(typed(text), "Zoë Ní Bhriain", "{text:?}");
        }
        assert_ne!(typed("Zoë"), typed("Zoe"));
        assert_eq!(typed("\u{200b} \u{3164}"), "");
    }

    #[test]
    fn any_ordinary_text_passes() {
        for text in [
            "INC-42: rotate prod key",
            "日本語の理由",
            "line one\nline two",
            "<b>'; DROP TABLE--",
            "=cmd()",
        ] {
            assert_eq!(check_free_text("justification", text, 1, 100), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_deceives_a_reader_or_breaks_a_log_is_refused() {
        for text in ["a\u{202e}b", "a\u{1b}[31mb", "a\0b", "a\u{2066}b"] {
            assert!(check_free_text("justification", text, 1, 100).is_err(), "{text:?}");
        }
        assert!(check_line("name", "two\nlines", 1, 100).is_err());
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        assert!(check_free_text("justification", "  ", 1, 10).is_err());
        assert!(check_free_text("justification", "ééé", 3, 3).is_ok());
        assert!(check_free_text("justification", "éééé", 1, 3).is_err());
    }
}
