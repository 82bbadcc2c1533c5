//! Two public suites for SCIM servers, run against the laptop program: everything that it advertises is tested, and
//! whatever a suite finds is an error unless infra/tools/scim-sanity-accepted.json has it, with the reason.

use crate::{
    process::{self, Shell},
    program::Program,
    tools,
};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// How long scim-sanity waits for one answer, in seconds.
const ANSWER_SECONDS: &str = "30";
/// Findings of scim-sanity that are no faults.
const ACCEPTED: &str = "infra/tools/scim-sanity-accepted.json";
/// What both suites have to test at the least.
const RESOURCE_TYPES: [&str; 2] = ["Group", "User"];

/// Runs both suites, each on a program of its own. Answers how many checks passed.
pub(crate) fn run(shell: &Shell) -> Result<u64> {
    let python = tools::python_program(shell, "python")?;
    let sanity = tools::python_program(shell, "scim-sanity")?;
    Program::build(shell)?;
    let tester = Program::start(shell, "scim/scim2-tester", &["--empty"])?;
    let passed = judge_tester(
        &tester.suite(
            shell
                .command(python, &["infra/tools/run_scim2_tester.py"])
                .arg(tester.ready_file()),
        )?,
    )?;
    drop(tester);
    process::say(&format!("scim2-tester: {passed} checks"))?;
    let accepted: Vec<Accepted> = serde_json::from_slice(&fs::read(shell.root().join(ACCEPTED))?).context(ACCEPTED)?;
    let program = Program::start(shell, "scim/scim-sanity", &["--empty"])?;
    let ready = program.ready()?;
    let arguments = [
        "probe",
        &ready.scim.url,
        "--token",
        &ready.scim.token,
        "--compat",
        "--json-output",
        "--timeout",
        ANSWER_SECONDS,
        "--i-accept-side-effects",
    ];
    let probed = judge_sanity(&program.suite(&mut shell.command(sanity, &arguments))?, &accepted)?;
    process::say(&format!(
        "scim-sanity: {probed} checks, and {} findings that are no faults",
        accepted.len()
    ))?;
    Ok(passed + probed)
}

/// What the suites ask of the laptop program.
trait Suites {
    /// Where everything is.
    fn ready(&self) -> Result<Ready>;

    /// What a suite says about this program, as JSON. Its exit code says less than that.
    fn suite<T: DeserializeOwned>(&self, command: &mut Command) -> Result<T>;
}

impl Suites for Program {
    fn ready(&self) -> Result<Ready> {
        read(&self.ready_file())
    }

    fn suite<T: DeserializeOwned>(&self, command: &mut Command) -> Result<T> {
        let name = Path::new(command.get_program()).display().to_string();
        let output = command
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("`{name}` could not be started"))?;
        serde_json::from_slice(&output.stdout)
            .with_context(|| format!("`{name}` ended with {} and without a report", output.status))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{} has another shape", path.display()))
}

/// The part of the program's ready file that is needed here.
#[derive(Deserialize)]
struct Ready {
    scim: Scim,
}

#[derive(Deserialize)]
struct Scim {
    url: String,
    token: String,
}

/// What infra/tools/run_scim2_tester.py prints.
#[derive(Deserialize)]
struct TesterReport {
    results: Vec<TesterResult>,
    /// All kinds of checks that there are.
    tags: BTreeSet<String>,
    /// Names of the resource types that the program says it has.
    advertised: BTreeSet<String>,
}

#[derive(Deserialize)]
struct TesterResult {
    status: String,
    title: Option<String>,
    resource_type: Option<String>,
    reason: Option<String>,
    tags: BTreeSet<String>,
}

/// Every check passed, none was left out, and there was one of each kind and one of each advertised resource type.
fn judge_tester(report: &TesterReport) -> Result<u64> {
    let bad: Vec<String> = report
        .results
        .iter()
        .filter(|result| !matches!(result.status.as_str(), "SUCCESS" | "COMPLIANT" | "ACCEPTABLE"))
        .map(|result| {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            format!(
                "{} {} {}: {}",
                result.status,
                text(&result.title),
                text(&result.resource_type),
                text(&result.reason)
            )
        })
        .collect();
    ensure!(bad.is_empty(), "scim2-tester found:\n{}", bad.join("\n"));
    ensure!(
        RESOURCE_TYPES.iter().all(|name| report.advertised.contains(*name)),
        "users or groups are not advertised"
    );
    let tested: BTreeSet<&String> = report
        .results
        .iter()
        .filter_map(|result| result.resource_type.as_ref())
        .collect();
    let untested: Vec<&String> = report.advertised.iter().filter(|name| !tested.contains(name)).collect();
    ensure!(untested.is_empty(), "scim2-tester did not test {untested:?}");
    let seen: BTreeSet<&String> = report.results.iter().flat_map(|result| &result.tags).collect();
    let missing: Vec<&String> = report.tags.iter().filter(|tag| !seen.contains(tag)).collect();
    ensure!(
        missing.is_empty(),
        "scim2-tester made no check of the kinds {missing:?}"
    );
    Ok(u64::try_from(report.results.len())?)
}

