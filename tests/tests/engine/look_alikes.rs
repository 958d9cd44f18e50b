//! Records that differ only in what is withheld, within equal size classes, look alike to who gets the rest: byte
//! for byte, up to digests, salts and signatures.

use std::time::Duration;

use comity_core::record::{
    AddresseeDraft, Draft, Header, Part, PartEntry, SizeClass, VerifiedRecord,
};
use comity_core::{Class, EconomyId, Kind, Marking, Section, State, Tlp, Urgency};
use comity_tests::bench::Bench;
use comity_tests::sim::dice::Dice;
use comity_tests::sim::wire::Said;

use super::redaction::{agree, publish, salt};

/// What nobody else is to read: who is involved, and what it costs.
const PLANTED: [&str; 8] = [
    "Contoso Bank",
    "Globex Logistics",
    "Initech Holding",
    "Umbrella takeover",
    "invoice 2026-4711",
    "ransom of 4.2 million",
    "client list",
    "board minutes",
];
const SECTIONS: [Section; 10] = [
    Section::Summary,
    Section::Mitigation,
    Section::Detail,
    Section::Indicators,
    Section::Attribution,
    Section::Victim,
    Section::Evidence,
    Section::Original,
    Section::Sightings,
    Section::Translation,
];
const MEDIA: [&str; 6] = [
    "text/plain",
    "text/markdown",
    "application/json",
    "application/stix+json;version=2.1",
    "application/x-memory-dump",
    "image/png",
];
const KINDS: [Kind; 5] =
    [Kind::Advisory, Kind::Incident, Kind::Request, Kind::Response, Kind::Note];
/// Lengths of content for which a part is of the first size class, of the second, and so on, whatever its header.
const LENGTHS: [(u64, u64); 4] = [(0, 400), (1_024, 1_448), (2_048, 3_496), (4_096, 7_592)];

/// What both records of a pair have alike.
struct Shape {
    kind: Kind,
    state: State,
    urgency: Urgency,
    /// Sections of the parts that go, each with its content.
    goes: Vec<(Section, Vec<u8>)>,
    /// The size class of each part that stays.
    stays: Vec<usize>,
    /// How many others it is addressed to, where it is addressed.
    others: Option<usize>,
}

impl Shape {
    fn of(dice: &mut Dice) -> Self {
        let goes = (0..=dice.below(3)).map(|_| {
            let section = SECTIONS[dice.below(3)];
            let length = dice.below(900);
            (section, dice.bytes(length))
        });
        let goes = goes.collect();
        Self {
            kind: KINDS[dice.below(KINDS.len())],
            state: if dice.percent(50) { State::Final } else { State::Interim },
            urgency: if dice.percent(30) { Urgency::Urgent } else { Urgency::Routine },
            goes,
            stays: (0..=dice.below(4)).map(|_| dice.below(LENGTHS.len())).collect(),
            others: dice.percent(40).then(|| dice.below(3)),
        }
    }

    /// A record of this shape; what stays of it is drawn.
    fn draft(&self, to: EconomyId, dice: &mut Dice) -> Draft {
        let green = |section, media: &str| {
            let mut header = Header::new(section, media);
            header.marking = Some(Marking::new(Tlp::Green));
            header
        };
        let mut draft = Draft::new(self.kind);
        (draft.state, draft.urgency) = (self.state, self.urgency);
        for (section, content) in &self.goes {
            draft.parts.push((green(*section, "text/plain"), content.clone()));
        }
        for class in &self.stays {
            let section = SECTIONS[dice.below(SECTIONS.len())];
            let mut header = green(section, MEDIA[dice.below(MEDIA.len())]);
            if section == Section::Translation {
                (header.translates, header.language) =
                    (Some(Section::Victim), Some("ko".to_owned()));
            }
            if dice.percent(60) {
                header.file_name = Some(format!("{}.docx", planted(dice)));
            }
            withhold(&mut header, dice);
            let (least, most) = LENGTHS[*class];
            let length = usize::try_from(dice.within(least..=most)).unwrap();
            let words = std::iter::repeat_with(|| planted(dice)).take(600).collect::<String>();
            let mut content = words.into_bytes();
            content.truncate(length);
            draft.parts.push((header, content));
        }
        if let Some(others) = self.others {
            let goes = (0..self.goes.len()).collect();
            draft.addressees.push(AddresseeDraft::new(to, goes));
            for _ in 0..others {
                let economy = EconomyId([u8::try_from(dice.within(90..=99)).unwrap(); 32]);
                let all: Vec<usize> = (0..draft.parts.len()).collect();
                let given = all.into_iter().filter(|part| {
                    let destination = draft.parts[*part].0.destination;
                    *part == 0 || (destination.is_none() && dice.percent(50))
                });
                let mut addressee = AddresseeDraft::new(economy, given.collect());
                addressee.desk = dice.percent(50).then(|| format!("{} desk", planted(dice)));
                draft.addressees.push(addressee);
            }
        }
        draft
    }
}

/// One of the reasons for which a memorandum lets nothing of it go. At AMBER it would cover some sections, if they were
/// addressed to the partner; these never are.
fn withhold(header: &mut Header, dice: &mut Dice) {
    let marking = header.marking.as_mut().unwrap();
    match dice.below(8) {
        0 => header.classes = [Class::Evidence].into_iter().collect(),
        1 => header.classes = [Class::General, Class::Sensitive].into_iter().collect(),
        2 => header.classes = [Class::PersonalData].into_iter().collect(),
        3 => marking.tlp = Tlp::Amber,
        4 => marking.tlp = Tlp::AmberStrict,
        5 => marking.tlp = Tlp::Red,
        6 => marking.categories = ["takeovers".to_owned()].into(),
        _ => header.destination = Some(EconomyId([99; 32])),
    }
}

