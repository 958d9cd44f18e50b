//! `comity partner`.

use clap::{Subcommand, ValueEnum};
use comity_core::assessment::Reliability;

use super::words;

/// How far we trust a partner. Ours alone: it is never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// Nothing leaves
    #[value(alias = "0")]
    Blocked,
    /// Up to CLEAR; where every new partner starts
    #[value(alias = "1")]
    Public,
    /// Up to GREEN
    #[value(alias = "2")]
    Community,
    /// Up to AMBER
    #[value(alias = "3")]
    Confidential,
    /// Up to RED
    #[value(alias = "4")]
    Restricted,
}

impl Level {
    /// 0 to 4.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Blocked => 0,
            Self::Public => 1,
            Self::Community => 2,
            Self::Confidential => 3,
            Self::Restricted => 4,
        }
    }
}

/// What becomes of what a partner brings. Ours alone: it is never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Intake {
    /// Taken in
    Accept,
    /// In quarantine until a person decides
    Review,
    /// Not taken
    Refuse,
}

impl Intake {
    /// As the node calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::Refuse => "refuse",
        }
    }
}

/// Kinds of records with content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ContentKind {
    /// What is wrong, and what to do about it
    Advisory,
    /// Something that happened to somebody
    Incident,
    /// What was seen: addresses, files, names
    Sightings,
    /// A question to somebody
    Request,
    /// The answer to one
    Response,
    /// Anything else that people write
    Note,
}

impl ContentKind {
    /// As the node calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::Incident => "incident",
            Self::Sightings => "sightings",
            Self::Request => "request",
            Self::Response => "response",
            Self::Note => "note",
        }
    }
}

