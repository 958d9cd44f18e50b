//! Every bound of the node, in one place. Those of the link stand in `comity_proto::limits`, those of
//! formats in `comity_core::limits`.

use std::time::Duration;

/// Arrivals considered for one partner in one step, so that no step takes long.
pub const CONSIDERED_PER_STEP: usize = 512;
/// Numbers that may wait for room on a link; beyond it nothing more is numbered.
pub const QUEUE: usize = 1024;
/// Bytes of bodies that were appended lately and are kept at hand for the deliveries that follow.
pub const FRESH_BYTES: usize = 16 << 20;

/// Numbers that a partner may leave open before one that it uses.
pub const MOST_AHEAD: u64 = 1 << 16;
/// Numbers that a new epoch of a partner may skip. None of them takes room: so that they do not run out.
pub const MOST_SKIPPED: u64 = 1 << 32;
/// Epochs of our ledger with one partner that begin in a day because it, or we, were put back.
pub const MOST_EPOCHS: usize = 16;
/// The day for which that counts.
pub const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An hour.
pub const AN_HOUR: Duration = Duration::from_secs(60 * 60);
/// How far ahead of what is vouched for a time may be that one partner's clock vouches for at once. Beyond it a
/// person does, or partners' clocks for a day: what falls due in it is much.
pub const VOUCHED_BY_ONE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Deliveries of ours beyond a backup that a partner may give back.
pub const MOST_GIVEN_BACK: u64 = 1 << 20;

/// Records of which one entry says that they were judged again.
pub const JUDGED_AT_ONCE: usize = 1024;

/// Requests of people and programs here that may wait for the shell.
pub const REQUESTS: usize = 256;
/// Network events that may wait for the shell.
pub const NET_EVENTS: usize = 1024;
/// Inputs that the shell handles before timers and new requests get their turn again.
pub const INPUTS_PER_TURN: usize = 256;
/// Alarms of one kind about one partner in a minute.
pub const ALARMS_PER_MINUTE: u32 = 16;
/// Alarms that `status` remembers.
pub const ALARMS: usize = 100;
/// Parts of records that are read in one step of a search.
pub const SEARCHED_AT_ONCE: usize = 256;
/// Records that are looked at for what is due to the partners that are away, of all of them together; of each
/// at least some.
pub const DUE_LOOKED_AT: usize = 16 * 1024;
/// See [`DUE_LOOKED_AT`].
pub const DUE_LOOKED_AT_LEAST: usize = 256;
/// Deliveries that one page of an audit shows, and that are looked at for one.
pub const AUDITED_ON_A_PAGE: usize = 512;
/// See [`AUDITED_ON_A_PAGE`].
pub const AUDITED_AT_ONCE: usize = 8192;
/// Entries read at once while the journal is folded.
pub const FOLD: usize = 1024;
/// Jobs that go to one worker at once: a hand-over between threads costs as much as half a signature.
pub const JOBS_PER_WORKER: usize = 32;
/// Pieces of large parts that are written with one sync, and what is let go between them.
pub const ERRANDS_PER_WRITE: usize = 16;
/// Events that may wait for a slow watcher; beyond it the oldest are dropped, and it is told how many.
pub const EVENTS: usize = 1024;

