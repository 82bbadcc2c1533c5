# The pages that keep an application going: first steps, integrations, SCIM, drift, revocations, the kill switch, links.
ops-actions = Actions
ops-changed = Last changed
ops-never = never
ops-account = Account
ops-account-hint = User name, object id or id. An account that is not provisioned is named by its object id.
ops-account-unknown = not provisioned
ops-wrong-guid = Enter a GUID, such as 6f9619ff-8b86-d011-b42d-00cf4fc964ff.
ops-wrong-day = Enter a day, such as 2027-01-31.
ops-wrong-secret = Enter the secret's value. What is stored cannot be read back, so it is entered with each change.
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
admin-done-azure = The connector is saved. Test the connection to see whether it works.

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
ops-kill-press-ends = Ends { $grants } live grants and cancels { $requests } waiting requests.
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
