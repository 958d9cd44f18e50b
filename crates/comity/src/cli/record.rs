//! Commands about records.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_core::{Kind, Means, RecallReason, RefusalReason, Timestamp, Tlp};
use comity_node::api::PartName;
use jiff::tz::TimeZone;

use super::{ReadsArgs, words};

/// Sign a record and let it go to whoever may have it.
///
/// SOURCE is a file that describes a record, or a draft that `comity import` made. It is signed with your
/// analyst's key and then goes to every partner that may have it, part by part. `--dry-run` shows who would get
/// what and signs nothing.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity publish examples/records/advisory.toml --dry-run\n  comity publish KR-D-0003 --tlp green"
)]
pub(crate) struct Publish {
    /// A file, or the reference of a draft
    #[arg(value_name = "SOURCE")]
    pub(crate) source: String,
    /// Mark it so: clear, green, amber, amber+strict or red
    #[arg(long, value_name = "TLP", value_parser = words::tlp)]
    pub(crate) tlp: Option<Tlp>,
    /// Show who would get which part, and why not; sign nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Read advisories or observations into unsigned drafts; nothing leaves.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// CSAF 2.0 advisories (JSON, or JSON in gzip)
    #[command(
        after_help = "Example:\n  comity import csaf examples/data/csaf/*.json\n\nA file that is no CSAF 2.0 document is named with the reason, and the others are taken; the exit code is 65 then.\n\nA document of somebody else without a TLP label is kept as AMBER+STRICT: it cannot be sent until a person marks it."
    )]
    Csaf {
        /// Files; `-` is standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// IntelMQ events, one JSON object a line (also in gzip)
    #[command(
        long_about = "IntelMQ events, one JSON object a line (also in gzip).\n\nRows are cut by the economy that they belong to, so that each gets its own and nobody else's. The country code of a row, or a table of prefixes, is looked up in your own table of routes; rows that belong to nobody in it are listed and stay, and so are rows whose address is none or whose time has no zone. Of its columns the fields of IntelMQ go, without those that name people or hold free text, and the others that the table names. URLs go without user, password and query.",
        after_help = "Example:\n  comity import intelmq feed.jsonl.gz --routes routes.toml --routes prefixes.csv"
    )]
    Intelmq {
        /// Files; `-` is standard input
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Your table from country codes to economies (.toml), or a table from prefixes to country codes (.csv,
        /// .csv.gz); may be given several times [default: routes.toml in the data folder]
        #[arg(long, value_name = "FILE")]
        routes: Vec<PathBuf>,
        /// The zone of times that name none, such as UTC, Asia/Seoul or +09:00; without it such a row is not taken
        #[arg(long, value_name = "ZONE", value_parser = words::zone)]
        zone: Option<TimeZone>,
        /// Mark it so: clear, green, amber, amber+strict or red
        #[arg(long, value_name = "TLP", value_parser = words::tlp)]
        tlp: Option<Tlp>,
    },
}

/// Take back what was just published, before anybody is told.
///
/// What is not urgent waits for a while before it goes, a minute unless the configuration says otherwise
/// (`publish.unsend-for`); until then it can be unsent, and nobody learns that it ever was. Later, or when it was
/// urgent, `withdraw` and `recall` take it back.
#[derive(Args, Debug)]
pub(crate) struct Unsend {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
}

