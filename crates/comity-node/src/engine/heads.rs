//! Heads: what economies say of their keyrings, passed on to whoever has something of theirs, before data.

use std::collections::BTreeMap;

use comity_core::journal::JournalEntry;
use comity_core::keyring::{DatedHead, HeadError, Place, SignedHead, Unconfirmed, signs_heads};
use comity_core::{EconomyId, KeyId, Timestamp};

use super::{CommandError, Engine, Reply, Then};
use crate::limits::{A_DAY, AN_HOUR, HEADS_VERIFIED};

/// What of heads belongs to one partner's link.
#[derive(Debug, Default)]
pub(super) struct LinkHeads {
    /// What it was told over this connection, by economy.
    told: BTreeMap<EconomyId, DatedHead>,
    /// What it brought before the keyring that grants the key: the last of each economy that is known here.
    early: BTreeMap<EconomyId, SignedHead>,
    /// Since when signatures of heads that it brought were verified, and how many.
    verified: (Timestamp, u64),
}

impl LinkHeads {
    /// What it was told went with the connection.
    pub(super) fn reset(&mut self) {
        self.told.clear();
        self.early.clear();
    }

    /// Whether one more signature is verified for it: whoever makes heads up must not keep us busy.
    fn may_bring(&mut self, now: Timestamp) -> bool {
        // A clock that was put right would otherwise let none in until then.
        if now < self.verified.0 || now.since(self.verified.0) >= AN_HOUR {
            self.verified = (now, 0);
        }
        let room = self.verified.1 < HEADS_VERIFIED;
        self.verified.1 = self.verified.1.saturating_add(u64::from(room));
        room
    }
}

/// Whose keyring is not confirmed, as far as that was told.
#[derive(Debug, Default)]
pub(super) struct Watched {
    unconfirmed: BTreeMap<EconomyId, Unconfirmed>,
    /// When it was looked at, and the count of turns then.
    at: Timestamp,
    turns: Option<u64>,
    /// When time alone makes the next one so.
    due: Option<Timestamp>,
    /// When a person was told last that nobody hears of our own.
    unsaid: Option<Timestamp>,
    /// Which keyring of ours, that is not here, a person was told of, and by which key it was named.
    behind: Option<(Place, KeyId)>,
    /// Whether our own is said once somebody vouches for the clock.
    awaits_clock: bool,
}

impl Watched {
    /// When it has to be looked at again, if nothing turns before.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// What was told stays told; it is looked at anew, since turns are counted by each state for itself.
    pub(super) fn of_another_state(self) -> Self {
        Self { turns: None, ..self }
    }
}

impl Engine {
    /// A partner brings a head, of itself or of somebody else.
    pub(super) fn head_came(&mut self, partner: EconomyId, head: &SignedHead, now: Timestamp) {
        let economy = head.head().economy;
        if economy == self.state.us() {
            return self.heard_of_ours(partner, head, now);
        }
        // Whoever says of itself less than it said before has forgotten it.
        let known = self.state.head_of(&economy).map(|known| known.head().place);
        if economy == partner && known.is_some_and(|known| head.head().place < known) {
            self.tell_its_own(partner, now);
        }
        // It comes again with the next connection, and tomorrow's says the same.
        if self.space_low || !self.state.would_hear(head, now) {
            return;
        }
        let may = self.sessions.get_mut(&partner).is_some_and(|one| one.heads.may_bring(now));
        let Some(keyring) = self.state.keyring(&economy).filter(|_| may) else { return };
        match head.verify(keyring, now) {
            Ok(()) => {}
            // What is right comes again.
            Err(HeadError::Ahead) => return,
            // A keyring that is on its way may grant the key.
            Err(HeadError::NotGranted) => {
                if let Some(session) = self.sessions.get_mut(&partner) {
                    session.heads.early.insert(economy, head.clone());
                }
                return;
            }
            Err(
                why @ (HeadError::BadSignature | HeadError::OtherEconomy | HeadError::Malformed(_)),
            ) => {
                let text = format!(
                    "the partner brought a word about the keyring of {} that is not to be believed: {why}",
                    self.state.name_of(&economy)
                );
                return self.alarm(Some(partner), "bad-head", text);
            }
        }
        let entry = JournalEntry::Headed { signed: head.encode(), from: partner, at: now };
        self.enter(&entry, Vec::new());
        self.when_synced(Then::TellHead(economy), now);
    }

