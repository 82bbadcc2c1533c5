//! What kind of group a target is, and whether its members can be managed from here (Microsoft Graph, resource type
//! `group`).

use hourglass_domain::Timestamp;
use hourglass_domain::ids::ObjectId;
use hourglass_domain::target::{Target, TargetFacts, TargetProblem};
use serde::Deserialize;
use serde_json::Value;

use crate::wire::presentable;

/// The properties of a group that matter here. Those without `Option` are never null in a real answer, so one without
/// them is not understood rather than taken for harmless.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: ObjectId,
    display_name: Option<String>,
    group_types: Vec<String>,
    mail_enabled: bool,
    security_enabled: bool,
    /// `true`: synced; `null` and `false`: mastered in the cloud.
    on_premises_sync_enabled: Option<bool>,
    is_assignable_to_role: Option<bool>,
    is_management_restricted: Option<bool>,
}

impl Group {
    fn problem(&self) -> Option<TargetProblem> {
        if self
            .group_types
            .iter()
            .any(|kind| kind.eq_ignore_ascii_case("DynamicMembership"))
        {
            Some(TargetProblem::Dynamic)
        } else if self.on_premises_sync_enabled == Some(true) {
            Some(TargetProblem::OnPremisesSynced)
        } else if self.mail_enabled {
            Some(TargetProblem::MailEnabled)
        } else if !self.security_enabled {
            Some(TargetProblem::NotSecurity)
        } else if self.is_management_restricted == Some(true) {
            Some(TargetProblem::ManagementRestricted)
        } else {
            None
        }
    }
}

/// Reads the answer to [`crate::urls::Ask::group`]; `None` when it is not understood.
pub(crate) fn read(body: &Value, group: ObjectId, target: &Target, now: Timestamp) -> Option<TargetFacts> {
    let found: Group = serde_json::from_value(body.clone()).ok()?;
    (found.id == group).then(|| TargetFacts {
        target: target.clone(),
        display_name: found.display_name.as_deref().map(presentable),
        problem: found.problem(),
        role_assignable: found.is_assignable_to_role == Some(true),
        checked_at: now,
    })
}

/// The facts about a group that does not exist.
pub(crate) fn missing(target: &Target, now: Timestamp) -> TargetFacts {
    TargetFacts {
        target: target.clone(),
        display_name: None,
        problem: Some(TargetProblem::Missing),
        role_assignable: false,
        checked_at: now,
    }
}

/// Why Graph may have answered 403, from what is known of the group.
pub(crate) fn likely_cause(facts: Option<&TargetFacts>) -> String {
    const PERMISSION: &str = "GroupMember.ReadWrite.All";
    match facts {
        Some(TargetFacts {
            problem: Some(problem), ..
        }) => problem.to_string(),
        Some(facts) if facts.role_assignable => {
            "the group can hold directory roles, and the connector lacks RoleManagement.ReadWrite.Directory".to_owned()
        }
        Some(_) => format!("the connector's app registration lacks the application permission {PERMISSION}"),
        None => format!(
            "the connector's app registration lacks {PERMISSION}, or the group is dynamic, mail-enabled, \
             role-assignable or in a restricted management administrative unit"
        ),
    }
}

#[cfg(test)]
mod tests {
    use hourglass_domain::target::Cloud;
    use serde_json::json;

    use super::*;

    const GROUP: &str = "11111111-2222-3333-4444-555555555555";

    fn facts(changes: Value) -> Option<TargetFacts> {
        let group = GROUP.parse().unwrap();
        let target = Target::Entra {
            cloud: Cloud::Global,
            tenant: "99999999-2222-3333-4444-555555555555".parse().unwrap(),
            group,
        };
        let mut body = json!({
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#groups/$entity",
            "id": GROUP, "displayName": "Prod admins", "groupTypes": [], "onPremisesSyncEnabled": null,
            "isAssignableToRole": null, "isManagementRestricted": null, "mailEnabled": false, "securityEnabled": true,
        });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        read(&body, group, &target, Timestamp::EPOCH)
    }

    #[test]
    fn every_kind_of_group_that_cannot_be_managed_is_told() {
        for (changes, problem) in [
            (json!({}), None),
            (json!({ "onPremisesSyncEnabled": false }), None),
            (
                json!({ "groupTypes": ["DynamicMembership"] }),
                Some(TargetProblem::Dynamic),
            ),
            (
                json!({ "groupTypes": ["Unified", "DynamicMembership"] }),
                Some(TargetProblem::Dynamic),
            ),
            (
                json!({ "onPremisesSyncEnabled": true }),
                Some(TargetProblem::OnPremisesSynced),
            ),
            (json!({ "mailEnabled": true }), Some(TargetProblem::MailEnabled)),
            (
                json!({ "mailEnabled": true, "groupTypes": ["Unified"] }),
                Some(TargetProblem::MailEnabled),
            ),
            (json!({ "securityEnabled": false }), Some(TargetProblem::NotSecurity)),
            (
                json!({ "isManagementRestricted": true }),
                Some(TargetProblem::ManagementRestricted),
            ),
        ] {
            assert_eq!(facts(changes.clone()).unwrap().problem, problem, "{changes}");
        }
        let roles = facts(json!({ "isAssignableToRole": true })).unwrap();
        assert_eq!((roles.problem, roles.role_assignable), (None, true));
        assert_eq!(roles.display_name.as_deref(), Some("Prod admins"));
    }

    #[test]
    fn an_answer_that_leaves_something_out_is_not_understood() {
        for changes in [
            json!({ "groupTypes": null }),
            json!({ "mailEnabled": null }),
            json!({ "securityEnabled": "yes" }),
            json!({ "id": "99999999-0000-0000-0000-000000000000" }),
            json!({ "id": null }),
        ] {
            assert_eq!(facts(changes.clone()), None, "{changes}");
        }
    }
}
