//! The picture of who had what when: data in, SVG out.
//!
//! Rows are people or entitlements, bars are requests and their grants. The picture carries no style of its own but
//! presentation attributes and classes, so that the content security policy holds and it prints; what it shows is in the
//! table beneath it as well, and each bar says in words what it is.

use std::fmt::Write as _;

use hourglass_domain::Timestamp;
use hourglass_domain::text::is_invisible;

/// Width of the whole picture in its own units.
const WIDTH: i64 = 1_000;
/// Where the bars begin: left of it stand the rows' names.
const LEFT: i64 = 200;
/// Height of a row.
const ROW: i64 = 30;
/// Height of the scale above the rows.
const SCALE: i64 = 28;
/// Thickness of a bar.
const BAR: i64 = 14;
/// Narrowest bar, so that a short grant can be seen and hit in a picture of months.
const NARROWEST: i64 = 4;
/// Most characters of a row's name; the whole name is its title.
const LONGEST_NAME: usize = 24;
/// Most marks on the scale.
const MOST_MARKS: i64 = 8;
/// Distances in seconds that marks may have.
const DISTANCES: [i64; 14] = [
    60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600, 2_592_000, 7_776_000, 31_536_000,
];

/// What a bar stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// It waited for its approvers, or for its start.
    Waiting,
    /// Access.
    Access,
    /// Access that remains, because it was there before.
    Kept,
    /// It ended without access.
    Refused,
}

impl Kind {
    const fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Access => "access",
            Self::Kept => "kept",
            Self::Refused => "refused",
        }
    }
}

/// A bar.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Bar {
    /// What it stands for.
    pub(crate) kind: Kind,
    /// From when.
    pub(crate) start: Timestamp,
    /// Until when; not before `start`.
    pub(crate) end: Timestamp,
    /// From when the access should have been gone, where it was removed late.
    pub(crate) late_from: Option<Timestamp>,
    /// Where it leads.
    pub(crate) href: String,
    /// What it is, in words.
    pub(crate) title: String,
}

/// A row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    /// Its name.
    pub(crate) name: String,
    /// What tells it apart, where another has the same name; it is not cut.
    pub(crate) apart: Option<String>,
    /// Its bars.
    pub(crate) bars: Vec<Bar>,
}

/// A picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Picture {
    /// What it shows, in a few words.
    pub(crate) title: String,
    /// What it shows, in a sentence.
    pub(crate) description: String,
    /// From when.
    pub(crate) from: Timestamp,
    /// Until when.
    pub(crate) to: Timestamp,
    /// The present, where it lies in the picture.
    pub(crate) now: Timestamp,
    /// The rows, from above.
    pub(crate) rows: Vec<Row>,
}

impl Picture {
    fn x(&self, at: Timestamp) -> i64 {
        let length = self.to.millis().saturating_sub(self.from.millis()).max(1);
        let into = at.millis().saturating_sub(self.from.millis()).clamp(0, length);
        let across = i128::from(WIDTH - LEFT) * i128::from(into) / i128::from(length);
        LEFT + i64::try_from(across).unwrap_or_default()
    }