/// Embargoes of your own records.
#[derive(Debug, Subcommand)]
pub(crate) enum EmbargoCommand {
    /// Lift an embargo before its time
    #[command(
        long_about = "Lift an embargo before its time.\n\nAn embargo is in what was signed, and so is a time of release, which `--release` lifts instead. So the record is signed once more without it, and takes the place of the one that has it: contents, markings and addressees are the same. It goes as everything that is published: what is not urgent can be unsent for a while, and then the embargo holds again.",
        after_help = "Example:\n  comity embargo lift KR-26-0004"
    )]
    Lift {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        record: String,
        /// Lift its time of release instead: it goes now, and an embargo holds on
        #[arg(long)]
        release: bool,
        /// Show who would get which part, and why not; sign nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Take a record back: it was wrong.
///
/// Everyone who may hold any part of it is told, also past the end of an agreement. It never comes back as live.
#[derive(Args, Debug)]
pub(crate) struct Withdraw {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Only say what it would do; sign and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Ask everyone who may hold a record to destroy it, and to answer.
///
/// A recall is a withdrawal that asks for more: as with `withdraw`, everyone who may hold any part is told, also past the
/// end of an agreement, and nobody passes it on any more. Besides, each partner is asked to destroy what it holds, and
/// answers; `comity audit who` shows the answers. The reason is one of a few: whoever may hold a part is told of it, so it
/// says nothing about the record.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  comity recall KR-26-0002 --reason sent-in-error\n  comity audit who KR-26-0002\n  comity recall list\n  comity recall refuse KR-26-0007 --reason order --text \"until the trial is over\""
)]
pub(crate) struct Recall {
    #[command(subcommand)]
    pub(crate) command: Option<RecallCommand>,
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE", required = true)]
    pub(crate) record: Option<String>,
    /// Why: sent-in-error, agreement, law, personal-data, source or other
    #[arg(long, value_name = "WHY", required = true, value_parser = words::recall_reason)]
    pub(crate) reason: Option<RecallReason>,
    /// Only say what it would do; sign and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What others recall.
#[derive(Debug, Subcommand)]
pub(crate) enum RecallCommand {
    /// List what others have recalled, why, and what was answered
    List,
    /// List what a partner may hold of yours and would not get any more
    ///
    /// After an agreement has ended or was narrowed, or a level was lowered: nothing more goes, but what went stays
    /// where it is until it is recalled.
    Due {
        /// What you call the partner
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Keep what was recalled, and tell its origin why
    ///
    /// It stays withdrawn all the same: nobody gets it from here.
    #[command(
        after_help = "Example:\n  comity recall refuse KR-26-0007 --reason order --text \"until the trial is over\""
    )]
    Refuse {
        /// The reference of the recall or of what it recalls
        #[arg(value_name = "REFERENCE")]
        record: String,
        /// Why: law, order, investigation, agreement or other
        #[arg(long, value_name = "WHY", value_parser = words::refusal_reason)]
        reason: RefusalReason,
        /// The same in your own words, one line; only its origin is told
        #[arg(long, value_name = "TEXT")]
        text: Option<String>,
        /// Only say what it would do; sign and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// List records.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity list --kind advisory --since 2026-11-01T00:00:00Z\n  comity list --drafts"
)]
pub(crate) struct List {
    /// Only of this kind, such as advisory or incident
    #[arg(long, value_name = "KIND", value_parser = words::kind)]
    pub(crate) kind: Option<Kind>,
    /// Only from this partner; `us` for our own
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Only what came since then, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) since: Option<Timestamp>,
    /// Unsigned drafts instead of records
    #[arg(long, conflicts_with_all = ["kind", "from", "since", "waiting", "control"])]
    pub(crate) drafts: bool,
    /// Only those that wait: for a key that is in transit, or for a person
    #[arg(long)]
    pub(crate) waiting: bool,
    /// Agreements, keyrings, withdrawals and their like as well
    #[arg(long)]
    pub(crate) control: bool,
    /// How many at most, the newest first; 0 for all
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(crate) limit: usize,
}

/// Show a record: what it says, what you hold of it, where it comes from.
///
/// A draft is shown with the parts that it would have, so that it is read before it is signed. With `--out`, the
/// parts of a record that you may see go into a file too, except what is RED. What its readers take on stands beside it, in
/// FILE.terms, and that it left is in the books: `audit who` lists it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity show KR-D-0001 --full\n  comity show KR-26-0002 --out incident.record\n  comity verify incident.record"
)]
pub(crate) struct Show {
    /// The reference of a record or a draft, or the front of an id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Whole texts, however long, and what machines read
    #[arg(long)]
    pub(crate) full: bool,
    /// Write the signed record and its parts as well: anybody can verify that file, without this node
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Who reads the file, `constituents` or `public`: only what they may have goes into it
    #[arg(long = "for", value_name = "WHOM", requires = "out")]
    pub(crate) readers: Option<String>,
    /// Only this part goes into the file, by its number or its section; more than once
    #[arg(long = "part", value_name = "PART", requires = "out")]
    pub(crate) parts: Vec<PartName>,
}

