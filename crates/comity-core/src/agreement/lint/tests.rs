use super::*;
use crate::agreement::Tier;
use crate::identity::{EconomyId, RecordId};
use crate::marking::{Marking, Tlp};
use crate::policy::{Agreement, Partner, PolicySnapshot, Recipient, Source, TrustLevel, plan};
use crate::record::{Addressee, Header, Manifest};
use crate::vocabulary::{Class, Kind, Section};

const MOU: &str = include_str!("../../../../../examples/agreements/mou.toml");
const NDA: &str = include_str!("../../../../../examples/agreements/nda.toml");

fn today() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

fn found(text: &str) -> Vec<Finding> {
    lint(text, today()).unwrap_or_else(|error| panic!("{error}"))
}

/// The text with one place changed, which has to be there once.
fn changed(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "`{from}` is there once");
    text.replace(from, to)
}

/// What a change of a clean text makes a reviewer say, and the line's text.
fn said(text: &str, from: &str, to: &str) -> Vec<(Flaw, Option<Field>, String)> {
    let text = changed(text, from, to);
    let lines: Vec<&str> = text.lines().collect();
    let findings = found(&text);
    findings.iter().map(|one| (one.flaw, one.field, lines[one.line - 1].to_owned())).collect()
}

#[test]
fn the_samples_are_clean() {
    assert_eq!(found(MOU), []);
    assert_eq!(found(NDA), []);
}

