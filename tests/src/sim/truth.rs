//! What is true of every record of a simulation, whatever any node believes.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::agreement::Tier;
use comity_core::control::{AcceptanceBody, AgreementBody, TerminationBody, WithdrawalBody};
use comity_core::record::{Addressee, Part, VerifiedRecord};
use comity_core::{
    Class, EconomyId, KeyId, Kind, Marking, PartDigest, RecordId, Section, Timestamp,
};

/// Every record that was ever signed.
#[derive(Default)]
pub struct Truth {
    records: BTreeMap<RecordId, Deed>,
}

/// A record as it was signed.
pub struct Deed {
    /// Its id.
    pub id: RecordId,
    /// The economy whose record it says it is.
    pub origin: EconomyId,
    /// Its kind.
    pub kind: Kind,
    /// Whether its author was entitled to sign it.
    pub honest: bool,
    /// The key that signed it.
    pub author: KeyId,
    /// When, as it says.
    pub signed_at: Timestamp,
    /// Whether a thief did, with a key that counted once.
    pub stolen: bool,
    /// The signed form.
    pub signed: Bytes,
    /// Its parts.
    pub parts: BTreeMap<PartDigest, Piece>,
    /// Whom it is for; none: not addressed.
    pub addressees: Vec<Addressee>,
    /// Records of the same origin that it replaces.
    pub supersedes: Vec<RecordId>,
    /// A control record's body.
    pub body: Vec<u8>,
    /// A proposal's tier and first day.
    pub pact: Option<(Tier, Timestamp)>,
}

/// A part as it was sealed.
pub struct Piece {
    /// Its bytes.
    pub bytes: Bytes,
    /// What it says.
    pub section: Section,
    /// Its marking, the floor's restrictions included.
    pub marking: Marking,
    /// The only economy that it is for.
    pub destination: Option<EconomyId>,
    /// Whom it names, if that is what it is for.
    pub addressee: Option<Addressee>,
    /// Whether it is of the class `general` alone.
    pub general: bool,
    /// Whether it is about persons.
    pub personal: bool,
}

impl Truth {
    /// Notes a record when it is signed.
    pub fn note(
        &mut self,
        record: &VerifiedRecord,
        parts: &[Part],
        honest: bool,
        pact: Option<(Tier, Timestamp)>,
    ) {
        let manifest = record.manifest();
        let piece = |part: &Part| Piece {
            bytes: part.bytes.clone(),
            section: part.header.section,
            marking: part
                .header
                .marking
                .as_ref()
                .map_or_else(|| manifest.floor.clone(), |own| manifest.floor.join(own)),
            destination: part.header.destination,
            addressee: part.header.addressee.clone(),
            personal: part.header.classes.contains(&Class::PersonalData),
            general: part.header.classes.iter().all(|class| *class == Class::General),
        };
        let deed = Deed {
            id: record.id(),
            origin: manifest.origin,
            kind: manifest.kind,
            honest,
            author: manifest.author,
            signed_at: manifest.signed_at,
            stolen: false,
            signed: record.signed().clone(),
            parts: parts.iter().map(|part| (part.digest, piece(part))).collect(),
            addressees: parts.iter().filter_map(|part| part.header.addressee.clone()).collect(),
            supersedes: manifest.supersedes.clone(),
            body: manifest.body.clone().unwrap_or_default(),
            pact,
        };
        self.records.insert(record.id(), deed);
    }

    /// Notes a record that somebody signed with another's key.
    pub fn note_stolen(&mut self, record: &VerifiedRecord, parts: &[Part]) {
        self.note(record, parts, true, None);
        if let Some(deed) = self.records.get_mut(&record.id()) {
            deed.stolen = true;
        }
    }

    /// A record.
    #[must_use]
    pub fn deed(&self, id: &RecordId) -> Option<&Deed> {
        self.records.get(id)
    }

    /// Every record.
    pub fn deeds(&self) -> impl Iterator<Item = &Deed> {
        self.records.values()
    }
}

impl Deed {
    /// What a withdrawal takes back.
    #[must_use]
    pub fn targets(&self) -> Vec<RecordId> {
        let withdrawal =
            (self.kind == Kind::Withdrawal).then(|| WithdrawalBody::decode(&self.body));
        withdrawal.and_then(Result::ok).map(|body| body.records).unwrap_or_default()
    }

    /// From whom alone a withdrawal takes back; nobody: from all.
    #[must_use]
    pub fn taken_back_from(&self) -> Vec<EconomyId> {
        let withdrawal =
            (self.kind == Kind::Withdrawal).then(|| WithdrawalBody::decode(&self.body));
        withdrawal.and_then(Result::ok).map(|body| body.from).unwrap_or_default()
    }

    /// The parties of a proposal.
    #[must_use]
    pub fn parties(&self) -> Option<[EconomyId; 2]> {
        let proposal = (self.kind == Kind::Agreement).then(|| AgreementBody::decode(&self.body));
        proposal.and_then(Result::ok).map(|body| body.parties)
    }

    /// The texts that a proposal takes the place of.
    #[must_use]
    pub fn amends(&self) -> Vec<RecordId> {
        let proposal = (self.kind == Kind::Agreement).then(|| AgreementBody::decode(&self.body));
        proposal.and_then(Result::ok).map(|body| body.amends).unwrap_or_default()
    }

    /// For how many days what goes under a proposal is kept, if it says so.
    #[must_use]
    pub fn term(&self) -> Option<u32> {
        let proposal = (self.kind == Kind::Agreement).then(|| AgreementBody::decode(&self.body));
        let text = proposal.and_then(Result::ok).map(|body| body.text)?;
        let line = text.lines().find_map(|line| line.strip_prefix("retention = \""))?;
        line.split(' ').next()?.parse().ok()
    }

    /// The agreement that an acceptance or a termination speaks of, and from when it ends.
    #[must_use]
    pub fn agreement(&self) -> Option<(RecordId, Option<Timestamp>)> {
        match self.kind {
            Kind::Acceptance => {
                AcceptanceBody::decode(&self.body).ok().map(|body| (body.agreement, None))
            }
            Kind::Termination => TerminationBody::decode(&self.body)
                .ok()
                .map(|body| (body.agreement, Some(body.effective))),
            _ => None,
        }
    }
}