/// Records of one partner that cannot be judged yet: their key, roster or time is still to come.
pub const PENDING: u64 = 1024;
/// The same of economies that nobody here knows: of such the rest is settled, and asked for again when the
/// economy is known.
pub const UNKNOWN: u64 = 1024;
/// Of these, records of one economy.
pub const UNKNOWN_OF_ONE: u64 = 32;
/// Economies that nobody here knows, and of which one partner has brought more than was kept.
pub const STRANGERS: u64 = 1024;
/// How often a partner may ask anew for what it had refused of one origin, while this process runs.
pub const ASKED_ANEW: u32 = 16;
/// For how many of those a keyring counts: it is verified when it is judged, which takes long.
pub const PENDING_KEYRING: u64 = 64;
/// Bytes of memory that the records of one partner are reckoned to take, unless the configuration says
/// otherwise: a quarter of a million advisories.
pub const PARTNER_MEMORY: u64 = 1 << 30;
/// Bytes of one partner's records on the disk, unless the configuration says otherwise.
pub const PARTNER_DISK: u64 = 16 << 30;
/// Keyrings of one economy that are taken in within a day, whoever brings them. One that takes back
/// something that stands is always taken.
pub const KEYRINGS: u64 = 64;
/// Keyrings of one economy that others have brought and that wait: for those before them, or to be
/// believed.
pub const EARLY_KEYRINGS: usize = 64;
/// Records of one partner that speak of agreements or groups that nobody here knows.
pub const EARLY: u64 = 64;
/// Proposals of agreements that one partner has brought and that nobody has answered: the text of each is
/// held, and what it says.
pub const PROPOSALS: u64 = 64;
/// Charters of one economy, and words of it about known groups on which no roster rests, or that wait to
/// be judged: each is gone through whenever something is said about its group.
pub const GROUP_WORDS: u64 = 512;
/// How long after a daily word about a roster another one of the same author is not kept.
pub const HEADS_EVERY: Duration = Duration::from_secs(60 * 60);
/// Words of one economy about its keyring that are entered within a day: one is usual. Whoever signs them writes
/// what dates and versions it likes.
pub const HEADS_A_DAY: usize = 32;
/// After how long without such a word of our own a person is told.
pub const OWN_HEAD_LATE: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// Such words brought by one partner of which the signature is verified within an hour.
pub const HEADS_VERIFIED: u64 = 1024;
/// Rosters that one economy has signed, of all groups: each is read again at every start.
pub const ROSTERS: u64 = 2048;
/// Asks of one partner for our consent that nobody has answered.
pub const ASKS: u64 = 64;
/// Bytes of what one economy has said about consent: most of them digests of parts, which are held.
pub const CONSENT_BYTES: u64 = 4 << 20;
/// Consents of its origin about one record: each question about it looks at all of them.
pub const CONSENTS_ABOUT_ONE: usize = 512;
/// Consents of one signer about one record, from one asker to one recipient, that are not believed: whoever
/// is named may have made them up.
pub const CONSENTS_UNBELIEVED: usize = 16;
/// How long what was said about consent still counts for who said it when its time is over, or it has come.
pub const CONSENT_COUNTS: Duration = A_DAY;
/// Deliveries of one partner that were refused because nobody here knows their origin, and of which the line
/// is kept: of more, the number alone.
pub const UNKEPT_LINES: u64 = 1024;
/// Records that are not here and that the withdrawals of one economy name.
pub const TOMBSTONES: u64 = 16 * 1024;
/// Records that are not here and that the records of one economy replace: of more, the oldest are forgotten.
pub const SUPERSEDED: u64 = 64 * 1024;
/// Bytes of one partner's control records of kinds that this version stores and does not read, and of its
/// introductions of economies that nobody here has confirmed.
pub const UNREAD_BYTES: u64 = 4 << 20;
/// Deliveries of one record by one partner, of parts that it had brought before, of which the line of
/// its ledger is kept: of more, the number alone.
pub const REPEATS: u64 = 16;
/// How long the key of somebody of the staff stays open after it was last used: whoever gives the same
/// passphrase meanwhile need not wait for its file to be opened anew.
pub const STAFF_OPEN: Duration = Duration::from_secs(15 * 60);
/// People of the staff, those who have left included: each has grants in the keyring, which are few.
pub const STAFF: usize = 512;
/// Ceremonies of pairing that are remembered.
pub const CEREMONIES: usize = 64;
/// Parts, once for each recipient, that two agreements are compared over between two steps of the engine.
pub const COMPARED_AT_ONCE: usize = 16 * 1024;
/// Lines of a ledger that are looked at in one tick for what a partner may hold and would not get any more.
pub const OUTSTAYS_IN_A_TICK: usize = 2048;
/// How long is waited after a look, where what is allowed has changed, until the next begins.
pub const OUTSTAYS_PAUSE: Duration = Duration::from_secs(10);
/// Answers of one economy to one withdrawal. The last counts; more than so many say nothing.
pub const ANSWERS: usize = 8;
/// Of these, so many at the most before one says by itself that fewer parts stay: to refuse, and to say that nothing stays, there is
/// always room.
pub const LESSER_ANSWERS: usize = 5;
/// Withdrawals that are answered before something else is looked at.
pub const ANSWERED_AT_ONCE: usize = 64;

/// Bytes of one of the egress guard's lists.
pub const GUARD_LIST_BYTES: u64 = 16 << 20;
/// Strings, prefixes or hashes in one list.
pub const GUARD_RULES: usize = 1 << 18;
/// Regular expressions: all of them go over everything that leaves.
pub const GUARD_EXPRESSIONS: usize = 1024;
/// Bytes of memory that one expression may compile to, and all of them together.
pub const GUARD_EXPRESSION_BYTES: usize = 1 << 20;
/// See [`GUARD_EXPRESSION_BYTES`].
pub const GUARD_EXPRESSIONS_BYTES: usize = 64 << 20;
/// Rules that are named of a part that they match; one that more match is let pass by nobody.
pub const GUARD_HITS: usize = 64;
/// Bytes that a packed part may unpack to; what is larger is held.
pub const GUARD_UNPACKED: usize = 64 << 20;
/// How many times as large as it is packed it may be; what grows more is held.
pub const GUARD_RATIO: usize = 256;
/// Bytes that it may unpack to however small it is.
pub const GUARD_UNPACKED_FREELY: usize = 1 << 20;
/// Bytes of memory that bodies take, with the copies of them, while workers look at them; whoever comes
/// beyond it waits. What is unpacked, one at a time, takes three times [`GUARD_UNPACKED`] besides.
pub const GUARD_MEMORY: usize = 256 << 20;
/// Records that are examined before something else is considered for a partner.
pub const EXAMINED_AT_ONCE: usize = 1024;

/// Faults of one's own books that are named; more are counted.
pub const BOOK_FAULTS: usize = 100;

/// Random bytes before a draft's section of which the same bytes were erased before.
pub const DRAFT_SALT: usize = 16;

/// Bodies that are overwritten before something else is written to the journal.
pub const ERASED_AT_ONCE: usize = 256;

/// Records and parts that are looked at in one step of the search for what has been kept long enough.
pub const SWEPT_IN_A_STEP: usize = 2048;
/// Records of which something is erased in one such step.
pub const ERASED_IN_A_STEP: usize = 32;

/// Bytes of a record that is written into a file: in base 64 it must fit into one answer.
pub const RECORD_FILE_BYTES: u64 = 128 * 1024 * 1024;

/// Words about how far one source or record is to be believed that are held; of more, the journal has the rest.
pub const ASSESSMENTS_HELD: usize = 16;
/// Bytes of memory for what parts speak of, once they were read for it; what is beyond is read again.
pub const SUBJECTS_BYTES: usize = 64 << 20;
/// Bytes of memory for what is counted of records that speak of the same; of more is said that they are not.
pub const STATEMENTS_BYTES: usize = 64 << 20;
/// Other records, and documents of one publisher, that are named of those that speak of the same; all are
/// counted.
pub const CORROBORATING: usize = 200;
/// Vulnerabilities that are named of what records have in common; all are counted.
pub const CVES_NAMED: usize = 10;
