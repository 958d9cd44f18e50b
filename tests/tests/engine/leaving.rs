//! Files: that one left is in the books before anybody has its bytes, and nothing leaves after it was taken back.

use std::collections::BTreeSet;
use std::time::Duration;

use comity_core::control::WithdrawalBody;
use comity_core::exit::{Contents, Readers, Released};
use comity_core::journal::JournalEntry;
use comity_core::keyring::{DatedHead, Place};
use comity_core::record::{Draft, Header, Part};
use comity_core::{Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError, LetOut, Reply};
use comity_store::MemoryStore;
use comity_tests::bench::{Bench, ListDisk, Peer, advisory, sign, signed};
use comity_tests::sim::node::new_entry;

const MINUTE: Duration = Duration::from_secs(60);

/// A record that everybody may have, and its bytes.
fn published(bench: &mut Bench) -> (RecordId, Contents) {
    published_as(bench, |_| {})
}

fn published_as(bench: &mut Bench, change: impl FnOnce(&mut Marking)) -> (RecordId, Contents) {
    let mut draft = Draft::new(Kind::Advisory);
    let mut marking = Marking::new(Tlp::Clear);
    change(&mut marking);
    let header = Header { marking: Some(marking), ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"a flaw".to_vec()));
    let by = bench.node.economy.clone();
    let (record, parts) = sign(draft, &by, bench.now);
    let bodies = parts.iter().map(|part| (part.digest, part.bytes.clone())).collect();
    let contents = Contents::new(record.id(), record.signed().clone(), bodies).expect("its bytes");
    let (id, record, title) = (record.id(), Box::new(record), String::new());
    bench.command(Command::Publish { record, parts, title, draft: None }).expect("a record");
    (id, contents)
}

fn for_the_public(contents: Contents) -> Command {
    let (readers, desks, by) = (Readers::Public, BTreeSet::new(), "kim".to_owned());
    Command::LetOut(Box::new(LetOut { contents, readers, desks, by }))
}

fn left(reply: Result<Reply, CommandError>) -> (Released, Timestamp) {
    match reply {
        Ok(Reply::LetOut(left)) => *left,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_file_is_in_the_books_before_anybody_has_its_bytes() {
    let mut bench = Bench::new();
    let (record, contents) = published(&mut bench);
    let before = bench.journal();
    bench.slow_disk = true;
    let token = bench.give(for_the_public(contents.clone()));
    assert!(bench.reply(token).is_none(), "bytes are answered that no entry stands for");
    // The process dies before the entry is on the disk: nothing was answered, and nothing is in the books.
    bench.slow_disk = false;
    bench.restart();
    assert_eq!(bench.journal(), before);
    assert!(bench.state().files(&record).is_empty());

    let (released, at) = left(bench.command(for_the_public(contents)));
    assert_eq!((released.parts().len(), bench.journal()), (1, before + 1));
    let files = bench.state().files(&record).to_vec();
    assert_eq!(files.len(), 1);
    let file = &files[0];
    assert_eq!((file.readers, file.by.as_str(), file.at), (Readers::Public, "kim", at));
    assert_eq!(file.parts, [released.parts()[0].0]);
    assert_eq!(&file.obligations, released.obligations());
    // The journal says the same of it again.
    bench.restart();
    assert_eq!(bench.state().files(&record), files);
}

#[test]
fn nothing_leaves_after_it_was_taken_back_and_nothing_says_that_it_did() {
    let mut bench = Bench::new();
    let (record, contents) = published(&mut bench);
    let by = bench.node.economy.clone();
    let body = WithdrawalBody::of(vec![record]).expect("one record").encode();
    let (word, parts) = signed(Kind::Withdrawal, body, &by, &bench);
    let (word, title) = (Box::new(word), String::new());
    // Both wait for one write: the withdrawal is before the file, and is known to whoever decides about it.
    bench.slow_disk = true;
    bench.give(Command::Publish { record: word, parts, title, draft: None });
    let token = bench.give(for_the_public(contents));
    bench.slow_disk = false;
    bench.sync();
    let refused = bench.reply(token).expect("an answer").expect_err("it was taken back");
    assert!(matches!(refused, CommandError::Stays { .. }), "{refused:?}");
    assert!(bench.state().files(&record).is_empty());
}

/// What was taken back after the backup is what partners have still to give back.
#[test]
fn a_node_in_recovery_makes_no_file() {
    let mut bench = Bench::new();
    let (record, contents) = published(&mut bench);
    let backup = bench.node.store.backup();
    let restored = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).expect("a copy"));
    let refused = bench.command(for_the_public(contents)).expect_err("it may be withdrawn");
    assert!(matches!(refused, CommandError::Recovering(_)), "{refused:?}");
    assert!(bench.state().files(&record).is_empty());
}

