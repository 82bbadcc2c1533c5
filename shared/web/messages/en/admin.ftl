# The pages of the configuration.
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
admin-state-secret = Connector's secret ends
admin-state-secret-soon = renew it
admin-state-unknown = not known
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
admin-users-search = User name or id
admin-groups-search = Name of a group or id
admin-users-none = Nobody has been provisioned yet.
admin-groups-none = No group has been provisioned yet.
admin-none-named = Nothing is called exactly “{ $text }”.
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

admin-alone = Until a second admin has signed in, one admin changes everything alone. From then on, changes that make access easier take two.
admin-tab-changes = Changes
admin-step-second = A second admin has signed in
admin-changes-wait =
    { $count ->
        [one] A change waits for its signatures.
       *[other] { $count } changes wait for their signatures.
    }
admin-changes-look = Look at them
