//! What the suites share: one person, one origin, one form.

#![expect(clippy::unwrap_used, reason = "a suite that cannot begin has failed")]

use hourglass_app::ports::passkeys::{Owner, Passkeys as _, Registered};
use hourglass_ceremony::SoftKey;
use hourglass_domain::signed::Form;
use hourglass_passkeys::CorePasskeys;

/// The origin of the pages.
pub(crate) const ORIGIN: &str = "https://access.contoso.example";

/// The ceremonies as production runs them.
pub(crate) fn passkeys() -> CorePasskeys {
    CorePasskeys::new(ORIGIN).unwrap()
}

/// Whose keys they are.
pub(crate) fn owner() -> Owner {
    Owner {
        user: "01938f5c-7e00-7000-8000-000000000042".parse().unwrap(),
        name: "adele@contoso.example".to_owned(),
        display_name: "Adele Vance".to_owned(),
    }
}

/// The decision of the worked example in docs/signed-forms.md.
pub(crate) fn form() -> Form {
    let text = include_str!("../../../../docs/signed-forms.md");
    let bytes = text.lines().find_map(|line| line.strip_prefix("bytes:     ")).unwrap();
    Form::from_bytes(bytes.as_bytes()).unwrap()
}

/// A key as production registers it.
pub(crate) fn register(soft: &mut SoftKey) -> Registered {
    let (options, state) = passkeys().begin_registration(&owner(), &[]).unwrap();
    let answer = soft.register(&options, ORIGIN);
    passkeys().finish_registration(&state, &answer.to_string()).unwrap()
}
