//! Languages agree, every message that is named exists, and times are shown as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fluent_bundle::FluentResource;
use fluent_syntax::ast;
use hourglass_app::ports::identity::IdentityProblem;
use hourglass_domain::refusal::Shape;

use super::*;

/// The messages of a language, each with its parameters.
fn messages(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let resource = FluentResource::try_new(language.known().file.to_owned())
        .unwrap_or_else(|(_, errors)| panic!("{}: {errors:?}", language.tag()));
    for entry in resource.entries() {
        let ast::Entry::Message(message) = entry else { continue };
        let mut parameters = BTreeSet::new();
        let value = message
            .value
            .as_ref()
            .unwrap_or_else(|| panic!("{} is empty", message.id.name));
        of_pattern(value, &mut parameters);
        let twice = found.insert(message.id.name.to_owned(), parameters);
        assert!(
            twice.is_none(),
            "{} stands twice in {}",
            message.id.name,
            language.tag()
        );
    }
    found
}

fn of_pattern(pattern: &ast::Pattern<&str>, parameters: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        if let ast::PatternElement::Placeable { expression } = element {
            of_expression(expression, parameters);
        }
    }
}

fn of_expression(expression: &ast::Expression<&str>, parameters: &mut BTreeSet<String>) {
    match expression {
        ast::Expression::Inline(inline) => of_inline(inline, parameters),
        ast::Expression::Select { selector, variants } => {
            of_inline(selector, parameters);
            variants
                .iter()
                .for_each(|variant| of_pattern(&variant.value, parameters));
        }
    }
}

fn of_inline(inline: &ast::InlineExpression<&str>, parameters: &mut BTreeSet<String>) {
    match inline {
        ast::InlineExpression::VariableReference { id } => {
            parameters.insert(id.name.to_owned());
        }
        ast::InlineExpression::Placeable { expression } => of_expression(expression, parameters),
        _ => {}
    }
}

#[test]
fn every_language_has_the_same_messages_with_the_same_parameters() {
    let english = messages(Language::English);
    assert!(!english.is_empty());
    let german = messages(Language::German);
    // The sentences of refusals and the clauses of rules stand in the domain in English.
    let own = |name: &&String| !name.starts_with("problem-") && !name.starts_with("rule-");
    let names = |of: &BTreeMap<String, BTreeSet<String>>| of.keys().filter(own).cloned().collect::<BTreeSet<_>>();
    let (english_names, german_names) = (names(&english), names(&german));
    let missing: Vec<_> = english_names.symmetric_difference(&german_names).collect();
    assert!(missing.is_empty(), "in one language only: {missing:?}");
    for name in english_names {
        assert_eq!(english[&name], german[&name], "{name}");
    }
}

#[test]
fn why_a_target_or_a_seal_does_not_hold_is_said_in_every_language() {
    let english = messages(Language::English);
    for problem in [
        TargetProblem::Missing,
        TargetProblem::Dynamic,
        TargetProblem::OnPremisesSynced,
        TargetProblem::MailEnabled,
        TargetProblem::NotSecurity,
        TargetProblem::ManagementRestricted,
        TargetProblem::RoleAssignable,
    ] {
        let said = Words::new(Language::English).target_problem(&problem);
        assert_eq!(said, problem.to_string());
        assert!(english.contains_key(&format!("target-problem-{}", problem.code().replace('_', "-"))));
    }
    for problem in [SealProblem::Missing, SealProblem::Elsewhere, SealProblem::Broken] {
        assert_eq!(Words::new(Language::English).seal_problem(problem), problem.to_string());
        assert!(english.contains_key(&format!("seal-problem-{}", problem.code())));
    }
}

#[test]
fn why_nobody_was_signed_in_is_said_in_every_language() {
    let english = messages(Language::English);
    for problem in IdentityProblem::ALL {
        let name = format!("signin-why-{}", problem.code());
        assert!(english.contains_key(&name), "{name}");
        assert_eq!(Words::new(Language::English).t(&name), problem.to_string());
    }
    let written = english.keys().filter(|name| name.starts_with("signin-why-"));
    assert_eq!(written.count(), IdentityProblem::ALL.len());
}

