//! Commands of whoever says the second yes.

use clap::Args;

/// Say the second yes, or no, to a record that waits for one.
///
/// What `approval` in comity.toml names leaves only once a second person of the staff has approved
/// it: somebody in the role `approver`, with another key than the one that signed the record. This shows who
/// gets which part then, asks, and signs the word with your key. The first word stands: what was refused
/// never leaves, and what was approved is taken back as every record is, by `withdraw` or `recall`. The word
/// itself stays here; partners see who signed the record, and not that somebody approved it.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity --staff lee approve KR-26-0412 --dry-run\n  comity --staff lee approve KR-26-0412 --note \"checked with the court\"\n  comity --staff lee approve KR-26-0412 --refuse --reason \"names a victim\""
)]
pub(crate) struct Approve {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Show who would get which part, and why not; sign nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What you say about it, one line; kept here and sent to nobody
    #[arg(long, value_name = "TEXT", conflicts_with = "refuse")]
    pub(crate) note: Option<String>,
    /// Say no: it never leaves
    #[arg(long, requires = "reason", conflicts_with = "dry_run")]
    pub(crate) refuse: bool,
    /// Why not, one line, for whoever signed it
    #[arg(long, value_name = "TEXT", requires = "refuse")]
    pub(crate) reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
