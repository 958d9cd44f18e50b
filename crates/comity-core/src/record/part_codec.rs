//! Parts and their headers as they are hashed.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::{Addressee, Header, Part, RecordError};
use crate::cbor::{Problem, Reader, Writer};
use crate::digest::{self, domains};
use crate::identity::{EconomyId, GroupId, PartDigest};
use crate::limits;
use crate::marking::Marking;
use crate::vocabulary::{Class, Section};

/// Bytes of a part's salt.
pub const SALT_BYTES: usize = 16;

/// A key that no version of the format will use: an unknown header is written as unknown.
const UNKNOWN: u64 = 255;

impl Part {
    /// Seals `content` under `header` with a fresh `salt`, without which a part with few possible
    /// contents could be guessed from its digest.
    pub fn seal(
        header: &Header,
        content: &[u8],
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, RecordError> {
        let mut writer = Writer::new();
        writer.array(4).text(domains::PART).bytes(&salt).raw(&header.encode()).bytes(content);
        Self::decode(writer.into_bytes().into())
    }

    /// Reads `[domain, salt, header, content]` and hashes the bytes as they are.
    ///
    /// Whether the part belongs to a record is for [`super::VerifiedRecord::check_part`] to say.
    pub fn decode(bytes: Bytes) -> Result<Self, RecordError> {
        if bytes.len() > limits::PART_BYTES {
            return Err(RecordError::PartTooLarge);
        }
        let mut reader = Reader::new(&bytes);
        reader.tuple(4)?;
        if reader.text(limits::TEXT_BYTES)? != domains::PART {
            return Err(RecordError::PartDomain);
        }
        if reader.bytes(usize::MAX)?.len() != SALT_BYTES {
            return Err(RecordError::SaltLength);
        }
        let header_start = reader.offset();
        let header = Header::read(&mut reader)?;
        let header_range = header_start..reader.offset();
        if header_range.len() > limits::HEADER_BYTES {
            return Err(RecordError::HeaderTooLarge);
        }
        let length = reader.bytes(usize::MAX)?.len();
        let content = reader.offset().saturating_sub(length)..reader.offset();
        reader.leave();
        reader.finish()?;
        if header.section == Section::Addressee && length > 0 {
            return Err(RecordError::AddresseeContent);
        }
        let digest = PartDigest::of(&bytes);
        let (encoded_header, content) = (bytes.slice(header_range), bytes.slice(content));
        Ok(Self { bytes, digest, header, encoded_header, content })
    }
}

impl PartDigest {
    /// The digest of a part's bytes: the RFC 6962 root over leaves of [`digest::LEAF_SIZE`].
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let leaves = digest::leaf_hashes(bytes);
        digest::tree_root(&leaves).unwrap_or_else(|| digest::leaf_hash(&[])).into()
    }
}

impl Header {
    /// Deterministic CBOR, for a part that is made here. What came is kept as it came:
    /// [`Part::encoded_header`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let optional = [
            self.language.is_some(),
            self.translates.is_some(),
            self.file_name.is_some(),
            self.destination.is_some(),
            self.marking.is_some(),
            self.addressee.is_some(),
            self.unknown,
        ];
        let mut writer = Writer::new();
        writer.map(3 + optional.iter().filter(|present| **present).count());
        writer.key(0).uint(self.section.code());
        // By number, which is not the order of the set when a class is unknown.
        let classes: BTreeSet<u64> = self.classes.iter().map(|class| class.code()).collect();
        writer.key(1).array(classes.len());
        for class in classes {
            writer.uint(class);
        }
        writer.key(2).text(&self.media_type);
        if let Some(language) = &self.language {
            writer.key(3).text(language);
        }
        if let Some(section) = self.translates {
            writer.key(4).uint(section.code());
        }
        if let Some(name) = &self.file_name {
            writer.key(5).text(name);
        }
        if let Some(economy) = self.destination {
            writer.key(6).bytes(economy.as_bytes());
        }
        if let Some(marking) = &self.marking {
            marking.write(writer.key(7));
        }
        if let Some(addressee) = &self.addressee {
            addressee.write(writer.key(8));
        }
        if self.unknown {
            writer.key(UNKNOWN).bool(true);
        }
        writer.into_bytes()
    }

    /// Reads bytes that are one header and nothing else.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > limits::HEADER_BYTES {
            return Err(RecordError::HeaderTooLarge);
        }
        let mut reader = Reader::new(bytes);
        let header = Self::read(&mut reader)?;
        reader.finish()?;
        Ok(header)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let (mut section, mut media_type) = (None, None);
        let mut header = Self { classes: BTreeSet::new(), ..Self::new(Section::Unknown(0), "") };
        let mut keys = reader.map(limits::LIST)?;
        while let Some(key) = keys.next_key(reader)? {
            match key {
                0 => section = Some(Section::from_code(reader.uint()?)),
                1 => header.classes = read_classes(reader)?,
                2 => media_type = Some(reader.label(limits::TEXT_BYTES)?.to_owned()),
                3 => header.language = Some(reader.label(limits::TEXT_BYTES)?.to_owned()),
                4 => header.translates = Some(Section::from_code(reader.uint()?)),
                5 => header.file_name = Some(read_file_name(reader)?),
                6 => header.destination = Some(EconomyId(reader.array_of()?)),
                7 => header.marking = Some(Marking::read(reader)?),
                8 => header.addressee = Some(Addressee::read(reader, &mut header.unknown)?),
                _ => {
                    reader.skip()?;
                    header.unknown = true;
                }
            }
        }
        let missing = || reader.fault(Problem::MissingField);
        header.section = section.ok_or_else(missing)?;
        header.media_type = media_type.ok_or_else(missing)?;
        if header.classes.is_empty() {
            return Err(missing().into());
        }
        header.unknown |= header.has_unknown_value();
        header.check_shape()?;
        Ok(header)
    }

    fn has_unknown_value(&self) -> bool {
        !self.section.is_known()
            || self.translates.is_some_and(|section| !section.is_known())
            || self.classes.iter().any(|class| !class.is_known())
            || self.marking.as_ref().is_some_and(|marking| marking.unknown)
    }

    /// What a header of its section must and must not have.
    fn check_shape(&self) -> Result<(), RecordError> {
        match (self.section, self.translates) {
            // What a section of a later version needs is not known here; it is never released.
            (Section::Unknown(_), _) => return Ok(()),
            (Section::Translation, None | Some(Section::Translation | Section::Addressee)) => {
                return Err(RecordError::MissingTranslates);
            }
            (Section::Translation, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(RecordError::UnexpectedTranslates),
        }
        match (self.section == Section::Addressee, &self.addressee) {
            (true, None) => Err(RecordError::MissingAddressee),
            (false, Some(_)) => Err(RecordError::UnexpectedAddressee),
            (true, Some(_)) if self.has_content_fields() => Err(RecordError::AddresseeContent),
            (true, Some(_)) | (false, None) => Ok(()),
        }
    }

    /// Whether it has a field that means something for content only.
    fn has_content_fields(&self) -> bool {
        self.language.is_some() || self.file_name.is_some() || self.destination.is_some()
    }
}

