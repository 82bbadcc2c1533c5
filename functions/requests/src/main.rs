//! The requests function: `/v1`, except what belongs to approvals and admin.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_http(hourglass_requests::router)
}
