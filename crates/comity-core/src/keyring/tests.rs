//! What is believed of a root, a grant and a keyring; and each way not to be.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::cbor::{Problem, Reader, Writer};
use crate::digest::{Digest, domains};
use crate::marking::Tlp;
use crate::sign::SecretKey;
use crate::test_util::TestEconomy;
use crate::vocabulary::Kind;
use crate::{EconomyId, Timestamp};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn keys(seeds: &[u8]) -> Vec<SecretKey> {
    seeds.iter().map(|seed| key(*seed)).collect()
}

fn ids(keys: &[SecretKey]) -> Vec<crate::KeyId> {
    keys.iter().map(SecretKey::id).collect()
}

fn all(keys: &[SecretKey]) -> Vec<&SecretKey> {
    keys.iter().collect()
}

fn k_of(threshold: u64, keys: &[SecretKey]) -> RootKeys {
    RootKeys::new(ids(keys), threshold).unwrap()
}

fn found(seed: u8) -> TestEconomy {
    TestEconomy::found(seed).unwrap()
}

/// A 2-of-3 economy over keys 1, 2, 3 that committed to 4, 5, 6.
fn two_of_three() -> KeyringBuilder {
    let next = k_of(2, &keys(&[4, 5, 6])).commitment();
    KeyringBuilder::found(RootSet::new(k_of(2, &keys(&[1, 2, 3])), next))
}

fn link_grant(economy: EconomyId) -> Grant {
    Grant::link(economy, key(50).public(), TestEconomy::FROM, TestEconomy::UNTIL)
}

/// Its next root set: 4, 5, 6, committed to 7.
fn next_set() -> RootSet {
    RootSet::new(k_of(2, &keys(&[4, 5, 6])), RootKeys::single(key(7).public()).commitment())
}

#[test]
fn a_keyring_verifies_for_its_own_economy() {
    let economy = found(1);
    let received = SignedKeyring::decode(economy.keyring.encoded()).unwrap();
    assert_eq!(received.verify(Some(economy.id())), Ok(economy.keyring.clone()));
    let (expected, found) = (EconomyId([9; 32]), economy.id());
    assert_eq!(
        received.verify(Some(expected)),
        Err(KeyringError::OtherEconomy { expected, found })
    );
}

#[test]
fn a_root_set_is_distinct_sound_and_can_be_met() {
    let one = key(1).id();
    assert_eq!(RootKeys::new(vec![], 1), Err(KeyringError::KeyCount(0)));
    let many = ids(&keys(&(1..=17).collect::<Vec<u8>>()));
    assert_eq!(RootKeys::new(many, 1), Err(KeyringError::KeyCount(17)));
    assert_eq!(RootKeys::new(vec![one, one], 1), Err(KeyringError::DuplicateKey(one)));
    for threshold in [0, 2, u64::MAX] {
        let refused = RootKeys::new(vec![one], threshold);
        assert_eq!(refused, Err(KeyringError::Threshold { threshold, keys: 1 }));
    }
    let mut identity = [0; 32];
    identity[0] = 1;
    let weak = RootKeys::new(vec![crate::KeyId(identity)], 1);
    assert!(matches!(weak, Err(KeyringError::WeakKey { .. })));
}

#[test]
fn an_economys_id_follows_from_keys_threshold_and_commitment() {
    let base = two_of_three().economy();
    let set = |threshold, seeds: &[u8], next| RootSet::new(k_of(threshold, &keys(seeds)), next);
    let next = k_of(2, &keys(&[4, 5, 6])).commitment();
    assert_eq!(set(2, &[3, 1, 2], next).economy_id(), base, "the order given does not matter");
    assert_ne!(set(1, &[1, 2, 3], next).economy_id(), base);
    assert_ne!(set(2, &[1, 2, 8], next).economy_id(), base);
    assert_ne!(set(2, &[1, 2, 3], Digest::ZERO).economy_id(), base);
    assert_ne!(k_of(1, &keys(&[4, 5, 6])).commitment(), next, "the threshold is committed to");
}