/// Each is a sample with one change, and what is said about it alone, at that line.
#[test]
fn each_fault_is_named_at_its_line() {
    use Field as F;
    use Flaw as W;
    for (text, from, to, flaw, field, line) in [
        (
            MOU,
            "max-tlp = \"AMBER\"",
            "max-tlp = \"CLEAR\"",
            W::ReleasesNothing,
            Some(F::MaxTlp),
            "max-tlp = \"CLEAR\"",
        ),
        (
            MOU,
            "sections = [\"attribution\"]",
            "classes = [\"general\"]",
            W::ReleasesNothing,
            Some(F::Prohibits),
            "[prohibits]",
        ),
        (
            MOU,
            "parties = [\"National CSIRT of the Republic of Sample\", \"CERT of the Islands of Example\"]",
            "parties = [\"A\", \"A\"]",
            W::EmptyAudience,
            None,
            "parties = [\"A\", \"A\"]",
        ),
        (
            MOU,
            "ends = 2028-12-31\nreview = 2027-06-30",
            "ends = 2026-11-21\nreview = 2026-11-21",
            W::Ended,
            Some(F::Ends),
            "ends = 2026-11-21",
        ),
        (
            MOU,
            "review = 2027-06-30\nnotice = \"90 days\"\n# A review that is overdue is a warning; \"stop\" would let nothing go until it is done.\nreview-overdue = \"warn\"\n",
            "notice = \"90 days\"\n",
            W::NoReview,
            Some(F::Review),
            "tier = \"mou\"",
        ),
        (
            MOU,
            "review = 2027-06-30",
            "review = 2029-01-01",
            W::DeadClause,
            Some(F::Review),
            "review = 2029-01-01",
        ),
        (
            MOU,
            "review = 2027-06-30",
            "review = 2025-12-31",
            W::Contradiction,
            Some(F::Review),
            "review = 2025-12-31",
        ),
        (
            MOU,
            "review = 2027-06-30",
            "review = 2026-11-21",
            W::ReviewOverdue,
            Some(F::Review),
            "review = 2026-11-21",
        ),
        (
            MOU,
            "notice = \"90 days\"",
            "notice = \"4 years\"",
            W::DeadClause,
            Some(F::Notice),
            "notice = \"4 years\"",
        ),
        (MOU, "notice = \"90 days\"\n", "", W::Unsaid, Some(F::Notice), "tier = \"mou\""),
        (MOU, "max-pap = \"AMBER\"\n", "", W::Unsaid, Some(F::MaxPap), "tier = \"mou\""),
        (MOU, "categories = []\n", "", W::Unsaid, Some(F::Categories), "tier = \"mou\""),
        (MOU, "retention = \"2 years\"\n", "", W::Unsaid, Some(F::Retention), "tier = \"mou\""),
        (
            MOU,
            "purposes = [\"incident response\", \"protection of constituents\"]\n",
            "",
            W::Unsaid,
            Some(F::Purposes),
            "tier = \"mou\"",
        ),
        (
            MOU,
            "sections = [\"attribution\"]",
            "sections = [\"summary\"]",
            W::Contradiction,
            Some(F::SectionsAtAmber),
            "sections-at-amber = [\"summary\", \"mitigation\", \"case\", \"addressee\", \"sightings\"]",
        ),
        (
            MOU,
            "max-pap = \"AMBER\"",
            "max-pap = \"AMBER\"\nsections = [\"summary\", \"indicators\"]",
            W::DeadClause,
            Some(F::SectionsAtAmber),
            "",
        ),
        (
            MOU,
            "\"summary\", \"mitigation\", \"case\", \"addressee\", \"sightings\"]",
            "\"case\"]",
            W::DeadClause,
            Some(F::MaxTlp),
            "max-tlp = \"AMBER\"",
        ),
        (
            MOU,
            "max-tlp = \"AMBER\"",
            "max-tlp = \"GREEN\"",
            W::DeadClause,
            Some(F::SectionsAtAmber),
            "sections-at-amber = [\"summary\", \"mitigation\", \"case\", \"addressee\", \"sightings\"]",
        ),
        (
            MOU,
            "[prohibits]\n",
            "[prohibits]\ntlp-above = \"GREEN\"\n",
            W::Contradiction,
            Some(F::MaxTlp),
            "max-tlp = \"AMBER\"",
        ),
        (
            MOU,
            "[prohibits]\n",
            "[prohibits]\ntlp-above = \"RED\"\n",
            W::DeadClause,
            Some(F::Prohibits),
            "tlp-above = \"RED\"",
        ),
        (
            MOU,
            "\"request\", \"response\"",
            "\"request\"",
            W::OneWay,
            Some(F::Kinds),
            "kinds = [\"advisory\", \"incident\", \"sightings\", \"request\", \"note\"]",
        ),
        (
            MOU,
            "\"request\", \"response\"",
            "\"request\", \"request\", \"response\"",
            W::DeadClause,
            Some(F::Kinds),
            "",
        ),
        (
            MOU,
            "[prohibits]\n",
            "[prohibits]\nkinds = [\"note\"]\n",
            W::Contradiction,
            Some(F::Kinds),
            "",
        ),
        (
            MOU,
            "categories = []",
            "categories = []\nlegal-bases = [\"Act 12\"]",
            W::DeadClause,
            Some(F::LegalBases),
            "legal-bases = [\"Act 12\"]",
        ),
        (
            MOU,
            "survival = \"3 years\"",
            "survival = \"1 year\"",
            W::ShortDuty,
            Some(F::Survival),
            "survival = \"1 year\"",
        ),
        (
            MOU,
            "for = \"CERT of the Islands of Example\"",
            "for = \"CERT of Example\"",
            W::Parties,
            Some(F::Signatories),
            "[[paper.signatories]]",
        ),
        (
            MOU,
            "notices = \"notices@csirt.sample.example\"\n",
            "",
            W::Unsaid,
            Some(F::Notices),
            "[paper]",
        ),
        (MOU, "authentic = true\n", "", W::Unsaid, Some(F::Paper), "[[paper.versions]]"),
        (
            MOU,
            "sha256 = \"0516273849a5b6c7d8e9f0b1d2e3a4c0d9f1e6b7a9b0f5f3a0f6f1b5c2a6b2f5\"",
            "sha256 = \"5f2b6a2c5b1f6f0a3f5f0b9a7b6e1f9d0c4a3e2d1b0f9e8d7c6b5a4938271605\"",
            W::Contradiction,
            Some(F::Paper),
            "[[paper.versions]]",
        ),
        (MOU, "kinds = \"art. 3\"\n", "", W::Unsaid, None, "[clauses]"),
        (
            MOU,
            "[clauses]\n",
            "[clauses]\ndesk = \"art. 99\"\n",
            W::DeadClause,
            Some(F::Desk),
            "desk = \"art. 99\"",
        ),
        (
            NDA,
            "classes = [\"general\", \"sensitive\"]",
            "classes = [\"general\", \"personal-data\"]",
            W::NoLegalBasis,
            Some(F::Classes),
            "classes = [\"general\", \"personal-data\"]",
        ),
        (
            NDA,
            "classes = [\"general\", \"sensitive\"]\n",
            "",
            W::NoLegalBasis,
            Some(F::LegalBases),
            "legal-bases = []",
        ),
        (
            NDA,
            "onward = \"ask\"",
            "onward = \"within-marking\"",
            W::PassedOnUnasked,
            Some(F::Onward),
            "onward = \"within-marking\"",
        ),
        (
            NDA,
            "categories = [\"energy\", \"finance\", \"health\"]",
            "categories = [\"energy\", \"energy\"]",
            W::DeadClause,
            Some(F::Categories),
            "categories = [\"energy\", \"energy\"]",
        ),
        (
            NDA,
            "[prohibits]\n",
            "[prohibits]\ncategories = [\"health\"]\n",
            W::Contradiction,
            Some(F::Categories),
            "categories = [\"energy\", \"finance\", \"health\"]",
        ),
        (
            NDA,
            "compelled-disclosure-notice = \"5 days\"",
            "",
            W::Unsaid,
            Some(F::CompelledDisclosureNotice),
            "tier = \"nda\"",
        ),
        (
            NDA,
            "return-or-destroy = \"either\"\n",
            "",
            W::Unsaid,
            Some(F::ReturnOrDestroy),
            "tier = \"nda\"",
        ),
        (NDA, "survival = \"5 years\"\n", "", W::Unsaid, Some(F::Survival), "[paper]"),
        (
            NDA,
            "purposes = [\"incident response\"",
            "no-law-enforcement-use = true\npurposes = [\"criminal prosecution\"",
            W::Contradiction,
            Some(F::Purposes),
            "purposes = [\"criminal prosecution\", \"protection of constituents\"]",
        ),
    ] {
        let said = said(text, from, to);
        let hit = said
            .iter()
            .find(|(found, about, _)| *found == flaw && (field.is_none() || *about == field));
        let Some((_, _, at)) = hit else { panic!("{from} -> {to}: {flaw:?} is not in {said:?}") };
        assert!(line.is_empty() || at == line, "{from} -> {to}: at `{at}`");
    }
}

