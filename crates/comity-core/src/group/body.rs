//! Bodies of records of kind `group`: the charter, and what economies say about its members.
//!
//! Key 0 says what the body is. Maps are closed, as those of other control records are.

use std::collections::BTreeSet;

use crate::cbor::{Fault, Problem, Reader, Writer};
use crate::control::{fields, missing, set};
use crate::identity::{EconomyId, GroupId, RecordId};
use crate::limits;

/// The version of a charter's body that this version reads.
const CHARTER_VERSION: u64 = 1;

/// What a record of kind `group` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupBody {
    /// The charter: founds a group.
    Charter(CharterBody),
    /// An economy wants to be a member.
    Application(ApplicationBody),
    /// A member speaks for an applicant.
    Sponsorship(SponsorshipBody),
    /// A member wants another one out, or leaves itself.
    Removal(RemovalBody),
    /// The secretariat wants to hand its role over.
    Handover(HandoverBody),
    /// A member shows the charter to an economy, which may apply.
    Invitation(InvitationBody),
}

/// Founds a group, whose id is that of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharterBody {
    /// TOML, exactly as the founders read it.
    pub text: String,
    /// Those who need no sponsor, the author of the record among them.
    pub founders: BTreeSet<EconomyId>,
    /// Those who may sponsor; empty: every member.
    pub sponsors: BTreeSet<EconomyId>,
}

/// An economy wants to be a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationBody {
    /// Of this group.
    pub group: GroupId,
    /// What it says that it belongs to: `FIRST`, `APCERT`.
    pub affiliations: BTreeSet<String>,
    /// One answer for each criterion, in the charter's order.
    pub answers: Vec<String>,
}

/// A member speaks for an applicant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SponsorshipBody {
    /// The group.
    pub group: GroupId,
    /// The roster that the sponsor had before it.
    pub epoch: u64,
    /// The application.
    pub application: RecordId,
}

/// A member wants another one out, or leaves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalBody {
    /// The group.
    pub group: GroupId,
    /// The roster that the signer had before it.
    pub epoch: u64,
    /// Who is to go. The signer itself: it leaves.
    pub member: EconomyId,
    /// Why, for the others.
    pub reason: Option<String>,
}

/// A member would keep the roster. The secretariat hands its role over by the roster that cites this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandoverBody {
    /// The group.
    pub group: GroupId,
    /// The roster after which it is to be: with the next one the word is void.
    pub epoch: u64,
    /// Who is to have the role: the signer itself.
    pub to: EconomyId,
}

/// A member shows the charter to an economy, which may apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvitationBody {
    /// The group.
    pub group: GroupId,
    /// Who is invited.
    pub to: EconomyId,
}

const CHARTER: u64 = 0;
const APPLICATION: u64 = 1;
const SPONSORSHIP: u64 = 2;
const REMOVAL: u64 = 3;
const HANDOVER: u64 = 4;
const INVITATION: u64 = 5;

impl GroupBody {
    /// The group that it is about; `None` for a charter, which founds one.
    #[must_use]
    pub const fn group(&self) -> Option<GroupId> {
        match self {
            Self::Charter(_) => None,
            Self::Application(body) => Some(body.group),
            Self::Sponsorship(body) => Some(body.group),
            Self::Removal(body) => Some(body.group),
            Self::Handover(body) => Some(body.group),
            Self::Invitation(body) => Some(body.group),
        }
    }

    /// Deterministic CBOR: a map whose key 0 says what it is.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        match self {
            Self::Charter(body) => body.write(&mut writer),
            Self::Application(body) => body.write(&mut writer),
            Self::Sponsorship(body) => {
                head(&mut writer, SPONSORSHIP, 4, body.group);
                writer.key(2).uint(body.epoch).key(3).bytes(body.application.as_bytes());
            }
            Self::Removal(body) => {
                let entries = 4 + usize::from(body.reason.is_some());
                head(&mut writer, REMOVAL, entries, body.group);
                writer.key(2).uint(body.epoch).key(3).bytes(body.member.as_bytes());
                if let Some(reason) = &body.reason {
                    writer.key(4).text(reason);
                }
            }
            Self::Handover(body) => {
                head(&mut writer, HANDOVER, 4, body.group);
                writer.key(2).uint(body.epoch).key(3).bytes(body.to.as_bytes());
            }
            Self::Invitation(body) => {
                head(&mut writer, INVITATION, 3, body.group);
                writer.key(3).bytes(body.to.as_bytes());
            }
        }
        writer.into_bytes()
    }

    /// Reads what [`GroupBody::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, Fault> {
        match says(body)? {
            CHARTER => CharterBody::read(body).map(Self::Charter),
            APPLICATION => ApplicationBody::read(body).map(Self::Application),
            SPONSORSHIP => {
                let About { group, epoch, id, .. } = About::read(body, Takes::Epoch)?;
                let application = RecordId(id);
                Ok(Self::Sponsorship(SponsorshipBody { group, epoch, application }))
            }
            REMOVAL => {
                let About { group, epoch, id, reason } = About::read(body, Takes::EpochAndReason)?;
                let member = EconomyId(id);
                Ok(Self::Removal(RemovalBody { group, epoch, member, reason }))
            }
            HANDOVER => {
                let About { group, epoch, id, .. } = About::read(body, Takes::Epoch)?;
                Ok(Self::Handover(HandoverBody { group, epoch, to: EconomyId(id) }))
            }
            INVITATION => {
                let About { group, id, .. } = About::read(body, Takes::Neither)?;
                Ok(Self::Invitation(InvitationBody { group, to: EconomyId(id) }))
            }
            // Of a later version, which this one must not act on.
            _ => Err(Fault { offset: 0, problem: Problem::OutOfRange }),
        }
    }
}

