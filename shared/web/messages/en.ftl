### Everything that pages say, in English. The sentences of refusals stand in the domain.

## The frame of every page, times, and what scripts say.

brand = Hourglass
skip = Skip to content
nav = Console
nav-request = Request
nav-access = My access
nav-inbox = Inbox
nav-history = History
nav-admin = Admin
nameless = Signed in, not provisioned
menu-passkeys = Passkeys
menu-sessions = Where you are signed in
menu-delegates = Delegates
menu-language = Language
menu-theme = Colours
menu-sign-out = Sign out
theme-system = as the system
theme-light = light
theme-dark = dark

# Formats of times, as strftime has them.
format-minute = %-d %b %Y, %H:%M
format-clock = %H:%M
format-day = %-d %b %Y

left = { $time } left
left-none = over
span-seconds = { $seconds } s
span-minutes = { $minutes } min
span-hours = { $hours } h
span-hours-minutes = { $hours } h { $minutes } min
span-days = { $days } d
span-days-hours = { $days } d { $hours } h

script-copied = Copied
script-signing-in = Signing in again …
script-no-answer = Hourglass did not answer as expected. Nothing was changed; try again.
script-not-used = The passkey was not used: it was cancelled, took too long, or did not verify you. Nothing was changed.
script-known-already = This device has a passkey for your account already.
script-no-passkeys = This browser cannot use passkeys. Open this address in your usual browser:
script-no-connection = Hourglass could not be reached. Nothing is known to have changed; look again before you repeat it.
script-old-browser = This browser is too old for the passkeys used here. Update it, or open this address in another one:
script-old = Not up to date since { $time }. Reload the page; you may have to sign in again.
script-waiting = Waiting for your passkey …

more = More
copy = Copy
no-script-passkey = A passkey needs script, which is switched off in this browser.
form-wrong = This was not saved:

## What goes wrong.

error-field = At fault:
error-rule = Rule:
error-way-sign-in = Sign in
error-way-sign-in-again = Sign in again
error-way-request = Search for access

# Titles by status.
error-title-400 = This could not be read
error-title-401 = Sign in first
error-title-403 = You may not do this
error-title-404 = There is nothing here
error-title-405 = This does not work this way
error-title-409 = This does not fit any more
error-title-413 = This is too large
error-title-415 = This could not be read
error-title-422 = Something is not as it has to be
error-title-429 = This was too often
error-title-500 = Something is wrong with Hourglass
error-title-503 = Hourglass cannot answer right now
error-title-other = This did not work

# What is refused before any rule is asked, by code.
error-not-found = There is nothing at this address, or nothing that you may see. A link may be old, or cut off.
error-too-large = What was sent is too large.
error-form-token = This form belongs to another sign-in. Open the page again and repeat what you did.
error-cross-origin = This call does not come from a page of Hourglass, so it was not carried out.
error-method-not-allowed = This path does not take that method.
error-unavailable = Hourglass cannot do this right now. Try again in a few seconds.
error-internal = Something went wrong inside Hourglass.
error-sign-in-recent = You signed in more than 15 minutes ago, which is too long for this. Sign in again and repeat it.
error-signed-out = You are not signed in any more. Sign in again and repeat what you did.
error-malformed = What was sent cannot be read.
error-content-type = What was sent is of a kind that is not read here.
error-invalid = That is not among what can be chosen.

## What a form calls its fields, where what is wrong does not stand beside them. Those of a configuration are changes-field-….

field-duration = Duration
field-justification = Justification
field-ticket = Ticket
field-starts-at = Start
field-beneficiary = For whom
field-reason = Reason
field-comment = Comment
field-evidence = Evidence
field-delegate = Delegate
field-until = Until
field-from = From
field-to = To
field-state = State
field-decision = Decision
field-entitlement = Entitlement
field-groups = Groups
field-group = Group
field-account = Account
field-users = Accounts
field-one = One account
field-other = The other account
field-q = Search
field-id = Id
field-tenant = Tenant
field-tenant-id = Tenant
field-client-secret = Secret
field-access-token = Access token
field-cloud = Cloud
field-scope = Scope
field-confirmation = Confirmation
field-confirm = Confirmation
field-ticket-prefix = Beginning of a ticket
field-cursor = Place in the list
field-voids = Number of keys
field-version = Version

## Why a target cannot be granted, and why a seal does not hold.

target-problem-missing = the group does not exist in the directory
target-problem-dynamic = its membership is dynamic, so members cannot be added one by one
target-problem-on-premises-synced = it is synced from an on-premises directory and can only be changed there
target-problem-mail-enabled = it is mail-enabled, and such groups cannot be managed through Microsoft Graph
target-problem-not-security = it is not a security group
target-problem-management-restricted = it lies in a restricted management administrative unit
target-problem-role-assignable = it can hold directory roles, so the entitlement has to be marked critical
seal-problem-missing = it has no seal
seal-problem-elsewhere = it lies where it does not belong
seal-problem-broken = its seal does not hold

## States of requests, grants and targets, and what happened, each with an icon beside it.

state-waiting = waiting
state-approved = approved
state-denied = denied
state-cancelled = taken back
state-lapsed = lapsed
state-live = live
state-scheduled = scheduled
state-activating = being activated
state-activating-failing = cannot be activated yet
state-active = active
state-active-some = active on { $present } of { $all }
state-ending = being removed
state-ending-failing = removal fails: access remains
state-ended = ended
state-ended-kept = ended, access remains (standing)
state-closed-by-hand = closed by hand, not proved
target-waiting = not begun
target-adding = being added
target-adding-failing = cannot be added yet
target-present = active
target-removing = being removed
target-removing-unconfirmed = removed, being proved
target-removing-failing = removal fails: access remains
target-absent = gone, proved
target-kept-standing = kept: it was there before
target-kept-by-other-grant = kept by another grant
target-gone = group is gone
target-failed = refused
target-not-added = never added
because-expired = time was up
because-checked-in = ended by its owner
because-revoked = revoked
because-killed = kill switch
because-user-deactivated = account switched off
because-target-gone = group deleted
because-removed-outside = removed in the directory
because-failed = could not be activated
system-entra = Entra
critical = critical
emergency = emergency

## What happened, one message for each action of the audit trail (dots and underscores become hyphens), and who did it.

actor-system = Hourglass ({ $function })
actor-admin = an admin who is not provisioned ({ $id })
actor-scim = provisioning from Entra
text-justification = why
text-comment = comment
text-reason = reason
text-ticket = ticket
text-evidence = evidence
event-request-created = Asked for access
event-request-created-for = Asked for access for somebody else
event-request-reminded = Asked again: reminded the approvers
event-request-approval-recorded = Approved; more approvals are needed
event-request-approved = Approved
event-request-denied = Denied
event-request-cancelled = Taken back
event-request-lapsed = Lapsed: nobody decided in time
event-request-closed = Closed
event-request-activated = Activated with a passkey
event-request-decision-refused = A decision was refused
event-grant-verified = The evidence was verified
event-grant-activating = Its end is arranged; the member is being added
event-grant-active = Active
event-grant-progress = Moved on
event-grant-failing = Something fails; it is tried again
event-grant-extension-requested = More time was asked for
event-grant-extended = Extended
event-grant-rescheduled = The timer of its end was moved
event-grant-timer-tampered = The timer of its end was missing or changed; it was made again
event-grant-end-ordered = Ordered to end
event-grant-ending = Ending
event-grant-removing = Being removed
event-grant-ended = Ended
event-grant-proved-gone = Proved to be gone
event-grant-rechecked = Looked again after its end
event-grant-reopened = Opened again: the member was still there
event-grant-closing-proposed = An admin proposed to close it by hand
event-grant-closing-confirmed = A second admin confirmed that it is closed by hand
event-grant-closed-by-hand = Closed by hand
event-emergency-reviewed = The emergency was reviewed
event-emergency-unreviewed = The emergency was not reviewed in time

