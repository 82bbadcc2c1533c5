//! The steps of the protocol in which the system has to be killed.

/// The step in which a change with this audit event is stored.
///
/// Of the events of one change the last in this list names the step.
pub(crate) const STORED: [&str; 18] = [
    "request.approved",
    "grant.activating",
    "grant.active",
    "grant.ending",
    "grant.removing",
    "grant.ended",
    "membership.adding",
    "membership.present",
    "membership.removing",
    "membership.removed",
    "membership.unconfirmed",
    "membership.absent",
    LEASE,
    "grant.end_ordered",
    "grant.extended",
    "grant.rescheduled",
    "kill_switch.pressed",
    "kill_switch.carried_out",
];

/// The step in which a membership is stored without an audit event: its lease is taken or given back.
pub(crate) const LEASE: &str = "membership.lease";

/// The one-shot schedule is made.
pub(crate) const CREATE: &str = "schedule.create";
/// The one-shot schedule is deleted.
pub(crate) const DELETE: &str = "schedule.delete";
/// The message that ends an exact grant is sent.
pub(crate) const SEND: &str = "message.send";
/// The directory is asked what kind of group a target is.
pub(crate) const VERIFY: &str = "target.verify";
/// The directory is asked who is a member.
pub(crate) const INSPECT: &str = "target.inspect";
/// A member is added.
pub(crate) const ADD: &str = "target.add";
/// A member is removed.
pub(crate) const REMOVE: &str = "target.remove";
