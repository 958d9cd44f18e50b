//! Both chains, whatever the order.

use std::collections::BTreeSet;

use comity_core::ledger::{Head, LedgerEntry, Obligations, Opening, Ranges};
use comity_core::receipt::{REJECTS, RejectReason};
use comity_core::{Digest, EpochId, PartDigest, RecordId, Timestamp};

use super::*;

fn entry(number: u64, record: u8, part: u8) -> LedgerEntry {
    LedgerEntry {
        epoch: EpochId([1; 16]),
        number,
        record: RecordId([record; 32]),
        parts: vec![PartDigest([part; 32])],
        obligations: Obligations::default(),
        salt: [number as u8; 16],
    }
}

#[test]
fn both_sides_reach_one_chain_whatever_the_order() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for number in 1..=4 {
        assert!(out.push(entry(number, 1, 1), Timestamp::EPOCH, 1));
    }
    let mut inbound = InLedger::default();
    for number in [3, 1, 4, 2] {
        assert!(inbound.push(number, out.entry(number).unwrap().digest, None));
    }
    assert!(!inbound.push(2, Digest::ZERO, None));
    assert_eq!(inbound.durable_head(), Head::START);
    inbound.settle(1);
    assert_eq!(Some(inbound.durable_head().chain), out.chain_at(1));
    inbound.settle_all();
    assert_eq!(inbound.durable_head(), out.head());
    assert_eq!(inbound.digest(3), out.entry(3).map(|entry| entry.digest));
}

#[test]
fn a_void_number_frees_its_parts_and_no_others() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    assert!(out.push(entry(1, 7, 1), Timestamp::EPOCH, 1));
    assert!(out.push(entry(2, 7, 2), Timestamp::EPOCH, 1));
    out.settle(2, OutFate::Void { handed: false });
    assert_eq!(out.sent(&RecordId([7; 32])), Some(BTreeSet::from([PartDigest([1; 32])])));
    out.settle(1, OutFate::Void { handed: true });
    assert_eq!(out.sent(&RecordId([7; 32])), None);
    assert!(out.possibly_held(&RecordId([7; 32])).is_some());
}

#[test]
fn what_was_refused_for_its_origin_is_wanted_until_all_of_it_is_on_its_way() {
    let unknown = OutFate::Refused(RejectReason::UnknownOrigin);
    let (record, parts) = (RecordId([7; 32]), |parts: &[u8]| -> BTreeSet<_> {
        parts.iter().map(|part| PartDigest([*part; 32])).collect()
    });
    let mut out = OutLedger::new(EpochId([1; 16]));
    let both =
        LedgerEntry { parts: vec![PartDigest([1; 32]), PartDigest([2; 32])], ..entry(1, 7, 1) };
    assert!(out.push(both, Timestamp::EPOCH, 1));
    assert!(!out.want([record].into_iter()), "nothing of it was refused");
    out.settle(1, unknown.clone());
    assert_eq!(out.sent(&record), Some(parts(&[1, 2])));
    assert!(out.want([record].into_iter()));
    assert_eq!(out.sent(&record), None);
    // Only one of the parts may go by now.
    assert!(out.push(entry(2, 7, 1), Timestamp::EPOCH, 2));
    assert_eq!(out.sent(&record), Some(parts(&[1])), "the other may go later");
    // The decision turns before it leaves.
    out.settle(2, OutFate::Void { handed: false });
    assert_eq!(out.sent(&record), None, "it goes again");
    assert!(out.push(entry(3, 7, 1), Timestamp::EPOCH, 3));
    // Refused once more: it goes again when it is asked for again, and not before.
    out.settle(3, unknown);
    out.unwant(&record);
    assert_eq!(out.sent(&record), Some(parts(&[1, 2])));
    assert!(out.want([record].into_iter()));
    assert!(out.push(entry(4, 7, 1), Timestamp::EPOCH, 4));
    assert!(out.push(entry(5, 7, 2), Timestamp::EPOCH, 5));
    out.unwant(&record);
    assert!(!out.want([record].into_iter()), "all of it is on its way");
}

#[test]
fn what_was_refused_as_not_addressed_goes_again_after_a_consent_and_no_further_time() {
    let refused = OutFate::Refused(RejectReason::NotAddressed);
    let (record, one) = (RecordId([7; 32]), BTreeSet::from([PartDigest([1; 32])]));
    let mut out = OutLedger::new(EpochId([1; 16]));
    out.consented(record);
    assert!(out.push(entry(1, 7, 1), Timestamp::EPOCH, 1));
    // It is on its way, and refused when the next consent is here already.
    out.consented(record);
    assert_eq!(out.sent(&record), Some(one.clone()));
    out.settle(1, refused.clone());
    assert_eq!(out.sent(&record), None);
    assert!(out.push(entry(2, 7, 1), Timestamp::EPOCH, 2));
    out.settle(2, refused);
    assert_eq!(out.sent(&record), Some(one), "not without another one");
    assert!(out.possibly_held(&record).is_some());
}