impl CharterBody {
    fn write(&self, writer: &mut Writer) {
        writer.map(4 + usize::from(!self.sponsors.is_empty()));
        writer.key(0).uint(CHARTER).key(1).uint(CHARTER_VERSION).key(2).text(&self.text);
        economies(writer.key(3), &self.founders);
        if !self.sponsors.is_empty() {
            economies(writer.key(4), &self.sponsors);
        }
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut version, mut text, mut founders, mut sponsors) = (None, None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut version, exactly(reader, CHARTER_VERSION)),
            2 => set(&mut text, reader.text(limits::CHARTER_BYTES).map(str::to_owned)),
            3 => set(&mut founders, read_economies(reader)),
            4 => set(&mut sponsors, read_economies(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        version.ok_or(missing.clone())?;
        Ok(Self {
            text: text.ok_or(missing.clone())?,
            founders: founders.ok_or(missing)?,
            sponsors: sponsors.unwrap_or_default(),
        })
    }
}

impl ApplicationBody {
    fn write(&self, writer: &mut Writer) {
        let optional = [!self.affiliations.is_empty(), !self.answers.is_empty()];
        let entries = 2 + optional.iter().filter(|present| **present).count();
        head(writer, APPLICATION, entries, self.group);
        if !self.affiliations.is_empty() {
            labels(writer.key(2), &self.affiliations);
        }
        if !self.answers.is_empty() {
            writer.key(3).array(self.answers.len());
            for answer in &self.answers {
                writer.text(answer);
            }
        }
    }

    fn read(body: &[u8]) -> Result<Self, Fault> {
        let (mut group, mut affiliations, mut answers) = (None, None, None);
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut group, reader.array_of().map(GroupId)),
            2 => set(&mut affiliations, read_labels(reader)),
            3 => set(&mut answers, read_answers(reader)),
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        Ok(Self {
            group: group.ok_or(missing(body))?,
            affiliations: affiliations.unwrap_or_default(),
            answers: answers.unwrap_or_default(),
        })
    }
}

/// What most bodies say: of a group, at an epoch, something about an id.
struct About {
    group: GroupId,
    /// 0 where the body has none.
    epoch: u64,
    id: [u8; 32],
    reason: Option<String>,
}

/// Which fields a body has besides its group and the id that it speaks of.
#[derive(Clone, Copy)]
enum Takes {
    Neither,
    Epoch,
    EpochAndReason,
}

impl About {
    fn read(body: &[u8], takes: Takes) -> Result<Self, Fault> {
        let (mut group, mut epoch, mut id, mut reason) = (None, None, None, None);
        let (dated, reasoned) = match takes {
            Takes::Neither => (false, false),
            Takes::Epoch => (true, false),
            Takes::EpochAndReason => (true, true),
        };
        fields(body, |key, reader| match key {
            0 => reader.uint().map(drop),
            1 => set(&mut group, reader.array_of().map(GroupId)),
            2 if dated => set(&mut epoch, reader.uint()),
            3 => set(&mut id, reader.array_of()),
            4 if reasoned => {
                set(&mut reason, reader.label(limits::ANSWER_BYTES).map(str::to_owned))
            }
            _later => Err(reader.fault(Problem::UnknownField)),
        })?;
        let missing = missing(body);
        if dated && epoch.is_none() {
            return Err(missing);
        }
        Ok(Self {
            group: group.ok_or(missing.clone())?,
            epoch: epoch.unwrap_or_default(),
            id: id.ok_or(missing)?,
            reason,
        })
    }
}

/// What a body says that it is: its first key, which must be 0.
pub(super) fn says(body: &[u8]) -> Result<u64, Fault> {
    let mut reader = Reader::new(body);
    let mut map = reader.map(limits::LIST)?;
    match map.next_key(&mut reader)? {
        Some(0) => reader.uint(),
        Some(_) | None => Err(missing(body)),
    }
}

fn head(writer: &mut Writer, what: u64, entries: usize, group: GroupId) {
    writer.map(entries).key(0).uint(what).key(1).bytes(group.as_bytes());
}

fn exactly(reader: &mut Reader<'_>, known: u64) -> Result<(), Fault> {
    let other = reader.fault(Problem::OutOfRange);
    if reader.uint()? == known { Ok(()) } else { Err(other) }
}

fn economies(writer: &mut Writer, economies: &BTreeSet<EconomyId>) {
    writer.array(economies.len());
    for economy in economies {
        writer.bytes(economy.as_bytes());
    }
}

fn read_economies(reader: &mut Reader<'_>) -> Result<BTreeSet<EconomyId>, Fault> {
    let economies = reader.set(limits::MEMBERS, |item| item.array_of().map(EconomyId))?;
    Ok(economies.into_iter().collect())
}

pub(super) fn labels(writer: &mut Writer, labels: &BTreeSet<String>) {
    writer.array(labels.len());
    for label in labels {
        writer.text(label);
    }
}

pub(super) fn read_labels(reader: &mut Reader<'_>) -> Result<BTreeSet<String>, Fault> {
    let label = |item: &mut Reader<'_>| item.label(limits::TEXT_BYTES).map(str::to_owned);
    Ok(reader.set(limits::AFFILIATIONS, label)?.into_iter().collect())
}

fn read_answers(reader: &mut Reader<'_>) -> Result<Vec<String>, Fault> {
    let empty = reader.fault(Problem::Empty);
    let answers = reader.list(limits::CRITERIA, |item| {
        let start = item.fault(Problem::Empty);
        let answer = item.text(limits::ANSWER_BYTES)?;
        if answer.is_empty() { Err(start) } else { Ok(answer.to_owned()) }
    })?;
    if answers.is_empty() { Err(empty) } else { Ok(answers) }
}
