//! Publishing, waiting for what the preview promised, and holding the books against it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_core::EconomyId;
use comity_core::ledger::LedgerEntry;
use comity_core::receipt::UnverifiedReceipt;
use comity_node::api::{AuditDelivery, AuditWho, Event, PublishRequest, Published};
use comity_node::audit_file;
use comity_node::service::Service;

use super::records;
use super::report::{Partner, Report, Told};
use super::world::{Economy, World, until};

/// Records by which the time to a receipt is measured.
const SAMPLES: usize = 60;

/// Publishes, and takes note of what the preview says.
pub(super) async fn publish(
    report: &mut Report,
    from: &Economy,
    request: PublishRequest,
) -> anyhow::Result<Published> {
    let title = request.title.clone();
    let request = PublishRequest { preview: true, ..request };
    let published = from.service()?.publish(request).await;
    let published = published.with_context(|| format!("{} cannot publish `{title}`", from.code))?;
    let preview = published.preview.as_ref().context("no preview, and it was asked for")?;
    report.predict(from.code, preview);
    Ok(published)
}

/// Waits until everything that was to go has gone and is receipted, and compares.
pub(super) async fn settle(
    report: &mut Report,
    world: &World,
    from: &Economy,
    record: &str,
) -> anyhow::Result<AuditWho> {
    let expected = report.recipients(record, from.code);
    let service = from.service()?;
    let waited = until("a receipt", &service, async |service| {
        let audit = service.audit_who(record).await?;
        let there = |name: &String| {
            let mut told = audit.deliveries.iter().filter(|told| told.partner == *name).peekable();
            told.peek().is_some() && told.all(|told| told.signed_receipt.is_some())
        };
        Ok(expected.iter().all(there).then_some(audit))
    });
    // What did not come is not a reason to stop: the comparison shows it.
    let audit = match waited.await {
        Ok(audit) => audit,
        Err(_late) => service.audit_who(record).await?,
    };
    report.compare(from.code, &audit);
    for told in &audit.deliveries {
        let valid = receipt_is_valid(told, from.id, world.by_code(&told.partner)?);
        report.delivered(from.code, record, told, valid.unwrap_or(false));
    }
    Ok(audit)
}

/// Whether the partner's link key signed that it holds this entry.
fn receipt_is_valid(
    told: &AuditDelivery,
    us: EconomyId,
    partner: &Economy,
) -> anyhow::Result<bool> {
    let signed = told.signed_receipt.as_ref().ok_or_else(|| anyhow!("no receipt"))?;
    let unverified = UnverifiedReceipt::parse(&STANDARD.decode(signed)?)?;
    let by_link_key = unverified.key() == partner.key("link")?.id();
    let receipt = unverified.verify(partner.id, us)?;
    let entry = STANDARD.decode(&told.entry)?;
    let entry = LedgerEntry::read(&mut comity_core::cbor::Reader::new(&entry))?;
    let chain = told.chain.as_ref().ok_or_else(|| anyhow!("no links to the receipt"))?;
    let links = audit_file::links(chain).map_err(|place| anyhow!("link {place} is none"))?;
    let covers = links.lead(&entry)? == (receipt.epoch, receipt.upto);
    Ok(by_link_key && covers && entry.parts.len() == told.parts.len())
}

/// Takes note of who is bound to whom.
pub(super) async fn partners(report: &mut Report, world: &World) -> anyhow::Result<()> {
    for economy in world.all() {
        for line in economy.service()?.partners().await? {
            report.partners.push(Partner {
                of: economy.code.to_owned(),
                partner: line.name,
                economy: line.economy,
                bond: line.bond,
                introduced_by: line.introduced_by,
                level: line.level,
                agreements: line.agreements,
            });
        }
    }
    Ok(())
}

/// The answer to "who did we tell?".
pub(super) fn told(audit: &AuditWho) -> Vec<Told> {
    let line = |told: &AuditDelivery| Told {
        partner: told.partner.clone(),
        at: told.at.clone(),
        sections: told.sections.clone(),
        state: told.state.clone(),
    };
    let mut lines: Vec<_> = audit.deliveries.iter().map(line).collect();
    for line in &mut lines {
        line.sections.sort_unstable_by(|one, other| other.cmp(one));
    }
    lines.sort_by(|one, other| other.partner.cmp(&one.partner));
    lines
}

/// How long a record takes until the partner has it durably, and until its receipt is kept here.
pub(super) async fn measure(report: &mut Report, world: &World) -> anyhow::Result<()> {
    let (kr, jp) = (world.kr.service()?, world.jp.service()?);
    let (mut stored, mut receipted) = (Vec::new(), Vec::new());
    let mut there = jp.watch();
    let mut here = kr.watch();
    for nth in 0..SAMPLES {
        let delivered = number_to(&kr, "JP").await?;
        let begun = Instant::now();
        let published = kr.publish(records::note("CLEAR", &format!("Drill {nth}"))).await?;
        let entered = |event: &Event| match event {
            Event::Record { record, .. } => record.record == published.record,
            Event::Delivery { .. }
            | Event::Receipt { .. }
            | Event::Link { .. }
            | Event::Alarm(_) => false,
        };
        wait(&mut there, entered).await?;
        stored.push(begun.elapsed());
        let covered = |event: &Event| match event {
            Event::Receipt { partner, upto, .. } => partner == "JP" && *upto > delivered,
            Event::Delivery { .. }
            | Event::Record { .. }
            | Event::Link { .. }
            | Event::Alarm(_) => false,
        };
        wait(&mut here, covered).await?;
        receipted.push(begun.elapsed());
    }
    report.measured.samples = SAMPLES;
    report.measured.p99_stored_ms = p99(stored);
    report.measured.p99_receipt_ms = p99(receipted);
    Ok(())
}

async fn number_to(service: &Service, partner: &str) -> anyhow::Result<u64> {
    let partners = service.partners().await?;
    Ok(partners.iter().find(|one| one.name == partner).map_or(0, |one| one.delivered))
}

async fn wait(
    events: &mut tokio::sync::broadcast::Receiver<Event>,
    mut which: impl FnMut(&Event) -> bool,
) -> anyhow::Result<()> {
    let found = async {
        loop {
            match events.recv().await {
                Ok(event) if which(&event) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(anyhow!("the node's events: {error}")),
            }
        }
    };
    tokio::time::timeout(super::world::DEADLINE, found).await?
}

fn p99(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let place = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
