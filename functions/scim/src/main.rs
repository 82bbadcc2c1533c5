//! The scim function: `/scim/v2`.

fn main() -> anyhow::Result<()> {
    hourglass_boot::lambda::run_http(hourglass_scim::router)
}
