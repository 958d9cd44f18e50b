//! Files: that one left is in the books before anybody has its bytes, and nothing leaves after it was taken back.

use std::collections::BTreeSet;

use comity_core::control::WithdrawalBody;
use comity_core::exit::{Contents, Readers, Released};
use comity_core::record::{Draft, Header};
use comity_core::{Kind, Marking, RecordId, Section, Timestamp, Tlp};
use comity_node::engine::{Command, CommandError, LetOut, Reply};
use comity_tests::bench::{Bench, sign, signed};

/// A record that everybody may have, and its bytes.
fn published(bench: &mut Bench) -> (RecordId, Contents) {
    let mut draft = Draft::new(Kind::Advisory);
    let marking = Some(Marking::new(Tlp::Clear));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
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
