//! Entries are made: folded at once, with everything that follows from them.

use std::collections::BTreeSet;

use bytes::Bytes;
use comity_core::control::TerminationBody;
use comity_core::journal::{
    DeliveryDecided, JournalEntry, Judged, PartHeld, PartsArrived, RecordEntered, Source, Standing,
};
use comity_core::limits::ENTRY_BYTES;
use comity_core::record::{Manifest, Part};
use comity_core::{EconomyId, Kind, PartDigest, RecordId, Section, Timestamp, Urgency};
use comity_store::NewEntry;

use super::{Checked, Effect, Engine, Then};
use crate::state::{FoldError, RootTurn, titles};

/// Why an entry was not made. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    /// The store would refuse it, and everything with it.
    #[error(
        "its journal entry would have {0} bytes, more than the {ENTRY_BYTES} that one may have"
    )]
    TooLarge(usize),
    /// It could not be read again.
    #[error(transparent)]
    Unreadable(#[from] FoldError),
}

/// What links, network and operator have been told of. It is asked at every step, so all of it are
/// counters.
#[derive(Clone, Copy)]
struct Told {
    partners: u64,
    turns: u64,
    freezes: u64,
}

impl Engine {
    /// Makes an entry of our own words, which always fits.
    pub(super) fn enter(&mut self, entry: &JournalEntry, blobs: Vec<(PartDigest, Bytes)>) {
        if let Err(why) = self.try_to_enter(entry, blobs) {
            debug_assert!(false, "an entry of our own: {why}");
            self.alarm(None, "not-entered", why.to_string());
        }
    }

    /// Makes an entry: folded at once, durable with this step's batch. Unless it does not fit: then
    /// nothing has changed. An entry that only the next start finds out about would be its last.
    pub(super) fn try_to_enter(
        &mut self,
        entry: &JournalEntry,
        mut blobs: Vec<(PartDigest, Bytes)>,
    ) -> Result<(), Unfit> {
        let (seq, body) = (self.state.next_seq(), entry.encode());
        if body.len() > ENTRY_BYTES {
            return Err(Unfit::TooLarge(body.len()));
        }
        // What was erased is not kept again, whoever brings it. The entry says that it came.
        blobs.retain(|(body, _)| !self.state.is_erased(body));
        debug_assert_eq!(JournalEntry::decode(entry.kind(), &body).as_ref(), Ok(entry));
        let before = self.told();
        self.state.apply(entry)?;
        if let JournalEntry::Record(entered) = entry {
            self.fresh.keep_record(seq, Bytes::copy_from_slice(&entered.signed));
        }
        for (digest, body) in &blobs {
            self.fresh.keep_part(*digest, body.clone());
        }
        self.batch.push(NewEntry { kind: entry.kind(), body: body.into(), blobs });
        self.note_head(entry);
        self.widen_for();
        // Before a link is asked for anything back: whatever is decided next sees it.
        self.judge_due();
        self.tell_since(before);
        Ok(())
    }

    /// What links, network and operator have been told of.
    fn told(&self) -> Told {
        let state = &self.state;
        let (partners, turns) = (state.partners_version(), state.turns());
        Told { partners, turns, freezes: state.groups().freezes() }
    }

    /// Tells them what has turned since.
    fn tell_since(&mut self, before: Told) {
        if self.state.groups().freezes() != before.freezes {
            self.tell_frozen(before.freezes);
        }
        self.tell_late();
        self.tell_roots();
        self.tell_recalled();
        self.tell_files();
        if self.state.turns() != before.turns {
            self.reclaim_all();
        }
        if self.state.partners_version() != before.partners {
            self.tell_partners();
        }
    }

    /// Two rosters of one epoch: nothing goes to the group any more, and a person has to know why.
    fn tell_frozen(&mut self, before: u64) {
        for id in self.state.groups().frozen_since(before) {
            let Some(group) = self.state.groups().get(&id) else { continue };
            let name = group.founding().charter().name().to_owned();
            let epoch = group.fork().map_or(0, |fork| fork.epoch);
            let secretariat = group.head().secretariat;
            let about = (secretariat != self.state.us()).then_some(secretariat);
            let text = format!("{name} is frozen: there are two rosters {epoch}");
            self.alarm(about, "group-frozen", text);
        }
    }

