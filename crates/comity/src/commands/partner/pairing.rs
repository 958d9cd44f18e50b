//! The ceremony: a ticket, two screens, six digits each way.

use std::time::{Duration, Instant};

use comity_admin::{Failure, FailureKind, ask};
use comity_net::limits::TICKET_CHARACTERS;
use comity_net::pairing::{Ticket, TicketError};
use comity_node::api::{Ceremony, Invitation, InvitationLine};
use comity_node::shell_word::word;

use super::Context;
use crate::backend::{Keys, Session};
use crate::screen::{Table, Typed};

/// How often the node is asked how far the pairing is.
const POLL: Duration = Duration::from_millis(200);
/// How long a person is waited for on the other side, before the command is to be run again.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

pub(super) fn invite(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.running()?;
    let invitation: Invitation = session.call("/invite", &ask::Named { name: name.to_owned() })?;
    let comity = context.comity();
    context.screen.say(format_args!(
        "Send this line to the operator of {name}. It is good for one pairing, until {}.\n\
         When they have used it, phone each other, and: {comity} partner verify {}\n",
        zones.written(&invitation.expires),
        word(name)
    ));
    context.screen.answer(&invitation, |out| writeln!(out, "{}", invitation.ticket))
}

/// The invitations that are open, one a line.
pub(super) fn invitations(context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, zones) = context.session(Keys::Reading)?;
    let open: Vec<InvitationLine> = session.call("/invitations", &())?;
    context.screen.answer(&open, |out| {
        if open.is_empty() {
            return writeln!(out, "No invitation is open.");
        }
        let mut table = Table::new(&["for", "state", "made", "good until"]);
        for line in &open {
            table.row([
                line.name.clone(),
                line.state.clone(),
                zones.written(&line.since),
                zones.written(&line.expires),
            ]);
        }
        table.write(out)
    })
}

pub(super) fn cancel(name: &str, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.session(Keys::Shut)?;
    let asked = ask::Named { name: name.to_owned() };
    let line: InvitationLine = session.call("/cancel-invitation", &asked)?;
    context.screen.answer(&line, |out| {
        writeln!(out, "The invitation for {name} is taken back; its ticket opens nothing any more")
    })
}

pub(super) fn join(
    ticket: &[String],
    name: &str,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let (session, _) = context.running()?;
    let ticket = match ticket {
        [] => {
            let first = context.asker.typed("The ticket:")?;
            whole(first, || context.asker.more("and its next line (none: Enter):"))?
        }
        words => words.join(" "),
    };
    let ticket = ticket.trim().to_owned();
    let asked = ask::Join { ticket, name: name.to_owned() };
    let mut ceremony: Ceremony = session.call("/join", &asked)?;
    if ceremony.state == "waiting" {
        context.screen.say("Looking for the node that made the ticket ...");
        ceremony = wait(&session, name, |state| state != "waiting")?;
    }
    failed(&ceremony)?;
    let comity = context.comity();
    context.screen.answer(&ceremony, |out| {
        let typed = word(name);
        writeln!(out, "{name} is reached. Phone its operator, and: {comity} partner verify {typed}")
    })
}

/// A ticket with the lines that a mail program made of it. It knows by itself whether it is whole.
fn whole(
    first: String,
    mut more: impl FnMut() -> Result<Option<Typed>, Failure>,
) -> Result<String, Failure> {
    let mut ticket = first;
    while ticket.len() <= TICKET_CHARACTERS
        && ticket.parse::<Ticket>() == Err(TicketError::Damaged)
        && let Some(line) = more()?
    {
        ticket.push('\n');
        ticket.push_str(&line);
    }
    Ok(ticket)
}

pub(super) fn verify(name: &str, show: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let (session, _) = context.running()?;
    let mut ceremony = state(&session, name)?;
    if show {
        failed(&ceremony)?;
        return shown(&ceremony, context);
    }
    if ceremony.state == "waiting" {
        context.screen.say(format_args!("Waiting until {name} has used the ticket ..."));
        ceremony = wait(&session, name, |state| state != "waiting")?;
    }
    failed(&ceremony)?;
    if ceremony.state == "compare" {
        let digits = ceremony.digits.as_deref().unwrap_or_default();
        context.screen.say(format_args!(
            "Phone the person you know, on a number you know.\nRead aloud: {}",
            grouped(digits)
        ));
        let typed = context.asker.typed("Type the six digits that they read to you:")?;
        let digits = digits_of(&typed)?;
        let asked = ask::ConfirmPairing { name: name.to_owned(), digits };
        ceremony = session.call("/confirm-pairing", &asked)?;
        failed(&ceremony)?;
    }
    if ceremony.state == "confirmed here" {
        context.screen.say(format_args!("They match. Waiting for the operator of {name} ..."));
        ceremony = wait(&session, name, |state| state == "paired" || state == "failed")?;
        failed(&ceremony)?;
    }
    let comity = context.comity();
    context.screen.answer(&ceremony, |out| {
        let economy = ceremony.economy.as_deref().unwrap_or_default();
        writeln!(out, "{name} is paired: {economy}")?;
        let typed = word(name);
        writeln!(
            out,
            "It is at level 1, public: only CLEAR goes. {comity} partner level {typed} confidential"
        )
    })
}

fn shown(ceremony: &Ceremony, context: &mut Context<'_>) -> Result<(), Failure> {
    context.screen.answer(ceremony, |out| match &ceremony.digits {
        Some(digits) => {
            writeln!(out, "{}: {}, read aloud: {}", ceremony.name, ceremony.state, grouped(digits))
        }
        None => writeln!(out, "{}: {}", ceremony.name, ceremony.state),
    })
}

