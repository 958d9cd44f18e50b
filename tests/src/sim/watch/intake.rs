//! What is taken in from whom, what waits for a person, and what a person said of it: the rules of
//! `docs/src/inbound.md` once more, read from the journal, sharing no code with the node's own reading.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::intake::Intake;
use comity_core::journal::{Source, Standing};
use comity_core::policy::{self, Recipient};
use comity_core::receipt::{RejectReason, UnverifiedReceipt};
use comity_core::{EconomyId, Kind, RecordId, Timestamp};
use comity_node::state::State;

use super::shadow::Shadow;
use super::{Broken, Watch, broken};
use crate::sim::node::Node;
use crate::sim::truth::Deed;

/// What a house has to say of what others bring.
#[derive(Default)]
pub struct Desk {
    /// What was said of each economy, in order: for these kinds, or for all.
    rules: BTreeMap<EconomyId, Vec<(Vec<Kind>, Intake)>>,
    /// Records that wait for a person, by the rule for whom.
    waits: BTreeMap<RecordId, EconomyId>,
    /// What a person said of a record last, and has to say again where parts came that nobody has seen.
    said: BTreeMap<RecordId, bool>,
    /// Records that a person dropped, at one time or another.
    dropped: BTreeSet<RecordId>,
    /// Records of which something was not taken.
    declined: BTreeSet<RecordId>,
    /// Numbers that were not taken.
    refused: BTreeSet<(EconomyId, u64)>,
    /// Numbers of which whoever brought them hears that they came, and nothing else.
    quiet: BTreeSet<(EconomyId, u64)>,
    /// Records of which something has changed since all of them were looked at.
    touched: BTreeSet<RecordId>,
}

impl Desk {
    /// A person says what is to be taken of an economy.
    pub(super) fn rules(&mut self, economy: EconomyId, kinds: &[Kind], rule: Intake) {
        self.rules.entry(economy).or_default().push((kinds.to_vec(), rule));
    }

    fn rule(&self, economy: &EconomyId, kind: Kind) -> Intake {
        let said = self.rules.get(economy).into_iter().flatten().rev();
        let mut said = said.filter(|(kinds, _)| kinds.is_empty() || kinds.contains(&kind));
        said.next().map_or(Intake::Accept, |(_, rule)| *rule)
    }

    /// What becomes of a record that somebody brings, and by the rule for whom.
    fn stricter(&self, us: Option<EconomyId>, from: EconomyId, deed: &Deed) -> (Intake, EconomyId) {
        if deed.kind.is_control() || us == Some(deed.origin) {
            return (Intake::Accept, from);
        }
        let (brought, signed) = (self.rule(&from, deed.kind), self.rule(&deed.origin, deed.kind));
        if brought > signed { (brought, from) } else { (signed, deed.origin) }
    }

    /// Whether a person has yet to say that a record counts, or has said that it does not.
    #[must_use]
    pub fn keeps(&self, record: &RecordId) -> bool {
        match self.said.get(record) {
            Some(counts) => !counts,
            None => self.waits.contains_key(record),
        }
    }

    /// Records that are kept from everybody.
    pub fn kept(&self) -> impl Iterator<Item = RecordId> + '_ {
        let all = self.waits.keys().chain(self.said.keys()).copied().collect::<BTreeSet<_>>();
        all.into_iter().filter(|record| self.keeps(record))
    }

    /// Whether a person said that it counts.
    #[must_use]
    pub fn has_released(&self, record: &RecordId) -> bool {
        self.said.get(record) == Some(&true)
    }

    /// Whether something of a record is missing here because somebody here did not want it.
    #[must_use]
    pub fn may_lack(&self, record: &RecordId) -> bool {
        self.dropped.contains(record) || self.declined.contains(record)
    }

    /// Of how many records something was not taken.
    #[must_use]
    pub fn not_taken(&self) -> u64 {
        self.declined.len() as u64
    }
}

impl Shadow {
    /// A record came, for the first time or again, with parts that are new here or without.
    pub(super) fn brought(
        &mut self,
        deed: &Deed,
        source: &Source,
        (first, new): (bool, bool),
    ) -> Result<(), Broken> {
        let Some(from) = source.brought_by() else { return Ok(()) };
        let (rule, whose) = self.desk.stricter(self.us, from, deed);
        let short = deed.id.short();
        if rule == Intake::Refuse && matches!(source, Source::Partner(_)) {
            return Err(broken(12, format!("{short} is taken in against a rule of this house")));
        }
        let holds = (rule > Intake::Accept).then_some(whose);
        let accepted = self.records.get(&deed.id).is_some_and(|entered| entered.accepted);
        let waits = match (self.desk.waits.get(&deed.id).copied(), holds) {
            (_, holds) if first => holds,
            (Some(_), None) => None,
            (Some(_), Some(whose)) if new => Some(whose),
            (None, Some(whose)) if new && whose == deed.origin => Some(whose),
            (before, _) => before,
        };
        self.desk.waits.remove(&deed.id);
        self.desk.waits.extend(waits.map(|whose| (deed.id, whose)));
        if new && !first && waits.is_some() && accepted {
            self.desk.said.remove(&deed.id);
        }
        self.desk.touched.insert(deed.id);
        if let (Source::Partner(delivered), true) = (source, self.desk.keeps(&deed.id)) {
            self.desk.quiet.insert((delivered.from, delivered.entry.number));
        }
        Ok(())
    }