    /// Somebody may have the root keys of an economy, or it took itself back from whoever had them.
    fn tell_roots(&mut self) {
        let us = self.state.us();
        for (economy, turn) in self.state.take_root_turns() {
            let name = self.state.name_of(&economy);
            let (code, text) = match turn {
                RootTurn::Froze(fork) if economy == us => (
                    "own-keyring-forked",
                    format!(
                        "two keyrings of version {} are signed with our root keys, which somebody else may have: nothing that we sign counts until our next root keys have signed one: comity key rotate root --stolen",
                        fork.version
                    ),
                ),
                RootTurn::Froze(fork) => (
                    "partner-frozen",
                    format!(
                        "{name} is frozen: two keyrings of its version {} are signed with its root keys, which somebody else may have. Nothing of it is believed until one comes that its next root keys have signed: phone its operator, who makes it with comity key rotate root --stolen",
                        fork.version
                    ),
                ),
                RootTurn::Replaced { seized, thawed } => {
                    let without = if seized { ", without the word of those before" } else { "" };
                    let thawed = if thawed { "it is not frozen any more; " } else { "" };
                    (
                        "root-replaced",
                        format!(
                            "{name} has new root keys{without}: {thawed}what the old ones had granted counts only as far as the new ones grant it"
                        ),
                    )
                }
            };
            self.alarm((economy != us).then_some(economy), code, text);
        }
    }

    /// A roster of somebody who has handed its role on: it kept the roster once, and signed two of one number.
    fn tell_late(&mut self) {
        for (id, record) in self.state.take_late_rosters() {
            let Some(group) = self.state.groups().get(&id) else { continue };
            let name = group.founding().charter().name().to_owned();
            let by = group.statement(&record).map(|one| one.by);
            let text = format!(
                "{name}: roster {} contradicts the one by which its signer handed the role on, and counts for nothing",
                record.short()
            );
            self.alarm(by.filter(|by| *by != self.state.us()), "roster-late", text);
        }
    }

    /// What was recalled stays where it is unless a person sees to it.
    fn tell_recalled(&mut self) {
        for withdrawal in self.state.take_recalled() {
            let Some(held) = self.state.record(&withdrawal) else { continue };
            let origin = held.facts.origin;
            let targets = held.targets();
            let here = targets.iter().filter_map(|target| self.state.record(target));
            let here: Vec<_> = here
                .filter(|target| target.facts.origin == origin && !target.parts.is_empty())
                .map(|target| target.reference.clone())
                .collect();
            if here.is_empty() {
                continue;
            }
            let text = format!(
                "{} recalls {}: nobody gets it from here any more, and what is here stays until it is erased (comity erase {}) or kept with a word why; its origin is told so (comity recall list)",
                self.state.name_of(&origin),
                here.join(", "),
                here.first().map_or("REFERENCE", String::as_str)
            );
            self.alarm(Some(origin), "recalled", text);
        }
    }

    /// No link leads to whoever reads a file: people tell them.
    fn tell_files(&mut self) {
        for word in self.state.take_files_to_tell() {
            let Some(held) = self.state.record(&word) else { continue };
            let origin = held.facts.origin;
            let (targets, does, so) = if held.facts.kind == Kind::Withdrawal {
                (held.targets(), "takes back", "comity cannot take them back")
            } else {
                (held.supersedes.clone(), "replaces", "they say what was said before")
            };
            let left = targets.iter().filter(|target| !self.state.files(target).is_empty());
            // What is not here any more, as after a restore, was whoever's it was: its origin's word is heard.
            let name = |target: &RecordId| match self.state.record(target) {
                Some(held) if held.facts.origin != origin => None,
                Some(held) => Some((held.reference.clone(), true)),
                None => Some((target.short(), false)),
            };
            let left: Vec<_> = left.filter_map(name).collect();
            if left.is_empty() {
                continue;
            }
            let names: Vec<_> = left.iter().map(|(name, _)| name.as_str()).collect();
            let here = left.iter().find(|(_, here)| *here);
            let look = here.map(|(name, _)| format!(" (comity audit who {name})"));
            let text = format!(
                "{} {does} {}, of which files left here: {so}, so tell whoever has them{}",
                self.state.name_of(&origin),
                names.join(", "),
                look.unwrap_or_default(),
            );
            self.alarm(Some(origin), "files-left", text);
        }
    }

    /// Whoever may no longer connect is out at once; whoever is new waits for its entry.
    fn tell_partners(&mut self) {
        let wanted: BTreeSet<_> = self.state.partner_set().economies().collect();
        self.admitted.retain(|economy| wanted.contains(economy));
        let new: BTreeSet<_> = wanted.difference(&self.admitted).copied().collect();
        if !new.is_empty() {
            self.then.push(Then::Admit(new));
        }
        self.tell_admitted();
    }

    /// These were paired in an entry that is durable now. Some may have been removed since.
    pub(super) fn admit(&mut self, partners: BTreeSet<EconomyId>) {
        let wanted = self.state.partner_set();
        let still = partners.into_iter().filter(|economy| wanted.contains(*economy));
        self.admitted.extend(still.collect::<Vec<_>>());
        self.tell_admitted();
    }

