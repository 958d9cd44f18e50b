//! The machine: keys, clock, port, disk.

use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use comity_admin::{Failure, ask};
use comity_core::Timestamp;
use comity_node::api::{
    ListRequest, RecordDetail, RecordLine, RetentionDueRequest, RetentionLine, Status,
};
use comity_node::clock;
use comity_node::founding::{NEXT_ROOT_KEYS, NODE_KEYS, ROOT_KEYS};
use comity_node::keyfile::{self, Form, KeyFileError};

use super::Finding;
use crate::backend::{Backend, Session};
use crate::local;
use crate::screen::format::{counted, size};

/// Clocks may differ by so much: the tolerance of signing times.
const TOLERANCE: Duration = Duration::from_secs(600);
/// 2026-01-01: this program is younger.
const YOUNGEST: Timestamp = Timestamp::from_secs(1_767_225_600);
/// 2100-01-01.
const OLDEST: Timestamp = Timestamp::from_secs(4_102_444_800);

pub(super) fn keys(folder: &Path) -> Vec<Finding> {
    let node = folder.join(NODE_KEYS);
    let mut findings = vec![match keyfile::inspect(&node) {
        Ok(Form::Encrypted(_)) => Finding::fine("keys", "encrypted, closed to others"),
        Ok(Form::Plain) => Finding::note(
            "keys",
            "closed to others, not encrypted: whoever reads this disk has them",
            "keep the disk itself encrypted",
        ),
        Err(error) => Finding::of_failure("keys", &local::refused(error)),
    }];
    for name in [ROOT_KEYS, NEXT_ROOT_KEYS] {
        let path = folder.join(name);
        match keyfile::inspect(&path) {
            Err(KeyFileError::Missing(_)) => {}
            Err(error) => findings.push(Finding::of_failure("root keys", &local::refused(error))),
            Ok(_) => findings.push(Finding::note(
                "root keys",
                format!("{} is on this machine, and is not needed to run", path.display()),
                match name {
                    NEXT_ROOT_KEYS => "move it to a safe place, away from the root keys: it is needed only to replace them, after a theft without them",
                    _ => "move it to a safe place; bring it back to renew keys",
                },
            )),
        }
    }
    findings
}

/// Whether what this node signs counts.
pub(super) fn desk(status: &Status) -> Option<Finding> {
    let problem = status.desk_problem.as_ref()?;
    Some(Finding::wrong("desk key", problem, status.desk_next.as_deref().unwrap_or_default()))
}

/// Whether somebody else signs with our root keys.
pub(super) fn root(status: &Status) -> Option<Finding> {
    let problem = status.root_problem.as_ref()?;
    Some(Finding::wrong("root keys", problem, status.root_next.as_deref().unwrap_or_default()))
}

/// Whether partners still hear that our keyring is the newest.
pub(super) fn unsaid(status: &Status, comity: &str) -> Option<Finding> {
    let said = status.keyring_unsaid.as_ref()?;
    let what = format!(
        "this node last said at {said} that its keyring is the newest: a fortnight after that partners pass on nothing that it signs"
    );
    let mend = format!(
        "let the node run, with the right time, and read why it cannot say so: the alarm own-keyring-unsaid in its log; {comity} status"
    );
    Some(Finding::wrong("keyring", what, mend))
}

/// Whether partners have heard of a keyring of ours that is not here.
pub(super) fn forgotten(status: &Status, comity: &str) -> Option<Finding> {
    let named = status.keyring_forgotten.as_ref()?;
    let what = format!(
        "partners have heard that our keyring is version {named}, and version {} is the newest here: they pass on nothing that this node signs",
        status.keyring
    );
    let mend = format!(
        "where the journal was put back: {comity} restore --here, with the node stopped; where the key of the links may be in foreign hands: {comity} key rotate --compromised"
    );
    Some(Finding::wrong("keyring", what, mend))
}

/// Whether anybody could approve what takes a second person.
pub(super) fn approvers(status: &Status, comity: &str) -> Option<Finding> {
    let waiting = match status.awaiting_approval {
        0 => String::new(),
        many => format!("; {} for one", counted(many, "record waits", "records wait")),
    };
    if status.waiting_for_nobody > 0 && status.approvers.is_some_and(|many| many > 0) {
        let many = counted(status.waiting_for_nobody, "record", "records");
        let what =
            format!("{many} that takes a second person may be approved by nobody who is here");
        return Some(Finding::wrong("approval", what, format!("{comity} approvals says why")));
    }
    Some(match status.approvers? {
        0 => {
            let what = format!("some records take a second person, and there is none{waiting}");
            Finding::wrong("approval", what, format!("{comity} staff add NAME --role approver"))
        }
        many => {
            let approvers = counted(many, "approver", "approvers");
            Finding::fine("approval", format!("{approvers}{waiting}"))
        }
    })
}

