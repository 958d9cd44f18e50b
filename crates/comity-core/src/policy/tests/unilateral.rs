//! What no order of words, and no word of one party alone, may do to what both have agreed on.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::facts::{THEM, US};
use super::words::{Heard, Says, Word, binds, day, id, permits};
use crate::identity::{EconomyId, RecordId};
use crate::policy::{Agreement, Place, Trees};
use crate::time::Timestamp;

/// Days on which is asked.
const DAYS: std::ops::Range<u64> = 0..90;
const TEXTS: u8 = 5;

fn party() -> impl Strategy<Value = EconomyId> {
    select(vec![US, THEM])
}

fn says() -> impl Strategy<Value = Says> {
    let starts = prop_oneof![3 => Just(0), 1 => 0_u64..50];
    let ends = option::weighted(0.2, 10_u64..70);
    let notice = select(vec![0_u32, 0, 5, 20]);
    (starts, ends, notice).prop_map(|(starts, ends, notice)| {
        let ends = ends.filter(|ends| *ends > starts);
        Says { starts, ends, notice }
    })
}

/// The proposal of a text, and perhaps its acceptance.
fn proposal(text: u8) -> impl Strategy<Value = Vec<Word>> {
    let before: Vec<u8> = (0..text).collect();
    let last = text.checked_sub(1).into_iter().collect::<Vec<_>>();
    let several = subsequence(before.clone(), 0..=before.len().min(3));
    let amends = prop_oneof![3 => Just(last), 2 => several];
    let accepted = prop::bool::weighted(0.8);
    (party(), amends, says(), accepted, 0_u64..40).prop_map(
        move |(by, amends, says, accepted, heard)| {
            let other = if by == US { THEM } else { US };
            let accepts = Word::Accepts { text, by: other, record: text + 100, heard };
            let mut words = vec![Word::Proposes { text, by, amends, says }];
            words.extend(accepted.then_some(accepts));
            words
        },
    )
}

/// What is said besides.
fn more() -> impl Strategy<Value = Vec<Word>> {
    let accepts = (0..TEXTS, party(), 0_u64..60, any::<bool>());
    let ends = (0..TEXTS, party(), 0_u64..50, 0_u64..70, prop::bool::weighted(0.5));
    let doubts = (0..TEXTS, any::<bool>());
    (vec(accepts, 0..3), vec(ends, 0..3), vec(doubts, 0..2)).prop_map(|(accepts, ends, doubts)| {
        let accepts = accepts
            .into_iter()
            .zip(120..)
            .map(|((text, by, heard, _), record)| Word::Accepts { text, by, record, heard });
        let ends =
            ends.into_iter().zip(150..).map(|((text, by, given, effective, first), record)| {
                let text = if first { 0 } else { text };
                Word::Ends { text, by, record, given, effective }
            });
        let doubts = doubts.into_iter().map(|(text, proposal)| {
            let record = if proposal { text } else { text + 100 };
            Word::Doubts { record }
        });
        accepts.chain(ends).chain(doubts).collect()
    })
}

fn words() -> impl Strategy<Value = Vec<Word>> {
    let proposals: Vec<_> = (0..TEXTS).map(|text| proposal(text).boxed()).collect();
    (proposals, more(), 1..=usize::from(TEXTS)).prop_map(|(proposals, more, texts)| {
        let proposed = proposals.into_iter().take(texts).flatten();
        proposed.chain(more).collect()
    })
}

/// The days from which on all of these words can have been heard.
fn since(words: &[Word]) -> impl Iterator<Item = Timestamp> {
    let heard = words.iter().map(|word| match word {
        Word::Accepts { heard, .. } => *heard,
        Word::Ends { given, .. } => *given,
        Word::Proposes { .. } | Word::Doubts { .. } => 0,
    });
    let last = heard.max().unwrap_or_default();
    DAYS.skip_while(move |number| *number < last).map(day)
}

fn without(words: &[Word], place: usize) -> Heard {
    let others = words.iter().enumerate().filter(|(other, _)| *other != place);
    Heard::of(others.map(|(_, word)| word))
}

/// Whether the words are one by which both have signed a text that amends `below`, or is it, such that one party
/// offered it and the other took it: a text that nobody took back, and that held for a while.
fn offered(with: &Heard, word: &Word, below: &RecordId) -> bool {
    let Some(text) = word.text().map(id).filter(|_| !matches!(word, Word::Ends { .. })) else {
        return false;
    };
    let both = with.texts.get(&text).is_some_and(|text| text.agreed().is_some());
    both && with.texts.iter().any(|(one, known)| {
        let Some((terms, agreed)) = known.terms().zip(known.agreed()) else { return false };
        (*one == text || with.amends(one, &text))
            && with.amends(one, below)
            && !known.is_ended()
            && terms.ends().is_none_or(|ends| ends > agreed)
    })
}

/// Whether an ending of a first text on which this one rests has run its notice: the longest of any text
/// that rests on it as well.
fn ran_out(with: &Heard, word: &Word, text: &RecordId, now: Timestamp) -> bool {
    let Word::Ends { text: first, given, effective, .. } = word else { return false };
    let (first, given, effective) = (id(*first), day(*given), day(*effective));
    let of_tree = |one: &RecordId| *one == first || with.amends(one, &first);
    let is_first = with.texts.get(&first).is_some_and(|one| one.amends().is_empty());
    let mut agreed = with.texts.iter().filter(|(id, one)| of_tree(id) && one.agreed().is_some());
    let over = agreed.all(|(_, one)| one.terms().is_some_and(|one| one.earliest_end(given) <= now));
    is_first && of_tree(text) && effective <= now && over
}

