//! The languages of the pages.
//!
//! Every text of a page is a message ([Fluent](https://projectfluent.org)) in `messages/<language>.ftl`; a template
//! says its name: `{{ w.t("nav-inbox") }}`. English is complete; a test sees to it that every other language has the same
//! messages with the same parameters, and that every name in a template or in code is one. Messages are plain text and are
//! escaped like everything else that is put into a page.
//!
//! Times are written in UTC with their zone; the console's script shows them in the reader's own, with UTC on hover.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use askama::filters::{Escaper as _, HtmlSafe};
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use hourglass_domain::duration::AccessDuration;
use hourglass_domain::refusal::{Parameter, Rule};
use hourglass_domain::seal::SealProblem;
use hourglass_domain::target::TargetProblem;
use hourglass_domain::{Refusal, Timestamp};
use http::{HeaderMap, header};
use unic_langid::LanguageIdentifier;

/// A language of the pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
}

/// Everything that is known of one language.
struct Known {
    language: Language,
    tag: &'static str,
    name: &'static str,
    file: &'static str,
}

/// The languages. A new one is a file of messages and an entry here.
static KNOWN: [Known; 2] = [
    Known {
        language: Language::English,
        tag: "en",
        name: "English",
        file: include_str!("../messages/en.ftl"),
    },
    Known {
        language: Language::German,
        tag: "de",
        name: "Deutsch",
        file: include_str!("../messages/de.ftl"),
    },
];

impl Language {
    /// All languages.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    fn known(self) -> &'static Known {
        let [english, german] = &KNOWN;
        match self {
            Self::English => english,
            Self::German => german,
        }
    }

    /// Its tag (BCP 47): `en`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        self.known().tag
    }

    /// Its own name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.known().name
    }

    /// The language with this tag.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        KNOWN.iter().find(|known| known.tag == tag).map(|known| known.language)
    }

    /// The first language of `Accept-Language` that there is, in the order of their weights (RFC 9110 section 12.5.4).
    #[must_use]
    pub fn asked_for(headers: &HeaderMap) -> Option<Self> {
        let asked = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut found: Vec<(f32, Self)> = Vec::new();
        for range in asked.split(',') {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if let (Some(language), Some(weight)) = (Self::from_tag(&primary), weight)
                && weight > 0.0
            {
                found.push((weight, language));
            }
        }
        // Stable: of equal weights the first stays first.
        found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        found.first().map(|(_, language)| *language)
    }
}

type Bundle = FluentBundle<FluentResource>;

/// One bundle for each language, read when a page first needs it: functions that answer no page never do.
static BUNDLES: [LazyLock<Bundle>; 2] = [
    LazyLock::new(|| bundle(Language::English)),
    LazyLock::new(|| bundle(Language::German)),
];

fn bundle(language: Language) -> Bundle {
    let known = language.known();
    let id: LanguageIdentifier = known.tag.parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // The marks that Fluent puts around what is filled in would stand in what people copy.
    bundle.set_use_isolating(false);
    // Errors are a test's business: what can be read is there.
    let resource = match FluentResource::try_new(known.file.to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    if bundle.add_resource(resource).is_err() {
        tracing::error!(language = known.tag, "a message stands twice");
    }
    bundle
}

/// What a message is filled in with: text, or a number, which may decide between forms of it.
pub trait Argument {
    /// The value.
    fn value(&self) -> FluentValue<'_>;
}

impl<T: Argument + ?Sized> Argument for &T {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
    }
}

impl Argument for str {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::String(Cow::Borrowed(self))
    }
}

impl Argument for String {
    fn value(&self) -> FluentValue<'_> {
        self.as_str().value()
    }
}

impl Argument for Cow<'_, str> {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Argument for $number {
            fn value(&self) -> FluentValue<'_> {
                FluentValue::from(*self)
            }
        })*
    };
}

numbers!(u8, u16, u32, u64, usize, i32, i64);

/// A value of which templates give us the value itself or a reference, however often it was borrowed.
pub trait Plain<T> {
    /// The value.
    fn plain(self) -> T;
}

impl<T, P: Plain<T> + Copy> Plain<T> for &P {
    fn plain(self) -> T {
        (*self).plain()
    }
}

impl Plain<Self> for Timestamp {
    fn plain(self) -> Self {
        self
    }
}

impl Plain<Self> for AccessDuration {
    fn plain(self) -> Self {
        self
    }
}

