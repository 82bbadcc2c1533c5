//! The approvals function: decisions and the approver's inbox.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_http(hourglass_approvals::router)
}
