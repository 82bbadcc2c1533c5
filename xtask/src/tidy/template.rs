//! template.yaml: read into plain JSON, and held against the functions that exist.
//!
//! Whether it is a valid template is the linters' business. Here stand the rules that are ours.

use super::Finding;
use crate::package::FUNCTIONS;
use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Key prefixes whose items start the provisioning function when they are written.
const STREAM_PREFIXES: [&str; 3] = ["GRANT#", "END#", "PROBE#"];

/// Resources that outlive the stack: type, and why.
const RETAINED: [(&str, &str); 3] = [
    ("AWS::DynamoDB::Table", "it is the record of who has what"),
    ("AWS::SecretsManager::Secret", "what was sealed with it is in the table"),
    (
        "AWS::Scheduler::ScheduleGroup",
        "its schedules end grants that are live",
    ),
];

/// Resources of such a type that may go with the stack: this secret comes from Entra, which gives another one at any time.
const NOT_RETAINED: [&str; 1] = ["SignInSecret"];

/// Reads a template. Short forms of intrinsic functions become long ones, `!GetAtt A.B` for example
/// `{"Fn::GetAtt": ["A", "B"]}`.
pub(super) fn parse(text: &str) -> Result<Value> {
    let documents = Yaml::load_from_str(text).context("template.yaml is not YAML")?;
    let [document] = documents.as_slice() else {
        bail!("template.yaml holds {} documents", documents.len())
    };
    plain(document)
}

