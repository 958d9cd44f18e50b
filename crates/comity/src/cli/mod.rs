//! What can be typed.

mod agreement;
mod approval;
mod assessing;
mod consent;
mod erasing;
mod group;
mod guard;
mod node;
mod partner;
mod record;
mod release;
mod staff;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use agreement::{AgreementCommand, AgreementDiffArgs};
pub(crate) use approval::Approve;
pub(crate) use assessing::Assess;
pub(crate) use consent::{Condition, ConsentAskArgs, ConsentCommand, ConsentGrantArgs};
pub(crate) use erasing::{Erase, HoldArgs, HoldCommand, RetentionCommand};
pub(crate) use group::{About, Affiliations, GroupCommand};
pub(crate) use guard::{GuardCommand, GuardRuling};
pub(crate) use node::{
    ClockCommand, ConfigCommand, Demo, Init, KeyCommand, QuarantineCommand, Question,
    RecoverCommand, RotateCommand, RotateKey, RotateRoot, Ruling, StoreCommand,
};
pub(crate) use partner::PartnerCommand;
pub(crate) use record::{
    AuditCommand, AuditExport, AuditTold, AuditVerify, EmbargoCommand, Explain, ImportCommand,
    List, Publish, Recall, RecallCommand, Show, Unsend, Verify, Watch, Withdraw,
};
pub(crate) use release::{ReleaseCommand, ReleaseConfirm, ReleaseEmergency};
pub(crate) use staff::{ReadsArgs, StaffAdd, StaffCommand};

const START: &str = "\
Start here:
  comity demo        three economies on this machine, real advisories, one screen
  comity init        your own node
  comity doctor      what is wrong, and the command that mends it

Exit codes: 0 done, 1 the answer is no, 64 wrong command, 65 wrong data or state, 66 no input,
69 not reachable, 73 cannot create, 74 input or output, 75 try again, 77 not permitted,
78 configuration.";

