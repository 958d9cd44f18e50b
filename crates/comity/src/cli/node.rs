//! Commands about the node itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_core::Timestamp;

use super::words;

/// Run three economies on this machine: who gets what, and why.
///
/// Three nodes pair over QUIC on loopback, sign sample agreements, and exchange real advisories. The screen shows who
/// would get what beforehand, what they got, and what happens to those who try to break it. Exit code 1 if any check
/// fails.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  comity demo --keep /tmp/comity\n  comity --data /tmp/comity/kr list"
)]
pub(crate) struct Demo {
    /// Leave the three nodes' folders in DIR, to play with
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Be the node over DIR that is killed while it delivers
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) node: Option<PathBuf>,
}

/// Make a new node: its keys, its identity, its folder.
///
/// The root key makes the node's identity and signs its other keys. It is written apart: move it off the node,
/// and bring it back to renew keys. All keys are encrypted with a passphrase.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  comity init --code KR --name \"Republic of Korea\" --timezone Asia/Seoul --public comity.csirt.example:4864"
)]
pub(crate) struct Init {
    /// Front of your short references, as KR in KR-26-0412; for screens only
    #[arg(long, value_name = "CODE")]
    pub(crate) code: String,
    /// What people call your economy; for screens only [default: the code]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The zone of your times, such as Asia/Seoul
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) timezone: String,
    /// What screens call that zone, such as Suva for Pacific/Fiji [default: the city in its name]
    #[arg(long, value_name = "NAME")]
    pub(crate) city: Option<String>,
    /// UDP address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:4864")]
    pub(crate) listen: String,
    /// Where partners find you from outside; may be given several times
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) public: Vec<String>,
    /// How many root keys to make; they lie in one file, under its one passphrase
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) root_keys: u8,
    /// How many of them must sign together; whoever has the file has them all
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub(crate) threshold: u8,
    /// Leave the keys unencrypted: whoever reads the disk has them
    #[arg(long)]
    pub(crate) plain_keys: bool,
}

/// Check the configuration, or show what is in force.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Find what is wrong in a configuration; start nothing
    Validate {
        /// The file [default: comity.toml in the data folder]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show what is in force, defaults included
    Show,
    /// List every key with what it means
    Schema,
}

/// Verify or rebuild the node's data on disk.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Read everything once and check that it is whole; changes nothing
    Verify,
    /// Make the indexes anew from the journal
    Rebuild,
}