#[test]
fn a_root_set_with_keys_out_of_order_is_refused() {
    let mut writer = Writer::new();
    let mut listed = ids(&keys(&[1, 2]));
    listed.sort_unstable_by(|one, other| other.cmp(one));
    writer.array(3).array(2);
    for id in listed {
        writer.bytes(id.as_bytes());
    }
    writer.uint(1).bytes(&[0; 32]);
    let refused = RootSet::decode(&writer.into_bytes());
    assert!(matches!(
        refused,
        Err(KeyringError::Malformed(fault)) if fault.problem == Problem::UnsortedKeys
    ));
}

#[test]
fn one_signer_doubled_does_not_make_two() {
    let set = k_of(2, &keys(&[1, 2, 3]));
    let signer = key(1);
    let signed = Countersigned::sign("comity/test/1", vec![1], &[&signer, &signer]);
    assert_eq!(
        signed.verify("comity/test/1", &set),
        Err(KeyringError::TooFewSignatures { valid: 1, needed: 2 })
    );
    let signature = signed.signatures[&signer.id()];
    let mut writer = Writer::new();
    writer.array(2).bytes(&signed.payload).array(2);
    for _ in 0..2 {
        writer.array(2).bytes(signer.id().as_bytes()).bytes(&signature);
    }
    let bytes = writer.into_bytes();
    let refused = Countersigned::decode(&bytes, 16).unwrap_err();
    assert_eq!(refused.problem, Problem::DuplicateKey);
}

#[test]
fn signers_out_of_order_are_refused() {
    let signed = Countersigned::sign("comity/test/1", vec![1], &all(&keys(&[1, 2])));
    let mut writer = Writer::new();
    writer.array(2).bytes(&signed.payload).array(2);
    for (id, signature) in signed.signatures.iter().rev() {
        writer.array(2).bytes(id.as_bytes()).bytes(signature);
    }
    let refused = Countersigned::decode(&writer.into_bytes(), 16).unwrap_err();
    assert_eq!(refused.problem, Problem::UnsortedKeys);
}

#[test]
fn a_bad_signature_condemns_even_what_enough_others_signed() {
    let set = k_of(2, &keys(&[1, 2, 3]));
    let mut signed = Countersigned::sign("comity/test/1", vec![1], &all(&keys(&[1, 2, 3])));
    let third = key(3).id();
    signed.signatures.insert(third, [0; 64]);
    assert_eq!(signed.verify("comity/test/1", &set), Err(KeyringError::BadSignature(third)));
}

#[test]
fn a_strangers_signature_does_not_count() {
    let set = k_of(2, &keys(&[1, 2, 3]));
    let signed = Countersigned::sign("comity/test/1", vec![1], &all(&keys(&[1, 9])));
    let refused = KeyringError::TooFewSignatures { valid: 1, needed: 2 };
    assert_eq!(signed.verify("comity/test/1", &set), Err(refused));
}

#[test]
fn a_grant_of_another_economy_or_of_another_use_is_refused() {
    let mine = found(1);
    let theirs = found(2);
    let stolen = SignedGrant::sign(link_grant(theirs.id()), &[&mine.root]).unwrap();
    let mut keyring = mine.keyring.keyring().clone();
    keyring.grants.push(stolen);
    assert!(matches!(
        keyring.sign(&[&mine.root]).verify(None),
        Err(KeyringError::OtherEconomy { .. })
    ));
    // A root's signature in another domain is none here.
    let mut signed =
        Countersigned::sign(domains::SIGN_ROOT_SET, mine.keyring.keyring().encode(), &[&mine.root]);
    let mut writer = Writer::new();
    signed.write(&mut writer);
    let refused = SignedKeyring::decode(&writer.into_bytes()).unwrap().verify(None);
    assert_eq!(refused, Err(KeyringError::BadSignature(mine.root.id())));
    signed.signatures.clear();
    let refused = SignedKeyring::decode(&signed.encode()).unwrap().verify(None);
    assert_eq!(refused, Err(KeyringError::TooFewSignatures { valid: 0, needed: 1 }));
}