    fn tell_admitted(&mut self) {
        let mut partners = self.state.partner_set().clone();
        for economy in self.state.partner_set().economies() {
            if !self.admitted.contains(&economy) {
                partners.remove(economy);
            }
        }
        self.effects.push(Effect::Partners(Box::new(partners)));
    }

    /// Where an entry moves a ledger's head, partners hear of it when it is durable.
    fn note_head(&mut self, entry: &JournalEntry) {
        let (JournalEntry::Delivery(DeliveryDecided { to, .. })
        | JournalEntry::Voided { to, .. }
        | JournalEntry::Epoch { to, .. }) = entry
        else {
            return;
        };
        if let Some(out) = self.state.partner(to).map(|partner| &partner.out) {
            let (partner, epoch, head) = (*to, out.epoch(), out.head());
            self.then.push(Then::Numbered { partner, epoch, head });
        }
    }

    /// Judges again what the time has made due, or what was due when the node was started.
    pub(super) fn judge_anew(&mut self) {
        let before = self.told();
        self.judge_due();
        self.tell_since(before);
    }

    /// Judges again what a keyring, a pairing or the time has made due, each judgement an entry of its
    /// own.
    fn judge_due(&mut self) {
        // A keyring that waited may be believed now, and speak of others.
        loop {
            let judged = self.state.judged_anew(self.now);
            if judged.is_empty() {
                return;
            }
            for judged in judged {
                self.stands(judged);
            }
        }
    }

    fn stands(&mut self, judged: Judged) {
        let held = judged.records.iter().filter_map(|record| self.state.record(record));
        let accepted: Vec<_> = held.filter(|held| held.is_accepted()).collect();
        let why = match &judged.standing {
            Standing::Quarantined(why) => Some(why.as_str()),
            Standing::InReview(_) => Some("parts came that nobody has looked at"),
            Standing::Accepted | Standing::Pending(_) | Standing::Dropped => None,
        };
        if let (Some(why), Some(first)) = (why, accepted.first()) {
            let (origin, count) = (first.facts.origin, accepted.len());
            let mut text = format!("{count} accepted records were put in quarantine: {why}");
            if origin == self.state.us() {
                let mut ours: Vec<_> =
                    accepted.iter().map(|held| held.reference.as_str()).collect();
                ours.truncate(super::set_aside::NAMED);
                let more = if count > ours.len() { ", and others" } else { "" };
                text.push_str(&format!(
                    "; of ours, which no partner believes any more: {}{more}. Publish anew what is meant. What one of these took back, take back again with `comity withdraw`; an agreement that one of these ended, end again with `comity agreement terminate`",
                    ours.join(", ")
                ));
            }
            self.alarm(Some(origin), "set-aside", text);
        }
        let entry = JournalEntry::Judged(judged);
        if let Err(why) = self.state.apply(&entry) {
            debug_assert!(false, "a judgement does not fold: {why}");
            return;
        }
        let (kind, body) = (entry.kind(), entry.encode().into());
        self.batch.push(NewEntry { kind, body, blobs: Vec::new() });
        self.widen_for();
    }

    pub(super) fn enter_record(
        &mut self,
        checked: Checked,
        source: Source,
        standing: Standing,
        now: Timestamp,
    ) -> Result<String, Unfit> {
        let title = title(checked.record.manifest().kind, &checked.parts);
        self.enter_titled(checked, source, standing, title, now)
    }

    pub(super) fn enter_titled(
        &mut self,
        checked: Checked,
        source: Source,
        standing: Standing,
        title: String,
        now: Timestamp,
    ) -> Result<String, Unfit> {
        let kind = checked.record.manifest().kind;
        let reference = self.state.next_reference(kind, now);
        let (id, urgency) = (checked.record.id(), urgency(checked.record.manifest()));
        let (held, mut blobs) = split(checked.parts);
        // A control record's says nothing that its body does not.
        let beside = if kind.is_control() { String::new() } else { title.clone() };
        let title = if kind.is_control() { title } else { String::new() };
        if !beside.is_empty() {
            blobs.extend(titles::of_record(&id, &beside));
        }
        let entered = RecordEntered {
            signed: checked.record.signed().to_vec(),
            parts: held,
            source,
            standing,
            reference: reference.clone(),
            title,
            at: now,
        };
        self.state.bring(checked.keyring.and_then(Result::ok));
        self.try_to_enter(&JournalEntry::Record(entered), blobs)?;
        self.state.call(&id, beside);
        if kind == Kind::Termination {
            self.tell_termination(&id);
        }
        self.offer_at_once(id, urgency, now);
        Ok(reference)
    }

