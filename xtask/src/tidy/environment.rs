//! The functions' environment: template.yaml sets what `boot` reads, and nothing else.

use super::Finding;
use serde_json::Value;
use std::collections::BTreeSet;

/// Names that `boot` reads and no deployment sets: for the laptop and the tests, with loopback endpoints only.
const LAPTOP_ONLY: [&str; 5] = [
    "HOURGLASS_CONFIRM_AFTER_SECONDS",
    "HOURGLASS_SHORT_DURATIONS",
    "HOURGLASS_KEY_COOL_DOWN_SECONDS",
    "HOURGLASS_GRAPH_ENDPOINT",
    "HOURGLASS_LOGIN_ENDPOINT",
];

/// How every name of ours begins.
const BEGINNING: &str = "HOURGLASS_";

/// Holds the names in the template against those in the source text of `boot`.
pub(super) fn check(template: &Value, boot: &str) -> Vec<Finding> {
    let variables = template
        .pointer("/Globals/Function/Environment/Variables")
        .and_then(Value::as_object);
    let set: BTreeSet<&str> = variables
        .into_iter()
        .flat_map(|variables| variables.keys())
        .map(String::as_str)
        .collect();
    let read = names(boot);
    let mut findings = Vec::new();
    for name in set.difference(&read) {
        findings.push(Finding::new(
            "template.yaml",
            format!("sets {name}, which shared/boot does not read"),
        ));
    }
    for name in read.difference(&set).filter(|name| !LAPTOP_ONLY.contains(name)) {
        findings.push(Finding::new(
            "template.yaml",
            format!("does not set {name}, which shared/boot reads"),
        ));
    }
    for name in LAPTOP_ONLY.iter().filter(|name| set.contains(*name)) {
        findings.push(Finding::new(
            "template.yaml",
            format!("sets {name}, which is for loopback endpoints only"),
        ));
    }
    findings
}

/// Every name of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    text.match_indices(BEGINNING)
        .filter_map(|(at, _)| {
            let name = text
                .get(at..)?
                .split(|c: char| !c.is_ascii_uppercase() && c != '_')
                .next()?;
            (name.len() > BEGINNING.len()).then_some(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(set: &[&str], read: &str) -> Vec<Finding> {
        let variables: Value = set.iter().map(|name| (name.to_string(), json!("x"))).collect();
        check(
            &json!({ "Globals": { "Function": { "Environment": { "Variables": variables } } } }),
            read,
        )
    }

    #[test]
    fn template_and_boot_name_the_same() {
        assert_eq!(judge(&["HOURGLASS_TABLE"], "read(\"HOURGLASS_TABLE\")"), Vec::new());
        assert_eq!(
            judge(&["HOURGLASS_TABLE"], "read(\"HOURGLASS_\")").len(),
            1,
            "set, not read"
        );
        assert_eq!(judge(&[], "read(\"HOURGLASS_TABLE\")").len(), 1, "read, not set");
    }

    #[test]
    fn loopback_settings_are_never_deployed() {
        let name = "HOURGLASS_GRAPH_ENDPOINT";
        assert_eq!(judge(&[], name), Vec::new());
        assert_eq!(judge(&[name], name).len(), 1);
    }
}
