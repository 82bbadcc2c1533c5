//! The committed description of the API is what the code says, and every route is known to the table of who may.

use std::path::PathBuf;

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};

/// The document, from the routes of all HTTP functions.
fn generated() -> OpenApi {
    let mut document = hourglass_requests::api().split_for_parts().1;
    document.merge(hourglass_approvals::api().split_for_parts().1);
    document.merge(hourglass_admin::api().split_for_parts().1);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A delegated Microsoft Entra access token for the Hourglass API"))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components
        .security_schemes
        .insert("entra".to_owned(), SecurityScheme::Http(bearer).into());
    document.security = Some(vec![SecurityRequirement::new::<_, Vec<&str>, &str>(
        "entra",
        Vec::new(),
    )]);
    document
}

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json")
}

#[test]
fn the_committed_description_is_what_the_code_says() {
    let mut text = generated().to_pretty_json().expect("the description is JSON");
    text.push('\n');
    if std::env::var_os("HOURGLASS_WRITE_OPENAPI").is_some() {
        std::fs::write(committed(), &text).expect("docs/openapi.json can be written");
    }
    let there = std::fs::read_to_string(committed()).expect("docs/openapi.json is there");
    assert!(
        there == text,
        "docs/openapi.json is not what the code says: run `cargo xtask openapi`"
    );
}

#[test]
fn every_route_says_what_a_refusal_looks_like() {
    let document = serde_json::to_value(generated()).expect("the description is JSON");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
            let refusals = operation["responses"].as_object().expect("responses");
            assert!(
                refusals.keys().any(|status| status.starts_with('4')),
                "{method} {path} refuses nothing"
            );
        }
    }
}