## Asking for access, and what one has.

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
denied-by = by { $by }
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
access-extend-as = Sign in as { $account } to ask for more time.
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
access-activate-as = Sign in as { $account } to activate it.
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

## What happened, and who has what.

history-title = History
history-own = What you asked for, and what was asked for on your behalf.
history-seen = What you asked for, may decide or decided.
history-everybody = Everybody's. That you look is noted in the audit trail.
history-none = Nothing was asked for yet.
history-none-filtered = Nothing fits these filters. Fewer of them find more.
history-looked-back = Looked back to
history-go-on = Go on from there
filter-person = Person
filter-entitlement = Entitlement
filter-approver = Approver
filter-state = State
filter-any = any
filter-text = Why, ticket or name
filter-from = From (UTC)
filter-to = To (UTC)
filter-button = Show
filter-none = No filters
col-what = What
col-who = Who
col-state = State
col-asked = Asked
col-from = From
col-until = Until
col-duration = How long
col-approvers = Approved by
col-why = Why
col-again = Again
now-title = Who has what right now
now-at = as of
now-none = Nobody has anything right now.
timeline-title = Timeline
timeline-picture = Who had what, and when
timeline-describes = Bars from { $from } to { $to }; the table below says the same.
timeline-bar = { $who }: { $what }, { $state }, { $start } – { $end }
timeline-key = Times in UTC. Solid: access. Dotted: waiting. Hatched: access that remains because it was there before. Outlined: ended without access. Red edge: removed late.
timeline-rows = Rows
timeline-by-person = people
timeline-by-entitlement = entitlements
timeline-earlier = earlier
timeline-later = later
timeline-none = Nobody had or waited for anything in this time.
timeline-cut = Not everything fits into this picture: choose a shorter time, or a person or an entitlement.
export-title = Export
export-link = Export as CSV or NDJSON
export-says = A file has one line for each request, newest first, with what it led to. A long history comes in parts.
export-none = Nothing fits these filters.
export-lines = Lines in this part
export-stretch = Requested
export-next = Next part
export-last = This is the last part.
export-back = Back to the history

## The inbox, deciding, activations, reviews and delegates.

inbox-title = Inbox
inbox-empty = Nothing waits for you.
inbox-empty-part = Nothing on this part of the list is for you.
inbox-quiet-since = The last request that you could decide on was closed:
inbox-row = { $who } wants { $what }
inbox-asked = asked
inbox-asked-by = asked for by { $name }
inbox-lapses = time to decide:
inbox-reminded = reminded
inbox-to-reviews = Emergencies to review
inbox-to-delegates = Who decides for you while you are away

inbox-request-title = Request from { $name }
inbox-brief = The request in short
inbox-what = What
inbox-how-long = How long
inbox-who = Who
inbox-risk = Risk
inbox-why = Why
inbox-start-extends = after the present end
inbox-start-at = from
inbox-start-decided = from when it is decided
inbox-state-waiting = waiting, { $have } of { $need } approvals
inbox-state-self = waits for its beneficiary to activate it
inbox-state-emergency = emergency, waits for its beneficiary to activate it
inbox-state-approved = approved
inbox-state-self-approved = activated, self-approved by policy
inbox-state-in-emergency = activated in an emergency
inbox-state-denied = denied
inbox-state-cancelled = taken back
inbox-state-lapsed = lapsed: nobody decided in time
inbox-approved-by = { $name } approved for { $time }:
inbox-closed = Closed
inbox-what-happened = What happened
inbox-decide = Decide
inbox-acting-for = You decide for { $name }, who named you as their delegate.
inbox-needs-passkey = This needs a passkey, and you have none that counts yet.
inbox-add-passkey = Add one
sign-in-first = You signed in more than 15 minutes ago. This takes a fresh sign-in; you come back here.
inbox-sign-in-to-decide = Sign in again to decide
inbox-key-elsewhere = Your passkey is with another account of yours, and whoever has one decides with it. Sign in as that account, or add a passkey to this one.
inbox-comment = Comment (optional, the requester reads it)
inbox-will = Adds { $who } to { $groups } in Entra until about { $until }, and takes them out again by itself.
inbox-will-more =
    { $more ->
        [one] One more approval is needed after yours.
       *[other] { $more } more approvals are needed after yours.
    }
inbox-will-extend = Gives { $who } { $time } more after the present end.
inbox-approve = Approve for { $time }
inbox-less = For less time
inbox-will-deny = Denying closes the request for good. { $name } is told, with your comment, and can ask again.
inbox-deny = Deny
inbox-with-passkey = Your passkey signs what you see here.
inbox-with-sign-in = You sign in once more with your second factor.
inbox-passkey-better = With a passkey it is quicker and safer
inbox-you-decided = You have decided on this. It waits for others.
inbox-activates = Nobody approves this: { $name } activates it with their own passkey.
inbox-only-reading = You can read this, and others decide on it.
inbox-wrong = Nothing was decided:
inbox-careful = Look twice
inbox-that-request = That request
inbox-who-is = Who it is for
inbox-requester = Who asked
inbox-name = Name
inbox-user-name = Signs in as
inbox-job = Job
inbox-department = Department
inbox-account-since = Account here since
inbox-earlier-none = { $name } has not asked for anything else in the last 90 days.
inbox-earlier =
    { $asked ->
        [one] { $name } has asked once in the last 90 days.
       *[other] { $name } has asked { $asked } times in the last 90 days.
    }
inbox-earlier-same = For this: { $same }.
inbox-earlier-came = Approved: { $approved }, denied: { $denied }, not decided in time: { $lapsed }.
inbox-earlier-more = Only the last { $count } were counted.
inbox-overlap = Has already
inbox-overlap-group = gives one of the same groups
inbox-until = until
inbox-in-group = In { $group } now
inbox-group-empty = Nobody else, as far as Entra has told Hourglass.
inbox-group-unknown = Entra does not tell Hourglass who is in this group: it is not among the provisioned ones.
inbox-standing = always
inbox-group-more =
    { $count ->
        [one] and one more, always
       *[other] and { $count } more, always
    }
inbox-group-uncounted = and more than { $count } others, always
inbox-group-more-temporary = and { $count } more for a while
inbox-group-counted = { $count } members when Entra itself was last asked:
inbox-ids = Immutable ids: what is signed
inbox-id-request = Request
inbox-id-beneficiary = Account of the beneficiary
inbox-id-requester = Account of the requester
inbox-id-tenant = Tenant
inbox-id-target = Target
inbox-lag = Who is in a group and who may approve comes from Entra by provisioning, which can be 40 minutes late. Before access begins, Entra itself is asked.

inbox-risk-none = Nothing stands out
inbox-risk-critical = critical
inbox-risk-role-assignable = can hold directory roles
inbox-risk-look-alike = name looks like another’s
inbox-risk-mixed-scripts = letters of several scripts
inbox-risk-hidden-characters = hidden characters in the name
inbox-risk-guest = guest
inbox-risk-new-account = new account
inbox-risk-not-active = account is off
inbox-risk-first-request = first request
inbox-risk-copied = same words as another
inbox-careful-critical = This is marked critical: whoever has it can do great damage.
inbox-careful-role-assignable = { $group } can hold directory roles, and so give power over the tenant.
inbox-careful-look-alike = The name { $name } can be taken for that of { $others }. Make sure who is asking.
inbox-careful-mixed-scripts = The name { $name } mixes letters of several scripts, which look the same and are not.
inbox-careful-hidden-characters = In the directory, the name { $name } holds characters that nobody sees or that turn the direction of writing: { $which }. They are left out here.
inbox-careful-guest = { $name } is a guest from another organisation.
inbox-careful-new-account = The account of { $name } was provisioned only on { $since }.
inbox-careful-not-active = The account of { $name } is switched off or gone: nothing can be granted to it.
inbox-careful-first-request = { $name } has asked for nothing in the last 90 days.
inbox-careful-copied = { $name } gave the same reason on { $at }, for another request.
inbox-careful-copied-own = { $name } gave the same reason before, on { $at }.

