//! What is given besides: the parties, the duties, the paper, the articles; and what is left unsaid.

use super::super::terms::Field;
use super::super::tier::Tier;
use super::{Flaw, Review};
use crate::marking::Pap;

/// The fields that a refusal cites.
const CITED: [Field; 17] = [
    Field::Tier,
    Field::Starts,
    Field::Ends,
    Field::ReviewOverdue,
    Field::MaxTlp,
    Field::MaxPap,
    Field::Sections,
    Field::SectionsAtAmber,
    Field::Classes,
    Field::Kinds,
    Field::Categories,
    Field::LegalBases,
    Field::Exercises,
    Field::Purposes,
    Field::NoLawEnforcementUse,
    Field::Desk,
    Field::Prohibits,
];

pub(super) fn look(review: &mut Review<'_>) {
    parties(review);
    duties(review);
    silence(review);
    paper(review);
    articles(review);
}

fn parties(review: &mut Review<'_>) {
    let terms = review.terms;
    let named = terms.party_names();
    let line = review.page.line(&["parties"]);
    let blank = named.iter().any(|name| name.trim().is_empty());
    if named.len() == 2 && named.first() == named.get(1) {
        let words = [
            "both parties have one name".to_owned(),
            "whoever reads it cannot tell who gives and who receives".to_owned(),
            "the names of the two economies' teams, as on the paper".to_owned(),
        ];
        review.say(Flaw::EmptyAudience, None, line, words);
    } else if named.len() != 2 || blank {
        let words = [
            match (blank, named.len()) {
                (true, _) => "a party has a blank name".to_owned(),
                (false, 0) => "it does not name its parties".to_owned(),
                (false, count) => format!("it names {count} parties"),
            },
            "the record that proposes it names two economies by id; people read names".to_owned(),
            "`parties = [\"one team\", \"the other\"]`; more than two found a group".to_owned(),
        ];
        review.say(Flaw::Parties, None, line, words);
    }
    if terms.title().trim().is_empty() {
        let words = [
            "its title is blank".to_owned(),
            "lists and questions show nothing in its place".to_owned(),
            "the title of the paper".to_owned(),
        ];
        let line = review.page.line(&["title"]);
        review.say(Flaw::Unsaid, None, line, words);
    }
    let strangers = terms.paper().signatories.iter();
    let strangers = strangers.filter(|one| !named.is_empty() && !named.contains(&one.party));
    let strangers: Vec<_> = strangers.map(|one| (one.name.clone(), one.party.clone())).collect();
    let line = review.page.line(&["paper", "signatories"]);
    for (name, party) in strangers {
        let words = [
            format!("`{name}` signs for `{party}`, which is no party of it"),
            "it is open whether that party is bound".to_owned(),
            "in `for` the name exactly as in `parties`".to_owned(),
        ];
        review.say(Flaw::Parties, Some(Field::Signatories), line, words);
    }
}

fn duties(review: &mut Review<'_>) {
    let terms = review.terms;
    let (kept, survival) = (terms.obligations().retention_days, terms.paper().survival_days);
    if let (Some(kept), Some(survival)) = (kept, survival)
        && survival < kept
    {
        let words = [
            format!("its duties outlive it by {survival} days, and information is kept for {kept}"),
            "what was received on its last day is kept longer than anybody is bound".to_owned(),
            format!("`survival = \"{kept} days\"` or more, or a shorter `retention`"),
        ];
        let line = review.page.line(&["paper", "survival"]);
        review.say(Flaw::ShortDuty, Some(Field::Survival), line, words);
    }
}