/// What `scim-sanity probe --json-output` prints.
#[derive(Deserialize)]
struct SanityReport {
    results: Vec<SanityResult>,
}

#[derive(Deserialize)]
struct SanityResult {
    name: String,
    status: String,
    #[serde(default)]
    message: String,
}

/// A finding that is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    name: String,
    status: String,
    message: String,
    /// The reason.
    why: String,
}

/// Every check passed except exactly those that are accepted. One that is accepted and passes is an error as well: its
/// entry would hide the next fault.
fn judge_sanity(report: &SanityReport, accepted: &[Accepted]) -> Result<u64> {
    for entry in accepted {
        ensure!(
            !entry.why.trim().is_empty(),
            "{ACCEPTED} does not say why: {}",
            entry.name
        );
    }
    let is = |result: &SanityResult, entry: &Accepted| {
        (&result.name, &result.status, &result.message) == (&entry.name, &entry.status, &entry.message)
    };
    let (passed, rest): (Vec<&SanityResult>, Vec<&SanityResult>) =
        report.results.iter().partition(|result| result.status == "pass");
    let bad: Vec<String> = rest
        .iter()
        .filter(|result| !accepted.iter().any(|entry| is(result, entry)))
        .map(|result| format!("{} {}: {}", result.status, result.name, result.message))
        .collect();
    ensure!(bad.is_empty(), "scim-sanity found:\n{}", bad.join("\n"));
    let stale: Vec<&str> = accepted
        .iter()
        .filter(|entry| !rest.iter().any(|result| is(result, entry)))
        .map(|entry| entry.name.as_str())
        .collect();
    ensure!(stale.is_empty(), "{ACCEPTED} has what was not found: {stale:?}");
    ensure!(!passed.is_empty(), "scim-sanity checked nothing");
    Ok(u64::try_from(passed.len())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn tester(change: impl FnOnce(&mut Value)) -> Result<u64> {
        let mut report = json!({
            "results": [
                {"status": "SUCCESS", "title": "a", "resource_type": "User", "reason": null, "tags": ["crud:read"]},
                {"status": "COMPLIANT", "title": "b", "resource_type": "Group", "reason": null, "tags": ["misc"]},
            ],
            "tags": ["crud:read", "misc"],
            "advertised": ["User", "Group"],
        });
        change(&mut report);
        judge_tester(&serde_json::from_value(report).unwrap())
    }

    #[test]
    fn the_tester_passes_only_whole() {
        assert_eq!(tester(|_| {}).unwrap(), 2);
        for status in ["ERROR", "CRITICAL", "DEVIATION", "SKIPPED", "SOMETHING"] {
            let error = tester(|report| report["results"][0]["status"] = json!(status)).unwrap_err();
            assert!(error.to_string().contains(&format!("{status} a User")), "{error}");
        }
        for (place, value) in [
            ("tags", json!(["crud:read", "misc", "patch:add"])),
            ("advertised", json!(["User", "Group", "Device"])),
            ("advertised", json!(["User"])),
            ("results", json!([])),
        ] {
            assert!(tester(|report| report[place] = value).is_err(), "{place}");
        }
    }

    fn sanity(results: Value, accepted: Value) -> Result<u64> {
        let report = serde_json::from_value(json!({"results": results})).unwrap();
        let accepted: Vec<Accepted> = serde_json::from_value(accepted).unwrap();
        judge_sanity(&report, &accepted)
    }

    #[test]
    fn the_probe_may_find_exactly_what_is_accepted() {
        let pass = json!({"name": "a", "status": "pass"});
        let fail = json!({"name": "b", "status": "fail", "message": "no"});
        let entry = json!({"name": "b", "status": "fail", "message": "no", "why": "because"});
        assert_eq!(sanity(json!([pass]), json!([])).unwrap(), 1);
        assert_eq!(sanity(json!([pass, fail]), json!([entry])).unwrap(), 1);
        for (results, accepted) in [
            (json!([]), json!([])),
            (json!([fail]), json!([entry])),
            (json!([pass, fail]), json!([])),
            (json!([pass]), json!([entry])),
            (
                json!([pass, {"name": "b", "status": "fail", "message": "other"}]),
                json!([entry]),
            ),
            (
                json!([pass, {"name": "b", "status": "warn", "message": "no"}]),
                json!([entry]),
            ),
            (
                json!([pass, fail]),
                json!([{"name": "b", "status": "fail", "message": "no", "why": " "}]),
            ),
        ] {
            assert!(sanity(results.clone(), accepted).is_err(), "{results}");
        }
    }

    #[test]
    fn the_accepted_findings_are_three_faults_and_what_is_not_advertised() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(ACCEPTED);
        let accepted: Vec<Accepted> = read(&file).unwrap();
        let faults: Vec<&str> = accepted
            .iter()
            .filter(|entry| entry.status != "skip")
            .map(|entry| entry.name.as_str())
            .collect();
        assert_eq!(
            faults,
            [
                "PATCH /Groups/{id}",
                "PATCH /Groups/{id} remove members",
                "PATCH /Groups/{id} add member"
            ]
        );
    }
}