const POLICE: &str = "format = 1\ntitle = \"t\"\ntier = \"law-enforcement\"\nstarts = 2026-01-01\n";

#[test]
fn a_desk_that_nobody_is_at_and_a_desk_without_use_are_named() {
    let with = |more: &str| format!("{POLICE}{more}");
    let flaws = |text: &str| -> Vec<(Flaw, Option<Field>)> {
        found(text).iter().map(|one| (one.flaw, one.field)).collect()
    };
    for desk in ["", " ", " cyber crime"] {
        let text = with(&format!("desk = \"{desk}\"\n"));
        assert!(flaws(&text).contains(&(Flaw::EmptyAudience, Some(Field::Desk))), "{desk:?}");
    }
    let fine = with("desk = \"cyber crime\"\n");
    assert!(flaws(&fine).iter().all(|(_, field)| *field != Some(Field::Desk)));
    let low = with("desk = \"cyber crime\"\nmax-tlp = \"AMBER\"\n");
    assert!(flaws(&low).contains(&(Flaw::DeadClause, Some(Field::Desk))));
    // Evidence needs an order, and whoever does not cover the reference of one gets none.
    let evidence = with("desk = \"x\"\nclasses = [\"general\", \"evidence\"]\n");
    let finding = found(&evidence).into_iter().find(|one| one.field == Some(Field::Classes));
    assert!(finding.unwrap().follows.contains("order-reference"));
    let order = with("desk = \"x\"\nclasses = [\"general\", \"evidence\", \"order-reference\"]\n");
    assert!(flaws(&order).iter().all(|(_, field)| *field != Some(Field::Classes)));
}

