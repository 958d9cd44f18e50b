use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::digest::Digest;
use crate::group::{RemovalBody, Roster, RosterHead, SponsorshipBody};
use crate::identity::GroupId;
use crate::keyring::KeyringBuilder;
use crate::sign::SecretKey;
use crate::test_util::TestEconomy;

const DAY: Duration = Duration::from_secs(86_400);

fn day(number: u32) -> Timestamp {
    TestEconomy::FROM.saturating_add(DAY * number)
}

/// An AMBER incident of `origin`.
fn incident(origin: EconomyId, author: KeyId, signed_at: Timestamp) -> Claim {
    let record = RecordId([7; 32]);
    Claim {
        record,
        origin,
        author,
        signed_at,
        kind: Kind::Incident,
        floor: Tlp::Amber,
        restricts: false,
    }
}

/// Author 50 may sign incidents up to AMBER, from day 10 to day 20.
fn world() -> (TestEconomy, VerifiedKeyring, SecretKey) {
    let economy = TestEconomy::found(1).unwrap();
    let author = SecretKey::from_seed(&[50; 32]);
    let keyring = with_grant(&economy.keyring, &economy, &author, Tlp::Amber, 10..20);
    (economy, keyring, author)
}

fn with_grant(
    keyring: &VerifiedKeyring,
    economy: &TestEconomy,
    author: &SecretKey,
    ceiling: Tlp,
    days: std::ops::Range<u32>,
) -> VerifiedKeyring {
    let (from, until) = (day(days.start), day(days.end));
    let kinds = [Kind::Incident];
    let grant = Grant::author(economy.id(), author.public(), kinds, ceiling, from, until);
    KeyringBuilder::follow(keyring).grant(grant).sign(&[&economy.root]).unwrap()
}

fn revoked(
    keyring: &VerifiedKeyring,
    economy: &TestEconomy,
    author: &SecretKey,
    on: u32,
    compromised: bool,
) -> VerifiedKeyring {
    KeyringBuilder::follow(keyring)
        .revoke(Revocation { key: author.id(), at: day(on), compromised })
        .sign(&[&economy.root])
        .unwrap()
}

#[test]
fn a_granted_author_counts_whoever_brings_the_record() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    for seen in [FirstSeen::relayed(day(13)), FirstSeen::from_origin(day(13))] {
        let judged = entitlement(Some(&keyring), &claim, seen, day(13));
        assert_eq!(judged, Entitlement::Accepted);
    }
}

#[test]
fn unknown_origins_and_keys_wait() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let seen = FirstSeen::from_origin(day(13));
    assert_eq!(entitlement(None, &claim, seen, day(13)), Entitlement::Pending(Wait::UnknownOrigin));
    // The version that grants the key is in transit.
    assert_eq!(
        entitlement(Some(&economy.keyring), &claim, seen, day(13)),
        Entitlement::Pending(Wait::UnknownKey)
    );
    assert_eq!(entitlement(Some(&keyring), &claim, seen, day(13)), Entitlement::Accepted);
}

#[test]
fn ten_minutes_ahead_is_tolerated_and_a_millisecond_more_waits() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let just = day(12).saturating_sub(limits::CLOCK_TOLERANCE);
    let judge = |now| entitlement(Some(&keyring), &claim, FirstSeen::relayed(now), now);
    assert_eq!(judge(just), Entitlement::Accepted);
    let before = just.saturating_sub(Duration::from_millis(1));
    assert_eq!(judge(before), Entitlement::Pending(Wait::SignedAhead(just)));
}

#[test]
fn every_lack_of_a_grant_has_its_own_name() {
    let (economy, keyring, author) = world();
    let good = incident(economy.id(), author.id(), day(12));
    let judge = |claim: &Claim| {
        entitlement(Some(&keyring), claim, FirstSeen::from_origin(day(25)), day(25))
    };
    let refused = |claim, refusal| {
        assert_eq!(judge(&claim), Entitlement::Refused(refusal));
    };
    refused(Claim { signed_at: day(9), ..good }, Refusal::NotGrantedThen);
    refused(Claim { signed_at: day(20), ..good }, Refusal::NotGrantedThen);
    refused(Claim { kind: Kind::Advisory, ..good }, Refusal::Kind);
    refused(Claim { kind: Kind::Unknown(99), ..good }, Refusal::Kind);
    refused(Claim { floor: Tlp::AmberStrict, ..good }, Refusal::Marking);
    refused(Claim { author: economy.link.id(), ..good }, Refusal::NotAnAuthor);
    let elsewhere = EconomyId([9; 32]);
    refused(Claim { origin: elsewhere, ..good }, Refusal::OtherEconomy);
    let first = Claim { signed_at: day(10), ..good };
    assert_eq!(judge(&first), Entitlement::Accepted, "the first instant is granted");
}

