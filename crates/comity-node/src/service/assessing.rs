//! How far what came in is to be believed: what people here say of it, and where it is from.

use comity_core::assessment::{Credibility, Reliability};
use comity_core::journal::{Assessed, AssessedSubject, JournalEntry};
use comity_core::{EconomyId, RecordId, Tlp};
use comity_interop::Subject;

use super::quarantine::said;
use super::records::found;
use super::{Service, caller, find_partner, words};
use crate::api::{
    AssessRequest, AssessedLine, AssessmentLine, CameLine, ImportLine, ProvenanceLine,
};
use crate::engine::Command;
use crate::error::ServiceError;
use crate::state::{Assessment, Held, Said, State};

/// What was said of something, before the reasons are read from the journal.
pub(super) struct Told {
    line: AssessmentLine,
    said: Vec<Said>,
    /// What stands for each reason where whoever asks may not see it.
    hidden: Option<String>,
}

impl Told {
    /// Of a source; `None`: nobody said anything.
    pub(super) fn of_source(state: &State, economy: &EconomyId) -> Option<Self> {
        let known = state.assessment(&AssessedSubject::Source(*economy))?;
        let mut line = AssessmentLine { of: state.name_of(economy), ..AssessmentLine::default() };
        graded(&mut line, known.reliability, None);
        Some(Self { line, hidden: None, said: Vec::new() }.with(known))
    }

    /// Of a record, with what is held of its source; `None`: nobody said anything of either.
    pub(super) fn of_record(
        state: &State,
        id: &RecordId,
        held: &Held,
        sees: Option<Tlp>,
    ) -> Option<Self> {
        let rating = state.rating(id)?;
        let known = state.assessment(&AssessedSubject::Record(*id));
        let own = known.and_then(|known| known.reliability);
        let mut line = AssessmentLine { of: held.reference.clone(), ..AssessmentLine::default() };
        line.rating = Some(format!("{}{}", rating.0, rating.1));
        line.reliability_in_general = own.is_none();
        let source = own.or_else(|| state.reliability(&held.facts.origin));
        graded(&mut line, source, known.and_then(|known| known.credibility));
        // A reason may say what the record says.
        let strictest = held.parts.iter().map(|part| part.marking.tlp).max();
        let above = sees.filter(|most| strictest.is_some_and(|label| label > *most));
        let told = Self { line, hidden: above.map(caller::above), said: Vec::new() };
        Some(match known {
            Some(known) => told.with(known),
            None => told,
        })
    }

    fn with(mut self, known: &Assessment) -> Self {
        self.line.earlier = known.earlier;
        self.said = known.said.iter().cloned().collect();
        self
    }
}

/// The grades, and what they mean.
fn graded(line: &mut AssessmentLine, source: Option<Reliability>, record: Option<Credibility>) {
    line.reliability = source.map(|grade| grade.to_string());
    line.reliability_in_words = source.map(|grade| grade.in_words().to_owned());
    line.credibility = record.map(Credibility::code);
    line.credibility_in_words = record.map(|grade| grade.in_words().to_owned());
}

impl Service {
    /// Somebody says how far a source, or a record, is to be believed. All that was said of it.
    pub async fn assess(&self, request: AssessRequest) -> Result<AssessmentLine, ServiceError> {
        let AssessRequest { record, source, reliability, credibility, reason, by } = request;
        // Somebody who was asked for a passphrase needs no other word for the name.
        let by = self.caller().map_or(by, |caller| caller.name.clone());
        said("name", &by)?;
        words::one_line("name", &by)?;
        said("reason", &reason)?;
        let reliability = reliability.as_deref().map(reliable).transpose()?;
        let credibility = credibility.map(credible).transpose()?;
        if reliability.is_none() && credibility.is_none() {
            return Err(ServiceError::usage("grade", "no grade is given")
                .next("--credibility 1 to 6, --reliability A to F"));
        }
        let subject = self.look(move |state, _, _| subject(state, record, source)).await??;
        let at = self.now();
        let assessed = Assessed { subject, reliability, credibility, reason, by, at };
        self.command(Command::Assess(Box::new(assessed))).await?;
        let sees = self.sees();
        let told = self.look(move |state, _, _| match &subject {
            AssessedSubject::Source(economy) => Told::of_source(state, economy),
            AssessedSubject::Record(id) => {
                state.record(id).and_then(|held| Told::of_record(state, id, held, sees))
            }
        });
        told.await?.map(|told| self.with_reasons(told)).transpose().map(Option::unwrap_or_default)
    }

