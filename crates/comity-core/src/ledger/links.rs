//! From one entry to a later head: what shows that a signed head covers the entry, and tells nothing
//! of the entries between.

use super::{Head, LedgerEntry, Opening};
use crate::digest::Digest;
use crate::identity::EpochId;

/// One step of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next entry, by its digest. The entry's salt keeps it from being guessed.
    Entry(Digest),
    /// A new epoch, which follows from the head before: see [`Opening`].
    Epoch {
        /// The new epoch.
        epoch: EpochId,
        /// The epoch before it.
        previous: EpochId,
        /// The first number of the new epoch.
        first: u64,
    },
}

/// The way from an entry to a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The chain before the entry.
    pub before: Digest,
    /// What follows the entry, in order.
    pub steps: Vec<Step>,
}

/// A step does not follow from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("link {step} does not follow")]
pub struct Broken {
    /// Which, from 1.
    pub step: usize,
}

impl Links {
    /// The epoch and the head to which they lead from `entry`. Whether that head is the one that
    /// somebody signed, the caller compares.
    pub fn lead(&self, entry: &LedgerEntry) -> Result<(EpochId, Head), Broken> {
        let before = Head { number: entry.number.saturating_sub(1), chain: self.before };
        let (mut epoch, mut head) = (entry.epoch, before.after(entry.digest()));
        for (place, step) in self.steps.iter().enumerate() {
            match *step {
                Step::Entry(digest) => head = head.after(digest),
                Step::Epoch { epoch: next, previous, first } => {
                    let opening = Opening { epoch: next, previous, known: head, first };
                    if previous != epoch || next == epoch || first <= head.number {
                        return Err(Broken { step: place.saturating_add(1) });
                    }
                    (epoch, head) = (next, opening.head());
                }
            }
        }
        Ok((epoch, head))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{PartDigest, RecordId};
    use crate::ledger::Obligations;

    fn entry(number: u64, salt: u8) -> LedgerEntry {
        LedgerEntry {
            epoch: EpochId([1; 16]),
            number,
            record: RecordId([4; 32]),
            parts: vec![PartDigest([5; 32])],
            obligations: Obligations::default(),
            salt: [salt; 16],
        }
    }

    #[test]
    fn they_lead_where_the_chain_leads() {
        let entries: Vec<_> = (1..=4).map(|number| entry(number, 0)).collect();
        let heads: Vec<_> = entries
            .iter()
            .scan(Head::START, |head, entry| {
                *head = head.after(entry.digest());
                Some(*head)
            })
            .collect();
        let steps = entries[2..].iter().map(|entry| Step::Entry(entry.digest())).collect();
        let links = Links { before: heads[0].chain, steps };
        assert_eq!(links.lead(&entries[1]), Ok((EpochId([1; 16]), heads[3])));

        let mut short = links.clone();
        short.steps.pop();
        assert_eq!(short.lead(&entries[1]), Ok((EpochId([1; 16]), heads[2])));
        let mut other = links;
        other.steps[0] = Step::Entry(Digest([9; 32]));
        let (_, head) = other.lead(&entries[1]).unwrap();
        assert_eq!(head.number, heads[3].number);
        assert_ne!(head.chain, heads[3].chain);
    }

    #[test]
    fn they_cross_into_a_new_epoch_and_into_no_other() {
        let first = entry(1, 0);
        let known = Head::START.after(first.digest());
        let opening =
            Opening { epoch: EpochId([2; 16]), previous: EpochId([1; 16]), known, first: 5 };
        let next = LedgerEntry { epoch: opening.epoch, ..entry(5, 0) };
        let crossing =
            Step::Epoch { epoch: opening.epoch, previous: opening.previous, first: opening.first };
        let steps = vec![crossing, Step::Entry(next.digest())];
        let links = Links { before: Digest::ZERO, steps };
        let expected = opening.head().after(next.digest());
        assert_eq!(links.lead(&first), Ok((opening.epoch, expected)));

        let elsewhere =
            Step::Epoch { epoch: EpochId([3; 16]), previous: EpochId([9; 16]), first: 5 };
        let links = Links { before: Digest::ZERO, steps: vec![elsewhere] };
        assert_eq!(links.lead(&first), Err(Broken { step: 1 }));
        let backwards =
            Step::Epoch { epoch: EpochId([3; 16]), previous: EpochId([1; 16]), first: 1 };
        let links = Links { before: Digest::ZERO, steps: vec![backwards] };
        assert_eq!(links.lead(&first), Err(Broken { step: 1 }));
    }

    /// Whoever holds the record and guesses the number cannot tell whom it went to.
    #[test]
    fn a_digest_cannot_be_guessed_without_the_salt() {
        assert_ne!(entry(1, 1).digest(), entry(1, 2).digest());
    }
}
