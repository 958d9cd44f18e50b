//! `comity agreement`.

use std::path::PathBuf;

use clap::Subcommand;
use comity_core::Timestamp;

use super::words;

/// Propose, accept and end agreements.
#[derive(Debug, Subcommand)]
pub(crate) enum AgreementCommand {
    /// Sign an agreement and send it to the partner, who accepts it or not
    #[command(
        long_about = "Sign an agreement and send it to the partner, who accepts it or not.\n\nFILE holds the terms; examples/agreements has an MoU and an NDA to start from. What it does not say follows from its tier. As soon as the partner has accepted it, it binds your economy; before that it is taken back with `comity agreement terminate`.",
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
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Accept an agreement that a partner proposed
    Accept {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        agreement: String,
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
    },
    /// End an agreement
    #[command(
        long_about = "End an agreement.\n\nIt ends as soon as the notice allows that was agreed. From then on nothing is released under it. What was shared before stays in the books, and withdrawals still reach whoever received something.\n\n--immediately breaks the notice: both sides release nothing more under it, and what it prohibits and demands holds until the notice would have been over."
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
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}
