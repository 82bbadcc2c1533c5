//! `/history`: what was asked for, granted and ended, with filters, and as a picture of time.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::State;
use hourglass_app::AppError;
use hourglass_app::history::Whose;
use hourglass_app::history::search::{
    self, Bounds, Filter, Line, MOST_FOR_MUCH, MOST_LOOKED_AT, Part, State as Became, end_of, note_read, stretch,
    widest,
};
use hourglass_domain::grant::{Grant, GrantStatus};
use hourglass_domain::ids::GrantId;
use hourglass_domain::refusal::{Rule, Shape};
use hourglass_domain::request::{Request, RequestStatus};
use hourglass_domain::{Refusal, Timestamp};
use hourglass_web::extract::Query;
use hourglass_web::fields::Wrong;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::Console;
use hourglass_web::words::{Html, Words, cut};
use serde::Deserialize;

use super::look::{LineShown, Names, kept, late_from};
use super::{Pages, address, cursor, place_in_list};
use crate::timeline::{Bar, Kind, Picture, Row, named};

/// Most rows of the table.
const MOST_ROWS: usize = 30;
/// Most rows of the table beneath a picture of a stretch of time.
const MOST_IN_PICTURE: usize = 60;
/// How long (seconds) a picture is where nothing else is said.
const WEEK_SECONDS: i64 = 7 * 86_400;
/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;
/// Longest stretch of one picture, in seconds.
const LONGEST_PICTURE: i64 = 400 * DAY_SECONDS;
/// Most characters of a name in the words of a bar.
const LONGEST_IN_BAR: usize = 60;
/// Most characters of a justification in a table.
pub(super) const LONGEST_WHY: usize = 140;

/// The filters, as they stand in the address.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Looked {
    #[serde(default)]
    person: String,
    #[serde(default)]
    entitlement: String,
    #[serde(default)]
    approver: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// `entitlement`: one row of the picture for each.
    #[serde(default)]
    rows: String,
    #[serde(default)]
    pub(super) cursor: Option<String>,
}

impl Looked {
    /// The filter, and what is wrong with it. What cannot be read is left out.
    pub(super) fn filter(&self, words: Words) -> (Filter, Wrong) {
        let mut wrong = Wrong::default();
        let text = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut from = wrong.keep(words, day("from", &self.from)).flatten();
        let to = wrong.keep(words, day("to", &self.to)).flatten();
        // The last day counts whole.
        let to = to.map(|to| to.plus_seconds(DAY_SECONDS));
        if from.is_some_and(|from| to.is_some_and(|to| from >= to)) {
            wrong.add(words, &Refusal::invalid("from", Rule::AfterLastDay));
            from = None;
        }
        if !self.state.is_empty() && Became::from_name(&self.state).is_none() {
            wrong.add(
                words,
                &Refusal::invalid("state", Rule::one_of(Became::ALL.map(Became::name))),
            );
        }
        let filter = Filter {
            person: text(&self.person),
            entitlement: text(&self.entitlement),
            approver: text(&self.approver),
            state: Became::from_name(&self.state),
            text: text(&self.text),
            from,
            to,
            overlaps: None,
        };
        (filter, wrong)
    }

    fn pairs(&self) -> Vec<(&'static str, Option<&str>)> {
        vec![
            ("person", Some(self.person.as_str())),
            ("entitlement", Some(self.entitlement.as_str())),
            ("approver", Some(self.approver.as_str())),
            ("state", Some(self.state.as_str())),
            ("text", Some(self.text.as_str())),
            ("from", Some(self.from.as_str())),
            ("to", Some(self.to.as_str())),
        ]
    }

