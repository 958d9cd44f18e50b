//! The egress guard, as people meet it: what it holds and why, letting a part pass, other lists.

use bytes::Bytes;
use comity_core::cbor::{Fault, Reader};
use comity_core::control::{AcknowledgementBody, Answer};
use comity_core::journal::Guarded;
use comity_core::record::Part;
use comity_core::{Kind, PartDigest, RecordId, Timestamp, Tlp};

use super::quarantine::said;
use super::records::found;
use super::{Service, caller, part_names, words};
use crate::api::{GuardList, GuardPart, GuardPass, GuardReport, GuardRequest};
use crate::engine::Command;
use crate::error::{ErrorKind, ServiceError};
use crate::guard::{Found, Guard, List, Place, room_for};
use crate::state::{Held, Matched, State};

impl Service {
    /// The lists in force, and the parts that they hold or would.
    pub async fn guard(&self) -> Result<GuardReport, ServiceError> {
        let config = self.parts.config.egress.clone();
        let (now, sees) = (self.now(), self.sees());
        self.look(move |state, _, _| {
            let guard = state.guard();
            let lists = List::ALL.into_iter().filter_map(|list| {
                let (guard, file) = (guard?, config.of(list)?);
                Some(GuardList {
                    list: list.name().to_owned(),
                    file: file.display().to_string(),
                    rules: guard.count(list) as u64,
                })
            });
            let mut parts: Vec<_> =
                state.matched().filter_map(|one| line(state, &one, (now, sees))).collect();
            parts.sort_by_key(|(seq, part)| (*seq, part.number));
            let parts = parts.into_iter().map(|(_, part)| part).collect();
            GuardReport { lists: lists.collect(), parts }
        })
        .await
    }

    /// Lets a part go although rules match it: these rules, and no others.
    pub async fn let_pass(&self, request: GuardRequest) -> Result<GuardPart, ServiceError> {
        let (by, reason) = self.decides(&request)?;
        let id = self.find_part(&request).await?;
        // It may not have been looked at yet.
        self.examine(id.0).await?;
        let part = id.1;
        let passes = self
            .look(move |state, _, _| {
                let matched = state.matched_in(&part).filter(|one| !one.held_by.is_empty());
                let matched = matched.ok_or_else(|| {
                    ServiceError::usage("not-held", "no rule of the egress guard holds that part")
                        .next("comity guard list")
                })?;
                if matched.more {
                    let message = "more rules match the part than are named, so nobody can tell what would be let pass";
                    return Err(ServiceError::data("too-many-rules", message)
                        .next("take the rules out of the lists that match everything, then: comity guard reload"));
                }
                Ok::<_, ServiceError>(state.rules_of(&part))
            })
            .await??;
        self.decide_part(id, passes, by, reason).await
    }

    /// Holds a part again that somebody let pass.
    pub async fn hold_again(&self, request: GuardRequest) -> Result<GuardPart, ServiceError> {
        let (by, reason) = self.decides(&request)?;
        let id = self.find_part(&request).await?;
        let part = id.1;
        let passed = self.look(move |state, _, _| state.let_pass(&part).is_some()).await?;
        if !passed {
            let message = "nobody let that part pass";
            return Err(ServiceError::usage("not-passed", message).next("comity guard list"));
        }
        self.examine(id.0).await?;
        self.decide_part(id, Vec::new(), by, reason).await
    }

    /// Reads the lists anew. What has not left is looked at with them.
    pub async fn reload_guard(&self) -> Result<GuardReport, ServiceError> {
        let config = self.parts.config.egress.clone();
        let read = tokio::task::spawn_blocking(move || Guard::read(&config)).await;
        let guard = read
            .map_err(|error| ServiceError::new(ErrorKind::Io, "guard-list", error.to_string()))??;
        self.command(Command::Guard(guard)).await?;
        self.guard().await
    }

    /// Has every part of a record looked at that was not. Where nothing is looked for, that is nothing.
    pub(super) async fn examine(&self, record: RecordId) -> Result<(), ServiceError> {
        let wanted = self
            .look(move |state, _, _| {
                state.record(&record).is_some_and(|held| !state.unexamined(held).is_empty())
            })
            .await?;
        if wanted {
            self.command(Command::Examine { record }).await?;
        }
        Ok(())
    }

    /// The same where the answer can do without: it says then that nothing was looked at.
    pub(super) async fn examine_if_possible(&self, record: &str) {
        let text = record.to_owned();
        let id = self.look(move |state, _, _| state.find_record(&text)).await;
        if let Ok(Some(id)) = id
            && let Err(error) = self.examine(id).await
        {
            tracing::debug!("not examined: {}", error.message);
        }
    }