    /// Something was not taken.
    pub(super) fn declined(
        &mut self,
        deed: &Deed,
        from: EconomyId,
        number: u64,
    ) -> Result<(), Broken> {
        if self.desk.stricter(self.us, from, deed).0 != Intake::Refuse {
            let short = deed.id.short();
            return Err(broken(12, format!("{short} is not taken, and no rule says so")));
        }
        self.desk.declined.insert(deed.id);
        self.desk.refused.insert((from, number));
        Ok(())
    }

    /// A person said what is to stand of a record.
    pub(super) fn ruled(&mut self, record: RecordId, standing: &Standing) {
        self.desk.said.insert(record, *standing == Standing::Accepted);
        if *standing == Standing::Dropped {
            self.desk.dropped.insert(record);
        }
        self.desk.touched.insert(record);
    }

    /// Something else stands of a record than before.
    pub(super) fn turned(&mut self, record: RecordId) {
        self.desk.touched.insert(record);
    }

    /// After each batch: nothing counts that waits for a person, or of which one said that it does not.
    pub(super) fn desk_holds(&mut self) -> Result<(), Broken> {
        for record in std::mem::take(&mut self.desk.touched) {
            let accepted = self.records.get(&record).is_some_and(|entered| entered.accepted);
            if accepted && self.desk.keeps(&record) {
                let short = record.short();
                return Err(broken(12, format!("{short} counts, and a person has yet to say so")));
            }
        }
        Ok(())
    }
}

impl Watch {
    /// Whoever brought something that is looked at, or was dropped, hears what it always hears.
    pub(super) fn told_of_number(
        &self,
        node: usize,
        to: EconomyId,
        number: u64,
    ) -> Result<(), Broken> {
        if self.shadows[node].desk.quiet.contains(&(to, number)) {
            let how = format!("number {number} is refused where a person looks at what it brought");
            return Err(broken(12, how));
        }
        Ok(())
    }

    /// So does a receipt; and of what a rule of this house refuses it says what it says of any other author.
    pub(super) fn told_in_receipt(
        &self,
        node: usize,
        to: EconomyId,
        signed: &[u8],
    ) -> Result<(), Broken> {
        let receipt = UnverifiedReceipt::parse(signed)
            .map_err(|error| broken(2, format!("a receipt that cannot be read: {error}")))?;
        for (number, reason) in receipt.verified_before().rejects {
            self.told_of_number(node, to, number)?;
            let by_rule = self.shadows[node].desk.refused.contains(&(to, number));
            if by_rule && reason != RejectReason::NotEntitled {
                let how = format!("number {number} was refused by a rule, and it says: {reason}");
                return Err(broken(12, how));
            }
        }
        Ok(())
    }

    /// Whether a record is kept in the house by what people said of it, or have not said yet.
    pub(super) fn looked_at(&self, node: usize, deed: &Deed) -> Result<(), String> {
        if self.shadows[node].desk.keeps(&deed.id) {
            return Err("a person has yet to look at it, or put it aside".to_owned());
        }
        Ok(())
    }

    /// What is kept from everybody has no way out, whoever asks.
    pub fn no_exit(&self, node: usize, state: &State, now: Timestamp) -> Result<(), Broken> {
        for id in self.shadows[node].desk.kept() {
            let Some(held) = state.record(&id) else { continue };
            let plan =
                |to: &Recipient| policy::plan(state.policy(), &held.facts, &held.parts, to, now);
            let constituent = Recipient::Constituent { name: String::new() };
            let partners = state.partners().map(|(economy, _)| Recipient::partner(*economy));
            let mut all = partners.chain([constituent, Recipient::Public]);
            if let Some(to) = all.find(|to| plan(to).goes()) {
                let how = format!("{} may leave for {to:?}, and nobody has let it", id.short());
                return Err(broken(12, how));
            }
        }
        Ok(())
    }

    /// At the end, at every honest node.
    pub(super) fn desks_settled(&self, nodes: &[Node], now: Timestamp) -> Result<(), Broken> {
        for (node, of) in nodes.iter().enumerate().filter(|(_, of)| !of.hostile) {
            if let Some(engine) = &of.engine {
                self.no_exit(node, engine.state(), now)?;
            }
        }
        Ok(())
    }
}