    /// An address with the same filters.
    pub(super) fn at(&self, path: &str, more: &[(&'static str, Option<&str>)]) -> String {
        let mut pairs = self.pairs();
        pairs.extend(more);
        address(path, &pairs)
    }

    fn is_empty(&self) -> bool {
        self.pairs().iter().all(|(_, value)| value.is_none_or(str::is_empty))
    }

    /// Notes what was looked for, where the caller reads everything.
    pub(super) async fn note(&self, pages: &Pages, console: &Console, what: &'static str) -> Result<(), AppError> {
        if widest(&console.who) != Whose::All {
            return Ok(());
        }
        let filled: Vec<(&str, Option<&str>)> = self
            .pairs()
            .into_iter()
            .map(|(name, value)| (name, value.filter(|value| !value.is_empty())))
            .collect();
        note_read(&pages.api.core, &console.who, what, &filled).await
    }
}

/// Reads a day, as a field for a date sends it (HTML standard, "valid date string"): its beginning in UTC.
fn day(field: &'static str, text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let whole = (text.len() == "2026-11-22".len()).then(|| format!("{text}T00:00:00Z"));
    let day = whole.and_then(|text| text.parse().ok());
    day.map(Some)
        .ok_or_else(|| Refusal::invalid(field, Rule::Shape(Shape::Day)))
}

/// One choice of the state.
struct Choice {
    name: &'static str,
    text: String,
    chosen: bool,
}

fn choices(w: Words, chosen: &str) -> Vec<Choice> {
    let text = |state| match state {
        Became::Waiting => "state-waiting",
        Became::Live => "state-live",
        Became::Ending => "state-ending",
        Became::Ended => "state-ended",
        Became::Denied => "state-denied",
        Became::Cancelled => "state-cancelled",
        Became::Lapsed => "state-lapsed",
    };
    Became::ALL
        .into_iter()
        .map(|state| Choice {
            name: state.name(),
            text: w.t(text(state)),
            chosen: state.name() == chosen,
        })
        .collect()
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryContent<'a> {
    w: Words,
    looked: &'a Looked,
    wrong: &'a Wrong,
    states: Vec<Choice>,
    /// The message that says whose history it is.
    whose: &'static str,
    lines: Vec<LineShown>,
    picture: Option<Html>,
    filtered: bool,
    next: Option<String>,
    looked_back_to: Option<Timestamp>,
    export: String,
    timeline: String,
}

#[derive(Template)]
#[template(source = "{{ svg|safe }}", ext = "html")]
struct Drawing {
    /// Made by [`crate::timeline`], which escapes what it is given.
    svg: String,
}

pub(crate) async fn list(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Page, PageError> {
    let w = console.words();
    let (filter, wrong) = looked.filter(w);
    let bounds = Bounds {
        lines: MOST_ROWS,
        looked_at: MOST_LOOKED_AT,
    };
    let part = found(&pages, &console, &looked, &filter, bounds, "history")
        .await
        .map_err(|error| console.fail(&error))?;
    let now = console.now();
    let names = Names::of_lines(&part.lines);
    let picture = drawn(
        w,
        (&part.lines, &names),
        stretch_of(&part.lines, &filter, now),
        by(&looked),
        now,
    );
    let next = cursor(part.next.as_deref());
    let content = HistoryContent {
        w,
        looked: &looked,
        wrong: &wrong,
        states: choices(w, &looked.state),
        whose: whose_in_words(&console),
        picture,
        lines: part
            .lines
            .iter()
            .map(|line| short(LineShown::of(w, line, now)).apart(&names, line))
            .collect(),
        filtered: !looked.is_empty(),
        next: next.map(|next| looked.at("/history", &[("rows", Some(&looked.rows)), ("cursor", Some(&next))])),
        looked_back_to: part.looked_back_to,
        export: looked.at("/history/export", &[]),
        timeline: looked.at("/history/timeline", &[]),
    };
    Ok(console.page(&w.t("history-title"), &content).wide())
}

pub(super) const fn whose_of(whose: Whose) -> &'static str {
    match whose {
        Whose::Own => "history-own",
        Whose::Seen => "history-seen",
        Whose::All => "history-everybody",
    }
}

fn whose_in_words(console: &Console) -> &'static str {
    whose_of(widest(&console.who))
}

/// Looks for what the filters say, noting it where the caller reads everything.
pub(super) async fn found(
    pages: &Pages,
    console: &Console,
    looked: &Looked,
    filter: &Filter,
    bounds: Bounds,
    what: &'static str,
) -> Result<Part, AppError> {
    looked.note(pages, console, what).await?;
    let after = place_in_list(looked.cursor.as_deref());
    let whose = widest(&console.who);
    search::search(&pages.api.core, &console.who, whose, filter, after.as_deref(), bounds).await
}

/// A justification cut for a table; all of it is on the request's own page.
fn short(mut line: LineShown) -> LineShown {
    line.why = cut(&line.why, LONGEST_WHY);
    line
}

/// What the rows of the picture are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum By {
    Person,
    Entitlement,
}

