//! What erases, and what keeps from being erased.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_node::api::PartName;

/// Erase what is here of a record, for good, and certify it.
///
/// Without `--yes` it only shows which parts would go and who has copies. The bytes are overwritten in the files of
/// the node; what was signed, the history and the ledgers stay and verify as before. What is erased is not kept again,
/// whoever sends it, and is erased again after a restore. Copies that others have are not erased by it: of your own
/// record, `recall` asks for that.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity erase KR-26-0007 --reason \"recalled by JP\"\n  comity erase KR-26-0007 --part 2 --reason \"asked by the person\" --yes --certificate erased.json\n  comity erase KR-26-0007 --certificate erased.json\n  comity verify erased.json"
)]
pub(crate) struct Erase {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Only this part, by its number or its section; more than once
    #[arg(long = "part", value_name = "PART", requires = "reason")]
    pub(crate) parts: Vec<PartName>,
    /// Why; it stands in the certificate
    #[arg(long, value_name = "TEXT", required_unless_present = "certificate")]
    pub(crate) reason: Option<String>,
    /// Write what was erased, when and why, signed: anybody can verify it, without this node
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// Erase; without it nothing is changed
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Keep records from being erased, on legal grounds.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Keep a record: nothing of it is erased, by nobody and by no term
    #[command(
        after_help = "Example:\n  comity hold add KR-26-0007 --reason \"order 12/2026 of the district court\""
    )]
    Add(HoldArgs),
    /// List the records that are kept so, and why
    List,
    /// Let a record be erased again; its term may be over at once
    Lift(HoldArgs),
}

#[derive(Args, Debug)]
pub(crate) struct HoldArgs {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Why; kept here and sent to nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// When what is here goes by itself, and by which rule.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// For each part of a record: until when its body is kept, and by which rule
    Show {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        record: String,
    },
    /// What goes within a time from now, the first first
    #[command(after_help = "Example:\n  comity retention due --within 30d")]
    Due {
        /// Such as 30d, or "30 days"
        #[arg(long, value_name = "TIME", default_value = "30d")]
        within: String,
    },
}
