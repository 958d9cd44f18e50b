//! Makes the folder of a node with a million records, for measuring commands of one that runs.
//!
//! `cargo run --release -p comity-tests --example large_node -- FOLDER [--records N]`
//!
//! 200 partners with 300 agreements in force between them, and so many signed records of its own (1,000,000), of one
//! to five parts. The bodies of the parts are left out: their digests, sizes and headers are in the journal, and no
//! decision reads more. `FOLDER/amended.toml` is a text in the place of the first memorandum, whose reference is printed.

use std::path::Path;

use comity_core::agreement::Terms;
use comity_core::ceremony::Ceremony;
use comity_core::control::{AcceptanceBody, AgreementBody};
use comity_core::journal::{
    JournalEntry, PartHeld, PartnerChange, PartnerChanged, RecordEntered, Source, Standing,
};
use comity_core::record::{Draft, Header, Part, VerifiedRecord, control};
use comity_core::sign::SecretKey;
use comity_core::test_util::SeededEntropy;
use comity_core::{Class, Digest, EconomyId, EpochId, Kind, Marking, Section, Timestamp, Tlp};
use comity_node::config::Config;
use comity_node::founding::{Founding, found};
use comity_node::index;
use comity_node::keyfile::{self, Seal};
use comity_store::{FileStore, NewEntry, Store as _};
use comity_tests::sim::economy::Economy;

const PARTNERS: u8 = 200;
/// Partners with a second agreement.
const WITH_TWO: u8 = 100;
/// Entries that are written together.
const BATCH: usize = 4096;
const MOU: &str = include_str!("../../examples/agreements/mou.toml");
const NDA: &str = include_str!("../../examples/agreements/nda.toml");
const SECTIONS: [Section; 5] = [
    Section::Summary,
    Section::Indicators,
    Section::Mitigation,
    Section::Detail,
    Section::Attribution,
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let place = arguments.iter().position(|argument| argument == "--records");
    let records = place.and_then(|place| arguments.get(place + 1)?.parse().ok());
    let Some(folder) = arguments.first().filter(|first| !first.starts_with('-')) else {
        eprintln!("usage: large_node FOLDER [--records N]");
        std::process::exit(64);
    };
    let mut writer = Writer::found(Path::new(folder));
    let mut amended = None;
    for number in 1..=PARTNERS {
        let partner = Economy::found(number);
        writer.pair(&partner, number);
        let reference = writer.agree(&partner, MOU);
        amended.get_or_insert(reference);
        if number <= WITH_TWO {
            writer.agree(&partner, NDA);
        }
    }
    for number in 0..records.unwrap_or(1_000_000) {
        writer.publish(number);
    }
    writer.write();
    let before = "[prohibits]\nsections = [";
    let text = MOU.replace(before, &format!("{before}\"indicators\", "));
    assert_ne!(text, MOU, "a text that prohibits more");
    Terms::parse(&text).expect("a text that reads");
    let path = Path::new(folder).join("amended.toml");
    std::fs::write(&path, text).expect("a file in the folder");
    println!("{}  {}", amended.unwrap_or_default(), path.display());
}

struct Writer {
    us: EconomyId,
    desk: SecretKey,
    link: SecretKey,
    store: FileStore,
    batch: Vec<NewEntry>,
    now: Timestamp,
    words: u32,
}

impl Writer {
    fn found(folder: &Path) -> Self {
        let founding = Founding {
            code: "KR".to_owned(),
            name: "A large node".to_owned(),
            timezone: "UTC".to_owned(),
            city: None,
            listen: "127.0.0.1:0".to_owned(),
            public: Vec::new(),
            root_keys: 1,
            threshold: 1,
        };
        let founded = found(folder, &founding, Seal::Plain).expect("a folder without a node");
        let keys = keyfile::open(&folder.join("keys/node.keys"), None).expect("its keys");
        let key = |name| keys.key(name).expect("a key of the node").clone();
        let config = Config::read(folder).expect("its configuration");
        let (store, _) =
            FileStore::open(&config.store.folder, index::options(&config)).expect("its store");
        let (desk, link, now) = (key("desk"), key("link"), comity_node::clock::now());
        Self { us: founded.economy, desk, link, store, batch: Vec::new(), now, words: 0 }
    }

