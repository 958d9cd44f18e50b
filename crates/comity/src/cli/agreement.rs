//! `comity agreement`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comity_core::Timestamp;

use super::words;

/// Review, propose, accept and end agreements.
#[derive(Debug, Subcommand)]
pub(crate) enum AgreementCommand {
    /// Review the terms before anybody signs: what has no effect, contradicts itself, or is left open
    #[command(
        long_about = "Review the terms before anybody signs: what has no effect, contradicts itself, or is left open.\n\nEach finding names its line, what follows from it, and what to write instead. An error: the text cannot do what it is for. A warning: it does less, or other things, than it says. Advice: it leaves open what the parties will ask about. Exit code 1 if there is an error or a warning. No node is needed for a file.",
        after_help = "Examples:\n  comity agreement lint examples/agreements/mou.toml\n  comity agreement lint KR-26-C007"
    )]
    Lint {
        /// The terms, in TOML; or the reference of an agreement that is here
        #[arg(value_name = "FILE|REFERENCE")]
        agreement: PathBuf,
    },
    Diff(AgreementDiffArgs),
    /// Sign an agreement and send it to the partner, who accepts it or not
    #[command(
        long_about = "Sign an agreement and send it to the partner, who accepts it or not.\n\nFILE holds the terms; examples/agreements has an MoU and an NDA to start from. What it does not say follows from its tier. The text is reviewed as by `comity agreement lint`: with an error in it nothing is signed without --anyway, and warnings are shown before you are asked. As soon as the partner has accepted it, it binds your economy; before that it is taken back with `comity agreement terminate`.",
        after_help = "Examples:\n  comity agreement propose examples/agreements/nda.toml --to JP --dry-run\n  comity agreement propose examples/agreements/nda.toml --to JP"
    )]
    Propose {
        /// The terms, in TOML
        file: PathBuf,
        /// The partner
        #[arg(long, value_name = "NAME")]
        to: String,
        /// Show what it would bind to; sign nothing
        #[arg(long)]
        dry_run: bool,
        /// Propose it although the same text is proposed or in force
        #[arg(long)]
        again: bool,
        /// Propose it although `agreement lint` finds an error in it
        #[arg(long)]
        anyway: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Propose a text that takes the place of an agreement's once the partner has accepted it
    #[command(
        long_about = "Propose a text that takes the place of an agreement's once the partner has accepted it.\n\nFILE holds the whole new text, not the changes alone. It is reviewed as by `comity agreement lint`, and compared with what is agreed: the terms that differ, what would newly go to whom, and what would go no more. Once accepted it applies from its first day, or from its acceptance if that is later, and the old text until then: at no moment both, and at no moment neither. A proposal that nobody accepts changes nothing, and is taken back with `comity agreement terminate`.\n\nWhere an agreement is contested, for both have signed two texts in the place of one, it takes the place of all of them and so settles it.",
        after_help = "Examples:\n  comity agreement amend KR-26-C003 new.toml --dry-run\n  comity agreement amend KR-26-C003 new.toml"
    )]
    Amend {
        /// The agreement: its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        agreement: String,
        /// The whole new text, in TOML
        file: PathBuf,
        /// Show what it would change; sign nothing
        #[arg(long)]
        dry_run: bool,
        /// Propose it although the same text is here already
        #[arg(long)]
        again: bool,
        /// Propose it although `agreement lint` finds an error in it
        #[arg(long)]
        anyway: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Accept an agreement that a partner proposed
    Accept {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        agreement: String,
        /// Show what would go under it; sign nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List agreements: with whom, tier, since and until when
    List,
    /// Show the terms of an agreement, and what they let through
    Show {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        agreement: String,
        /// Every text that it had, from the first to the last, and what each changed
        #[arg(long)]
        history: bool,
    },
    /// End an agreement
    #[command(
        long_about = "End an agreement.\n\nIt ends as soon as the notice allows that was agreed. From then on nothing is released under it. Whichever of its texts is named: all of the agreement ends, by the longest notice that any of them says. What was shared before stays in the books, and withdrawals still reach whoever received something.\n\n--immediately breaks the notice: both sides release nothing more under it, and what it prohibits and demands holds until the notice would have been over."
    )]
    Terminate {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        agreement: String,
        /// When it ends, such as 2026-12-31T00:00:00Z [default: as soon as its notice allows]
        #[arg(long, value_name = "TIME", value_parser = words::instant)]
        on: Option<Timestamp>,
        /// End it now, whatever notice was agreed
        #[arg(long, conflicts_with = "on")]
        immediately: bool,
        /// Only say what it would do; sign and send nothing
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Show what two agreements differ in, and what that would do to the records here
#[derive(Args, Debug)]
#[command(
    long_about = "Show what two agreements differ in, and what that would do to the records here.\n\nThe terms are compared field by field; then the decision is asked, under both, about every record: what would newly be released to whom, and what would be released no more. Nothing is changed or sent. With one name only, it is compared with what is in force with that partner. Two files without --with are compared by their terms alone, and no node is needed.",
    after_help = "Examples:\n  comity agreement diff new.toml --with JP\n  comity agreement diff KR-26-C007 new.toml\n  comity agreement diff examples/agreements/mou.toml examples/agreements/nda.toml"
)]
pub(crate) struct AgreementDiffArgs {
    /// The terms, in TOML; or the reference of an agreement that is here
    #[arg(value_name = "FILE|REFERENCE")]
    pub(crate) one: PathBuf,
    /// What would hold instead of the first
    #[arg(value_name = "FILE|REFERENCE")]
    pub(crate) other: Option<PathBuf>,
    /// The partner; what is here by reference names it itself
    #[arg(long, value_name = "NAME")]
    pub(crate) with: Option<String>,
    /// It would hold beside what is in force, and replace nothing
    #[arg(long, conflicts_with = "other")]
    pub(crate) besides: bool,
    /// How many records are named for each of what begins and what stops
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) examples: usize,
}
