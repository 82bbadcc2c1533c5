//! The history as files: CSV (RFC 4180) and NDJSON, part by part, with the filters of the page.
//!
//! A part has a bound, because a function's answer has one. Where there is more, the answer says where the next part is
//! (`Link`, RFC 8288), and so does the page of parts.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use hourglass_app::history::search::{Bounds, Line, MOST_FOR_MUCH, Part, widest};
use hourglass_domain::Timestamp;
use hourglass_web::extract::Query;
use hourglass_web::page::{Page, PageError};
use hourglass_web::session::Console;
use hourglass_web::views::{GrantView, RequestView};
use hourglass_web::words::Words;
use http::{HeaderValue, header};
use serde::Serialize;

use super::history::{Looked, found, whose_of};
use super::{Pages, cursor};

/// Most lines of a part.
const MOST_LINES: usize = 2_000;
/// Most bytes of a part.
const MOST_BYTES: usize = 4_000_000;

const BOUNDS: Bounds = Bounds {
    lines: MOST_LINES,
    looked_at: MOST_FOR_MUCH,
};

/// The columns of the CSV file, and their names.
const COLUMNS: [&str; 28] = [
    "request",
    "status",
    "activation",
    "extends",
    "entitlement",
    "entitlement_name",
    "targets",
    "requester",
    "requester_object_id",
    "requester_name",
    "beneficiary",
    "beneficiary_object_id",
    "beneficiary_name",
    "duration",
    "justification",
    "ticket",
    "approvers",
    "approver_object_ids",
    "requested_at",
    "closed_at",
    "closed_by",
    "closed_by_object_id",
    "grant",
    "grant_status",
    "starts_at",
    "expires_at",
    "ended_at",
    "ended_because",
];

/// What a CSV file begins with: spreadsheets read one without this mark (U+FEFF) in an encoding of their own, and names wrong.
const MARK: &str = "\u{feff}";

/// The beginning of a CSV file: the mark and the columns' names.
fn beginning() -> String {
    format!("{MARK}{}", row(COLUMNS))
}

/// A cell: quoted where it has to be (RFC 4180 section 2), and never a formula. Spreadsheets take what begins with one of
/// `=`, `+`, `-`, `@`, tab or carriage return for one; with an apostrophe before it, it is text (OWASP, "CSV Injection").
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n', ';', '\t', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

fn csv_line(line: &Line) -> String {
    let request = &line.request.value;
    let view = RequestView::from(request);
    let grant = line.grant.as_ref().map(|grant| GrantView::from(&grant.value));
    let of_grant = |get: &dyn Fn(&GrantView) -> String| grant.as_ref().map(get).unwrap_or_default();
    let approvers: Vec<&str> = request
        .approvals
        .iter()
        .map(|approval| approval.approver.name.as_str())
        .collect();
    let approver_ids: Vec<String> = request
        .approvals
        .iter()
        .map(|approval| approval.approver.object_id.to_string())
        .collect();
    let closed_by = request.closed_by.as_ref();
    let cells = [
        view.id,
        view.status,
        request.activation.name().to_owned(),
        view.extends.unwrap_or_default(),
        view.entitlement,
        view.entitlement_name,
        view.targets.join(" "),
        request.requester.user.to_string(),
        request.requester.object_id.to_string(),
        request.requester.name.clone(),
        request.beneficiary.user.to_string(),
        request.beneficiary.object_id.to_string(),
        request.beneficiary.name.clone(),
        view.duration,
        view.justification,
        view.ticket.unwrap_or_default(),
        approvers.join("; "),
        approver_ids.join("; "),
        view.created_at,
        view.closed_at.unwrap_or_default(),
        closed_by.map(|party| party.name.clone()).unwrap_or_default(),
        closed_by.map(|party| party.object_id.to_string()).unwrap_or_default(),
        of_grant(&|grant| grant.id.clone()),
        of_grant(&|grant| grant.status.clone()),
        of_grant(&|grant| grant.starts_at.clone()),
        of_grant(&|grant| grant.expires_at.clone()),
        of_grant(&|grant| grant.ended_at.clone().unwrap_or_default()),
        of_grant(&|grant| grant.ended_because.clone().unwrap_or_default()),
    ];
    row(cells.iter().map(String::as_str))
}

