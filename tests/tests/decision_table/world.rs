//! From a case to partners, a record and a part, and the gate's answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use comity_core::agreement::Terms;
use comity_core::group::{
    ApplicationBody, CharterBody, Founding, Group, GroupBody, Roster, RosterBody, Says, Statement,
};
use comity_core::keyring::{Confirmation, Place};
use comity_core::ledger::Obligations;
use comity_core::limits::{CLOCK_TOLERANCE, HEAD_MAX_AGE};
use comity_core::marking::Pap;
use comity_core::policy::{
    AddresseeFacts, Agreement, Approval, Consent, Examination, Gate, Lifecycle, PartFacts, Partner,
    PolicyBuilder, PolicySnapshot, Recipient, RecordFacts, Source, Standing, TrustLevel, Verdict,
    Word, decide,
};
use comity_core::record::{Addressee, Header, Manifest};
use comity_core::{
    Class, Digest, EconomyId, GroupId, KeyId, Kind, Marking, Onward, PartDigest, RecordId, Section,
    State, Timestamp, Tlp, Urgency,
};

use crate::cell::{Cell, Dimension as D};

const US: EconomyId = EconomyId([1; 32]);
const THEM: EconomyId = EconomyId([2; 32]);
const OTHER: EconomyId = EconomyId([3; 32]);
const NOW: Timestamp = Timestamp::from_secs(1_795_300_000);
const AHEAD: Timestamp = Timestamp::from_secs(1_795_300_060);
const PAST: Timestamp = Timestamp::from_secs(1_795_299_940);
const RECORD: RecordId = RecordId([9; 32]);
const PART: PartDigest = PartDigest([1; 32]);
const ADDRESSEE: PartDigest = PartDigest([200; 32]);
const DESK: &str = "cyber crime";
/// A group of which the recipient is a member, and one of which it is none.
const THEIRS: GroupId = GroupId([5; 32]);
const ANOTHER: GroupId = GroupId([6; 32]);

/// What a gate said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    pub verdict: String,
    pub because: String,
}

/// Builds cases, and keeps the agreements that it has read.
#[derive(Default)]
pub struct Worlds {
    terms: HashMap<String, Arc<Terms>>,
    groups: Option<[Arc<Group>; 2]>,
}

impl Worlds {
    /// What a gate says of a case.
    pub fn said(&mut self, cell: &Cell, gate: Gate) -> Said {
        let (record, part) = record(cell);
        let policy = self.policy(cell);
        let decision = decide(&policy, &record, &part, &recipient(cell), NOW);
        let judgement = decision.judgement(gate).expect("every gate speaks");
        let verdict = match judgement.verdict {
            Verdict::Pass => "passes".to_owned(),
            Verdict::Deny => "**refuses**".to_owned(),
            Verdict::Hold(until) if until == AHEAD => "holds until T".to_owned(),
            Verdict::Hold(until) => format!("holds until {until}"),
        };
        Said { verdict, because: reason(&format!("{:?}", judgement.fact)) }
    }

    fn policy(&mut self, cell: &Cell) -> PolicySnapshot {
        let mut builder = PolicySnapshot::builder(US);
        let standing = match cell.value(D::Standing) {
            "paired" => Some(Standing::Paired),
            "suspended" => Some(Standing::Suspended),
            "frozen" => Some(Standing::Frozen),
            "revoked" => Some(Standing::Revoked),
            _ => None,
        };
        if let Some(standing) = standing {
            let level = cell.value(D::Trust).parse().ok().and_then(TrustLevel::from_number);
            let partner = Partner::new().at(level.unwrap()).standing(standing);
            let signed = self.signed(cell);
            builder = builder.partner(THEM, signed.into_iter().fold(partner, Partner::with));
        }
        let mut other = Partner::new();
        if cell.is(D::NoLawEnforcement, &["with whom it came from"]) {
            other = other.with(self.excluding(33));
        }
        builder = builder.partner(OTHER, other);
        if let Some(consent) = consent(cell) {
            builder = builder.consent(consent);
        }
        if !cell.is(D::Guard, &["no rule", "no rule, matched"]) {
            builder = builder.guarded(7);
        }
        if let Some(said) = confirmation(cell) {
            builder = builder.confirmed(origin(cell), said).confirmed(THEM, said);
        }
        let groups =
            self.groups.get_or_insert_with(|| [group(THEIRS, true), group(ANOTHER, false)]);
        groups.iter().cloned().fold(builder, PolicyBuilder::group).build()
    }

