//! `comity partner ping`.

use std::io::{self, Write};
use std::time::Duration;

use comity_admin::{Failure, ask};
use comity_node::api::{PathLine, Pinged};
use serde::Serialize;

use super::Context;
use crate::screen::format::{counted, duration, size};

/// Several signs of life, one after the other.
#[derive(Debug, Serialize)]
struct Answers {
    /// The last.
    #[serde(flatten)]
    last: Pinged,
    /// Milliseconds that each took.
    answers_ms: Vec<f64>,
}

pub(super) fn ping(name: &str, count: u16, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.running()?;
    let asked = ask::Named { name: name.to_owned() };
    let mut last: Pinged = session.call("/ping", &asked)?;
    let mut answers_ms = vec![last.answer_ms];
    for _ in 1..count {
        last = session.call("/ping", &asked)?;
        answers_ms.push(last.answer_ms);
    }
    let answers = Answers { last, answers_ms };
    context.screen.answer(&answers, |out| write(&answers, out))
}

fn write(answers: &Answers, out: &mut dyn Write) -> io::Result<()> {
    let Answers { last, answers_ms } = answers;
    let remote = last.path.as_ref().map(|path| format!(" at {}", path.remote));
    writeln!(out, "{} answers{}", last.partner, remote.unwrap_or_default())?;
    writeln!(out, "  node     {}", spread(answers_ms))?;
    if let Some(path) = &last.path {
        write_path(path, out)?;
    }
    writeln!(out, "  clock    {}", clock(last.clock_ahead_ms, last.clock_within_ms))
}

fn write_path(path: &PathLine, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "  path     {}, shortest {}",
        duration(millis(path.rtt_ms)),
        duration(millis(path.shortest_rtt_ms))
    )?;
    let lost = if path.packets_lost == 0 {
        "none".to_owned()
    } else {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = path.packets_lost as f64 * 100.0 / path.packets_sent.max(1) as f64;
        format!("{share:.2} %, {}", size(path.bytes_lost))
    };
    writeln!(
        out,
        "  traffic  {} sent, {} received since it connected",
        size(path.bytes_sent),
        size(path.bytes_received)
    )?;
    writeln!(
        out,
        "  lost     {lost} of {}; {} may be on the way, in datagrams of {}",
        counted(path.packets_sent, "packet", "packets"),
        size(path.window_bytes),
        size(path.datagram_bytes.into())
    )
}

/// `0.9 ms`, or the middle one and the extremes.
fn spread(answers_ms: &[f64]) -> String {
    let mut sorted = answers_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let show = |at: usize| sorted.get(at).map_or_else(String::new, |one| duration(millis(*one)));
    let middle = show(sorted.len() / 2);
    match sorted.len() {
        0 | 1 => middle,
        many => format!("{middle}; {many} answers, {} to {}", show(0), show(many - 1)),
    }
}

/// By how much another clock differs.
pub(in crate::commands) fn clock(ahead_ms: i64, within_ms: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "compared with a measurement")]
    if ahead_ms.unsigned_abs() as f64 <= within_ms.max(1.0) {
        return "as ours".to_owned();
    }
    let by = duration(Duration::from_millis(ahead_ms.unsigned_abs()));
    let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
    format!("{by} {side} ours")
}

fn millis(value: f64) -> Duration {
    Duration::try_from_secs_f64(value / 1000.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown_by_their_middle() {
        assert_eq!(spread(&[1.25]), "1.2 ms");
        assert_eq!(spread(&[9.0, 1.0, 2.0]), "2.0 ms; 3 answers, 1.0 ms to 9.0 ms");
    }

    #[test]
    fn a_difference_below_the_measurement_is_none() {
        assert_eq!(clock(3, 4.0), "as ours");
        assert_eq!(clock(-90_000, 4.0), "1 min 30 s behind ours");
        assert_eq!(clock(7_200_000, 4.0), "2 h ahead of ours");
    }
}
