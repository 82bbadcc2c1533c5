//! Dependencies point one way: domain ← app ← adapters ← boot ← functions.
//!
//! Which layer a crate belongs to follows from its folder, so a new crate is judged without being listed here.

use super::Finding;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::path::Path;

/// The crates of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Domain,
    App,
    Adapter,
    Verifier,
    Web,
    Boot,
    Function,
    Local,
    Cli,
    Tests,
    Xtask,
}

impl Layer {
    /// The layer of a crate folder, relative to the root.
    fn of(folder: &str) -> Option<Self> {
        Some(match folder {
            "shared/domain" => Self::Domain,
            "shared/app" => Self::App,
            "shared/verifier" => Self::Verifier,
            "shared/web" => Self::Web,
            "shared/boot" => Self::Boot,
            "infra/cli" => Self::Cli,
            "infra/local" => Self::Local,
            "tests" | "tests/ceremony" | "tests/model" | "tests/sim" => Self::Tests,
            "xtask" => Self::Xtask,
            other if other.starts_with("shared/") => Self::Adapter,
            other if other.starts_with("functions/") => Self::Function,
            _ => return None,
        })
    }

    /// Whether a crate of this layer may depend on one of `other`, as a normal, build or test dependency.
    fn may_use(self, other: Self) -> bool {
        match self {
            Self::Domain => false,
            // A second opinion on what the system did shares the words with it, and nothing that computes.
            Self::App | Self::Verifier => other == Self::Domain,
            Self::Cli => matches!(other, Self::Domain | Self::Verifier),
            Self::Adapter | Self::Web => matches!(other, Self::Domain | Self::App),
            Self::Boot => matches!(other, Self::Domain | Self::App | Self::Adapter),
            Self::Function => matches!(other, Self::Domain | Self::App | Self::Web | Self::Boot),
            // The simulators share no types with the adapters: a mistake must not be made on both sides at once.
            Self::Local => matches!(other, Self::Domain | Self::App | Self::Boot | Self::Function),
            Self::Tests | Self::Xtask => true,
        }
    }

    /// Crates from outside that a crate of this layer may not name except for its tests, by the beginning of their names.
    /// The functions and `app` see outside systems through ports only; `domain` computes and does nothing else.
    fn forbidden(self) -> &'static [&'static str] {
        match self {
            Self::Domain => &[
                "tokio", "futures", "async-", "aws", "lambda_", "axum", "reqwest", "tracing", "rand",
            ],
            Self::App => &[
                "aws",
                "lambda_",
                "axum",
                "http",
                "reqwest",
                "jsonwebtoken",
                "rusqlite",
                "dynoxide",
            ],
            Self::Function => &[
                "aws-sdk-",
                "aws-config",
                "aws-smithy-",
                "reqwest",
                "rusqlite",
                "dynoxide",
            ],
            Self::Adapter | Self::Web | Self::Boot => &["rusqlite", "dynoxide"],
            // Programs for auditors: they talk to nobody, and verify with other libraries than the system does.
            Self::Verifier | Self::Cli => &["tokio", "aws-sdk-", "aws-config", "reqwest", "webauthn", "rsa"],
            Self::Local | Self::Tests | Self::Xtask => &[],
        }
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: String,
    publish: Option<Vec<String>>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    /// Folder of a crate of ours; absent for crates from outside.
    path: Option<String>,
    /// `dev`, `build`, or absent.
    kind: Option<String>,
}

