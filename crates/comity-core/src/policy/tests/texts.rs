//! Texts that take the place of one another: named cases.

use super::facts::*;
use super::stories::why;
use super::words::{Heard, Says, Word, binds, day, id, permits};
use crate::identity::EconomyId;
use crate::ledger::Obligations;
use crate::marking::Tlp;
use crate::policy::{
    Partner, Place, PolicySnapshot, Recipient, Source, Standstill, Trees, TrustLevel, decide,
};
use crate::vocabulary::Section;

fn proposes(text: u8, by: EconomyId, amends: &[u8], says: Says) -> Word {
    Word::Proposes { text, by, amends: amends.to_vec(), says }
}

fn accepts(text: u8, by: EconomyId, heard: u64) -> Word {
    Word::Accepts { text, by, record: text + 100, heard }
}

fn ends(text: u8, by: EconomyId, given: u64, effective: u64) -> Word {
    let record = text + 150;
    Word::Ends { text, by, record, given, effective }
}

/// A text that both have signed on a day.
fn agreed(text: u8, by: EconomyId, amends: &[u8], heard: u64, says: Says) -> [Word; 2] {
    let other = if by == US { THEM } else { US };
    [proposes(text, by, amends, says), accepts(text, other, heard)]
}

fn notice(days: u32) -> Says {
    Says { notice: days, ..Says::default() }
}

fn stand(words: impl IntoIterator<Item = Word>) -> Trees {
    Heard::of(&words.into_iter().collect::<Vec<_>>()).stand()
}

/// On this day these permit, and these bind.
fn on(trees: &Trees, number: u64, (permit, bind): (&[u8], &[u8])) {
    let found = (permits(trees, day(number)), binds(trees, day(number)));
    assert_eq!(found, (permit.to_vec(), bind.to_vec()), "day {number}");
}

/// A first text with this notice, and one that amends it, agreed on day 10.
fn amended(first: Says, second: Says) -> Vec<Word> {
    [agreed(1, US, &[], 0, first), agreed(2, US, &[1], 10, second)].concat()
}

#[test]
fn an_amendment_takes_the_place_of_the_text_before_it_at_one_instant() {
    let trees = stand(amended(Says::default(), Says::default()));
    on(&trees, 9, (&[1], &[1]));
    on(&trees, 10, (&[2], &[2]));
    on(&trees, 400, (&[2], &[2]));
    let [old, new] = trees.agreements() else { panic!("two texts") };
    assert_eq!(old.until(), Some(new.from()), "no instant between them");
    assert_eq!(old.bound_until(), Some(new.from()));
    assert_eq!(old.replaced().map(|replaced| replaced.by), Some(id(2)));
    let tree = trees.tree(&id(1)).expect("a tree");
    assert_eq!((&tree.texts[..], &tree.heads[..]), (&[id(1), id(2)][..], &[id(2)][..]));
}

#[test]
fn a_proposal_alone_changes_nothing_and_what_starts_later_waits() {
    let first = agreed(1, US, &[], 0, Says::default()).to_vec();
    // Nor does whoever proposed it accept it.
    let proposed = vec![proposes(2, THEM, &[1], Says::default()), accepts(2, THEM, 5)];
    let proposed = [first.clone(), proposed].concat();
    assert_eq!(stand(proposed), stand(first));
    let later = Says { starts: 30, ..Says::default() };
    let trees = stand(amended(Says::default(), later));
    on(&trees, 29, (&[1], &[1]));
    on(&trees, 30, (&[2], &[2]));
}

#[test]
fn where_two_are_agreed_for_one_place_nothing_is_permitted_and_all_bind_until_both_settle_it() {
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, THEM, &[1], 12, Says::default()));
    let trees = stand(words.clone());
    assert_eq!(trees.place(&id(2)), Some(Place::Contested));
    on(&trees, 20, (&[], &[1, 2, 3]));
    let half = [words.clone(), agreed(4, US, &[2], 30, Says::default()).to_vec()].concat();
    on(&stand(half), 40, (&[], &[1, 2, 3, 4]));
    let later = Says { starts: 50, ..Says::default() };
    words.extend(agreed(4, US, &[2, 3], 30, later));
    let trees = stand(words);
    assert_eq!(trees.place(&id(2)), Some(Place::Stands));
    on(&trees, 49, (&[], &[2, 3]));
    on(&trees, 50, (&[4], &[4]));
}

