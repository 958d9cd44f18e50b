//! The case as Cedar is asked.

use std::collections::{HashMap, HashSet};
use std::str::FromStr as _;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression as Value,
};

use crate::case::{Case, NOW, OTHER, PURPOSES, Paper, Signed, THEM, To, US};

const EXITS: &str = include_str!("../../policies/exits.cedar");
const AGREEMENT: &str = include_str!("../../policies/agreement.cedar");
const GATES: &str = include_str!("../../policies/gates.cedar");

/// The places of the partner's agreements, and of the one with whom the record came.
const PLACES: [&str; 4] = ["0", "1", "2", "received"];

/// No instant lies after it.
const NEVER: i64 = i64::MAX;

pub struct Oracle {
    authorizer: Authorizer,
    policies: PolicySet,
    papers: Vec<HashMap<String, Value>>,
    release: EntityUid,
    resource: EntityUid,
}

impl Oracle {
    pub fn new(papers: &[Paper]) -> Self {
        let each = PLACES.map(|place| AGREEMENT.replace("\"this\"", &format!("\"{place}\"")));
        let text = format!("{EXITS}\n{GATES}\n{}", each.concat());
        Self {
            authorizer: Authorizer::new(),
            policies: PolicySet::from_str(&text).unwrap_or_else(|error| panic!("{error}")),
            papers: papers.iter().map(attributes).collect(),
            release: uid("Action", "release"),
            resource: uid("Part", "1"),
        }
    }

    /// Whether the policies allow the release.
    pub fn ask(&mut self, case: &Case, papers: &[Paper]) -> bool {
        let (principal, name) = match case.to {
            To::Partner => (economy(THEM), None),
            To::Constituent => (uid("Constituent", "bank"), None),
            To::Public => (uid("Public", "anybody"), None),
            To::Role => (uid("Role", "duty"), Some("duty")),
        };
        let mut entities = vec![part(case, papers, &self.resource)];
        let mut attributes = HashMap::from([
            ("standing".to_owned(), Value::new_string(case.standing.into())),
            ("level".to_owned(), Value::new_long(case.level.into())),
            ("link_in_doubt".to_owned(), Value::new_bool(case.link_in_doubt)),
            ("emergency_until".to_owned(), Value::new_long(emergency_until(case))),
            ("signed".to_owned(), entity_set(PLACES.iter().take(case.signed.len()).copied())),
        ]);
        if let Some(name) = name {
            attributes.insert("name".into(), Value::new_string(name.into()));
        }
        entities.push(entity(principal.clone(), attributes));
        for (place, signed) in PLACES.iter().zip(&case.signed) {
            entities.push(self.agreement(place, signed));
        }
        entities.extend(case.received_under.iter().map(|one| self.agreement(PLACES[3], one)));
        let entities = Entities::from_entities(entities, None).unwrap();
        let request = Request::new(
            principal,
            self.release.clone(),
            self.resource.clone(),
            context(case, papers),
            None,
        );
        let response = self.authorizer.is_authorized(&request.unwrap(), &self.policies, &entities);
        // A policy in error is passed over, which would hide a refusal.
        let errors: Vec<_> = response.diagnostics().errors().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?} {case:#?}");
        response.decision() == Decision::Allow
    }

    fn agreement(&self, place: &str, signed: &Signed) -> Entity {
        let mut attributes = self.papers[signed.paper].clone();
        attributes.insert("from".into(), Value::new_long(signed.from));
        attributes.insert("until".into(), Value::new_long(signed.until.unwrap_or(NEVER)));
        let bound = signed.bound_until().unwrap_or(NEVER);
        attributes.insert("bound_until".into(), Value::new_long(bound));
        entity(uid("Agreement", place), attributes)
    }
}

/// The first second at which no emergency release of the record to the partner is in force any more.
fn emergency_until(case: &Case) -> i64 {
    let to_them = case.emergencies.iter().filter(|(to, _)| *to == THEM);
    to_them.map(|(_, until)| *until).max().unwrap_or(-1)
}

fn uid(kind: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.parse().unwrap(), id.parse().unwrap())
}

fn economy(number: u8) -> EntityUid {
    match number {
        US => uid("Partner", "us"),
        THEM => uid("Partner", "them"),
        _ => uid("Partner", "other"),
    }
}

fn entity(uid: EntityUid, attributes: HashMap<String, Value>) -> Entity {
    Entity::new(uid, attributes, HashSet::new()).unwrap()
}

fn names(names: &[&str]) -> Value {
    Value::new_set(names.iter().map(|name| Value::new_string((*name).to_owned())))
}

fn number(number: usize) -> Value {
    Value::new_long(i64::try_from(number).unwrap())
}

fn economies(all: impl IntoIterator<Item = u8>) -> Value {
    Value::new_set(all.into_iter().map(|one| Value::new_entity_uid(economy(one))))
}

fn entity_set<'a>(places: impl Iterator<Item = &'a str>) -> Value {
    Value::new_set(places.map(|place| Value::new_entity_uid(uid("Agreement", place))))
}