done-approved = Approved. The access begins within seconds once enough people have approved.
done-denied = Denied.
done-activated = Activated. The access begins within seconds.
done-reviewed = Reviewed.
done-delegated = Named. They can decide for you from now on.
done-delegation-ended = Ended. They cannot decide for you any more.

delegates-title = Delegates
delegates-intro = Somebody whom you name decides in your place for a while, with their own passkey. You can still decide yourself; both together count once.
delegates-none = Nobody decides for you.
delegates-row = { $name } decides for you on { $what }
delegates-end = End
delegates-end-what = { $name } cannot decide for you on { $what } any more, from this moment on. What they decided stays.
delegates-end-button = { $name } no longer decides for me
delegates-received = You decide for others
delegates-received-row = for { $name } on { $what }
delegates-name = Name somebody
delegates-no-offers = There is nothing for which the admins let you name somebody.
delegates-what = For what
delegates-who = Who
delegates-who-hint = The name that they sign in with, such as kim@contoso.example. It has to be somebody whom the admins allow.
delegates-until = Until
delegates-until-hint = At most 30 days from now; left out, as long as that. Time zone:
delegates-will = They are told, and so are the admins. Whoever you named before for the same is replaced.
delegates-button = Let them decide for me

## keys

keys-title = Passkeys
keys-none = You have no passkey yet. With one you approve requests by a touch, and nobody can do it in your name.
keys-name = Name
keys-state = State
keys-added = Added
keys-used = Last used
keys-never = never
keys-actions = What you can do
keys-state-waiting = waits to be confirmed
keys-state-removed = removed
keys-state-void = void: made for { $host }
keys-state-usable = in use
keys-critical-from = for critical access from
keys-confirm-own = Confirm { $name } with a key you use
keys-code = Code from set-up
keys-code-hint = Only for the very first admin. It counts once.
keys-code-button = Confirm with the code
keys-change = Change { $name }
keys-new-name = New name
keys-rename = Rename with passkey
keys-remove-hint = It cannot sign anything any more. Adding it again takes another confirmation.
keys-remove = Remove { $name }
keys-waits = Your key waits until another admin confirms it with theirs. Tell one to open
keys-they-compare = they compare
keys-add = Add a passkey
keys-add-another = Add another passkey
keys-second = You have one. A second on another device keeps you able to approve when the first is lost.
keys-device = Name of the device
keys-device-hint = So that you know it again, such as “work laptop”.
keys-add-button = Add this device’s passkey
keys-to-waiting = Keys that wait for an admin, and lost keys
keys-waiting-title = Keys that wait
keys-waiting-intro = Whoever’s key you confirm can approve in their own name. Ask them in person or by phone for the first characters of the key before you do.
keys-waiting-none = No key waits.
keys-waiting-none-here = No key waits among these; there are more to look through.
keys-whose = Whose
keys-key = Key
keys-own-waits = Another admin confirms it.
keys-owner-gone = somebody deleted
keys-confirm = Confirm the key of { $name }
keys-host-title = The console has another address
keys-host-text = Passkeys were made for { $former }, and the console is at { $host } now. Nobody can use a passkey until the address is set back, or an admin accepts that { $voids } keys become void. Everybody then adds a new one.
keys-host-button = Make { $voids } keys void
keys-lost-title = Somebody lost their keys
keys-lost-text = Takes all of a person’s passkeys away, so that they can add a first one again. You propose it, another admin does the same within an hour, and then it happens.
keys-lost-user = Id of the person
keys-lost-user-hint = Our user id, as the directory and every request show it.
keys-lost-button = Take all keys of this person away

done-made = The passkey was added. It counts once it is confirmed.
done-changed = Done.

activate-sign-in-first = You signed in more than 15 minutes ago. Activating takes a fresh sign-in; you come back here.
activate-title = Activate { $name }
activate-lapses = time to activate:
activate-emergency = This is an emergency activation. Approvers and admins are told at once, it cannot be extended, and another person reviews it afterwards.
activate-button = Activate { $name } for { $time }
emergency-title = Emergency access
emergency-none = There is nothing that you may activate in an emergency.
emergency-intro = For when nobody can approve in time. Approvers and admins are told at once, it ends by itself and cannot be extended, and another person reviews it afterwards.
emergency-offer = { $name } (at most { $maximum })
emergency-why-hint = What is happening, in a sentence. The reviewer reads it.
emergency-ticket = Ticket (where one is asked for)
emergency-button = Go on to sign it
emergency-wrong = Nothing was activated:
reviews-title = Emergencies to review
reviews-none = There have been no emergencies that you may see.
reviews-none-here = None of those looked at so far is for you; there are earlier ones.
reviews-row = { $who } activated { $what }
reviews-activated = Activated
reviews-review = Review
reviews-justified = justified, says { $name }
reviews-not-justified = not justified, says { $name }
reviews-overdue = overdue since
reviews-due = due by
reviews-found = What you found
reviews-was = It was justified
reviews-was-not = It was not

## Changes of the configuration that two admins sign.

changes-title = Changes to sign
changes-lead = What makes access easier to get takes effect when its proposer and another admin have signed it with their passkeys.
changes-mode-one = No second admin has signed in yet, so one is enough. From the moment one does, changes take two.
changes-mode-off = Changes take one admin here: a parameter of the stack says so.
changes-for-you = For you
changes-for-others = Waiting for others
changes-over = Recently over
changes-none-for-you = Nothing waits for you.
changes-none-for-others = Nothing waits for anybody else.
changes-none-over = Nothing yet.
changes-column-what = What it does
changes-column-who = Proposed by
changes-column-when = Proposed
changes-column-state = State
changes-column-lapses = Lapses
changes-column-field = Field
changes-stays = { $count } { $count ->
    [one] stays
   *[other] stay
} as before
changes-column-before = Before
changes-column-after = After

changes-one-title = A change of the configuration
changes-state = State
changes-proposed = Proposed by
changes-comment = Why
changes-lapses = Lapses
changes-signed-by = Signed by
changes-nobody = nobody yet
changes-what-changes = What changes
changes-digest = What is signed
changes-digest-why = The SHA-256 of this change, as both signatures name it.
changes-no-key = You have no passkey that can sign.
changes-add-key = Add one
changes-explain-open = Say why
changes-explain = Why
changes-explain-hint = For the admin who signs second. It can be said until you have signed.
changes-explain-save = Save why
changes-sign = Sign with passkey
changes-needs-script = A passkey needs script, which is switched off in this browser.
changes-apply = Make it so
changes-withdraw = Take it back
changes-withdraw-hint = Nothing changes then, and whoever wants it proposes it again.
changes-all = All changes
changes-done-proposed = It waits for signatures, yours first. Nothing has changed yet.
changes-done-explained = Saved. Now sign it.
changes-done-signed = Signed. It takes effect when another admin has signed it too.
changes-done-applied = It is in force.
changes-left-out = These groups were left out, because they were gone or could not be requested any more when it took effect:
changes-done-withdrawn = Taken back. Nothing has changed.

changes-status-waiting-proposer = waits for its proposer
changes-status-waiting-second = waits for another admin
changes-status-signed = signed by two, not yet in force
changes-status-applied = in force
changes-status-withdrawn = taken back
changes-status-lapsed = lapsed
changes-status-superseded = overtaken by another change

changes-does-entitlement-create = Makes the entitlement { $name }.
changes-does-entitlement-update = Changes the entitlement { $name }.
changes-does-entitlements-switch-on =
    { $count ->
        [one] Switches one group on as an entitlement.
       *[other] Switches { $count } groups on as entitlements.
    }
