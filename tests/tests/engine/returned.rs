//! What of our own comes back after a restore, when its key has ended since.

use std::time::Duration;

use comity_core::control::{ApprovalBody, ApprovalVerdict, TerminationBody, WithdrawalBody};
use comity_core::journal::{
    ApprovalCause, JournalEntry, StaffChange, StaffJoined, StaffWithin, Standing,
};
use comity_core::keyring::{Grant, KeyringBuilder, Revocation};
use comity_core::ledger::{Head, LedgerEntry, Ranges};
use comity_core::policy::{Approval as Said, Lifecycle};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::staff::{Alone, HOLDER, Roles, StaffRole};
use comity_core::test_util::TestEconomy;
use comity_core::{EpochId, KeyId, Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::config::{Approval, Limits, Room};
use comity_node::engine::{Command, CommandError, Input, Reply};
use comity_node::state::Bound;
use comity_store::MemoryStore;
use comity_tests::bench::{Bench, Peer, advisory, sign};
use comity_tests::sim::economy::Economy;
use comity_tests::sim::node::new_entry;
use comity_tests::sim::world::START;

mod doubted;
mod gaps;

/// The node was put back to what it had when it had published one record, and a partner holds what came
/// after: a keyring that ends the key with which all else was signed, and then the rest.
struct World {
    bench: Bench,
    by: Economy,
    holder: Peer,
    /// What is in the backup.
    first: RecordId,
}

impl World {
    fn new() -> Self {
        Self::after(|_| {})
    }

    /// What is in the backup besides.
    fn after(more: impl FnOnce(&mut Bench)) -> Self {
        let mut bench = Bench::new();
        more(&mut bench);
        let (holder, by) = (bench.pair(2), bench.node.economy.clone());
        let (record, parts) = advisory(&by, "first", bench.now);
        let (first, title) = (record.id(), String::new());
        let publish = Command::Publish { record: Box::new(record), parts, title, draft: None };
        bench.command(publish).unwrap();
        let backup = bench.node.store.backup();
        let restored = new_entry(&JournalEntry::Restored { at: START }, Vec::new());
        bench.replace(MemoryStore::restore(&backup, restored).unwrap());
        bench.now = START.saturating_add(Duration::from_secs(3600));
        Self { bench, by, holder, first }
    }

    /// The keyring that ended the author's key.
    fn keyring(&self, at: Timestamp, compromised: bool) -> VerifiedRecord {
        let key = SecretKey::from_seed(&[77; 32]);
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let all = Kind::ALL.iter().copied();
        let grant = Grant::author(self.by.id, key.public(), all, Tlp::Red, from, until);
        let revocation = Revocation { key: self.by.author.id(), at, compromised };
        let builder = KeyringBuilder::follow(&self.by.keyring).grant(grant).revoke(revocation);
        let body = builder.sign(&[&self.by.root]).unwrap().encoded().to_vec();
        control(Kind::Keyring, body, Tlp::AmberStrict, &key, self.by.id, START).expect("a keyring")
    }

    /// A word that takes the first record back, signed with this key.
    fn withdrawal(&self, key: &SecretKey) -> VerifiedRecord {
        let body = WithdrawalBody::of(vec![self.first]).expect("one record").encode();
        control(Kind::Withdrawal, body, Tlp::Clear, key, self.by.id, START).expect("a withdrawal")
    }

    /// The partner gives all of this back.
    fn give_back(&mut self, returned: &[(&VerifiedRecord, &[Part])]) {
        self.give_back_one_by_one(returned, |_, _| {});
    }

    /// The same; between two of them, something else happens.
    fn give_back_one_by_one(
        &mut self,
        returned: &[(&VerifiedRecord, &[Part])],
        mut between: impl FnMut(&mut Bench, usize),
    ) {
        let out = &self.bench.state().partner(&self.holder.economy.id).unwrap().out;
        let (epoch, mut head) = (out.epoch(), out.head());
        let mut entries = Vec::new();
        for (record, parts) in returned {
            let entry = self.holder.entry(head.number + 1, record, parts);
            entries.push(LedgerEntry { epoch, ..entry });
            head = head.after(entries[entries.len() - 1].digest());
        }
        self.holder.holds = (Some(epoch), head, Ranges::new());
        let conn = self.bench.connect(&mut self.holder);
        for (count, (entry, (record, parts))) in entries.iter().zip(returned).enumerate() {
            let stream = self.holder.stream();
            self.bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
            between(&mut self.bench, count + 1);
        }
        assert!(!self.bench.state().awaits_return(&self.holder.economy.id), "all of it is here");
    }

    fn lifecycle(&self) -> Lifecycle {
        self.bench.state().record(&self.first).unwrap().facts.lifecycle
    }

    fn confirm(&mut self) -> Result<Reply, CommandError> {
        self.bench.command(Command::ConfirmPolicy)
    }
}

/// Right after everything was signed.
fn after() -> Timestamp {
    START.saturating_add(Duration::from_millis(1))
}

#[test]
fn a_withdrawal_of_ours_takes_effect_whatever_became_of_its_key() {
    let before = START.saturating_sub(Duration::from_secs(60));
    // Merely ended, declared stolen since, and stolen since before it was signed.
    for (at, compromised) in [(after(), false), (after(), true), (before, true)] {
        let mut world = World::new();
        let keyring = world.keyring(at, compromised);
        let withdrawal = world.withdrawal(&world.by.author.clone());
        world.give_back(&[(&keyring, &[]), (&withdrawal, &[])]);
        assert_eq!(world.lifecycle(), Lifecycle::Withdrawn, "{at} {compromised}");
        world.bench.restart();
        assert_eq!(world.lifecycle(), Lifecycle::Withdrawn, "{at} {compromised}");
        world.confirm().expect("nothing to be told of");
        assert_eq!(world.bench.state().recovery(), None);
    }
}

/// What we sign in a recovery may be signed with a key that had ended before the backup's loss: then no partner believes
/// it, and a person is told what to sign anew.
#[test]
fn what_was_signed_with_a_key_that_had_ended_is_named_to_be_signed_anew() {
    let mut world = World::new();
    let withdrawal = Box::new(world.withdrawal(&world.by.author.clone()));
    let title = String::new();
    let publish =
        Command::Publish { record: withdrawal.clone(), parts: vec![], title, draft: None };
    world.bench.command(publish).expect("as far as is known here, the key is in force");
    let before = START.saturating_sub(Duration::from_secs(60));
    let keyring = world.keyring(before, false);
    world.give_back(&[(&keyring, &[])]);
    let word = world.bench.state().record(&withdrawal.id()).expect("it is here");
    assert!(word.is_set_aside() && world.lifecycle() == Lifecycle::Withdrawn);
    let reference = word.reference.clone();
    let alarms = world.bench.alarms("set-aside");
    let named = |text: &&str| text.contains(&reference) && text.contains("comity withdraw");
    assert!(alarms.iter().any(named), "{alarms:?}");
    // The word that is signed anew is the one that the books name.
    let key = SecretKey::from_seed(&[77; 32]);
    let anew = world.withdrawal(&key);
    let (record, title) = (Box::new(anew.clone()), String::new());
    let publish = Command::Publish { record, parts: vec![], title, draft: None };
    world.bench.command(publish).expect("by a key that counts");
    let stone = |world: &World| {
        world.bench.state().tombstone(&world.first, &world.by.id).map(|stone| stone.by)
    };
    assert_eq!(stone(&world), Some(anew.id()));
    world.bench.restart();
    assert_eq!(stone(&world), Some(anew.id()));
}

/// An end of an agreement that reached nobody holds here, and the partner goes on: it can be said once more.
#[test]
fn an_agreement_that_was_ended_with_a_key_that_had_ended_can_be_ended_again() {
    let mut agreed = None;
    let mut world = World::after(|bench| {
        let mut partner = bench.pair(3);
        bench.connect(&mut partner);
        agreed = Some(super::agreements::agree(bench, &mut partner, ""));
        bench.sever(partner.conn());
    });
    let agreement = agreed.expect("it was agreed");
    let ends = |world: &mut World, key: &SecretKey| {
        let body = TerminationBody { agreement, effective: world.bench.now }.encode();
        let now = world.bench.now;
        let record = control(Kind::Termination, body, Tlp::Clear, key, world.by.id, now);
        let (record, title) = (Box::new(record.expect("a termination")), String::new());
        let id = record.id();
        let publish = Command::Publish { record, parts: vec![], title, draft: None };
        world.bench.command(publish).map(|_| id)
    };
    let (old, new) = (world.by.author.clone(), SecretKey::from_seed(&[77; 32]));
    let first = ends(&mut world, &old).expect("as far as is known here, the key is in force");
    let keyring = world.keyring(START.saturating_add(Duration::from_secs(60)), false);
    world.give_back(&[(&keyring, &[])]);
    let state = world.bench.state();
    assert!(state.record(&first).unwrap().is_set_aside(), "its partner believes nothing of it");
    assert!(state.agreements().get(&agreement).unwrap().terminated().is_some(), "it holds here");
    ends(&mut world, &new).expect("by a key that counts");
    assert!(ends(&mut world, &new).is_err(), "once is enough");
}

/// That somebody approved it may be what was lost: by the rules of today it waits again.
#[test]
fn what_takes_a_second_person_waits_again_where_it_was_given_back() {
    // A rule that does not name it names what may come after it: it comes in pieces.
    for (from, cause) in
        [(Tlp::Clear, ApprovalCause::Label(Tlp::Clear)), (Tlp::Red, ApprovalCause::Restored)]
    {
        let mut world = World::new();
        let rules = Approval { tlp: Some(from), ..Approval::default() };
        world.bench.approval = rules;
        world.bench.restart();
        let (record, parts) = advisory(&world.by, "second", START);
        world.give_back(&[(&record, &parts)]);
        let awaited = world.bench.state().awaited(&record.id()).expect("it waits");
        assert!(awaited.said.is_none());
        assert_eq!(awaited.causes, [cause]);
        assert_eq!(world.bench.alarms("approval").len(), 1);
        // What the backup had goes on as it was.
        assert!(world.bench.state().awaited(&world.first).is_none());
    }
}

/// Whoever joined since the backup may be somebody who does not publish everything alone: nothing here says so.
#[test]
fn what_somebody_signed_who_joined_since_the_backup_waits_where_there_are_limits() {
    let max = SecretKey::from_seed(&[78; 32]);
    for (limited, recognised) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut world = World::after(|bench| {
            let up_to = limited.then_some(Tlp::Green);
            let alone = Alone { up_to, ..Alone::default() };
            let roles = Roles::new([StaffRole::Analyst]).expect("roles");
            let within = StaffWithin { key: KeyId([9; 32]), roles, alone };
            let (name, by) = ("kim".to_owned(), String::new());
            let change = StaffChange::JoinedWithin(within);
            bench.command(Command::Staff { name, change, by }).expect("somebody joins");
        });
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let kinds = Kind::ALL.iter().copied();
        let grant = Grant::author(world.by.id, max.public(), kinds, Tlp::Red, from, until);
        let builder = KeyringBuilder::follow(&world.by.keyring).grant(grant.held_by(HOLDER));
        let body = builder.sign(&[&world.by.root]).unwrap().encoded().to_vec();
        let (desk, id) = (&world.by.author, world.by.id);
        let keyring = control(Kind::Keyring, body, Tlp::AmberStrict, desk, id, START).unwrap();
        let stranger = Economy { author: max.clone(), ..world.by.clone() };
        let (theirs, parts) = advisory(&stranger, "by max", START);
        let (ours, more) = advisory(&world.by, "by the node", START);
        // Whose key it is says nothing of how far its holder publishes alone.
        let recognise = |bench: &mut Bench, given: usize| {
            if recognised && given == 1 {
                let change = StaffChange::Recognised(max.public().id());
                let (name, by) = ("max".to_owned(), String::new());
                bench.command(Command::Staff { name, change, by }).expect("somebody's key");
            }
        };
        let all: [(&VerifiedRecord, &[Part]); 3] =
            [(&keyring, &[]), (&theirs, &parts), (&ours, &more)];
        world.give_back_one_by_one(&all, recognise);
        let awaited = world.bench.state().awaited(&theirs.id());
        assert_eq!(awaited.is_some(), limited);
        assert!(awaited.is_none_or(|awaited| awaited.causes == [ApprovalCause::Restored]));
        assert!(world.bench.state().awaited(&ours.id()).is_none(), "the node has no limit");
    }
}