/// Say who would get a record or a draft, part by part, and why.
///
/// This asks the function that decides when records are sent. Without a partner it shows every part beside every
/// partner; with one it names each rule that holds a part back, the article of the agreement that the rule comes from,
/// and the smallest sets of changes that would turn the answer. Each of those was tried: the function was asked again
/// with the changes made.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity explain KR-26-0002\n  comity explain KR-26-0002 --part 3\n  comity explain KR-26-0002 --to FJ --part 3\n  comity explain KR-26-0002 --to FJ --at 2026-11-01T09:00:00Z\n  comity explain KR-26-0002 --to constituents"
)]
pub(crate) struct Explain {
    /// The reference of a record or a draft, or the front of an id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Only this partner, with the rules that keep something back and what would change it; or `constituents` or `public`
    #[arg(long, value_name = "NAME")]
    pub(crate) to: Option<String>,
    /// Only this part, by its number or its section, with the rules that keep it back from whoever does not get it
    #[arg(long, value_name = "PART")]
    pub(crate) part: Option<PartName>,
    /// As it was decided then, with what was known then, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) at: Option<Timestamp>,
    /// Also the rules that let it pass, and the parts that only name recipients
    #[arg(long, requires = "to")]
    pub(crate) all: bool,
}

/// Follow what arrives and what goes, as it happens.
///
/// Ctrl-C ends it. With `--json`, one object a line.
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Only what comes from or goes to this partner
    #[arg(long, value_name = "NAME")]
    pub(crate) partner: Option<String>,
}

/// Answer "who did we tell?"
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Who received which parts of a record, when, and what they signed for
    #[command(
        long_about = "Who received which parts of a record, when, and what they signed for.\n\nWith `--value` or `--file` instead of a reference: every record here of which a part has it, and who received such a part. With `--case`: every record of which a part of section `case` names the case, and who received anything of it. A value is found as a word of its own: 10.1.2.3 is not in 10.1.2.34, and example.org is in www.example.org. A file is a part's whole content; one whose name ends in .gz is looked for as it is, and unpacked. What may not be shown here is not looked at.",
        after_help = "Examples:\n  comity audit who KR-26-0002 --out who.json\n  comity verify who.json\n  comity audit who KR-26-0002 --html who.html\n  comity audit who --value 192.0.2.7\n  comity audit who --case CASE-2026-17\n  comity audit who --file advisory.json"
    )]
    Who {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE", required_unless_present_any = ["file", "value", "case"])]
        record: Option<String>,
        /// An address, a name, a number that was told
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["record", "file"])]
        value: Option<String>,
        /// A case, as its number or name stands in the parts of section `case`
        #[arg(long, value_name = "TEXT", conflicts_with_all = ["record", "file", "value"])]
        case: Option<String>,
        /// A file that was told
        #[arg(long, value_name = "FILE", conflicts_with = "record")]
        file: Option<PathBuf>,
        /// Write the proof as well: anybody can verify it, without this node
        #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "value", "case"])]
        out: Option<PathBuf>,
        /// Write a page to read and print as well
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// What the record is called stands on that page though not all of it is TLP:CLEAR, or something of it waits; and so does the value, the case or the file that was looked for
        #[arg(long, requires = "html")]
        titles: bool,
    },
    /// Keep that somebody was told of a record by other means
    ///
    /// `audit who` then shows it beside the deliveries. It is what people say, and proves nothing; a file for others
    /// (`audit who --out`) does not have it. What was entered wrongly is taken back with `--wrong`, and stays to be read.
    #[command(
        after_help = "Examples:\n  comity audit told KR-26-0002 --to \"Example Bank\" --by phone --section summary\n  comity audit told KR-26-0002 --wrong 1 --reason \"it was KR-26-0003\""
    )]
    Told(AuditTold),
    /// Everything that one partner was told
    #[command(after_help = "Example:\n  comity audit partner JP --since 2026-11-01T00:00:00Z")]
    Partner {
        /// Its name, or the front of its id
        #[arg(value_name = "NAME")]
        partner: String,
        /// Only what was decided since then, such as 2026-11-01T00:00:00Z
        #[arg(long, value_name = "TIME", value_parser = words::instant)]
        since: Option<Timestamp>,
        /// Agreements, keyrings and other words of control as well
        #[arg(long)]
        control: bool,
    },
    /// Who of the staff was shown content above TLP:GREEN, and when
    Reads(ReadsArgs),
    /// Write everything that happened in a time into a signed file: a line of JSON for each event
    #[command(
        long_about = "Write everything that happened in a time into a signed file: a line of JSON for each event.\n\nWhat was signed, sent, received, confirmed, refused, withdrawn, told outside, decided, read, and what changed about partners and agreements, by ids and digests, in the order of the journal. No content is in it, no reason that a person gave, and no title of what is marked above GREEN. Whoever has your keyring verifies the file, and finds the first line that was changed.",
        after_help = "Examples:\n  comity audit export --out 2026-11.jsonl --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z\n  comity audit export --out jp.jsonl --partner JP --keyring kr.keyring\n  comity audit verify --file 2026-11.jsonl"
    )]
    Export(AuditExport),
    /// Verify your own books, or an exported file
    #[command(
        long_about = "Verify your own books, or an exported file.\n\nWithout `--file`: that each entry of the journal follows from the one before, that every record's signature holds, and that every receipt of a partner is signed and over the ledger that is here. `comity store verify` reads the parts' bytes as well.\n\nWith `--file`: that the file is what its economy wrote, by the keyring that this node holds of it, or by `--keyring`, which needs no node. The first line that is not what was written is named. Exit code 65 if anything is not.",
        after_help = "Examples:\n  comity audit verify\n  comity audit verify --file 2026-11.jsonl --from JP\n  comity audit verify --file 2026-11.jsonl --keyring jp.keyring"
    )]
    Verify(AuditVerify),
}