/// Pair with other economies, and say how far you trust them.
#[derive(Debug, Subcommand)]
pub(crate) enum PartnerCommand {
    /// Make a ticket for a partner, good for one pairing
    #[command(
        long_about = "Make a ticket for a partner, good for one pairing within 24 hours.\n\nSend the line that this prints to the other operator, encrypted: whoever has it may try to pair in their place, once. The other side runs `comity partner join`. Then phone each other: each screen shows six digits of its own, and each of you types, with `comity partner verify NAME`, the six that the other reads aloud.",
        after_help = "Examples:\n  comity partner invite --as JP\n  comity partner invite --list\n  comity partner invite --cancel JP\n\nAn open invitation survives a restart of the node. Another for the same name takes its place."
    )]
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Invite {
        /// What you call the partner; for your screens only
        #[arg(long = "as", value_name = "NAME", group = "what")]
        name: Option<String>,
        /// List the invitations that are open
        #[arg(long, group = "what")]
        list: bool,
        /// Take an invitation back
        #[arg(long, value_name = "NAME", group = "what")]
        cancel: Option<String>,
    },
    /// Use the ticket that a partner sent you
    #[command(
        after_help = "Example:\n  comity partner join --as KR comity-pair-...\n\nWithout TICKET it is asked for, or read from standard input; it may be broken into lines."
    )]
    Join {
        /// The line that the other operator sent
        #[arg(value_name = "TICKET")]
        ticket: Vec<String>,
        /// What you call the partner; for your screens only
        #[arg(long = "as", value_name = "NAME")]
        name: String,
    },
    /// Type the six digits that the other operator reads aloud
    #[command(
        long_about = "Type the six digits that the other operator reads aloud.\n\nPhone the person you know, on a number you know. Read them the six digits on your screen; type the six on theirs. If they differ, somebody is in between: the ticket is burnt and nothing is paired. The digits are asked for on a terminal, and elsewhere read from standard input.\n\nThe command waits until the other operator has typed yours as well, up to 15 minutes; run again, it goes on where it was. --show does not wait."
    )]
    Verify {
        /// What you call the partner
        name: String,
        /// Only show our six digits, and how far the pairing is
        #[arg(long)]
        show: bool,
    },
    /// Tell one partner who another is, so that it can verify that one's records
    #[command(after_help = "Example:\n  comity partner introduce JP --to FJ")]
    Introduce {
        /// The partner to introduce
        name: String,
        /// The partner that is told
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Only say what it would do; sign and send nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Accept an introduction that a partner made
    #[command(
        long_about = "Accept an introduction that a partner made.\n\nFrom then on records of that economy, arriving through partners, are verified and shown as `introduced by` the partner. It gets nothing from you: for that, pair with it."
    )]
    Confirm {
        /// The introduction by its reference, or the economy by its name there or the front of its id
        name: String,
        /// What you call the economy [default: as the introduction calls it]
        #[arg(long = "as", value_name = "NAME")]
        called: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Set an introduction aside that you do not believe
    Dismiss {
        /// The economy, as the introduction calls it or by the front of its id
        name: String,
    },
    /// List partners: standing, trust, agreements, link
    List,
    /// Show one partner: identity, keys, agreements, what is waiting
    Show {
        /// What you call the partner
        name: String,
    },
    /// Lay out what is known of a partner, for whoever changes how far it is trusted
    #[command(
        long_about = "Lay out what is known of a partner, for whoever changes how far it is trusted.\n\nDeliveries, refusals, receipts and how long they took, withdrawals, its clock, its keys, agreements and their dates, what was kept back. All of it are facts of this node's journal; what that has nothing about is named at the end."
    )]
    Review {
        /// What you call the partner
        name: String,
    },
    /// Reach a partner and measure how long it takes
    #[command(
        long_about = "Reach a partner and measure how long it takes.\n\nA question goes over the link to the partner's node, which answers it: `node` is the time from one to the other, through both nodes. `path`, `traffic` and `lost` are what the transport has measured since the link connected. The answer carries the partner's time: `clock` says by how much it differs from ours.",
        after_help = "Example:\n  comity partner ping JP --count 10"
    )]
    Ping {
        /// What you call the partner
        name: String,
        /// Questions, one after the other
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=1000))]
        count: u16,
    },
    /// Set how far you trust a partner
    #[command(
        long_about = "Set how far you trust a partner.\n\nA ceiling of your own beside the agreement; it is never sent. A new partner is at `public`.\n\nA higher level sends at once what had been held back. Where that is anything, it is shown and you are asked first. A lower level takes nothing back of what went.",
        after_help = "Examples:\n  comity partner level JP restricted --dry-run\n  comity partner level JP restricted"
    )]
    Level {
        /// What you call the partner
        name: String,
        /// How far
        level: Level,
        /// Show what would go from then on, and what no more; change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say what is taken in from a partner: everything, after a look, or nothing
    #[command(
        long_about = "Say what is taken in from a partner: everything, after a look, or nothing.\n\n`accept` takes its records in; every new partner starts there. `review` takes them in, acknowledges them as always, and keeps them in quarantine until somebody decides (`comity quarantine`). `refuse` does not take them: the partner hears that its delivery was refused, as of an author who may not sign such a record, and no more.\n\nIt holds for what the partner brings and for what it has signed, whoever brings that. What takes back, revokes or ends (withdrawals, keyrings, agreements and their like) is always taken. What came before stays as it is.",
        after_help = "Examples:\n  comity partner intake JP review\n  comity partner intake JP review --kind sightings --kind note\n  comity partner intake JP accept --kind advisory"
    )]
    Intake {
        /// What you call the partner
        name: String,
        /// What becomes of what it brings
        rule: Intake,
        /// Only for this kind; may be given several times
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<ContentKind>,
    },
    /// Say how reliable a partner is as a source, A to F; nothing is decided by it
    #[command(
        long_about = "Say how reliable a partner is as a source; nothing is decided by it.\n\nA completely reliable, B usually, C fairly, D not usually reliable, E unreliable, F cannot be judged. It is said of what the partner signs, whoever brings that, and also of an economy that was only introduced to you. Who said so, when and why stays; a later word counts. It is yours alone and never sent; what goes to a partner is said with `comity partner level`, what is taken from it with `comity partner intake`.",
        after_help = "Examples:\n  comity partner reliability JP B --reason \"right about each of the last ten\"\n  comity partner reliability JP F --reason \"new people there: wait and see\""
    )]
    Reliability {
        /// What you call the partner
        name: String,
        /// The grade
        #[arg(value_parser = words::reliability)]
        grade: Reliability,
        /// Why; kept here and sent to nobody
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who says so [default: who is logged in]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Say where a partner is to be reached, instead of what its ticket said
    Reach {
        /// What you call the partner
        name: String,
        /// Host or address, and UDP port
        #[arg(value_name = "HOST:PORT", required = true)]
        addresses: Vec<String>,
    },
    /// Stop sending to and taking from a partner, for a while
    #[command(
        long_about = "Stop sending to and taking from a partner, for a while.\n\nIts link closes at once. What it signed still comes through others, and counts as before: `partner intake NAME review` keeps that for a person. What others have of yours they may pass on to it as far as its marking lets them."
    )]
    Suspend {
        /// What you call the partner
        name: String,
    },
    /// Take up a suspended partner again
    #[command(
        long_about = "Take up a suspended partner again.\n\nWhat waited for it goes at once. What of that is content is shown before, and asked about.",
        after_help = "Example:\n  comity partner resume JP --dry-run"
    )]
    Resume {
        /// What you call the partner
        name: String,
        /// Show what would go; change nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// End a pairing
    #[command(
        long_about = "End a pairing.\n\nIts link closes at once and nothing more is sent or taken. What it received stays in the books. To come back it must be paired anew. An economy that was only introduced is no longer believed."
    )]
    Remove {
        /// What you call the partner
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}