    /// The agreement that is measured against, and others that cover nothing and only restrict.
    fn signed(&mut self, cell: &Cell) -> Vec<Agreement> {
        let mut signed = Vec::new();
        let terms = |worlds: &mut Self| worlds.read(&text(cell));
        let id = RecordId([11; 32]);
        match cell.value(D::Agreement) {
            "in force" => signed.push(Agreement::new(id, terms(self), Timestamp::EPOCH)),
            "from T" => signed.push(Agreement::new(id, terms(self), AHEAD)),
            "ended" => {
                let agreement = Agreement::new(id, terms(self), Timestamp::EPOCH);
                signed.push(agreement.terminated(PAST));
            }
            _ => {}
        }
        if !cell.is(D::Agreement, &["in force"]) {
            return signed;
        }
        if cell.is(D::NoLawEnforcement, &["with the recipient"]) {
            signed.push(self.excluding(31));
        }
        if cell.is(D::Purposes, &["two agreements apart"]) {
            let other =
                format!("{HEADER}tier = \"mou\"\nmax-tlp = \"CLEAR\"\npurposes = [\"b\"]\n");
            let terms = self.read(&other);
            signed.push(Agreement::new(RecordId([32; 32]), terms, Timestamp::EPOCH));
        }
        signed
    }

    fn excluding(&mut self, id: u8) -> Agreement {
        let text =
            format!("{HEADER}tier = \"mou\"\nmax-tlp = \"CLEAR\"\nno-law-enforcement-use = true\n");
        Agreement::new(RecordId([id; 32]), self.read(&text), Timestamp::EPOCH)
    }

    fn read(&mut self, text: &str) -> Arc<Terms> {
        let read = || Arc::new(Terms::parse(text).unwrap_or_else(|error| panic!("{error}")));
        Arc::clone(self.terms.entry(text.to_owned()).or_insert_with(read))
    }
}

/// A group that we founded, and to which the recipient was admitted or not.
fn group(id: GroupId, admitted: bool) -> Arc<Group> {
    let text = "format = 1\nname = \"g\"\npurpose = \"p\"\nfounders = [\"us\", \"them\"]\n\
        starts = 2020-01-01\nsponsors = { needed = 1 }\nremoval = { by = \"secretariat\" }\n\
        terms = { tier = \"mou\" }\n";
    let body = CharterBody {
        text: text.to_owned(),
        founders: BTreeSet::from([US, THEM]),
        sponsors: BTreeSet::new(),
    };
    let founding = Founding::new(RecordId(id.0), US, PAST, &body).unwrap();
    let application = RecordId([51; 32]);
    let applies = GroupBody::Application(ApplicationBody {
        group: id,
        affiliations: BTreeSet::new(),
        answers: Vec::new(),
    });
    let roster = RosterBody::Roster(Roster {
        group: id,
        epoch: 1,
        predecessor: Digest(id.0),
        members: BTreeMap::from([(US, BTreeSet::new()), (THEM, BTreeSet::new())]),
        changes: BTreeMap::from([(THEM, BTreeSet::from([application]))]),
        handover: None,
    });
    let said =
        [(application, THEM, Says::Group(applies)), (RecordId([52; 32]), US, Says::Roster(roster))];
    let said =
        said.map(|(record, by, says)| Statement { record, by, at: PAST, says, doubted: false });
    let group = Group::replay(Arc::new(founding), said.into_iter().filter(|_| admitted));
    assert_eq!(group.certain().contains(&THEM), admitted);
    Arc::new(group)
}

