//! The roles in template.yaml: least privilege, and a reason for each permission in docs/SECURITY.md.
//!
//! The document has a section `### \`Role\`` per role with a table of four columns: statement, actions, limited to, why.
//! The first three must say what the template says, word for word; so neither can change without the other.

use super::{Finding, template::resources};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Reading the table in bulk, changing an item in place (every write replaces a whole item, under a condition on the
/// version that was read), and doors that pass the rules below by.
const NEVER: [&str; 7] = [
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLSelect",
    "dynamodb:PartiQLInsert",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
];

/// Single actions inside a transaction, each granted alone and limited to key prefixes.
const LIMITED_BY_PREFIX: [&str; 3] = ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"];

/// Items that no function deletes: what was asked, decided, granted, proved and said stays.
const NEVER_DELETED: [&str; 5] = ["REQ#*", "DEC#*", "GRANT#*", "MEMB#*", "AUD#*"];

/// Actions that only these roles have.
const RESERVED: [(&str, &[&str]); 7] = [
    (
        "secretsmanager:GetSecretValue",
        &[
            "ProvisioningRole",
            "RevocationRole",
            "ApprovalsRole",
            "AdminRole",
            "SignInRole",
        ],
    ),
    ("secretsmanager:CreateSecret", &["AdminRole"]),
    ("secretsmanager:PutSecretValue", &["AdminRole"]),
    ("secretsmanager:RestoreSecret", &["AdminRole"]),
    ("secretsmanager:DeleteSecret", &["AdminRole"]),
    ("iam:PassRole", &["ProvisioningRole", "RevocationRole"]),
    ("scheduler:CreateSchedule", &["ProvisioningRole", "RevocationRole"]),
];

/// The secrets that these roles may read, and no others: keys of seals, or the sign-in registration's, never a target's
/// credential.
const SECRETS: [(&str, &[&str]); 3] = [
    ("SignInRole", &["SignInSecret"]),
    ("ApprovalsRole", &["DecisionsSealKey", "PolicySealKey"]),
    ("AdminRole", &["PolicySealKey"]),
];

/// One statement of a role's policy.
#[derive(Debug)]
struct Statement<'a> {
    role: &'a str,
    sid: &'a str,
    allows: bool,
    actions: BTreeSet<&'a str>,
    resource: &'a Value,
    /// Key prefixes that the statement is limited to, empty when it is not.
    prefixes: BTreeSet<&'a str>,
    /// Whether a request without a key is kept out: `ForAllValues` is true of nothing.
    demands_a_key: bool,
}

impl Statement<'_> {
    fn finding(&self, problem: impl Into<String>) -> Finding {
        Finding::new(format!("{}.{}", self.role, self.sid), problem)
    }
}

/// Judges the template's roles and holds docs/SECURITY.md against them.
pub(super) fn check(template: &Value, document: &str) -> Vec<Finding> {
    let statements = statements(template);
    let mut findings = side_doors(template);
    for statement in &statements {
        findings.extend(judge(statement));
    }
    findings.extend(compare(&statements, document));
    findings
}

/// Every key prefix that a role is limited to.
pub(super) fn prefixes(template: &Value) -> BTreeSet<&str> {
    statements(template)
        .into_iter()
        .flat_map(|statement| statement.prefixes)
        .collect()
}

/// A string, or the strings of a list.
fn strings(value: Option<&Value>) -> BTreeSet<&str> {
    match value {
        Some(Value::String(one)) => BTreeSet::from([one.as_str()]),
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    }
}

fn statements(template: &Value) -> Vec<Statement<'_>> {
    let mut statements = Vec::new();
    for (role, resource) in resources(template, "AWS::IAM::Role") {
        let policies = resource
            .pointer("/Properties/Policies")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let inside = policies
            .filter_map(|policy| policy.pointer("/PolicyDocument/Statement")?.as_array())
            .flatten();
        statements.extend(inside.map(|statement| {
            let keys = |operator: &str| statement.get("Condition")?.get(operator)?.get("dynamodb:LeadingKeys");
            Statement {
                role,
                sid: statement.get("Sid").and_then(Value::as_str).unwrap_or_default(),
                allows: statement.get("Effect").and_then(Value::as_str) == Some("Allow"),
                actions: strings(statement.get("Action")),
                resource: statement.get("Resource").unwrap_or(&Value::Null),
                prefixes: strings(keys("ForAllValues:StringLike")),
                demands_a_key: keys("Null").and_then(Value::as_str) == Some("false"),
            }
        }));
    }
    statements
}

/// Permissions that would not stand in a role's own statements, where this check reads them.
fn side_doors(template: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for kind in ["AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"] {
        for (name, _) in resources(template, kind) {
            findings.push(Finding::new(name, "permissions stand in the roles' own policies only"));
        }
    }
    for (kind, property) in [
        ("AWS::Serverless::Function", "Policies"),
        ("AWS::IAM::Role", "ManagedPolicyArns"),
    ] {
        for (name, resource) in resources(template, kind) {
            if resource
                .get("Properties")
                .is_some_and(|properties| properties.get(property).is_some())
            {
                findings.push(Finding::new(
                    name,
                    format!("{property}: permissions stand in the roles' own policies only"),
                ));
            }
        }
    }
    findings
}

