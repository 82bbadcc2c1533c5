//! Key prefixes: the code makes keys in one module, roles are limited by them, docs/SECURITY.md says what they are.

use super::{Finding, permissions};
use serde_json::Value;
use std::collections::BTreeSet;

/// Beginnings of sort keys, which no role can be limited by.
const SORT_KEYS: [&str; 6] = ["TEMPLATE", "INTEGRATION", "LAST", "RECOVERY", "SETUP", "FIRST"];

/// Holds the kinds of item in `keys.rs`, in the roles and in the document's table against one another.
pub(super) fn check(template: &Value, document: &str, keys: &str) -> Vec<Finding> {
    let made = made(keys);
    let described = described(document);
    let limited: BTreeSet<&str> = permissions::prefixes(template).into_iter().filter_map(kind).collect();
    let mut findings = Vec::new();
    for kind in made.difference(&described) {
        findings.push(Finding::new(
            "docs/SECURITY.md",
            format!("does not say what `{kind}#` is"),
        ));
    }
    for kind in described.difference(&made) {
        findings.push(Finding::new(
            "docs/SECURITY.md",
            format!("describes `{kind}#`, which no key begins with"),
        ));
    }
    for kind in limited.difference(&made) {
        findings.push(Finding::new(
            "template.yaml",
            format!("limits a role to `{kind}#`, which no key begins with"),
        ));
    }
    findings
}

/// The part of a prefix that names the kind of item.
fn kind(prefix: &str) -> Option<&str> {
    prefix.split_once('#').map(|(kind, _)| kind)
}

/// What the strings of the key module begin with, if they begin like a partition: at least three capitals and `#`.
fn made(keys: &str) -> BTreeSet<&str> {
    keys.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter_map(kind)
        .filter(|kind| kind.len() >= 3 && kind.chars().all(|c| c.is_ascii_uppercase()) && !SORT_KEYS.contains(kind))
        .collect()
}

/// What the first column of a table with the heading `prefix` names.
fn described(document: &str) -> BTreeSet<&str> {
    document
        .lines()
        .skip_while(|line| !line.starts_with("| prefix |"))
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter_map(kind)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DOCUMENT: &str =
        "| prefix | what |\n|---|---|\n| `REQ#` | requests `Y#` |\n| `DUE#G#` `DUE#R#` | due work |\n\n| `X#` | no |\n";
    const KEYS: &str =
        "/// `\"OLD#\"`\nKey::new(format!(\"REQ#{id}\"), \"REQUEST\"); format!(\"DUE#{}#{shard}\"); \"M#\"";

    fn role(prefix: &str) -> Value {
        json!({ "Resources": { "Role": { "Type": "AWS::IAM::Role", "Properties": { "Policies": [{
            "PolicyDocument": { "Statement": [{
                "Action": "dynamodb:PutItem",
                "Condition": { "ForAllValues:StringLike": { "dynamodb:LeadingKeys": [prefix] } },
            }] },
        }] } } } })
    }

    #[test]
    fn the_three_agree() {
        assert_eq!(check(&role("DUE#G#*"), DOCUMENT, KEYS), Vec::new());
    }

    #[test]
    fn each_disagreement_is_found() {
        assert_eq!(
            check(&role("REQS#*"), DOCUMENT, KEYS).len(),
            1,
            "a role limited to nothing"
        );
        assert_eq!(
            check(&role("REQ#*"), DOCUMENT, "\"REQ#\" \"DUE#\" \"NEW#\"").len(),
            1,
            "a kind nobody describes"
        );
        assert_eq!(
            check(&role("REQ#*"), DOCUMENT, "\"REQ#\"").len(),
            1,
            "a kind that is gone"
        );
    }
}