/// In force since long before [`NOW`], so that the first of several is the one that is measured.
const HEADER: &str = "format = 1\ntitle = \"t\"\nstarts = 2020-01-01\n";

fn text(cell: &Cell) -> String {
    let mut text = format!("{HEADER}tier = \"{}\"\n", cell.value(D::Tier));
    let mut say = |line: &str| writeln!(text, "{line}").unwrap();
    if cell.is(D::Tier, &["law-enforcement"]) {
        say(&format!("desk = \"{DESK}\""));
    }
    if cell.is(D::Ceiling, &["GREEN"]) {
        say("max-tlp = \"GREEN\"");
    }
    say(&format!("max-pap = \"{}\"", cell.value(D::MaxPap)));
    if !cell.is(D::Kind, &["covered"]) {
        say("kinds = [\"advisory\"]");
    }
    if cell.is(D::SectionsNarrowed, &["the case alone"]) {
        say("sections = [\"case\"]");
    }
    say("categories = [\"covered\", \"prohibited\"]");
    match cell.value(D::Purposes) {
        "any" | "received" => {}
        "agreed" | "two agreements apart" => say("purposes = [\"a\"]"),
        _ => say("purposes = [\"a\", \"c\"]"),
    }
    if cell.is(D::Bases, &["listed"]) {
        say("legal-bases = [\"Act 12\"]");
    }
    say(&format!("exercises = {}", cell.value(D::ExercisesAdmitted)));
    // NOW is 2026-11-21T22:26:40Z.
    match cell.value(D::Review) {
        "ahead (stop)" => say("review = 2026-11-21\nreview-overdue = \"stop\""),
        "overdue (warn)" => say("review = 2026-11-20\nreview-overdue = \"warn\""),
        "overdue (stop)" => say("review = 2026-11-20\nreview-overdue = \"stop\""),
        _ => {}
    }
    say("[prohibits]\ncategories = [\"prohibited\"]");
    if cell.is(D::ProhibitsAbove, &["above GREEN"]) {
        say("tlp-above = \"GREEN\"");
    }
    if cell.is(D::Kind, &["prohibited"]) {
        say("kinds = [\"incident\"]");
    }
    let (section, counts_as) = section(cell);
    if cell.is(D::ProhibitsSection, &["the section"]) && section != Section::Translation {
        say(&format!("sections = [\"{section}\"]"));
    } else if cell.is(D::ProhibitsSection, &["the section"]) {
        say(&format!("sections = [\"{counts_as}\"]"));
    }
    if cell.is(D::ProhibitsClass, &["the class"]) && !cell.is(D::Class, &["no class"]) {
        say(&format!("classes = [\"{}\"]", cell.value(D::Class)));
    }
    text
}

/// The section, and what it counts as.
fn section(cell: &Cell) -> (Section, Section) {
    if cell.is(D::Part, &["addressee part"]) {
        return (Section::Addressee, Section::Addressee);
    }
    match cell.value(D::Section) {
        "translation of indicators" => (Section::Translation, Section::Indicators),
        "translation of none" => (Section::Translation, Section::Translation),
        name => {
            let section = Section::from_name(name).unwrap();
            (section, section)
        }
    }
}

fn consent(cell: &Cell) -> Option<Consent> {
    let says = cell.value(D::Says);
    let until = if says.ends_with("consents until T") {
        AHEAD
    } else if says.ends_with("consented until P") {
        PAST
    } else {
        return None;
    };
    Some(Consent {
        id: RecordId([41; 32]),
        origin: origin(cell),
        record: RECORD,
        parts: vec![PART, ADDRESSEE],
        asker: US,
        grantee: meant(cell),
        until,
        terms: Obligations::default(),
    })
}

