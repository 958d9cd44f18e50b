//! `comity consent`.

use clap::{Args, Subcommand};
use comity_core::Timestamp;
use comity_node::api::PartName;

use super::words;

/// Ask an origin whether its record may go further, and answer those who ask.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    Ask(ConsentAskArgs),
    /// List what was asked and given: by us, of us, and to us
    List,
    /// Show what was asked, and what came of it
    Show {
        /// Its reference, or the front of its id
        #[arg(value_name = "REFERENCE")]
        consent: String,
    },
    Grant(ConsentGrantArgs),
    /// Say no to what a partner asked
    #[command(
        after_help = "Example:\n  comity consent refuse KR-26-C012 --reason \"The victim does not want it\""
    )]
    Refuse {
        /// The reference of what was asked, or the front of its id
        #[arg(value_name = "REFERENCE")]
        ask: String,
        /// Why, for whoever asked: one line
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Take back a consent, or what you asked for
    #[command(
        long_about = "Take back a consent, or what you asked for.\n\nWhat has not begun to leave stays where it is. Whoever asked and whoever was to have it are told; what they hold they hold, and `comity withdraw` takes the record itself back from everybody.",
        after_help = "Examples:\n  comity consent withdraw KR-26-C012\n  comity consent withdraw KR-26-C012 --to JP"
    )]
    Withdraw {
        /// The reference of a consent, or of what was asked: then all that was given on it
        #[arg(value_name = "REFERENCE")]
        consent: String,
        /// Only what was given to this partner; more than once
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Ask a record's origin that a partner may have it
#[derive(Args, Debug)]
#[command(
    long_about = "Ask a record's origin that a partner may have it.\n\nThe question goes to the origin alone, over your own link with it. It names the record, the parts, and for whom; what you think of them, and what you have signed with them, it does not say. Parts that no consent would open are left out, with the reason.",
    after_help = "Examples:\n  comity consent ask KR-26-0412 --for FJ --why \"The same flaw is exploited there\" --dry-run\n  comity consent ask KR-26-0412 --for FJ --why \"The same flaw is exploited there\" --until 2026-12-31T00:00:00Z"
)]
pub(crate) struct ConsentAskArgs {
    /// The record: its reference, or the front of its id
    #[arg(value_name = "ID")]
    pub(crate) record: String,
    /// The partner who is to have it; more than once
    #[arg(long = "for", value_name = "NAME", required = true)]
    pub(crate) recipients: Vec<String>,
    /// What for: one line, for the origin
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: String,
    /// A part: its section, or its number as `comity show` counts here; more than once [default: all that it opens]
    #[arg(long = "part", value_name = "PART")]
    pub(crate) parts: Vec<PartName>,
    /// Until when it is wanted, such as 2026-12-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) until: Option<Timestamp>,
    /// Ask although the same is asked and not answered
    #[arg(long)]
    pub(crate) again: bool,
    /// Sign nothing: show what it would open
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Say yes to what a partner asked, or to some of it
#[derive(Args, Debug)]
#[command(
    long_about = "Say yes to what a partner asked, or to some of it.\n\nEach recipient gets a consent of its own, so that nobody learns who else was asked for. It opens the named parts, to the named partner, until the named instant, and nothing else: agreements, RED and withdrawals hold as before.",
    after_help = "Examples:\n  comity consent grant KR-26-C012 --until 2026-12-31T00:00:00Z\n  comity consent grant KR-26-C012 --part summary --to FJ --condition retention=30 --condition purpose=defence"
)]
pub(crate) struct ConsentGrantArgs {
    /// The reference of what was asked, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) ask: String,
    /// A part, of those that were asked for: its section, or its number here, which whoever asks may count
    /// otherwise; more than once [default: all of these]
    #[arg(long = "part", value_name = "PART")]
    pub(crate) parts: Vec<PartName>,
    /// To whom, of those for whom it was asked; more than once [default: all of these]
    #[arg(long = "to", value_name = "NAME")]
    pub(crate) recipients: Vec<String>,
    /// The first instant at which it no longer holds [default: what was asked for]
    #[arg(long, value_name = "TIME", value_parser = words::instant)]
    pub(crate) until: Option<Timestamp>,
    /// What the recipient takes on besides: `retention=DAYS`, `purpose=NAME`, `no-onward`; more than once
    #[arg(long = "condition", value_name = "WHAT", value_parser = condition)]
    pub(crate) conditions: Vec<Condition>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Sign it although the same is granted
    #[arg(long)]
    pub(crate) again: bool,
    /// Sign nothing: show what it would give to whom
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Something that a recipient takes on with a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It is erased after so many days.
    Retention(u32),
    /// It is used for this.
    Purpose(String),
    /// It is never passed on, whoever is asked.
    NoOnward,
}

fn condition(text: &str) -> Result<Condition, String> {
    let wrong = || "one of retention=DAYS, purpose=NAME, no-onward".to_owned();
    match text.split_once('=') {
        Some(("retention", days)) => {
            let days = days.parse().ok().filter(|days| *days > 0);
            days.map(Condition::Retention).ok_or_else(wrong)
        }
        Some(("purpose", name)) if !name.is_empty() => Ok(Condition::Purpose(name.to_owned())),
        None if text == "no-onward" => Ok(Condition::NoOnward),
        Some(_) | None => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_as_they_are_written() {
        assert_eq!(condition("retention=30"), Ok(Condition::Retention(30)));
        assert_eq!(condition("purpose=defence"), Ok(Condition::Purpose("defence".to_owned())));
        assert_eq!(condition("no-onward"), Ok(Condition::NoOnward));
        for wrong in ["retention=0", "retention=soon", "purpose=", "onward", "no-onward=1"] {
            assert!(condition(wrong).unwrap_err().contains("retention=DAYS"), "{wrong}");
        }
    }
}
