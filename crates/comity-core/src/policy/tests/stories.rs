//! Named cases, with the sentences that people read.

use std::sync::Arc;

use super::facts::*;
use crate::agreement::Terms;
use crate::agreement::Tier;
use crate::identity::{EconomyId, RecordId};
use crate::ledger::Obligations;
use crate::marking::{Marking, Onward, Tlp};
use crate::policy::{
    Agreement, Fact, Gate, Outcome, PartFacts, Partner, PolicySnapshot, Received, Recipient,
    RecordFacts, Source, TrustLevel, decide, explain, plan, reason, unmarked_foreign,
};
use crate::test_util::policy::snapshot;
use crate::time::Timestamp;
use crate::vocabulary::Section;

pub(super) const MOU: &str = include_str!("../../../../../examples/agreements/mou.toml");
pub(super) const NDA: &str = include_str!("../../../../../examples/agreements/nda.toml");
pub(super) const MOU_ID: RecordId = RecordId([11; 32]);
pub(super) const NDA_ID: RecordId = RecordId([12; 32]);

pub(super) fn signed(id: RecordId, text: &str) -> Agreement {
    Agreement::new(id, Arc::new(Terms::parse(text).unwrap()), Timestamp::EPOCH)
}

/// An NDA with OTHER, whom we trust fully; an MoU with THEM, whom we trust up to AMBER.
pub(super) fn federation() -> PolicySnapshot {
    let nda = Partner::new().at(TrustLevel::Restricted).with(signed(NDA_ID, NDA));
    let mou = Partner::new().at(TrustLevel::Confidential).with(signed(MOU_ID, MOU));
    PolicySnapshot::builder(US).version(7).partner(OTHER, nda).partner(THEM, mou).build()
}

pub(super) fn why(
    policy: &PolicySnapshot,
    record: &RecordFacts,
    part: &crate::policy::PartFacts,
    to: &Recipient,
) -> String {
    let decision = decide(policy, record, part, to, NOW);
    reason(policy, &decision).unwrap_or_else(|| "goes".to_owned())
}

#[test]
fn the_bank_incident_goes_as_the_papers_say() {
    let policy = federation();
    let mut record = incident(Tlp::Amber);
    let summary = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let indicators = part(&mut record, 2, Section::Indicators, Tlp::Amber);
    let evidence = part(&mut record, 3, Section::Evidence, Tlp::Amber);
    let victim = part(&mut record, 4, Section::Victim, Tlp::Red);
    let to_them = address(&mut record, 100, THEM, None, &[], &[1, 2, 3, 4]);
    let to_other = address(&mut record, 101, OTHER, None, &[], &[1, 2, 3, 4]);
    let (them, other) = (them(), Recipient::partner(OTHER));
    for (part, with_them, with_other) in [
        (&summary, "goes", "goes"),
        (
            &indicators,
            "MoU art. 4.2: indicators not covered: summary, mitigation, sightings only",
            "goes",
        ),
        (
            &evidence,
            "MoU art. 4.2: evidence not covered: summary, mitigation, sightings only",
            "NDA art. 7: evidence not covered",
        ),
        (&victim, "TLP:RED: no desk or person named", "TLP:RED: no desk or person named"),
        (&to_them, "goes", "names another recipient"),
        (&to_other, "names another recipient", "goes"),
    ] {
        assert_eq!(why(&policy, &record, part, &them), with_them, "{}", part.section);
        assert_eq!(why(&policy, &record, part, &other), with_other, "{}", part.section);
    }
    let parts = [summary, indicators, evidence, victim, to_them, to_other];
    let to_them = plan(&policy, &record, &parts, &them, NOW);
    assert_eq!(to_them.releases(), [digest(1), digest(100)]);
    assert_eq!(to_them.obligations().map(|all| all.onward), Some(Onward::Ask));
    assert_eq!(to_them.parts()[0].decision.covering(), Some(MOU_ID));
    let to_other = plan(&policy, &record, &parts, &other, NOW);
    assert_eq!(to_other.releases(), [digest(1), digest(2), digest(101)]);
    assert_eq!(to_other.withheld().count(), 3);
}

