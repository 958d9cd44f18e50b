//! Every bound on input from outside, in one place.

use std::time::Duration;

/// Bytes of a manifest.
pub const MANIFEST_BYTES: usize = 64 * 1024;
/// Bytes of a record's signed form: the manifest, its signature and, in form 1, the path in the tree.
pub const SIGNED_BYTES: usize = MANIFEST_BYTES + 4 * 1024;
/// Bytes of a part's header. The journal keeps headers.
pub const HEADER_BYTES: usize = 48 * 1024;
/// Parts of a record, padding included. A power of two.
pub const PARTS: usize = 1024;
/// Bytes of a part that travels within its batch; a larger one travels in chunks.
pub const INLINE_PART_BYTES: usize = 8 * 1024;
/// Bytes of a part.
pub const PART_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a record and of its parts of one chunk, in one delivery.
pub const DELIVERY_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of the body of a journal entry. Whatever one delivery brings fits: its signed form and headers
/// are no longer than the delivery, and the rest (the headers of parts of several chunks, digests, the
/// ledger's line) is far less than the difference.
pub const ENTRY_BYTES: usize = DELIVERY_BYTES + 1024 * 1024;
/// Nesting of arrays and maps.
pub const DEPTH: usize = 16;
/// Bytes of a text in a header or a marking: a media type, a file name, a desk.
pub const TEXT_BYTES: usize = 256;
/// Entries of a list in a header, a marking or a control body.
pub const LIST: usize = 1024;
/// Subject categories of a marking. Every part's decision weighs them.
pub const CATEGORIES: usize = 16;
/// Relays that an addressee part names. Every part's decision looks through them.
pub const RELAYS: usize = 16;
/// Purposes that a delivery is bound to. An agreement names no more of them, nor of categories and of
/// legal bases.
pub const PURPOSES: usize = 32;
/// Records that one manifest supersedes.
pub const SUPERSEDES: usize = 64;
/// Keys in one root set.
pub const ROOT_KEYS: usize = 16;
/// Grants and revocations in one keyring, each.
pub const GRANTS: usize = 4096;
/// Root sets that follow a genesis.
pub const ROTATIONS: usize = 64;
/// Bytes of a signed keyring, so that a manifest holds it as its body.
pub const KEYRING_BYTES: usize = MANIFEST_BYTES - 4096;
/// Bytes of the evidence in a link's certificate.
pub const LINK_EVIDENCE_BYTES: usize = 32 * 1024;
/// Bytes of an agreement's text.
pub const AGREEMENT_BYTES: usize = 32 * 1024;
/// Texts that an agreement may take the place of at once.
pub const AMENDED_TEXTS: usize = 8;
/// Bytes of a group's charter.
pub const CHARTER_BYTES: usize = 32 * 1024;
/// Members of a group.
pub const MEMBERS: usize = 256;
/// Affiliations of a member.
pub const AFFILIATIONS: usize = 16;
/// Criteria of a charter, and answers in an application.
pub const CRITERIA: usize = 32;
/// Bytes of an answer to a criterion, or of a reason: for a removal, for what consent is asked, for its refusal.
pub const ANSWER_BYTES: usize = 1024;
/// Days for which a partner keeps what it got by an emergency release, unless an agreement says fewer.
pub const EMERGENCY_RETENTION_DAYS: u32 = 30;
/// For how long one record goes to one partner by an emergency release.
pub const EMERGENCY_LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// Within which a second person confirms it; else what went is recalled.
pub const EMERGENCY_CONFIRMED_WITHIN: Duration = Duration::from_secs(12 * 60 * 60);
/// Emergency releases that nobody has confirmed or refused, at once: with more of them they are a habit.
pub const EMERGENCIES_OPEN: usize = 8;
/// Economies for which one record asks consent.
pub const CONSENT_RECIPIENTS: usize = 16;
/// Rosters of a group after the charter.
pub const EPOCHS: u64 = 1024;
/// Records that justify one change of a roster.
pub const JUSTIFICATIONS: usize = 32;
/// How old the last word of a group's secretariat may be before release that depends on it stops.
pub const ROSTER_MAX_AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How long after its author's key has ended a withdrawal still counts that a relay brings: relays are late by
/// weeks, and an old key may come into anybody's hands.
pub const LATE_WITHDRAWAL: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How old the last word of an economy about its newest keyring may be before release that depends on that
/// keyring stops, where it has ever said one.
pub const HEAD_MAX_AGE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How long after such a word another one that says the same is not kept.
pub const HEADS_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a newer keyring that such a word names may be on its way before nothing rests on the one that is here.
pub const KEYRING_ON_ITS_WAY: Duration = Duration::from_secs(600);
/// Bytes of what such a word says.
pub const HEAD_BYTES: usize = 128;
/// Bytes of such a word as it travels.
pub const SIGNED_HEAD_BYTES: usize = 256;
/// How far ahead of our clock a signing time may be before the record waits as pending.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(600);
/// Smallest size class of a part, in bytes.
pub const SMALLEST_SIZE_CLASS: usize = 1024;
/// Marking classes that are remembered at once with the decisions about them.
pub const SHARED_CLASSES: usize = 4096;
/// Answers, without the reasons, that are remembered at once: some 30 MiB.
pub const SHARED_ANSWERS: usize = 128 * 1024;
/// Decisions that are remembered at once: a few dozen MiB.
pub const SHARED_DECISIONS: usize = 16 * 1024;