#[derive(Args, Debug)]
pub(crate) struct AuditExport {
    /// File to write; must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Only what happened from then on, such as 2026-11-01T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) since: Option<Timestamp>,
    /// Only what happened before then
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) until: Option<Timestamp>,
    /// Only what concerns this partner: its name, or the front of its id
    #[arg(long, value_name = "NAME")]
    pub(crate) partner: Option<String>,
    /// What records are called up to TLP:GREEN; without it only of those of which all is TLP:CLEAR
    #[arg(long)]
    pub(crate) titles: bool,
    /// Write your keyring as well, for whoever has none of yours; must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AuditVerify {
    /// What `audit export` wrote; your own books unless given
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Whose it must be: a partner's name, or the front of its id
    #[arg(long, value_name = "NAME", requires = "file", conflicts_with = "keyring")]
    pub(crate) from: Option<String>,
    /// The economy's keyring; no node is asked then
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) keyring: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct AuditTold {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Who was told
    #[arg(long, value_name = "TEXT", required_unless_present = "wrong")]
    pub(crate) to: Option<String>,
    /// How: phone, mail, chat, meeting, paper or other
    #[arg(long, value_name = "MEANS", value_parser = words::means, required_unless_present = "wrong")]
    pub(crate) by: Option<Means>,
    /// What was told, such as summary; all that is here unless given
    #[arg(long = "section", value_name = "SECTION")]
    pub(crate) sections: Vec<String>,
    /// When, such as 2026-11-20T09:00:00Z; now unless given
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) at: Option<Timestamp>,
    /// Who told them
    #[arg(long, value_name = "TEXT")]
    pub(crate) teller: Option<String>,
    /// Anything else
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// The number of what was entered wrongly
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "reason",
        conflicts_with_all = ["to", "by", "sections", "at", "teller", "note"]
    )]
    pub(crate) wrong: Option<u64>,
    /// Why it was wrong
    #[arg(long, value_name = "TEXT", requires = "wrong")]
    pub(crate) reason: Option<String>,
}

/// Verify a file offline: a record, its parts, the file of an audit.
///
/// Needs no node, no keys and no network. A record file is the signed record, followed by any of its parts. It is
/// verified that its author signed it and that the parts belong to it; whether that key was entitled to speak for
/// its economy is for a node to say, which knows the economy. A file of conformance vectors is verified against
/// what it expects. Exit code 65 if anything does not verify.
///
/// What an economy's link key signed (the file of an audit, a certificate of erasure) brings along the keyring of
/// its time, by which alone a key that was stolen since looks sound: its thief can date back what it signs. So name a
/// newer keyring (--keyring), or a node that holds one (--data): what a key signed that any of them declares stolen
/// is refused.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity verify who.json --keyring kr.keyring\n  comity --data ~/comity verify who.json\n  comity verify incident.record"
)]
pub(crate) struct Verify {
    /// Files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// A keyring of the economy that signed, or of a partner whose receipt is in it, as `audit export --keyring` writes it; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) keyring: Vec<PathBuf>,
}