/// What the origin has said of its keyring, and the recipient of its own.
fn confirmation(cell: &Cell) -> Option<Confirmation> {
    let place = Place { rotations: 0, version: 2 };
    match cell.value(D::Head) {
        "confirmed lately" => Some(Confirmation::At(PAST)),
        "not confirmed lately" => Some(Confirmation::At(NOW.saturating_sub(HEAD_MAX_AGE))),
        "confirmed for after T" => Some(Confirmation::At(AHEAD.saturating_add(CLOCK_TOLERANCE))),
        "a newer one on its way" => {
            Some(Confirmation::Awaited { place, from: AHEAD, confirmed: PAST })
        }
        "a newer one awaited" => Some(Confirmation::Awaited { place, from: NOW, confirmed: PAST }),
        "contradicted" => Some(Confirmation::Contradicted(place)),
        _ => None,
    }
}

/// Whom the origin means where it means the recipient: at our own house, us.
fn meant(cell: &Cell) -> EconomyId {
    if cell.is(D::Recipient, &["partner", "public"]) { THEM } else { US }
}

fn origin(cell: &Cell) -> EconomyId {
    match cell.value(D::Source) {
        "own" => US,
        "another partner" => OTHER,
        _ => THEM,
    }
}

fn recipient(cell: &Cell) -> Recipient {
    match cell.value(D::Recipient) {
        "partner" => Recipient::partner(THEM),
        "constituent" => Recipient::Constituent { name: "bank".into() },
        "public" => Recipient::Public,
        _ => Recipient::LocalRole { role: DESK.into() },
    }
}

fn source(cell: &Cell) -> Source {
    let onward = match cell.value(D::Onward) {
        "within marking" => Onward::WithinMarking,
        "ask" => Onward::Ask,
        _ => Onward::None,
    };
    let purposes: &[&str] = match cell.value(D::Purposes) {
        "received" | "agreed and received alike" => &["a"],
        "agreed and received apart" => &["b"],
        _ => &[],
    };
    let purposes = purposes.iter().map(|purpose| (*purpose).to_owned()).collect();
    let obligations = Obligations { onward, purposes, ..Obligations::unbound() };
    match cell.value(D::Source) {
        "own" => Source::Own,
        "the recipient" => Source::From { economy: THEM, obligations },
        _ => Source::From { economy: OTHER, obligations },
    }
}

fn marking(cell: &Cell) -> Marking {
    let instant = |value: &str| match value {
        "T" => Some(AHEAD),
        "P" => Some(PAST),
        _ => None,
    };
    let categories: &[&str] = match cell.value(D::Category) {
        "none" => &[],
        "covered" => &["covered"],
        "prohibited" => &["prohibited"],
        _ => &["covered", "not covered"],
    };
    Marking {
        pap: Pap::from_name(cell.value(D::Pap)),
        categories: categories.iter().map(|name| (*name).to_owned()).collect(),
        community: match cell.value(D::Community) {
            "the recipient's" => Some(THEIRS),
            "another" => Some(ANOTHER),
            _ => None,
        },
        release_at: instant(cell.value(D::ReleaseTime)),
        embargo_until: instant(cell.value(D::Embargo)),
        expires: instant(cell.value(D::Expiry)),
        exercise: (!cell.is(D::Exercise, &["none"])).then(|| "drill".to_owned()),
        unknown: cell.is(D::Unknown, &["an unknown marking"]),
        ..Marking::new(Tlp::from_name(cell.value(D::Tlp)).unwrap())
    }
}

