//! Commands about the egress guard.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_node::api::PartName;

/// See what your own lists hold back, and let a part pass.
#[derive(Debug, Subcommand)]
pub(crate) enum GuardCommand {
    /// List the parts that are held and why, and those that somebody let pass
    List,
    /// Say what would hold a file back if it were sent
    #[command(
        long_about = "Say what would hold a file back if it were sent.\n\nThe file is looked at as if it were a part of a record: as it is and, where it is packed with gzip, unpacked. Named are the lists and lines that match it, never what they look for. Exit code 1 if anything does.",
        after_help = "Example:\n  comity guard check report.txt"
    )]
    Check {
        /// The file; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Let a part go although lists match it
    #[command(
        long_about = "Let a part go although lists match it.\n\nThe decision holds for the rules that match the part now, wherever they stand; a rule that is added later holds it again. Everything else that keeps the part keeps it still.",
        after_help = "Example:\n  comity guard release KR-26-0007 --part 2 --reason \"the name is public since Monday\""
    )]
    Release(GuardRuling),
    /// Hold a part again that somebody let pass
    Hold(GuardRuling),
    /// Read the lists anew, and look with them at everything that has not left
    #[command(
        long_about = "Read the lists anew, and look with them at everything that has not left.\n\nA running node does the same when it gets the signal HUP. Where a list cannot be read, or a line of it is no rule, the lists stay as they were."
    )]
    Reload,
}

/// A decision about a part.
#[derive(Args, Debug)]
pub(crate) struct GuardRuling {
    /// The record's reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// The part: its number, as `comity guard list` shows it, or its section
    #[arg(long, value_name = "PART")]
    pub(crate) part: PartName,
    /// Why; kept here with the decision and sent to nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who decides [default: who is logged in]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
