//! The revocation function: one-shot schedules and the sweep.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_events(hourglass_revocation::handle)
}