impl Plain<Self> for i64 {
    fn plain(self) -> Self {
        self
    }
}

/// The texts of a page in one language. Templates call it `w`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Words {
    language: Language,
}

/// Markup that is safe to put into a page as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Html(String);

impl Html {
    /// Markup from a template of ours.
    ///
    /// # Errors
    /// When it cannot be rendered.
    pub fn of<T: askama::Template>(template: &T) -> Result<Self, askama::Error> {
        template.render().map(Self)
    }

    /// Plain text as markup.
    #[must_use]
    pub fn text(plain: &str) -> Self {
        Self(escaped(plain))
    }

    /// The markup behind a few words of plain text.
    #[must_use]
    pub fn after(&self, plain: &str) -> Self {
        Self(format!("{}{}", escaped(plain), self.0))
    }
}

impl fmt::Display for Html {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Html {}

/// Plain text.
impl From<String> for Html {
    fn from(plain: String) -> Self {
        Self::text(&plain)
    }
}

impl Words {
    /// The texts in `language`.
    #[must_use]
    pub const fn new(language: Language) -> Self {
        Self { language }
    }

    /// The language.
    #[must_use]
    pub const fn language(self) -> Language {
        self.language
    }

    fn bundle(self) -> &'static Bundle {
        let [english, german] = &BUNDLES;
        match self.language {
            Language::English => english,
            Language::German => german,
        }
    }

