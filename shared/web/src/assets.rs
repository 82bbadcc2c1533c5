//! Style sheet and scripts, compiled in and served by the sign-in function under names that carry their content's hash: a
//! browser may keep each for ever, and never mixes two versions.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use hourglass_domain::canonical::Digest;
use http::{HeaderValue, header};

use crate::problem::Problem;

/// A file of the console.
#[derive(Debug)]
pub struct Asset {
    name: &'static str,
    extension: &'static str,
    kind: &'static str,
    text: &'static str,
    hash: LazyLock<String>,
}

/// The style sheet of every page.
pub static STYLE: Asset = Asset {
    name: "console",
    extension: "css",
    kind: "text/css; charset=utf-8",
    text: include_str!("../assets/console.css"),
    hash: LazyLock::new(|| short_hash(include_str!("../assets/console.css"))),
};

/// The script that carries out passkey ceremonies.
pub static PASSKEY: Asset = Asset {
    name: "passkey",
    extension: "js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("../assets/passkey.js"),
    hash: LazyLock::new(|| short_hash(include_str!("../assets/passkey.js"))),
};

/// What every page does where script runs: times in the reader's zone, time left, news, sorting, copying.
pub static CONSOLE: Asset = Asset {
    name: "page",
    extension: "js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("../assets/console.js"),
    hash: LazyLock::new(|| short_hash(include_str!("../assets/console.js"))),
};

/// Everything that is served. A new file is a `static` above and a line here.
static ALL: [&Asset; 3] = [&STYLE, &CONSOLE, &PASSKEY];

/// How many characters of the hash a name carries: 64 bits.
const HASH_CHARACTERS: usize = 16;

fn short_hash(text: &str) -> String {
    Digest::of(text.as_bytes())
        .to_string()
        .chars()
        .take(HASH_CHARACTERS)
        .collect()
}

impl Asset {
    /// Where it is: `/assets/<name>-<hash>.<extension>`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/assets/{}", self.file())
    }

    fn file(&self) -> String {
        format!("{}-{}.{}", self.name, *self.hash, self.extension)
    }
}

/// The answer to `/assets/<file>`.
#[must_use]
pub fn answer(file: &str) -> Response {
    let Some(asset) = ALL.iter().find(|asset| asset.file() == file) else {
        return Problem::not_found().into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.kind)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn an_asset_is_found_by_its_whole_name() {
        let path = STYLE.path();
        let file = path.strip_prefix("/assets/").unwrap();
        let found = answer(file);
        assert_eq!(found.status(), StatusCode::OK);
        assert_eq!(found.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
        for other in ["", "console.css", "console-.css", "../Cargo.toml"] {
            assert_eq!(answer(other).status(), StatusCode::NOT_FOUND, "{other}");
        }
    }
}