#[test]
fn recovery_is_confirmed_by_whoever_was_told_what_of_ours_is_set_aside() {
    let mut world = World::new();
    let keyring = world.keyring(after(), false);
    let (record, parts) = advisory(&world.by, "second", START);
    world.give_back(&[(&keyring, &[]), (&record, &parts)]);
    let held = world.bench.state().record(&record.id()).unwrap();
    assert!(matches!(held.standing, Standing::Quarantined(_)));
    let reference = held.reference.clone();
    let told = world.bench.alarms("ours-set-aside");
    assert!(told.len() == 1 && told[0].contains(&reference), "{told:?}");
    // Also whoever starts it anew is told before anything ends.
    world.bench.restart();
    match world.confirm() {
        Err(CommandError::SetAside(names)) => assert_eq!(names, reference),
        other => panic!("{other:?}"),
    }
    assert!(world.bench.state().recovery().is_some_and(|recovery| !recovery.confirmed));
    world.confirm().expect("it was told");
    assert_eq!(world.bench.state().recovery(), None);
}

/// The line by which we know that a partner holds a record is the partner's own word.
#[test]
fn a_withdrawal_reaches_whoever_gave_the_record_back() {
    let mut world = World::new();
    let (record, parts) = advisory(&world.by, "second", START);
    world.give_back(&[(&record, &parts)]);
    world.confirm().expect("all of it is here");
    let economy = world.holder.economy.id;
    let opening = world.bench.state().partner(&economy).unwrap().out.opening();
    let conn = world.holder.conn();
    world.bench.control(conn, Peer::accepts(&opening.expect("a new epoch")));
    let body = WithdrawalBody::of(vec![record.id()]).expect("one record").encode();
    let (author, id) = (&world.by.author, world.by.id);
    let withdrawal = control(Kind::Withdrawal, body, Tlp::Clear, author, id, world.bench.now);
    let withdrawal = Box::new(withdrawal.expect("a withdrawal"));
    let (told, parts, title) = (withdrawal.id(), Vec::new(), String::new());
    let publish = Command::Publish { record: withdrawal, parts, title, draft: None };
    world.bench.command(publish).expect("it is signed by us");
    world.bench.wait(Duration::from_secs(1));
    assert!(world.bench.delivered(conn).contains(&told), "it is told");
    let out = &world.bench.state().partner(&economy).unwrap().out;
    assert!(out.possibly_held(&record.id()).is_some(), "and still known to hold it");
}

