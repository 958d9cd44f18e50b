//! `comity partner review`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use comity_admin::{Failure, ask};
use comity_node::api::{KeyReview, PartnerReview};

use super::{Context, assessing};
use crate::backend::Keys;
use crate::screen::format::{count, counted, duration};
use crate::screen::times::Zones;
use crate::screen::{Table, printable};

pub(super) fn review(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let review: PartnerReview =
        session.call("/review-partner", &ask::Named { name: name.to_owned() })?;
    let comity = context.comity();
    context.screen.answer(&review, |out| {
        super::write_partner(&review.partner, &zones, out)?;
        if let Some(said) = &review.assessment {
            assessing::write_said(said, &zones, out)?;
        }
        write_deliveries(&review, &zones, out)?;
        write_withdrawals(&review, out)?;
        write_requests(&review, out)?;
        write_clock(&review, &zones, out)?;
        write_kept_back(&review, out)?;
        write_keys(&review, &zones, out)?;
        write_agreements(&review, &zones, out)?;
        writeln!(out, "\nNot known")?;
        for words in &review.not_known {
            writeln!(out, "  {words}")?;
        }
        let name = printable(&review.partner.name);
        writeln!(out, "\nTo change a level: {comity} partner level {name} LEVEL")
    })
}

fn write_deliveries(review: &PartnerReview, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let (given, taken) = (&review.given, &review.taken);
    writeln!(out, "\nSent")?;
    let last = |at: &Option<String>| {
        at.as_ref().map_or_else(String::new, |at| format!(", the last {}", zones.written(at)))
    };
    writeln!(
        out,
        "  {}, {} of them confirmed{}",
        counted(given.deliveries, "delivery", "deliveries"),
        count(given.confirmed),
        last(&given.last)
    )?;
    if let Some(times) = times(given.receipt_half_ms, given.receipt_slowest_ms) {
        writeln!(out, "  receipts came {times}")?;
    }
    if given.taken_back > 0 {
        writeln!(out, "  {} taken back before they left", count(given.taken_back))?;
    }
    write_counts("refused by it", &given.refused, out)?;
    if given.series > 0 {
        let series = counted(given.series, "time", "times");
        writeln!(out, "  the books began anew {series}, as after a restore")?;
    }
    writeln!(out, "\nReceived")?;
    writeln!(
        out,
        "  {}: {} signed by it, {} of others{}",
        counted(taken.deliveries, "delivery", "deliveries"),
        counted(taken.signed, "record", "records"),
        count(taken.passed_on),
        last(&taken.last)
    )?;
    writeln!(
        out,
        "  {} or parts that do not verify",
        counted(taken.bad_signatures, "signature", "signatures")
    )?;
    write_counts("refused", &taken.refused, out)?;
    write_counts("refused by our rule", &taken.refused_by_rule, out)
}

/// `half within 2.0 s, the slowest after 3 min`.
fn times(half: Option<u64>, slowest: Option<u64>) -> Option<String> {
    let (half, slowest) = (Duration::from_millis(half?), Duration::from_millis(slowest?));
    Some(format!("half within {}, the slowest after {}", duration(half), duration(slowest)))
}

fn write_counts(what: &str, counts: &BTreeMap<String, u64>, out: &mut dyn Write) -> io::Result<()> {
    for (why, number) in counts {
        writeln!(out, "  {what}: {} ({})", count(*number), printable(why))?;
    }
    Ok(())
}

fn write_withdrawals(review: &PartnerReview, out: &mut dyn Write) -> io::Result<()> {
    let taken_back = &review.withdrawals;
    writeln!(out, "\nWithdrawals")?;
    writeln!(
        out,
        "  {} sent, {} confirmed; {} of its own",
        count(taken_back.sent),
        count(taken_back.confirmed),
        count(taken_back.its_own)
    )?;
    if let Some(times) = times(taken_back.half_ms, taken_back.slowest_ms) {
        writeln!(out, "  confirmed {times}")?;
    }
    if !taken_back.open.is_empty() {
        writeln!(out, "  not confirmed: {}", taken_back.open.join(", "))?;
    }
    if taken_back.gone > 0 {
        writeln!(out, "  answered that nothing of it is there: {}", count(taken_back.gone))?;
    }
    write_counts("answered that parts stay, and go to nobody", &taken_back.stopped, out)?;
    write_counts("refused", &taken_back.refused, out)?;
    if let Some(times) = times(taken_back.answer_half_ms, taken_back.answer_slowest_ms) {
        writeln!(out, "  answered {times}")?;
    }
    if !taken_back.unanswered.is_empty() {
        writeln!(out, "  not answered: {}", taken_back.unanswered.join(", "))?;
    }
    Ok(())
}