    /// A partner ends an agreement, at once or after years of notice: somebody has to know now.
    fn tell_termination(&mut self, id: &RecordId) {
        let us = self.state.us();
        let Some(held) = self.state.record(id).filter(|held| held.is_accepted()) else { return };
        let body = held.body.as_deref().and_then(|body| TerminationBody::decode(body).ok());
        let Some(body) = body.filter(|_| held.facts.origin != us) else { return };
        let Some(agreement) = self.state.agreements().get(&body.agreement) else { return };
        let origin = held.facts.origin;
        let (name, what) = (self.state.name_of(&origin), self.state.called(&body.agreement));
        let show = format!("comity agreement show {what}");
        // That it takes back a proposal which nobody has accepted ends nothing; that it declines one, its proposer
        // has to know.
        if agreement.text.agreed().is_none() {
            if agreement.proposer == us && agreement.declined().is_some() {
                let text = format!("{name} declines {what}, which we proposed: {show}");
                self.alarm(Some(origin), "agreement-declined", text);
            }
            return;
        }
        let tree = self.state.agreements().tree(&body.agreement);
        let first = tree.map(|tree| tree.first).filter(|first| *first != body.agreement);
        let text = match first {
            Some(first) => {
                let first = self.state.called(&first);
                format!("{name} takes {what} back, which is agreed as a text of {first}: {show}")
            }
            None => format!(
                "{name} ends {what}, and says that it holds until {}: {show}",
                body.effective
            ),
        };
        self.alarm(Some(origin), "agreement-terminated", text);
    }

    pub(super) fn enter_parts(
        &mut self,
        record: RecordId,
        parts: Vec<Part>,
        source: Source,
        now: Timestamp,
    ) -> Result<(), Unfit> {
        let here = |part: &Part| {
            self.state.record(&record).is_some_and(|held| held.has_part(&part.digest))
        };
        let new: Vec<_> = parts.into_iter().filter(|part| !here(part)).collect();
        let (held, blobs) = split(new);
        let arrived = PartsArrived { record, parts: held, source, at: now };
        self.try_to_enter(&JournalEntry::Parts(arrived), blobs)
    }
}

/// How soon a record is to go: what takes back does not wait, whatever its author says of it.
fn urgency(manifest: &Manifest) -> Urgency {
    if manifest.kind == Kind::Withdrawal { Urgency::Urgent } else { manifest.urgency }
}

fn split(parts: Vec<Part>) -> (Vec<PartHeld>, Vec<(PartDigest, Bytes)>) {
    let held = parts
        .iter()
        .map(|part| PartHeld {
            digest: part.digest,
            size: part.bytes.len() as u64,
            header: part.encoded_header.to_vec(),
        })
        .collect();
    (held, parts.into_iter().map(|part| (part.digest, part.bytes)).collect())
}

/// The first line of the summary, for local screens; of what has none, how much it is.
fn title(kind: Kind, parts: &[Part]) -> String {
    let sections = |section| parts.iter().filter(move |part| part.header.section == section);
    let rows: usize = sections(Section::Sightings)
        .map(|part| {
            let lines = part.content.split(|byte| *byte == b'\n');
            lines.filter(|line| !line.trim_ascii().is_empty()).count()
        })
        .sum();
    match (summary(parts), rows) {
        (title, _) if !title.is_empty() => title,
        // A control record is named by its kind already.
        (_, 0) if kind.is_control() => String::new(),
        (_, 0) => format!("{kind} without a summary"),
        (_, 1) => "1 row of sightings".to_owned(),
        (_, rows) => format!("{rows} rows of sightings"),
    }
}

fn summary(parts: &[Part]) -> String {
    let summary = parts.iter().find(|part| part.header.section == Section::Summary);
    let text = summary.and_then(|part| std::str::from_utf8(&part.content).ok()).unwrap_or_default();
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().trim_start_matches('#').trim().chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use comity_core::record::Header;

    use super::*;

    fn part(section: Section, content: &str) -> Part {
        let header = Header::new(section, "text/plain");
        Part::seal(&header, content.as_bytes(), [7; 16]).unwrap()
    }

    #[test]
    fn what_has_no_summary_says_how_much_it_is() {
        let summary = part(Section::Summary, "\n# Router flaw\nUpdate.");
        let rows = part(Section::Sightings, "{\"a\": 1}\n{\"a\": 2}\n");
        let one = part(Section::Sightings, "{\"a\": 3}");
        assert_eq!(title(Kind::Advisory, &[rows.clone(), summary]), "Router flaw");
        assert_eq!(title(Kind::Sightings, std::slice::from_ref(&one)), "1 row of sightings");
        assert_eq!(title(Kind::Sightings, &[rows, one]), "3 rows of sightings");
        assert_eq!(title(Kind::Incident, &[]), "incident without a summary");
        assert_eq!(title(Kind::Withdrawal, &[]), "");
    }
}
