//! The sign-in function: sign-ins, sessions, and the console's style sheet and scripts.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_http(hourglass_sign_in::router)
}
