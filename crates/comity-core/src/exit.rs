//! What leaves by another way than a link, such as a file.
//!
//! What our own people look at stays in the house, and is [`sight`](crate::sight)'s.
//!
//! [`let_out`] is the only function that makes a [`Released`], and whatever writes a record anywhere outside the
//! node takes nothing else. It cannot be made by hand:
//!
//! ```compile_fail,E0451
//! fn forge(contents: comity_core::exit::Contents) -> comity_core::exit::Released {
//!     comity_core::exit::Released { contents, obligations: Default::default() }
//! }
//! ```
//!
//! nor by a constructor:
//!
//! ```compile_fail,E0599
//! fn forge(contents: comity_core::exit::Contents) -> comity_core::exit::Released {
//!     comity_core::exit::Released::new(contents)
//! }
//! ```
//!
//! nor with a part more, from one that was made:
//!
//! ```compile_fail,E0616
//! fn widen(mut released: comity_core::exit::Released, more: comity_core::exit::Contents) {
//!     released.contents = more;
//! }
//! ```
//!
//! nor on easier terms:
//!
//! ```compile_fail,E0616
//! fn ease(mut released: comity_core::exit::Released) {
//!     released.obligations = comity_core::ledger::Obligations::unbound();
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::delivery::{Refused, is_record, wrong_body};
use crate::identity::{PartDigest, RecordId};
use crate::ledger::Obligations;
use crate::marking::Tlp;
use crate::policy::{
    Fact, Gate, Judgement, Lifecycle, Outcome, PartFacts, PolicySnapshot, Recipient, RecordFacts,
    Verdict, decide, plan,
};
use crate::time::Timestamp;
use crate::vocabulary::Section;

/// Who reads what leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Readers {
    /// Our own people.
    Own,
    /// Those whom we serve at home.
    Constituents,
    /// Everybody.
    Public,
}

impl Readers {
    /// The name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Constituents => "constituents",
            Self::Public => "public",
        }
    }

    /// Whom the decision is asked about. `desks`: those of this node, whose files our own people read.
    #[must_use]
    pub fn recipients(self, desks: &BTreeSet<String>) -> Vec<Recipient> {
        match self {
            Self::Own => {
                // No addressee can name a desk without a name: this is everybody here.
                let roles = std::iter::once(String::new()).chain(desks.iter().cloned());
                roles.map(|role| Recipient::LocalRole { role }).collect()
            }
            Self::Constituents => vec![Recipient::Constituent { name: String::new() }],
            Self::Public => vec![Recipient::Public],
        }
    }
}

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bytes of a record and of some of its parts, and nobody else's.
#[derive(Clone, PartialEq, Eq)]
pub struct Contents {
    record: RecordId,
    signed: Bytes,
    parts: Vec<(PartDigest, Bytes)>,
}

impl Contents {
    /// Hashes the bytes, so that what leaves is what is decided about.
    ///
    /// # Errors
    ///
    /// [`Refused::OtherRecord`] or [`Refused::OtherBytes`], where they are not what they are said to be.
    pub fn new(
        record: RecordId,
        signed: Bytes,
        parts: Vec<(PartDigest, Bytes)>,
    ) -> Result<Self, Refused> {
        if !is_record(&record, &signed) {
            return Err(Refused::OtherRecord);
        }
        let wrong = wrong_body(&parts);
        wrong.map_or(Ok(Self { record, signed, parts }), |part| Err(Refused::OtherBytes(part)))
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// How many bytes all of it has.
    #[must_use]
    pub fn size(&self) -> usize {
        let parts = self.parts.iter().map(|(_, body)| body.len());
        parts.fold(self.signed.len(), usize::saturating_add)
    }
}

/// Without the bytes.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("record", &self.record).finish_non_exhaustive()
    }
}

/// A record that was decided Release for whoever reads what leaves, with what they take on.
///
/// Only [`let_out`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    contents: Contents,
    obligations: Obligations,
}

impl Released {
    /// The signed form of the record.
    #[must_use]
    pub fn record(&self) -> &Bytes {
        &self.contents.signed
    }

    /// The parts, with their bytes.
    #[must_use]
    pub fn parts(&self) -> &[(PartDigest, Bytes)] {
        &self.contents.parts
    }

    /// What whoever reads it takes on: the strictest of all that its parts carry.
    #[must_use]
    pub fn obligations(&self) -> &Obligations {
        &self.obligations
    }
}

/// The parts that may leave: those that at least one of the readers may have. TLP:RED is for people who are
/// named, an addressee part names one of them, and neither goes anywhere but over a link.
#[must_use]
pub fn leaving(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    readers: &[Recipient],
    now: Timestamp,
) -> BTreeSet<PartDigest> {
    let leaving = with_terms(snapshot, record, parts, readers, now);
    leaving.into_keys().collect()
}