fn planted(dice: &mut Dice) -> &'static str {
    PLANTED[dice.below(PLANTED.len())]
}

/// What a partner hears of a record, and the bytes, with everything in them that digests, salts and signatures decide
/// put to zero.
struct Heard {
    record: VerifiedRecord,
    sealed: Vec<Part>,
    bytes: Vec<u8>,
    deliveries: usize,
}

fn heard(draft: impl FnOnce(EconomyId) -> Draft) -> Heard {
    let mut bench = Bench::new();
    let mut peer = bench.pair(2);
    bench.connect(&mut peer);
    agree(&mut bench, &mut peer, "mou");
    bench.left(peer.conn());
    let (record, sealed) = publish(&mut bench, draft(peer.economy.id), 7);
    bench.wait(Duration::from_secs(70));
    let mut bytes = bench.left(peer.conn());
    for word in PLANTED {
        let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(!found, "`{word}` left");
    }
    let went = bench.delivered(peer.conn());
    assert_eq!(went.iter().filter(|id| **id == record.id()).count(), 1);
    let entries = &record.manifest().parts;
    // Digests decide the order of the lines: here their size classes do.
    let mut by_size = entries.clone();
    by_size.sort_by_key(|entry| entry.size);
    let lines = |entries: &[PartEntry]| entries.iter().flat_map(line).collect::<Vec<u8>>();
    assert_eq!(replace(&mut bytes, &lines(entries), &lines(&by_size)), 1, "one manifest left");
    // A receipt bears a salted digest of our journal, under a signature.
    let receipts = bench.heard(peer.conn()).into_iter().filter_map(|said| match said {
        Said::Receipt(signed) => Some(signed.to_vec()),
        _ => None,
    });
    let signature = record.signed()[record.signed().len() - 64..].to_vec();
    let digests = entries.iter().map(|entry| entry.digest.0.to_vec());
    let salts = sealed.iter().map(|part| salt(part).to_vec());
    for opaque in digests.chain(salts).chain(receipts).chain([record.id().0.to_vec(), signature]) {
        replace(&mut bytes, &opaque, &vec![0; opaque.len()]);
    }
    Heard { record, sealed, bytes, deliveries: went.len() }
}

/// A line of a manifest: a digest and a size class.
fn line(entry: &PartEntry) -> Vec<u8> {
    let size = u8::try_from(entry.size.code()).unwrap();
    [&[0x82, 0x58, 0x20], entry.digest.as_bytes().as_slice(), &[size]].concat()
}

/// How often `old` was there.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) -> usize {
    let mut count = 0;
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(old.len()).position(|window| window == old) {
        bytes[from + at..from + at + old.len()].copy_from_slice(new);
        (count, from) = (count + 1, from + at + old.len());
    }
    count
}

fn classes(heard: &Heard) -> Vec<SizeClass> {
    heard.sealed.iter().map(|part| SizeClass::of(part.bytes.len()).unwrap()).collect()
}

#[test]
fn records_that_differ_in_what_is_withheld_look_alike() {
    let mut addressed = 0;
    for seed in 0..40_u64 {
        let shape = Shape::of(&mut Dice::new(seed));
        addressed += usize::from(shape.others.is_some());
        let drawn = |number| Dice::new(1_000 + 2 * seed + number);
        let [one, other] = [0, 1].map(|number| heard(|to| shape.draft(to, &mut drawn(number))));
        assert_ne!(one.record.id(), other.record.id(), "seed {seed}");
        assert_eq!(classes(&one), classes(&other), "seed {seed}");
        let differ = one.sealed.iter().zip(&other.sealed).filter(|(a, b)| a.digest != b.digest);
        assert!(differ.count() >= shape.stays.len(), "seed {seed}");
        assert_eq!(one.deliveries, other.deliveries, "seed {seed}");
        assert_eq!(one.bytes.len(), other.bytes.len(), "seed {seed}: as many bytes");
        let differs: Vec<_> =
            (0..one.bytes.len()).filter(|at| one.bytes[*at] != other.bytes[*at]).collect();
        assert!(differs.is_empty(), "seed {seed}: apart from what is opaque, at {differs:?}");
    }
    assert!((10..30).contains(&addressed), "{addressed} pairs are addressed");
}

/// What the comparison sees: another size class is in the manifest, and so is another number of parts beyond the
/// next power of two.
#[test]
fn another_size_class_or_number_of_parts_does_not_look_alike() {
    for seed in 0..10_u64 {
        let shape = Shape::of(&mut Dice::new(seed));
        let own = heard(|to| shape.draft(to, &mut Dice::new(1_000)));
        let mut larger = Shape::of(&mut Dice::new(seed));
        larger.stays[0] = (larger.stays[0] + 1) % LENGTHS.len();
        let larger = heard(|to| larger.draft(to, &mut Dice::new(1_000)));
        assert_ne!(own.bytes, larger.bytes, "seed {seed}: another size class");
        let mut more = Shape::of(&mut Dice::new(seed));
        more.stays.extend([0; 8]);
        let more = heard(|to| more.draft(to, &mut Dice::new(1_000)));
        assert_ne!(own.bytes.len(), more.bytes.len(), "seed {seed}: more parts");
    }
}
