//! What we may say about agreements, and about texts that take the place of others. What others say is
//! taken in whatever it is: it permits nothing that we did not offer.

use comity_core::agreement::last_day;
use comity_core::policy::Tree;
use comity_core::{EconomyId, RecordId, Timestamp};

use super::State;
use super::agreements::Compact;
use super::records::Held;

impl State {
    /// Whether we may accept this proposal now.
    pub(crate) fn may_accept(&self, agreement: &RecordId, now: Timestamp) -> Result<(), String> {
        let compact = self.agreements.get(agreement).ok_or("no such proposal is here")?;
        if compact.proposer == self.us {
            return Err("only the other party can accept what we proposed".to_owned());
        }
        let Some(terms) = compact.terms() else {
            return Err("this version cannot read the proposal's text".to_owned());
        };
        match (compact.accepted, compact.terminated()) {
            (_, Some(_)) => return Err("the proposal was taken back".to_owned()),
            (Some(_), None) => return Err("the agreement is accepted already".to_owned()),
            (None, None) => {}
        }
        let amends = compact.text.amends();
        // What both had signed before one of the signatures came into doubt is only signed again.
        if amends.is_empty() || compact.text.agreed().is_some() {
            return Ok(());
        }
        if let Some(end) = terms.ends().filter(|end| *end <= now) {
            return Err(format!("its last day was {}", last_day(end)));
        }
        self.may_replace(amends, compact.partner)
    }

    /// Whether a text may take the place of these: they are all that anybody could amend in one agreement,
    /// which nobody has ended, and no proposal of ours is open that would take the place of one of them.
    pub(crate) fn may_replace(
        &self,
        amended: &[RecordId],
        partner: EconomyId,
    ) -> Result<(), String> {
        let tree = self.amended_tree(amended, partner)?;
        if let Some(end) = tree.ends {
            return Err(format!(
                "the agreement that it amends was ended, from {end}: propose anew"
            ));
        }
        if tree.heads != amended {
            return Err(
                "it amends another text than the one in force: ask for one that amends that"
                    .to_owned(),
            );
        }
        let ours = |one: &Compact| one.proposer == self.us;
        let mut open = self.agreements.amending(amended).filter(|(_, one)| ours(one));
        match open.next() {
            None => Ok(()),
            Some((open, _)) => {
                let open = self.called(open);
                Err(format!(
                    "our own proposal {open} would take the place of the same text: take it back before, with `comity agreement terminate {open}`"
                ))
            }
        }
    }

    fn amended_tree(&self, amended: &[RecordId], partner: EconomyId) -> Result<Tree, String> {
        let [first, ..] = amended else { return Err("it amends nothing".to_owned()) };
        let compact =
            self.agreements.get(first).ok_or("the agreement that it amends is not here")?;
        if compact.partner != partner {
            return Err("it amends an agreement with somebody else".to_owned());
        }
        let tree = self.agreements.tree(first);
        tree.ok_or_else(|| "it amends what was never agreed".to_owned())
    }

    /// Whether we may end this agreement at `effective`: one that is to end may end sooner. Whoever ends an
    /// agreement names its first text; a proposal is taken back by naming it.
    pub(crate) fn may_terminate(
        &self,
        agreement: &RecordId,
        effective: Timestamp,
    ) -> Result<(), String> {
        let compact = self.agreements.get(agreement).ok_or("no such agreement is here")?;
        let amends = !compact.text.amends().is_empty();
        if amends && compact.text.agreed().is_some() {
            return Err(
                "both have signed it: an agreement is ended by ending its first text".to_owned()
            );
        }
        match compact.terminated() {
            Some(before) if before <= effective && !self.is_ended_here_alone(agreement) => {
                Err(format!("the agreement is terminated already, from {before}"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether an agreement is ended here and at nobody else's: all words that end it are our own, and set aside, for
    /// the key that signed them had ended. They stand, for a doubt never lets more through, and another has to say it.
    pub(crate) fn is_ended_here_alone(&self, agreement: &RecordId) -> bool {
        let Some(compact) = self.agreements.get(agreement) else { return false };
        let unheard = |record| self.record(record).is_some_and(Held::is_set_aside);
        compact.text.is_ended()
            && compact.text.endings().all(|one| one.by == self.us && unheard(&one.record))
    }

    /// What people call a record here.
    pub(crate) fn called(&self, id: &RecordId) -> String {
        self.record(id).map_or_else(|| id.short(), |held| held.reference.clone())
    }
}
