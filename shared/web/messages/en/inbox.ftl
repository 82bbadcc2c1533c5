# The inbox, deciding, activations, reviews and delegates.
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
inbox-risk-guest = guest
inbox-risk-new-account = new account
inbox-risk-not-active = account is off
inbox-risk-first-request = first request
inbox-risk-copied = same words as another
inbox-careful-critical = This is marked critical: whoever has it can do great damage.
inbox-careful-role-assignable = { $group } can hold directory roles, and so give power over the tenant.
inbox-careful-look-alike = The name { $name } can be taken for that of { $others }. Make sure who is asking.
inbox-careful-mixed-scripts = The name { $name } mixes letters of several scripts, which look the same and are not.
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