#[test]
fn nobody_withdraws_in_our_name_with_a_key_that_is_not_ours() {
    let mut world = World::new();
    let forged = world.withdrawal(&world.holder.economy.author.clone());
    world.give_back(&[(&forged, &[])]);
    assert_eq!(world.lifecycle(), Lifecycle::Live);
}

#[test]
fn what_came_back_before_a_break_is_not_waited_for_again() {
    let mut world = World::new();
    let published = ["second", "third"].map(|text| advisory(&world.by, text, START));
    // The number before them was still in chunks when the disk died: the partner does not have it.
    let out = &world.bench.state().partner(&world.holder.economy.id).unwrap().out;
    let (epoch, head) = (out.epoch(), out.head());
    let numbers = head.number + 2..=head.number + 3;
    let entries: Vec<_> = numbers
        .clone()
        .zip(&published)
        .map(|(number, (record, parts))| world.holder.entry(number, record, parts))
        .map(|entry| LedgerEntry { epoch, ..entry })
        .collect();
    let beyond = [(*numbers.start(), *numbers.end())].into_iter().collect();
    world.holder.holds = (Some(epoch), head, beyond);
    for came in 1..=2 {
        world.holder.boot();
        let conn = world.bench.connect(&mut world.holder);
        for (entry, (record, parts)) in entries.iter().zip(&published).take(came) {
            let stream = world.holder.stream();
            world.bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
        }
        assert_eq!(world.bench.state().awaits_return(&world.holder.economy.id), came < 2);
        world.bench.sever(conn);
    }
    assert!(published.iter().all(|(record, _)| world.bench.state().record(&record.id()).is_some()));
    world.confirm().expect("nothing to be told of");
    assert_eq!(world.bench.state().recovery(), None);
}