#[test]
fn every_gate_says_something_that_people_understand() {
    let policy = federation();
    let mut record = incident(Tlp::Green);
    let part = part(&mut record, 1, Section::Summary, Tlp::Green);
    let decision = decide(&policy, &record, &part, &them(), NOW);
    let lines: Vec<String> = explain(&policy, &decision)
        .into_iter()
        .map(|line| format!("{}: {}", line.gate, line.sentence))
        .collect();
    assert_eq!(
        lines,
        [
            "standing: paired",
            "trust: within trust level 3 (confidential)",
            "agreement: MoU art. 4: in force, and covers it",
            "review: no review is overdue",
            "audience: for all whom marking and agreement admit",
            "onward: our own",
            "consent: our own",
            "tlp: TLP:GREEN admits it",
            "pap: no limit on what may be done with it",
            "tier: MoU art. 4.1: reaches AMBER",
            "kind: MoU art. 3: covers incident records",
            "category: no particular category",
            "section: MoU art. 4.2: covers summary",
            "class: MoU art. 4.3: covers its classes",
            "purpose: MoU art. 6.1: for the purposes that go with it",
            "legal-basis: needs no legal basis",
            "release-time: no time of release ahead",
            "embargo: no embargo",
            "expiry: not expired",
            "exercise: no exercise",
            "quarantine: verified, marked, and it stands",
            "approval: needs no second person",
            "egress-guard: no rule of the egress guard",
            "unbuilt: nothing that this version cannot weigh",
        ]
    );
}

#[test]
fn permission_is_not_pieced_together_from_two_agreements() {
    // The MoU's kinds, the NDA's sections: neither covers indicators of a note at AMBER.
    let nda = NDA.replace("tier = \"nda\"", "tier = \"nda\"\nkinds = [\"incident\"]");
    let both = Partner::new()
        .at(TrustLevel::Restricted)
        .with(signed(MOU_ID, MOU))
        .with(signed(NDA_ID, &nda));
    let policy = PolicySnapshot::builder(US).partner(THEM, both).build();
    let mut record = incident(Tlp::Amber);
    let indicators = part(&mut record, 1, Section::Indicators, Tlp::Amber);
    address(&mut record, 100, THEM, None, &[], &[1]);
    let decision = decide(&policy, &record, &indicators, &them(), NOW);
    assert_eq!(decision.covering(), Some(NDA_ID));
    record.kind = crate::Kind::Note;
    assert!(!decide(&policy, &record, &indicators, &them(), NOW).is_release());
}

#[test]
fn what_one_agreement_prohibits_no_other_permits() {
    // The sample MoU prohibits attribution; the NDA covers it.
    let both = Partner::new()
        .at(TrustLevel::Restricted)
        .with(signed(MOU_ID, MOU))
        .with(signed(NDA_ID, NDA));
    let policy = PolicySnapshot::builder(US).partner(THEM, both).build();
    let mut record = incident(Tlp::Clear);
    for tlp in [Tlp::Clear, Tlp::Green, Tlp::Amber] {
        let attribution = part(&mut record, 1, Section::Attribution, tlp);
        assert_eq!(
            why(&policy, &record, &attribution, &them()),
            "MoU art. 4.4: prohibits attribution"
        );
    }
}

#[test]
fn what_we_received_keeps_the_prohibitions_of_its_agreement_after_its_end() {
    let ended = signed(MOU_ID, MOU).terminated(NOW);
    let source = Partner::new().with(ended);
    let friend = Partner::new().at(TrustLevel::Restricted).with(signed(NDA_ID, NDA));
    let policy = PolicySnapshot::builder(US).partner(OTHER, source).partner(THEM, friend).build();
    let mut record = incident(Tlp::Green);
    record.origin = OTHER;
    record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let attribution = part(&mut record, 1, Section::Attribution, Tlp::Green);
    let summary = part(&mut record, 2, Section::Summary, Tlp::Green);
    let why = |part| why(&policy, &record, part, &them());
    assert_eq!(why(&attribution), "MoU art. 4.4: prohibits attribution");
    assert_eq!(why(&summary), "goes");
}