/// What is not said and matters: it keeps records back in silence, or leaves a duty open.
fn silence(review: &mut Review<'_>) {
    let says = |review: &Review<'_>, field: Field| review.page.says(&[field.name()]);
    if !says(review, Field::MaxPap) {
        let widest = Pap::Clear;
        unsaid(
            review,
            Field::MaxPap,
            "the strictest label of permissible actions that both keep to",
            &format!("nothing goes that is marked stricter than PAP:{widest}"),
            "`max-pap = \"AMBER\"`; `max-pap = \"CLEAR\"` if that is meant",
        );
    }
    if !says(review, Field::Categories) {
        unsaid(
            review,
            Field::Categories,
            "subject categories",
            "nothing goes that is marked with a category, such as health",
            "`categories = [\"health\"]`; `categories = []` if that is meant",
        );
    }
    if !says(review, Field::Notice) {
        unsaid(
            review,
            Field::Notice,
            "a period of notice",
            "either party may end it from one moment to the next",
            "`notice = \"90 days\"`",
        );
    }
    if !says(review, Field::Retention) {
        unsaid(
            review,
            Field::Retention,
            "how long information is kept",
            "each side keeps it for as long as its own rules say",
            "`retention = \"2 years\"`",
        );
    }
    if review.terms.obligations().purposes.is_empty() {
        unsaid(
            review,
            Field::Purposes,
            "a purpose",
            "information may be used for any",
            "`purposes = [\"incident response\", \"protection of constituents\"]`",
        );
    }
    if matches!(review.terms.tier(), Tier::Nda | Tier::LawEnforcement) {
        confidential(review);
    }
}

/// What a confidential relation settles besides.
fn confidential(review: &mut Review<'_>) {
    let terms = review.terms;
    if terms.return_or_destroy().is_none() {
        unsaid(
            review,
            Field::ReturnOrDestroy,
            "what becomes of information at its end",
            "copies stay where they are",
            "`return-or-destroy = \"destroy\"`",
        );
    }
    if terms.compelled_disclosure_notice_days().is_none() {
        unsaid(
            review,
            Field::CompelledDisclosureNotice,
            "notice before a disclosure that a law compels",
            "the originator may learn of it when it is too late to object",
            "`compelled-disclosure-notice = \"10 days\"`",
        );
    }
    if terms.paper().survival_days.is_none() {
        let words = [
            "it does not say for how long its duties outlive it".to_owned(),
            "secrets are protected until its last day".to_owned(),
            "`survival = \"5 years\"` in `[paper]`".to_owned(),
        ];
        let line = review.page.line(&["paper"]);
        review.say(Flaw::Unsaid, Some(Field::Survival), line, words);
    }
}

fn unsaid(review: &mut Review<'_>, field: Field, missing: &str, follows: &str, instead: &str) {
    let words = [format!("it does not say {missing}"), follows.to_owned(), instead.to_owned()];
    review.at(Flaw::Unsaid, field, words);
}

fn paper(review: &mut Review<'_>) {
    let paper = review.terms.paper();
    let line = review.page.line(&["paper", "versions"]);
    let authentic = paper.versions.iter().filter(|version| version.authentic).count();
    if paper.versions.is_empty() {
        let words = [
            "it names no document".to_owned(),
            "nobody can show later which paper these terms stand for; the paper prevails"
                .to_owned(),
            "`[[paper.versions]]` with `language` and the `sha256` of the signed document"
                .to_owned(),
        ];
        review.say(Flaw::Unsaid, Some(Field::Paper), line, words);
    } else if paper.versions.len() > 1 && authentic == 0 {
        let words = [
            format!("it names {} language versions, none of them authentic", paper.versions.len()),
            "where they differ, nobody knows which prevails".to_owned(),
            "`authentic = true` for the version, or for each of those, that prevail".to_owned(),
        ];
        review.say(Flaw::Unsaid, Some(Field::Paper), line, words);
    }
    let mut seen = Vec::new();
    for version in &paper.versions {
        if seen.contains(&version.sha256) {
            let words = [
                format!("the version in `{}` has the digest of another", version.language),
                "one document cannot be two: one of the two was not recorded".to_owned(),
                "the digest that `sha256sum` prints for that document".to_owned(),
            ];
            review.say(Flaw::Contradiction, Some(Field::Paper), line, words);
        }
        seen.push(version.sha256);
    }
    if paper.signatories.is_empty() {
        let words = [
            "it does not say who signed".to_owned(),
            "whether they were entitled to cannot be asked later".to_owned(),
            "`[[paper.signatories]]` with `name`, `capacity` and `for`".to_owned(),
        ];
        let line = review.page.line(&["paper", "signatories"]);
        review.say(Flaw::Unsaid, Some(Field::Signatories), line, words);
    } else {
        unsigned(review);
    }
    if paper.notices.is_none() {
        let words = [
            "it does not say where notices go".to_owned(),
            "a termination or a compelled disclosure is announced to nobody in particular"
                .to_owned(),
            "`notices = \"legal@csirt.example\"` in `[paper]`".to_owned(),
        ];
        let line = review.page.line(&["paper", "notices"]);
        review.say(Flaw::Unsaid, Some(Field::Notices), line, words);
    }
}