    /// What the guard says of parts that are not here, such as those of a draft.
    pub(super) async fn look_at(
        &self,
        parts: &[Part],
    ) -> Result<Vec<(PartDigest, Found)>, ServiceError> {
        let Some(guard) = self.look(|state, _, _| state.guard().cloned()).await? else {
            return Ok(Vec::new());
        };
        let parts: Vec<_> = parts.iter().map(|part| (part.digest, part.bytes.clone())).collect();
        let looked = tokio::task::spawn_blocking(move || {
            let look = |(digest, bytes): (PartDigest, Bytes)| {
                let _room = room_for(bytes.len() as u64);
                Ok::<_, String>((digest, guard.part(bytes)?))
            };
            parts.into_iter().map(look).collect::<Result<Vec<_>, _>>()
        });
        let looked = looked.await.map_err(|error| error.to_string()).flatten();
        looked.map_err(|why| ServiceError::data("not-examined", why))
    }

    /// Refuses to sign a word of control that says what the guard holds. Such words are in force when they are
    /// signed, and nobody can let half of one pass: they are said otherwise, or the list is changed.
    pub(super) async fn may_say(&self, kind: Kind, body: &[u8]) -> Result<(), ServiceError> {
        let said = said_freely(kind, body).map_err(|fault| {
            let message =
                format!("the egress guard cannot look at it, and nothing was signed: {fault}");
            ServiceError::data("not-examined", message)
        })?;
        if said.is_empty() {
            return Ok(());
        }
        let held = self.look(move |state, _, _| {
            let guard = state.guard()?;
            let found = said
                .iter()
                .map(|text| guard.words(text.as_bytes()))
                .find(|found| !found.is_nothing())?;
            let place = found.rules.first().map(|rule| guard.place(*rule).to_string());
            Some(place.unwrap_or_else(|| "more rules than are named".to_owned()))
        });
        let Some(place) = held.await? else { return Ok(()) };
        let message =
            format!("it says what the egress guard holds ({place}), and nothing was signed");
        Err(ServiceError::new(ErrorKind::NoPermission, "held-by-guard", message).next(
            "say it in other words; or take the line out of the list, then: comity guard reload",
        ))
    }

    fn decides(&self, request: &GuardRequest) -> Result<(String, String), ServiceError> {
        let by = self.caller().map_or_else(|| request.by.clone(), |caller| caller.name.clone());
        said("name", &by)?;
        said("reason", &request.reason)?;
        Ok((by, request.reason.clone()))
    }

    async fn find_part(
        &self,
        request: &GuardRequest,
    ) -> Result<(RecordId, PartDigest), ServiceError> {
        let (text, part) = (request.record.clone(), request.part.clone());
        self.look(move |state, _, _| {
            let (id, held) = found(state, &text)?;
            Ok((id, part_names::part(held, &part)?.digest))
        })
        .await?
    }

    async fn decide_part(
        &self,
        (record, part): (RecordId, PartDigest),
        passes: Vec<comity_core::Digest>,
        by: String,
        reason: String,
    ) -> Result<GuardPart, ServiceError> {
        let at = self.now();
        let guarded = Guarded { record, part, passes, by, reason, at };
        self.command(Command::LetPass(guarded)).await?;
        let sees = self.sees();
        let shown = self.look(move |state, _, _| {
            let nothing = Matched {
                record,
                part,
                held_by: Vec::new(),
                more: false,
                passed: state.let_pass(&part).cloned(),
            };
            let matched = state.matched_in(&part).unwrap_or(nothing);
            line(state, &matched, (at, sees))
        });
        let missing = || ServiceError::no_input("no-record", "the record is gone");
        shown.await?.map(|(_, part)| part).ok_or_else(missing)
    }
}

/// A part with what matches it, and where its record stands in the journal.
fn line(
    state: &State,
    matched: &Matched,
    (now, sees): (Timestamp, Option<Tlp>),
) -> Option<(u64, GuardPart)> {
    let held = state.record(&matched.record)?;
    let place = held.parts.iter().position(|part| part.digest == matched.part)?;
    let part = held.parts.get(place)?;
    let title = caller::discreet_title(held, sees, words::title(state, held, now));
    let went_to = state.partners().filter(|(_, one)| {
        one.out.possibly_held(&matched.record).is_some_and(|sent| sent.contains(&matched.part))
    });
    let line = GuardPart {
        reference: held.reference.clone(),
        record: matched.record.to_string(),
        title,
        number: (place as u64).saturating_add(1),
        part: matched.part.to_string(),
        section: part.counts_as.to_string(),
        tlp: part.marking.tlp.to_string(),
        held_by: matched.held_by.iter().map(Place::to_string).collect(),
        went_to: went_to.map(|(economy, _)| state.name_of(economy)).collect(),
        passed: matched.passed.as_ref().map(|passed| GuardPass {
            by: passed.by.clone(),
            reason: passed.reason.clone(),
            at: Timestamp::to_string(&passed.at),
        }),
    };
    Some((held.seq, line))
}