#[test]
fn what_is_wrong_with_a_field_is_said_with_its_label_or_beside_it() {
    let (english, german) = (Words::new(Language::English), Words::new(Language::German));
    let quorum = Refusal::invalid("quorum", Rule::Range { least: 1, most: 5 });
    assert_eq!(english.refusal(&quorum), "How many approve: must be from 1 to 5");
    assert_eq!(german.refusal(&quorum), "Wie viele genehmigen: muss von 1 bis 5 sein");
    assert_eq!(english.beside(&quorum), "Must be from 1 to 5");
    assert_eq!(german.beside(&quorum), "Muss von 1 bis 5 sein");
    // What somebody typed stays as it is.
    let duration = Refusal::invalid("durations", Rule::not(Shape::Duration, "abc"));
    assert_eq!(
        german.refusal(&duration),
        "Dauern: abc ist keine Dauer wie 30m, 1h oder 2d"
    );
    assert_eq!(german.beside(&duration), "abc ist keine Dauer wie 30m, 1h oder 2d");
    // A field that pages have no word for, and a sentence that does not begin with its field.
    let odd = Refusal::invalid("x_y", Rule::Required);
    assert_eq!(
        (german.refusal(&odd), german.beside(&odd)),
        ("x_y: fehlt".into(), "Fehlt".into())
    );
    let eligible = Refusal::NotEligible { name: "x".to_owned() };
    assert_eq!(german.beside(&eligible), german.refusal(&eligible));
}

/// The files below `folder` that may name messages.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str());
        if path.is_dir() {
            sources(&path, found);
        } else if matches!(kind, Some("rs" | "html")) {
            found.push(path);
        }
    }
}