#[test]
fn one_grant_must_cover_kind_and_marking_at_once() {
    let (economy, keyring, author) = world();
    // RED, but in another week.
    let keyring = with_grant(&keyring, &economy, &author, Tlp::Red, 20..30);
    let claim = Claim { floor: Tlp::Red, ..incident(economy.id(), author.id(), day(12)) };
    let judged = entitlement(Some(&keyring), &claim, FirstSeen::from_origin(day(25)), day(25));
    assert_eq!(judged, Entitlement::Refused(Refusal::Marking));
    assert_eq!(author_ceiling(&keyring, &claim), Some(Tlp::Amber));
    let later = Claim { signed_at: day(20), ..claim };
    assert_eq!(author_ceiling(&keyring, &later), Some(Tlp::Red));
}

#[test]
fn an_ended_key_counts_from_the_origin_only() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let judge = |keyring, seen| entitlement(Some(keyring), &claim, seen, day(25));
    assert_eq!(judge(&keyring, FirstSeen::from_origin(day(20))), Entitlement::Accepted);
    assert_eq!(
        judge(&keyring, FirstSeen::relayed(day(20))),
        Entitlement::Quarantined(Doubt::KeyEnded)
    );
    // Seen in time, judged late: it counts.
    assert_eq!(judge(&keyring, FirstSeen::relayed(day(19))), Entitlement::Accepted);
    // A renewed key has not ended.
    let renewed = with_grant(&keyring, &economy, &author, Tlp::Clear, 20..30);
    assert_eq!(judge(&renewed, FirstSeen::relayed(day(20))), Entitlement::Accepted);
}

#[test]
fn a_revoked_key_signs_nothing_from_then_on() {
    let (economy, keyring, author) = world();
    for (compromised, doubt) in [(false, Doubt::KeyRevoked), (true, Doubt::KeyCompromised)] {
        let keyring = revoked(&keyring, &economy, &author, 14, compromised);
        let judge = |signed, seen| {
            let claim = incident(economy.id(), author.id(), day(signed));
            entitlement(Some(&keyring), &claim, seen, day(18))
        };
        let late = Entitlement::Refused(Refusal::SignedAfterRevocation);
        assert_eq!(judge(14, FirstSeen::from_origin(day(15))), late);
        assert_eq!(judge(14, FirstSeen::relayed(day(15))), late);
        // Signed before, as it says itself.
        assert_eq!(judge(13, FirstSeen::relayed(day(13))), Entitlement::Accepted);
        assert_eq!(judge(13, FirstSeen::from_origin(day(15))), Entitlement::Accepted);
        assert_eq!(judge(13, FirstSeen::relayed(day(14))), Entitlement::Quarantined(doubt));
    }
}

/// Who held the key has left; what it withdrew before stays withdrawn wherever that is heard late.
#[test]
fn a_withdrawal_by_a_key_that_merely_ended_counts_through_whomever_it_comes() {
    let (economy, keyring, author) = world();
    let withdrawal = |signed| Claim {
        kind: Kind::Withdrawal,
        ..incident(economy.id(), author.id(), day(signed))
    };
    let grant = Grant::author(
        economy.id(),
        author.public(),
        [Kind::Withdrawal],
        Tlp::Amber,
        day(10),
        day(20),
    );
    let builder = KeyringBuilder::follow(&keyring).grant(grant);
    let keyring = builder.sign(&[&economy.root]).unwrap();
    let at = |keyring: &VerifiedKeyring, signed, seen: FirstSeen| {
        entitlement(Some(keyring), &withdrawal(signed), seen, day(25).max(seen.at))
    };
    let judge = |keyring: &VerifiedKeyring, signed, seen| {
        at(keyring, signed, FirstSeen::relayed(day(seen)))
    };
    assert_eq!(judge(&keyring, 12, 21), Entitlement::Accepted);
    let ended = revoked(&keyring, &economy, &author, 14, false);
    assert_eq!(judge(&ended, 13, 15), Entitlement::Accepted);
    // A relay is late by weeks; what turns up a season later may be by whoever found the key.
    for (keyring, end, doubt) in
        [(&keyring, day(20), Doubt::KeyEnded), (&ended, day(14), Doubt::KeyRevoked)]
    {
        let late = end.saturating_add(limits::LATE_WITHDRAWAL);
        let before = FirstSeen::relayed(late.saturating_sub(Duration::from_millis(1)));
        assert_eq!(at(keyring, 12, before), Entitlement::Accepted);
        let quarantined = Entitlement::Quarantined(doubt);
        assert_eq!(at(keyring, 12, FirstSeen::relayed(late)), quarantined);
        assert_eq!(at(keyring, 12, FirstSeen::from_origin(late)), Entitlement::Accepted);
    }
    let late = Entitlement::Refused(Refusal::SignedAfterRevocation);
    assert_eq!(judge(&ended, 14, 15), late);
    let stolen = revoked(&keyring, &economy, &author, 14, true);
    assert_eq!(judge(&stolen, 13, 15), Entitlement::Quarantined(Doubt::KeyCompromised));
}