fn attributes(paper: &Paper) -> HashMap<String, Value> {
    let pairs = [
        ("tier", Value::new_string(paper.tier.into())),
        ("max_tlp", number(paper.max_tlp)),
        ("max_pap", number(paper.max_pap)),
        ("sections", names(&paper.sections)),
        ("sections_at_amber", names(&paper.sections_at_amber)),
        ("classes", names(&paper.classes)),
        ("kinds", names(&paper.kinds)),
        ("categories", names(&paper.categories)),
        ("legal_basis", Value::new_bool(paper.legal_basis)),
        ("exercises", Value::new_bool(paper.exercises)),
        ("desk", Value::new_string("cyber crime".into())),
        ("review_stops", Value::new_bool(paper.stops)),
        ("overdue_from", Value::new_long(if paper.overdue { NOW - 80_800 } else { NOW + 5_600 })),
        ("never_above", number(paper.never_above.unwrap_or(4))),
        ("never_sections", names(&paper.never_sections)),
        ("never_classes", names(&paper.never_classes)),
        ("never_kinds", names(&paper.never_kinds)),
        ("never_categories", names(&paper.never_categories)),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The moment, and what all agreements that bind say together.
fn context(case: &Case, papers: &[Paper]) -> Context {
    let binding: Vec<_> =
        case.signed.iter().filter(|one| one.binds()).map(|one| &papers[one.paper]).collect();
    let shared = |purpose: &str| {
        binding.iter().all(|one| one.purposes.is_empty() || one.purposes.contains(&purpose))
    };
    let limited = binding.iter().any(|one| !one.purposes.is_empty());
    let received_limited = !case.own && !case.purposes.is_empty();
    let mut pairs = vec![
        ("now", Value::new_long(NOW)),
        ("guarded", Value::new_bool(case.guarded)),
        ("any_purpose", Value::new_bool(!limited && !received_limited)),
        (
            "no_law_enforcement_use",
            Value::new_bool(binding.iter().any(|one| one.no_law_enforcement_use)),
        ),
    ];
    pairs.extend(PURPOSES.map(|purpose| (purpose, Value::new_bool(shared(purpose)))));
    Context::from_pairs(pairs.into_iter().map(|(name, value)| (name.to_owned(), value))).unwrap()
}

fn part(case: &Case, papers: &[Paper], id: &EntityUid) -> Entity {
    // A consent counts when the origin of a foreign record gave it, and still holds.
    let consented = case
        .consent
        .filter(|(_, by, until)| !case.own && *by == OTHER && NOW < *until)
        .map(|(grantee, ..)| grantee);
    let mut chosen: Vec<u8> = consented.into_iter().collect();
    let mut through_us = Vec::new();
    let (mut desks, mut whole_house) = (Vec::new(), false);
    let asked = if case.to == To::Partner { THEM } else { US };
    for named in case.listing() {
        let reached = || named.relays.iter().copied().chain([named.economy]);
        chosen.extend(reached());
        if named.relays.contains(&US) {
            through_us.extend(reached());
        }
        desks.extend(named.desk.filter(|_| named.economy == asked));
        whole_house |= named.economy == US && named.desk.is_none();
    }
    if !case.addressed {
        chosen.extend(case.destination);
    }
    let instant = |at: Option<i64>, otherwise| Value::new_long(at.unwrap_or(otherwise));
    let received = case.received_under.filter(|_| !case.own);
    let onward = if case.own { case.onward } else { case.onward.max(case.onward_taken_on) };
    let excluded =
        received.is_some_and(|one| one.from <= NOW && papers[one.paper].no_law_enforcement_use);
    let mut pairs = vec![
        ("own", Value::new_bool(case.own)),
        ("source", Value::new_entity_uid(economy(OTHER))),
        ("origin", Value::new_entity_uid(economy(if case.own { US } else { OTHER }))),
        ("received_under", entity_set(received.iter().map(|_| PLACES[3]))),
        ("kind", Value::new_string(case.kind.into())),
        ("addressed", Value::new_bool(case.addressed)),
        ("chosen", economies(chosen)),
        ("consented", economies(consented)),
        ("through_us", economies(through_us)),
        ("desks", names(&desks)),
        ("whole_house", Value::new_bool(whole_house)),
        ("section", Value::new_string(case.section.into())),
        ("classes", names(&case.classes)),
        ("order", Value::new_bool(case.order)),
        ("tlp", number(case.tlp)),
        ("pap", Value::new_long(case.pap.map_or(-1, |pap| i64::try_from(pap).unwrap()))),
        ("categories", names(&case.categories)),
        ("onward", number(onward)),
        ("any_purpose", Value::new_bool(case.own || case.purposes.is_empty())),
        ("purposes", names(&case.purposes)),
        ("no_law_enforcement_use", Value::new_bool(excluded)),
        ("release_at", instant(case.release_at, -1)),
        ("embargo_until", instant(case.embargo_until, -1)),
        ("expires", instant(case.expires, NEVER)),
        ("exercise", Value::new_bool(case.exercise)),
        ("record_is_exercise", Value::new_bool(case.record_is_exercise)),
        ("state", Value::new_string(case.state.into())),
        ("contradicted", Value::new_bool(case.contradicted)),
        ("approval", Value::new_string(case.approval.into())),
        ("guard", Value::new_string(case.guard.into())),
        ("unknown", Value::new_bool(case.unknown)),
    ];
    if let Some(confirmed) = case.confirmed {
        pairs.push(("confirmed", Value::new_long(confirmed)));
    }
    if let Some(destination) = case.destination {
        pairs.push(("destination", Value::new_entity_uid(economy(destination))));
    }
    let attributes = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
    entity(id.clone(), attributes.collect())
}
