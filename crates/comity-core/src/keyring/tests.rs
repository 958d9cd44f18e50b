//! What is believed of a root, a grant and a keyring; and each way not to be.

use super::*;
use crate::test_util::TestEconomy;

fn found(seed: u8) -> TestEconomy {
    TestEconomy::found(seed).expect("a fixture")
}

#[test]
fn a_keyring_verifies_for_its_own_economy() {
    let economy = found(1);
    let received = SignedKeyring::decode(economy.keyring.encoded()).expect("its own bytes");
    assert_eq!(received.verify(Some(economy.id())), Ok(economy.keyring.clone()));
    let found = economy.id();
    let expected = crate::EconomyId([9; 32]);
    assert_eq!(
        received.verify(Some(expected)),
        Err(KeyringError::OtherEconomy { expected, found })
    );
}