fn by(looked: &Looked) -> By {
    if looked.rows == "entitlement" {
        By::Entitlement
    } else {
        By::Person
    }
}

/// The stretch of time that a picture of some lines shows: what was asked for, else the last week, else wherever they lie.
fn stretch_of(lines: &[Line], filter: &Filter, now: Timestamp) -> (Timestamp, Timestamp) {
    let ends = lines.iter().map(|line| {
        let grant = line.grant.as_ref().map(|grant| &grant.value);
        stretch(&line.request.value, grant)
    });
    let (starts, ends): (Vec<Timestamp>, Vec<Timestamp>) = ends.unzip();
    let last = ends.into_iter().max().unwrap_or(now);
    let first = starts.into_iter().min().unwrap_or(now);
    let to = filter.to.unwrap_or_else(|| last.max(first.plus_seconds(3_600)));
    let to = if filter.to.is_none() && now.seconds_since(last) < WEEK_SECONDS {
        to.max(now)
    } else {
        to
    };
    let from = filter.from.unwrap_or_else(|| {
        let week = to.plus_seconds(-WEEK_SECONDS);
        first.max(week).min(to.plus_seconds(-3_600))
    });
    (from.max(to.plus_seconds(-LONGEST_PICTURE)), to)
}

/// The picture of some lines; none where there is nothing to draw. A row is one account's or one entitlement's, whoever else
/// has the same name.
fn drawn(
    w: Words,
    (lines, names): (&[Line], &Names),
    (from, to): (Timestamp, Timestamp),
    by: By,
    now: Timestamp,
) -> Option<Html> {
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut ids: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut drawn: BTreeSet<GrantId> = BTreeSet::new();
    for line in lines {
        let request = &line.request.value;
        let (person, entitlement) = (&request.beneficiary, request.entitlement);
        let (id, name, apart) = match by {
            By::Person => (person.user.to_string(), &person.name, names.person(person)),
            By::Entitlement => (
                entitlement.to_string(),
                &request.entitlement_name,
                names.entitlement(entitlement),
            ),
        };
        let grant = line.grant.as_ref().map(|grant| &grant.value);
        let bars = bars(w, request, grant, names, &mut drawn);
        let bars = bars.into_iter().filter(|bar| bar.start < to && from < bar.end);
        let bars: Vec<Bar> = bars.collect();
        if !bars.is_empty() {
            // Whoever was renamed keeps one row, under the newest name.
            let known = ids.entry(id.clone()).or_insert_with(|| (name.to_lowercase(), id));
            let row = rows.entry(known.clone()).or_insert_with(|| Row {
                name: name.clone(),
                apart,
                bars: Vec::new(),
            });
            row.bars.extend(bars);
        }
    }
    if rows.is_empty() {
        return None;
    }
    let picture = Picture {
        title: w.t("timeline-picture"),
        description: w.t2("timeline-describes", "from", w.minute(from), "to", w.minute(to)),
        from,
        to,
        now,
        rows: rows.into_values().collect(),
    };
    Html::of(&Drawing { svg: picture.svg() }).ok()
}