#[test]
fn purposes_without_a_common_one_are_no_permission() {
    let crime =
        NDA.replace("\"incident response\", \"protection of constituents\"", "\"prosecution\"");
    let both = Partner::new()
        .at(TrustLevel::Restricted)
        .with(signed(MOU_ID, MOU))
        .with(signed(NDA_ID, &crime));
    let policy = PolicySnapshot::builder(US).partner(THEM, both).build();
    let mut record = incident(Tlp::Green);
    let summary = part(&mut record, 1, Section::Summary, Tlp::Green);
    let text = why(&policy, &record, &summary, &them());
    assert!(text.ends_with("the agreements in force have no purpose in common"), "{text}");
    // Nor is what was received for another purpose passed on.
    let mut received = record;
    received.origin = OTHER;
    let purposes = vec!["prosecution".to_owned()];
    let obligations = Obligations { purposes, ..Obligations::unbound() };
    received.source = Source::From { economy: OTHER, obligations };
    let text = why(&federation(), &received, &summary, &them());
    assert_eq!(text, "received for purposes that this agreement does not share");
}

#[test]
fn a_part_goes_as_far_as_everybody_who_brought_it_lets_it() {
    let policy = federation();
    let mut record = incident(Tlp::Clear);
    record.origin = OTHER;
    record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let summary = part(&mut record, 1, Section::Summary, Tlp::Clear);
    let mut detail = part(&mut record, 2, Section::Detail, Tlp::Clear);
    assert_eq!(why(&policy, &record, &detail, &them()), "goes");
    // The detail came from somebody else, under terms of its own; the summary did not.
    let asked = Obligations { onward: Onward::Ask, ..Obligations::unbound() };
    assert!(detail.received(&record.source, &taken(THIRD, asked)));
    assert_eq!(why(&policy, &record, &summary, &them()), "goes");
    let decision = decide(&policy, &record, &detail, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Consent));
    let never = Obligations { onward: Onward::None, ..Obligations::unbound() };
    detail.received(&record.source, &taken(THIRD, never));
    let decision = decide(&policy, &record, &detail, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Onward));
    // It does not go back to whoever brought it, though the record came from elsewhere.
    let mut back = part(&mut record, 3, Section::Detail, Tlp::Clear);
    back.received(&record.source, &taken(THEM, Obligations::unbound()));
    let decision = decide(&policy, &record, &back, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.fact), Some(Fact::CameFromThere));
    // What the agreement with the second partner prohibits does not go, whoever brought it first.
    let mou = MOU.replace("sections = [\"attribution\"]", "sections = [\"indicators\"]");
    let third = Partner::new().with(signed(MOU_ID, &mou));
    let bound = policy.to_builder().partner(THIRD, third).build();
    let mut indicators = part(&mut record, 4, Section::Indicators, Tlp::Clear);
    assert_eq!(why(&bound, &record, &indicators, &them()), "goes");
    indicators.received(&record.source, &taken(THIRD, Obligations::unbound()));
    let decision = decide(&bound, &record, &indicators, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Section));
}

fn taken(economy: EconomyId, obligations: Obligations) -> Received {
    Received { economy, obligations: obligations.into() }
}

fn for_purposes(purposes: &[&str]) -> Obligations {
    let purposes = purposes.iter().map(|&purpose| purpose.to_owned()).collect();
    Obligations { purposes, ..Obligations::unbound() }
}

#[test]
fn a_stranger_does_not_narrow_what_the_origin_gave() {
    let policy = federation();
    let mut record = incident(Tlp::Clear);
    record.origin = OTHER;
    record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let mut given = part(&mut record, 1, Section::Summary, Tlp::Clear);
    given.from_origin = true;
    let never = Obligations { onward: Onward::None, ..for_purposes(&["prosecution"]) };
    given.received(&record.source, &taken(THIRD, never));
    assert_eq!(why(&policy, &record, &given, &them()), "goes");
    // It is not given to whoever has it, for all that.
    given.received(&record.source, &taken(THEM, Obligations::unbound()));
    let decision = decide(&policy, &record, &given, &them(), NOW);
    assert_eq!(decision.deciding().map(|one| one.fact), Some(Fact::CameFromThere));
}