#[test]
fn receipts_speak_of_every_number_however_many_were_refused_at_once() {
    let many = 3 * REJECTS as u64;
    let mut inbound = InLedger::default();
    for number in 1..=many + 20 {
        assert!(inbound.push(number, Digest([1; 32]), Some(entry(number, 1, 1))));
        if number > 10 && number <= many + 10 {
            inbound.reject(number, RejectReason::UnknownOrigin);
        }
    }
    inbound.settle_all();
    // What a receipt up to each of them would list, and from where it speaks.
    let mut spoken = 0;
    let heads = inbound.heads_to_sign(Some(0));
    for head in &heads {
        let listed: Vec<_> =
            inbound.rejects().range(..=head.number).rev().take(REJECTS).map(|one| *one.0).collect();
        let first = if listed.len() == REJECTS { *listed.last().unwrap() } else { 1 };
        assert!(first <= spoken + 1, "nothing speaks of {} to {first}", spoken + 1);
        spoken = head.number;
    }
    assert_eq!(heads.last(), Some(&inbound.durable_head()));
    assert_eq!(heads.len(), 4);
    // Nothing of that is said again, nor by a process that does not know what was said before it.
    assert_eq!(inbound.heads_to_sign(Some(many + 20)), [inbound.durable_head()]);
    assert_eq!(inbound.heads_to_sign(None), [inbound.durable_head()]);
}

#[test]
fn what_is_outstanding_is_what_was_not_acknowledged() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for number in 1..=5 {
        assert!(out.push(entry(number, 1, 1), Timestamp::EPOCH, 1));
    }
    out.acknowledge([(1, 2), (4, 9)]);
    assert_eq!(out.outstanding().collect::<Vec<_>>(), [3]);
    assert!(!out.push(entry(9, 1, 1), Timestamp::EPOCH, 1));
}

#[test]
fn the_way_to_a_later_head_leads_there_over_epochs_too() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for number in 1..=4 {
        assert!(out.push(entry(number, number as u8, 1), Timestamp::EPOCH, 1));
    }
    let known = Head { number: 3, chain: out.chain_at(3).unwrap() };
    let head = out.head();
    let old = EpochId([1; 16]);
    let lead = |out: &OutLedger, from: u64, epoch: EpochId, to: u64| {
        let entry = out.entry(from)?.entry.clone()?;
        Some(out.links(from, epoch, to)?.lead(&entry).unwrap())
    };
    assert_eq!(lead(&out, 2, old, 4), Some((old, head)));
    assert_eq!(lead(&out, 4, old, 4), Some((old, head)));
    for (from, to) in [(4, 3), (2, 9), (0, 4)] {
        assert!(out.links(from, old, to).is_none(), "{from} to {to}");
    }

    // The partner's chain was whole up to 3, and it had met numbers up to 6.
    let epoch = EpochId([2; 16]);
    out.open(&Opening { epoch, previous: old, known, first: 7 }, Timestamp::EPOCH, 2);
    let next = LedgerEntry { epoch, ..entry(7, 9, 1) };
    assert!(out.push(next, Timestamp::EPOCH, 3));
    for from in [1, 3, 7] {
        assert_eq!(lead(&out, from, epoch, 7), Some((epoch, out.head())), "from {from}");
    }
    // A receipt of before still covers what it covered.
    assert_eq!(lead(&out, 1, old, 3), Some((old, known)));
    // What the new epoch passed over is bound by no chain; nor is there one to another epoch.
    assert!(out.links(4, epoch, 7).is_none());
    assert!(out.links(1, EpochId([9; 16]), 7).is_none());
}

#[test]
fn what_an_epoch_passed_over_is_settled_whether_the_partner_has_met_it_or_not() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for number in 1..=2 {
        assert!(out.push(entry(number, 1, 1), Timestamp::EPOCH, 1));
    }
    let known = out.head();
    let opening = Opening { epoch: EpochId([2; 16]), previous: EpochId([1; 16]), known, first: 6 };
    out.open(&opening, Timestamp::EPOCH, 2);
    let next = LedgerEntry { epoch: opening.epoch, ..entry(6, 2, 2) };
    assert!(out.push(next, Timestamp::EPOCH, 3));
    // The partner greets before it has heard of the epoch.
    out.reset_acknowledged(Ranges::new());
    assert_eq!(out.outstanding().collect::<Vec<_>>(), [6]);
}

#[test]
fn a_receipt_proves_nothing_of_numbers_of_which_it_does_not_speak() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for (numbers, seq) in [((1, 3), 11), ((6, 9), 12), ((4, 12), 13)] {
        out.receipt(numbers, Timestamp::EPOCH, seq);
    }
    let receipt = |number: u64| out.receipt_for(number).map(|(_, seq)| seq);
    let expected = [(1, 11), (3, 11), (4, 13), (5, 13), (6, 12), (9, 12), (10, 13), (12, 13)];
    assert!(expected.iter().all(|(number, seq)| receipt(*number) == Some(*seq)));
    assert_eq!(receipt(13), None);
    assert_eq!(out.receipted(), 12);
}