/// The same where an unfinished write was cut from the end of the journal, until everybody has agreed with it.
#[test]
fn a_node_whose_journal_was_cut_makes_no_file_until_it_is_sure() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    bench.connect(&mut partner);
    let (record, contents) = published(&mut bench);
    bench.cut = Some(7);
    bench.restart();
    let refused = bench.command(for_the_public(contents.clone())).expect_err("in doubt");
    let name = format!("N{}", partner.economy.id.short());
    assert!(matches!(&refused, CommandError::NoFile { waits } if *waits == name), "{refused:?}");
    assert!(bench.state().files(&record).is_empty());
    bench.connect(&mut partner);
    left(bench.command(for_the_public(contents)));
}

/// No partner has it to give back: it is written down beside the journal, before anybody has the bytes.
#[test]
fn that_a_file_left_is_known_after_a_restore() {
    let mut bench = Bench::new();
    let (record, contents) = published(&mut bench);
    let backup = bench.node.store.backup();
    bench.list = ListDisk::Slow;
    let token = bench.give(for_the_public(contents.clone()));
    assert!(bench.reply(token).is_none(), "bytes are answered that a restore would not know of");
    bench.write_list();
    left(bench.reply(token).expect("an answer"));
    // Where it cannot be written down nothing is handed out. That it may have left is in the books.
    bench.list = ListDisk::Full;
    let own = || {
        let (contents, desks, by) = (contents.clone(), BTreeSet::new(), String::new());
        Command::LetOut(Box::new(LetOut { contents, readers: Readers::Own, desks, by }))
    };
    for alarms in 1..=2 {
        let refused = bench.command(own()).expect_err("it is not written down");
        assert!(matches!(refused, CommandError::NotListed(_)), "{refused:?}");
        assert_eq!(bench.alarms("erasures-list").len(), alarms);
    }
    let files = bench.state().files(&record).to_vec();
    assert_eq!(files.len(), 3);
    bench.list = ListDisk::Quick;
    let restored = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).expect("a copy"));
    assert_eq!(bench.state().files(&record), &files[..1]);
    // And at the start after that.
    bench.restart();
    assert_eq!(bench.state().files(&record), &files[..1]);
}

/// How often a file was made the journal says; what outlasts a restore is that somebody has it.
#[test]
fn a_file_that_is_made_every_night_is_written_down_once() {
    let mut bench = Bench::new();
    let (record, contents) = published(&mut bench);
    let backup = bench.node.store.backup();
    // While the word is being written down the next one is not answered without it.
    bench.list = ListDisk::Slow;
    let tokens = [contents.clone(), contents.clone()].map(|one| bench.give(for_the_public(one)));
    assert!(tokens.iter().all(|token| bench.reply(*token).is_none()));
    bench.write_list();
    bench.list = ListDisk::Quick;
    let before = bench.node.remembered.len();
    for _ in 0..3 {
        bench.wait(MINUTE);
        left(bench.command(for_the_public(contents.clone())));
    }
    assert_eq!((bench.node.remembered.len(), bench.state().files(&record).len()), (before, 5));
    assert_eq!(bench.state().erasures().words().len(), 1);
    // Somebody else's file is another.
    let (readers, desks, by) = (Readers::Public, BTreeSet::new(), "max".to_owned());
    let asked = LetOut { contents: contents.clone(), readers, desks, by };
    left(bench.command(Command::LetOut(Box::new(asked))));
    assert_eq!((bench.node.remembered.len(), bench.state().files(&record).len()), (before + 1, 6));
    // A start enters none of them again, and after a restore one of each is enough.
    bench.restart();
    assert_eq!(bench.state().files(&record).len(), 6);
    let restored = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).expect("a copy"));
    assert_eq!(bench.state().files(&record).len(), before + 1);
}

