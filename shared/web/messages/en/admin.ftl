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