#[test]
fn a_grant_signed_by_nobody_is_refused() {
    let economy = found(1);
    let mut keyring = economy.keyring.keyring().clone();
    keyring.grants.push(SignedGrant::sign(link_grant(economy.id()), &[&key(99)]).unwrap());
    assert_eq!(
        keyring.sign(&[&economy.root]).verify(None),
        Err(KeyringError::TooFewSignatures { valid: 0, needed: 1 })
    );
}

#[test]
fn ones_own_journal_is_believed_without_a_signature_verified_again() {
    let economy = found(1);
    let signed = SignedKeyring::decode(economy.keyring.encoded()).unwrap();
    let before = signed.verified_before(economy.id(), None).unwrap();
    assert_eq!(before, economy.keyring);
    // One that nobody signed: what makes it believed is that only what verified was entered.
    let stranger = key(99);
    let grant = SignedGrant::sign(link_grant(economy.id()), &[&stranger]).unwrap();
    let mut keyring = economy.keyring.keyring().clone();
    (keyring.version, keyring.predecessor) = (2, Some(economy.keyring.digest()));
    keyring.grants.push(grant);
    let unsigned = keyring.sign(&[&stranger]);
    assert!(unsigned.verify(None).is_err());
    for known in [None, Some(&economy.keyring)] {
        let entered = unsigned.verified_before(economy.id(), known).unwrap();
        assert_eq!((entered.version(), entered.grants().count()), (2, keyring.grants.len()));
        assert_eq!(entered.chain(), economy.keyring.chain());
        // Whose it is does not depend on anybody's signature.
        let other = found(2).id();
        let refused = unsigned.verified_before(other, known);
        assert!(matches!(refused, Err(KeyringError::OtherEconomy { .. })));
    }
    // Root sets are followed where they are not those of the version before.
    let rotation = Countersigned::sign(domains::SIGN_ROOT_SET, vec![0x80], &[&stranger]);
    keyring.rotations.push(rotation);
    let rotated = keyring.sign(&[&stranger]);
    assert!(rotated.verified_before(economy.id(), Some(&economy.keyring)).is_err());
}

#[test]
fn a_grant_must_last_and_its_key_be_sound() {
    let economy = found(1).id();
    let at = TestEconomy::FROM;
    let empty = Grant::link(economy, key(50).public(), at, at);
    assert_eq!(SignedGrant::sign(empty, &[&key(1)]), Err(KeyringError::EmptyGrant(key(50).id())));
    let mut small = link_grant(economy);
    small.key = crate::KeyId([0; 32]);
    assert!(matches!(
        Grant::decode(&small.encode()),
        Err(KeyringError::WeakKey { fault: crate::sign::KeyFault::SmallOrder, .. })
    ));
    let long = link_grant(economy).held_by(&"a".repeat(257));
    assert_eq!(SignedGrant::sign(long, &[&key(1)]), Err(KeyringError::HolderTooLong));
}

#[test]
fn a_grant_with_a_field_of_a_later_version_grants_nothing() {
    let grant = link_grant(found(1).id());
    let bytes = grant.encode();
    let mut writer = Writer::new();
    // One more pair than the six, and key 8 at the end.
    writer.map(7).raw(&bytes[1..]).key(8).bool(true);
    let later = Grant::decode(&writer.into_bytes()).unwrap();
    assert!(grant.covers(Role::Link, TestEconomy::FROM));
    assert!(!later.covers(Role::Link, TestEconomy::FROM));
}

#[test]
fn a_missing_field_of_a_grant_is_refused() {
    let mut writer = Writer::new();
    writer.map(1).key(0).bytes(&[0; 32]);
    assert!(matches!(
        Grant::decode(&writer.into_bytes()),
        Err(KeyringError::Malformed(fault)) if fault.problem == Problem::MissingField
    ));
}

