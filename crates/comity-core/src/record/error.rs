//! Every way in which a record or a part can be wrong.

use crate::cbor::Fault;
use crate::sign::{BadSignature, KeyFault};

/// Why bytes are no record, or no part of it. All of it is the sender's or the author's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not deterministic CBOR of the expected shape.
    #[error("malformed: {0}")]
    Malformed(#[from] Fault),
    /// The signed form is longer than [`crate::limits::SIGNED_BYTES`].
    #[error("signed record is too large")]
    RecordTooLarge,
    /// The manifest is longer than [`crate::limits::MANIFEST_BYTES`].
    #[error("manifest is too large")]
    ManifestTooLarge,
    /// The part is longer than [`crate::limits::PART_BYTES`].
    #[error("part is too large")]
    PartTooLarge,
    /// The header is longer than [`crate::limits::HEADER_BYTES`].
    #[error("part header is too large")]
    HeaderTooLarge,

    /// A signed form that this version does not verify.
    #[error("signed form {0} is not supported")]
    UnsupportedForm(u64),
    /// A version of the manifest that this version does not read.
    #[error("record format version {0} is not supported")]
    UnsupportedVersion(u64),
    /// The protected header names no algorithm.
    #[error("protected header names no algorithm")]
    MissingAlgorithm,
    /// An algorithm other than EdDSA.
    #[error("signature algorithm {0} is not supported")]
    UnsupportedAlgorithm(i64),
    /// The protected header names no key.
    #[error("protected header names no key")]
    MissingKeyId,
    /// The protected header names another key than the manifest's author.
    #[error("protected header names another key than the author's")]
    KeyIdMismatch,
    /// The protected header has a label beside algorithm and key id.
    #[error("protected header has the unexpected label {0}")]
    ProtectedHeader(u64),
    /// The unprotected header is not empty: nothing in it would be signed.
    #[error("unprotected header is not empty")]
    UnprotectedHeader,
    /// The payload is detached.
    #[error("payload is not embedded")]
    NilPayload,
    /// The signature is not 64 bytes.
    #[error("signature is not 64 bytes long")]
    SignatureLength,
    /// The author's key is not one that can be believed.
    #[error("author's {0}")]
    Key(#[from] KeyFault),
    /// The signature does not verify under the author's key.
    #[error(transparent)]
    Signature(#[from] BadSignature),

    /// A content kind without parts.
    #[error("record of a content kind has no parts")]
    NoParts,
    /// A content kind with a body.
    #[error("record of a content kind has a body")]
    UnexpectedBody,
    /// A control kind without a body.
    #[error("record of a control kind has no body")]
    MissingBody,
    /// A control kind with parts.
    #[error("record of a control kind has parts")]
    UnexpectedParts,
    /// A control kind that says it is addressed: its audience follows from its kind.
    #[error("record of a control kind is addressed")]
    AddressedControl,
    /// The body of a control kind is not one item of deterministic CBOR.
    #[error("malformed body: {0}")]
    MalformedBody(#[source] Fault),
    /// More parts than [`crate::limits::PARTS`].
    #[error("too many parts")]
    TooManyParts,
    /// The number of parts and padding is no power of two.
    #[error("number of parts is not a power of two")]
    Unpadded,
    /// The digests of the parts are not in ascending order.
    #[error("part digests are not sorted")]
    UnsortedParts,
    /// A part's digest occurs twice.
    #[error("part digest occurs twice")]
    DuplicatePart,
    /// A size class above the largest.
    #[error("size class out of range")]
    SizeClass,

    /// The part's first element is not the domain string of parts.
    #[error("part is not of this domain")]
    PartDomain,
    /// The salt is not 16 bytes.
    #[error("salt is not 16 bytes long")]
    SaltLength,
    /// A translation that does not say of what, or of a translation or an addressee.
    #[error("translation does not name a section that can be translated")]
    MissingTranslates,
    /// Another section that says what it translates.
    #[error("only a translation names what it translates")]
    UnexpectedTranslates,
    /// The file name is a path, or names a folder.
    #[error("file name is a path")]
    FileName,
    /// An addressee part that names nobody.
    #[error("addressee part names nobody")]
    MissingAddressee,
    /// Another section that names an addressee.
    #[error("only an addressee part names an addressee")]
    UnexpectedAddressee,
    /// An addressee part with content, or with a field that only content has.
    #[error("addressee part carries content")]
    AddresseeContent,
    /// An addressee with a desk and a group.
    #[error("addressee is a desk and a group")]
    DeskAndGroup,
    /// An addressee that is its own relay.
    #[error("addressee is its own relay")]
    RelayIsAddressee,

    /// The manifest does not list the part.
    #[error("part is not of this record")]
    UnlistedPart,
    /// The part's size class is not the one in the manifest.
    #[error("part has another size class than the manifest says")]
    WrongSizeClass,
    /// The part's own marking is looser than the floor somewhere.
    #[error("part's marking is looser than the record's floor")]
    BelowFloor,
    /// An addressee part in a record that is not addressed.
    #[error("addressee part in a record that is not addressed")]
    NotAddressed,
    /// An addressee part that lists a part which the manifest does not.
    #[error("addressee part lists a part that is not of this record")]
    AddresseeLists,
}

impl RecordError {
    /// A stable name, as the conformance vectors use it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(fault) => fault.problem.code(),
            Self::RecordTooLarge => "record-too-large",
            Self::ManifestTooLarge => "manifest-too-large",
            Self::PartTooLarge => "part-too-large",
            Self::HeaderTooLarge => "header-too-large",
            Self::UnsupportedForm(_) => "unsupported-form",
            Self::UnsupportedVersion(_) => "unsupported-version",
            Self::MissingAlgorithm => "missing-algorithm",
            Self::UnsupportedAlgorithm(_) => "unsupported-algorithm",
            Self::MissingKeyId => "missing-key-id",
            Self::KeyIdMismatch => "key-id-mismatch",
            Self::ProtectedHeader(_) => "protected-header",
            Self::UnprotectedHeader => "unprotected-header",
            Self::NilPayload => "nil-payload",
            Self::SignatureLength => "signature-length",
            Self::Key(fault) => fault.code(),
            Self::Signature(_) => "bad-signature",
            Self::NoParts => "no-parts",
            Self::UnexpectedBody => "unexpected-body",
            Self::MissingBody => "missing-body",
            Self::UnexpectedParts => "unexpected-parts",
            Self::AddressedControl => "addressed-control",
            Self::MalformedBody(_) => "malformed-body",
            Self::TooManyParts => "too-many-parts",
            Self::Unpadded => "unpadded",
            Self::UnsortedParts => "unsorted-parts",
            Self::DuplicatePart => "duplicate-part",
            Self::SizeClass => "size-class",
            Self::PartDomain => "part-domain",
            Self::SaltLength => "salt-length",
            Self::MissingTranslates => "missing-translates",
            Self::UnexpectedTranslates => "unexpected-translates",
            Self::FileName => "file-name",
            Self::MissingAddressee => "missing-addressee",
            Self::UnexpectedAddressee => "unexpected-addressee",
            Self::AddresseeContent => "addressee-content",
            Self::DeskAndGroup => "desk-and-group",
            Self::RelayIsAddressee => "relay-is-addressee",
            Self::UnlistedPart => "unlisted-part",
            Self::WrongSizeClass => "wrong-size-class",
            Self::BelowFloor => "below-floor",
            Self::NotAddressed => "not-addressed",
            Self::AddresseeLists => "addressee-lists",
        }
    }
}