fn write_requests(review: &PartnerReview, out: &mut dyn Write) -> io::Result<()> {
    let requests = &review.requests;
    if requests.asked == 0 {
        return Ok(());
    }
    writeln!(out, "\nRequests for its consent")?;
    writeln!(
        out,
        "  {}: {} granted, {} refused, {} without an answer",
        counted(requests.asked, "request", "requests"),
        count(requests.granted),
        count(requests.refused),
        count(requests.open.len() as u64)
    )?;
    if let Some(times) = times(requests.half_ms, requests.slowest_ms) {
        writeln!(out, "  answered {times}")?;
    }
    if requests.late > 0 {
        writeln!(out, "  answered after the time that was asked for: {}", count(requests.late))?;
    }
    if !requests.open.is_empty() {
        let overdue = match requests.overdue {
            0 => String::new(),
            many => format!("; {} of them past the time that was asked for", count(many)),
        };
        writeln!(out, "  not answered: {}{overdue}", requests.open.join(", "))?;
    }
    Ok(())
}

fn write_clock(review: &PartnerReview, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let Some(clock) = &review.clock else { return Ok(()) };
    let by = duration(Duration::from_millis(clock.ahead_ms.unsigned_abs()));
    let side = if clock.ahead_ms > 0 { "ahead of" } else { "behind" };
    writeln!(out, "\nClock")?;
    writeln!(
        out,
        "  its last receipt, {}, was dated {by} {side} ours, the way included",
        zones.written(&clock.at)
    )?;
    if clock.signed_ahead_ms > 0 {
        let ahead = duration(Duration::from_millis(clock.signed_ahead_ms));
        writeln!(out, "  a record that it signed was dated {ahead} ahead of ours")?;
    }
    Ok(())
}

fn write_kept_back(review: &PartnerReview, out: &mut dyn Write) -> io::Result<()> {
    let kept = &review.quarantine;
    writeln!(out, "\nQuarantine")?;
    let waiting: Vec<_> =
        kept.waiting.iter().map(|(why, n)| format!("{} {why}", count(*n))).collect();
    let waiting = if waiting.is_empty() { "0".to_owned() } else { waiting.join(", ") };
    writeln!(
        out,
        "  waiting: {waiting}; released: {}; dropped: {}; not to be judged yet: {}",
        count(kept.released),
        count(kept.dropped),
        count(kept.pending)
    )
}

fn write_keys(review: &PartnerReview, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    let Some(keys) = &review.keys else { return Ok(()) };
    writeln!(out, "\nKeys")?;
    let rotations = counted(keys.root_rotations, "time", "times");
    writeln!(out, "  keyring version {}; root keys replaced {rotations}", keys.version)?;
    if let Some(why) = &keys.frozen {
        writeln!(out, "  FROZEN: {}", printable(why))?;
    }
    let mut table = Table::new(&["key", "for", "since", "until", "revoked"]);
    let written =
        |at: &Option<String>| at.as_ref().map_or_else(String::new, |at| zones.written(at));
    for key in &keys.keys {
        let KeyReview { key, role, from, until, revoked, compromised } = key;
        let mut ended = written(revoked);
        if *compromised {
            ended.push_str(", stolen");
        }
        let short: String = key.chars().take(8).collect();
        let role = role.clone().unwrap_or_else(|| "no more".to_owned());
        table.row([short, role, written(from), written(until), ended]);
    }
    table.write(out)
}

fn write_agreements(review: &PartnerReview, zones: &Zones, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nAgreements")?;
    if review.agreements.is_empty() {
        return writeln!(out, "  none");
    }
    super::super::agreement::table(&review.agreements, zones).write(out)?;
    for deadline in &review.deadlines {
        writeln!(out, "  {}: {}", printable(&deadline.what), printable(&deadline.next))?;
    }
    Ok(())
}