fn plain(node: &Yaml<'_>) -> Result<Value> {
    Ok(match node {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(boolean) => json!(boolean),
            Scalar::Integer(integer) => json!(integer),
            Scalar::FloatingPoint(float) => json!(float.into_inner()),
            Scalar::String(string) => json!(string),
        },
        Yaml::Sequence(items) => Value::Array(items.iter().map(plain).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().context("a key of template.yaml is not a string")?;
                object.insert(key.to_owned(), plain(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => intrinsic(&tag.suffix, plain(inner)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => bail!("template.yaml holds an unreadable value"),
    })
}

fn intrinsic(name: &str, argument: Value) -> Value {
    match (name, argument) {
        ("Ref" | "Condition", argument) => json!({ name: argument }),
        ("GetAtt", Value::String(text)) => {
            let (resource, attribute) = text.split_once('.').unwrap_or((&text, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (_, argument) => json!({ format!("Fn::{name}"): argument }),
    }
}

/// The resources of one type: name and resource.
pub(super) fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    template
        .get("Resources")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some(kind))
        .map(|(name, resource)| (name.as_str(), resource))
        .collect()
}

/// Judges the template.
pub(super) fn check(template: &Value) -> Vec<Finding> {
    let mut findings = check_functions(template);
    findings.extend(check_stream(template));
    findings.extend(check_queues(template));
    findings.extend(check_alarms(template));
    for (kind, why) in RETAINED {
        for (name, resource) in resources(template, kind) {
            if NOT_RETAINED.contains(&name) {
                continue;
            }
            for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
                if resource.get(policy) != Some(&json!("Retain")) {
                    findings.push(Finding::new(name, format!("needs {policy}: Retain, because {why}")));
                }
            }
        }
    }
    for (name, resource) in resources(template, "AWS::Logs::LogGroup") {
        if resource.pointer("/Properties/RetentionInDays").is_none() {
            findings.push(Finding::new(name, "needs RetentionInDays: logs are not kept for ever"));
        }
    }
    findings
}

/// Each function that is built is deployed once, with a role and a log group that no other function has.
fn check_functions(template: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut binaries = BTreeSet::new();
    let mut roles = BTreeSet::new();
    let mut logs = BTreeSet::new();
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let text = |pointer: &str| {
            function
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let binary = text("/Metadata/BuildProperties/Binary");
        if text("/Properties/CodeUri") != format!("functions/{binary}") {
            findings.push(Finding::new(
                name,
                format!("CodeUri is not functions/{binary}, the folder of its binary"),
            ));
        }
        if !binaries.insert(binary) {
            findings.push(Finding::new(name, "deploys a binary that another function deploys too"));
        }
        let own = |pointer: &str, seen: &mut BTreeSet<String>| {
            function
                .pointer(pointer)
                .is_some_and(|resource| seen.insert(resource.to_string()))
        };
        if !own("/Properties/Role", &mut roles) {
            findings.push(Finding::new(name, "needs a Role of its own"));
        }
        if !own("/Properties/LoggingConfig/LogGroup", &mut logs) {
            findings.push(Finding::new(name, "needs a log group of its own"));
        }
    }
    let built: BTreeSet<String> = FUNCTIONS.iter().map(ToString::to_string).collect();
    if binaries != built {
        findings.push(Finding::new(
            "template.yaml",
            format!("deploys {binaries:?}, but {built:?} are built"),
        ));
    }
    findings
}

/// The stream starts a function for the kinds of item that are work, and hands failures on.
fn check_stream(template: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let wanted = json!(STREAM_PREFIXES.map(|prefix| json!({ "prefix": prefix })));
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let events = function
            .pointer("/Properties/Events")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (event, stream) in events.filter(|(_, event)| event.get("Type") == Some(&json!("DynamoDB"))) {
            let place = format!("{name}.{event}");
            let filters = stream
                .pointer("/Properties/FilterCriteria/Filters")
                .and_then(Value::as_array);
            let patterns: Vec<Value> = filters
                .into_iter()
                .flatten()
                .filter_map(|filter| filter.get("Pattern").and_then(Value::as_str))
                .filter_map(|pattern| serde_json::from_str(pattern).ok())
                .collect();
            if patterns
                .iter()
                .filter_map(|pattern| pattern.pointer("/dynamodb/Keys/pk/S"))
                .collect::<Vec<_>>()
                != [&wanted]
            {
                findings.push(Finding::new(
                    &place,
                    format!("must have one filter, on the prefixes {STREAM_PREFIXES:?}"),
                ));
            }
            if stream.pointer("/Properties/FunctionResponseTypes") != Some(&json!(["ReportBatchItemFailures"])) {
                findings.push(Finding::new(
                    &place,
                    "needs FunctionResponseTypes: [ReportBatchItemFailures]",
                ));
            }
            if stream
                .pointer("/Properties/DestinationConfig/OnFailure/Destination")
                .is_none()
            {
                findings.push(Finding::new(
                    &place,
                    "needs a destination for records that keep failing",
                ));
            }
        }
    }
    findings
}

/// A queue that starts a function: a message that fails is delivered again by itself, not while the function may still be
/// at it, and not for ever.
fn check_queues(template: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let events = function.pointer("/Properties/Events").and_then(Value::as_object);
        let queues = events.into_iter().flatten();
        for (event, mapping) in queues.filter(|(_, event)| event.get("Type") == Some(&json!("SQS"))) {
            let place = format!("{name}.{event}");
            if mapping.pointer("/Properties/FunctionResponseTypes") != Some(&json!(["ReportBatchItemFailures"])) {
                findings.push(Finding::new(
                    &place,
                    "needs FunctionResponseTypes: [ReportBatchItemFailures]",
                ));
            }
            let queue = mapping
                .pointer("/Properties/Queue/Fn::GetAtt/0")
                .and_then(Value::as_str)
                .and_then(|queue| template.get("Resources")?.get(queue));
            let seconds = |of: Option<&Value>, pointer: &str| of.and_then(|of| of.pointer(pointer)?.as_i64());
            let timeout = seconds(Some(function), "/Properties/Timeout").unwrap_or(i64::MAX);
            let visibility = seconds(queue, "/Properties/VisibilityTimeout").unwrap_or(0);
            if visibility / 6 < timeout {
                findings.push(Finding::new(
                    &place,
                    "needs a queue whose VisibilityTimeout is six times the function's Timeout",
                ));
            }
            let receives = seconds(queue, "/Properties/RedrivePolicy/maxReceiveCount");
            if !receives.is_some_and(|receives| (1..=10).contains(&receives)) {
                findings.push(Finding::new(
                    &place,
                    "needs a queue with a RedrivePolicy of at most 10 receives",
                ));
            }
        }
    }
    findings
}

/// Metrics of which an operator has to hear: each is written by a function and has an alarm.
const WATCHED: [&str; 18] = [
    "sweep_heartbeat",
    "overdue_grants",
    "convergence_failures",
    "evidence_failures",
    "auth_context_unprotected",
    "orphan_trigger",
    "schedule_tampered",
    "revocation_lateness_seconds",
    "time_to_grant_seconds",
    "mass_deactivation",
    "emergency_activations",
    "unreviewed_emergencies",
    "removal_failing_seconds",
    "removed_outside_memberships",
    "reappeared_memberships",
    "drift_members",
    "drift_stopped",
    "drift_failures",
];

/// Each watched metric has an alarm, all parts of which watch it; where silence is the alarm, missing figures breach.
fn check_alarms(template: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    let alarms = resources(template, "AWS::CloudWatch::Alarm");
    for metric in WATCHED {
        let named = |alarm: &Value| {
            let alone = alarm.pointer("/Properties/MetricName").into_iter();
            let many = alarm.pointer("/Properties/Metrics").and_then(Value::as_array);
            let many = many.into_iter().flatten();
            let mut names = alone.chain(many.filter_map(|metric| metric.pointer("/MetricStat/Metric/MetricName")));
            names.next().is_some_and(|first| first == metric) && names.all(|name| name == metric)
        };
        let Some((name, alarm)) = alarms.iter().find(|(_, alarm)| named(alarm)) else {
            findings.push(Finding::new("template.yaml", format!("has no alarm on {metric}")));
            continue;
        };
        let silent = metric == "sweep_heartbeat";
        let missing = if silent { "breaching" } else { "notBreaching" };
        if alarm.pointer("/Properties/TreatMissingData") != Some(&json!(missing)) {
            findings.push(Finding::new(*name, format!("needs TreatMissingData: {missing}")));
        }
    }
    findings
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The repository's template, after this change to its text.
    pub(in crate::tidy) fn changed(from: &str, to: &str) -> Value {
        let text = include_str!("../../../template.yaml");
        assert!(text.contains(from), "template.yaml does not contain {from:?}");
        parse(&text.replacen(from, to, 1)).unwrap()
    }

    #[test]
    fn short_forms_become_long_ones() {
        let parsed = parse("a: !GetAtt Table.Arn\nb: !Sub \"${X}/*\"\nc: !Ref D\ne: !If [F, 1, true]\n").unwrap();
        assert_eq!(
            parsed,
            json!({
                "a": { "Fn::GetAtt": ["Table", "Arn"] },
                "b": { "Fn::Sub": "${X}/*" },
                "c": { "Ref": "D" },
                "e": { "Fn::If": ["F", 1, true] },
            })
        );
    }

    #[test]
    fn the_template_as_it_is_has_no_finding() {
        assert_eq!(check(&changed("", "")), Vec::new());
    }

    #[test]
    fn each_rule_finds_its_breach() {
        let cases = [
            ("CodeUri: functions/scim", "CodeUri: functions/admin"),
            ("Binary: approvals", "Binary: requests"),
            ("Role: !GetAtt AdminRole.Arn", "Role: !GetAtt ScimRole.Arn"),
            ("LogGroup: !Ref AdminLog", "LogGroup: !Ref ScimLog"),
            ("DeletionPolicy: Retain", "DeletionPolicy: Delete"),
            ("RetentionInDays: !Ref LogRetentionDays", "KmsKeyId: none"),
            ("{\"prefix\": \"END#\"}, ", ""),
            (
                "FunctionResponseTypes: [ReportBatchItemFailures]",
                "FunctionResponseTypes: []",
            ),
            (
                "OnFailure: { Type: SQS, Destination: !GetAtt StreamFailures.Arn }",
                "OnFailure: { Type: SQS }",
            ),
            ("VisibilityTimeout: 360", "VisibilityTimeout: 359"),
            ("maxReceiveCount: 3", "maxReceiveCount: 100"),
            (
                "BatchSize: 10\n            FunctionResponseTypes",
                "BatchSize: 10\n            Other",
            ),
            ("MetricName: schedule_tampered", "MetricName: tampered"),
            ("MetricName: time_to_grant_seconds", "MetricName: time"),
            ("TreatMissingData: breaching", "TreatMissingData: notBreaching"),
        ];
        for (from, to) in cases {
            assert_ne!(check(&changed(from, to)), Vec::new(), "{from} -> {to}");
        }
    }
}
