//! What Graph's answers to adds and removes mean.
//!
//! Graph gives one status and one code to many causes, and only the text tells them apart (Microsoft Graph, "Add
//! members", "Remove member"; the texts are those that its clients report). So an answer is judged by status, code and a
//! part of its text together, and what can be read back is read back: the baseline never follows from the answer to an
//! add, absence never from the answer to a remove.

use hourglass_domain::protocol::membership::Answer;

use crate::session::{Outcome, in_words, transient};
use crate::wire::Reply;

/// How soon to come back for something that is not replicated yet, in seconds. The protocol waits longer each time.
pub(crate) const NOT_REPLICATED_SECONDS: i64 = 2;
/// How soon to come back when throttled without being told for how long, in seconds.
const THROTTLED_SECONDS: i64 = 10;
/// How soon to come back for what was not even sent, in seconds.
const UNSENT_SECONDS: i64 = 1;

/// What to make of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// This.
    Is(Answer),
    /// Graph says that the member is there already; to be read back.
    AlreadyMember,
    /// Graph forbids it and does not say why; to be found out.
    Forbidden(String),
}

/// The answer to an add.
pub(crate) fn added(outcome: &Outcome) -> Verdict {
    let reply = match outcome {
        Outcome::Reply(reply) => reply,
        other => return Verdict::Is(unanswered(other)),
    };
    let is_bad_request = reply.status == 400 && reply.code.eq_ignore_ascii_case("Request_BadRequest");
    if is_bad_request && reply.searchable.contains("added object references already exist") {
        return Verdict::AlreadyMember;
    }
    if reply.status == 404 {
        return not_replicated(reply);
    }
    common(reply)
}

/// The answer to a remove.
pub(crate) fn removed(outcome: &Outcome) -> Verdict {
    let reply = match outcome {
        Outcome::Reply(reply) => reply,
        other => return Verdict::Is(unanswered(other)),
    };
    let is_bad_request = reply.status == 400 && reply.code.eq_ignore_ascii_case("Request_BadRequest");
    let not_there = is_bad_request && reply.searchable.contains("removed object references do not exist");
    // 404: no such link, object or group, or a replica that does not know it yet. That it is gone is proved by looking,
    // twice, and not by this answer.
    if not_there || reply.status == 404 {
        return Verdict::Is(Answer::Done);
    }
    common(reply)
}

fn common(reply: &Reply) -> Verdict {
    let words = reply.in_words();
    Verdict::Is(match reply.status {
        200..=299 => Answer::Done,
        400 if reply.searchable.contains("on-premises mastered") => Answer::Refused(format!(
            "{words} (the group is synced from an on-premises directory and can only be changed there)"
        )),
        400 if reply.searchable.contains("does not exist") => return not_replicated(reply),
        403 => return Verdict::Forbidden(words),
        401 => Answer::Refused(format!("{words} (Graph does not take the connector's token)")),
        429 => Answer::Throttled {
            seconds: reply.retry_after.unwrap_or(THROTTLED_SECONDS).max(1),
            why: words,
        },
        status if transient(status) => match reply.retry_after {
            Some(seconds) => Answer::RetryAfter {
                seconds: seconds.max(1),
                why: words,
            },
            None => Answer::Unknown(words),
        },
        // Redirects, which are not followed, and whatever else is no answer of Graph's.
        300..=399 => Answer::Unknown(words),
        400..=499 => Answer::Refused(words),
        _ => Answer::Unknown(words),
    })
}

fn not_replicated(reply: &Reply) -> Verdict {
    Verdict::Is(Answer::RetryAfter {
        seconds: NOT_REPLICATED_SECONDS,
        why: format!(
            "{} (the group or the account is not known everywhere yet)",
            reply.in_words()
        ),
    })
}

fn unanswered(outcome: &Outcome) -> Answer {
    match outcome {
        Outcome::Unsent { why, retry_after } => Answer::RetryAfter {
            seconds: retry_after.unwrap_or(UNSENT_SECONDS).max(1),
            why: why.clone(),
        },
        Outcome::Denied(why) => Answer::Refused(why.clone()),
        Outcome::Lost(why) => Answer::Unknown(why.clone()),
        Outcome::Reply(_) => Answer::Unknown(in_words(outcome)),
    }
}
