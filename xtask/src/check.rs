//! The steps of `cargo xtask test`, in the order in which CI runs them.

use crate::{
    browser, package,
    process::{self, Figures, Shell},
    scim, sim, tidy, tools,
};
use anyhow::Result;

/// Region named to the AWS tools, which refuse to work without one. Nothing is contacted there.
const ANY_REGION: &str = "eu-central-1";

/// Everything CI runs. The first failure ends it.
pub(crate) fn everything(shell: &Shell, figures: &mut Figures) -> Result<()> {
    figures.step("tools", || tools::install(shell))?;
    lint(shell, figures)?;
    deny(shell, figures)?;
    figures.step("tidy", || tidy::run(shell))?;
    let passed = figures.step("test", || {
        process::run_tests(&mut shell.cargo(&["test", "--locked", "--workspace"]))
    })?;
    figures.count_tests(passed);
    openid_provider(shell, figures)?;
    figures.step("sim", || sim::run(shell, &sim::Options::default()))?;
    browser(shell, figures, &browser::Options::default())?;
    scim(shell, figures)?;
    template(shell, figures)?;
    figures.step("package", || package::build(shell, &package::Options::default()))?;
    binaries(shell, figures)
}

/// Format and clippy.
pub(crate) fn lint(shell: &Shell, figures: &mut Figures) -> Result<()> {
    figures.step("format", || process::run(&mut shell.cargo(&["fmt", "--check"])))?;
    figures.step("clippy", || {
        let arguments = [
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        process::run(&mut shell.cargo(&arguments))
    })
}

/// cargo-deny, without its advisory database: that is fetched over the network at every run and belongs to a scheduled
/// job, not to the answer whether this commit is good.
pub(crate) fn deny(shell: &Shell, figures: &mut Figures) -> Result<()> {
    figures.step("deny", || {
        let cargo_deny = tools::cargo_deny_program(shell)?;
        process::run(&mut shell.command(cargo_deny, &["--locked", "check", "bans", "licenses", "sources"]))
    })
}

/// Writes docs/openapi.json: the test that compares it can write it as well, so that xtask need not build the functions.
pub(crate) fn openapi(shell: &Shell, figures: &mut Figures) -> Result<()> {
    figures.step("openapi", || {
        let mut command = shell.cargo(&["test", "--locked", "--package", "hourglass-tests", "--test", "openapi"]);
        process::run(command.env("HOURGLASS_WRITE_OPENAPI", "1"))
    })
}

/// Signing in at an OpenID provider that nobody here wrote. The same package selection as in the step `test`, so that
/// nothing is compiled once more.
fn openid_provider(shell: &Shell, figures: &mut Figures) -> Result<()> {
    let passed = figures.step("openid provider", || {
        let arguments = ["test", "--locked", "--workspace", "--test", "oidc", "--", "--ignored"];
        process::run_tests(
            shell
                .cargo(&arguments)
                .env("HOURGLASS_OPENID_PROVIDER_DIR", tools::openid_provider_folder(shell)?),
        )
    })?;
    figures.count_tests(passed);
    Ok(())
}

/// The console in a real browser.
pub(crate) fn browser(shell: &Shell, figures: &mut Figures, options: &browser::Options) -> Result<()> {
    let checked = figures.step("browser", || browser::run(shell, options))?;
    figures.count_tests(checked);
    Ok(())
}

/// What two public suites for SCIM servers find.
pub(crate) fn scim(shell: &Shell, figures: &mut Figures) -> Result<()> {
    let passed = figures.step("scim suites", || scim::run(shell))?;
    figures.count_tests(passed);
    Ok(())
}

/// The two linters of template.yaml.
pub(crate) fn template(shell: &Shell, figures: &mut Figures) -> Result<()> {
    figures.step("cfn-lint", || {
        let cfn_lint = tools::python_program(shell, "cfn-lint")?;
        process::run(&mut shell.command(cfn_lint, &["template.yaml"]))
    })?;
    figures.step("sam validate", || {
        let sam = tools::python_program(shell, "sam")?;
        let mut command = shell.command(sam, &["validate", "--lint", "--template-file", "template.yaml"]);
        process::run(
            command
                .env("SAM_CLI_TELEMETRY", "0")
                .env("AWS_DEFAULT_REGION", ANY_REGION),
        )
    })
}

/// The packaged binaries themselves, started behind a Lambda Runtime API on loopback. They are Linux programs. The same
/// package selection as in the step `test` keeps cargo from compiling the dependencies once more with other features.
fn binaries(shell: &Shell, figures: &mut Figures) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return figures.skip("binaries", "because the packages run on Linux only");
    }
    let passed = figures.step("binaries", || {
        let arguments = [
            "test",
            "--locked",
            "--workspace",
            "--test",
            "binaries",
            "--",
            "--include-ignored",
        ];
        process::run_tests(
            shell
                .cargo(&arguments)
                .env("HOURGLASS_FUNCTIONS_DIR", package::folder(shell)),
        )
    })?;
    figures.count_tests(passed);
    Ok(())
}