#[test]
fn what_a_receipt_covers_waits_for_nobody_also_while_nothing_is_acknowledged() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    for number in 1..=6 {
        assert!(out.push(entry(number, 1, 1), Timestamp::EPOCH, 1));
    }
    assert_eq!((out.outstanding_count(), out.unconfirmed_count()), (6, 6));
    out.receipt((1, 2), Timestamp::EPOCH, 7);
    out.receipt((4, 4), Timestamp::EPOCH, 8);
    out.settle(5, OutFate::Void { handed: false });
    assert_eq!((out.outstanding_count(), out.unconfirmed_count()), (6, 2), "3 and 6");
    out.acknowledge([(3, 3)]);
    assert_eq!(out.unconfirmed_count(), 1);
}

/// A thousand restores of a partner, each of which skips as many numbers as it may.
#[test]
fn what_epochs_pass_over_takes_no_room_in_either_ledger() {
    let (mut inbound, mut out) = (InLedger::default(), OutLedger::new(EpochId([1; 16])));
    assert!(inbound.push(1, entry(1, 1, 1).digest(), Some(entry(1, 1, 1))));
    assert!(out.push(entry(1, 1, 1), Timestamp::EPOCH, 1));
    for epoch in 1..=1000_u16 {
        let mut drawn = [0; 16];
        drawn[..2].copy_from_slice(&epoch.to_be_bytes());
        // Something came beyond a gap before each.
        let beyond = out.next_number() + 7;
        assert!(inbound.push(beyond, Digest([7; 32]), None));
        out.push_beyond_void(beyond, Digest([7; 32]));
        let (previous, known) = (out.epoch(), out.head());
        let opening = Opening { epoch: EpochId(drawn), previous, known, first: beyond + (1 << 32) };
        assert!(inbound.open(&opening));
        out.open(&opening, Timestamp::EPOCH, 2);
        assert_eq!(inbound.durable_head(), out.head());
        assert_eq!(inbound.digest(beyond), Some(Digest([7; 32])));
        assert_eq!(inbound.digest(beyond + 1), Some(Digest::ZERO));
        assert_eq!(out.entry(beyond).map(|line| line.digest), Some(Digest([7; 32])));
        assert_eq!(out.chain_at(beyond), None);
    }
    assert_eq!(out.entries().count(), 1001);
    assert_eq!(out.outstanding().count(), 0);
    // The ledger goes on behind all that.
    let next = LedgerEntry { epoch: out.epoch(), ..entry(out.next_number(), 2, 2) };
    assert!(inbound.push(next.number, next.digest(), Some(next.clone())));
    inbound.settle(next.number);
    assert!(out.push(next.clone(), Timestamp::EPOCH, 3));
    assert_eq!(inbound.durable_head(), out.head());
    assert_eq!(out.outstanding().collect::<Vec<_>>(), [next.number]);
    assert_eq!(inbound.digest(1), Some(entry(1, 1, 1).digest()));
    assert_eq!(out.outstanding_count(), 1);
}

#[test]
fn a_ledger_knows_every_place_where_it_stood() {
    let mut out = OutLedger::new(EpochId([1; 16]));
    let mut places = vec![Head::START];
    for number in 1..=3 {
        assert!(out.push(entry(number, 1, 1), Timestamp::EPOCH, 1));
        places.push(out.head());
    }
    // One epoch skips, and one begins right where the ledger stood.
    for (epoch, first) in [(2, 9), (3, 9)] {
        let (epoch, previous, known) = (EpochId([epoch; 16]), out.epoch(), out.head());
        out.open(&Opening { epoch, previous, known, first }, Timestamp::EPOCH, 2);
        places.push(out.head());
    }
    assert!(places.iter().all(|place| out.was_at(Some(out.epoch()), *place)));
    for (number, chain) in [(2, places[3].chain), (5, Digest::ZERO)] {
        let head = Head { number, chain };
        assert!((1..=3).all(|epoch| !out.was_at(Some(EpochId([epoch; 16])), head)), "{number}");
        assert!(!out.was_at(None, head));
    }
    // Epoch 4 was lost with a restore of ours: the partner says that it was there, and 5 follows from it.
    let (epoch, previous) = (EpochId([5; 16]), EpochId([4; 16]));
    let known = Head { number: 8, chain: Digest([8; 32]) };
    out.open(&Opening { epoch, previous, known, first: 9 }, Timestamp::EPOCH, 3);
    assert!(out.was_at(Some(previous), Head { number: 7, chain: Digest([7; 32]) }));
    assert!(!out.was_at(Some(EpochId([6; 16])), Head { number: 7, chain: Digest([7; 32]) }));
}
