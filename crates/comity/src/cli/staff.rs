//! Commands about the people of the node.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_core::staff::StaffRole;
use comity_core::{Kind, Tlp};

use super::words;

/// Say who works at this node, and what each of them may do.
#[derive(Debug, Subcommand)]
pub(crate) enum StaffCommand {
    Add(StaffAdd),
    /// List who works here: roles, keys, and up to which marking each signs
    List,
    /// End somebody's work here: the key is revoked from now on
    #[command(
        long_about = "End somebody's work here: the key is revoked from now on.\n\nWhat the person signed before stays with whoever had it from you; whoever first sees it later, through others, sets it aside until you affirm it (comity key affirm). The root key must be at hand, and its passphrase is asked for. Is a key stolen, `comity key revoke KEY --compromised` says since when as well."
    )]
    Leave {
        /// Who leaves
        #[arg(value_name = "NAME")]
        name: String,
        /// Only show what it would leave in doubt
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say whose a key is that nobody here is known to hold, and end it
    #[command(
        long_about = "Say whose a key is that nobody here is known to hold, and end it.\n\nAfter a restore, the keyring that partners give back may grant keys to people who joined after the backup. `comity staff list` shows them. Until somebody says whose such a key was, nobody can be a second person for what was signed with it. The key is revoked from now on, as when its holder leaves; the person joins anew with `comity staff add NAME`. The root key must be at hand, and its passphrase is asked for."
    )]
    Recognise {
        /// The key: the front of its id
        #[arg(value_name = "KEY")]
        key: String,
        /// Whose it is, or was
        #[arg(value_name = "NAME")]
        name: String,
        /// Only show what it would do
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Let somebody work here, with a key of their own.
///
/// The root signs the new key, so its key must be at hand, and its passphrase is asked for. The person types a
/// passphrase that opens the new key; from then on, with --staff NAME, records carry that person's signature. Once
/// somebody is of the staff, whoever asks the node for more than how it is says who they are.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  comity staff add kim --role analyst --up-to green\n  comity staff add lee --role liaison --role operator\n  comity staff add max --role analyst --up-to amber --alone-up-to green --alone-recipients 10\n\nPartners see the key, what it may sign, and that somebody of the staff holds it: neither NAME nor role."
)]
pub(crate) struct StaffAdd {
    /// What the person is called here: lower-case letters, digits, hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// analyst, approver, liaison, operator or auditor; may be given several times
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = words::role)]
    pub(crate) roles: Vec<StaffRole>,
    /// The strictest marking that the person signs [default: amber]
    #[arg(long, value_name = "TLP", value_parser = words::tlp)]
    pub(crate) up_to: Option<Tlp>,
    /// What the person publishes goes alone up to this marking; above it, an approver says yes first
    #[arg(long, value_name = "TLP", value_parser = words::tlp)]
    pub(crate) alone_up_to: Option<Tlp>,
    /// Only records of this kind go without an approver; may be given several times
    #[arg(long = "alone-kind", value_name = "KIND", value_parser = words::kind)]
    pub(crate) alone_kinds: Vec<Kind>,
    /// Of those with categories, only records with these go without an approver; may be given several times
    #[arg(long = "alone-category", value_name = "CATEGORY")]
    pub(crate) alone_categories: Vec<String>,
    /// What more partners than this would get takes an approver
    #[arg(long, value_name = "COUNT")]
    pub(crate) alone_recipients: Option<u64>,
    /// Read the new passphrase from the first line of FILE; `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// Leave the key unencrypted: whoever reaches the node can be this person
    #[arg(long, conflicts_with = "new_passphrase_file")]
    pub(crate) plain_key: bool,
}

/// Which readings.
#[derive(Args, Debug)]
pub(crate) struct ReadsArgs {
    /// Only of this record (its reference, or the front of its id), or of this draft
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: Option<String>,
    /// Only what this person was shown
    #[arg(long, value_name = "NAME")]
    pub(crate) reader: Option<String>,
}
