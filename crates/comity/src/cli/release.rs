//! Commands of whoever breaks the glass, and of the second person.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Emergency releases.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseCommand {
    Emergency(ReleaseEmergency),
    Confirm(ReleaseConfirm),
    /// List emergency releases: to whom, by whom, and how they stand
    List,
}

/// Break the glass: send one record of your own to one partner now, whatever agreements and trust say.
///
/// It stands in for a permission that is missing (no agreement, one that has ended or does not reach so far, too
/// little trust, a second person's yes), for this record, this partner and 24 hours. It passes nothing that
/// forbids: a suspended or blocked partner, TLP:RED without a named person, what an agreement prohibits, personal
/// data without a legal basis, other economies' records. It is signed with the emergency key, whose passphrase is
/// asked for. Unless a second person confirms it within 12 hours, this node recalls the record from that partner by
/// itself. Shows first what the partner would get by it, and asks.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity --staff kim release emergency KR-26-0412 --to JP --reason \"the same ransomware runs in their hospitals\" --dry-run\n  comity --staff lee release confirm KR-26-C007"
)]
pub(crate) struct ReleaseEmergency {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// The partner
    #[arg(long, value_name = "PARTNER")]
    pub(crate) to: String,
    /// Why, one line; kept here and sent to nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Show which parts the partner would get by it; sign nothing. Needs no key
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read the passphrase of the emergency key from the first line of FILE; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) key_passphrase_file: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Confirm an emergency release as the second person, or refuse it.
///
/// Somebody in the role `approver` who neither broke the glass nor signed the record. A confirmed release ends after
/// its 24 hours, and the partner keeps what it got. A refused one is recalled from the partner at once. The first
/// word stands. Where the record waits for an approval, it still does, for everybody else.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity --staff lee release confirm KR-26-C007 --note \"spoke with kim\"\n  comity --staff lee release confirm KR-26-C007 --refuse --reason \"the wrong partner\""
)]
pub(crate) struct ReleaseConfirm {
    /// The release, as `comity release list` shows it; or its record, where one release of it waits
    #[arg(value_name = "REFERENCE")]
    pub(crate) release: String,
    /// Show what it is about; sign nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// What you say about it, one line; kept here and sent to nobody
    #[arg(long, value_name = "TEXT", conflicts_with = "refuse")]
    pub(crate) note: Option<String>,
    /// Say no: it is recalled from the partner at once
    #[arg(long, requires = "reason", conflicts_with = "dry_run")]
    pub(crate) refuse: bool,
    /// Why not, one line, for whoever broke the glass
    #[arg(long, value_name = "TEXT", requires = "refuse")]
    pub(crate) reason: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
