//! Ceremonies as they should be.

mod common;

use common::{ORIGIN, form, owner, passkeys, register};
use hourglass_app::ports::passkeys::{AttestationKind, Passkeys as _};
use hourglass_ceremony::SoftKey;

#[test]
fn a_key_is_registered_and_signs() {
    let keys = [
        (SoftKey::new(), AttestationKind::None, true),
        (SoftKey::new().device_bound(), AttestationKind::None, false),
        (SoftKey::new().self_attested(), AttestationKind::Itself, true),
    ];
    for (mut soft, attestation, synchronised) in keys {
        let made = register(&mut soft);
        assert_eq!(made.attestation.kind, attestation);
        assert_eq!((made.backup_eligible, made.backed_up), (synchronised, synchronised));
        let key = made.material(owner().user);
        let begun = passkeys().begin_assertion(std::slice::from_ref(&key), &form()).unwrap();
        let answer = soft.assert(&begun.options, ORIGIN);
        let signed = passkeys()
            .finish_assertion(&begun.state, &answer.to_string(), &[key])
            .unwrap();
        assert_eq!(signed.credential, made.credential);
        assert_eq!((signed.counter > 0, signed.backed_up), (!synchronised, synchronised));
    }
}