/// A line of the NDJSON file.
#[derive(Serialize)]
struct Record {
    request: RequestView,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<GrantView>,
}

fn json_line(line: &Line) -> String {
    let record = Record {
        request: RequestView::from(&line.request.value),
        grant: line.grant.as_ref().map(|grant| GrantView::from(&grant.value)),
    };
    let mut text = serde_json::to_string(&record).unwrap_or_default();
    text.push('\n');
    text
}

/// The lines of a part that fit into one answer whichever file it is, so that both files end where the next part begins,
/// and where that is.
fn fitting(part: &Part, most: usize) -> (&[Line], Option<String>) {
    let mut size = beginning().len();
    for (n, line) in part.lines.iter().enumerate() {
        size += csv_line(line).len().max(json_line(line).len());
        if size > most && n > 0 {
            let lines = part.lines.get(..n).unwrap_or_default();
            let place = |line: &Line| format!("{}#{}", line.request.value.created_at, line.request.value.id);
            return (lines, lines.last().map(place));
        }
    }
    (&part.lines, part.next.clone())
}

async fn file(
    pages: &Pages,
    console: &Console,
    looked: &Looked,
    kind: (&'static str, &'static str),
    begin: &str,
    line: impl Fn(&Line) -> String,
) -> Result<Response, PageError> {
    let (extension, media_type) = kind;
    let (filter, wrong) = looked.filter(console.words());
    if let Some(refusal) = wrong.first() {
        return Err(console.fail(&refusal.clone().into()));
    }
    let part = found(pages, console, looked, &filter, BOUNDS, "export")
        .await
        .map_err(|error| console.fail(&error))?;
    let (lines, next) = fitting(&part, MOST_BYTES);
    let times: Vec<Timestamp> = lines.iter().map(|line| line.request.value.created_at).collect();
    let text: String = [begin.to_owned()].into_iter().chain(lines.iter().map(line)).collect();
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let name = format!(
        "attachment; filename=\"hourglass-history-{}.{extension}\"",
        stretch(&times, console.now())
    );
    put(headers, header::CONTENT_DISPOSITION, &name);
    if let Some(next) = cursor(next.as_deref()) {
        let place = looked.at(&format!("/history/export.{extension}"), &[("cursor", Some(&next))]);
        put(headers, header::LINK, &format!("<{place}>; rel=\"next\""));
    }
    Ok(response)
}

/// From when to when the requests of a part were made, as it stands in the file's name, so that parts have different ones: to
/// the second, in the basic format of ISO 8601, because colons are not for file names. `times` are newest first.
fn stretch(times: &[Timestamp], now: Timestamp) -> String {
    let basic = |at: Timestamp| -> String {
        let text = at.to_string();
        let seconds = text.split(['.', 'Z']).next().unwrap_or_default();
        seconds
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .chain(['Z'])
            .collect()
    };
    match (times.last(), times.first()) {
        (Some(oldest), Some(newest)) => format!("{}-{}", basic(*oldest), basic(*newest)),
        _ => format!("none-{}", basic(now)),
    }
}