    /// Heads that came before the keyring that grants their key are heard again when it is here.
    fn hear_early(&mut self, now: Timestamp) {
        if self.space_low {
            return;
        }
        let mut granted = Vec::new();
        for (partner, session) in &mut self.sessions {
            session.heads.early.retain(|economy, head| {
                let keyring = self.state.keyring(economy);
                let waits = keyring
                    .is_none_or(|keyring| head.verify(keyring, now) == Err(HeadError::NotGranted));
                if !waits {
                    granted.push((*partner, head.clone()));
                }
                waits
            });
        }
        for (partner, head) in granted {
            self.head_came(partner, &head, now);
        }
    }

    /// A partner has heard of us of a keyring that we do not have: this journal was put back, and nobody said so.
    fn heard_of_ours(&mut self, partner: EconomyId, head: &SignedHead, now: Timestamp) {
        let us = self.state.us();
        let Some(own) = self.state.keyring(&us) else { return };
        let (named, here) = (head.head().place, Place::of(own));
        if named < here || *head.head() == DatedHead::of(own, head.head().at) {
            return;
        }
        // What a key that has ended named says nothing any more.
        let told = self.watched.behind.filter(|(_, key)| own.revocation(*key).is_none());
        if told.is_some_and(|(told, _)| named <= told) {
            return;
        }
        let may = self.sessions.get_mut(&partner).is_some_and(|one| one.heads.may_bring(now));
        if !may || head.verify(own, now).is_err() {
            return;
        }
        self.watched.behind = Some((named, head.key()));
        let text = format!(
            "this economy has said that its keyring is version {named}, and another one, version {here}, is the newest here: partners pass on nothing that it signed. Was the journal put back, begin recovery with `comity restore --here`; is the key of the links in foreign hands, then `comity key rotate --compromised`"
        );
        self.alarm(Some(partner), "own-keyring-behind", text);
    }

    /// Which keyring of our own partners have heard of that is not here, by a key that still counts.
    #[must_use]
    pub fn forgotten_keyring(&self) -> Option<Place> {
        let own = self.state.keyring(&self.state.us())?;
        let named = self.watched.behind.filter(|(_, key)| own.revocation(*key).is_none());
        named.map(|(place, _)| place).filter(|place| *place >= Place::of(own))
    }

    /// Says that our keyring is still the newest. Where it may not for days, a person has to know.
    pub(super) fn confirm_keyring(&mut self, now: Timestamp) -> Result<Reply, CommandError> {
        let said = self.say_keyring(now);
        if let Some(since) = self.state.own_head_is_late(now) {
            let lately = |told: Timestamp| told <= now && now.since(told) < A_DAY;
            if !self.watched.unsaid.is_some_and(lately) {
                self.watched.unsaid = Some(now);
                let text = match &said {
                    // The word of today has taken its place here; where it went, it may be kept.
                    Ok(_) => format!(
                        "this node said, by a clock that was wrong, that its keyring is the newest at {since}: whoever kept that word can hold a newer keyring back until a fortnight after it. A new key of the links unsays it: comity key rotate"
                    ),
                    Err(why) => format!(
                        "this node last said at {since} that its keyring is the newest, and cannot say so now: {why}. A fortnight after that partners pass on nothing that it signed, and believe nothing new of it"
                    ),
                };
                self.alarm(None, "own-keyring-unsaid", text);
            }
        }
        said
    }

    /// Says what could not be said while nobody vouched for the clock.
    pub(super) fn say_what_awaited_clock(&mut self, now: Timestamp) {
        if self.unsure().is_none() && std::mem::take(&mut self.watched.awaits_clock) {
            self.confirm_keyring(now).ok();
        }
    }

    fn say_keyring(&mut self, now: Timestamp) -> Result<Reply, CommandError> {
        self.may_sign("keyring", false)?;
        // With a time that is to come it would still be said when the keyring is the newest no more.
        self.watched.awaits_clock = self.unsure().is_some();
        self.is_vouched_for()?;
        let us = self.state.us();
        let (key, own) = (self.link_key.id(), self.state.keyring(&us));
        let Some(keyring) = own.filter(|keyring| signs_heads(keyring, key, now)) else {
            let why = "the link key of this node is not granted for heads by its newest keyring";
            return Err(CommandError::Unfitting(why.to_owned()));
        };
        let head = DatedHead::of(keyring, now).sign(&self.link_key);
        if self.state.would_hear(&head, now) {
            let entry = JournalEntry::Headed { signed: head.encode(), from: us, at: now };
            self.enter(&entry, Vec::new());
            self.then.push(Then::TellHead(us));
        }
        Ok(Reply::Done)
    }