#[test]
fn what_did_not_verify_may_come_again() {
    let mut world = World::new();
    let (record, parts) = advisory(&world.by, "second", START);
    let out = &world.bench.state().partner(&world.holder.economy.id).unwrap().out;
    let (epoch, head) = (out.epoch(), out.head());
    let entry = world.holder.entry(head.number + 1, &record, &parts);
    let entry = LedgerEntry { epoch, ..entry };
    let wrong = LedgerEntry { record: world.first, ..entry.clone() };
    world.holder.holds = (Some(epoch), head.after(entry.digest()), Ranges::new());
    let conn = world.bench.connect(&mut world.holder);
    // Its entry names a record that is not the one that comes with it.
    for (entry, record, parts) in [(&wrong, &record, &parts), (&entry, &record, &parts)] {
        assert!(world.bench.state().awaits_return(&world.holder.economy.id));
        let stream = world.holder.stream();
        world.bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
    }
    assert_eq!(world.bench.alarms("return-invalid").len(), 1);
    assert!(!world.bench.state().awaits_return(&world.holder.economy.id));
}

#[test]
fn a_partner_that_was_paired_before_the_backup_gives_back_and_goes_on() {
    let mut bench = Bench::new();
    let (mut holder, by) = (bench.pair(2), bench.node.economy.clone());
    let epoch = EpochId([9; 16]);
    let published = ["first", "second"].map(|text| advisory(&by, text, bench.now));
    let (mut head, mut entries) = (Head::START, Vec::new());
    for (record, parts) in &published {
        let entry = holder.entry(head.number + 1, record, parts);
        entries.push(LedgerEntry { epoch, ..entry });
        head = head.after(entries[entries.len() - 1].digest());
    }
    holder.holds = (Some(epoch), head, Ranges::new());
    let refused = bench.connect(&mut holder);
    assert!(bench.closed.contains_key(&refused));
    assert_eq!(bench.alarms("paired-before").len(), 1);
    holder.boot();
    let conn = bench.connect(&mut holder);
    for (entry, (record, parts)) in entries.iter().zip(&published) {
        let stream = holder.stream();
        bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
    }
    // Others have nothing to do with it.
    assert_eq!(bench.state().recovery(), None);
    let out = &bench.state().partner(&holder.economy.id).unwrap().out;
    let opening = out.opening().expect("a new epoch");
    assert_eq!((opening.previous, opening.known), (epoch, head));
    bench.control(conn, Peer::accepts(&opening));
    bench.publish("third");
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.delivered(conn).len(), 1);
}