fn read_classes(reader: &mut Reader<'_>) -> Result<BTreeSet<Class>, RecordError> {
    let codes = reader.set(limits::LIST, Reader::uint)?;
    Ok(codes.into_iter().map(Class::from_code).collect())
}

/// A name that can be given to a file in a folder of ours: never a path out of it.
fn read_file_name(reader: &mut Reader<'_>) -> Result<String, RecordError> {
    let name = reader.label(limits::TEXT_BYTES)?;
    if name == "." || name == ".." || name.contains(['/', '\\']) {
        return Err(RecordError::FileName);
    }
    Ok(name.to_owned())
}

impl Addressee {
    /// `{0 economy, 1 desk, 2 [group, epoch], 3 [relays], 4 [parts]}`, with an economy, a group, or both.
    fn write(&self, writer: &mut Writer) {
        let optional = [
            self.economy.is_some(),
            self.desk.is_some(),
            self.group.is_some(),
            !self.relays.is_empty(),
        ];
        writer.map(1 + optional.iter().filter(|present| **present).count());
        if let Some(economy) = &self.economy {
            writer.key(0).bytes(economy.as_bytes());
        }
        if let Some(desk) = &self.desk {
            writer.key(1).text(desk);
        }
        if let Some((group, epoch)) = self.group {
            writer.key(2).array(2).bytes(group.as_bytes()).uint(epoch);
        }
        if !self.relays.is_empty() {
            writer.key(3).array(self.relays.len());
            for relay in &self.relays {
                writer.bytes(relay.as_bytes());
            }
        }
        writer.key(4).array(self.parts.len());
        for part in &self.parts {
            writer.bytes(part.as_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>, unknown: &mut bool) -> Result<Self, RecordError> {
        let mut economy = None;
        let (mut desk, mut group) = (None, None);
        let (mut relays, mut parts) = (Vec::new(), Vec::new());
        let mut keys = reader.map(limits::LIST)?;
        while let Some(key) = keys.next_key(reader)? {
            match key {
                0 => economy = Some(EconomyId(reader.array_of()?)),
                1 => desk = Some(reader.label(limits::TEXT_BYTES)?.to_owned()),
                2 => group = Some(read_group(reader)?),
                3 => relays = reader.set(limits::RELAYS, |item| item.array_of().map(EconomyId))?,
                4 => parts = reader.set(limits::PARTS, |item| item.array_of().map(PartDigest))?,
                _ => {
                    reader.skip()?;
                    *unknown = true;
                }
            }
        }
        let missing = || reader.fault(Problem::MissingField);
        if parts.is_empty() || (economy.is_none() && group.is_none()) {
            return Err(missing().into());
        }
        if desk.is_some() && group.is_some() {
            return Err(RecordError::DeskAndGroup);
        }
        if economy.is_some_and(|economy| relays.contains(&economy)) {
            return Err(RecordError::RelayIsAddressee);
        }
        Ok(Self { economy, desk, group, relays, parts })
    }
}

fn read_group(reader: &mut Reader<'_>) -> Result<(GroupId, u64), RecordError> {
    reader.tuple(2)?;
    let group = (GroupId(reader.array_of()?), reader.uint()?);
    reader.leave();
    Ok(group)
}