/// The bars of a request: while it waited, and what it led to. A grant that was extended is drawn once.
fn bars(w: Words, request: &Request, grant: Option<&Grant>, names: &Names, drawn: &mut BTreeSet<GrantId>) -> Vec<Bar> {
    let who = named(
        &cut(&request.beneficiary.name, LONGEST_IN_BAR),
        names.person(&request.beneficiary).as_deref(),
    );
    let what = named(
        &cut(&request.entitlement_name, LONGEST_IN_BAR),
        names.entitlement(request.entitlement).as_deref(),
    );
    let href = format!("/requests/{}", request.id);
    let bar = |kind, start: Timestamp, end: Timestamp, late_from, state: &'static str| Bar {
        kind,
        start,
        end,
        late_from,
        href: href.clone(),
        title: w.with(
            "timeline-bar",
            [
                ("who", who.as_str().into()),
                ("what", what.as_str().into()),
                ("state", w.t(state).into()),
                ("start", w.minute(start).into()),
                ("end", w.minute(end).into()),
            ],
        ),
    };
    let asked = request.created_at;
    let closed = request.closed_at.unwrap_or(request.lapses_at);
    let Some(grant) = grant.filter(|_| request.status == RequestStatus::Approved) else {
        return match request.status {
            RequestStatus::Pending | RequestStatus::Approved => {
                vec![bar(Kind::Waiting, asked, closed, None, "state-waiting")]
            }
            RequestStatus::Denied => vec![bar(Kind::Refused, asked, closed, None, "state-denied")],
            RequestStatus::Cancelled => vec![bar(Kind::Refused, asked, closed, None, "state-cancelled")],
            RequestStatus::Lapsed => vec![bar(Kind::Refused, asked, closed, None, "state-lapsed")],
        };
    };
    let mut bars = Vec::new();
    if request.kind.extends().is_none() {
        let decided = grant.approved_at.max(asked);
        bars.push(bar(Kind::Waiting, asked, decided, None, "state-waiting"));
        if grant.starts_at > decided {
            bars.push(bar(Kind::Waiting, decided, grant.starts_at, None, "state-scheduled"));
        }
    }
    if !drawn.insert(grant.id) {
        return bars;
    }
    let over = matches!(grant.status, GrantStatus::Ended | GrantStatus::ClosedByHand);
    let end = end_of(grant).max(grant.starts_at);
    let (kind, state) = if kept(grant) {
        (Kind::Kept, "state-ended-kept")
    } else if over && grant.active_at.is_none() {
        (Kind::Refused, "state-ended")
    } else if over {
        (Kind::Access, "state-ended")
    } else {
        (Kind::Access, "state-live")
    };
    bars.push(Bar {
        href: format!("/requests/{}", grant.request),
        ..bar(kind, grant.starts_at, end, late_from(grant), state)
    });
    bars
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct TimelineContent<'a> {
    w: Words,
    looked: &'a Looked,
    wrong: &'a Wrong,
    whose: &'static str,
    from: Timestamp,
    to: Timestamp,
    from_day: String,
    to_day: String,
    states: Vec<Choice>,
    /// What the picture is narrowed to, in words.
    only: Option<String>,
    by_entitlement: bool,
    lines: Vec<LineShown>,
    picture: Option<Html>,
    earlier: String,
    later: Option<String>,
    cut: bool,
    looked_back_to: Option<Timestamp>,
    table: String,
}

/// The filters in force but for the time, in words: a picture that is printed says what it leaves out.
fn only(w: Words, looked: &Looked) -> Option<String> {
    let state = choices(w, &looked.state).into_iter().find(|choice| choice.chosen);
    let state = state.map(|choice| choice.text).unwrap_or_default();
    let named = [
        ("filter-person", &looked.person),
        ("filter-entitlement", &looked.entitlement),
        ("filter-approver", &looked.approver),
        ("filter-state", &state),
        ("filter-text", &looked.text),
    ];
    let said: Vec<String> = named
        .into_iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| format!("{}: {}", w.t(name), value.trim()))
        .collect();
    (!said.is_empty()).then(|| said.join(" · "))
}