    fn enter(&mut self, entry: &JournalEntry) {
        let (kind, body, blobs) = (entry.kind(), entry.encode().into(), Vec::new());
        self.batch.push(NewEntry { kind, body, blobs });
        if self.batch.len() >= BATCH {
            self.write();
        }
    }

    fn write(&mut self) {
        self.store.append(std::mem::take(&mut self.batch)).expect("a store that takes them");
    }

    fn pair(&mut self, partner: &Economy, number: u8) {
        let transcript = Digest([number; 32]);
        let ceremony = Ceremony {
            transcript,
            inviter: true,
            our_key: self.link.id(),
            ours: Ceremony::confirm(&self.link, &transcript, true),
            their_key: partner.link.id(),
            theirs: Ceremony::confirm(&partner.link, &transcript, false),
        };
        let paired = PartnerChange::Paired {
            name: format!("P{number:03}"),
            keyring: partner.keyring.encoded().to_vec(),
            addresses: Vec::new(),
            epoch: EpochId([number; 16]),
            ceremony: Box::new(ceremony),
        };
        for change in [paired, PartnerChange::Level(3)] {
            let (economy, at) = (partner.id, self.now);
            self.enter(&JournalEntry::Partner(PartnerChanged { economy, change, at }));
        }
    }

    /// The partner accepts what this node proposes. The proposal's reference.
    fn agree(&mut self, partner: &Economy, text: &str) -> String {
        let body = AgreementBody::between(self.us, partner.id, text.to_owned()).expect("two");
        let sign = |kind, body, key, origin| {
            control(kind, body, Tlp::AmberStrict, key, origin, self.now).expect("a word")
        };
        let proposal = sign(Kind::Agreement, body.encode(), &self.desk, self.us);
        let body = AcceptanceBody { agreement: proposal.id() };
        let acceptance = sign(Kind::Acceptance, body.encode(), &partner.author, partner.id);
        let reference = self.say(&proposal, Source::Own);
        self.say(&acceptance, Source::Returned { by: partner.id });
        reference
    }

    fn say(&mut self, record: &VerifiedRecord, source: Source) -> String {
        self.words += 1;
        let reference = format!("KR-26-C{:04}", self.words);
        self.enter_record(record, &[], source, reference.clone());
        reference
    }

    fn publish(&mut self, number: u32) {
        let labels = [Tlp::Clear, Tlp::Green, Tlp::Green, Tlp::Amber];
        let mut draft = Draft::new([Kind::Advisory, Kind::Incident][(number / 2 % 2) as usize]);
        for section in SECTIONS.into_iter().take(1 + (number % 5) as usize) {
            let mut header = Header::new(section, "text/plain");
            header.marking = Some(Marking::new(labels[(number / 16 % 4) as usize]));
            if section == Section::Detail {
                header.classes = [Class::General, Class::Sensitive].into();
            }
            draft.parts.push((header, format!("{section} of {number}").into_bytes()));
        }
        let entropy = &mut SeededEntropy::new(u64::from(number));
        let signed = draft.sign(&self.desk, self.us, self.now, entropy).expect("a draft");
        let reference = format!("KR-26-{number:07}");
        self.enter_record(&signed.record, &signed.parts, Source::Own, reference);
    }

    fn enter_record(
        &mut self,
        record: &VerifiedRecord,
        parts: &[Part],
        source: Source,
        reference: String,
    ) {
        let held = parts.iter().map(|part| PartHeld {
            digest: part.digest,
            size: part.bytes.len() as u64,
            header: part.encoded_header.to_vec(),
        });
        self.enter(&JournalEntry::Record(RecordEntered {
            signed: record.signed().to_vec(),
            parts: held.collect(),
            source,
            standing: Standing::Accepted,
            title: reference.clone(),
            reference,
            at: self.now,
        }));
    }
}