changes-does-template = Changes the approval template.
changes-does-drift-mode = Changes what is done about unexplained members of { $name }.
changes-does-protect = Changes the list of protected accounts.
changes-does-declare = Puts { $other } on the list of standing members of { $name }.
changes-does-withdraw = Takes { $other } off the list of standing members of { $name }.
changes-does-link = Says that { $name } and { $other } are one person.
changes-does-unlink = Says that { $name } is a person of their own.
changes-does-link-attribute = Changes which attribute links accounts.
changes-does-azure = Points the Azure integration to another client. Its secret is entered afterwards.
changes-does-aws = Points the AWS integration to another url. Its access token is entered afterwards; one that is stored for the earlier url is deleted.
changes-does-aws-remove = Removes the AWS integration and deletes its access token.
changes-does-scim-secret = Makes a further SCIM secret, which is shown once when it takes effect.

changes-field-name = Name
changes-field-description = Description
changes-field-how-to-text = How it is used
changes-field-how-to-link = Where to read more
changes-field-targets = Targets
changes-field-enabled = Can be requested
changes-field-approval = Approval
changes-field-quorum = How many approve
changes-field-approvers = Approvers
changes-field-eligible = Who may ask
changes-field-durations = Durations
changes-field-absolute-maximum = Longest in all
changes-field-justification-min = Shortest justification
changes-field-ticket = Ticket
changes-field-critical = Critical
changes-field-exact-expiry = Ends at the second
changes-field-factor = Second factor
changes-field-attestation = Which passkeys
changes-field-emergency-people = In an emergency
changes-field-emergency-maximum = Longest emergency
changes-field-on-behalf = May be asked for others
changes-field-delegates = Delegates
changes-field-default-approvers = Default approvers
changes-field-request-ttl-seconds = Seconds that a request waits
changes-field-messages = Text
changes-field-mode = Unexplained members
changes-field-accounts = Accounts
changes-field-standing = Standing member
changes-field-attribute = Attribute
changes-field-tenant-id = Tenant
changes-field-client-id = Client
changes-field-secret-expires-at = Secret ends
changes-field-url = Url
changes-field-token-expires-at = Access token ends
changes-field-scim-secrets = Valid SCIM secrets
changes-field-entitlement = New entitlement

changes-fresh-title = A new SCIM secret
changes-fresh-once = This secret is shown this once. Put it into Entra now; if it gets lost, delete it and make another.
changes-fresh-url = Tenant URL
changes-fresh-secret = Secret token
changes-fresh-on = On to the SCIM secrets

## The pages of the configuration.

admin-title = Administration
admin-tabs = Sections
admin-tab-home = Overview
admin-tab-directory = Directory
admin-tab-entitlements = Entitlements
admin-tab-template = Template
admin-tab-integrations = Integrations
admin-tab-scim = SCIM
admin-tab-drift = Drift
admin-tab-revocations = Revocations
admin-tab-kill-switch = Kill switch

admin-checklist = To set up
admin-step-scim = Entra provisions users and groups over SCIM
admin-step-scim-at = last heard of { $at }
admin-step-azure = The connector to Azure answers
admin-step-azure-at = answered { $at }
admin-step-aws = AWS IAM Identity Center is connected (optional)
admin-step-aws-none = not connected; everything else works without it
admin-step-aws-no-token = the access token is still to be entered
admin-step-aws-ended = the access token ended { $at }
admin-step-aws-until = connected; the access token ends { $at }
admin-step-aws-entered = connected; when the access token ends is not known
admin-step-approvers = Default approvers are named
admin-step-entitlement = A group can be requested
admin-step-passkey = You have a passkey that counts
admin-step-done = done
admin-step-not-yet = not yet
admin-overdue =
    { $count ->
        [one] A membership is overdue: it should have been removed more than 10 minutes ago.
       *[other] { $count } memberships are overdue: they should have been removed more than 10 minutes ago.
    }
admin-overdue-at-least = At least { $count } memberships are overdue: they should have been removed more than 10 minutes ago.
admin-overdue-look = See why, and what to do by hand
admin-paused =
    { $count ->
        [one] The kill switch holds approvals back in one place.
       *[other] The kill switch holds approvals back in { $count } places.
    }
admin-paused-look = See which
admin-state = Now
admin-state-scim = Provisioning last heard of
admin-state-silent = silent for more than 3 hours
admin-state-azure = Azure last answered
admin-state-aws = AWS IAM Identity Center
admin-state-secret = Connector's secret ends
admin-state-secret-soon = renew it
admin-state-unknown = not known
admin-state-emergencies = Emergencies
admin-state-emergencies-look = See them, and review those that wait
admin-state-application = Application

admin-done-saved = Saved.
admin-done-switched-on = Switched on.
admin-search = Name or description
admin-search-go = Search
admin-switch-on = Switch on synced groups
admin-switch-on-what = Each group becomes an entitlement of its own under the template's rules: the default approvers decide, and nobody may ask until you say who.
admin-switch-on-go = Switch on the chosen groups
admin-entitlements-title = Entitlements
admin-entitlements-none = Nothing can be requested yet. Switch on a synced group.
admin-entitlements-none-like = No entitlement has “{ $text }” in its name or description.
admin-entitlements-count =
    { $count ->
        [one] One entitlement
       *[other] { $count } entitlements
    }
admin-entitlement-new = New entitlement
admin-col-name = Name
admin-col-state = State
admin-col-eligible = Who may ask
admin-col-quorum = Approval
admin-col-targets = Groups
admin-col-user-name = User name
admin-col-changed = Last change
admin-col-use = Used as
admin-critical = critical
admin-on = can be requested
admin-off = switched off
admin-quorum-of =
    { $count ->
        [one] one person
       *[other] { $count } people
    }
admin-approval-none-short = self-approved by policy
admin-seal-broken-short = seal broken
admin-seal-broken = Nothing is granted by this: what is stored is not what was saved here. Look at all of it and save it again.

admin-approvers-now = Who can approve
admin-approvers-count =
    { $people ->
        [one] one person
       *[other] { $people } people
    }, { $keys } with a passkey
admin-approvers-few = at least { $wanted } should have a passkey
admin-targets-now = Groups in Entra
admin-role-assignable = role-assignable
admin-target-good = can be used
admin-target-unchecked = not looked at yet; this takes some seconds
admin-more = See also
admin-see-history = History
admin-see-drift = Drift
admin-see-kill = Kill switch

