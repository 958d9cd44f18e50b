//! What a relay could try that holds KR's link key: change what it passes on, and pass on what it may not.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use comity_core::delivery::{Payload, Refused, release};
use comity_core::ledger::LedgerEntry;
use comity_core::policy::{self, Recipient};
use comity_core::receipt::RejectReason;
use comity_core::{Delivery, EconomyId, Marking, PartDigest, RecordId, Section, Tlp};
use comity_node::api::AlarmLine;
use comity_node::config::Config;
use comity_node::service::Service;
use comity_node::{Mode, Node, clock};

use super::journal::Journal;
use super::peer::{self, place};
use super::world::{World, until};

/// What came of it.
pub(super) struct Tried {
    /// JP's record with one byte changed.
    pub(super) tamper: anyhow::Result<String>,
    /// Indicators that JP did not address to FJ.
    pub(super) forward: anyhow::Result<String>,
}

/// What is tried, and what it would be known by.
struct Attempt {
    deliveries: Vec<Delivery>,
    /// The part that is changed.
    changed: PartDigest,
}

/// Tries both with records of JP: `fresh`, which FJ has not seen, and `known`, of which it has a part.
///
/// All nodes have ended. FJ runs again over a copy of its folder, so that nothing of this is in the books
/// that are left behind.
pub(super) async fn attempt(
    world: &World,
    fresh: &str,
    known: &str,
    scratch: &Path,
) -> anyhow::Result<Tried> {
    let copy = scratch.join("fj");
    copy_folder(&world.fj.folder, &copy)?;
    let (fresh_id, known_id): (RecordId, RecordId) = (fresh.parse()?, known.parse()?);
    let kr = Journal::open(&world.kr.folder)?;
    let own_rules = own_rules(&kr, &known_id, world.fj.id);
    let attempt = attempts(&kr, &fresh_id, &known_id, world.fj.id)?;
    let numbers: Vec<u64> = attempt.deliveries.iter().map(|one| one.entry().number).collect();
    let fj = Node::start(&copy, None, Mode::Running)?;
    let service = fj.service();
    let address = Config::read(&copy)?.listen.address;
    let refused = peer::deliver(world, &kr, address, attempt.deliveries).await;
    let refused_for = |reason: RejectReason, number: Option<&u64>| {
        let list = refused.as_ref().map_err(|error| anyhow!("{error:#}"))?;
        let is = list.iter().any(|one| Some(&one.0) == number && one.1 == reason);
        ensure!(is, "FJ did not refuse it as expected: {list:?}");
        Ok(())
    };
    let tamper = match refused_for(RejectReason::BadPart, numbers.first()) {
        Ok(()) => named(&service, &attempt.changed, fresh).await,
        Err(error) => Err(error),
    };
    let forward = match refused_for(RejectReason::NotAddressed, numbers.get(1)) {
        Ok(()) => own_rules.and(alarm(&service, "rejected").await.map(|alarm| alarm.text)),
        Err(error) => Err(error),
    };
    drop(service);
    fj.stop(Duration::from_secs(1)).await;
    Ok(Tried { tamper, forward })
}

/// FJ's alarm names the partner and the part, and the record did not enter.
async fn named(fj: &Service, part: &PartDigest, record: &str) -> anyhow::Result<String> {
    let alarm = alarm(fj, "bad-part").await?;
    ensure!(alarm.text.contains(&part.short()), "the alarm does not name the part: {}", alarm.text);
    ensure!(alarm.partner.as_deref() == Some("KR"), "the alarm does not name KR");
    ensure!(fj.show(record, false).await.is_err(), "FJ took the record");
    Ok(alarm.text)
}

async fn alarm(fj: &Service, code: &str) -> anyhow::Result<AlarmLine> {
    until("FJ's alarm", fj, async |service| {
        let alarms = service.status().await?.alarms;
        Ok(alarms.into_iter().find(|alarm| alarm.code == code))
    })
    .await
}

/// A delivery to be changed on its way, and one that no policy of KR's would make.
fn attempts(
    kr: &Journal,
    fresh: &RecordId,
    known: &RecordId,
    to: EconomyId,
) -> anyhow::Result<Attempt> {
    let honest = honest(kr, fresh, to)?;
    let changed = honest.parts().iter().find(|(_, body)| place(body).is_some());
    let changed = changed.map(|(digest, _)| *digest);
    let changed = changed.ok_or_else(|| anyhow!("no part to change"))?;
    let lied = lied(kr, known, to, honest.entry().number.saturating_add(1))?;
    Ok(Attempt { deliveries: vec![honest, lied], changed })
}