/// Whatever is taken back and accepted all the same: whichever came first, nobody goes by it.
#[test]
fn what_was_taken_back_and_is_accepted_contests_and_frees_nobody() {
    for (given, heard) in [(5, 10), (10, 5), (5, 370)] {
        let mut words = agreed(1, US, &[], 0, notice(90)).to_vec();
        words.extend(agreed(2, US, &[1], heard, Says::default()));
        words.push(ends(2, US, given, given));
        let trees = stand(words.clone());
        assert_eq!(trees.place(&id(1)), Some(Place::Contested));
        on(&trees, 400, (&[], &[1, 2]));
        assert_eq!(trees.tree(&id(1)).and_then(|tree| tree.ends), None, "nobody ended it");
        words.extend(agreed(3, THEM, &[2], 500, Says::default()));
        on(&stand(words), 500, (&[3], &[3]));
    }
}

/// Whoever ends an agreement sheds nothing before the longest notice that any of its texts says.
#[test]
fn an_end_dated_back_drops_no_text_and_no_notice() {
    let strict = amended(Says::default(), notice(90));
    for effective in [1, 10, 20] {
        let ending = ends(1, THEM, 20, effective);
        let trees = stand([strict.clone(), vec![ending]].concat());
        on(&trees, 20, (&[], &[2]));
        on(&trees, 109, (&[], &[2]));
        on(&trees, 110, (&[], &[]));
    }
    // One whose notice is longer, and that begins after it was given.
    let later = Says { starts: 30, notice: 90, ..Says::default() };
    let ending = vec![ends(1, THEM, 20, 20)];
    let trees = stand([amended(notice(5), later), ending].concat());
    on(&trees, 29, (&[], &[1]));
    on(&trees, 109, (&[], &[2]));
    on(&trees, 110, (&[], &[]));
    // Nobody shortens it by a text that the other party offered once.
    let shorter = amended(notice(90), notice(5));
    let trees = stand([shorter.clone(), vec![ends(1, THEM, 5, 5)]].concat());
    on(&trees, 94, (&[], &[2]));
    on(&trees, 95, (&[], &[]));
    let contested = [shorter, agreed(3, US, &[1], 12, Says::default()).to_vec()].concat();
    let trees = stand([contested, vec![ends(1, THEM, 20, 20)]].concat());
    on(&trees, 109, (&[], &[1, 2, 3]));
    on(&trees, 110, (&[], &[]));
}

/// An end stays an end, whatever is accepted, doubted or taken back later.
#[test]
fn what_was_ended_comes_back_by_no_later_word() {
    let mut words = amended(Says::default(), Says::default());
    words.push(ends(1, US, 20, 20));
    let more = [
        agreed(3, US, &[1], 30, Says::default()).to_vec(),
        agreed(3, US, &[2], 30, Says::default()).to_vec(),
        vec![Word::Doubts { record: 2 }],
        vec![ends(2, THEM, 30, 90)],
        vec![Word::Ends { text: 1, by: THEM, record: 200, given: 21, effective: 90 }],
    ];
    for more in more {
        let trees = stand([words.clone(), more].concat());
        for number in 20..100 {
            assert_eq!(permits(&trees, day(number)), [] as [u8; 0], "day {number}");
        }
    }
}

/// An acceptance of an offer whose last day has passed sheds nothing, nor does it shorten a notice.
#[test]
fn what_never_held_frees_nobody() {
    let over = Says { ends: Some(20), ..Says::default() };
    let mut words = [agreed(1, US, &[], 0, notice(90)), agreed(2, US, &[1], 25, over)].concat();
    on(&stand(words.clone()), 30, (&[], &[1]));
    words.push(ends(1, THEM, 15, 15));
    on(&stand(words), 104, (&[], &[1]));
}

/// What it took the place of binds again when a text's last day is over, and permits no more.
#[test]
fn a_text_frees_from_what_it_replaces_as_long_as_it_holds() {
    let short = Says { ends: Some(20), ..Says::default() };
    let trees = stand(amended(Says::default(), short));
    on(&trees, 19, (&[2], &[2]));
    on(&trees, 20, (&[], &[1]));
    assert_eq!(trees.agreements()[0].bound_until(), None);
    // Nor is anything settled by an offer whose last day had passed.
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, US, &[2], 12, Says::default()));
    words.push(ends(3, THEM, 15, 15));
    on(&stand(words.clone()), 30, (&[], &[1, 2, 3]));
    words.extend(agreed(4, US, &[3], 25, short));
    on(&stand(words), 30, (&[], &[1, 2, 3]));
}