admin-part-what = What it is
admin-part-who = Who may ask
admin-part-approval = Who approves
admin-part-time = For how long
admin-part-why = Reasons
admin-part-care = Special care
admin-name = Name
admin-name-hint = What people search for.
admin-description = Description
admin-description-hint = What it lets somebody do, in a sentence or two.
admin-targets = Groups
admin-targets-hint = One on a line, at most 20: the name of a synced group, or its object id in Entra. People become members of all of them.
admin-how-to = How to use it
admin-how-to-hint = Shown to whoever has it: what to sign in to, what to do afterwards.
admin-how-to-link = Link to more
admin-how-to-link-hint = An https address, such as a runbook.
admin-enabled = Can be requested
admin-eligible = Who may ask
admin-eligible-nobody = nobody
admin-eligible-only = only these
admin-eligible-everyone = everybody
admin-eligible-list = Only these
admin-people-hint = One on a line: a user name, the name of a group, or an id. Of groups the direct members count.
admin-on-behalf = People may ask for others who may have it
admin-on-behalf-hint = Whoever gets it is told.
admin-approval = Approval
admin-approval-required = other people approve
admin-approval-none = nobody: whoever may ask activates it with their own passkey (self-approved by policy)
admin-quorum = How many people have to approve
admin-quorum-hint = 1 to 5 different people.
admin-approvers = Approvers
admin-approvers-hint = One on a line: a user name, the name of a group, or an id. Left empty, the template's default approvers decide.
admin-delegates = Whom approvers may name to stand in for them
admin-delegates-hint = One on a line. Left empty, nobody stands in.
admin-factor = What an approver proves it with
admin-factor-any = a passkey, or a fresh sign-in with a second factor
admin-factor-passkey = a passkey, always
admin-attestation = Which passkeys count
admin-attestation-any = any
admin-attestation-device = those that cannot leave their device
admin-attestation-models = those of these models
admin-models = Models (AAGUIDs)
admin-models-hint = One on a line, as the maker of the authenticator publishes them.
admin-durations = Durations
admin-durations-hint = None chosen means those of the template.
admin-maximum = At most in all, with extensions
admin-maximum-hint = Such as 12h or 7d. Left empty: a week.
admin-exact = Ends at the second
admin-exact-hint = Otherwise within the minute. Critical entitlements always do.
admin-justification = Fewest characters of a reason
admin-ticket = A ticket has to be given
admin-ticket-prefix = Tickets begin with
admin-ticket-prefix-hint = Such as INC-; the rest are digits.
admin-is-critical = Critical
admin-is-critical-hint = For powerful groups: approvals by passkey only, ends at the second, new keys have to be a day old.
admin-emergency = Who may activate it in an emergency without asking
admin-emergency-hint = One on a line. Left empty, nobody. Each use is told at once and reviewed by another person.
admin-emergency-maximum = For how long at most
admin-save-entitlement = Save this entitlement

admin-users-title = People
admin-groups-title = Groups
admin-links = Linked accounts
admin-users-search = Part of a name, user name, or id
admin-groups-search = Part of a name, or id
admin-users-none = Nobody has been provisioned yet.
admin-groups-none = No group has been provisioned yet.
admin-none-named = Nothing is called “{ $text }”.
admin-none-so-far = Nothing is called “{ $text }” among those looked at so far.
admin-active = active
admin-inactive = switched off
admin-our-id = Id in Hourglass
admin-object-id = Object id in Entra
admin-no-object-id = none: map externalId to objectId in Entra's provisioning
admin-accounts = Linked accounts
admin-accounts-none = No other account is known to belong to this person.
admin-linked-by-admin = linked by an admin
admin-linked-by-attribute = linked by the chosen attribute
admin-user-no-groups = In no group that is provisioned.
admin-and-more = … and more.
admin-make-entitlement = Let it be requested
admin-members = Members
admin-members-hint = As Entra provisioned them, up to 40 minutes ago. Whom Hourglass puts in appears here once Entra has told us.
admin-members-none = Nobody is in it.
admin-group-is-source = Approvers or those who may ask come from it, so it cannot be requested.
admin-group-used =
    { $count ->
        [one] an entitlement already
       *[other] { $count } entitlements already
    }

admin-template-title = Template
admin-template-what = { $key } holds the defaults under every entitlement.
admin-default-approvers = Default approvers
admin-template-durations = Durations that anything may be requested for
admin-more-durations = More durations
admin-more-durations-hint = Between spaces, such as 4h 3d.
admin-ttl = How long a request waits
admin-ttl-hint = Then it lapses. 5 minutes to 30 days, such as 8h.
admin-messages = Message texts
admin-messages-hint = What is sent once notifications are set up. Only what stands beside each text can be filled in. An emptied text becomes the default again.
admin-message-request-to-approvers = To approvers: a request
admin-message-request-approved = To the requester: approved
admin-message-request-denied = To the requester: denied
admin-message-access-active = Access is active
admin-message-access-ends-soon = Access ends soon
admin-message-access-ended = Access has ended
admin-message-preview = Reads like this
admin-save-template = Save the template
admin-look = Show how the texts read

admin-done-sessions-ended = All sessions were ended.
admin-keys = Passkeys
admin-keys-none = No passkey.
admin-keys-more = Keys that wait, and lost keys
admin-key-waiting = waits to be confirmed
admin-key-removed = removed
admin-key-usable = in use
admin-key-void = void: made for another address of the console
admin-sessions = Sessions
admin-sessions-none = Signed in nowhere.
admin-session-began = since
admin-session-used = last used
admin-sessions-end = End all sessions
admin-sessions-end-what = { $name } has to sign in again in every browser. Access that they hold goes on.

admin-sign-in-first = You signed in more than 15 minutes ago: you can look at everything. Before you change something:
admin-alone = Until a second admin has signed in, one admin changes everything alone. From then on, changes that make access easier take two.
admin-tab-changes = Changes
admin-step-second = A second admin has signed in
admin-changes-wait =
    { $count ->
        [one] A change waits for its signatures.
       *[other] { $count } changes wait for their signatures.
    }
admin-changes-look = Look at them

## The pages that keep an application going: first steps, integrations, SCIM, drift, revocations, the kill switch, links.

ops-actions = Actions
ops-changed = Last changed
ops-never = never
ops-account = Account
ops-account-hint = User name, object id or id. An account that is not provisioned is named by its object id.
ops-account-unknown = not provisioned
ops-wrong-guid = Enter a GUID, such as 6f9619ff-8b86-d011-b42d-00cf4fc964ff.
ops-wrong-day = Enter a day, such as 2027-01-31.
ops-wrong-secret = Enter the secret's value. What is stored cannot be read back, so it is entered with each change.
ops-wrong-aws-url = Enter the SCIM endpoint as IAM Identity Center shows it: https://scim.<region>.amazonaws.com/<tenant id>/scim/v2/
ops-wrong-aws-token = Enter the access token. What is stored cannot be read back, so it is entered with each change.
ops-wrong-domain = Enter a domain name, such as contoso.example.
ops-wrong-name = Enter a name.
ops-wrong-cloud = Choose a cloud from the list.
ops-wrong-mode = Choose one of the three.
ops-wrong-group = Choose a group from the list.
ops-wrong-confirm = Type exactly: { $name }

# Azure
ops-integrations-title = Integrations
ops-azure = Microsoft Entra
ops-azure-none = No connector is entered yet. Until there is one, nobody can be added to a group, and nothing is approved.
ops-azure-tenant = Tenant id
ops-azure-tenant-hint = The application's own tenant.
ops-azure-client = Client id
ops-azure-client-hint = Of the connector's app registration, which holds the Microsoft Graph permissions. It is not the one people sign in with.
ops-azure-secret = Client secret
ops-azure-secret-hint = Its value, not its id. It is stored where only the workers can read it, and is never shown again.
ops-azure-secret-kept = stored, and shown to nobody
ops-azure-expiry = Secret ends on
ops-azure-expiry-hint = As the app registration shows it. Nothing is granted that the secret would not outlast by 7 days.
ops-azure-expiry-unknown = not known: nobody is warned before it ends
ops-azure-ended = The client secret ended { $at }.
ops-azure-ends-7 = The client secret ends within 7 days: { $at }.
ops-azure-ends-30 = The client secret ends within 30 days: { $at }.
ops-azure-ends-90 = The client secret ends within 90 days: { $at }.
ops-azure-ends-then = Make a new one in the app registration, enter it below, test it, and delete the old one there. Access that would end after the secret, or less than 7 days before, is not granted any more.
ops-azure-enter = Enter the connector
ops-azure-replace = Enter a new secret or client
ops-azure-replace-then = A new secret of the same client takes the place of the old one at once. Another client takes two admins; its secret is entered once more when they have signed. Access that is live is taken away with what is entered then as well.
ops-azure-save = Save the connector
ops-probe-ask = Test the connection
ops-probe-waits = The workers are trying it. Asked:
ops-probe-look = Look again
ops-probe-good = It works
ops-probe-bad = It does not work
ops-found-works = Microsoft Graph accepts the credentials.
ops-found-people = Approvers and beneficiaries are confirmed with the directory before anybody is added.
ops-found-people-not = Approvers and beneficiaries cannot be confirmed with the directory, so that what was provisioned decides alone: { $why }
ops-found-people-unknown = Whether approvers and beneficiaries can be confirmed is not known: { $why }
ops-found-context = A Conditional Access policy stands behind the authentication context { $context }.
ops-found-context-unprotected = No enabled Conditional Access policy demands a second factor of all users for the authentication context { $context }: step-ups of v2 tokens do not count.
ops-found-context-not-permitted = The connector may not read Conditional Access policies (Policy.Read.All), so that step-ups of v2 tokens with the authentication context { $context } do not count.
ops-found-context-unknown = What stands behind the authentication context is not known: { $why }
ops-found-aws-works = IAM Identity Center accepts the access token.
ops-found-aws-not-written = This version writes no memberships to AWS yet.
ops-found-aws-none = No AWS integration is entered.
ops-found-aws-no-token = No access token is stored for this url: enter it.
ops-found-aws-refused = The endpoint refuses the access token ({ $status }): it is mistyped, has ended, was deleted in IAM Identity Center, or belongs to another url. Compare the url, or generate a new token there and enter it.
ops-found-aws-strange = What answers at this url is no SCIM endpoint of IAM Identity Center ({ $why }): copy the url again from its settings.
ops-found-aws-unreachable = The endpoint cannot be reached ({ $why }). Test again in a few minutes.
ops-found-target = can be managed
admin-done-azure = The connector is saved. Test the connection to see whether it works.