/// How far ahead it is said what goes by itself.
const GOES_SOON: &str = "7 days";

/// What goes soon; where nothing goes by itself, whether something is here for longer than it may be.
pub(super) fn over_term(
    session: &Session,
    backend: &Backend,
    comity: &str,
) -> Result<Option<Finding>, Failure> {
    let automatic = backend.config.retention.automatic;
    let within = if automatic { GOES_SOON } else { "0 s" };
    let asked = RetentionDueRequest { within: within.to_owned() };
    let mut due: Vec<RetentionLine> = session.call("/retention-due", &asked)?;
    due.retain(|line| line.stays.is_none());
    let agreed = due.iter().filter(|line| line.agreed).count() as u64;
    let (parts, mend) =
        (counted(due.len() as u64, "part", "parts"), format!("{comity} retention due"));
    Ok(match (due.len(), agreed) {
        (0, _) => None,
        _ if automatic => {
            let what = format!("the term of {parts} ends within {GOES_SOON}; then it is erased");
            let mend = format!(
                "{comity} retention due --within 7d; {comity} hold add REFERENCE keeps one"
            );
            Some(Finding::note("retention", what, mend))
        }
        (_, 0) => {
            let what = format!("{parts} here for longer than the term that you set");
            Some(Finding::note("retention", what, mend))
        }
        (_, agreed) => {
            let what = format!(
                "{parts} here for longer than the term, {agreed} against what was agreed with a partner"
            );
            Some(Finding::wrong("retention", what, mend))
        }
    })
}

/// Whether keys count that nobody here answers for.
pub(super) fn unclaimed(status: &Status, comity: &str) -> Option<Finding> {
    let many = Some(status.unclaimed_keys).filter(|many| *many > 0)?;
    let keys = counted(many, "key", "keys");
    let what = format!(
        "{keys} of the staff counts, and nothing here says whose: the journal was put back to before it was made"
    );
    Some(Finding::wrong(
        "staff",
        what,
        format!("{comity} staff list; {comity} staff recognise KEY NAME ends it"),
    ))
}

/// Whether the journal is this node's: one of another economy, or one older than the keys, looks whole.
pub(super) fn identity(backend: &Backend, status: &Status, comity: &str) -> Option<Finding> {
    let ours = &backend.config.economy.code;
    if *ours != status.code {
        let what = format!(
            "the journal is that of {} ({}), and comity.toml calls this node {ours}",
            status.code, status.economy
        );
        let mend = format!(
            "{comity} restore DIR, with a backup of {ours}; or correct economy.code in comity.toml"
        );
        return Some(Finding::wrong("identity", what, mend));
    }
    if let Some(id) = backend.config.economy.id.filter(|id| id.to_string() != status.economy) {
        let what = format!(
            "the journal is that of {} ({}), and comity.toml says that this node is {id}",
            status.code, status.economy
        );
        let mend = format!(
            "{comity} restore DIR, with a backup of {ours} ({id}); or correct economy.id in comity.toml"
        );
        return Some(Finding::wrong("identity", what, mend));
    }
    if status.link_key_granted == Some(false) && status.recovering.is_some() {
        let what = format!(
            "the backup that was restored is older than the link key in {}, which it does not grant",
            backend.folder.display()
        );
        // Another version of the keyring beside the one that partners have freezes this economy.
        let mend = format!(
            "bring back keys/keyring from where you keep the keys, and start the node; or {comity} restore DIR, with a backup from after the key was renewed; do not renew it again: partners would meet two keyrings of one version, and take nothing of this economy any more"
        );
        return Some(Finding::wrong("identity", what, mend));
    }
    if status.link_key_granted.is_none() && status.recovering.is_some() {
        return Some(Finding::note(
            "identity",
            "the keys are encrypted: whether the journal that was restored grants them shows when the node starts",
            format!(
                "{comity} run; if it refuses because of its link key, bring back keys/keyring from where you keep the keys"
            ),
        ));
    }
    if status.link_key_granted == Some(false) {
        let what = format!(
            "the keys in {} are not those of the journal, which is that of {} ({})",
            backend.folder.display(),
            status.code,
            status.economy
        );
        let mend = "bring back the keys or the journal that belong together";
        return Some(Finding::wrong("identity", what, mend));
    }
    None
}

/// Whether the node that answers is over this folder. In a copy of a folder, comity.toml names the socket of the
/// one that it was copied from, where that is written down there.
pub(super) fn elsewhere(backend: &Backend, status: &Status) -> Option<Finding> {
    let ours = std::fs::canonicalize(&backend.folder).ok()?.display().to_string();
    if !status.running || status.folder.is_empty() || status.folder == ours {
        return None;
    }
    let what = format!(
        "the node that answers at {} runs over {}, and not over {ours}: what it says is not of this folder, which may be a copy of that one",
        backend.config.admin.socket.display(),
        status.folder
    );
    let mend = "correct admin.socket and store.folder in comity.toml; and never run a copy: partners would meet two nodes with one key";
    Some(Finding::wrong("folder", what, mend))
}