/// Whether a proposal that was missing only shows on what a text rests, all of which had ended.
fn found_its_end(
    (before, after): (&Trees, &Trees),
    word: &Word,
    text: &RecordId,
    now: Timestamp,
) -> bool {
    let bound = after.agreements().iter().find(|one| one.id() == *text);
    matches!(word, Word::Proposes { .. })
        && before.place(text) == Some(Place::Astray)
        && bound.and_then(Agreement::bound_until).is_some_and(|until| until <= now)
}

proptest! {
    #[test]
    fn the_order_in_which_words_come_decides_nothing(
        (words, shuffled) in words().prop_flat_map(|words| {
            (Just(words.clone()), Just(words).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(Heard::of(&words).stand(), Heard::of(&shuffled).stand());
    }

    /// What binds is shed by an ending whose notice has run, and by what one party offered and the other took.
    #[test]
    fn nobody_alone_sheds_what_binds(words in words()) {
        let with = Heard::of(&words);
        let after = with.stand();
        for (place, word) in words.iter().enumerate() {
            let before = without(&words, place).stand();
            for now in since(&words) {
                let still = binds(&after, now);
                for text in binds(&before, now).into_iter().filter(|one| !still.contains(one)) {
                    let text = id(text);
                    let free = offered(&with, word, &text)
                        || ran_out(&with, word, &text, now)
                        || found_its_end((&before, &after), word, &text, now);
                    prop_assert!(free, "{word:?} sheds {:?} at {now}", text.0[0]);
                }
            }
        }
    }

    /// What nobody offered begins to be permitted by no word of one party.
    #[test]
    fn nobody_alone_widens(words in words()) {
        let with = Heard::of(&words);
        let after = with.stand();
        for (place, word) in words.iter().enumerate() {
            let before = without(&words, place).stand();
            for now in since(&words) {
                let already = permits(&before, now);
                for text in permits(&after, now).into_iter().filter(|one| !already.contains(one)) {
                    let new = word.text().filter(|_| !matches!(word, Word::Ends { .. })).map(id);
                    let taken = new.is_some_and(|new| {
                        let both = with.texts.get(&new).is_some_and(|new| new.agreed().is_some());
                        let doubt = |one: &Word| {
                            matches!(one, Word::Doubts { record } if Some(*record % 100) == word.text())
                        };
                        // What is signed again, for the first signature is in doubt, stands as it stood.
                        let again = words.iter().any(doubt) && with.amends(&new, &id(text));
                        both && (new == id(text) || with.amends(&id(text), &new) || again)
                    });
                    prop_assert!(taken, "{word:?} permits {text} at {now}");
                }
            }
        }
    }

    /// A doubt never unbinds, and never lets anything through.
    #[test]
    fn a_doubt_only_narrows(words in words(), text in 0..TEXTS, proposal in any::<bool>()) {
        let before = Heard::of(&words).stand();
        let record = if proposal { text } else { text + 100 };
        let doubted = [words, vec![Word::Doubts { record }]].concat();
        let after = Heard::of(&doubted).stand();
        for now in DAYS.map(day) {
            let (bound, permitted) = (binds(&after, now), permits(&before, now));
            prop_assert!(binds(&before, now).iter().all(|one| bound.contains(one)), "at {now}");
            prop_assert!(permits(&after, now).iter().all(|one| permitted.contains(one)), "at {now}");
        }
    }

    /// What somebody has ended permits nothing from then on, whatever else is said.
    #[test]
    fn an_end_is_an_end(words in words()) {
        let heard = Heard::of(&words);
        let trees = heard.stand();
        for word in &words {
            let Word::Ends { text, effective, .. } = word else { continue };
            let first = id(*text);
            if heard.texts.get(&first).is_none_or(|one| !one.amends().is_empty()) {
                continue;
            }
            for now in DAYS.map(day).filter(|now| *now >= day(*effective)) {
                let permitted = permits(&trees, now);
                let of_tree = |one: &&u8| id(**one) == first || heard.amends(&id(**one), &first);
                prop_assert_eq!(permitted.iter().find(of_tree), None, "at {}", now);
            }
        }
    }

    /// One text of a tree permits at most; in a contest none does, and all bind.
    #[test]
    fn of_a_tree_one_text_permits_at_most(words in words()) {
        let trees = Heard::of(&words).stand();
        for tree in trees.iter() {
            for now in DAYS.map(day) {
                let of_tree = |one: &RecordId| tree.texts.contains(one) || tree.astray.contains(one);
                let (permitted, bound) = (permits(&trees, now), binds(&trees, now));
                let permitted = permitted.into_iter().filter(|one| of_tree(&id(*one))).count();
                prop_assert!(permitted <= usize::from(!tree.contested), "at {now}");
                let signed = trees.agreements().iter().filter(|one| tree.contested && tree.texts.contains(&one.id()));
                for one in signed.filter(|one| one.from() <= now && tree.ends.is_none()) {
                    let over = one.terms().ends().is_some_and(|ends| ends <= now);
                    prop_assert!(over || bound.contains(&one.id().0[0]), "at {now}");
                }
            }
        }
    }

    /// Where one text hands over to another, one of them permits before and after.
    #[test]
    fn there_is_no_gap_where_one_text_follows_another(words in words()) {
        let trees = Heard::of(&words).stand();
        for one in trees.agreements() {
            let Some(replaced) = one.replaced() else { continue };
            let before = Timestamp::from_millis(replaced.at.as_millis() - 1);
            let next = trees.agreements().iter().find(|next| next.id() == replaced.by);
            let next = next.expect("what replaces it is agreed");
            let over = one.terms().ends().into_iter().chain(next.until()).any(|end| end <= replaced.at);
            if one.in_force(before) && !over {
                let both = [one.in_force(replaced.at), next.in_force(replaced.at)];
                prop_assert_eq!(both, [false, true]);
            }
        }
    }
}