fn unsigned(review: &mut Review<'_>) {
    let terms = review.terms;
    let signatories = &terms.paper().signatories;
    let signed = |party: &&String| signatories.iter().any(|one| one.party == **party);
    let missing: Vec<_> = terms.party_names().iter().filter(|party| !signed(party)).collect();
    for party in missing {
        let words = [
            format!("nobody signs for `{party}`"),
            "on paper one side has not agreed".to_owned(),
            format!("a `[[paper.signatories]]` with `for = \"{party}\"`"),
        ];
        let line = review.page.line(&["paper", "signatories"]);
        review.say(Flaw::Parties, Some(Field::Signatories), line, words);
    }
}

/// Articles for what the text does not say, and what it says without an article.
fn articles(review: &mut Review<'_>) {
    for (name, line) in review.page.keys(&["clauses"]) {
        let Some(field) = Field::from_name(&name) else { continue };
        if stands_for_something(review, field) {
            continue;
        }
        let words = [
            format!("it names an article for `{name}`, and does not say that"),
            "nothing is ever refused under that article".to_owned(),
            format!("`{name}` as the article has it, or no article for it"),
        ];
        review.say(Flaw::DeadClause, Some(field), line, words);
    }
    let uncited = CITED.iter().filter(|field| {
        review.page.says(&[field.name()]) && review.terms.clause(**field).is_none()
    });
    let uncited: Vec<_> = uncited.map(|field| field.name()).collect();
    if uncited.is_empty() {
        return;
    }
    let words = [
        format!("it names no article for {}", uncited.join(", ")),
        "a refusal cannot say on what it rests".to_owned(),
        format!(
            "`{} = \"art. 4.1\"` in `[clauses]`, and so on",
            uncited.first().unwrap_or(&"tier")
        ),
    ];
    let line = review.page.line(&["clauses"]);
    review.say(Flaw::Unsaid, None, line, words);
}

/// Whether the terms say this: by themselves, or because a tier says it for them.
fn stands_for_something(review: &Review<'_>, field: Field) -> bool {
    let terms = review.terms;
    match field {
        Field::Tier
        | Field::Starts
        | Field::MaxTlp
        | Field::MaxPap
        | Field::Sections
        | Field::SectionsAtAmber
        | Field::Classes
        | Field::Kinds
        | Field::Categories
        | Field::LegalBases
        | Field::Exercises
        | Field::Onward => true,
        Field::Ends => terms.ends().is_some(),
        Field::Review | Field::ReviewOverdue => terms.review().is_some(),
        Field::Notice => terms.notice_days().is_some(),
        Field::Retention => terms.obligations().retention_days.is_some(),
        Field::ReturnOrDestroy => terms.return_or_destroy().is_some(),
        Field::Purposes => !terms.obligations().purposes.is_empty(),
        Field::NoLawEnforcementUse => terms.no_law_enforcement_use(),
        Field::CompelledDisclosureNotice => terms.compelled_disclosure_notice_days().is_some(),
        Field::Desk => terms.desk().is_some(),
        Field::Prohibits => review.page.says(&["prohibits"]),
        Field::Survival => terms.paper().survival_days.is_some(),
        Field::Paper => !terms.paper().versions.is_empty(),
        Field::Signatories => !terms.paper().signatories.is_empty(),
        Field::Notices => terms.paper().notices.is_some(),
    }
}