    fn message(self, name: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(name)?.value()?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, arguments, &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::error!(name, ?errors, "a message was not filled in");
        }
        Some(text)
    }

    fn text(self, name: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        self.message(name, arguments).unwrap_or_else(|| {
            tracing::error!(name, language = self.language.tag(), "there is no such message");
            name.to_owned()
        })
    }

    /// The message `name`.
    #[must_use]
    pub fn t(self, name: &str) -> String {
        self.text(name, None)
    }

    /// The message `name` if there is one: for texts that only some things have.
    #[must_use]
    pub fn maybe(self, name: &str) -> Option<String> {
        self.message(name, None)
    }

    /// The message `name` with one thing filled in.
    #[must_use]
    pub fn t1(self, name: &str, a: &str, first: impl Argument) -> String {
        self.with(name, [(a, first.value())])
    }

    /// The message `name` with two things filled in.
    #[must_use]
    pub fn t2(self, name: &str, a: &str, first: impl Argument, b: &str, second: impl Argument) -> String {
        self.with(name, [(a, first.value()), (b, second.value())])
    }

    /// The message `name` with three things filled in.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "templates have no syntax for a list of pairs")]
    pub fn t3(
        self,
        name: &str,
        a: &str,
        first: impl Argument,
        b: &str,
        second: impl Argument,
        c: &str,
        third: impl Argument,
    ) -> String {
        self.with(name, [(a, first.value()), (b, second.value()), (c, third.value())])
    }

    /// The message `name` with any number of things filled in.
    #[must_use]
    pub fn with<'a>(self, name: &str, arguments: impl IntoIterator<Item = (&'a str, FluentValue<'a>)>) -> String {
        let arguments: FluentArgs<'a> = arguments.into_iter().collect();
        self.text(name, Some(&arguments))
    }

    /// The message `name` with texts filled in, if there is one.
    #[must_use]
    pub fn maybe_with(self, name: &str, arguments: &[(&str, String)]) -> Option<String> {
        let arguments: FluentArgs<'_> = arguments.iter().map(|(name, text)| (*name, text.value())).collect();
        self.message(name, Some(&arguments))
    }

    /// The sentence of a refusal, with the label of its field. In English it is the domain's own.
    #[must_use]
    pub fn refusal(self, refusal: &Refusal) -> String {
        if self.language == Language::English {
            let sentence = refusal.to_string();
            let field = refusal.field().unwrap_or_default();
            return match sentence.strip_prefix(field).and_then(|rest| rest.strip_prefix(": ")) {
                Some(clause) => format!("{}: {clause}", self.field(field)),
                None => sentence,
            };
        }
        let arguments = self.arguments(refusal.parameters());
        let name = format!("problem-{}", refusal.code());
        self.message(&name, Some(&arguments))
            .unwrap_or_else(|| refusal.to_string())
    }

    /// The sentence of a refusal where its field stands beside it, so that it is not said again.
    #[must_use]
    pub fn beside(self, refusal: &Refusal) -> String {
        let sentence = self.refusal(refusal);
        let label = refusal.field().map(|field| format!("{}: ", self.field(field)));
        match label.and_then(|label| sentence.strip_prefix(&label)) {
            // What somebody typed stays as they typed it.
            Some(clause) if begins_with_typed(clause, refusal.parameters()) => clause.to_owned(),
            Some(clause) => capitalised(clause),
            None => sentence,
        }
    }

    /// The sentence of a refusal on a page: its instants are shown like every other.
    #[must_use]
    pub fn refused(self, refusal: &Refusal) -> Html {
        self.with_times(&self.refusal(refusal), refusal.parameters())
    }

    /// The sentence of a refusal on a page where its field stands beside it.
    #[must_use]
    pub fn refused_beside(self, refusal: &Refusal) -> Html {
        self.with_times(&self.beside(refusal), refusal.parameters())
    }

    /// A sentence in which instants were written out, with each of them as an element.
    fn with_times(self, sentence: &str, parameters: Vec<(&'static str, Parameter)>) -> Html {
        let times = instants(parameters);
        let marked = times
            .iter()
            .zip(MARKS)
            .fold(sentence.replace(MARKS, ""), |text, (at, mark)| {
                // As the domain writes them, and as messages do.
                let mark = mark.to_string();
                text.replace(&at.to_string(), &mark).replace(&self.minute(*at), &mark)
            });
        self.unmarked(&marked, &times)
    }

    /// Text in which marks stand for instants.
    fn unmarked(self, marked: &str, times: &[Timestamp]) -> Html {
        let html = times.iter().zip(MARKS).fold(escaped(marked), |html, (at, mark)| {
            html.replace(mark, &self.time(*at).0)
        });
        Html(html)
    }

    /// What pages call a field; its technical name where they have no word for it.
    fn field(self, field: &str) -> String {
        let name = field.replace(['.', '_'], "-");
        self.maybe(&format!("field-{name}"))
            .or_else(|| self.maybe(&format!("changes-field-{name}")))
            .unwrap_or_else(|| field.to_owned())
    }

    /// Why a target cannot be granted.
    #[must_use]
    pub fn target_problem(self, problem: &TargetProblem) -> String {
        self.t(&format!("target-problem-{}", problem.code().replace('_', "-")))
    }

    /// Why the seal of something that is stored does not hold.
    #[must_use]
    pub fn seal_problem(self, problem: SealProblem) -> String {
        self.t(&format!("seal-problem-{}", problem.code()))
    }

    /// The clause of a rule, which goes on from its field. In English it is the domain's own.
    #[must_use]
    pub fn rule(self, rule: &Rule) -> String {
        if self.language == Language::English {
            return rule.to_string();
        }
        let arguments = self.arguments(rule.parameters());
        self.message(&format!("rule-{}", rule.code()), Some(&arguments))
            .unwrap_or_else(|| rule.to_string())
    }

    fn arguments(self, parameters: Vec<(&'static str, Parameter)>) -> FluentArgs<'static> {
        let value = |parameter: Parameter| match parameter {
            Parameter::Text(text) => FluentValue::from(text),
            Parameter::Code(code) => FluentValue::from(variant(code)),
            Parameter::Number(number) => FluentValue::from(number),
            Parameter::At(at) => FluentValue::from(self.minute(at)),
            Parameter::Durations(all) => {
                let all: Vec<String> = all.into_iter().map(|duration| self.duration(duration)).collect();
                FluentValue::from(all.join(", "))
            }
            Parameter::Field(field) => FluentValue::from(self.field(field)),
            Parameter::Clause(rule) => FluentValue::from(self.rule(&rule)),
        };
        parameters
            .into_iter()
            .map(|(name, parameter)| (name, value(parameter)))
            .collect()
    }

    /// An instant: `22 Nov 2026, 09:30 UTC`; in the reader's own zone where script runs.
    #[must_use]
    pub fn time(self, at: impl Plain<Timestamp>) -> Html {
        let at = at.plain();
        self.element(at, "minute", &self.minute(at))
    }

    /// An instant in plain text, always in UTC and saying so: for messages and titles.
    #[must_use]
    pub fn minute(self, at: impl Plain<Timestamp>) -> String {
        format!("{} UTC", self.format(at.plain(), "format-minute"))
    }

    /// An instant of which the time of day is enough when it is within a day of `now`: `09:30 UTC`.
    #[must_use]
    pub fn clock(self, at: impl Plain<Timestamp>, now: impl Plain<Timestamp>) -> Html {
        const DAY_SECONDS: i64 = 86_400;
        let (at, now) = (at.plain(), now.plain());
        if at.seconds_since(now).abs() < DAY_SECONDS {
            let text = format!("{} UTC", self.format(at, "format-clock"));
            self.element(at, "clock", &text)
        } else {
            self.time(at)
        }
    }

    /// A message with an instant in it, as markup: the instant is shown like every other, and what else is filled in is
    /// text.
    #[must_use]
    pub fn timed(self, name: &str, texts: &[(&str, &str)], when: &str, at: impl Plain<Timestamp>) -> Html {
        self.timed_all(name, texts, &[(when, at.plain())])
    }

    /// A message with any number of instants in it, as [`Self::timed`].
    #[must_use]
    pub fn timed_all(self, name: &str, texts: &[(&str, &str)], times: &[(&str, Timestamp)]) -> Html {
        // Each instant stands for a character that nobody's text may bring along until all text has been escaped.
        let marks = MARKS.map(|mark| mark.to_string());
        let clean = |text: &str| text.replace(MARKS, "");
        let texts = texts.iter().map(|(name, text)| (*name, FluentValue::from(clean(text))));
        let marked = times.iter().zip(&marks);
        let marked = marked.map(|((name, _), mark)| (*name, FluentValue::from(mark.as_str())));
        let text = self.with(name, texts.chain(marked).collect::<Vec<_>>());
        self.unmarked(&text, &times.iter().map(|(_, at)| *at).collect::<Vec<_>>())
    }

    /// The day of an instant, in UTC.
    #[must_use]
    pub fn day(self, at: impl Plain<Timestamp>) -> Html {
        let at = at.plain();
        self.element(at, "day", &self.format(at, "format-day"))
    }

    fn element(self, at: Timestamp, shape: &str, text: &str) -> Html {
        let hover = self.minute(at);
        Html(format!(
            "<time datetime=\"{}\" data-shape=\"{shape}\" title=\"{hover}\">{text}</time>",
            whole(at)
        ))
    }

    fn format(self, at: Timestamp, how: &str) -> String {
        match jiff::Timestamp::from_second(at.seconds()) {
            Ok(instant) => instant.strftime(&self.t(how)).to_string(),
            Err(_) => at.to_string(),
        }
    }

    /// How long it is from `now` until `until`: `1 h 12 min left`, or that it is over. Script counts it down.
    #[must_use]
    pub fn left(self, until: impl Plain<Timestamp>, now: impl Plain<Timestamp>) -> Html {
        let (until, now) = (until.plain(), now.plain());
        let text = self.t1("left", "time", self.span(until.seconds_since(now)));
        let over = self.t("left-none");
        let text = if until <= now { &over } else { &text };
        Html(format!(
            "<span class=\"left\" data-until=\"{}\" data-over=\"{over}\">{text}</span>",
            whole(until)
        ))
    }

    /// A length of time in words, rounded up to minutes: `1 h 12 min`. Beyond a day in days and hours.
    #[must_use]
    pub fn span(self, seconds: impl Plain<i64>) -> String {
        let seconds = seconds.plain();
        if (1..60).contains(&seconds) {
            return self.t1("span-seconds", "seconds", seconds);
        }
        let minutes = seconds.max(0).saturating_add(59) / 60;
        let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
        match (days, hours, minutes) {
            (0, 0, _) => self.t1("span-minutes", "minutes", minutes),
            (0, _, 0) => self.t1("span-hours", "hours", hours),
            (0, _, _) => self.t2("span-hours-minutes", "hours", hours, "minutes", minutes),
            (_, 0, _) => self.t1("span-days", "days", days),
            _ => self.t2("span-days-hours", "days", days, "hours", hours),
        }
    }

    /// How long access is asked for: `2 h`.
    #[must_use]
    pub fn duration(self, duration: impl Plain<AccessDuration>) -> String {
        self.span(duration.plain().seconds())
    }

    /// The ring that empties between `start` and `end`. It says nothing that the words beside it do not say.
    #[must_use]
    pub fn ring(self, start: impl Plain<Timestamp>, end: impl Plain<Timestamp>, now: impl Plain<Timestamp>) -> Html {
        const AROUND: i64 = 100;
        let (start, end, now) = (start.plain(), end.plain(), now.plain());
        let whole_length = end.millis().saturating_sub(start.millis()).max(1);
        let left = end.millis().saturating_sub(now.millis()).clamp(0, whole_length);
        let part = left.saturating_mul(AROUND) / whole_length;
        let soon = if soon(start, end, now) { " soon" } else { "" };
        let mut svg = String::new();
        // Its circumference is 100, so that the dash is a percentage.
        let _ = write!(
            svg,
            "<svg class=\"ring{soon}\" viewBox=\"0 0 36 36\" width=\"28\" height=\"28\" aria-hidden=\"true\" \
             data-from=\"{}\" data-to=\"{}\"><circle class=\"track\" cx=\"18\" cy=\"18\" r=\"15.9155\"/>\
             <circle class=\"rest\" cx=\"18\" cy=\"18\" r=\"15.9155\" stroke-dasharray=\"{part} 100\" \
             transform=\"rotate(-90 18 18)\"/></svg>",
            self::whole(start),
            self::whole(end)
        );
        Html(svg)
    }

    /// What the console's scripts say, as JSON for the frame.
    pub(crate) fn of_scripts(self) -> String {
        let said: serde_json::Map<String, serde_json::Value> = OF_SCRIPTS
            .iter()
            .map(|name| ((*name).to_owned(), self.raw(name).into()))
            .collect();
        serde_json::Value::Object(said).to_string()
    }

    /// A message with its parameters left in braces, for scripts to fill in.
    fn raw(self, name: &str) -> String {
        self.with(
            name,
            ["time", "hours", "minutes", "days", "seconds"].map(|name| (name, format!("{{{name}}}").into())),
        )
    }
}

/// The messages that scripts say.
const OF_SCRIPTS: [&str; 19] = [
    "copy",
    "left",
    "span-seconds",
    "span-minutes",
    "span-hours",
    "span-hours-minutes",
    "span-days",
    "span-days-hours",
    "script-copied",
    "script-signing-in",
    "script-no-answer",
    "script-not-used",
    "script-known-already",
    "script-no-connection",
    "script-no-passkeys",
    "script-old-browser",
    "script-old",
    "script-waiting",
    "error-way-sign-in",
];

/// The instants that a sentence names.
fn instants(parameters: Vec<(&'static str, Parameter)>) -> Vec<Timestamp> {
    let times = parameters.into_iter().flat_map(|(_, parameter)| match parameter {
        Parameter::At(at) => vec![at],
        Parameter::Clause(rule) => instants(rule.parameters()),
        _ => Vec::new(),
    });
    times.collect()
}

/// Whether a clause begins with something that was filled in as it is.
fn begins_with_typed(clause: &str, parameters: Vec<(&'static str, Parameter)>) -> bool {
    parameters.into_iter().any(|(_, parameter)| match parameter {
        Parameter::Text(text) => clause.starts_with(&text),
        Parameter::Clause(rule) => begins_with_typed(clause, rule.parameters()),
        _ => false,
    })
}

fn capitalised(clause: &str) -> String {
    let mut rest = clause.chars();
    rest.next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// What stands for instants while a message is put together: of Unicode's private use, so in no text that means anything.
const MARKS: [char; 2] = ['\u{e000}', '\u{e001}'];

/// Text as markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    // Writing to a string does not fail.
    let _written = askama::filters::Html.write_escaped_str(&mut safe, text);
    safe
}

/// A code as the name of a variant in a message: nouns of more than one word get dashes.
fn variant(code: &'static str) -> Cow<'static, str> {
    if code.contains(' ') {
        code.to_lowercase().replace(' ', "-").into()
    } else {
        code.into()
    }
}

/// Whether a grant ends soon: within 15 minutes, or the last tenth of its time, whichever is less.
#[must_use]
pub fn soon(start: Timestamp, end: Timestamp, now: Timestamp) -> bool {
    const SOON_SECONDS: i64 = 900;
    let tenth = end.seconds_since(start) / 10;
    end.seconds_since(now) <= SOON_SECONDS.min(tenth.max(60))
}

/// The beginning of a text, with at most `most` characters in all; cut off, it ends in an ellipsis.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// An instant for machines, in whole seconds: `2026-11-22T09:30:00Z`.
fn whole(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.seconds()).map_or_else(|_| at.to_string(), |instant| instant.to_string())
}

#[cfg(test)]
mod tests;