/// What can still be unsent goes into no file; and of what left nobody says that nobody has it, though the clock is
/// put back.
#[test]
fn what_left_as_a_file_is_not_unsent() {
    let mut bench = Bench::new();
    bench.hold_back = MINUTE;
    bench.restart();
    let (record, contents) = published(&mut bench);
    let asked = |readers| {
        let (desks, by, contents) = (BTreeSet::new(), String::new(), contents.clone());
        Command::LetOut(Box::new(LetOut { contents, readers, desks, by }))
    };
    let before = bench.now;
    for readers in [Readers::Own, Readers::Constituents, Readers::Public] {
        let refused = bench.command(asked(readers)).expect_err("it can be unsent");
        assert!(matches!(refused, CommandError::Stays { .. }), "{refused:?}");
    }
    bench.wait(MINUTE);
    left(bench.command(asked(Readers::Own)));
    bench.now = before;
    let refused = bench.command(Command::Unsend { record }).expect_err("somebody has it");
    assert!(matches!(refused, CommandError::MayHaveGone(_)), "{refused:?}");
}

/// Its origin does not know of the file, and no link leads to whoever has it.
#[test]
fn people_are_told_of_files_of_what_its_origin_takes_back() {
    for (has_file, replaces) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut bench = Bench::new();
        let mut origin = bench.pair(2);
        bench.connect(&mut origin);
        let (record, parts) = advisory(&origin.economy, "a flaw", bench.now);
        let bodies = parts.iter().map(|part| (part.digest, part.bytes.clone())).collect();
        let contents = Contents::new(record.id(), record.signed().clone(), bodies);
        bench.deliver(&mut origin, &record, &parts);
        if has_file {
            left(bench.command(for_the_public(contents.expect("its bytes"))));
        }
        if replaces {
            let mut draft = Draft { supersedes: vec![record.id()], ..Draft::new(Kind::Advisory) };
            let marking = Some(Marking::new(Tlp::Clear));
            let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
            draft.parts.push((header, b"another flaw".to_vec()));
            let (newer, parts) = sign(draft, &origin.economy, bench.now);
            bench.deliver(&mut origin, &newer, &parts);
        } else {
            let body = WithdrawalBody::of(vec![record.id()]).expect("one record").encode();
            let (word, _) = signed(Kind::Withdrawal, body, &origin.economy, &bench);
            bench.deliver(&mut origin, &word, &[]);
        }
        let told = bench.alarms("files-left");
        assert_eq!(told.len(), usize::from(has_file), "{told:?}");
        let does = if replaces { "replaces" } else { "takes back" };
        assert!(told.iter().all(|text| text.contains(does)), "{told:?}");
        let reference = &bench.state().record(&record.id()).expect("a record").reference;
        assert!(told.iter().all(|text| text.contains(&format!("audit who {reference}"))));
    }
}

/// Parts that came for other purposes each leave alone.
#[test]
fn parts_without_a_common_purpose_are_refused_by_a_name_of_their_own() {
    let mut bench = Bench::new();
    let (mut origin, mut one, mut other) = (bench.pair(2), bench.pair(3), bench.pair(4));
    let mut draft = Draft::new(Kind::Advisory);
    for section in [Section::Summary, Section::Detail, Section::Mitigation] {
        let marking = Some(Marking::new(Tlp::Clear));
        let header = Header { marking, ..Header::new(section, "text/plain") };
        draft.parts.push((header, section.to_string().into_bytes()));
    }
    let (record, parts) = sign(draft, &origin.economy, bench.now);
    let [first, parts @ ..] = parts.as_slice() else { unreachable!() };
    bench.connect(&mut origin);
    bench.deliver(&mut origin, &record, std::slice::from_ref(first));
    for (relay, purpose, part) in [(&mut one, "defence", &parts[0]), (&mut other, "law", &parts[1])]
    {
        bench.connect(relay);
        relay.obligations.purposes = vec![purpose.to_owned()];
        bench.deliver(relay, &record, std::slice::from_ref(part));
    }
    assert_eq!(bench.state().record(&record.id()).expect("a record").parts.len(), 3);
    let file = |some: &[Part]| {
        let bodies = some.iter().map(|part| (part.digest, part.bytes.clone())).collect();
        let contents = Contents::new(record.id(), record.signed().clone(), bodies).expect("bytes");
        let (readers, desks, by) = (Readers::Own, BTreeSet::new(), String::new());
        Command::LetOut(Box::new(LetOut { contents, readers, desks, by }))
    };
    let refused = bench.command(file(parts)).expect_err("there are no terms for both");
    assert!(matches!(refused, CommandError::NoCommonPurpose(_)), "{refused:?}");
    for (part, purpose) in parts.iter().zip(["defence", "law"]) {
        let (released, _) = left(bench.command(file(std::slice::from_ref(part))));
        assert_eq!(released.obligations().purposes, [purpose]);
    }
    assert_eq!(bench.state().files(&record.id()).len(), 2);
}