#[test]
fn the_first_version_alone_has_no_predecessor() {
    let economy = found(1);
    for (version, predecessor) in [(0, None), (1, Some(Digest::ZERO)), (2, None)] {
        let mut keyring = economy.keyring.keyring().clone();
        (keyring.version, keyring.predecessor) = (version, predecessor);
        assert_eq!(
            keyring.sign(&[&economy.root]).verify(None),
            Err(KeyringError::Predecessor(version))
        );
    }
}

#[test]
fn a_keyring_with_a_field_of_a_later_version_is_refused() {
    let bytes = found(1).keyring.keyring().encode();
    let mut writer = Writer::new();
    writer.map(6).raw(&bytes[1..]).key(7).bool(true);
    assert!(matches!(
        Keyring::decode(&writer.into_bytes()),
        Err(KeyringError::Malformed(fault)) if fault.problem == Problem::UnknownField
    ));
}

#[test]
fn a_keyring_no_record_could_carry_is_not_signed() {
    let economy = found(1);
    let builder = (0..400).fold(KeyringBuilder::follow(&economy.keyring), |builder, _| {
        builder.grant(link_grant(economy.id()))
    });
    assert!(matches!(builder.sign(&[&economy.root]), Err(KeyringError::TooLarge(_))));
}

#[test]
fn a_rotation_agreed_by_both_sets_is_orderly() {
    let builder = two_of_three();
    let grant = link_grant(builder.economy());
    let first = builder.grant(grant.clone()).sign(&all(&keys(&[1, 2]))).unwrap();
    let second =
        KeyringBuilder::follow(&first).rotate(next_set()).sign(&all(&keys(&[2, 3, 5, 6]))).unwrap();
    assert_eq!(second.economy(), first.economy());
    assert_eq!(second.chain().current(), &next_set());
    assert!(second.chain().is_orderly());
    assert_eq!(second.grants().collect::<Vec<_>>(), [&grant], "grants are signed anew");
}

#[test]
fn the_committed_set_alone_suffices_after_a_theft() {
    let first = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap();
    let second =
        KeyringBuilder::follow(&first).rotate(next_set()).sign(&all(&keys(&[4, 6]))).unwrap();
    assert!(!second.chain().is_orderly());
    assert!(second.chain().is_seized_since(first.chain()));
    assert!(!second.chain().is_seized_since(second.chain()), "what came before is over");
}

#[test]
fn a_stolen_root_cannot_replace_itself() {
    let first = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap();
    // With every key of the set, and a successor of the thief's own.
    let own = RootSet::new(k_of(1, &keys(&[80])), Digest::ZERO);
    let thief = KeyringBuilder::follow(&first).rotate(own);
    assert_eq!(thief.sign(&all(&keys(&[1, 2, 3, 80]))), Err(KeyringError::NotCommitted(1)));
    // Nor can it put the committed set into office without that set.
    let premature = KeyringBuilder::follow(&first).rotate(next_set());
    assert_eq!(
        premature.sign(&all(&keys(&[1, 2, 3, 4]))),
        Err(KeyringError::TooFewSignatures { valid: 1, needed: 2 })
    );
    // Nor change the threshold of the committed keys.
    let lower = RootSet::new(k_of(1, &keys(&[4, 5, 6])), Digest::ZERO);
    let refused = KeyringBuilder::follow(&first).rotate(lower).sign(&all(&keys(&[1, 2, 4])));
    assert_eq!(refused, Err(KeyringError::NotCommitted(1)));
}

#[test]
fn a_rotation_holds_in_its_own_economy_and_place_only() {
    let genesis = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap();
    let economy = genesis.economy();
    let genesis = &genesis.keyring().genesis;
    let signed =
        |economy, number| Rotation { economy, number, set: next_set() }.sign(&all(&keys(&[4, 5])));
    assert!(RootChain::follow(genesis, &[signed(economy, 1)]).is_ok());
    assert_eq!(
        RootChain::follow(genesis, &[signed(economy, 2)]),
        Err(KeyringError::RotationNumber { expected: 1, found: 2 })
    );
    let other = EconomyId([9; 32]);
    assert_eq!(
        RootChain::follow(genesis, &[signed(other, 1)]),
        Err(KeyringError::OtherEconomy { expected: economy, found: other })
    );
    assert_eq!(
        RootChain::follow(genesis, &[signed(economy, 1), signed(economy, 1)]),
        Err(KeyringError::RotationNumber { expected: 2, found: 1 })
    );
}