#[test]
fn a_compromise_declared_later_reaches_what_came_in_between() {
    let (economy, keyring, author) = world();
    let backdated = incident(economy.id(), author.id(), day(11));
    let seen = FirstSeen::relayed(day(15));
    assert_eq!(entitlement(Some(&keyring), &backdated, seen, day(15)), Entitlement::Accepted);
    let keyring = revoked(&keyring, &economy, &author, 14, true);
    assert_eq!(
        entitlement(Some(&keyring), &backdated, seen, day(16)),
        Entitlement::Quarantined(Doubt::KeyCompromised)
    );
}

#[test]
fn a_frozen_economy_is_in_quarantine_whole() {
    let (economy, keyring, author) = world();
    let other = with_grant(&economy.keyring, &economy, &author, Tlp::Red, 10..20);
    let mut history = KeyringHistory::start(keyring);
    let claim = incident(economy.id(), author.id(), day(12));
    let judge = |history: &KeyringHistory| {
        history.entitlement(&claim, FirstSeen::from_origin(day(13)), day(13))
    };
    assert_eq!(judge(&history), Entitlement::Accepted);
    history.advance(other).unwrap_err();
    assert!(matches!(judge(&history), Entitlement::Quarantined(Doubt::Forked(_))));
}

#[test]
fn the_root_may_affirm_what_a_key_signed_that_is_in_no_grant_any_more() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let judge = |keyring: &VerifiedKeyring| {
        entitlement(Some(keyring), &claim, FirstSeen::relayed(day(30)), day(30))
    };
    let left_out = KeyringBuilder::follow(&keyring).retain(|grant| grant.key != author.id());
    let affirmed = left_out.affirm([claim.record]).sign(&[&economy.root]).unwrap();
    assert_eq!(judge(&affirmed), Entitlement::Accepted);
    let other = Claim { record: RecordId([8; 32]), ..claim };
    let seen = FirstSeen::relayed(day(30));
    let judged = entitlement(Some(&affirmed), &other, seen, day(30));
    assert_eq!(judged, Entitlement::Pending(Wait::UnknownKey), "nothing but what it names");
    // Not what the key signed after it was revoked.
    for (on, expected) in
        [(12, Entitlement::Pending(Wait::UnknownKey)), (13, Entitlement::Accepted)]
    {
        let revoked = revoked(&affirmed, &economy, &author, on, true);
        assert_eq!(judge(&revoked), expected, "{on}");
    }
}

#[test]
fn what_the_root_affirms_counts_whoever_brought_it_and_whenever() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let other = Claim { record: RecordId([8; 32]), ..claim };
    let revoked = revoked(&keyring, &economy, &author, 14, true);
    let affirmed =
        KeyringBuilder::follow(&revoked).affirm([claim.record]).sign(&[&economy.root]).unwrap();
    let judge =
        |keyring, claim| entitlement(Some(keyring), claim, FirstSeen::relayed(day(15)), day(18));
    let doubted = Entitlement::Quarantined(Doubt::KeyCompromised);
    assert_eq!(judge(&revoked, &claim), doubted);
    assert_eq!(judge(&affirmed, &claim), Entitlement::Accepted);
    assert_eq!(judge(&affirmed, &other), doubted, "nothing but what it names");
    // An affirmation speaks against the doubt when it came, not for a key that was not granted.
    let late = Claim { signed_at: day(14), ..claim };
    assert_eq!(judge(&affirmed, &late), Entitlement::Refused(Refusal::SignedAfterRevocation));
    // It counts while the keyring carries it.
    let dropped =
        KeyringBuilder::follow(&affirmed).affirm_only(|_| false).sign(&[&economy.root]).unwrap();
    assert_eq!(judge(&dropped, &claim), doubted);
}