fn judge(statement: &Statement<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if statement.sid.is_empty() || statement.actions.is_empty() {
        findings.push(statement.finding("needs a Sid and an Action; NotAction is not used"));
    }
    if !statement.allows {
        return findings;
    }
    let everything = strings(Some(statement.resource)).contains("*");
    for action in &statement.actions {
        if action.contains('*') {
            findings.push(statement.finding(format!("{action}: actions are named one by one")));
        }
        if NEVER.contains(action) {
            findings.push(statement.finding(format!("{action} is granted to nobody")));
        }
        if everything {
            findings.push(statement.finding(format!("{action} on every resource")));
        }
        let reserved = RESERVED.iter().find(|(reserved, _)| reserved == action);
        if reserved.is_some_and(|(_, roles)| !roles.contains(&statement.role)) {
            findings.push(statement.finding(format!("{action} belongs to other roles")));
        }
        if action.starts_with("secretsmanager:") {
            findings.extend(judge_secret(statement, action));
        }
        if LIMITED_BY_PREFIX.contains(action) && (statement.actions.len() > 1 || statement.prefixes.is_empty()) {
            findings.push(statement.finding(format!("{action} is granted alone and limited to key prefixes")));
        }
        if *action == "dynamodb:DeleteItem" {
            for kept in NEVER_DELETED.iter().filter(|kept| statement.prefixes.contains(*kept)) {
                findings.push(statement.finding(format!("{kept} is never deleted")));
            }
        }
    }
    if !statement.prefixes.is_empty() && !statement.demands_a_key {
        findings.push(statement.finding("needs Null: {dynamodb:LeadingKeys: \"false\"} beside ForAllValues"));
    }
    for prefix in statement
        .prefixes
        .iter()
        .filter(|prefix| !prefix.ends_with("#*") || prefix.len() < 4)
    {
        findings.push(statement.finding(format!("{prefix} is not the prefix of one kind of item")));
    }
    findings
}

/// Credentials are named as such (`…/azure-??????`, `…/aws-??????`), keys of seals by reference, and nobody writes one of
/// these. Only AWS's credentials can be deleted: with Azure's, access is taken away.
fn judge_secret(statement: &Statement<'_>, action: &str) -> Option<Finding> {
    let named = match statement.resource {
        Value::Array(many) => many.iter().collect(),
        one => vec![one],
    };
    let key = |resource: &Value| resource.get("Ref").and_then(Value::as_str).map(str::to_owned);
    let ends = |resource: &Value, ending: &str| {
        let arn = resource.get("Fn::Sub").and_then(Value::as_str);
        arn.is_some_and(|arn| arn.ends_with(ending))
    };
    let aws = |resource: &&Value| ends(resource, "/*/aws-??????");
    let credential = |resource: &&Value| aws(resource) || ends(resource, "/*/azure-??????");
    if action == "secretsmanager:DeleteSecret" && !named.iter().all(aws) {
        return Some(statement.finding("what takes access away is never deleted"));
    }
    if action != "secretsmanager:GetSecretValue" {
        let all = named.iter().all(credential);
        return (!all).then(|| statement.finding(format!("{action} is for credentials, by their names")));
    }
    let allowed = SECRETS.iter().find(|(role, _)| *role == statement.role);
    let fits = named.iter().all(|resource| match (key(resource), allowed) {
        (Some(key), Some((_, keys))) => keys.contains(&key.as_str()),
        (Some(key), None) => key.ends_with("SealKey"),
        (None, Some(_)) => false,
        (None, None) => credential(resource),
    });
    (!fits).then(|| statement.finding(format!("{action} on other secrets than this role's")))
}

/// One row of a table in docs/SECURITY.md.
struct Row<'a> {
    actions: BTreeSet<&'a str>,
    limits: BTreeSet<&'a str>,
    why: &'a str,
}

/// The rows of the document by role and statement.
fn rows(document: &str) -> BTreeMap<(&str, &str), Row<'_>> {
    let mut rows = BTreeMap::new();
    let mut role = "";
    for line in document.lines() {
        if line.starts_with('#') {
            role = line
                .strip_prefix("### `")
                .and_then(|rest| rest.strip_suffix('`'))
                .unwrap_or_default();
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let ["", sid, actions, limits, why, ""] = cells.as_slice()
            && let Some(sid) = sid.strip_prefix('`').and_then(|sid| sid.strip_suffix('`'))
            && !role.is_empty()
        {
            rows.insert(
                (role, sid),
                Row {
                    actions: quoted(actions),
                    limits: quoted(limits),
                    why,
                },
            );
        }
    }
    rows
}