/// The clock against the calendar, and against what happened here before.
pub(super) fn clock(session: &Session) -> Result<Finding, Failure> {
    let alone = clock_alone();
    if alone.verdict != super::Verdict::Fine {
        return Ok(alone);
    }
    let asked = ListRequest { control: true, limit: 1, ..ListRequest::default() };
    let newest: Vec<RecordLine> = session.call("/list", &asked)?;
    let Some(newest) = newest.first() else { return Ok(alone) };
    let now = clock::now();
    let Ok(entered) = newest.entered_at.parse::<Timestamp>() else { return Ok(alone) };
    if entered.since(now) > TOLERANCE {
        return Ok(Finding::wrong(
            "clock",
            format!("it says {now}, and {} entered here at {entered}", newest.reference),
            "timedatectl set-ntp true",
        ));
    }
    against_partners(session, &newest.record, alone)
}

/// What the node itself says of the system's clock.
pub(super) fn clock_held(status: &Status) -> Option<Finding> {
    let problem = status.clock_problem.as_ref()?;
    Some(Finding::wrong("clock", problem, status.clock_next.as_deref().unwrap_or_default()))
}

/// A partner's record that came signed in our future says that one of two clocks is wrong.
fn against_partners(session: &Session, newest: &str, fine: Finding) -> Result<Finding, Failure> {
    let asked = ask::Show { record: newest.to_owned(), content: false };
    let detail: RecordDetail = session.call("/show", &asked)?;
    let line = &detail.line;
    let (Ok(signed), Ok(entered)) =
        (line.signed_at.parse::<Timestamp>(), line.entered_at.parse::<Timestamp>())
    else {
        return Ok(fine);
    };
    if line.source != "own" && signed.since(entered) > TOLERANCE {
        let what = format!(
            "{} came from {} signed at {signed}, by our clock at {entered}",
            line.reference, line.source
        );
        return Ok(Finding::wrong(
            "clock",
            what,
            "timedatectl; and ask the partner to look as well",
        ));
    }
    Ok(fine)
}

/// The clock against the calendar.
pub(super) fn clock_alone() -> Finding {
    against_calendar(clock::now())
}

fn against_calendar(now: Timestamp) -> Finding {
    if (YOUNGEST..OLDEST).contains(&now) {
        Finding::fine("clock", now.to_string())
    } else {
        let what = format!("it says {now}, which cannot be: signatures would not be believed");
        Finding::wrong("clock", what, "timedatectl set-ntp true")
    }
}

pub(super) fn port(backend: &Backend, running: bool, comity: &str) -> Finding {
    let address = backend.config.listen.address;
    if running {
        return Finding::fine("port", format!("the node listens on {address}"));
    }
    match UdpSocket::bind(address) {
        Ok(_) => Finding::note(
            "port",
            format!("{address} is free, and the node does not run"),
            format!("{comity} run"),
        ),
        Err(error) => Finding::wrong(
            "port",
            format!("UDP {address} cannot be used: {error}"),
            "see who has it: ss -lunp. If it is the node that this folder was copied from, leave it: a copy is not run, for partners would meet two nodes with one key. Else end it, or change listen.address in comity.toml",
        ),
    }
}

/// Whether invitations can say where we are.
pub(super) fn reachable(backend: &Backend) -> Option<Finding> {
    if backend.config.reachable_at().is_empty() {
        return Some(Finding::note(
            "address",
            "invitations cannot say where this node is",
            "set listen.public in comity.toml",
        ));
    }
    None
}

pub(super) fn disk(backend: &Backend) -> Finding {
    let folder = &backend.config.store.folder;
    let keep = backend.config.store.keep_free;
    match rustix::fs::statvfs(folder.as_path()) {
        Err(error) => {
            let what = format!("`{}` cannot be looked at: {error}", folder.display());
            Finding::wrong("disk", what, "comity restore DIR, if the data is lost")
        }
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if free < keep {
                let what = format!(
                    "{} free, and nothing is taken in below {} (store.keep-free)",
                    size(free),
                    size(keep)
                );
                Finding::wrong("disk", what, format!("free some space: df -h {}", folder.display()))
            } else {
                Finding::fine("disk", format!("{} free", size(free)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_far_off_is_found() {
        let verdict = |at: &str| against_calendar(at.parse().unwrap()).verdict;
        assert_eq!(verdict("2026-11-21T22:00:00Z"), Verdict::Fine);
        for wrong in ["1970-01-01T00:00:07Z", "2025-12-31T23:59:59Z", "2106-02-07T06:28:15Z"] {
            assert_eq!(verdict(wrong), Verdict::Wrong, "{wrong}");
        }
    }
}
