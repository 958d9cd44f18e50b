//! What a recipient can find out about others from the bytes that it is sent: nobody is named in them whom it may not
//! know of, and what stands in a manifest bounds how many there are by a power of two, and no closer.
//!
//! Every frame is looked through for the id of every economy there is, as bytes and in the form in which it is shown;
//! only the chunks of large parts are not, which carry what their author sealed and the batch announced.

use std::collections::BTreeSet;

use comity_core::consent::ConsentBody;
use comity_core::control::AcknowledgementBody;
use comity_core::record::{self, Addressee};
use comity_core::{EconomyId, Kind, Section};

use super::{Broken, Watch, broken};
use crate::sim::truth::Deed;
use crate::sim::wire::{Line, Said};

/// Bytes of an id by which it is known in what is told to operators.
const SHOWN: usize = 4;

impl Watch {
    /// A frame that leaves a node names nobody whom the partner may not know of.
    pub fn discreet(
        &self,
        (us, to): (EconomyId, EconomyId),
        said: &Said,
        frame: &[u8],
    ) -> Result<(), Broken> {
        let mut known = BTreeSet::from([us, to]);
        match said {
            // A leaf of a part that the batch announced, which was looked through when it was sealed.
            Said::Chunk { .. } => return Ok(()),
            // Its own, as it sent them.
            Said::Batch { returned: true, .. } => return Ok(()),
            Said::Batch { returned: false, lines } => {
                for line in lines {
                    known.extend(self.says_nothing_of_others((us, to), line)?);
                }
            }
            // What the partner brought was refused for nobody knew its origin.
            Said::Known { origin, .. } if self.has_brought(to, us, origin) => {
                known.insert(*origin);
            }
            // Of whom the partner may have a record, or whose it is.
            Said::Head(economy) if self.has_brought(us, to, economy) => {
                known.insert(*economy);
            }
            _ => {}
        }
        self.names_only(&known, frame).map_err(|who| {
            let what = format!("{said:?}");
            let what = what.split([' ', '(']).next().unwrap_or_default();
            broken(14, format!("{what} tells {} of {}", to.short(), who.short()))
        })
    }

    /// Whether something of an economy was handed over, as far as the wire or the journal of who did says so.
    fn has_brought(&self, by: EconomyId, to: EconomyId, origin: &EconomyId) -> bool {
        let handed = self.handed.get(&(by, to)).into_iter().flatten();
        let shadow = self.shadows.iter().find(|shadow| shadow.us == Some(by));
        let decided = shadow.into_iter().flat_map(|shadow| &shadow.out);
        let decided = decided.filter(|((whom, _, _), _)| *whom == to);
        let all = handed.chain(decided.map(|(_, decided)| &decided.entry.record));
        let mut all = all.filter_map(|record| self.truth.deed(record));
        all.any(|deed| deed.origin == *origin)
    }

    /// A delivery says whom its recipient may know of, and no more. Who these are.
    fn says_nothing_of_others(
        &self,
        (us, to): (EconomyId, EconomyId),
        line: &Line,
    ) -> Result<BTreeSet<EconomyId>, Broken> {
        // Of what was never signed, other invariants speak.
        let Some(deed) = self.truth.deed(&line.entry.record) else { return Ok(BTreeSet::new()) };
        let what = format!("number {} ({} {})", line.entry.number, deed.kind, deed.id.short());
        let mut known = BTreeSet::from([us, to, deed.origin]);
        if deed.kind.is_control() {
            let named = self.named_to(deed, (us, to));
            known.extend(
                named.map_err(|why| broken(14, format!("{what} is handed over though {why}")))?,
            );
        } else {
            let pieces = line.entry.parts.iter().filter_map(|part| deed.parts.get(part));
            for piece in pieces.filter(|piece| piece.section == Section::Addressee) {
                let own = |one: &&Addressee| {
                    one.group.is_some() || one.economy == Some(to) || one.relays.contains(&to)
                };
                let Some(own) = piece.addressee.as_ref().filter(own) else {
                    return Err(broken(14, format!("{what} names another recipient")));
                };
                known.extend(own.economy.iter().chain(&own.relays));
            }
            counts_nobody(deed, line).map_err(|why| broken(14, format!("{what} {why}")))?;
        }
        self.names_only(&known, &line.bytes)
            .map_err(|who| broken(14, format!("{what} tells {} of {}", to.short(), who.short())))?;
        Ok(known)
    }