#[test]
fn a_doubt_brings_nothing_back_and_what_was_agreed_after_it_stands() {
    let mut words = amended(Says::default(), Says::default());
    for record in [2, 102] {
        let doubted = [words.clone(), vec![Word::Doubts { record }]].concat();
        let trees = stand(doubted.clone());
        assert_eq!(trees.place(&id(2)), Some(Place::Contested));
        on(&trees, 20, (&[], &[1, 2]));
        let settled = [doubted, agreed(3, US, &[2], 30, Says::default()).to_vec()].concat();
        on(&stand(settled), 30, (&[3], &[3]));
    }
    // One sound acceptance beside it is enough.
    words.push(Word::Doubts { record: 102 });
    words.push(Word::Accepts { text: 2, by: THEM, record: 130, heard: 15 });
    on(&stand(words), 20, (&[2], &[2]));
    // A text that nothing amends is as it was before there were amendments.
    let alone = agreed(1, US, &[], 0, Says::default()).to_vec();
    let trees = stand([alone, vec![Word::Doubts { record: 1 }]].concat());
    assert_eq!(trees.place(&id(1)), Some(Place::Stands));
    on(&trees, 20, (&[], &[1]));
}

/// While what takes its place has not begun, a text in doubt below it permits nothing.
#[test]
fn a_text_in_doubt_permits_nothing_below_one_that_stands() {
    let later = Says { starts: 50, ..Says::default() };
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, US, &[2], 20, later));
    on(&stand(words.clone()), 30, (&[2], &[2]));
    words.push(ends(2, THEM, 25, 25));
    let trees = stand(words);
    on(&trees, 30, (&[], &[1, 2]));
    on(&trees, 50, (&[3], &[3]));
    // Nor does what that was to take the place of, before it had begun itself.
    let waits = Says { starts: 40, ..Says::default() };
    let mut words = amended(Says::default(), waits);
    words.extend(agreed(3, US, &[2], 20, later));
    on(&stand(words.clone()), 30, (&[1], &[1]));
    words.push(ends(2, THEM, 25, 25));
    on(&stand(words), 30, (&[], &[1]));
}

#[test]
fn what_amends_nothing_that_was_agreed_permits_nothing_and_binds_until_that_has_ended() {
    let first = agreed(1, US, &[], 0, notice(5)).to_vec();
    let astray = [
        first.clone(),
        vec![proposes(2, US, &[1], Says::default())],
        agreed(3, US, &[2], 10, Says::default()).to_vec(),
    ]
    .concat();
    let trees = stand(astray.clone());
    assert_eq!(trees.place(&id(3)), Some(Place::Astray));
    on(&trees, 20, (&[1], &[1, 3]));
    let ended = stand([astray, vec![ends(1, THEM, 20, 20)]].concat());
    on(&ended, 24, (&[], &[1, 3]));
    on(&ended, 25, (&[], &[]));
    // Something of what it rests on is not here.
    let half = [
        agreed(1, US, &[], 0, notice(5)).to_vec(),
        agreed(3, US, &[1, 9], 10, Says::default()).to_vec(),
        vec![ends(1, THEM, 20, 20)],
    ];
    on(&stand(half.concat()), 300, (&[], &[3]));
    // Nothing is known of what it amends: a first text of two agreements at once is none.
    on(&stand(agreed(3, US, &[9], 10, Says::default())), 20, (&[], &[3]));
    let both = [
        first,
        agreed(2, US, &[], 0, Says::default()).to_vec(),
        agreed(3, US, &[1, 2], 10, Says::default()).to_vec(),
    ]
    .concat();
    on(&stand([both.clone(), vec![ends(1, THEM, 20, 20)]].concat()), 30, (&[2], &[2, 3]));
    on(&stand([both, vec![ends(1, US, 20, 20), ends(2, US, 40, 40)]].concat()), 40, (&[], &[]));
}

/// Many words of one party cost nobody more than a few, and unbind nothing sooner.
#[test]
fn endings_are_bounded_and_the_same_in_whatever_order_they_come() {
    let mut words = agreed(1, US, &[], 0, notice(1)).to_vec();
    for step in 0..60 {
        let (given, effective) = (20 + u64::from(step), 400 - u64::from(step));
        words.push(Word::Ends { text: 1, by: THEM, record: 150 + step, given, effective });
    }
    let heard = Heard::of(&words);
    assert_eq!(heard.texts[&id(1)].endings().count(), 16);
    let trees = heard.stand();
    assert_eq!(trees.tree(&id(1)).and_then(|tree| tree.ends), Some(day(341)));
    on(&trees, 384, (&[], &[1]));
    on(&trees, 385, (&[], &[]));
    words.reverse();
    words.rotate_right(2);
    assert_eq!(Heard::of(&words).stand(), trees);
    // Those of the other party count beside them.
    words.push(Word::Ends { text: 1, by: US, record: 220, given: 100, effective: 100 });
    on(&stand(words), 101, (&[], &[]));
}