#[test]
fn what_one_says_twice_is_heard_as_far_as_it_agrees() {
    let mut record = incident(Tlp::Clear);
    record.origin = OTHER;
    record.source = Source::From { economy: THIRD, obligations: for_purposes(&["a", "b"]) };
    let mut part = part(&mut record, 1, Section::Summary, Tlp::Clear);
    let held = |part: &PartFacts| part.taken_from(&record.source, THIRD).unwrap().purposes.clone();
    assert!(part.received(&record.source, &taken(THIRD, for_purposes(&["b", "c"]))));
    assert_eq!(held(&part), ["b"]);
    // Neither with the first nor with the sum of both may it leave nothing.
    for contrary in [&["c"][..], &["a", "c"]] {
        assert!(!part.received(&record.source, &taken(THIRD, for_purposes(contrary))));
    }
    assert_eq!(held(&part), ["b"]);
    // What is stricter otherwise counts.
    let strict = Obligations { onward: Onward::None, ..for_purposes(&["c"]) };
    assert!(part.received(&record.source, &taken(THIRD, strict)));
    assert_eq!(part.taken_from(&record.source, THIRD).unwrap().onward, Onward::None);
    // A part that comes later comes under its own terms.
    part.sources.clear();
    assert!(part.arrived(&record.source, taken(THIRD, for_purposes(&["c"]))));
    assert_eq!(held(&part), ["c"]);
    let duty = Recipient::LocalRole { role: "duty officer".to_owned() };
    let outcome = decide(&federation(), &record, &part, &duty, NOW).outcome().clone();
    assert!(matches!(outcome, Outcome::Release(_)), "our own people see what is here: {outcome:?}");
}

#[test]
fn rows_of_another_economy_never_go() {
    let policy = federation();
    let mut record = incident(Tlp::Clear);
    record.kind = crate::Kind::Sightings;
    for tlp in Tlp::ALL {
        let mut rows = part(&mut record, 1, Section::Sightings, tlp);
        rows.destination = Some(OTHER);
        for to in [them(), Recipient::Public, Recipient::Constituent { name: "bank".into() }] {
            assert!(!decide(&policy, &record, &rows, &to, NOW).is_release());
        }
    }
    let mut rows = part(&mut record, 1, Section::Sightings, Tlp::Amber);
    assert_eq!(
        why(&policy, &record, &rows, &them()),
        "MoU art. 4.1: AMBER only where addressed",
        "unowned rows"
    );
    rows.destination = Some(THEM);
    assert_eq!(why(&policy, &record, &rows, &them()), "goes");
}

#[test]
fn nobody_gets_a_record_that_names_nobody() {
    let policy = federation();
    let mut record = incident(Tlp::Clear);
    record.addressed = true;
    let summary = part(&mut record, 1, Section::Summary, Tlp::Clear);
    assert_eq!(
        why(&policy, &record, &summary, &them()),
        "addressed to nobody that is known here, and no consent is in force"
    );
    // A group whose charter is not here is nobody, and its addressee part stays.
    let group = address(&mut record, 100, THEM, None, &[], &[1]);
    record.addressees[0].addressee.group = Some((crate::GroupId([1; 32]), 1));
    let unknown = "addressed to a group: the group is not known here";
    assert_eq!(why(&policy, &record, &summary, &them()), unknown);
    assert!(!decide(&policy, &record, &group, &them(), NOW).is_release());
}

#[test]
fn nothing_goes_back_where_it_came_from() {
    let policy = federation();
    let mut record = incident(Tlp::Clear);
    record.origin = THEM;
    record.source = Source::From { economy: OTHER, obligations: Obligations::unbound() };
    let summary = part(&mut record, 1, Section::Summary, Tlp::Clear);
    for to in [THEM, OTHER] {
        assert_eq!(why(&policy, &record, &summary, &Recipient::partner(to)), "came from there");
    }
}