# AWS
ops-aws = AWS IAM Identity Center (optional)
ops-aws-what = With the connection, access to AWS is to come and go within seconds; Entra's own provisioning takes up to 40 minutes to carry a membership there.
ops-aws-not-yet = This version stores and tests the connection, and writes no memberships to AWS yet. Until it does, groups reach AWS by Entra's own provisioning, as before.
ops-aws-none = AWS is not connected. Everything else works without it.
ops-aws-where = Both values stand in the AWS console: IAM Identity Center, Settings, Identity source, Manage provisioning. The access token is shown once, when it is generated.
ops-aws-url = SCIM endpoint
ops-aws-url-hint = https://scim.<region>.amazonaws.com/<tenant id>/scim/v2/
ops-aws-token = Access token
ops-aws-token-hint = It is stored together with the url where only the workers can read it, is sent to no other url, and is never shown again.
ops-aws-token-missing = not entered yet for this url: enter it below
ops-aws-expiry = Token ends on
ops-aws-expiry-hint = As IAM Identity Center shows it: one year after it was generated.
ops-aws-ended = The AWS access token ended { $at }.
ops-aws-ends-7 = The AWS access token ends within 7 days: { $at }.
ops-aws-ends-30 = The AWS access token ends within 30 days: { $at }.
ops-aws-ends-90 = The AWS access token ends within 90 days: { $at }.
ops-aws-ends-then = Generate a new one in IAM Identity Center, which takes two at a time, enter it below, test it, and delete the old one there.
ops-aws-enter = Connect AWS
ops-aws-replace = Enter a new token or url
ops-aws-replace-then = A new token for the same url takes the place of the old one at once. Another url takes two admins: when they have signed, the stored token is deleted, and one for the new url is entered.
ops-aws-save = Save the connection
ops-aws-probe-ask = Test the connection to AWS
ops-aws-left = An access token that was entered for an earlier url could not be deleted yet. It is used for nothing.
ops-aws-forget = Delete the earlier token
ops-aws-remove = Remove the connection to AWS
ops-aws-remove-title = Remove the connection to AWS?
ops-aws-remove-what = Hourglass forgets { $url } and deletes the access token that is stored for it.
ops-aws-remove-whom = Nobody gains or loses access: this version has written no memberships to AWS. What Entra provisions there stays as it is.
ops-aws-remove-then = The token itself goes on to be valid until you delete it in IAM Identity Center.
ops-aws-remove-two = It takes effect when you and another admin have signed it.
ops-aws-remove-go = Remove the connection
ops-aws-remove-not = Keep it
admin-done-aws = The connection to AWS is saved. Test it to see whether it works.
admin-done-aws-removed = The connection to AWS is removed, and its access token deleted.
admin-done-aws-forgotten = The earlier access token is deleted.

# The authentication context
ops-context = Second factor on the API
ops-context-what = A token of version 2 proves a fresh second factor by an authentication context. Entra puts the context into tokens even where no policy demands anything, so it counts only with a Conditional Access policy behind it. Passkeys work without.
ops-context-name = Authentication context
ops-context-state = State
ops-context-checked = Last looked at
ops-context-policies = Policies that target this context
ops-context-unchecked = Not looked at yet, so it does not count. Enter the connector and test the connection.
ops-context-stale = The last look is more than 24 hours old, so it does not count. Test the connection to see why the connector does not answer.
ops-context-not-permitted = The connector may not read policies, so it does not count. Consent to Policy.Read.All for the connector's app registration.
ops-context-unprotected = No enabled policy demands a second factor of all users for this context, so it does not count. Make one in Conditional Access that includes all users, targets this authentication context, and requires multifactor authentication; report-only does not count.
ops-context-good = A policy stands behind it: it counts.
ops-policy = Policy
ops-policy-counts = Counts
ops-policy-good = demands a second factor
ops-policy-leaves-out = Leaves out
ops-policy-out = Users: { $users }. Groups: { $groups }.
ops-policy-others = And others, such as holders of roles.
ops-policy-not-enabled = It is not enabled; report-only does not count.
ops-policy-no-factor = It does not demand multifactor authentication of everybody it lets in.
ops-policy-not-everyone = It does not include all users.
ops-policy-narrowed = It applies on some platforms, places, devices, clients or risks only.

# SCIM
ops-scim-title = SCIM
ops-scim-url = Tenant URL
ops-scim-application = Application
ops-scim-tenant = Entra tenant
ops-scim-seen = Last heard of
ops-scim-silent = silent for more than 3 hours; Entra calls every 40 minutes
ops-secret = Secret token
ops-secrets = Secrets
ops-secrets-what = Whoever has a secret can create, change and switch off users and groups here. Two may be valid at once, so that one can be replaced without a gap.
ops-secrets-none = There is no secret, so nothing can be provisioned.
ops-secrets-full = Two secrets are valid. Delete the one that is not used any more before you add another.
ops-secret-made = Made
ops-secret-add = Add a secret
ops-secret-delete = Delete …
ops-secret-delete-then = From the next call on, Entra is refused with this secret. The other one goes on working.
ops-secret-delete-last = This is the only secret. From the next call on Entra is refused, and nobody who leaves is switched off here until there is another.
ops-secret-delete-now = Delete this secret
ops-secret-title = A SCIM secret
ops-secret-once = This is the only time that the secret is shown.
ops-secret-lost = Copy it into Entra now. If it gets lost, add another and delete this one.
ops-secret-entered = It is entered in Entra
admin-done-secret-deleted = The secret is deleted.