#[test]
fn the_scope_of_a_step_names_all_that_is_judged_otherwise() {
    let (economy, keyring, author) = world();
    let claim = incident(economy.id(), author.id(), day(12));
    let other = SecretKey::from_seed(&[51; 32]);
    let more = with_grant(&keyring, &economy, &other, Tlp::Red, 10..20);
    let revoked = revoked(&more, &economy, &author, 14, true);
    let affirmed =
        KeyringBuilder::follow(&revoked).affirm([claim.record]).sign(&[&economy.root]).unwrap();
    let history = |keyring: &VerifiedKeyring| KeyringHistory::start(keyring.clone());
    let step = |before: &KeyringHistory, after: &KeyringHistory| {
        Scope::between((before.current(), before.fork()), after)
    };
    let between = |one, other| step(&history(one), &history(other));
    let some = |authors: &[KeyId], records: &[RecordId]| Scope::Some {
        authors: authors.iter().copied().collect(),
        records: records.iter().copied().collect(),
    };
    assert_eq!(between(&keyring, &keyring), some(&[], &[]));
    assert_eq!(between(&keyring, &more), some(&[other.id()], &[]));
    assert_eq!(between(&more, &revoked), some(&[author.id()], &[]));
    assert_eq!(between(&revoked, &affirmed), some(&[], &[claim.record]));
    assert_eq!(between(&affirmed, &revoked), some(&[], &[claim.record]));
    assert_eq!(
        between(&keyring, &more).join(between(&more, &affirmed)),
        some(&[author.id(), other.id()], &[claim.record])
    );
    let mut forked = history(&more);
    forked.advance(with_grant(&keyring, &economy, &other, Tlp::Clear, 10..20)).unwrap_err();
    assert_eq!(step(&history(&more), &forked), Scope::Everything);
    assert_eq!(step(&forked, &history(&affirmed)), Scope::Everything);
}

/// What would be believed waits; what takes back does not; and no head turns a no into a yes.
#[test]
fn an_origin_that_has_not_confirmed_its_keyring_is_believed_nothing_new() {
    let why = Unconfirmed::Since(day(1));
    let waits = Entitlement::Pending(Wait::Unconfirmed(why));
    assert_eq!(Entitlement::Accepted.under(false, Some(why)), waits);
    assert_eq!(Entitlement::Accepted.under(true, Some(why)), Entitlement::Accepted);
    for restricts in [false, true] {
        assert_eq!(Entitlement::Accepted.under(restricts, None), Entitlement::Accepted);
        for judged in [
            Entitlement::Pending(Wait::UnknownKey),
            Entitlement::Quarantined(Doubt::KeyEnded),
            Entitlement::Refused(Refusal::Kind),
        ] {
            assert_eq!(judged.under(restricts, Some(why)), judged);
            assert_eq!(judged.under(restricts, None), judged);
        }
    }
}

/// Whoever stole the key of somebody who keeps a roster, or sponsors, lets nobody in by it.
#[test]
fn what_only_restricts_is_told_by_what_it_says() {
    for kind in Kind::ALL.iter().copied() {
        let expected = matches!(
            kind,
            Kind::Keyring
                | Kind::Termination
                | Kind::Withdrawal
                | Kind::Acknowledgement
                | Kind::Approval
        );
        assert_eq!(restricts(kind, None), expected, "{kind}");
    }
    assert!(restricts(Kind::Unknown(99), None));
    let (group, economy) = (GroupId([1; 32]), EconomyId([2; 32]));
    let of_group = |body: GroupBody| restricts(Kind::Group, Some(&body.encode()));
    assert!(of_group(GroupBody::Removal(RemovalBody {
        group,
        epoch: 1,
        member: economy,
        reason: None,
    })));
    assert!(!of_group(GroupBody::Sponsorship(SponsorshipBody {
        group,
        epoch: 1,
        application: RecordId([3; 32]),
    })));
    let of_roster = |body: RosterBody| restricts(Kind::Roster, Some(&body.encode()));
    let (epoch, digest) = (1, Digest([4; 32]));
    assert!(of_roster(RosterBody::Head(RosterHead { group, epoch, digest })));
    assert!(!of_roster(RosterBody::Roster(Roster {
        group,
        epoch,
        predecessor: digest,
        members: [(economy, BTreeSet::new())].into(),
        changes: BTreeMap::new(),
        handover: None,
    })));
    assert!(!restricts(Kind::Roster, Some(&[0xff])));
}