#[test]
fn a_foreign_document_without_a_marking_waits_for_a_person() {
    let policy = snapshot(US, &[(THEM, Tier::Nda, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Clear);
    record.floor = unmarked_foreign();
    record.unmarked = true;
    let original = part(&mut record, 1, Section::Original, Tlp::AmberStrict);
    address(&mut record, 100, THEM, None, &[], &[1]);
    assert_eq!(
        why(&policy, &record, &original, &them()),
        "bears no marking: a person has to mark it"
    );
    record.unmarked = false;
    assert_eq!(why(&policy, &record, &original, &them()), "goes");
}

#[test]
fn what_cannot_be_weighed_yet_stays() {
    let policy = snapshot(US, &[(THEM, Tier::LawEnforcement, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Clear);
    let plain = part(&mut record, 1, Section::Summary, Tlp::Clear);
    let marked = |mark: fn(&mut Marking)| {
        let mut part = plain.clone();
        mark(&mut part.marking);
        part
    };
    let mut unknown = plain.clone();
    unknown.unknown = true;
    let carrying = [marked(|marking| marking.unknown = true), unknown];
    for part in carrying {
        let decision = decide(&policy, &record, &part, &them(), NOW);
        assert_eq!(decision.deciding().map(|one| one.gate), Some(Gate::Unbuilt), "{part:?}");
    }
}

#[test]
fn neither_the_manifest_nor_an_addressee_part_goes_alone() {
    let policy = federation();
    let mut record = incident(Tlp::Amber);
    let indicators = part(&mut record, 1, Section::Indicators, Tlp::Amber);
    let case = part(&mut record, 2, Section::Case, Tlp::Amber);
    let named = address(&mut record, 100, THEM, None, &[], &[1, 2]);
    let parts = [indicators, case.clone(), named.clone()];
    assert!(decide(&policy, &record, &case, &them(), NOW).is_release());
    let plan_without = plan(&policy, &record, &parts, &them(), NOW);
    assert!(!plan_without.goes() && plan_without.releases().is_empty());
    assert_eq!(plan_without.withheld().count(), 3);
    // A second addressee part, for a desk that gets nothing, stays hidden.
    let summary = part(&mut record, 3, Section::Summary, Tlp::Amber);
    let desk = address(&mut record, 101, THEM, Some("duty"), &[], &[1]);
    record.addressees[0].addressee.parts.push(digest(3));
    let parts = [parts[0].clone(), case, named, summary, desk];
    let some = plan(&policy, &record, &parts, &them(), NOW);
    assert_eq!(some.releases(), [digest(2), digest(3), digest(100)]);
}

#[test]
fn content_stays_when_its_addressee_part_has_to() {
    let policy = federation();
    let mut record = incident(Tlp::Amber);
    let summary = part(&mut record, 1, Section::Summary, Tlp::Amber);
    let mut named = address(&mut record, 100, THEM, None, &[], &[1]);
    named.marking.tlp = Tlp::AmberStrict;
    let all = plan(&policy, &record, &[summary, named], &them(), NOW);
    assert!(!all.goes());
    let reasons: Vec<_> =
        all.parts().iter().filter_map(|part| reason(&policy, &part.decision)).collect();
    assert_eq!(reasons[0], "its addressee part does not go");
}

#[test]
fn a_desk_gets_only_what_is_for_it() {
    let policy = snapshot(US, &[(THEM, Tier::Nda, TrustLevel::Restricted)]);
    let mut record = incident(Tlp::Amber);
    let victim = part(&mut record, 1, Section::Victim, Tlp::Red);
    let summary = part(&mut record, 2, Section::Summary, Tlp::Amber);
    address(&mut record, 100, THEM, Some("duty"), &[], &[1]);
    address(&mut record, 101, THEM, None, &[], &[2]);
    let desk = |desk: &str| Recipient::Partner { economy: THEM, desk: Some(desk.into()) };
    for (to, red, amber) in
        [(them(), true, true), (desk("duty"), true, true), (desk("press"), false, true)]
    {
        assert_eq!(decide(&policy, &record, &victim, &to, NOW).is_release(), red, "{to:?}");
        assert_eq!(decide(&policy, &record, &summary, &to, NOW).is_release(), amber, "{to:?}");
    }
}