    /// The picture as SVG.
    pub(crate) fn svg(&self) -> String {
        let rows = i64::try_from(self.rows.len()).unwrap_or_default();
        let height = SCALE + rows * ROW + 4;
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height}\" width=\"100%\" role=\"group\" \
             aria-labelledby=\"timeline-title timeline-text\"><title id=\"timeline-title\">{}</title>\
             <desc id=\"timeline-text\">{}</desc><defs><pattern id=\"kept\" width=\"6\" height=\"6\" \
             patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect class=\"ground\" width=\"6\" height=\"6\"/>\
             <rect class=\"stripe\" width=\"3\" height=\"6\"/></pattern></defs>",
            escaped(&self.title),
            escaped(&self.description)
        );
        self.scale(&mut svg, height);
        for (row, top) in self.rows.iter().zip((0..rows).map(|row| SCALE + row * ROW)) {
            self.row(&mut svg, row, top);
        }
        svg.push_str("</svg>");
        svg
    }

    fn scale(&self, svg: &mut String, height: i64) {
        let length = self.to.seconds_since(self.from).max(1);
        let last = DISTANCES.last().copied().unwrap_or(1);
        let fits = |distance: &&i64| length / **distance <= MOST_MARKS;
        let distance = DISTANCES.iter().find(fits).copied().unwrap_or(last);
        let mut at = self.from.seconds().div_euclid(distance).saturating_add(1) * distance;
        while at < self.to.seconds() {
            let (mark, x) = (Timestamp::from_seconds(at), self.x(Timestamp::from_seconds(at)));
            let _ = write!(
                svg,
                "<line class=\"mark\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\"/><text class=\"scale\" x=\"{x}\" y=\"16\" \
                 text-anchor=\"middle\">{}</text>",
                SCALE - 6,
                label(mark, distance)
            );
            at = at.saturating_add(distance);
        }
        if self.from <= self.now && self.now <= self.to {
            let x = self.x(self.now);
            let _ = write!(
                svg,
                "<line class=\"now\" x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{height}\"/>",
                SCALE - 6
            );
        }
    }

    fn row(&self, svg: &mut String, row: &Row, top: i64) {
        let middle = top + ROW / 2;
        let _ = write!(
            svg,
            "<line class=\"row\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{top}\" y2=\"{top}\"/><text class=\"name\" x=\"0\" y=\"{}\">\
             <title>{}</title>{}</text>",
            middle + 5,
            escaped(&row.whole()),
            escaped(&row.short())
        );
        let y = middle - BAR / 2;
        for bar in row.bars.iter().filter(|bar| bar.start < self.to && self.from < bar.end) {
            let x = self.x(bar.start);
            let width = (self.x(bar.end) - x).max(NARROWEST);
            let title = escaped(&bar.title);
            let _ = write!(
                svg,
                "<a href=\"{}\"><title>{title}</title><rect class=\"{}\" x=\"{x}\" y=\"{y}\" \
                 width=\"{width}\" height=\"{BAR}\" rx=\"2\"{}/>",
                escaped(&bar.href),
                bar.kind.class(),
                match bar.kind {
                    Kind::Waiting => " stroke-dasharray=\"2 3\"",
                    Kind::Kept => " fill=\"url(#kept)\"",
                    Kind::Access | Kind::Refused => "",
                }
            );
            if let Some(late) = bar.late_from.filter(|late| *late < bar.end && self.from < bar.end) {
                let end = self.x(bar.end);
                let late = self.x(late).min(end - NARROWEST);
                let _ = write!(
                    svg,
                    "<rect class=\"late\" x=\"{late}\" y=\"{y}\" width=\"{}\" height=\"{BAR}\"/>",
                    end - late
                );
            }
            svg.push_str("</a>");
        }
    }
}

/// A mark's time: the day where marks are days apart, else the time of day, with the day at midnight.
fn label(at: Timestamp, distance: i64) -> String {
    const DAY_SECONDS: i64 = 86_400;
    let text = at.to_string();
    let day = text.get(5..10).unwrap_or_default();
    if distance >= 31 * DAY_SECONDS {
        return text.get(..7).unwrap_or_default().to_owned();
    }
    if distance >= DAY_SECONDS || at.seconds() % DAY_SECONDS == 0 {
        return day.to_owned();
    }
    text.get(11..16).unwrap_or_default().to_owned()
}

impl Row {
    fn whole(&self) -> String {
        named(&self.name, self.apart.as_deref())
    }

    fn short(&self) -> String {
        let apart = self.apart.as_deref();
        let taken = apart.map_or(0, |apart| apart.chars().count().saturating_add(3));
        named(&short(&self.name, LONGEST_NAME.saturating_sub(taken)), apart)
    }
}

/// A name with what tells it apart.
pub(crate) fn named(name: &str, apart: Option<&str>) -> String {
    match apart {
        Some(apart) => format!("{name} ({apart})"),
        None => name.to_owned(),
    }
}

fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let mut short: String = name.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Text as it may stand in an element or an attribute (XML 1.0, section 2.4); characters that XML does not have, that are not
/// seen or that turn the direction of writing are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push(' '),
            c if is_invisible(c) => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(hours: i64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + hours * 3_600)
    }

    fn bar(kind: Kind, start: i64, end: i64) -> Bar {
        Bar {
            kind,
            start: at(start),
            end: at(end),
            late_from: None,
            href: "/requests/7".to_owned(),
            title: "Dana Reyes: prod-admins".to_owned(),
        }
    }

    fn picture(rows: Vec<Row>) -> Picture {
        Picture {
            title: "Who had what".to_owned(),
            description: "One row for each person.".to_owned(),
            from: at(0),
            to: at(24),
            now: at(12),
            rows,
        }
    }

    fn row(name: &str, bars: Vec<Bar>) -> Row {
        Row {
            name: name.to_owned(),
            apart: None,
            bars,
        }
    }

    fn attribute(element: &str, name: &str) -> i64 {
        let (_, after) = element.split_once(&format!(" {name}=\"")).unwrap();
        after.split('"').next().unwrap().parse().unwrap()
    }

    fn element<'a>(svg: &'a str, class: &str) -> &'a str {
        let bars = svg.split("<rect class=\"");
        let bar = bars
            .filter_map(|bar| bar.strip_prefix(class))
            .find(|bar| bar.starts_with("\" x="));
        bar.unwrap().split('>').next().unwrap()
    }

    #[test]
    fn a_bar_lies_where_its_time_is() {
        let svg = picture(vec![row("Dana", vec![bar(Kind::Access, 6, 12)])]).svg();
        let bar = element(&svg, "access");
        assert_eq!(attribute(bar, "x"), LEFT + (WIDTH - LEFT) / 4);
        assert_eq!(attribute(bar, "width"), (WIDTH - LEFT) / 4);
        assert!(svg.contains("<a href=\"/requests/7\""), "{svg}");
        assert!(svg.contains("<line class=\"now\""), "{svg}");
    }

    #[test]
    fn what_lies_outside_is_cut_or_left_out_and_the_shortest_is_seen() {
        let svg = picture(vec![row("Dana", vec![bar(Kind::Access, -5, 48)])]).svg();
        let whole = element(&svg, "access");
        assert_eq!((attribute(whole, "x"), attribute(whole, "width")), (LEFT, WIDTH - LEFT));
        let svg = picture(vec![row(
            "Dana",
            vec![bar(Kind::Access, -5, -1), bar(Kind::Access, 24, 30)],
        )])
        .svg();
        assert!(!svg.contains("class=\"access\""), "{svg}");
        let mut short = bar(Kind::Waiting, 3, 3);
        short.end = short.start.plus_seconds(5);
        let svg = picture(vec![row("Dana", vec![short])]).svg();
        let short = element(&svg, "waiting");
        assert_eq!(attribute(short, "width"), NARROWEST);
        assert!(short.contains("stroke-dasharray"), "{short}");
    }

    #[test]
    fn standing_access_is_hatched_and_a_late_removal_has_a_red_edge() {
        let svg = picture(vec![row("Dana", vec![bar(Kind::Kept, 1, 4)])]).svg();
        assert!(element(&svg, "kept").contains("fill=\"url(#kept)\""), "{svg}");
        let mut late = bar(Kind::Access, 1, 6);
        late.late_from = Some(at(5));
        let svg = picture(vec![row("Dana", vec![late])]).svg();
        let (bar, edge) = (element(&svg, "access"), element(&svg, "late"));
        let end = |element| attribute(element, "x") + attribute(element, "width");
        assert_eq!(end(bar), end(edge));
        assert!(attribute(edge, "width") < attribute(bar, "width"));
    }

    #[test]
    fn names_from_outside_are_text_and_long_ones_do_not_overlap() {
        let evil = "\"><script>alert(1)</script>&\u{1}\u{202e}\u{200b}";
        let mut named = bar(Kind::Access, 1, 2);
        named.title = evil.to_owned();
        named.href = "/requests/7?a=1&b=\"".to_owned();
        let svg = picture(vec![row(&evil.repeat(10), vec![named])]).svg();
        assert!(!svg.contains("<script") && !svg.contains('\u{1}'), "{svg}");
        assert!(!svg.contains(['\u{202e}', '\u{200b}']), "{svg}");
        assert!(!svg.contains("style=") && !svg.contains("onload"), "{svg}");
        let name = svg.split("class=\"name\"").nth(1).unwrap();
        let shown = name.split("</title>").nth(1).unwrap().split("</text>").next().unwrap();
        assert!(shown.contains('…'), "{shown}");
    }

    #[test]
    fn what_tells_two_of_one_name_apart_is_not_cut() {
        let mut long = row(&"Maximiliane ".repeat(5), Vec::new());
        long.apart = Some("1a2b3c4d".to_owned());
        assert_eq!(long.short(), "Maximiliane … (1a2b3c4d)");
        assert!(long.whole().ends_with(" (1a2b3c4d)"));
        assert!(long.short().chars().count() <= LONGEST_NAME);
    }

    #[test]
    fn it_says_what_it_is_to_who_cannot_see_it() {
        let svg = picture(Vec::new()).svg();
        assert!(svg.contains("role=\"group\""), "{svg}");
        assert!(
            svg.contains("<title id=\"timeline-title\">Who had what</title>"),
            "{svg}"
        );
        assert!(
            svg.contains("<desc id=\"timeline-text\">One row for each person.</desc>"),
            "{svg}"
        );
    }

    #[test]
    fn the_scale_has_a_mark_for_each_stretch_and_never_too_many() {
        for days in [1, 2, 7, 30, 90, 400] {
            let mut picture = picture(Vec::new());
            picture.to = picture.from.plus_seconds(days * 86_400);
            let marks = picture.svg().matches("class=\"mark\"").count();
            assert!((2..=9).contains(&marks), "{days} days: {marks} marks");
        }
        let midnight: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        assert_eq!(label(midnight, 3_600), "11-22");
        assert_eq!(label(midnight.plus_seconds(3_600), 3_600), "01:00");
        assert_eq!(label(midnight, 7_776_000), "2026-11");
    }
}