fn put(headers: &mut http::HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

pub(crate) async fn csv(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Response, PageError> {
    let kind = ("csv", "text/csv; charset=utf-8; header=present");
    file(&pages, &console, &looked, kind, &beginning(), csv_line).await
}

pub(crate) async fn ndjson(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Response, PageError> {
    let kind = ("ndjson", "application/x-ndjson");
    file(&pages, &console, &looked, kind, "", json_line).await
}

#[derive(Template)]
#[template(path = "export.html")]
struct ExportContent {
    w: Words,
    whose: &'static str,
    count: usize,
    newest: Option<Timestamp>,
    oldest: Option<Timestamp>,
    csv: String,
    ndjson: String,
    next: Option<String>,
    back: String,
}

/// One part with its files, and the way to the next.
pub(crate) async fn parts(
    State(pages): State<Pages>,
    console: Console,
    Query(looked): Query<Looked>,
) -> Result<Page, PageError> {
    let w = console.words();
    let (filter, wrong) = looked.filter(w);
    if !wrong.is_empty() {
        // The history says what is wrong, beside its field; a file under such an address would hold something else.
        return Err(PageError::redirect(looked.at("/history", &[])));
    }
    let part = found(&pages, &console, &looked, &filter, BOUNDS, "export")
        .await
        .map_err(|error| console.fail(&error))?;
    let (lines, next) = fitting(&part, MOST_BYTES);
    let at = |line: &Line| line.request.value.created_at;
    let here = looked.cursor.as_deref();
    let next = cursor(next.as_deref());
    let content = ExportContent {
        w,
        whose: whose_of(widest(&console.who)),
        count: lines.len(),
        newest: lines.first().map(at),
        oldest: lines.last().map(at),
        csv: looked.at("/history/export.csv", &[("cursor", here)]),
        ndjson: looked.at("/history/export.ndjson", &[("cursor", here)]),
        next: next.map(|next| looked.at("/history/export", &[("cursor", Some(&next))])),
        back: looked.at("/history", &[]),
    };
    Ok(console.page(&w.t("export-title"), &content))
}

#[cfg(test)]
mod tests {
    use hourglass_app::records::Stored;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn line(id: u128, justification: &str) -> Line {
        let id = Uuid::from_u128(id);
        let party = json!({"user": id, "person": id, "tenant": id, "object_id": id, "name": "Dana Reyes"});
        let request = json!({
            "id": id, "application": "contoso.example", "entitlement": id, "entitlement_name": "prod-admins",
            "targets": [], "requester": party, "beneficiary": party, "duration": "1h", "starts_at": null,
            "justification": justification, "ticket": null, "quorum": 1,
            "policy": {"entitlement_version": 1, "template_version": 1, "hash": "0".repeat(64)},
            "status": "pending", "approvals": [], "grant": null, "created_at": "2026-11-22T09:30:00Z",
            "lapses_at": "2026-11-22T17:30:00Z", "closed_at": null,
        });
        Line {
            request: Stored {
                value: serde_json::from_value(request).unwrap(),
                version: 1,
            },
            grant: None,
        }
    }

    #[test]
    fn both_files_of_a_part_end_where_the_next_begins() {
        let part = Part {
            lines: vec![
                line(1, "one\nline, two\nlines"),
                line(2, "two"),
                line(3, &"three ".repeat(50)),
            ],
            next: Some("the next month".to_owned()),
            looked_back_to: None,
        };
        let (all, next) = fitting(&part, MOST_BYTES);
        assert_eq!((all.len(), next.as_deref()), (3, Some("the next month")));
        let longest = |line: &Line| csv_line(line).len().max(json_line(line).len());
        let two = beginning().len() + part.lines.iter().take(2).map(longest).sum::<usize>();
        let (some, next) = fitting(&part, two);
        assert_eq!(some.len(), 2);
        assert_eq!(next, Some(format!("2026-11-22T09:30:00.000Z#{}", Uuid::from_u128(2))));
        let (first, _) = fitting(&part, 1);
        assert_eq!(first.len(), 1, "no part is empty, or there would be no end");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for evil in [
            "=HYPERLINK(\"http://fabrikam.example\",\"x\")",
            "+1+1",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "＝1",
        ] {
            let cell = cell(evil);
            assert!(cell.starts_with('\'') || cell.starts_with("\"'"), "{cell}");
        }
        assert_eq!(cell("prod-admins"), "prod-admins");
        assert_eq!(cell("1+1"), "1+1", "only what begins with it");
    }

    #[test]
    fn cells_are_quoted_as_rfc_4180_has_it() {
        assert_eq!(cell("a,b"), "\"a,b\"");
        assert_eq!(cell("say \"yes\""), "\"say \"\"yes\"\"\"");
        assert_eq!(cell("two\r\nlines"), "\"two\r\nlines\"");
        assert_eq!(row(["a", "", "c,d"]), "a,,\"c,d\"\r\n");
        assert_eq!(row(COLUMNS).matches(',').count(), 27);
    }

    #[test]
    fn a_file_says_which_stretch_of_time_it_holds() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-22T16:40:00Z");
        let times = [at("2026-11-22T10:15:30.250Z"), at("2026-11-22T09:00:00Z")];
        assert_eq!(stretch(&times, now), "20261122T090000Z-20261122T101530Z");
        assert_ne!(stretch(&times[..1], now), stretch(&times[1..], now));
        assert_eq!(stretch(&[], now), "none-20261122T164000Z");
    }
}