    /// A keyring of ours entered: whoever gets our heads hears of it with the next, and at once.
    pub(super) fn speak_of_new_keyring(&mut self, now: Timestamp) {
        if self.state.head_of(&self.state.us()).is_some() {
            // What cannot be said now, with the link key of before, the hourly look says.
            self.confirm_keyring(now).ok();
        }
    }

    /// A head is durable: whoever may have something of that economy is told.
    pub(super) fn tell_head(&mut self, economy: EconomyId, now: Timestamp) {
        for partner in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.tell_head_to(partner, economy, now);
        }
        self.remind(economy, now);
    }

    /// The link is up: every head comes before data. A machine that slept has not said its own for a while.
    pub(super) fn tell_heads_to(&mut self, partner: EconomyId, now: Timestamp) {
        for economy in self.state.headed_economies() {
            self.tell_head_to(partner, economy, now);
        }
        self.remind(partner, now);
        let said = self.state.head_of(&self.state.us()).is_some();
        if said && self.state.own_head_is_due(now) {
            // Where it may not, the hourly look says why.
            self.confirm_keyring(now).ok();
        }
    }

    /// Tells a partner what it has said of its own keyring, where that is another one than is here.
    fn remind(&mut self, partner: EconomyId, now: Timestamp) {
        let why = self.state.unconfirmed(&partner, now);
        if why.is_some_and(|why| why.doubts_link()) {
            self.tell_its_own(partner, now);
        }
    }

    /// Tells a partner what it has said of its own keyring: its journal may have been put back.
    fn tell_its_own(&mut self, partner: EconomyId, now: Timestamp) {
        let Some(head) = self.state.head_of(&partner).cloned() else { return };
        self.tell(partner, head, now);
    }

    /// Tells a partner of an economy's keyring, if it was not told the same over this connection: our own, and
    /// those of economies of which it possibly holds something.
    pub(super) fn tell_head_to(&mut self, partner: EconomyId, economy: EconomyId, now: Timestamp) {
        let knows = |economy| self.state.partner(&partner).is_some_and(|one| one.may_know(economy));
        if economy == partner || !(economy == self.state.us() || knows(&economy)) {
            return;
        }
        let Some(head) = self.state.head_of(&economy).cloned() else { return };
        self.tell(partner, head, now);
    }

    fn tell(&mut self, partner: EconomyId, head: SignedHead, now: Timestamp) {
        // It is told when it is durable.
        let economy = head.head().economy;
        let mut steps = self.commits.values().flatten().chain(&self.then);
        if steps.any(|step| matches!(step, Then::TellHead(of) if *of == economy)) {
            return;
        }
        let Some(session) = self.sessions.get_mut(&partner).filter(|session| session.up) else {
            return;
        };
        let said = *head.head();
        if session.heads.told.insert(said.economy, said) == Some(said) {
            return;
        }
        self.session_input(partner, comity_proto::Input::KeyringHead(Box::new(head)), now);
    }

    /// Looks whose keyring is confirmed no more, or again: what hangs on it stays, or goes on by itself, and a
    /// person is told why.
    pub(super) fn watch_keyrings(&mut self, now: Timestamp) {
        let (watched, turns) = (&self.watched, Some(self.state.turns()));
        let passed = watched.due.is_some_and(|due| due <= now) || now < watched.at;
        if watched.turns == turns && !passed {
            return;
        }
        self.hear_early(now);
        let policy = self.state.policy();
        let due = policy.next_unconfirmed(now);
        let unconfirmed: BTreeMap<_, _> =
            policy.all_unconfirmed(now).filter(|(of, _)| self.state.knows(of)).collect();
        let before = std::mem::take(&mut self.watched.unconfirmed);
        let again: Vec<_> =
            before.keys().filter(|of| !unconfirmed.contains_key(of)).copied().collect();
        for economy in &again {
            self.state.confirmed_again(*economy);
        }
        let new = unconfirmed.iter().filter(|(of, why)| before.get(of) != Some(why));
        for (economy, why) in new.map(|(of, why)| (*of, *why)).collect::<Vec<_>>() {
            let name = self.state.name_of(&economy);
            let text = format!(
                "the {}: a newer one may be kept from us, so what {name} signed goes to nobody, and nothing new of it is believed, until it says which keyring is its newest",
                why.of(&name)
            );
            self.alarm(Some(economy), "keyring-unconfirmed", text);
            self.remind(economy, now);
        }
        self.watched.unconfirmed = unconfirmed;
        (self.watched.at, self.watched.due) = (now, due);
        self.watched.turns = Some(self.state.turns());
        self.judge_anew();
        self.widen_for();
        // There is room for what was not kept of it meanwhile.
        for economy in again {
            self.ask_for(economy, now);
        }
    }
}