/// Trusted information sharing between national CSIRTs.
///
/// Each economy runs a node. Records are signed by the analyst who wrote them and go to partner economies
/// under signed agreements, part by part: before anything leaves, one function decides who may have what, and
/// `comity explain` says why.
#[derive(Debug, Parser)]
#[command(name = "comity", version, after_help = START, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Folder of the node's data; COMITY_DATA names it as well [default: ~/.local/share/comity]
    #[arg(
        long,
        value_name = "DIR",
        env = "COMITY_DATA",
        hide_env = true,
        global = true,
        help_heading = "Everywhere"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Answer with one JSON object on standard output
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Read the keys' passphrase from the first line of FILE; `-` is standard input
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Do not ask; where nothing would be asked it changes nothing
    #[arg(long, global = true, hide = true)]
    pub(crate) yes: bool,
    /// Who of the staff does this; COMITY_STAFF names them as well
    #[arg(
        long,
        value_name = "NAME",
        env = "COMITY_STAFF",
        hide_env = true,
        global = true,
        help_heading = "Everywhere"
    )]
    pub(crate) staff: Option<String>,
    /// Read that person's passphrase from the first line of FILE; `-` is standard input
    #[arg(long, value_name = "FILE", global = true, help_heading = "Everywhere")]
    pub(crate) staff_passphrase_file: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(Demo),
    Init(Init),
    /// Run the node until it is told to stop
    #[command(
        long_about = "Run the node until it is told to stop.\n\nIt stays in the foreground and logs to standard error. On SIGTERM or Ctrl-C it finishes the deliveries under way, tells its partners, and ends; a second signal ends it at once. deploy/comity.service runs it under systemd."
    )]
    Run,
    /// Show what the node is doing, and how each partner stands
    Status,
    /// Find what is wrong, and name the command that mends it
    #[command(
        long_about = "Find what is wrong, and name the command that mends it.\n\nLooks at the configuration, the keys, the clock, the ports, the disk, the data and each partner. Changes nothing. Exit code 1 if anything needs a person."
    )]
    Doctor,
    /// Pair with other economies, and say how far you trust them
    #[command(subcommand)]
    Partner(PartnerCommand),
    /// Review, propose, accept and end agreements (MoU, NDA)
    #[command(subcommand)]
    Agreement(AgreementCommand),
    /// Share among several economies under one charter
    #[command(subcommand)]
    Group(GroupCommand),
    /// Ask an origin whether its record may go further, and answer those who ask
    #[command(subcommand)]
    Consent(ConsentCommand),
    /// Say who works at this node, and what each of them may do
    #[command(subcommand)]
    Staff(StaffCommand),
    Publish(Publish),
    /// Read advisories or observations into unsigned drafts; nothing leaves
    #[command(subcommand)]
    Import(ImportCommand),
    Unsend(Unsend),
    /// Lift an embargo of your own before its time
    #[command(subcommand)]
    Embargo(EmbargoCommand),
    Withdraw(Withdraw),
    Recall(Recall),
    Erase(Erase),
    /// Keep records from being erased, on legal grounds
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Show when what is here goes by itself, and by which rule
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// Throw a draft away
    Discard {
        /// Its reference, as KR-D-0003
        #[arg(value_name = "DRAFT")]
        draft: String,
    },
    List(List),
    Show(Show),
    Explain(Explain),
    Watch(Watch),
    /// Answer "who did we tell?"
    #[command(subcommand)]
    Audit(AuditCommand),
    Verify(Verify),
    /// Decide about records that are kept from everybody: doubted, or looked at first
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    Assess(Assess),
    Approve(Approve),
    /// List what waits for a second person
    Approvals,
    /// Break the glass: one record of your own to one partner in an emergency
    #[command(subcommand)]
    Release(ReleaseCommand),
    /// See what your own lists hold back from every exit, and let a part pass
    #[command(subcommand)]
    Guard(GuardCommand),
    /// Check the configuration, or show what is in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Verify or rebuild the node's data on disk
    #[command(subcommand)]
    Store(StoreCommand),
    /// Copy the node's data into a folder, also while it runs
    #[command(
        after_help = "Example:\n  comity backup /mnt/backup/2026-11-21\n\nKeys are not in it: copy the keys folder by hand and keep it apart."
    )]
    Backup {
        /// Folder to write; must not exist, or be empty
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
    /// Bring a node's data back from a backup
    #[command(
        long_about = "Bring a node's data back from a backup.\n\nWhat happened after the backup is missing, and the node knows it: when it runs again it sends nothing but control records until its partners have returned what it lost. `comity status` shows what it still waits for."
    )]
    Restore {
        /// Folder that `comity backup` wrote
        #[arg(value_name = "DIR", required_unless_present = "here")]
        from: Option<PathBuf>,
        /// The data is in place already: this machine was put back to an earlier state
        #[arg(long, conflicts_with = "from")]
        here: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Go on after a restore
    #[command(subcommand)]
    Recover(RecoverCommand),
    /// Compare the node's time with the system's clock; confirm the clock after a step
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Show or renew the node's keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Print completions for a shell
    #[command(
        after_help = "Examples:\n  comity completions bash > /usr/share/bash-completion/completions/comity\n  comity completions zsh  > \"${fpath[1]}/_comity\"\n  comity completions fish > ~/.config/fish/completions/comity.fish"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_says_what_it_does_in_peoples_words() {
        fn check(command: &mut clap::Command) {
            let name = command.get_name().to_owned();
            assert!(command.get_about().is_some(), "{name} says nothing");
            let help = command.render_long_help().to_string().to_lowercase();
            for word in ["manifest", "lane", "epoch", "enum", "struct"] {
                let used = help.split(|c: char| !c.is_alphanumeric()).any(|used| used == word);
                assert!(!used, "the help of {name} says `{word}`");
            }
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{name}: {} has no help", argument.get_id());
            }
            command.get_subcommands_mut().for_each(check);
        }
        check(&mut Cli::command());
    }
}
