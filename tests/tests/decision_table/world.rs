//! From a case to partners, a record and a part, and the gate's answer.

use std::collections::BTreeSet;

use comity_core::keyring::{Confirmation, Place};
use comity_core::limits::{CLOCK_TOLERANCE, HEAD_MAX_AGE};
use comity_core::policy::{
    Decision, Fact, Gate, Partner, PolicyBuilder, PolicySnapshot, Standing, TrustLevel, Verdict,
    decide, decide_control,
};
use comity_core::{EconomyId, Timestamp};

use crate::cell::{Cell, Dimension as D};
use crate::control;
use crate::groups::Groups;
use crate::names::{self, words};
use crate::papers::Papers;
use crate::part;
use crate::scopes::Of;

pub const US: EconomyId = EconomyId([1; 32]);
pub const THEM: EconomyId = EconomyId([2; 32]);
pub const OTHER: EconomyId = EconomyId([3; 32]);
/// A partner with whom nothing is signed.
pub const THIRD: EconomyId = EconomyId([14; 32]);
pub const NOW: Timestamp = Timestamp::from_secs(1_795_300_000);
pub const AHEAD: Timestamp = Timestamp::from_secs(1_795_300_060);
pub const LATER: Timestamp = Timestamp::from_secs(1_795_300_120);
pub const PAST: Timestamp = Timestamp::from_secs(1_795_299_940);
pub const DESK: &str = "cyber crime";

/// What a gate said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub verdict: String,
    pub because: String,
}

/// What was heard of a gate: its verdict, and the name of the fact.
pub type Heard = (Of, Gate, &'static str, &'static str);

/// Builds cases, keeps what it has read for them, and what was said.
#[derive(Default)]
pub struct Worlds {
    papers: Papers,
    groups: Groups,
    pub heard: BTreeSet<Heard>,
    /// What facts were about, where that is a closed set of its own.
    pub details: BTreeSet<String>,
}

impl Worlds {
    /// What a gate says of a case.
    pub fn said(&mut self, cell: &Cell, of: Of, gate: Gate) -> Said {
        let decision = self.decision(cell, of);
        let Some(judgement) = decision.judgement(gate) else {
            assert!(of == Of::Control && !decision.is_release(), "{gate} was not asked");
            return Said {
                verdict: "is not asked".to_owned(),
                because: "another refuses".to_owned(),
            };
        };
        let (verdict, shown) = match judgement.verdict {
            Verdict::Pass if judgement.passed => ("stands in", "**passes by it**".to_owned()),
            Verdict::Pass => ("pass", "passes".to_owned()),
            Verdict::Deny => ("deny", "**refuses**".to_owned()),
            Verdict::Hold(until) if until == AHEAD => ("hold", "holds until T".to_owned()),
            Verdict::Hold(until) => {
                assert_eq!(until, LATER);
                ("hold", "holds until after T".to_owned())
            }
        };
        self.heard.insert((of, gate, verdict, names::fact(&judgement.fact)));
        self.details.extend(names::detail(&judgement.fact));
        Said { verdict: shown, because: reason(&judgement.fact) }
    }

    fn decision(&mut self, cell: &Cell, of: Of) -> Decision {
        let (builder, recipient) = (self.policy(cell), part::recipient(cell));
        match of {
            Of::Part => {
                let (record, part) = part::record(cell);
                decide(&builder.build(), &record, &part, &recipient, NOW)
            }
            Of::Control => {
                let (record, builder) = control::record(cell, builder);
                decide_control(&builder.build(), &record, &recipient, NOW)
            }
        }
    }

    fn policy(&mut self, cell: &Cell) -> PolicyBuilder {
        let mut builder = PolicySnapshot::builder(US);
        let standing = match cell.value(D::Standing) {
            "paired" => Some(Standing::Paired),
            "suspended" => Some(Standing::Suspended),
            "frozen" => Some(Standing::Frozen),
            "revoked" => Some(Standing::Revoked),
            _ => None,
        };
        if let Some(standing) = standing {
            let level = cell.value(D::Trust).parse().ok().and_then(TrustLevel::from_number);
            let partner = Partner::new().at(level.unwrap()).standing(standing);
            let signed = self.papers.with_the_recipient(cell);
            builder = builder.partner(THEM, signed.into_iter().fold(partner, Partner::with));
        }
        let signed = self.papers.with_the_other(cell);
        builder = builder.partner(OTHER, signed.into_iter().fold(Partner::new(), Partner::with));
        builder = builder.partner(THIRD, Partner::new());
        if let Some(consent) = part::consent(cell) {
            builder = builder.consent(consent);
        }
        if !cell.is(D::Guard, &["no rule", "no rule, matched"]) {
            builder = builder.guarded(7);
        }
        for (economy, said) in [(OTHER, D::Head), (THEM, D::Link)] {
            if let Some(said) = confirmation(cell.value(said)) {
                builder = builder.confirmed(economy, said);
            }
        }
        self.groups.known(cell, builder)
    }
}

/// What an economy has said of its keyring.
fn confirmation(said: &str) -> Option<Confirmation> {
    let place = Place { rotations: 0, version: 2 };
    let (old, ahead) = (NOW.saturating_sub(HEAD_MAX_AGE), AHEAD.saturating_add(CLOCK_TOLERANCE));
    let awaited = |from, confirmed| Some(Confirmation::Awaited { place, from, confirmed });
    match said {
        "confirmed lately" => Some(Confirmation::At(PAST)),
        "not confirmed lately" => Some(Confirmation::At(old)),
        "confirmed for after T" => Some(Confirmation::At(ahead)),
        "a newer one on its way" => awaited(AHEAD, PAST),
        "a newer one on its way, not confirmed lately" => awaited(AHEAD, old),
        "a newer one on its way, confirmed for after T" => awaited(AHEAD, ahead),
        "a newer one awaited" => awaited(NOW, PAST),
        "contradicted" => Some(Confirmation::Contradicted(place)),
        _ => None,
    }
}

/// A fact in words: what it measured is in the row already.
fn reason(fact: &Fact) -> String {
    let name = match fact {
        Fact::Contradiction(error) => names::contradicted(error),
        other => names::fact(other),
    };
    match fact {
        Fact::Unbuilt(_) => "cannot be weighed".to_owned(),
        Fact::OutsideGroup(why) | Fact::OutsideCommunity(why) => {
            format!("{}: {}", words(name), words(names::exclusion(why)))
        }
        _ => words(name),
    }
}
