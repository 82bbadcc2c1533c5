//! The provisioning function: the table's stream.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_events(hourglass_provisioning::handle)
}
