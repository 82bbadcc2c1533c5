//! The admin function: `/v1/admin`.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_http(hourglass_admin::router)
}