/// Show or renew the node's keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List keys: what they are for, and until when
    List,
    /// Replace the key of the links, or (`rotate root`) the root keys; partners need not be paired again
    #[command(
        long_about = "Replace the key of the links, or with `comity key rotate root` the root keys; partners need not be paired again.\n\nThe root key signs the new key of the links, so it must be at hand, and its passphrase is asked for, also by a node that runs. Partners learn of it when they connect, also those that were away.\n\nWas the old key stolen, say so (--compromised): it signs exported audits, files of `audit who --out` and certificates of erasure, and its thief can date them back. Whoever verifies one with the newer keyring then refuses it, whatever time it says. --from is the last instant at which it was certainly yours alone; keys of the links that were replaced since are declared stolen as well.",
        after_help = "Examples:\n  comity key rotate\n  comity key rotate --compromised --from 2026-11-20T09:00:00Z\n  comity key rotate root --dry-run",
        args_conflicts_with_subcommands = true
    )]
    Rotate(RotateKey),
    /// Make the key that breaks the glass; one that there is ends
    #[command(
        long_about = "Make the key that breaks the glass; one that there is ends.\n\nIt signs emergency releases (`comity release emergency`) and nothing else, and no other key signs them. It is written to keys/emergency.keys, encrypted with a passphrase of its own; a node never keeps it open. The root key must be at hand, and its passphrase is asked for, also by a node that runs.",
        after_help = "Example:\n  comity key emergency"
    )]
    Emergency {
        /// Read the new passphrase from the first line of FILE; `-` is standard input
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// Leave the key unencrypted: whoever reads the disk can break the glass
        #[arg(long, conflicts_with = "new_passphrase_file")]
        plain_key: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// End a key that signs records, before its time: it was stolen, or is in doubt
    #[command(
        long_about = "End a key that signs records, before its time: it was stolen, or is in doubt.\n\nWhat it signs from --from on counts no more anywhere, however old it pretends to be where it comes through others. What it had signed before stays with whoever had it from you; whoever first sees it later, through others, sets it aside until you affirm it. If this node signs with the key, a new one takes its place at once. The root key must be at hand, and its passphrase is asked for, also by a node that runs. The screen shows what is taken back before anything is done.",
        after_help = "Examples:\n  comity key revoke desk --compromised --from 2026-11-20T09:00:00Z --reason \"laptop stolen\" --dry-run\n  comity key affirm --signed-between 2026-11-01T00:00:00Z 2026-11-20T09:00:00Z"
    )]
    Revoke {
        /// The front of its id, as `comity key list` shows it; `desk`: the key with which this node signs
        #[arg(value_name = "KEY")]
        key: String,
        /// What it signs from here on counts no more [default: now]
        #[arg(long, value_name = "TIME", value_parser = words::instant)]
        from: Option<Timestamp>,
        /// It is in foreign hands
        #[arg(long)]
        compromised: bool,
        /// Why; kept here and sent to nobody. A stolen key is not revoked without it
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// After a power cut: you know that no later keyring was lost
        #[arg(long)]
        anyway: bool,
        /// Only show what it would take back
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Declare that a key which signs records is in foreign hands: `revoke --compromised`, from a time on
    #[command(
        long_about = "Declare that a key which signs records is in foreign hands: the same as `comity key revoke KEY --compromised`, with the time and the reason that it takes.\n\n--from is the last instant at which the key was certainly yours alone: too early costs a `comity key affirm`, too late lets something forged count. The screen shows what is taken back before anything is done.",
        after_help = "Example:\n  comity key compromised desk --from 2026-11-20T09:00:00Z --reason \"laptop stolen\" --dry-run"
    )]
    Compromised {
        /// The front of its id, as `comity key list` shows it; `desk`: the key with which this node signs
        #[arg(value_name = "KEY")]
        key: String,
        /// What it signs from here on counts no more
        #[arg(long, value_name = "TIME", value_parser = words::instant)]
        from: Timestamp,
        /// Why; kept here and sent to nobody
        #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
        reason: Option<String>,
        /// After a power cut: you know that no later keyring was lost
        #[arg(long)]
        anyway: bool,
        /// Only show what it would take back
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Stand by records whose key has ended: they count whoever brings them
    #[command(
        long_about = "Stand by records whose key has ended: they count whoever brings them.\n\nThe root says so, record by record; its key must be at hand, and its passphrase is asked for. A record whose key is in force needs none of this. A record that was signed after its key had ended cannot be affirmed: publish it again."
    )]
    Affirm {
        /// References, or fronts of ids
        #[arg(value_name = "REFERENCE", required_unless_present = "signed_between")]
        records: Vec<String>,
        /// All that revoked keys signed from FROM on, before TO
        #[arg(long, value_names = ["FROM", "TO"], num_args = 2, value_parser = words::instant)]
        signed_between: Vec<Timestamp>,
        /// Only show which
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which keys get successors.
#[derive(Args, Debug)]
pub(crate) struct RotateKey {
    #[command(subcommand)]
    pub(crate) what: Option<RotateCommand>,
    /// The old key of the links is in foreign hands
    #[arg(long, visible_alias = "stolen")]
    pub(crate) compromised: bool,
    /// Since when the old key may be in foreign hands [default: now]
    #[arg(long, value_name = "TIME", value_parser = words::instant, requires = "compromised")]
    pub(crate) from: Option<Timestamp>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Other keys than those of the links.
#[derive(Debug, Subcommand)]
pub(crate) enum RotateCommand {
    /// Replace the root keys by the next ones, which were made with them: to renew them, or after a theft
    #[command(
        long_about = "Replace the root keys by the next ones, which were made with them: to renew them, or after a theft.\n\nThe root keys committed to those that follow them when they were made (keys/next-root.keys, in a safe since). These take their place, and new next ones are made and written to keys/next-root.keys: for the safe. To renew them both are needed, keys/root.keys and the next ones. After a theft (--stolen), or a loss, the next ones alone suffice, and win over everything that was signed with the old ones: it counts at no partner any more that has the new keyring, and where two keyrings of one version had frozen you, they end that.\n\nEverything that the keyring says stays, signed anew. If the thief worked on this very node, give --from, the last instant at which the root keys were certainly yours alone: what they granted here since, but for the keys with which the node runs, is left out, and what those keys signed counts no more. The key of the links and the one that signs records stay what they are: were they stolen too, `comity key rotate --compromised --from TIME` and `comity key compromised desk` come next.\n\nAn interruption loses nothing: start the node, and see with `comity status` whether the keyring has a new version; else run the command again.",
        after_help = "Examples:\n  comity key rotate root --dry-run\n  comity key rotate root --next /media/safe/next-root.keys\n  comity key rotate root --stolen --next /media/safe/next-root.keys"
    )]
    Root(RotateRoot),
}

