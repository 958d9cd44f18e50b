//! What goes before its time, in truth: whatever clock a node has.

use comity_core::agreement::Tier;
use comity_core::{EconomyId, Kind, PartDigest, Timestamp, Tlp};

use super::Watch;
use super::groups::Admitted;
use crate::sim::truth::Deed;

impl Watch {
    /// Why none of these parts may be on its way yet, if so: it is `latest` at most.
    pub(super) fn timely(
        &self,
        (us, to): (EconomyId, EconomyId),
        deed: &Deed,
        parts: &[PartDigest],
        (admitted, glass): (&Admitted, bool),
    ) -> Result<bool, String> {
        let latest = self.latest;
        let mut timed = false;
        for (digest, piece) in parts.iter().filter_map(|part| Some((part, deed.parts.get(part)?))) {
            let marking = &piece.marking;
            let foreign = deed.origin != us;
            let embargo = marking.embargo_until.filter(|_| foreign);
            timed |= marking.release_at.is_some() || embargo.is_some();
            if let Some(at) = marking.release_at.filter(|at| *at > latest) {
                return Err(format!("nobody has it before {at}, and it is {latest} at most"));
            }
            if let Some(at) = embargo.filter(|at| *at > latest) {
                return Err(format!("nobody passes it on before {at}, and it is {latest} at most"));
            }
            let pairing = marking.tlp == Tlp::Clear && piece.general;
            if pairing || glass || deed.kind.is_control() || admitted.contains_key(digest) {
                continue;
            }
            if !self.begun((us, to), marking.tlp, latest) {
                return Err(format!("no agreement about {} has begun by {latest}", marking.tlp));
            }
        }
        Ok(timed)
    }

    /// Whether a record takes the place of one that nobody but its origin may pass on yet.
    pub(super) fn was_under_embargo(&self, deed: &Deed) -> bool {
        let before = deed.supersedes.iter().filter_map(|before| self.truth.deed(before));
        let mut pieces =
            before.filter(|one| one.origin == deed.origin).flat_map(|one| one.parts.values());
        pieces.any(|piece| piece.marking.embargo_until.is_some_and(|at| at > self.latest))
    }

    fn begun(&self, (us, to): (EconomyId, EconomyId), tlp: Tlp, latest: Timestamp) -> bool {
        let mut all = self.truth.deeds().filter(|deed| deed.kind == Kind::Agreement);
        all.any(|deed| {
            let between =
                deed.parties().is_some_and(|both| both.contains(&us) && both.contains(&to));
            let covers = deed.pact.is_some_and(|(tier, starts)| {
                let upto = match tier {
                    Tier::Paired => Tlp::Clear,
                    Tier::Mou => Tlp::Amber,
                    Tier::Nda | Tier::LawEnforcement => Tlp::Red,
                };
                starts <= latest && tlp <= upto
            });
            between && covers
        })
    }
}