#[test]
fn what_a_replaced_root_signed_dies_with_it() {
    let first = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap();
    let old_grant =
        SignedGrant::sign(link_grant(first.economy()), &all(&keys(&[1, 2, 3]))).unwrap();
    let mut keyring = KeyringBuilder::follow(&first)
        .rotate(next_set())
        .sign(&all(&keys(&[4, 5])))
        .unwrap()
        .keyring()
        .clone();
    keyring.grants.push(old_grant);
    assert_eq!(
        keyring.sign(&all(&keys(&[4, 5]))).verify(None),
        Err(KeyringError::TooFewSignatures { valid: 0, needed: 2 })
    );
    // Nor does the replaced set sign later keyrings.
    keyring.grants.clear();
    assert_eq!(
        keyring.sign(&all(&keys(&[1, 2, 3]))).verify(None),
        Err(KeyringError::TooFewSignatures { valid: 0, needed: 2 })
    );
}

#[test]
fn which_keys_signed_is_no_part_of_the_digest() {
    let draft = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap().keyring().clone();
    let one = draft.sign(&all(&keys(&[1, 2]))).verify(None).unwrap();
    let other = draft.sign(&all(&keys(&[2, 3]))).verify(None).unwrap();
    assert_eq!(one.digest(), other.digest());
    assert_ne!(one.encoded(), other.encoded());
}

#[test]
fn a_key_holder_elsewhere_adds_a_signature() {
    let draft = two_of_three().sign(&all(&keys(&[1, 2]))).unwrap().keyring().clone();
    let mut signed = draft.sign(&[&key(3)]);
    assert!(signed.verify(None).is_err());
    signed.countersign(&key(2));
    assert!(signed.verify(None).is_ok());
}

#[test]
fn revocations_ascend_and_the_stricter_of_two_holds() {
    let economy = found(1);
    let (early, late) = (Timestamp::from_secs(10), Timestamp::from_secs(20));
    let revocation = |at, compromised| Revocation { key: key(50).id(), at, compromised };
    let keyring = KeyringBuilder::follow(&economy.keyring)
        .revoke(revocation(late, true))
        .revoke(revocation(early, false))
        .sign(&[&economy.root])
        .unwrap();
    assert_eq!(keyring.revocation(key(50).id()), Some(&revocation(early, true)));
    let mut twice = keyring.keyring().clone();
    twice.revocations.push(revocation(late, false));
    assert!(matches!(
        twice.sign(&[&economy.root]).verify(None),
        Err(KeyringError::Malformed(fault)) if fault.problem == Problem::UnsortedKeys
    ));
}

#[test]
fn affirmed_records_ascend_and_are_read_as_signed() {
    let economy = found(1);
    let [one, other] = [[1; 32], [2; 32]].map(crate::RecordId);
    let affirming = KeyringBuilder::follow(&economy.keyring).affirm([other, one]);
    let affirming = affirming.sign(&[&economy.root]).unwrap();
    let received = SignedKeyring::decode(affirming.encoded()).unwrap().verify(None).unwrap();
    assert_eq!(received, affirming);
    assert!(received.affirms(&one) && received.affirms(&other));
    assert!(!economy.keyring.affirms(&one));
    // The next version goes on saying so.
    let next = KeyringBuilder::follow(&affirming).sign(&[&economy.root]).unwrap();
    assert!(next.affirms(&one));
    let signed = |affirmed: Vec<crate::RecordId>| {
        let keyring = Keyring { affirmed, ..affirming.keyring().clone() };
        keyring.sign(&[&economy.root]).verify(None)
    };
    for affirmed in [vec![other, one], vec![one, one]] {
        assert!(matches!(
            signed(affirmed),
            Err(KeyringError::Malformed(fault)) if fault.problem == Problem::UnsortedKeys
        ));
    }
    // None are said by saying nothing.
    let bytes = affirming.keyring().encode();
    let list = crate::RecordId([1; 32]).as_bytes().to_vec();
    let at = bytes.windows(32).position(|window| window == list).unwrap();
    let empty = [&bytes[..at - 3], &[0x80]].concat();
    assert!(matches!(
        Keyring::decode(&empty),
        Err(KeyringError::Malformed(fault)) if fault.problem == Problem::OutOfRange
    ));
}