/// New root keys.
#[derive(Args, Debug)]
pub(crate) struct RotateRoot {
    /// The present ones were stolen, or are lost: they are not needed, and what they sign counts no more
    #[arg(long, visible_alias = "compromised")]
    pub(crate) stolen: bool,
    /// What the stolen ones granted here since is left out
    #[arg(long, value_name = "TIME", value_parser = words::instant, requires = "stolen")]
    pub(crate) from: Option<Timestamp>,
    /// A file with the next root keys [default: keys/next-root.keys]
    #[arg(long, value_name = "FILE")]
    pub(crate) next: Vec<PathBuf>,
    /// Read a new passphrase for the files that are written from the first line of FILE; `-` is standard input
    /// [default: that of the next root keys]
    #[arg(long, value_name = "FILE")]
    pub(crate) new_passphrase_file: Option<PathBuf>,
    /// After a power cut: you know that no later keyring was lost
    #[arg(long)]
    pub(crate) anyway: bool,
    /// Only show what it would do
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Go on after a restore.
#[derive(Debug, Subcommand)]
pub(crate) enum RecoverCommand {
    /// Confirm that levels, pairings and configuration are as they should be after a restore
    #[command(
        long_about = "Confirm that levels, pairings and configuration are as they should be after a restore.\n\nPartners return the records; what you had decided about them since the backup, nobody can return: a level that was lowered, a partner that was suspended or removed. Look at `comity partner list` before. Until then nothing but control records is sent.\n\nWhere records of your own came back and are not believed, it names them and ends with 75, once: run it again when you have looked at them."
    )]
    Confirm {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Compare the node's time with the system's clock; confirm the clock after a step.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockCommand {
    /// Show the time that the node goes by, and what the system's clock says
    Show,
    /// Confirm that the system's clock is right, after it has run ahead
    #[command(
        long_about = "Confirm that the system's clock is right, after it has run ahead.\n\nA running node counts the time itself and lets the system's clock correct it by 10 minutes at most: whoever can set that clock could end every release time and embargo otherwise. When the clock runs further ahead, the node goes by its own count until you have compared the clock with another one and confirm it here."
    )]
    Confirm {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Decide about records in quarantine.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineCommand {
    /// List records that wait for a person, with why and since when
    List {
        /// Those that were dropped as well
        #[arg(long)]
        dropped: bool,
    },
    /// Show a record, why it is in quarantine, who brought it and who may have it
    Show {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        record: String,
        /// Whole texts, and what machines read
        #[arg(long)]
        full: bool,
    },
    /// Let a record out: it counts as accepted
    #[command(
        after_help = "Example:\n  comity quarantine release KR-26-0007 --reason \"phoned JP: it is theirs\""
    )]
    Release(Ruling),
    /// Write down a question about a record, for a person to publish: nothing is sent
    #[command(
        long_about = "Write down a question about a record, for a person to publish: nothing is signed or sent.\n\nThe file is a note to one desk, marked RED: it says the record's id, the economy that it names as its origin, why it is held here, and what you ask. Whoever is asked learns by it that you hold the record: ask the origin, and not whoever brought it, unless you mean to. A telephone does as well.",
        after_help = "Example:\n  comity quarantine ask KR-26-0007 --to JP --desk duty --why \"is this yours?\""
    )]
    Ask(Question),
    /// Put a record into quarantine: it counts no more, and goes to nobody
    Hold(Ruling),
    /// Decide that a record never counts: it is kept, goes to nobody, and does not come back
    #[command(
        long_about = "Decide that a record never counts: it is kept, goes to nobody, and does not come back.\n\nWhoever brings it again has it acknowledged as before, and hears nothing. `comity quarantine list --dropped` and `comity audit who` know it still; `comity quarantine release` takes the decision back."
    )]
    Drop(Ruling),
}

/// A question about a record.
#[derive(Args, Debug)]
pub(crate) struct Question {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// The partner that is asked
    #[arg(long, value_name = "NAME")]
    pub(crate) to: String,
    /// The desk or person there
    #[arg(long, value_name = "DESK")]
    pub(crate) desk: String,
    /// What you ask, or what makes you doubt
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// Write it to this file [default: question-REFERENCE.toml, here]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A decision about a record.
#[derive(Args, Debug)]
pub(crate) struct Ruling {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// Why; kept here with the decision and sent to nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who decides [default: who is logged in]
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Only say whether it would be refused; decide nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}
