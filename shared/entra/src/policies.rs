//! What a Conditional Access policy demands of whoever satisfies an authentication context (Microsoft Graph, resource type
//! `conditionalAccessPolicy`).
//!
//! Everything that could make a policy let somebody in without a second factor counts against it, and what is not known to
//! this version does too: an answer that cannot be understood is none.

use hourglass_domain::auth_context::{ContextPolicy, PolicyProblem};
use hourglass_domain::ids::ObjectId;
use serde::Deserialize;
use serde_json::Value;

use crate::wire::presentable;

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Policy {
    display_name: String,
    state: String,
    conditions: Conditions,
    grant_controls: Option<GrantControls>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Conditions {
    users: Option<Users>,
    #[serde(default)]
    client_app_types: Option<Vec<String>>,
    #[serde(default)]
    platforms: Value,
    #[serde(default)]
    locations: Value,
    #[serde(default)]
    devices: Value,
    #[serde(default)]
    authentication_flows: Value,
    #[serde(default)]
    sign_in_risk_levels: Option<Vec<String>>,
    #[serde(default)]
    user_risk_levels: Option<Vec<String>>,
    #[serde(default)]
    insider_risk_levels: Value,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Users {
    include_users: Vec<String>,
    #[serde(default)]
    exclude_users: Vec<String>,
    #[serde(default)]
    exclude_groups: Vec<String>,
    #[serde(default)]
    exclude_roles: Vec<String>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct GrantControls {
    operator: Option<String>,
    #[serde(default)]
    built_in_controls: Vec<String>,
    #[serde(default)]
    custom_authentication_factors: Vec<String>,
    #[serde(default)]
    terms_of_use: Vec<String>,
    #[serde(default)]
    authentication_strength: Option<Strength>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "camelCase")]
struct Strength {
    #[serde(default)]
    requirements_satisfied: String,
}

impl GrantControls {
    /// Whether nobody gets in without a second factor. With `OR` every alternative has to demand one.
    fn demands_factor(&self) -> bool {
        let mfa = |control: &String| control == "mfa";
        let strength = self
            .authentication_strength
            .as_ref()
            .map(|strength| strength.requirements_satisfied == "mfa");
        if self.operator.as_deref() == Some("AND") {
            return self.built_in_controls.iter().any(mfa) || strength == Some(true);
        }
        let some = !self.built_in_controls.is_empty() || strength.is_some();
        let others = !self.custom_authentication_factors.is_empty() || !self.terms_of_use.is_empty();
        some && !others && self.built_in_controls.iter().all(mfa) && strength != Some(false)
    }
}

impl Conditions {
    /// Whether it applies however and wherever somebody signs in.
    fn is_unconditional(&self) -> bool {
        let nothing = |value: &Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(fields) => fields.values().all(Value::is_null),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        let no_levels = |levels: &Option<Vec<String>>| levels.as_ref().is_none_or(Vec::is_empty);
        let clients = self.client_app_types.as_deref().unwrap_or_default();
        let has = |client: &str| clients.iter().any(|named| named == client);
        let every_client = clients.is_empty() || has("all") || (has("browser") && has("mobileAppsAndDesktopClients"));
        let rest = [
            &self.platforms,
            &self.locations,
            &self.devices,
            &self.authentication_flows,
            &self.insider_risk_levels,
        ];
        every_client
            && rest.into_iter().all(nothing)
            && no_levels(&self.sign_in_risk_levels)
            && no_levels(&self.user_risk_levels)
    }
}

impl Policy {
    fn problem(&self) -> Option<PolicyProblem> {
        let everyone = |users: &Users| users.include_users.iter().any(|user| user == "All");
        if self.state != "enabled" {
            Some(PolicyProblem::NotEnabled)
        } else if !self.grant_controls.as_ref().is_some_and(GrantControls::demands_factor) {
            Some(PolicyProblem::NoFactor)
        } else if !self.conditions.users.as_ref().is_some_and(everyone) {
            Some(PolicyProblem::NotEveryone)
        } else if !self.conditions.is_unconditional() {
            Some(PolicyProblem::Narrowed)
        } else {
            None
        }
    }
}

/// Those of a page of policies that target `context`; `None` when one of them is not understood.
pub(crate) fn read(page: &Value, context: &str) -> Option<Vec<ContextPolicy>> {
    let mut found = Vec::new();
    for policy in page.get("value")?.as_array()? {
        let named = policy.pointer("/conditions/applications/includeAuthenticationContextClassReferences");
        let named = named.and_then(Value::as_array).into_iter().flatten();
        if !named.into_iter().any(|named| named.as_str() == Some(context)) {
            continue;
        }
        let policy: Policy = serde_json::from_value(policy.clone()).ok()?;
        let problem = policy.problem();
        let name = presentable(&policy.display_name);
        found.push(match policy.conditions.users {
            None => ContextPolicy {
                name,
                problem,
                excluded_users: std::collections::BTreeSet::new(),
                excluded_groups: std::collections::BTreeSet::new(),
                excludes_others: true,
            },
            Some(users) => {
                let ids = |ids: &[String]| ids.iter().filter_map(|id| id.parse().ok()).collect();
                // Guests do not approve here, whatever their own tenant demands of them.
                let known = |id: &String| id == "GuestsOrExternalUsers" || id.parse::<ObjectId>().is_ok();
                ContextPolicy {
                    name,
                    problem,
                    excluded_users: ids(&users.exclude_users),
                    excluded_groups: ids(&users.exclude_groups),
                    excludes_others: !users.exclude_roles.is_empty()
                        || !users.exclude_users.iter().all(known)
                        || !users.exclude_groups.iter().all(known),
                }
            }
        });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy() -> Value {
        json!({
            "id": "a1", "displayName": "MFA for approvals", "state": "enabled",
            "conditions": {
                "users": {"includeUsers": ["All"], "excludeUsers": [], "excludeGroups": [], "excludeRoles": []},
                "applications": {"includeApplications": [], "includeAuthenticationContextClassReferences": ["c1"]},
                "clientAppTypes": ["all"], "platforms": null, "locations": null, "devices": null,
                "signInRiskLevels": [], "userRiskLevels": [],
            },
            "grantControls": {"operator": "OR", "builtInControls": ["mfa"], "customAuthenticationFactors": [],
                "termsOfUse": [], "authenticationStrength": null},
        })
    }

    fn found(change: impl Fn(&mut Value)) -> ContextPolicy {
        let mut policy = policy();
        change(&mut policy);
        let found = read(&json!({"value": [policy]}), "c1").expect("understood");
        assert_eq!(found.len(), 1);
        found.into_iter().next().expect("one")
    }

    #[test]
    fn a_policy_that_demands_a_factor_of_everybody_holds() {
        assert_eq!(found(|_| ()).problem, None);
        let strength = json!({"operator": "OR", "builtInControls": [],
            "authenticationStrength": {"displayName": "Phishing-resistant MFA", "requirementsSatisfied": "mfa"}});
        assert_eq!(found(|policy| policy["grantControls"] = strength.clone()).problem, None);
        let both = json!({"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]});
        assert_eq!(found(|policy| policy["grantControls"] = both.clone()).problem, None);
        let clients = json!(["browser", "mobileAppsAndDesktopClients"]);
        assert_eq!(
            found(|policy| policy["conditions"]["clientAppTypes"] = clients.clone()).problem,
            None
        );
    }

    #[test]
    fn each_way_round_the_factor_counts_against_it() {
        let states = ["disabled", "enabledForReportingButNotEnforced"];
        for state in states {
            let problem = found(|policy| policy["state"] = json!(state)).problem;
            assert_eq!(problem, Some(PolicyProblem::NotEnabled), "{state}");
        }
        for controls in [
            Value::Null,
            json!({"operator": "OR", "builtInControls": []}),
            json!({"operator": "OR", "builtInControls": ["compliantDevice"]}),
            json!({"operator": "OR", "builtInControls": ["mfa", "compliantDevice"]}),
            json!({"operator": "OR", "builtInControls": ["mfa"], "termsOfUse": ["t"]}),
            json!({"operator": null, "builtInControls": ["block"]}),
            json!({"operator": "OR", "builtInControls": [], "authenticationStrength": {"requirementsSatisfied": "none"}}),
            json!({"operator": "OR", "builtInControls": [], "authenticationStrength": {}}),
            json!({"operator": "AND", "builtInControls": ["compliantDevice"]}),
        ] {
            let problem = found(|policy| policy["grantControls"] = controls.clone()).problem;
            assert_eq!(problem, Some(PolicyProblem::NoFactor), "{controls}");
        }
        let some = json!(["6f9619ff-8b86-d011-b42d-00cf4fc964ff"]);
        let problem = found(|policy| policy["conditions"]["users"]["includeUsers"] = some.clone()).problem;
        assert_eq!(problem, Some(PolicyProblem::NotEveryone));
        for (field, value) in [
            ("platforms", json!({"includePlatforms": ["android"]})),
            (
                "locations",
                json!({"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}),
            ),
            ("devices", json!({"deviceFilter": {"mode": "exclude", "rule": "x"}})),
            ("clientAppTypes", json!(["browser"])),
            ("signInRiskLevels", json!(["high"])),
            ("userRiskLevels", json!(["high"])),
            ("authenticationFlows", json!({"transferMethods": "deviceCodeFlow"})),
        ] {
            let problem = found(|policy| policy["conditions"][field] = value.clone()).problem;
            assert_eq!(problem, Some(PolicyProblem::Narrowed), "{field}");
        }
    }

    #[test]
    fn who_is_left_out_is_kept() {
        let id = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
        let out = found(|policy| {
            policy["conditions"]["users"]["excludeUsers"] = json!([id, "GuestsOrExternalUsers"]);
            policy["conditions"]["users"]["excludeGroups"] = json!([id]);
        });
        assert_eq!((out.excluded_users.len(), out.excluded_groups.len()), (1, 1));
        assert!(!out.excludes_others);
        let roles = found(|policy| policy["conditions"]["users"]["excludeRoles"] = json!([id]));
        assert!(roles.excludes_others);
        let odd = found(|policy| policy["conditions"]["users"]["excludeUsers"] = json!(["Somebody"]));
        assert!(odd.excludes_others);
    }

    #[test]
    fn other_policies_are_passed_over_and_odd_ones_are_no_answer() {
        let mut other = policy();
        other["conditions"]["applications"]["includeAuthenticationContextClassReferences"] = json!(["c2"]);
        let none = json!({"id": "x", "odd": true});
        assert_eq!(read(&json!({"value": [other, none]}), "c1"), Some(Vec::new()));
        let mut odd = policy();
        odd["state"] = json!(7);
        assert_eq!(read(&json!({"value": [odd]}), "c1"), None);
        assert_eq!(read(&json!({}), "c1"), None);
    }
}