fn record(cell: &Cell) -> (RecordFacts, PartFacts) {
    let marking = marking(cell);
    let mut floor = Marking::new(Tlp::Clear);
    if cell.is(D::Exercise, &["the record's"]) {
        floor.exercise.clone_from(&marking.exercise);
    }
    if cell.is(D::Floor, &["looser"]) {
        floor.expires = Some(Timestamp::EPOCH.saturating_add(Duration::from_secs(1)));
    }
    let manifest = Manifest {
        kind: if cell.is(D::Kind, &["control"]) { Kind::Keyring } else { Kind::Incident },
        state: State::Final,
        origin: origin(cell),
        author: KeyId([8; 32]),
        signed_at: PAST,
        urgency: Urgency::Routine,
        floor,
        addressed: false,
        supersedes: Vec::new(),
        parts: Vec::new(),
        body: None,
        unknown: cell.is(D::Unknown, &["an unknown manifest field"]),
    };
    let mut record = RecordFacts::new(RECORD, &manifest, source(cell));
    match cell.value(D::Record) {
        "in quarantine" => record.quarantined = true,
        "author pending" => record.pending = true,
        "unmarked" => record.unmarked = true,
        "withdrawn" => record.lifecycle = Lifecycle::Withdrawn,
        "superseded" => record.lifecycle = Lifecycle::Superseded,
        _ => {}
    }
    record.approval = match cell.value(D::Approval) {
        "awaited" => Approval::Awaited(Word::new("TLP:RED")),
        "refused" => Approval::Refused,
        "given" => Approval::Given,
        _ => Approval::NotNeeded,
    };
    if cell.is(D::Order, &["in the record"]) {
        record.orders.push(PartDigest([50; 32]));
    }
    let part = part(cell, marking, &record.floor);
    let destination = speak(cell, &mut record);
    (record, PartFacts { destination, ..part })
}

fn part(cell: &Cell, marking: Marking, floor: &Marking) -> PartFacts {
    let is_addressee = cell.is(D::Part, &["addressee part"]);
    let (section, counts_as) = section(cell);
    let rule = Word::new("rule");
    PartFacts {
        erased: cell.is(D::Record, &["erased"]),
        section: match cell.value(D::Unknown) {
            // An addressee part of an unknown section is none.
            "an unknown section" if !is_addressee => Section::Unknown(99),
            _ => section,
        },
        counts_as,
        classes: Class::from_name(cell.value(D::Class)).into_iter().collect(),
        marking,
        unknown: cell.is(D::Unknown, &["an unknown header field"])
            || (is_addressee && cell.is(D::Unknown, &["an unknown section"])),
        guard: match cell.value(D::Guard) {
            "no rule, matched" | "rules, matched" => Examination::Hit { revision: 7, rule },
            "rules, clear" => Examination::Clear { revision: 7 },
            "rules, cleared by older ones" => Examination::Clear { revision: 6 },
            _ => Examination::NotExamined,
        },
        ..PartFacts::new(
            if is_addressee { ADDRESSEE } else { PART },
            &Header::new(Section::Summary, "text/plain"),
            floor,
        )
    }
}

/// How the origin speaks of the recipient; returns the part's destination.
fn speak(cell: &Cell, record: &mut RecordFacts) -> Option<EconomyId> {
    let meant = meant(cell);
    let others = EconomyId([4; 32]);
    let mut name = |economy, desk: Option<&str>, relays: &[EconomyId], parts: &[PartDigest]| {
        record.addressed = true;
        let addressee = Addressee {
            economy: Some(economy),
            desk: desk.map(str::to_owned),
            group: None,
            relays: relays.to_vec(),
            parts: parts.to_vec(),
        };
        record.addressees.push(AddresseeFacts { part: ADDRESSEE, addressee });
    };
    match cell.value(D::Says) {
        "names it" => name(meant, None, &[], &[PART]),
        "names a desk there" => name(meant, Some("duty"), &[], &[PART]),
        "names the agreed desk" => name(meant, Some(DESK), &[], &[PART]),
        "names it as relay" => name(others, Some("duty"), &[meant], &[PART]),
        "names it through us" => name(meant, None, &[US], &[PART]),
        "names others" | "names others, consents until T" | "names others, consented until P" => {
            name(others, None, &[], &[PART])
        }
        "names it for other parts" => name(meant, None, &[], &[PartDigest([77; 32])]),
        "addresses nobody" => record.addressed = true,
        "gives it the rows" => return Some(meant),
        "gives others the rows" => return Some(others),
        _ => {}
    }
    None
}

/// The name of a fact, in words: what it measured is in the row already.
fn reason(fact: &str) -> String {
    let fact = fact.strip_prefix("Contradiction(").unwrap_or(fact);
    let fact = fact.strip_prefix("Unbuilt(").map_or(fact, |_| "CannotBeWeighed");
    let name: String = fact.chars().take_while(|letter| letter.is_alphanumeric()).collect();
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