/// What KR would send, decided by KR's own policy.
fn honest(kr: &Journal, record: &RecordId, to: EconomyId) -> anyhow::Result<Delivery> {
    let (state, now) = (&kr.state, clock::now());
    let held = state.record(record).ok_or_else(|| anyhow!("KR does not hold JP's record"))?;
    let partner = state.partner(&to).ok_or_else(|| anyhow!("KR does not know FJ"))?;
    let plan = state.plan(held, &to, now);
    let obligations =
        plan.obligations().ok_or_else(|| anyhow!("KR releases nothing of it to FJ"))?;
    let mut numbered = partner.out.entries().filter_map(|one| one.entry.as_ref());
    let entry = numbered.rfind(|entry| entry.record == *record);
    let entry = entry.cloned().unwrap_or_else(|| LedgerEntry {
        epoch: partner.out.epoch(),
        number: partner.out.next_number(),
        record: *record,
        parts: plan.releases().to_vec(),
        obligations: obligations.clone(),
        salt: [0; 16],
    });
    let facts = state.facts_for(held, &to);
    let payload = payload(kr, entry)?;
    let recipient = Recipient::partner(to);
    Ok(release(state.policy(), &facts, &held.parts, &recipient, now, payload)?)
}

/// JP's indicators alone, by a KR that lies to itself about what it holds: its own, CLEAR, for everybody.
fn lied(kr: &Journal, record: &RecordId, to: EconomyId, number: u64) -> anyhow::Result<Delivery> {
    let (state, now) = (&kr.state, clock::now());
    let held = state.record(record).ok_or_else(|| anyhow!("KR does not hold JP's record"))?;
    let partner = state.partner(&to).ok_or_else(|| anyhow!("KR does not know FJ"))?;
    let mut facts = state.facts_for(held, &to).into_owned();
    facts.addressed = false;
    facts.addressees.clear();
    facts.source = policy::Source::Own;
    facts.floor = Marking::new(Tlp::Clear);
    let mut parts = held.parts.clone();
    parts.retain(|part| part.section == Section::Indicators);
    parts.iter_mut().for_each(|part| part.marking = Marking::new(Tlp::Clear));
    let recipient = Recipient::partner(to);
    let plan = policy::plan(state.policy(), &facts, &parts, &recipient, now);
    let obligations = plan.obligations().ok_or_else(|| anyhow!("even so it does not go"))?;
    let entry = LedgerEntry {
        epoch: partner.out.epoch(),
        number,
        record: *record,
        parts: plan.releases().to_vec(),
        obligations: obligations.clone(),
        salt: [0; 16],
    };
    let payload = payload(kr, entry)?;
    Ok(release(state.policy(), &facts, &parts, &recipient, now, payload)?)
}

/// KR's own rules do not make a delivery of JP's indicators for FJ.
fn own_rules(kr: &Journal, record: &RecordId, to: EconomyId) -> anyhow::Result<()> {
    let (state, now) = (&kr.state, clock::now());
    let held = state.record(record).ok_or_else(|| anyhow!("KR does not hold JP's record"))?;
    let lied = lied(kr, record, to, u64::MAX)?;
    let payload = payload(kr, lied.entry().clone())?;
    let facts = state.facts_for(held, &to);
    let recipient = Recipient::partner(to);
    let made = release(state.policy(), &facts, &held.parts, &recipient, now, payload);
    let refused = matches!(made, Err(Refused::NotReleased | Refused::OtherParts));
    ensure!(refused, "KR's own decision makes a delivery of it");
    Ok(())
}

fn payload(kr: &Journal, entry: LedgerEntry) -> anyhow::Result<Payload> {
    let (signed, mut bodies) = kr.bytes(&entry.record)?;
    bodies.retain(|(digest, _)| entry.parts.contains(digest));
    bodies.sort_by_key(|(digest, _)| *digest);
    Ok(Payload { entry, signed, bodies })
}

/// Copies a node's folder, links and sockets left out.
fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