/// What keeps a part from leaving that our own people are shown: the first of the rules that hold for whatever
/// leaves. Who prepares a release sees it before its time, and what waits for a second person, and what the
/// egress guard holds; what they are shown does not leave.
#[must_use]
pub fn kept_in(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    part: &PartFacts,
    now: Timestamp,
) -> Option<Judgement> {
    const FOR_ALL: [Gate; 3] = [Gate::ReleaseTime, Gate::Approval, Gate::EgressGuard];
    let outside = decide(snapshot, record, part, &Recipient::Public, now);
    // On what one signed whose newest keyring may be kept from us nothing rests, and what has left cannot say so later.
    let shaky = |fact: &Fact| matches!(fact, Fact::KeyringUnconfirmed(_));
    let holds = |one: &&Judgement| {
        (FOR_ALL.contains(&one.gate) || shaky(&one.fact)) && one.verdict != Verdict::Pass
    };
    outside.judgements().iter().find(holds).copied()
}

/// The parts that may leave, each with everything that its readers take on with it.
fn with_terms(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    readers: &[Recipient],
    now: Timestamp,
) -> BTreeMap<PartDigest, Vec<Obligations>> {
    // What goes in an emergency goes over a link, from where it is recalled: a file is not.
    let record = &RecordFacts { emergencies: Vec::new(), ..record.clone() };
    let leaves =
        |part: &&PartFacts| part.marking.tlp != Tlp::Red && part.section != Section::Addressee;
    let own = readers.iter().any(|reader| matches!(reader, Recipient::LocalRole { .. }));
    let asked = parts.iter().filter(leaves).filter(|_| own);
    let stays_in = asked.filter(|part| kept_in(snapshot, record, part, now).is_some());
    let stays_in: BTreeSet<_> = stays_in.map(|part| part.digest).collect();
    let mut leaving: BTreeMap<PartDigest, Vec<Obligations>> = BTreeMap::new();
    let mut goes = |part: &PartFacts, outcome: &Outcome| match outcome {
        Outcome::Release(terms) => leaving.entry(part.digest).or_default().push(terms.clone()),
        Outcome::Withhold | Outcome::HoldUntil(_) => {}
    };
    for reader in readers {
        match reader {
            Recipient::LocalRole { .. } => {
                let leaving =
                    parts.iter().filter(leaves).filter(|part| !stays_in.contains(&part.digest));
                for part in leaving {
                    goes(part, decide(snapshot, record, part, reader, now).outcome());
                }
            }
            Recipient::Partner { .. } | Recipient::Constituent { .. } | Recipient::Public => {
                let plan = plan(snapshot, record, parts, reader, now);
                for (part, planned) in parts.iter().zip(plan.parts()).filter(|(it, _)| leaves(it)) {
                    if plan.releases().contains(&part.digest) {
                        goes(part, planned.decision.outcome());
                    }
                }
            }
        }
    }
    leaving
}

/// Whether what a record is called may stand in a file for others. Of others' records that is the first line of what
/// they say; and what goes nowhere is not called by its name either. So all of its content may be the
/// public's, or, where it is marked up to `most`, would be if its label let it.
#[must_use]
pub fn may_be_named(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    most: Tlp,
    now: Timestamp,
) -> bool {
    // What goes in an emergency goes to one partner.
    let record = &RecordFacts { emergencies: Vec::new(), ..record.clone() };
    let named = |part: &PartFacts| {
        let decided = decide(snapshot, record, part, &Recipient::Public, now);
        let but_for_its_label = || {
            let passes = |one: &Judgement| one.verdict == Verdict::Pass || one.gate == Gate::Tlp;
            part.marking.tlp <= most && decided.judgements().iter().all(passes)
        };
        decided.is_release() || but_for_its_label()
    };
    let mut content = parts.iter().filter(|part| part.is_content()).peekable();
    let stands = record.lifecycle == Lifecycle::Live && !record.pending && !record.quarantined;
    stands && record.floor.tlp <= most && content.peek().is_some() && content.all(named)
}

/// Decides at the moment at which a record leaves. Nothing leaves that does not stand, for what has left
/// cannot say so later; nor a record without a part; nor parts together that may be used for no purpose
/// that all of them have.
///
/// # Errors
///
/// [`Refused`], and nothing leaves.
pub fn let_out(
    snapshot: &PolicySnapshot,
    record: &RecordFacts,
    parts: &[PartFacts],
    readers: &[Recipient],
    now: Timestamp,
    contents: Contents,
) -> Result<Released, Refused> {
    if contents.record != record.id {
        return Err(Refused::OtherRecord);
    }
    let stands = record.lifecycle == Lifecycle::Live && !record.pending && !record.quarantined;
    if !stands || contents.parts.is_empty() {
        return Err(Refused::NotReleased);
    }
    let leaving = with_terms(snapshot, record, parts, readers, now);
    let mut obligations = Obligations::unbound();
    for (part, _) in &contents.parts {
        for terms in leaving.get(part).ok_or(Refused::NotReleased)? {
            obligations = obligations.meet(terms).ok_or(Refused::NoCommonPurpose)?;
        }
    }
    Ok(Released { contents, obligations })
}