    /// What was said, with the reasons.
    pub(super) fn with_reasons(&self, told: Told) -> Result<AssessmentLine, ServiceError> {
        let Told { mut line, said, hidden } = told;
        for Said { reliability, credibility, by, at, seq } in said {
            let reason = match (&hidden, self.entry(seq)?) {
                (Some(hidden), _) => hidden.clone(),
                (None, Some(JournalEntry::Assessed(assessed))) => assessed.reason,
                (None, Some(_) | None) => String::new(),
            };
            let reliability = reliability.map(|grade| grade.to_string());
            let (credibility, at) = (credibility.map(Credibility::code), at.to_string());
            line.said.push(AssessedLine { reliability, credibility, by, reason, at });
        }
        Ok(line)
    }
}

/// Of what it is said.
fn subject(
    state: &State,
    record: Option<String>,
    source: Option<String>,
) -> Result<AssessedSubject, ServiceError> {
    match (record, source) {
        (Some(text), None) => {
            let (id, held) = found(state, &text)?;
            has_content(held).map(|()| AssessedSubject::Record(id))
        }
        (None, Some(text)) if text == state.code() || text == state.us().to_string() => {
            Err(ServiceError::usage("ourselves", "nobody grades themselves"))
        }
        (None, Some(text)) => find_partner(state, &text).map(AssessedSubject::Source),
        (Some(_), Some(_)) | (None, None) => {
            Err(ServiceError::usage("subject", "a record is meant, or a source: one of the two"))
        }
    }
}

/// What binds economies says nothing to be believed.
pub(super) fn has_content(held: &Held) -> Result<(), ServiceError> {
    if !held.facts.kind.is_control() {
        return Ok(());
    }
    let (reference, kind) = (&held.reference, held.facts.kind);
    let message =
        format!("{reference} is a record of kind `{kind}`, which says nothing to be believed");
    Err(ServiceError::usage("control-record", message)
        .next("name a record with content; of a partner: comity partner reliability NAME"))
}

fn reliable(name: &str) -> Result<Reliability, ServiceError> {
    Reliability::from_name(name).ok_or_else(|| {
        let message = format!("`{name}` is no grade of a source's reliability");
        ServiceError::usage("reliability", message)
            .next("A (completely reliable) to E (unreliable), or F (cannot be judged)")
    })
}

fn credible(number: u64) -> Result<Credibility, ServiceError> {
    Credibility::from_code(number).ok_or_else(|| {
        let message = format!("`{number}` is no grade of a record's credibility");
        ServiceError::usage("credibility", message)
            .next("1 (confirmed by other sources) to 5 (improbable), or 6 (cannot be judged)")
    })
}

/// Where a record is from. Which documents it imports stands in its parts.
pub(super) fn provenance(state: &State, id: &RecordId, held: &Held) -> ProvenanceLine {
    let reliability = |economy: &EconomyId| state.reliability(economy).map(|one| one.to_string());
    let origin = held.facts.origin;
    let came = state.came_by(id).into_iter().map(|(by, at)| CameLine {
        partner: state.name_of(&by),
        partner_id: by.to_string(),
        at: at.to_string(),
        reliability: reliability(&by),
    });
    ProvenanceLine {
        origin: state.name_of(&origin),
        origin_id: origin.to_string(),
        reliability: reliability(&origin),
        came: came.collect(),
        imports: Vec::new(),
    }
}

/// The documents of which something is made.
pub(super) fn imports(subject: &Subject) -> Vec<ImportLine> {
    let line = |one: &comity_interop::Publication| ImportLine {
        publisher: one.publisher.clone(),
        namespace: one.provenance.namespace.clone(),
        id: one.provenance.id.clone(),
        version: one.provenance.version.clone(),
    };
    subject.documents.values().map(line).collect()
}