/// Entries of our ledger with a partner, one after the other, and its head after them.
fn numbered(
    holder: &Peer,
    epoch: EpochId,
    published: &[(VerifiedRecord, Vec<Part>)],
    mut head: Head,
) -> (Vec<LedgerEntry>, Head) {
    let mut entries = Vec::new();
    for (record, parts) in published {
        let entry = LedgerEntry { epoch, ..holder.entry(head.number + 1, record, parts) };
        head = head.after(entry.digest());
        entries.push(entry);
    }
    (entries, head)
}

#[test]
fn whoever_claims_that_we_met_before_fills_nothing_with_that() {
    let mut bench = Bench::new();
    let mut holder = bench.pair(2);
    let theirs = ["first", "second"].map(|text| advisory(&holder.economy, text, bench.now));
    let epoch = EpochId([9; 16]);
    let (entries, head) = numbered(&holder, epoch, &theirs, Head::START);
    holder.holds = (Some(epoch), head, Ranges::new());
    bench.connect(&mut holder);
    holder.boot();
    let conn = bench.connect(&mut holder);
    for (entry, (record, parts)) in entries.iter().zip(&theirs) {
        let stream = holder.stream();
        bench.apart(conn, stream, Peer::frame(true, entry, record, parts));
    }
    let out = &bench.state().partner(&holder.economy.id).unwrap().out;
    assert_eq!(out.opening().expect("a new epoch").known, head, "the numbers are known");
    assert!(theirs.iter().all(|(record, _)| bench.state().record(&record.id()).is_none()));
}

#[test]
fn of_others_as_much_comes_back_as_there_is_room_for() {
    let mut world = World::new();
    let room = Room { memory: 64 << 10, disk: 1 << 30 };
    world.bench.limits = Some(Limits { room, ..Limits::default() });
    world.bench.restart();
    let theirs: Vec<_> =
        (0..30).map(|number| advisory(&world.holder.economy, &number.to_string(), START)).collect();
    let ours = advisory(&world.by, "ours", START);
    let returned: Vec<_> = theirs.iter().chain([&ours]).collect();
    let returned: Vec<_> =
        returned.iter().map(|(record, parts)| (record, parts.as_slice())).collect();
    world.give_back(&returned);
    let here = |(record, _): &&(VerifiedRecord, Vec<Part>)| {
        world.bench.state().record(&record.id()).is_some()
    };
    let kept = theirs.iter().filter(here).count();
    assert!((1..30).contains(&kept), "{kept}");
    assert!(here(&&ours), "what is ours always comes back");
    let weight = world.bench.state().kept_of(&world.holder.economy.id, Bound::Memory);
    assert!(weight <= room.memory, "{weight}");
    let out = &world.bench.state().partner(&world.holder.economy.id).unwrap().out;
    assert!(theirs.iter().all(|(record, _)| out.possibly_held(&record.id()).is_some()));
}