# Entra, step by step
ops-entra = How Entra is told
ops-entra-app = In the Microsoft Entra admin centre, open Enterprise applications, New application, Create your own application, and choose the one that is not in the gallery.
ops-entra-mode = Open Provisioning and set the mode to Automatic.
ops-entra-credentials = Under Admin credentials, paste the secret into Secret token, and this into Tenant URL:
ops-entra-test = Choose Test connection. Entra says that the credentials are authorised. Save.
ops-entra-mapping = Under Mappings, change these attributes; the others may stay as they are.
ops-entra-mapping-users = Provision Microsoft Entra ID Users
ops-entra-mapping-groups = Provision Microsoft Entra ID Groups
ops-entra-why-external = Needed. Identity rests on the object id and on nothing else; Entra maps mailNickname here unless you change it.
ops-entra-why-name = Needed. The name that people sign in with; keep it as matching attribute.
ops-entra-why-active = Needed. Who is switched off loses every access here.
ops-entra-why-display = The name that approvers read.
ops-entra-why-mail = For messages.
ops-entra-why-type = Guests are recognised by it; they can approve nothing.
ops-entra-why-employee = Only where accounts of one person are linked by it.
ops-entra-why-group = Needed. A group without its object id cannot be requested; it is the better matching attribute, too.
ops-entra-why-group-name = The name that people search for.
ops-entra-why-members = Needed. Approvers and those who may ask come from groups; members of nested groups are not provisioned.
ops-entra-scope = Under Users and groups, assign who belongs here: the people who ask and approve, and the groups that they ask for.
ops-entra-on = Set Provisioning status to On. The first cycle takes minutes to hours; then Entra calls every 40 minutes. Provision on demand tries one user at once.

# The first steps
ops-way-start = Set up Hourglass for your tenant
ops-start-title = Set up Hourglass
ops-start-what = Your tenant has no application here yet. An application is your company's own part of Hourglass: its people and groups, its rules and its admins. Nothing crosses from one to another.
ops-start-then = When it is registered, you get the address and the secret with which Entra provisions people and groups, and a checklist of what comes next.
ops-start-domain = Domain name
ops-start-domain-hint = Such as contoso.example. It cannot be changed later.
ops-start-name = Name
ops-start-name-hint = For people, such as Contoso.
ops-start-cloud = Microsoft cloud
ops-start-cloud-hint = Where your tenant lives. Most are in the worldwide cloud.
ops-start-register = Register the application
ops-cloud-global = Worldwide
ops-cloud-us-gov = US Government L4
ops-cloud-us-gov-dod = US Government L5 (DoD)
ops-cloud-china = China, operated by 21Vianet
ops-started = { $name } is registered.

# Drift
ops-drift-title = Drift
ops-drift-of = Drift of { $name }
ops-drift-what = Drift is a member of a managed group that no grant of Hourglass explains and that nobody has declared to belong there. Somebody added them by hand, say.
ops-search = Search
ops-drift-search = Name or description
ops-drift-count =
    { $count ->
        [one] One entitlement
       *[other] { $count } entitlements
    }
ops-drift-none = There is no entitlement yet, so nothing is watched.
ops-drift-entitlement = Entitlement
ops-drift-unexplained = Unexplained
ops-drift-mode = What is done
ops-drift-checked = Last looked at
ops-drift-fails = look at it
ops-drift-not-yet = not looked at yet
ops-drift-error = The last look failed. What follows is as old as it says.
ops-drift-stopped = Nobody is removed, although there is somebody to remove.
ops-drift-members = Members
ops-drift-held = By a grant
ops-drift-standing = Declared
ops-drift-protected = Protected
ops-drift-enforce-from = Removed from
ops-drift-removed = Removed so far
ops-drift-removing = Being removed:
ops-drift-unexplained-who = Members that nothing explains
ops-drift-unexplained-of = Members of { $group } that nothing explains
ops-drift-first-seen = First seen
ops-drift-mode-since = Chosen
ops-drift-mode-choose = What is done about members that nothing explains
ops-drift-mode-save = Choose
ops-drift-observe = Report
ops-drift-observe-then = They stand on this page.
ops-drift-alert = Report and raise an alarm
ops-drift-alert-then = Somebody is told when there is a new one.
ops-drift-enforce = Remove them
ops-drift-enforce-then = Whoever is a member now is taken as declared. After a report of 7 days, members that nothing explains are removed: at most 5, or a tenth of the group, at a time. Protected accounts stay.
admin-done-drift-mode = Chosen. The groups are looked at within a minute.

ops-standing-of = Declared members of { $group }
ops-standing-what = A declared member belongs to the group without a grant: a service account, say, or somebody on permanent duty.
ops-standing-none = Nobody is declared to belong here without a grant.
ops-standing-since = Since
ops-standing-declared = by an admin
ops-standing-found = was a member when removing was chosen
ops-standing-declare = Declare a member
ops-standing-declare-this = Declare
ops-standing-declare-now = Declare the member
ops-standing-group = Group
ops-standing-withdraw = Withdraw …
ops-standing-withdraw-then = The account stays in { $group }, and is reported as unexplained from the next look on.
ops-standing-withdraw-enforce = Hourglass then removes the account from { $group }, unless a grant holds it.
ops-standing-withdraw-now = Withdraw the declaration
admin-done-standing-declared = Declared.
admin-done-standing-withdrawn = Withdrawn.

ops-protected = Protected accounts
ops-protected-what = Hourglass never removes these from any group by itself. Put your emergency accounts here.
ops-protected-none = No account is protected.
ops-protected-full = No more than 100 accounts can be protected.
ops-protected-add = Protect the account
ops-protected-remove = Unprotect …
ops-protected-remove-then = Where removing is chosen and nothing else explains the account, it is removed from the group.
ops-protected-remove-now = Unprotect this account
admin-done-protected = Protected.
admin-done-unprotected = The account is not protected any more.

# Revocations
ops-revocations-title = Revocations that fail
ops-revocation-title = A revocation that fails
ops-revocations-what = Access that should have been gone for more than 10 minutes. Hourglass goes on trying, at least once a minute.
ops-revocations-none = Nothing is overdue. Looked at:
ops-revocations-some =
    { $count ->
        [one] One revocation is overdue.
       *[other] { $count } revocations are overdue.
    }
ops-revocations-at-least =
    { $count ->
        [one] At least one revocation is overdue.
       *[other] At least { $count } revocations are overdue.
    }
ops-revocations-stop = Until they are done, nothing new is approved or activated in this application.
ops-revocations-since = Should be gone since
ops-revocations-tries =
    { $count ->
        [one] tried once
       *[other] tried { $count } times in a row
    }
ops-revocations-do = See what to do
ops-revocation-who = Who still has access
ops-revocation-what = To what
ops-revocation-until = Until
ops-revocation-grant = Grant
ops-revocation-look = See its history
ops-revocation-gone = Nothing of it is left.
ops-revocation-error = Last answer
ops-revocation-no-error = none yet
ops-revocation-since = Failing since
ops-revocation-by-hand = What to do by hand
ops-closing = Close it by hand
ops-closing-what = When { $name } has been removed by hand, or the directory is no more, and Hourglass cannot see that, two admins can close it. It is never shown as ended, is looked at again every day, and is opened again if the member is still there.
ops-closing-not-yet = It can be closed by hand once it has been failing for 10 minutes.
ops-closing-factor = Whoever says that access is gone without proof shows a fresh second factor first.
ops-closing-prove = Show a second factor
ops-closing-evidence = What you saw and did
ops-closing-evidence-hint = At least 10 characters. Kept as it is, and shown to the second admin and to auditors.
ops-closing-by = Proposed by
ops-closing-second = Confirmed by
ops-closing-waits = It waits for a second admin.
ops-closing-confirmed = Two admins have signed it. The workers close it within a minute.
ops-closing-confirm-then = You say with your name that { $name } has no access any more.
ops-closing-confirm = Confirm and close it
ops-closing-propose = Propose to close it
ops-closing-anew = Propose it anew instead
admin-done-closing-proposed = Proposed. Another admin has to confirm it.
admin-done-closing-confirmed = Confirmed. It is closed within a minute.

# The kill switch
ops-kill-title = Kill switch
ops-kill-held = Held back now
ops-kill-none = Nothing is held back.
ops-kill-all = All access
ops-kill-entitlement = Access to { $name }
ops-kill-user = Access of { $name }
ops-kill-by = Pressed by { $name }:
ops-kill-since = held back since
ops-kill-paused = Nothing is approved or activated here.
ops-kill-under-way = Being carried out.
ops-kill-ended = { $ended } of { $grants } grants have ended.
ops-kill-cancelled =
    { $count ->
        [one] One request was cancelled.
       *[other] { $count } requests were cancelled.
    }