/// Judges the answer of `cargo metadata --no-deps`.
pub(super) fn check(metadata: &str) -> Result<Vec<Finding>> {
    let metadata: Metadata = serde_json::from_str(metadata).context("cargo metadata gave an unexpected answer")?;
    let relative = |path: &str| {
        Path::new(path)
            .strip_prefix(&metadata.workspace_root)
            .map_or_else(|_| path.to_owned(), |inside| inside.to_string_lossy().into_owned())
    };
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let folder = relative(package.manifest_path.trim_end_matches("/Cargo.toml"));
        let Some(layer) = Layer::of(&folder) else {
            findings.push(Finding::new(
                folder,
                "this folder belongs to no layer; see xtask/src/tidy/layers.rs",
            ));
            continue;
        };
        // `publish = false` reads as an empty list of registries.
        if package.publish.as_ref().is_none_or(|registries| !registries.is_empty()) {
            findings.push(Finding::new(
                &package.name,
                "needs `publish.workspace = true`, which forbids publishing",
            ));
        }
        for dependency in &package.dependencies {
            let refused = match &dependency.path {
                Some(path) => !Layer::of(&relative(path)).is_some_and(|other| layer.may_use(other)),
                None if dependency.kind.as_deref() == Some("dev") => false,
                None => layer
                    .forbidden()
                    .iter()
                    .any(|beginning| dependency.name.starts_with(beginning)),
            };
            if refused {
                findings.push(Finding::new(
                    &package.name,
                    format!("{layer:?} may not depend on {}", dependency.name),
                ));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(folder: &str, dependency: &str, dependency_folder: Option<&str>) -> Vec<Finding> {
        judge_kind(folder, dependency, dependency_folder, None)
    }

    fn judge_kind(folder: &str, name: &str, at: Option<&str>, kind: Option<&str>) -> Vec<Finding> {
        let metadata = json!({
            "workspace_root": "/repo",
            "packages": [{
                "name": "subject",
                "manifest_path": format!("/repo/{folder}/Cargo.toml"),
                "publish": [],
                "dependencies": [{ "name": name, "path": at.map(|at| format!("/repo/{at}")), "kind": kind }],
            }],
        });
        check(&metadata.to_string()).unwrap()
    }

    #[test]
    fn own_crates_depend_downwards_only() {
        let cases = [
            ("shared/app", "shared/domain", true),
            ("shared/domain", "shared/app", false),
            ("shared/entra", "shared/app", true),
            ("shared/entra", "shared/secrets", false),
            ("shared/web", "shared/boot", false),
            ("shared/boot", "shared/entra", true),
            ("shared/boot", "functions/scim", false),
            ("functions/scim", "shared/boot", true),
            ("functions/scim", "shared/dynamodb", false),
            ("functions/scim", "functions/admin", false),
            ("functions/scim", "infra/local", false),
            ("shared/dynamodb", "infra/local", false),
            ("infra/local", "functions/scim", true),
            ("infra/local", "shared/entra", false),
            ("shared/verifier", "shared/domain", true),
            ("shared/verifier", "shared/app", false),
            ("shared/passkeys", "shared/verifier", false),
            ("infra/cli", "shared/verifier", true),
            ("infra/cli", "shared/boot", false),
            ("functions/approvals", "shared/verifier", false),
            ("tests", "infra/local", true),
            ("xtask", "infra/local", true),
        ];
        for (from, to, allowed) in cases {
            assert_eq!(judge(from, "other", Some(to)).is_empty(), allowed, "{from} -> {to}");
        }
    }

    #[test]
    fn outside_crates_stay_in_their_layer() {
        let cases = [
            ("shared/domain", "tokio", false),
            ("shared/domain", "serde", true),
            ("shared/app", "aws-sdk-dynamodb", false),
            ("shared/app", "tokio", true),
            ("functions/admin", "aws-sdk-secretsmanager", false),
            ("functions/admin", "axum", true),
            ("shared/dynamodb", "aws-sdk-dynamodb", true),
            ("shared/dynamodb", "dynoxide-rs", false),
            ("infra/local", "dynoxide-rs", true),
            ("shared/verifier", "aws-lc-rs", true),
            ("shared/verifier", "webauthn-rs-core", false),
            ("infra/cli", "reqwest", false),
        ];
        for (from, to, allowed) in cases {
            assert_eq!(judge(from, to, None).is_empty(), allowed, "{from} -> {to}");
        }
    }

    #[test]
    fn tests_may_use_outside_crates_but_no_layer_above() {
        assert!(judge_kind("shared/dynamodb", "dynoxide-rs", None, Some("dev")).is_empty());
        let local = judge_kind("shared/dynamodb", "hourglass-local", Some("infra/local"), Some("dev"));
        assert_eq!(local.len(), 1);
    }

    #[test]
    fn a_crate_in_an_unknown_folder_is_a_finding() {
        assert_eq!(judge("elsewhere", "serde", None).len(), 1);
    }

    #[test]
    fn a_crate_that_could_be_published_is_a_finding() {
        let metadata = json!({
            "workspace_root": "/repo",
            "packages": [{
                "name": "subject",
                "manifest_path": "/repo/xtask/Cargo.toml",
                "publish": null,
                "dependencies": [],
            }],
        });
        assert_eq!(check(&metadata.to_string()).unwrap().len(), 1);
    }
}
