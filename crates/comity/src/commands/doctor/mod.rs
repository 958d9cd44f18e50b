//! `comity doctor`: what is wrong, and the command that mends it.

mod backups;
mod clocks;
mod emergencies;
mod machine;
mod partners;

use std::io::{self, Write};

use comity_admin::Failure;
use comity_node::api::Status;
use serde::Serialize;

use super::Context;
use crate::backend::Keys;
use crate::folder;
use crate::screen::{printable, the_answer_is_no};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    /// As it should be.
    Fine,
    /// Nothing to be done at once; a person should know.
    Note,
    /// It wants a person.
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    /// `keys`, `clock`, `port`, `disk`, `data`, or a partner's name.
    about: String,
    verdict: Verdict,
    what: String,
    /// The command or the act that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
}

impl Finding {
    fn fine(about: &str, what: impl Into<String>) -> Self {
        Self { about: about.to_owned(), verdict: Verdict::Fine, what: what.into(), mend: None }
    }

    fn note(about: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self { about: about.to_owned(), verdict: Verdict::Note, what: what.into(), mend }
    }

    fn wrong(about: &str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        let mend = Some(mend.into());
        Self { about: about.to_owned(), verdict: Verdict::Wrong, what: what.into(), mend }
    }

    fn of_failure(about: &str, failure: &Failure) -> Self {
        let verdict = Verdict::Wrong;
        Self {
            about: about.to_owned(),
            verdict,
            what: failure.message.clone(),
            mend: failure.next.clone(),
        }
    }
}

pub(super) fn run(context: &mut Context<'_>) -> Result<(), Failure> {
    let backend = context.backend()?;
    let comity = context.comity();
    let mut findings = vec![Finding::fine("configuration", "understood")];
    findings.extend(machine::keys(&backend.folder));
    findings.push(machine::disk(&backend));
    let running = match backend.running() {
        Ok(client) => client.is_some(),
        Err(failure) => {
            findings.push(Finding::of_failure("socket", &failure));
            return report(&findings, context);
        }
    };
    findings.push(machine::port(&backend, running, &comity));
    findings.extend(machine::reachable(&backend));
    match backend.session(Keys::Reading, &context.asker) {
        Ok(session) => {
            let status: Status = session.call("/status", &())?;
            if let Some(elsewhere) = machine::elsewhere(&backend, &status) {
                findings.push(elsewhere);
                return report(&findings, context);
            }
            let identity = machine::identity(&backend, &status, &comity);
            // With another economy's journal the key in it is another's as well.
            findings.extend(identity.or_else(|| machine::desk(&status)));
            findings.extend(machine::root(&status));
            findings.extend(machine::unsaid(&status, &comity));
            findings.extend(machine::forgotten(&status, &comity));
            findings.extend(machine::approvers(&status, &comity));
            findings.extend(machine::unclaimed(&status, &comity));
            findings.extend(emergencies::look(&status, &backend.zones(), &comity));
            let clock = machine::clock_held(&status).map_or_else(|| machine::clock(&session), Ok);
            let zones = backend.zones();
            let looked = clock.and_then(|clock| {
                Ok((clock, partners::look(&session, &status, &zones, running, &comity)?))
            });
            match looked {
                Ok((clock, partners)) => {
                    findings.push(clock);
                    findings.extend(backups::look(&session)?);
                    findings.extend(machine::over_term(&session, &backend, &comity)?);
                    findings.extend(partners);
                }
                // What is of the machine is said to whoever has it.
                Err(failure) if failure.code == "nobody-named" => {
                    let held = machine::clock_held(&status);
                    findings.push(held.unwrap_or_else(machine::clock_alone));
                    let what = "not looked at: this node has staff, and nobody is named";
                    findings.push(Finding::note(
                        "partners",
                        what,
                        format!("{comity} --staff NAME doctor"),
                    ));
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(failure) => {
            findings.push(machine::clock_alone());
            findings.push(Finding::of_failure("data", &failure));
        }
    }
    report(&findings, context)
}

fn report(findings: &[Finding], context: &mut Context<'_>) -> Result<(), Failure> {
    let hint = |finding: &Finding| Finding {
        mend: finding.mend.as_deref().map(|mend| folder::hint(mend, context.data)),
        ..finding.clone()
    };
    let findings = &findings.iter().map(hint).collect::<Vec<_>>();
    context.screen.answer(&findings, |out| write(findings, out))?;
    if findings.iter().any(|finding| finding.verdict == Verdict::Wrong) {
        return Err(the_answer_is_no());
    }
    Ok(())
}

fn write(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let width = findings.iter().map(|finding| finding.about.chars().count()).max().unwrap_or(0);
    for finding in findings {
        let mark = match finding.verdict {
            Verdict::Fine => "ok",
            Verdict::Note => "- ",
            Verdict::Wrong => "! ",
        };
        let about = printable(&finding.about);
        for (index, line) in finding.what.lines().enumerate() {
            match index {
                0 => writeln!(out, "{mark} {about:width$}  {}", printable(line))?,
                _ => writeln!(out, "   {:width$}  {}", "", printable(line))?,
            }
        }
        if let Some(mend) = &finding.mend {
            writeln!(out, "   {:width$}  -> {}", "", printable(mend))?;
        }
    }
    let wrong = findings.iter().filter(|finding| finding.verdict == Verdict::Wrong).count();
    match wrong {
        0 => writeln!(out, "Nothing is wrong."),
        1 => writeln!(out, "1 thing wants a person."),
        wrong => writeln!(out, "{wrong} things want a person."),
    }
}