#[test]
fn nothing_comes_back_to_a_full_disk_before_there_is_room() {
    let mut world = World::new();
    let published = [advisory(&world.by, "second", START)];
    let out = &world.bench.state().partner(&world.holder.economy.id).unwrap().out;
    let (entries, head) = numbered(&world.holder, out.epoch(), &published, out.head());
    world.holder.holds = (Some(entries[0].epoch), head, Ranges::new());
    let conn = world.bench.connect(&mut world.holder);
    let [(record, parts)] = &published;
    for low in [true, false] {
        world.bench.input(Input::Space { low });
        let stream = world.holder.stream();
        world.bench.apart(conn, stream, Peer::frame(true, &entries[0], record, parts));
        assert_eq!(world.bench.state().record(&record.id()).is_none(), low);
        assert_eq!(world.bench.state().awaits_return(&world.holder.economy.id), low);
    }
}

/// Somebody approved what was here; what comes back of it later nobody has seen.
#[test]
fn what_comes_back_of_a_record_after_its_approval_waits_again() {
    let lee = SecretKey::from_seed(&[79; 32]);
    let mut world = World::after(|bench| {
        let by = bench.node.economy.clone();
        let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
        let kinds = [Kind::Approval];
        let grant = Grant::author(by.id, lee.public(), kinds, Tlp::Red, from, until);
        let builder = KeyringBuilder::follow(&by.keyring).grant(grant.held_by(HOLDER));
        let body = builder.sign(&[&by.root]).unwrap().encoded().to_vec();
        let desk = &by.author;
        let record = control(Kind::Keyring, body, Tlp::AmberStrict, desk, by.id, START).unwrap();
        let (record, title) = (Box::new(record), String::new());
        let parts = Vec::new();
        bench.command(Command::Publish { record, parts, title, draft: None }).expect("a keyring");
        let roles = Roles::new([StaffRole::Approver]).expect("roles");
        let change = StaffChange::Joined(StaffJoined { key: lee.public().id(), roles });
        let (name, by) = ("lee".to_owned(), String::new());
        bench.command(Command::Staff { name, change, by }).expect("somebody joins");
    });
    world.bench.approval = Approval { tlp: Some(Tlp::Red), ..Approval::default() };
    world.bench.restart();
    let mut draft = Draft::new(Kind::Advisory);
    for (section, text) in [(Section::Summary, "a flaw"), (Section::Detail, "whose it is")] {
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, text.as_bytes().to_vec()));
    }
    let (record, parts) = sign(draft, &world.by, START);
    let (us, id) = (world.by.id, record.id());
    let facts = |bench: &Bench| bench.state().record(&id).unwrap().facts.approval;
    world.give_back_one_by_one(
        &[(&record, &parts[..1]), (&record, &parts[1..])],
        |bench, count| {
            if count == 2 {
                return;
            }
            let verdict = ApprovalVerdict::Approve;
            let body = ApprovalBody { record: id, verdict, note: String::new() }.encode();
            let word = control(Kind::Approval, body, Tlp::AmberStrict, &lee, us, bench.now);
            let (word, title) = (Box::new(word.expect("a word")), String::new());
            let publish = Command::Publish { record: word, parts: Vec::new(), title, draft: None };
            bench.command(publish).expect("lee's word counts");
            assert_eq!(facts(bench), Said::Given);
        },
    );
    for _ in 0..2 {
        assert_eq!(world.bench.state().record(&id).unwrap().parts.len(), 2);
        assert!(matches!(facts(&world.bench), Said::Awaited(_)), "nobody has seen the rest");
        world.bench.restart();
    }
    assert_eq!(world.bench.alarms("approval").len(), 2);
}
