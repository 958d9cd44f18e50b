//! `comity assess`.

use clap::Args;
use comity_core::assessment::{Credibility, Reliability};

use super::words;

/// Say how far a record is to be believed, or see who else says the same.
#[derive(Args, Debug)]
#[command(
    long_about = "Say how far a record is to be believed, or see who else says the same.\n\nWith a grade it is said, and kept with the reason: who, when and why stay, a later word counts. It is yours alone: no partner is told, nothing that leaves has it, and nothing that may leave or stay is decided by it.\n\nWithout one it shows what was said so far, where the record is from, and the other records here that speak of the same vulnerabilities or the same public document, with the number of distinct origins behind them: relays of one origin count once, and so do several economies that imported one public document.\n\nCredibility: 1 confirmed by other sources, 2 probably true, 3 possibly true, 4 doubtful, 5 improbable, 6 cannot be judged. Reliability of the source in what this record says: A completely, B usually, C fairly, D not usually reliable, E unreliable, F cannot be judged; of a source in general: comity partner reliability.",
    after_help = "Examples:\n  comity assess KR-26-0012\n  comity assess KR-26-0012 --credibility 2 --reason \"our own sensors saw it too\"\n  comity assess KR-26-0012 --credibility 6 --reason \"the sensor was broken\""
)]
pub(crate) struct Assess {
    /// Its reference, or the front of its id
    #[arg(value_name = "REFERENCE")]
    pub(crate) record: String,
    /// How credible it is: 1 to 6
    #[arg(long, value_name = "GRADE", value_parser = words::credibility, requires = "reason")]
    pub(crate) credibility: Option<Credibility>,
    /// How reliable its source is in this: A to F
    #[arg(long, value_name = "GRADE", value_parser = words::reliability, requires = "reason")]
    pub(crate) reliability: Option<Reliability>,
    /// Why; kept here and sent to nobody
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Who says so [default: who is logged in]
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub(crate) by: Option<String>,
}