ops-kill-proposed = { $name } proposes to release it;
ops-kill-own = another admin has to confirm it
ops-kill-release = Release …
ops-kill-release-then = Then people can ask again, and requests can be approved: { $name }. What was ended stays ended. A second admin has to confirm it within 30 minutes.
ops-kill-propose = Propose to release it
ops-kill-confirm = Confirm and release it
ops-kill-new = End access now
ops-kill-what = Ends every live grant of a user, of an entitlement, or of all, cancels what waits, and holds back approvals there until two admins release it. Next you see who loses what, before anything happens.
ops-kill-scope = Whose access
ops-kill-scope-user = A user's
ops-kill-scope-entitlement = An entitlement's
ops-kill-scope-all = Everybody's
ops-kill-which = Which user or entitlement
ops-kill-which-hint = A user by user name, object id or id; an entitlement by words of its name or description. Left empty for everybody.
ops-kill-look = See what would end
ops-kill-not-found = No entitlement has all of these words in its name or description: { $text }
ops-kill-found = Which of these?
ops-kill-more = There are more. Type more of the name.
ops-kill-press-title = End access now
ops-kill-press-ends =
    Ends { $grants ->
        [one] one live grant
       *[other] { $grants } live grants
    } and cancels { $requests ->
        [one] one waiting request
       *[other] { $requests } waiting requests
    }.
ops-kill-press-more = There are more than were counted; all of them end.
ops-kill-press-scheduled =
    { $count ->
        [one] One grant that was to start later is cancelled.
       *[other] { $count } grants that were to start later are cancelled.
    }
ops-kill-press-then = Nothing can be asked for, approved or activated here until two admins release it. What comes in until you press ends as well.
ops-kill-press-some = Who loses what
ops-kill-who = Who
ops-kill-access = Access
ops-kill-state = State
ops-kill-until = Until
ops-kill-live = live
ops-kill-ending = ending already
ops-kill-scheduled = starts later
ops-kill-waiting = waits for approval
ops-kill-reason = Why
ops-kill-reason-hint = Shown to admins, and kept.
ops-kill-type = To confirm, type: { $name }
ops-kill-type-either = { $name }, or { $user }
ops-kill-type-hint = So that it ends what you mean and nothing else.
ops-kill-press = End this access now
ops-kill-not = Do not
ops-kill-confirm-until = This page can be used until
admin-done-pressed = Pressed. Access ends now; watch it below.
admin-done-release-proposed = Proposed. Another admin has to confirm it within 30 minutes.
admin-done-released = Released.

# Links
ops-links-title = Linked accounts
ops-links-what = A person may have several accounts: an everyday one and one for administration, say. Rules that need two people look at persons, so that nobody approves for themselves from another account.
ops-links-look = Who is who
ops-links-who = User
ops-links-who-hint = User name, object id or id.
ops-links-look-now = See the person's accounts
ops-links-person-of =
    { $count ->
        [one] One account
       *[other] { $count } accounts of one person
    }
ops-links-by-admin = linked by an admin
ops-links-by-attribute = linked by the attribute
ops-links-common-here = More than { $most } accounts share the attribute's value, so it links none of them.
ops-links-list = Linked by admins
ops-links-none = No accounts are linked by hand.
ops-links-at = Linked
ops-links-one-person = One person
ops-links-unlink = Unlink …
ops-links-unlink-then = { $name } then counts as another person, who could approve for the other accounts. What an attribute links stays linked.
ops-links-unlink-now = Unlink the account
ops-links-new = Link two accounts
ops-links-new-what = Both become one person, with everything that was linked to either before. Nobody links or unlinks their own accounts.
ops-links-one = One account
ops-links-other = The other account
ops-links-link = Link them
ops-links-attribute = By an attribute
ops-links-attribute-what = Accounts with the same value of the attribute are one person. A value that more than { $most } accounts share links none: it is no mark of one person.
ops-links-linking = Values that link
ops-links-too-common = Values that are too common
ops-links-at-least = or more
ops-links-attribute-choose = Attribute
ops-links-attribute-none = None
ops-links-employee-number = employeeNumber (Entra: employeeId)
ops-links-person = person of the extension urn:ietf:params:scim:schemas:extension:hourglass:2.0:User
ops-links-attribute-save = Choose
admin-done-linked = Linked.
admin-done-unlinked = Unlinked.
admin-done-links-attribute = Chosen.

ops-azure-secret-missing = not entered yet for this client: enter it below. Until then the credentials that were entered before go on to work.

## signin

signin-failed-title = Not signed in
signin-code = Microsoft explains this under the number AADSTS{ $code }.
signin-sessions-title = Where you are signed in
signin-sessions-intro = Each line is a browser that is signed in as you. A session ends after 30 minutes without use, and 8 hours after it began.
signin-browser = Browser
signin-began = Signed in
signin-seen = Last used
signin-ends = Ends at the latest
signin-actions = What you can do
signin-here = (this one)
signin-end-here = Sign out here
signin-end = End this session
signin-lost = Lost a device?
signin-lost-text = Ends every session but this one. Whoever uses them has to sign in again.
signin-end-others = End all other sessions
signin-out-title = Signed out
signin-out-text = This browser has no session with Hourglass any more. Your sign-in at Microsoft goes on until you end it there.
signin-out-microsoft = Sign out of Microsoft as well
signin-tenants-title = Sign in
signin-tenants-text = People of several organisations use this Hourglass. Which one is yours?
signin-not = You were not signed in: { $why }.
signin-why-tenant-not-here = people of this tenant cannot sign in here
signin-why-no-answer = the identity provider does not answer
signin-why-secret-refused = the identity provider does not accept the secret of the sign-in registration; an administrator has to replace it
signin-why-unknown-sign-in = the identity provider does not know this sign-in (any more)
signin-why-answer-unreadable = the answer of the identity provider cannot be read
signin-why-other-provider = the answer is another identity provider's
signin-why-no-id-token = the identity provider sent no ID token
signin-why-token-version = the ID token is of an unknown version
signin-why-token-tenant = the ID token is of another tenant
signin-why-token-early = the ID token is not valid yet
signin-why-token-nobody = the ID token does not name a person
signin-why-token-no-time = the ID token does not say when you signed in; an administrator has to add the optional claim auth_time to the ID tokens of the sign-in registration
signin-why-token-expired = the ID token has expired
signin-why-token-audience = the ID token is for another application
signin-why-token-issuer = the ID token is from another issuer
signin-why-token-nonce = the ID token belongs to another sign-in
signin-why-token-signature = the signature of the ID token is not good
signin-why-token-unreadable = the ID token cannot be read
signin-why-secret-store = the secret store does not answer
signin-why-secret-missing = the secret of the sign-in registration has not been stored; an administrator has to
signin-off = Your account is switched off in Hourglass: it was deactivated in Entra.
signin-cancelled = The sign-in was cancelled, or Microsoft does not let you use Hourglass.
signin-needs-you = Microsoft needs you to do something before it signs you in: sign in again.
signin-no-consent = Hourglass has not been consented to in your tenant yet; an administrator has to, once for everybody.
signin-microsoft-off = Microsoft cannot sign anybody in right now.
signin-microsoft-refused = Microsoft did not sign you in.
signin-not-begun = This sign-in was not begun in this browser, has been used, or took longer than 10 minutes.
signin-other = The answer of the identity provider belongs to another sign-in.
signin-no-answer = The identity provider sent no code.
signin-no-factor = The identity provider did not confirm a second factor: no Conditional Access policy that concerns you answered for the configured authentication context.
signin-earlier = The identity provider let you pass with an earlier sign-in, and this needs a new one.