fn state(session: &Session, name: &str) -> Result<Ceremony, Failure> {
    session.call("/ceremony", &ask::Named { name: name.to_owned() })
}

fn wait(session: &Session, name: &str, enough: impl Fn(&str) -> bool) -> Result<Ceremony, Failure> {
    let started = Instant::now();
    loop {
        let ceremony = state(session, name)?;
        if enough(&ceremony.state) {
            return Ok(ceremony);
        }
        if started.elapsed() > PATIENCE {
            let message = format!("the operator of {name} has not answered");
            return Err(Failure::new(FailureKind::TryAgain, "nobody-there", message)
                .next(format!("comity partner verify {}", word(name))));
        }
        std::thread::sleep(POLL);
    }
}

fn failed(ceremony: &Ceremony) -> Result<(), Failure> {
    if ceremony.state != "failed" {
        return Ok(());
    }
    let why = ceremony.problem.as_deref().unwrap_or("the pairing did not come about");
    let message = format!("{} is not paired: {why}", ceremony.name);
    let (name, typed) = (&ceremony.name, word(&ceremony.name));
    let (kind, next) = match (ceremony.invited, ceremony.used_up) {
        (true, _) => {
            let next = format!("make a new ticket: comity partner invite --as {typed}");
            (FailureKind::NotPermitted, next)
        }
        (false, true) => {
            (FailureKind::NotPermitted, format!("ask the operator of {name} for a new ticket"))
        }
        (false, false) if ceremony.not_open => (
            FailureKind::NotPermitted,
            format!(
                "ask the operator of {name} whether somebody has joined with it (`partner invite --list` there), and for a new ticket if it is used up"
            ),
        ),
        (false, false) => (
            FailureKind::Unavailable,
            format!(
                "ask its operator whether the node runs and UDP reaches it; the ticket is good still: comity partner join --as {typed}"
            ),
        ),
    };
    Err(Failure::new(kind, "pairing-failed", message).next(next))
}

/// `123 456`: as it is read aloud.
fn grouped(digits: &str) -> String {
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    match digits.split_at_checked(3) {
        Some((front, back)) => format!("{front} {back}"),
        None => digits,
    }
}

/// Six digits, however they were spaced. A slip of the finger must not burn the ticket.
fn digits_of(typed: &str) -> Result<String, Failure> {
    let digits: String =
        typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '.')).collect();
    if digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Ok(digits);
    }
    let message = if digits.is_empty() {
        "no digits were given; nothing was compared".to_owned()
    } else {
        format!("`{typed}` is not six digits; nothing was compared")
    };
    Err(Failure::new(FailureKind::Usage, "not-six-digits", message).next("run the command again"))
}

#[cfg(test)]
mod tests {
    use comity_core::{EconomyId, Timestamp};

    use super::*;

    #[test]
    fn digits_are_read_however_they_are_spaced() {
        assert_eq!(digits_of(" 123 456 ").unwrap(), "123456");
        assert_eq!(digits_of("12-34-56").unwrap(), "123456");
        for wrong in ["12345", "1234567", "12345a", ""] {
            assert_eq!(digits_of(wrong).unwrap_err().code, "not-six-digits");
        }
        assert_eq!(grouped("123456"), "123 456");
    }

    #[test]
    fn a_ticket_is_read_however_it_was_broken_and_no_further() {
        let secret = [7; 16];
        let addresses = vec!["kr.example:4433".to_owned()];
        let ticket = Ticket::with_secret(EconomyId([2; 32]), addresses, Timestamp::EPOCH, secret);
        let ticket = ticket.unwrap().to_line();
        let (front, rest) = ticket.split_at(60);
        let (middle, end) = rest.split_at(40);
        let middle = format!("  {}  ", middle.to_uppercase());
        let mut lines = [middle.as_str(), end, "of something else"].into_iter();
        let mut more = || Ok(lines.next().map(|line| Typed::new(line.to_owned())));
        let read = whole(front.to_owned(), &mut more).unwrap();
        assert_eq!(read.parse::<Ticket>(), ticket.parse::<Ticket>());
        assert_eq!(lines.next(), Some("of something else"));
        // What is no ticket is not waited for, and what is damaged ends.
        for first in ["123456", "comity-pair-2-abcd"] {
            let asked = whole(first.to_owned(), || panic!("{first}"));
            assert_eq!(asked.unwrap(), first);
        }
        assert_eq!(whole(front.to_owned(), || Ok(None)).unwrap(), front);
    }

    #[test]
    fn a_failed_pairing_is_a_refusal() {
        let ceremony = Ceremony {
            name: "JP".to_owned(),
            invited: true,
            used_up: true,
            not_open: false,
            state: "failed".to_owned(),
            digits: None,
            economy: None,
            problem: Some("the digits differ: somebody may be in between".to_owned()),
        };
        let failure = failed(&ceremony).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 77);
        assert!(failure.message.contains("somebody may be in between"));
        assert!(failure.next.unwrap().contains("partner invite"));
        // Whoever joins can make no ticket; one that nobody answered is good still.
        let unanswered = Ceremony { invited: false, used_up: false, ..ceremony };
        let answered = Ceremony { not_open: true, ..unanswered.clone() };
        let failure = failed(&unanswered).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 69);
        assert!(failure.next.unwrap().contains("good still"));
        // A node that answers runs, and is reached: the advice says nothing else.
        let failure = failed(&answered).unwrap_err();
        assert_eq!(failure.kind.exit_code(), 77);
        let next = failure.next.unwrap();
        assert!(next.contains("new ticket") && !next.contains("good still"), "{next}");
    }
}
