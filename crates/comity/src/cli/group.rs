//! `comity group`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

/// Found, join, keep and leave groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Found a group under a charter
    #[command(
        long_about = "Found a group under a charter.\n\nFILE holds the charter; examples/groups has one to start from. Its founders are written as this node calls them. Each gets the charter and joins by `comity group apply`; this economy is the first member and keeps the roster.",
        after_help = "Example:\n  comity group found examples/groups/charter.toml --dry-run"
    )]
    Found {
        /// The charter, in TOML
        file: PathBuf,
        /// Found it although a group of that name is here
        #[arg(long)]
        again: bool,
        /// Sign nothing: show who would get it
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the charter to an economy, which may then apply
    Invite(About),
    /// Ask to be a member
    #[command(
        long_about = "Ask to be a member.\n\nThe charter's criteria are answered in their order, one --answer each. Founders are admitted on their word; others need sponsors.",
        after_help = "Example:\n  comity group apply KR-26-0004 --answer \"The Act of 2019, section 4\" --answer \"The duty officer, by phone\" --affiliation FIRST"
    )]
    Apply {
        /// Its name, the reference of its charter, or the front of its id
        #[arg(value_name = "GROUP")]
        group: String,
        /// The answer to a criterion; once for each, in the charter's order
        #[arg(long, value_name = "TEXT")]
        answer: Vec<String>,
        /// What this economy belongs to, such as FIRST or APCERT
        #[arg(long, value_name = "NAME")]
        affiliation: Vec<String>,
        /// Apply although an application of ours is open
        #[arg(long)]
        again: bool,
        /// Sign nothing: show who would get it
        #[arg(long)]
        dry_run: bool,
    },
    /// Speak for an applicant
    Sponsor(About),
    /// Put an applicant into the roster, with its sponsors; for the secretariat
    Admit(About),
    /// Want a member out; the secretariat puts it into the roster
    #[command(
        long_about = "Want a member out; the secretariat puts it into the roster.\n\nThe charter says who may remove and how many it takes. Where they are enough, the secretariat's own command also signs the roster without the member; from then on it gets nothing that is addressed to the group. A member's own word to leave suffices: the secretariat answers it with this command."
    )]
    Remove {
        #[command(flatten)]
        about: About,
        /// Why, for the other members
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// After a power cut: you know that no later roster was lost
        #[arg(long)]
        anyway: bool,
    },
    /// Leave a group
    #[command(
        long_about = "Leave a group.\n\nA member's own word suffices; the secretariat then signs the roster without it (`comity group remove`). The secretariat hands its role over first; where nobody else is in the group, its word closes the group, and the name may be used again."
    )]
    Leave {
        /// Its name, the reference of its charter, or the front of its id
        #[arg(value_name = "GROUP")]
        group: String,
        /// Why, for the other members
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Sign nothing: show who would get it
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what the members belong to (FIRST, APCERT, ...), or say it anew
    #[command(
        long_about = "Show what the members belong to (FIRST, APCERT, ...), or say it anew.\n\nAn applicant says it in its application. Later the secretariat says it anew in the next roster: --of names the member, and what is given replaces what was there.",
        after_help = "Examples:\n  comity group affiliations \"Sample Islands Exchange\"\n  comity group affiliations \"Sample Islands Exchange\" --of JP --affiliation FIRST --affiliation APCERT"
    )]
    Affiliations(Affiliations),
    /// Show the rosters of a group from its charter on
    #[command(
        long_about = "Show the rosters of a group from its charter on.\n\nA running node confirms the roster that it keeps once a day by itself; 14 days after the last word nothing more goes to the group."
    )]
    Roster {
        /// Its name, the reference of its charter, or the front of its id
        #[arg(value_name = "GROUP")]
        group: String,
        /// Say now that the last roster is the last one; for the secretariat
        #[arg(long)]
        confirm: bool,
        /// After a power cut: you know that no later roster was lost
        #[arg(long, requires = "confirm")]
        anyway: bool,
        /// Only tell who would get it; sign nothing
        #[arg(long, requires = "confirm")]
        dry_run: bool,
    },
    /// List groups: how we stand in each, and until when its roster is confirmed
    List,
    /// Show a group: its charter, its members, and what is under way
    Show {
        /// Its name, the reference of its charter, or the front of its id
        #[arg(value_name = "GROUP")]
        group: String,
    },
    /// Hand the secretariat over to a member, or say that this economy would keep it
    #[command(
        long_about = "Hand the secretariat over to a member, or say that this economy would keep it.\n\nBoth sign: first the member says with --accept that it would, then the secretariat hands over with --to, by the next roster. Until then it may sign another one instead, and what the member said is void."
    )]
    HandOver {
        /// Its name, the reference of its charter, or the front of its id
        #[arg(value_name = "GROUP")]
        group: String,
        /// The member
        #[arg(long, value_name = "NAME", required_unless_present = "accept")]
        to: Option<String>,
        /// Say that this economy would keep the roster
        #[arg(long, conflicts_with = "to")]
        accept: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Sign nothing: show who would get it
        #[arg(long)]
        dry_run: bool,
    },
}

/// What members belong to.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("change").args(["affiliation", "none"]).requires("of")))]
pub(crate) struct Affiliations {
    /// Its name, the reference of its charter, or the front of its id
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// The member of whom it is said anew; for the secretariat
    #[arg(long, value_name = "NAME", requires = "change")]
    pub(crate) of: Option<String>,
    /// What it belongs to; once for each
    #[arg(long, value_name = "NAME")]
    pub(crate) affiliation: Vec<String>,
    /// It belongs to nothing any more
    #[arg(long)]
    pub(crate) none: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Sign nothing: show who would get it
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A group and an economy.
#[derive(Args, Debug)]
pub(crate) struct About {
    /// Its name, the reference of its charter, or the front of its id
    #[arg(value_name = "GROUP")]
    pub(crate) group: String,
    /// The economy
    #[arg(value_name = "NAME")]
    pub(crate) economy: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Sign nothing: show who would get it
    #[arg(long)]
    pub(crate) dry_run: bool,
}