#[test]
fn every_finding_says_three_things_and_how_much_it_matters() {
    let bare = found("format = 1\ntitle = \"\"\ntier = \"nda\"\nstarts = 2026-01-01\n");
    assert!(bare.iter().any(|one| one.severity() == Severity::Warning));
    assert!(bare.is_sorted_by_key(|one| one.line));
    for finding in &bare {
        for words in [&finding.what, &finding.follows, &finding.instead] {
            assert!(!words.is_empty() && !words.ends_with('.'), "{finding:?}");
        }
    }
    let codes: std::collections::BTreeSet<_> = Flaw::ALL.iter().map(|flaw| flaw.code()).collect();
    assert_eq!(codes.len(), Flaw::ALL.len());
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    let error = lint("format = 1\ntier = \"treaty\"\n", today()).unwrap_err();
    assert!(error.line().is_some());
}

/// Whether a record that somebody could really send goes, and would not go without the agreement.
fn lets_something_through(terms: &Terms) -> bool {
    let (us, them) = (EconomyId([9; 32]), EconomyId([8; 32]));
    let now = terms.starts();
    let agreement = Agreement::new(RecordId([7; 32]), terms.clone().into(), Timestamp::EPOCH);
    let partner = Partner::new().at(TrustLevel::Restricted).with(agreement);
    let snapshot = PolicySnapshot::builder(us).partner(them, partner).build();
    let kinds = Kind::ALL.iter().filter(|kind| !kind.is_control());
    let mut cases = kinds.flat_map(|kind| {
        let sections = Section::ALL.iter().filter(|one| **one != Section::Addressee);
        sections.flat_map(move |section| {
            Tlp::ALL.into_iter().flat_map(move |tlp| {
                Class::ALL.iter().map(move |class| (*kind, *section, tlp, *class))
            })
        })
    });
    cases.any(|(kind, section, tlp, class)| {
        [true, false].into_iter().any(|addressed| {
            let content = crate::identity::PartDigest([1; 32]);
            let order = crate::identity::PartDigest([2; 32]);
            let mut header = Header::new(section, "text/plain");
            header.classes = [class].into();
            header.destination = (section == Section::Sightings).then_some(them);
            header.translates = (section == Section::Translation).then_some(Section::Summary);
            let mut reference = Header::new(Section::Summary, "text/plain");
            reference.classes = [Class::OrderReference].into();
            let addressee = Addressee {
                economy: Some(them),
                desk: Some(terms.desk().unwrap_or("desk").to_owned()),
                group: None,
                relays: Vec::new(),
                parts: vec![content, order],
            };
            let named = Header {
                addressee: Some(addressee),
                ..Header::new(Section::Addressee, "application/cbor")
            };
            let manifest = Manifest {
                kind,
                state: crate::vocabulary::State::Final,
                origin: us,
                author: crate::identity::KeyId([3; 32]),
                signed_at: now,
                urgency: crate::vocabulary::Urgency::Routine,
                floor: Marking::new(tlp),
                addressed,
                supersedes: Vec::new(),
                parts: Vec::new(),
                body: None,
                unknown: false,
            };
            let third = crate::identity::PartDigest([4; 32]);
            let mut held = vec![(content, &header), (order, &reference)];
            held.extend(addressed.then_some((third, &named)));
            let (record, parts) = crate::policy::RecordFacts::with_parts(
                RecordId([5; 32]),
                &manifest,
                Source::Own,
                held,
            );
            let plan = plan(&snapshot, &record, &parts, &Recipient::partner(them), now);
            let beyond_pairing = tlp > Tlp::Clear || class != Class::General;
            beyond_pairing && plan.releases().contains(&content)
        })
    })
}