#[test]
fn the_sentence_says_that_it_is_contested_and_the_end_that_it_ended() {
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, THEM, &[1], 12, Says::default()));
    let with = |words: &[Word]| {
        let partner = stand(words.to_vec())
            .into_agreements()
            .into_iter()
            .fold(Partner::new().at(TrustLevel::Confidential), Partner::with);
        PolicySnapshot::builder(US).partner(THEM, partner).build()
    };
    let mut record = incident(Tlp::Green);
    let green = part(&mut record, 1, Section::Summary, Tlp::Green);
    let said = why(&with(&words), &record, &green, &them());
    assert!(said.contains("contested: its texts contradict each other"), "{said}");
    words.push(ends(1, THEM, 20, 20));
    let said = why(&with(&words), &record, &green, &them());
    assert!(said.contains(&format!("ended at {}", day(20))), "{said}");
}

/// To loosen an agreement loosens nothing that was received before.
#[test]
fn what_was_received_stays_under_every_text_that_had_begun() {
    let mut record = incident(Tlp::Green);
    let summary = part(&mut record, 1, Section::Summary, Tlp::Green);
    let obligations = Obligations::unbound();
    record.source = Source::From { economy: THEM, obligations };
    record.origin = THEM;
    let [old, new] = &stand(amended(Says::default(), Says::default())).into_agreements()[..] else {
        panic!("two texts")
    };
    let mut strict = old.terms().clone();
    strict.prohibitions.sections = [Section::Summary].into_iter().collect();
    let old = old.clone().on_terms(std::sync::Arc::new(strict));
    assert!(!old.binds(NOW) && old.from() <= NOW);
    let to = |signed: Vec<crate::policy::Agreement>| {
        let from = signed.into_iter().fold(Partner::new(), Partner::with);
        let trusted = Partner::new().at(TrustLevel::Restricted);
        let permitting =
            crate::test_util::policy::agreement(US, OTHER, crate::agreement::Tier::Nda);
        PolicySnapshot::builder(US)
            .partner(THEM, from)
            .partner(OTHER, trusted.with(permitting))
            .build()
    };
    let asked = |policy| decide(&policy, &record, &summary, &Recipient::partner(OTHER), NOW);
    let free = asked(to(vec![new.clone()]));
    let bound = asked(to(vec![old, new.clone()]));
    let prohibits = |decision: &crate::policy::Decision| {
        decision.judgements().iter().any(|one| one.fact.to_string() == "prohibits summary")
    };
    assert!(!prohibits(&free) && prohibits(&bound));
}

/// Nothing goes, something binds, and nobody contests it or has ended it: that is told as loudly.
#[test]
fn an_agreement_of_which_nothing_is_in_force_and_something_binds_stands_still() {
    let still = |words: &[Word], number| {
        let trees = stand(words.to_vec());
        let tree = trees.tree(&id(1)).expect("a tree");
        trees.standstill(tree, day(number))
    };
    let (short, late) =
        (Says { ends: Some(30), ..Says::default() }, Says { starts: 90, ..Says::default() });
    // Accepted after its last day, and before it.
    for heard in [40, 10] {
        let mut words = agreed(1, US, &[], 0, Says::default()).to_vec();
        words.extend(agreed(2, US, &[1], heard, short));
        assert_eq!(still(&words, heard - 1), None);
        assert_eq!(still(&words, 20), None);
        assert_eq!(still(&words, 50), Some(Standstill::NoneInForce), "{heard}");
        words.push(ends(1, THEM, 60, 60));
        assert_eq!(still(&words, 70), None, "it was ended");
    }
    // What is in force is taken back, and the last text begins later.
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, US, &[2], 20, late));
    assert_eq!(still(&words, 30), None);
    words.push(ends(2, THEM, 25, 25));
    assert_eq!(still(&words, 30), Some(Standstill::NoneInForce));
    assert_eq!(still(&words, 90), None);
    // Of one text whose signature is in doubt as well; not once somebody has ended it, or its last day is over.
    let mut words = agreed(1, US, &[], 0, short).to_vec();
    assert_eq!(still(&words, 20), None);
    words.push(Word::Doubts { record: 1 });
    assert_eq!(still(&words, 20), Some(Standstill::InDoubt));
    assert_eq!(still(&words, 50), None, "its last day is over");
    words.push(ends(1, THEM, 10, 15));
    assert_eq!(still(&words, 20), None, "it was ended");
    // One text that has ended, or is contested, is told of otherwise.
    assert_eq!(still(&agreed(1, US, &[], 0, short), 50), None);
    let mut words = amended(Says::default(), Says::default());
    words.extend(agreed(3, THEM, &[1], 12, Says::default()));
    assert_eq!(still(&words, 20), Some(Standstill::Contested));
}