/// What stands between backticks.
fn quoted(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn compare(statements: &[Statement<'_>], document: &str) -> Vec<Finding> {
    let mut rows = rows(document);
    let mut findings = Vec::new();
    for statement in statements {
        let Some(row) = rows.remove(&(statement.role, statement.sid)) else {
            findings.push(statement.finding("has no row in docs/SECURITY.md (or the Sid is there twice)"));
            continue;
        };
        if row.actions != statement.actions {
            findings.push(statement.finding("docs/SECURITY.md names other actions"));
        }
        if !statement.prefixes.is_empty() && row.limits != statement.prefixes {
            findings.push(statement.finding("docs/SECURITY.md names other key prefixes"));
        }
        if row.why.is_empty() {
            findings.push(statement.finding("docs/SECURITY.md gives no reason"));
        }
    }
    findings.extend(rows.into_keys().map(|(role, sid)| {
        Finding::new(
            "docs/SECURITY.md",
            format!("{role}.{sid} is not in template.yaml any more"),
        )
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::template::tests::changed;

    const DOCUMENT: &str = include_str!("../../../docs/SECURITY.md");

    #[test]
    fn template_and_document_agree() {
        assert_eq!(check(&changed("", ""), DOCUMENT), Vec::new());
    }

    /// Each change breaks the one rule named; the rule must speak up, not only the comparison with the document.
    #[test]
    fn each_rule_finds_its_breach() {
        let put = "dynamodb:LeadingKeys: [\"SCIM#*\", \"END#USER#*\", \"END#GROUP#*\", \"END#MEMBERS#*\", \"AUD#*\", \"DUE#R#*\"]";
        let null = format!("{put} }}\n                  \"Null\": {{ dynamodb:LeadingKeys: \"false\" }}");
        let cases = [
            ("Sid: WriteLogs", "Note: none", "needs a Sid"),
            ("Action: dynamodb:PutItem", "Action: dynamodb:*", "one by one"),
            (
                "dynamodb:BatchGetItem, dynamodb:Query",
                "dynamodb:Scan",
                "granted to nobody",
            ),
            (
                "Resource: !GetAtt StreamFailures.Arn",
                "Resource: \"*\"",
                "on every resource",
            ),
            (
                "Action: iam:PassRole",
                "Action: secretsmanager:RestoreSecret",
                "belongs to other roles",
            ),
            (
                "Resource: !Ref PolicySealKey",
                "Resource: !Ref DecisionsSealKey",
                "other secrets",
            ),
            (
                "- secretsmanager:CreateSecret",
                "- secretsmanager:GetSecretValue",
                "other secrets",
            ),
            (
                "${AWS::StackName}/*/azure-??????",
                "${AWS::StackName}/*",
                "for credentials",
            ),
            (
                "Action: secretsmanager:DeleteSecret",
                "Action: [secretsmanager:DeleteSecret, secretsmanager:GetSecretValue]",
                "other secrets",
            ),
            (
                "- secretsmanager:RestoreSecret",
                "- secretsmanager:DeleteSecret",
                "never deleted",
            ),
            (
                "Action: dynamodb:PutItem",
                "Action: [dynamodb:PutItem, dynamodb:DeleteItem]",
                "granted alone",
            ),
            (put, "dynamodb:Select: [\"COUNT\"]", "limited to key prefixes"),
            (put, "dynamodb:LeadingKeys: [\"*\"]", "not the prefix of one kind"),
            (&null, &format!("{put} }}"), "needs Null"),
            ("[\"OPEN#*\", \"DUE#R#*\"]", "[\"OPEN#*\", \"AUD#*\"]", "never deleted"),
            (
                "Type: AWS::Events::Rule",
                "Type: AWS::IAM::ManagedPolicy",
                "own policies only",
            ),
            (
                "Role: !GetAtt ScimRole.Arn",
                "Policies: [AdministratorAccess]",
                "own policies only",
            ),
        ];
        for (from, to, expected) in cases {
            let findings = check(&changed(from, to), DOCUMENT);
            assert!(
                findings.iter().any(|finding| finding.problem.contains(expected)),
                "{from} -> {to}: {findings:#?}"
            );
        }
    }

    #[test]
    fn a_document_that_falls_behind_is_found() {
        let template = changed("", "");
        let row = DOCUMENT.lines().find(|line| line.contains("`StoreSecrets`")).unwrap();
        let cases = [
            (row.to_owned(), String::new(), "has no row"),
            (
                "`secretsmanager:PutSecretValue`".to_owned(),
                String::new(),
                "other actions",
            ),
            ("`END#*`".to_owned(), "`DEC#*`".to_owned(), "other key prefixes"),
            (
                row.to_owned(),
                format!("{row}\n{}", row.replace("StoreSecrets", "ReadSecrets")),
                "not in template.yaml",
            ),
            (
                row.to_owned(),
                format!("{} | |", row.rsplitn(3, '|').last().unwrap().trim_end()),
                "gives no reason",
            ),
        ];
        for (from, to, expected) in cases {
            let findings = check(&template, &DOCUMENT.replacen(&from, &to, 1));
            assert!(
                findings.iter().any(|finding| finding.problem.contains(expected)),
                "{from} -> {to}: {findings:#?}"
            );
        }
    }
}