fn some_of(names: &'static [&'static str]) -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    proptest::collection::vec(proptest::sample::select(names), 1..4)
        .prop_map(|names| format!("{names:?}"))
}

/// Texts that can be read, more often than not odd ones.
fn texts() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let sections = || {
        some_of(&[
            "summary",
            "mitigation",
            "detail",
            "indicators",
            "sightings",
            "case",
            "addressee",
        ])
    };
    let classes = || some_of(&["general", "general", "sensitive", "evidence", "personal-data"]);
    let kinds = || some_of(&["advisory", "incident", "sightings", "request", "response", "note"]);
    let labels = || proptest::sample::select(&["CLEAR", "GREEN", "AMBER", "RED"][..]);
    let tier = proptest::sample::select(&["mou", "nda", "law-enforcement"][..]);
    let narrowed = (
        proptest::option::of(labels()),
        proptest::option::of(sections()),
        proptest::option::of(sections()),
        proptest::option::of(classes()),
        proptest::option::of(kinds()),
    );
    let prohibited = (
        proptest::option::of(labels()),
        proptest::option::of(sections()),
        proptest::option::of(classes()),
        proptest::option::of(kinds()),
    );
    let dates = proptest::option::of(2025_u16..2030);
    (tier, narrowed, prohibited, dates.clone(), dates).prop_map(
        |(tier, (max, sections, amber, classes, kinds), never, ends, review)| {
            let mut text = POLICE.replace("law-enforcement", tier);
            let mut say = |key: &str, value: Option<String>| {
                text.extend(value.map(|value| format!("{key} = {value}\n")));
            };
            say("max-tlp", max.map(|label| format!("{label:?}")));
            say("sections", sections);
            say("sections-at-amber", amber);
            say("classes", classes);
            say("kinds", kinds);
            say("ends", ends.map(|year| format!("{year}-06-30")));
            say("review", review.map(|year| format!("{year}-05-31")));
            say("desk", (tier == "law-enforcement").then(|| "\"cyber crime\"".to_owned()));
            say("[prohibits]\ntlp-above", never.0.map(|label| format!("{label:?}")));
            if never.0.is_none() {
                text.push_str("[prohibits]\n");
            }
            let mut say = |key: &str, value: Option<String>| {
                text.extend(value.map(|value| format!("{key} = {value}\n")));
            };
            say("sections", never.1);
            say("classes", never.2);
            say("kinds", never.3);
            text
        },
    )
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 96, ..Default::default() })]

    #[test]
    fn what_has_no_error_releases_something_to_somebody(text in texts()) {
        let Ok(terms) = Terms::parse(&text) else { return Ok(()) };
        let findings = found(&text);
        let nothing = findings.iter().any(|one| one.flaw == Flaw::ReleasesNothing);
        proptest::prop_assert_eq!(nothing, !lets_something_through(&terms), "{}", text);
        let lines = text.lines().count();
        for finding in &findings {
            proptest::prop_assert!((1..=lines).contains(&finding.line), "{:?}", finding);
        }
    }

    #[test]
    fn no_text_and_no_day_makes_a_reviewer_panic(
        text in "\\PC{0,60}",
        cut in 0_usize..4000,
        at in proptest::prelude::any::<u64>(),
    ) {
        let at = Timestamp::from_millis(at);
        drop(lint(&text, at));
        let cut: String = NDA.chars().take(cut).collect();
        drop(lint(&cut, at));
        drop(lint(&format!("{cut}{text}"), at));
    }
}

#[test]
fn every_tier_as_it_stands_releases_something() {
    for tier in Tier::SIGNED {
        let text = POLICE.replace("law-enforcement", tier.name());
        let desk = if tier == Tier::LawEnforcement { "desk = \"x\"\n" } else { "" };
        let findings = found(&format!("{text}{desk}"));
        assert!(findings.iter().all(|one| one.flaw != Flaw::ReleasesNothing), "{tier}");
    }
}