fn grants() -> impl Strategy<Value = Grant> {
    let kinds = subsequence(Kind::ALL.to_vec(), 0..=Kind::ALL.len());
    let ceiling = proptest::sample::select(Tlp::ALL.to_vec());
    (any::<[u8; 32]>(), 0_u64..6, kinds, ceiling, 0_u64..1000, 1_u64..1000, "[a-z ]{0,8}").prop_map(
        |(seed, role, kinds, ceiling, from, length, holder)| Grant {
            economy: EconomyId(seed),
            key: SecretKey::from_seed(&seed).id(),
            role: Role::from_code(role),
            kinds: kinds.into_iter().collect(),
            ceiling,
            from: Timestamp::from_secs(from),
            until: Timestamp::from_secs(from + length),
            holder,
            unknown: false,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any subset of the signatures verifies exactly when it reaches the threshold.
    #[test]
    fn withholding_signatures_never_verifies(
        (count, threshold, kept) in (1_u8..=5).prop_flat_map(|count| {
            let seeds: Vec<u8> = (1..=count).collect();
            (Just(count), 1..=u64::from(count), subsequence(seeds, 0..=usize::from(count)))
        })
    ) {
        let seeds: Vec<u8> = (1..=count).collect();
        let set = k_of(threshold, &keys(&seeds));
        let mut signed = Countersigned::sign("comity/test/1", vec![7], &all(&keys(&seeds)));
        let kept = ids(&keys(&kept));
        signed.signatures.retain(|id, _| kept.contains(id));
        let valid = kept.len() as u64;
        let expected = if valid >= threshold {
            Ok(())
        } else {
            Err(KeyringError::TooFewSignatures { valid, needed: threshold })
        };
        prop_assert_eq!(signed.verify("comity/test/1", &set), expected);
    }

    /// The order in which the holders sign makes no difference to the bytes.
    #[test]
    fn the_order_of_signing_does_not_matter(order in Just(vec![1_u8, 2, 3]).prop_shuffle()) {
        let sorted = two_of_three().sign(&all(&keys(&[1, 2, 3]))).unwrap();
        let shuffled = two_of_three().sign(&all(&keys(&order))).unwrap();
        prop_assert_eq!(sorted.encoded(), shuffled.encoded());
    }

    #[test]
    fn a_grant_is_read_as_written(grant in grants()) {
        prop_assert_eq!(Grant::decode(&grant.encode()), Ok(grant));
    }

    /// One changed byte of a signed keyring: it is refused, or says what it said.
    #[test]
    fn a_changed_byte_is_never_believed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let economy = found(1);
        let mut bytes = economy.keyring.encoded().to_vec();
        bytes[at.index(economy.keyring.encoded().len())] ^= 1 << bit;
        let read = SignedKeyring::decode(&bytes).and_then(|keyring| keyring.verify(None));
        prop_assert!(read.is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(SignedKeyring::decode(&bytes).and_then(|one| one.verify(None)).is_err());
        prop_assert!(Keyring::decode(&bytes).is_err());
        prop_assert!(crate::partners::LinkEvidence::decode(&bytes).is_err());
        prop_assert!(Revocation::read(&mut Reader::new(&bytes)).is_err() || bytes.len() >= 37);
    }
}