/// What of a word of control people wrote as they liked, and goes to others: each text by itself, without the
/// bytes around it, of which some are letters.
fn said_freely(kind: Kind, body: &[u8]) -> Result<Vec<String>, Fault> {
    let all = || {
        let mut reader = Reader::new(body);
        let texts = reader.texts()?;
        reader.finish()?;
        Ok(texts.into_iter().map(str::to_owned).collect())
    };
    match kind {
        Kind::Agreement
        | Kind::Termination
        | Kind::Introduction
        | Kind::Consent
        | Kind::Group
        | Kind::Contact
        | Kind::Unknown(_) => all(),
        // Of what a node answers by itself there is nothing to be said otherwise.
        Kind::Acknowledgement => match AcknowledgementBody::decode(body).map(|body| body.answer) {
            Ok(Answer::Refused { text, .. }) => Ok(vec![text]),
            Ok(Answer::Gone | Answer::Stopped { .. }) => Ok(Vec::new()),
            Err(_) => all(),
        },
        // Ids, digests and keys, with names that the node gives them; or a word that stays at home.
        Kind::Keyring | Kind::Acceptance | Kind::Withdrawal | Kind::Roster | Kind::Approval => {
            Ok(Vec::new())
        }
        // Content has parts, which are looked at before they leave.
        Kind::Advisory
        | Kind::Incident
        | Kind::Sightings
        | Kind::Request
        | Kind::Response
        | Kind::Note => Ok(Vec::new()),
    }
}

/// Puts to the parts of a record that is not here what the guard said of them.
pub(super) fn as_examined(state: &State, held: &mut Held, looked: &[(PartDigest, Found)]) {
    for part in &mut held.parts {
        let said = looked.iter().find(|(digest, _)| *digest == part.digest);
        if let Some((digest, found)) = said {
            part.guard = state.would_be(digest, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use comity_core::consent::{ConsentAsk, ConsentBody, ConsentRefusal};
    use comity_core::control::{AgreementBody, WithdrawalBody};
    use comity_core::{EconomyId, RefusalReason};

    use super::*;

    /// What people wrote is looked at, wherever it goes; what a node says by itself is not held up.
    #[test]
    fn every_word_that_people_write_and_sign_for_others_is_looked_at() {
        let (us, them, record) = (EconomyId([1; 32]), EconomyId([2; 32]), RecordId([3; 32]));
        let at = Timestamp::from_secs(9);
        let planted = || "about heron".to_owned();
        let answered = |answer| AcknowledgementBody { withdrawal: record, to: them, at, answer };
        let because = RefusalReason::Other;
        let refused = answered(Answer::Refused { parts: 1, because, text: planted() });
        let ask = ConsentBody::Ask(ConsentAsk {
            record,
            parts: vec![PartDigest([4; 32])],
            origin: them,
            recipients: vec![EconomyId([5; 32])],
            why: planted(),
            until: None,
        });
        let (ask_id, reason) = (RecordId([6; 32]), planted());
        let no = ConsentBody::Refusal(ConsentRefusal { record, asker: them, ask: ask_id, reason });
        let terms = AgreementBody::between(us, them, planted()).unwrap();
        let written = [
            (Kind::Acknowledgement, refused.encode()),
            (Kind::Consent, ask.encode()),
            (Kind::Consent, no.encode()),
            (Kind::Agreement, terms.encode()),
        ];
        for (kind, body) in written {
            let said = said_freely(kind, &body).unwrap();
            assert_eq!(said, ["about heron"], "{kind}");
            // What cannot be looked at is not what nothing was found in.
            let more = [&body[..], &[0x61, b'x']].concat();
            assert!(said_freely(kind, &more).is_err(), "{kind}");
        }
        let withdrawal = WithdrawalBody::of(vec![record]).unwrap().encode();
        for (kind, body) in [
            (Kind::Withdrawal, withdrawal),
            (Kind::Acknowledgement, answered(Answer::Gone).encode()),
        ] {
            assert!(said_freely(kind, &body).unwrap().is_empty(), "{kind}");
        }
    }

    /// The byte before a text says how long it is, and is a letter or a digit of it to whoever reads bytes.
    #[test]
    fn a_text_is_looked_at_by_itself_whatever_stands_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let list = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, owner).unwrap();
            Some(path)
        };
        let lists = crate::config::Egress {
            expressions: list("expressions", "\\bheron\\b"),
            prefixes: list("prefixes", "203.0.113.0/24\n2001:db8::/32"),
            ..crate::config::Egress::default()
        };
        let guard = Guard::read(&lists).unwrap().unwrap();
        for length in 0..=130 {
            for planted in ["heron", "203.0.113.9", "2001:db8::9"] {
                let ask = ConsentAsk {
                    record: RecordId([3; 32]),
                    parts: vec![PartDigest([4; 32])],
                    origin: EconomyId([2; 32]),
                    recipients: vec![EconomyId([5; 32])],
                    why: format!("{planted}{}", " ".repeat(length)),
                    until: None,
                };
                let said = said_freely(Kind::Consent, &ConsentBody::Ask(ask).encode()).unwrap();
                let found = |text: &String| !guard.words(text.as_bytes()).is_nothing();
                assert!(said.iter().any(found), "{planted}, {length}");
            }
        }
    }
}