/// What waits for its time goes into no file by a clock that nobody vouches for.
#[test]
fn nothing_leaves_by_a_time_that_nobody_vouches_for() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut bench = Bench::new();
    let later = bench.now.saturating_add(10 * DAY);
    let (open, of_open) = published(&mut bench);
    let (timed, of_timed) = published_as(&mut bench, |marking| marking.release_at = Some(later));
    bench.now = bench.now.saturating_add(11 * DAY);
    bench.doubts_clock = true;
    bench.restart();
    left(bench.command(for_the_public(of_open)));
    let refused = bench.command(for_the_public(of_timed.clone())).expect_err("it may be earlier");
    assert!(refused.to_string().contains("comity clock confirm"), "{refused}");
    bench.engine().clock_is_confirmed();
    left(bench.command(for_the_public(of_timed)));
    assert_eq!([open, timed].map(|record| bench.state().files(&record).len()), [1, 1]);
}

/// The record came after the backup and never comes again: its origin has taken it back. Its files are somewhere.
#[test]
fn people_are_told_of_files_of_what_is_not_here_after_a_restore() {
    let mut bench = Bench::new();
    let mut origin = bench.pair(2);
    let backup = bench.node.store.backup();
    bench.connect(&mut origin);
    let (record, parts) = advisory(&origin.economy, "a flaw", bench.now);
    let bodies = parts.iter().map(|part| (part.digest, part.bytes.clone())).collect();
    let contents = Contents::new(record.id(), record.signed().clone(), bodies);
    bench.deliver(&mut origin, &record, &parts);
    left(bench.command(for_the_public(contents.expect("its bytes"))));
    let restored = new_entry(&JournalEntry::Restored { at: bench.now }, Vec::new());
    bench.replace(MemoryStore::restore(&backup, restored).expect("a copy"));
    origin.take_back(0);
    bench.connect(&mut origin);
    let body = WithdrawalBody::of(vec![record.id()]).expect("one record").encode();
    let (word, _) = signed(Kind::Withdrawal, body, &origin.economy, &bench);
    bench.deliver(&mut origin, &word, &[]);
    assert!(bench.state().record(&record.id()).is_none());
    let told = bench.alarms("files-left");
    assert!(matches!(told[..], [text] if text.contains(&record.id().short())), "{told:?}");
}

/// Partners have heard of a keyring of ours that is not here: what else is not here nobody knows.
#[test]
fn a_node_that_has_forgotten_its_newest_keyring_makes_no_file() {
    let mut bench = Bench::new();
    let mut partner = bench.pair(2);
    let conn = bench.connect(&mut partner);
    let us = bench.node.economy.clone();
    let (_, contents) = published(&mut bench);
    let place = Place { rotations: 0, version: 2 };
    let head = DatedHead { place, ..DatedHead::of(&us.keyring, bench.now) }.sign(&us.link);
    bench.control(conn, Peer::keyring_head(&head));
    assert_eq!(bench.alarms("own-keyring-behind").len(), 1);
    let refused = bench.command(for_the_public(contents)).expect_err("it was put back");
    assert!(matches!(refused, CommandError::Recovering(_)), "{refused:?}");
}