#[test]
fn every_message_that_is_named_exists() {
    let english = messages(Language::English);
    let web = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["templates", "src", "../../functions"] {
        sources(&web.join(folder), &mut found);
    }
    let mut named = 0;
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        for call in [
            "w.t(\"",
            "w.t1(\"",
            "w.t2(\"",
            "w.t3(\"",
            "w.with(\"",
            "words().t(\"",
            "words().t1(\"",
        ] {
            for rest in text.split(call).skip(1) {
                let name = rest.split('"').next().unwrap();
                named += 1;
                assert!(
                    english.contains_key(name),
                    "{}: there is no message {name}",
                    path.display()
                );
            }
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn what_scripts_say_is_a_message_of_every_language() {
    for language in Language::ALL {
        let said: BTreeMap<String, String> = serde_json::from_str(&Words::new(language).of_scripts()).unwrap();
        assert_eq!(said.len(), OF_SCRIPTS.len());
        for name in OF_SCRIPTS {
            assert!(!said[name].is_empty() && (name == "copy" || said[name] != name));
        }
        assert!(said["span-hours-minutes"].contains("{hours}"), "{said:?}");
    }
}

const NOW: &str = "2026-11-22T09:30:59Z";

#[test]
fn an_instant_is_shown_with_its_zone_and_read_by_machines() {
    let at: Timestamp = NOW.parse().unwrap();
    let words = Words::new(Language::English);
    assert_eq!(
        words.time(at).to_string(),
        "<time datetime=\"2026-11-22T09:30:59Z\" data-shape=\"minute\" title=\"22 Nov 2026, 09:30 UTC\">22 Nov 2026, 09:30 UTC</time>"
    );
    assert!(words.clock(at, at.plus_seconds(60)).to_string().contains(">09:30 UTC<"));
    assert!(
        words
            .clock(at, at.plus_seconds(90_000))
            .to_string()
            .contains(">22 Nov 2026, 09:30 UTC<")
    );
    assert_eq!(Words::new(Language::German).minute(at), "22.11.2026, 09:30 UTC");
}

#[test]
fn the_instants_of_a_refusal_are_shown_like_every_other_and_names_stay_text() {
    let until: Timestamp = NOW.parse().unwrap();
    let held = Refusal::AlreadyHeld {
        name: "<b>\u{e000}prod".to_owned(),
        until,
    };
    for language in [Language::English, Language::German] {
        let words = Words::new(language);
        let html = words.refused(&held).to_string();
        assert_eq!(html.matches(&words.time(until).to_string()).count(), 1, "{html}");
        assert!(
            html.contains("&#60;b&#62;prod") && !html.contains("09:30:59.000Z"),
            "{html}"
        );
    }
    let ends = Refusal::CredentialEnds {
        ends_at: until,
        until: until.plus_seconds(60),
    };
    let html = Words::new(Language::English).refused(&ends).to_string();
    let times = html.match_indices("<time datetime=").count();
    assert!(times == 2 && html.find("09:30 UTC") < html.find("09:31 UTC"), "{html}");
    // In text that is no markup, the time says its zone.
    let plain = Words::new(Language::German).refusal(&held);
    assert!(
        plain.contains("22.11.2026, 09:30 UTC") && !plain.contains("<time"),
        "{plain}"
    );
}

#[test]
fn a_length_of_time_is_rounded_up_so_that_nobody_has_less_than_it_says() {
    let words = Words::new(Language::English);
    for (seconds, text) in [
        (5, "5 s"),
        (60, "1 min"),
        (61, "2 min"),
        (3_600, "1 h"),
        (4_261, "1 h 12 min"),
        (86_400, "1 d"),
        (180_000, "2 d 2 h"),
        (0, "0 min"),
        (-7, "0 min"),
    ] {
        assert_eq!(words.span(seconds), text, "{seconds}");
    }
}

#[test]
fn a_ring_empties() {
    let start: Timestamp = NOW.parse().unwrap();
    let end = start.plus_seconds(7_200);
    let words = Words::default();
    let ring = |at: i64| words.ring(start, end, start.plus_seconds(at)).to_string();
    assert!(ring(0).contains("\"100 100\""));
    assert!(ring(3_600).contains("\"50 100\"") && !ring(3_600).contains("soon"));
    assert!(ring(6_900).contains("soon"));
    assert!(ring(9_999).contains("\"0 100\""));
    assert!(words.left(end, end).to_string().contains(">over<"));
}

#[test]
fn what_is_filled_in_is_escaped_by_the_template() {
    #[derive(askama::Template)]
    #[template(source = "{{ w.t1(\"left\", \"time\", name) }} {{ w.time(at) }}", ext = "html")]
    struct Sample {
        w: Words,
        name: String,
        at: Timestamp,
    }
    let sample = Sample {
        w: Words::default(),
        name: "<b>".to_owned(),
        at: NOW.parse().unwrap(),
    };
    let text = askama::Template::render(&sample).unwrap();
    assert!(text.starts_with("&#60;b&#62; left <time "), "{text}");
}

#[test]
fn a_long_text_is_cut_between_characters() {
    assert_eq!(cut("äöü", 3), "äöü");
    assert_eq!(cut("äöüß", 3), "äö…");
}

#[test]
fn an_instant_in_a_sentence_is_markup_and_what_people_wrote_is_text() {
    let at: Timestamp = "2026-11-22T09:30:00Z".parse().unwrap();
    let texts = [("who", "Dana <b>\u{e000}</b>"), ("groups", "prod & more")];
    let sentence = Words::default().timed("inbox-will", &texts, "until", at).to_string();
    assert_eq!(sentence.matches("<time ").count(), 1, "{sentence}");
    assert!(sentence.contains("datetime=\"2026-11-22T09:30:00Z\""), "{sentence}");
    assert!(!sentence.contains("<b>") && sentence.contains("Dana &"), "{sentence}");
    assert!(!sentence.contains('\u{e000}'), "{sentence}");
}