/// The day of an instant, as a field for a date has it.
fn date(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

pub(crate) async fn timeline(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Page, PageError> {
    let (w, now) = (console.words(), console.now());
    let (mut filter, wrong) = looked.filter(w);
    let today = now.seconds().div_euclid(DAY_SECONDS) * DAY_SECONDS;
    let tomorrow = Timestamp::from_seconds(today + DAY_SECONDS);
    let to = filter.to.take().unwrap_or_else(|| {
        let week = filter.from.map(|from| from.plus_seconds(WEEK_SECONDS));
        week.unwrap_or(tomorrow)
    });
    let from = filter.from.take().unwrap_or_else(|| to.plus_seconds(-WEEK_SECONDS));
    let from = from.max(to.plus_seconds(-LONGEST_PICTURE));
    filter.overlaps = Some((from, to));
    let bounds = Bounds {
        lines: MOST_IN_PICTURE,
        looked_at: MOST_FOR_MUCH,
    };
    let part = found(&pages, &console, &looked, &filter, bounds, "history")
        .await
        .map_err(|error| console.fail(&error))?;
    let names = Names::of_lines(&part.lines);
    let length = to.seconds_since(from);
    let moved = |seconds: i64| {
        let (first, last) = (from.plus_seconds(seconds), to.plus_seconds(seconds - DAY_SECONDS));
        let moved = Looked {
            from: date(first),
            to: date(last),
            ..looked.clone()
        };
        moved.at("/history/timeline", &[("rows", Some(&looked.rows))])
    };
    let content = TimelineContent {
        w,
        looked: &looked,
        wrong: &wrong,
        whose: whose_in_words(&console),
        from,
        to,
        from_day: date(from),
        to_day: date(to.plus_seconds(-DAY_SECONDS)),
        states: choices(w, &looked.state),
        only: only(w, &looked),
        by_entitlement: by(&looked) == By::Entitlement,
        picture: drawn(w, (&part.lines, &names), (from, to), by(&looked), now),
        lines: part
            .lines
            .iter()
            .map(|line| short(LineShown::of(w, line, now)).apart(&names, line))
            .collect(),
        earlier: moved(-length),
        later: (to < tomorrow.plus_seconds(31 * DAY_SECONDS)).then(|| moved(length)),
        cut: part.next.is_some(),
        looked_back_to: part.looked_back_to,
        table: looked.at("/history", &[]),
    };
    Ok(console.page(&w.t("timeline-title"), &content).wide())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(from: &str, to: &str) -> Looked {
        Looked {
            from: from.to_owned(),
            to: to.to_owned(),
            person: " Dana ".to_owned(),
            state: "live".to_owned(),
            ..Looked::default()
        }
    }

    #[test]
    fn filters_are_read_and_the_last_day_counts_whole() {
        let (filter, wrong) = looked("2026-11-14", "2026-11-21").filter(Words::default());
        assert!(wrong.is_empty());
        assert_eq!(filter.person.as_deref(), Some("Dana"));
        assert_eq!(filter.state, Some(Became::Live));
        assert_eq!(filter.text, None);
        assert_eq!(filter.from, "2026-11-14T00:00:00Z".parse().ok());
        assert_eq!(filter.to, "2026-11-22T00:00:00Z".parse().ok());
    }

    #[test]
    fn what_cannot_be_read_is_named_and_left_out() {
        let (filter, wrong) = looked("14.11.2026", "2026-02-31").filter(Words::default());
        assert!(wrong.at("from").is_some() && wrong.at("to").is_some());
        assert_eq!((filter.from, filter.to), (None, None));
        let (filter, wrong) = looked("2026-11-22", "2026-11-21").filter(Words::default());
        assert!(wrong.at("from").is_some());
        assert_eq!(filter.from, None);
        let (filter, _) = Looked {
            state: "nonsense".to_owned(),
            ..Looked::default()
        }
        .filter(Words::default());
        assert_eq!(filter.state, None);
    }

    #[test]
    fn filters_live_in_the_address() {
        let address = looked("2026-11-14", "").at("/history", &[("cursor", Some("x"))]);
        assert_eq!(address, "/history?person=+Dana+&state=live&from=2026-11-14&cursor=x");
    }
}
