# Asking for access, and what one has.
find-title = Ask for access
find-label = What do you need?
find-button = Search
find-nothing = There is nothing that you may ask for. An admin decides who may ask for what.
find-none = Nothing that you may ask for has all of these words: { $q }
find-all = Show everything
find-count = { $count ->
    [one] One thing that you may ask for.
   *[other] { $count } things that you may ask for.
}
find-recent = used recently
find-terms = { $quorum ->
    [one] up to { $longest }, one approval
   *[other] up to { $longest }, { $quorum } approvals
}
find-terms-self = up to { $longest }, you activate it
find-emergency = Something is on fire?
find-emergency-link = Emergency access
more-time = more time
until = until
again = Request again
remind = Remind
cancel-request = Cancel request
how-to = How to use it
ids = Immutable ids
asked-by = asked by { $by }
asked-by-for = { $by } for { $who }
approvers-count = { $count ->
    [0] Nobody can approve at present.
    [one] One person can approve.
   *[other] { $count } people can approve.
}
approvers-many = { $count } or more people can approve.
approvers-quorum = { $quorum } of them have to.
approvers-none = Nobody has to approve: you activate it with your passkey.

ask-title = Ask for { $name }
ask-gives = What it gives
ask-approves = Who approves
ask-longest = At most
ask-longest-all = { $duration } in all, extensions included.
ask-not-eligible = None of your accounts may have this. An admin decides who may.
ask-for = For which account
ask-someone = somebody else
ask-someone-name = Who
ask-someone-hint = Their user name, such as kim@contoso.example. They have to be among those who may have it, and are told.
ask-duration = How long
ask-why = Why
ask-why-hint = { $count ->
    [0] Whoever approves reads this.
    [one] Whoever approves reads this.
   *[other] At least { $count } characters. Whoever approves reads this.
}
ask-ticket = Ticket
ask-ticket-hint = Such as { $example }.
ask-ticket-optional = Such as { $example }. May be left out.
ask-later = Start later
ask-start = Start
ask-start-hint = Within 30 days; left out, it starts when it is approved. Time zone:
ask-sentence = Adds you to { $what } in { $systems } when it is approved, for the time above.
ask-button = Ask for access
ask-preview-button = See what will happen
ask-preview-title = This will happen
ask-preview = Adds { $own ->
    [yes] you
   *[no] { $who }
} to { $what } in { $systems } { $later ->
    [yes] from { $start } until { $end }
   *[no] until { $end } if it is approved now
} ({ $duration }).
ask-lapses = If nobody decides, the request lapses at
ask-other = Look for something else
obstacle-held = You hold this until { $until } already.
obstacle-held-link = Extend it instead
obstacle-asked = You have asked for this already, and it waits.
obstacle-asked-link = See the request

done-asked = Your request waits for its approvers. This page shows when it is decided.
done-ended = The access is being taken away, within seconds.
done-revoked = The access is being taken away, within seconds.
done-extended = Your request for more time waits for its approvers.
done-reminded = Asked again: the approvers see it in their inbox.
done-cancelled = The request was taken back.

access-title = My access
access-live = What you have
access-none = You have no access at the moment.
access-not-provisioned = Your account has not been provisioned to Hourglass, so it can have no access yet. That begins when Entra provisions it, within 40 minutes of being assigned.
access-to-admin = Set Hourglass up
access-ask = Ask for access
access-ends = ends
access-begins = begins
access-extend = Extend
access-end = End access now
access-end-what = Takes { $who } out of { $what } at once. To have it again, it has to be asked for again.
access-end-button = End { $what } now
access-going = Being taken away.
access-waiting = Waiting
access-approved-of = { $approved } of { $quorum } approvals.
access-asked = asked
access-lapses = lapses
access-reminded = asked again
access-activate = Activate
access-past = Before
access-all = Everything you asked for is in the history
next-active = Sign in again where you want to use it: programs learn of a new group when they sign in.
next-ending = Sign out where you used it: a session that is open may keep the access until it ends.
back-access = Back to my access

extend-title = More time for { $name }
extend-duration = How much longer
extend-sentence = Whoever approves it moves the end; until then nothing changes. In all it lasts until this at the latest:
extend-button = Ask for more time
extend-not-more = It cannot be extended any more: the latest end is
extend-new = Ask for it anew

one-title = { $what } for { $who }
one-facts = The request
one-who = For whom
one-how-long = How long
one-why = Why
one-access = Access
one-first = the first request
one-where = Where
one-closed = Closed
one-approved-by = Approved by
one-acting-for = for { $who }
one-decide = Decide on it
one-events = What happened
one-exactly = exactly
revoke = Revoke
revoke-reason = Why
revoke-reason-hint = It is kept with the request, and whoever had the access reads it.
revoke-button = Take { $who } out of { $what } now
id-request = Request
id-entitlement = Entitlement
id-requester = Requester
id-beneficiary = Beneficiary
id-grant = Grant
id-target = Target
id-policy = Rules (SHA-256)