    /// Whom a control record names to somebody, which it is for.
    fn named_to(
        &self,
        deed: &Deed,
        (us, to): (EconomyId, EconomyId),
    ) -> Result<BTreeSet<EconomyId>, &'static str> {
        match deed.kind {
            Kind::Agreement => match deed.parties() {
                Some(parties) if parties.contains(&to) => Ok(parties.into()),
                Some(_) | None => Err("it is between others"),
            },
            Kind::Withdrawal => {
                let from = deed.taken_back_from();
                if !from.is_empty() && !from.contains(&to) {
                    return Err("it takes nothing back from the recipient");
                }
                Ok(BTreeSet::new())
            }
            Kind::Consent => match ConsentBody::decode(&deed.body) {
                Ok(ConsentBody::Ask(ask)) if ask.origin == to => {
                    Ok(ask.recipients.into_iter().collect())
                }
                Ok(ConsentBody::Grant(grant)) if [grant.asker, grant.grantee].contains(&to) => {
                    Ok([grant.asker, grant.grantee].into())
                }
                Ok(ConsentBody::Refusal(refusal)) if refusal.asker == to => Ok(BTreeSet::new()),
                Ok(_) | Err(_) => Err("what is said about consent is not for the recipient"),
            },
            // Whoever took something back learns who had it, and so does on the way whoever passed that on to them.
            Kind::Acknowledgement => match AcknowledgementBody::decode(&deed.body) {
                Ok(body) if body.to == to => Ok(BTreeSet::new()),
                Ok(body) => {
                    let told = self.handed.get(&(to, us));
                    let asked = told.is_some_and(|told| told.contains(&body.withdrawal));
                    if asked { Ok([body.to].into()) } else { Err("the recipient did not ask") }
                }
                Err(_) => Err("it cannot be read"),
            },
            Kind::Approval => Err("it stays at home"),
            // Members know each other, and those who apply: whom words about a group are for is invariant 8.
            Kind::Group | Kind::Roster => Ok(self.economies.iter().copied().collect()),
            _ => Ok(BTreeSet::new()),
        }
    }

    /// The first economy besides these that bytes name.
    fn names_only(&self, known: &BTreeSet<EconomyId>, bytes: &[u8]) -> Result<(), EconomyId> {
        let others = || self.economies.iter().filter(|one| !known.contains(one));
        let mut first = [false; 256];
        for other in others() {
            let shown = other.short();
            for byte in [other.0.first(), shown.as_bytes().first()].into_iter().flatten() {
                first[usize::from(*byte)] = true;
            }
        }
        for at in bytes.iter().enumerate().filter(|(_, byte)| first[usize::from(**byte)]) {
            let rest = &bytes[at.0..];
            let named = others().find(|other| {
                rest.starts_with(&other.0)
                    || (rest.len() >= SHOWN * 2 && rest.starts_with(other.short().as_bytes()))
            });
            if let Some(named) = named {
                return Err(*named);
            }
        }
        Ok(())
    }
}

/// A manifest has as many lines as the next power of two of its parts, whatever they are for.
fn counts_nobody(deed: &Deed, line: &Line) -> Result<(), &'static str> {
    let read = record::parse(&line.signed).map_err(|_| "cannot be read")?;
    let lines = &read.manifest().parts;
    if lines.len() != deed.parts.len().next_power_of_two() {
        return Err("has lines for a number of parts that is no power of two");
    }
    let parts = lines.iter().filter(|line| deed.parts.contains_key(&line.digest));
    let sizes: BTreeSet<_> = parts.map(|part| part.size).collect();
    if lines.iter().all(|line| sizes.contains(&line.size)) {
        return Ok(());
    }
    Err("has lines whose size says that they are padding")
}
