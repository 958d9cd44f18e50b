//! `comity demo`: three economies on this machine, real advisories, real QUIC, one screen.

mod checks;
mod exchange;
mod journal;
mod kill;
mod page;
mod peer;
mod records;
mod report;
mod tamper;
mod world;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use comity_admin::{Failure, FailureKind};
use comity_core::RecordId;

use super::Context;
use crate::cli::Demo;
use crate::screen::{Screen, the_answer_is_no};
use journal::Journal;
use report::{Check, Report};
use world::World;

pub(super) fn run(demo: &Demo, context: &mut Context<'_>) -> Result<(), Failure> {
    let screen = &mut *context.screen;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(FailureKind::Internal, "runtime", error))?;
    if let Some(folder) = &demo.node {
        return runtime.block_on(kill::node(folder)).map_err(|error| failed(&error));
    }
    let base = Base::make(demo.keep.as_deref()).map_err(|error| {
        let message = format!("{error:#}");
        Failure::new(FailureKind::CannotCreate, "demo-folder", message)
            .next("comity demo --keep DIR, with a DIR that is not there yet, where this user may make one")
    })?;
    let report = runtime.block_on(demonstrate(base.path(), screen));
    let report = report.map_err(|error| failed(&error))?;
    screen.answer(&report, |out| page::write(&report, demo.keep.as_deref(), out))?;
    if report.is_good() { Ok(()) } else { Err(the_answer_is_no()) }
}

fn failed(error: &anyhow::Error) -> Failure {
    Failure::new(FailureKind::Internal, "demo", format!("{error:#}"))
}

/// Where the nodes' folders are.
enum Base {
    Kept(std::path::PathBuf),
    Scratch(tempfile::TempDir),
}

impl Base {
    fn make(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else { return Ok(Self::Scratch(tempfile::tempdir()?)) };
        std::fs::create_dir_all(keep).with_context(|| keep.display().to_string())?;
        for code in ["kr", "jp", "fj"] {
            let folder = keep.join(code);
            ensure!(!folder.exists(), "`{}` exists already", folder.display());
        }
        Ok(Self::Kept(std::path::absolute(keep)?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Scratch(folder) => folder.path(),
        }
    }
}

/// Everything, in order. What goes wrong in a check is in the report; other failures end it.
async fn demonstrate(base: &Path, screen: &Screen) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let progress = screen.progress("three economies pair and sign", None);
    let mut report = Report::default();
    let mut world = World::make(base).await?;
    exchange::partners(&mut report, &world).await?;

    let kr = world.kr.service()?;
    let advisory = records::advisory(&kr).await?;
    let (feed, rows) = records::sightings(&world, &kr).await?;
    report.rows = rows;
    let advisory = exchange::publish(&mut report, &world.kr, advisory).await?;
    let bank = exchange::publish(&mut report, &world.kr, records::bank()).await?;
    let router = exchange::publish(&mut report, &world.kr, records::router()).await?;
    let feed = exchange::publish(&mut report, &world.kr, feed).await?;
    let port = exchange::publish(&mut report, &world.jp, records::port(1)).await?;
    for record in [&advisory, &bank, &router, &feed] {
        let audit = exchange::settle(&mut report, &world, &world.kr, &record.record).await?;
        if record.record == bank.record {
            report.told = exchange::told(&audit);
        }
    }
    exchange::settle(&mut report, &world, &world.jp, &port.record).await?;
    report.predict("KR", &kr.preview(&port.record).await?);
    exchange::settle(&mut report, &world, &world.kr, &port.record).await?;
    progress.at(1);
    exchange::measure(&mut report, &world).await?;
    drop(kr);

    let relayed = checks::relay(&world, &port.record).await;
    let forwarded = checks::forward(&world, &port.record).await;
    let ends = checks::mou_ends(&mut report, &world, &feed.record).await;
    report.check("MoU ends", "next GREEN held; withdrawal still delivered", ends);
    progress.at(2);
    let killed = kill::kill(&mut world).await;
    let (burst, killed) = match killed {
        Ok((burst, detail)) => (burst, Ok(detail)),
        Err(error) => (Vec::new(), Err(error)),
    };
    progress.at(3);
    let second = last_words(&mut world).await;
    world.stop().await;
    let tried = match &second {
        Ok(fresh) => tried(&world, fresh, &port.record).await,
        Err(error) => Err(anyhow::anyhow!("{error:#}")),
    };
    let (tampered, offered) = match tried {
        Ok(tried) => (tried.tamper, tried.forward),
        Err(error) => (Err(anyhow::anyhow!("{error:#}")), Err(error)),
    };
    report.check("tamper", "relay changes one byte: FJ refuses, names the part", tampered);
    let forwarded = forwarded.and_then(|why| Ok(format!("KR: {why}; FJ: {}", offered?)));
    report.check("forward", "JP's indicators offered to FJ: not addressed", forwarded);
    let books = books(&mut report, &world, &burst);
    let killed = killed.and_then(|detail| books.map(|()| detail));
    let at_fj = |one: &report::Delivery| one.record == port.record && one.to == "FJ";
    let relayed = relayed.and_then(|detail| {
        let signed =
            report.deliveries.iter().find(|one| at_fj(one)).is_some_and(|one| one.signature_valid);
        ensure!(signed, "JP's signature does not verify at FJ");
        Ok(detail)
    });
    report.check("relay", "JP record via KR, detail withheld: FJ verifies JP's signature", relayed);
    report.check("kill -9", "KR mid-delivery: nothing lost, nothing twice", killed);
    sort(&mut report.checks);
    report.measured.seconds = begun.elapsed().as_secs_f64();
    Ok(report)
}

/// The MoU is signed again, and JP publishes a record that KR has not passed on yet when all nodes end.
async fn last_words(world: &mut World) -> anyhow::Result<String> {
    world.renew().await?;
    world.fj.stop().await;
    let published = world.jp.service()?.publish(records::port(2)).await?;
    world::until("JP's second record at KR", &world.kr.service()?, async |service| {
        Ok(service.show(&published.record, false).await.ok())
    })
    .await?;
    Ok(published.record)
}

async fn tried(world: &World, fresh: &str, known: &str) -> anyhow::Result<tamper::Tried> {
    let scratch = tempfile::tempdir()?;
    tamper::attempt(world, fresh, known, scratch.path()).await
}

/// All nodes have ended: signatures are verified from what lies on the receivers' disks, and the
/// ledgers are compared.
fn books(report: &mut Report, world: &World, burst: &[String]) -> anyhow::Result<()> {
    let [kr, jp, fj] = world.all();
    let journals = [
        (kr, Journal::open(&kr.folder)?),
        (jp, Journal::open(&jp.folder)?),
        (fj, Journal::open(&fj.folder)?),
    ];
    let of = |code: &str| journals.iter().find(|(economy, _)| economy.code == code);
    for delivery in &mut report.deliveries {
        let origin = report.records.iter().find(|record| record.record == delivery.record);
        let origin = origin.map(|record| world.by_code(&record.from)).transpose()?;
        let (Some(origin), Some((_, journal))) = (origin, of(&delivery.to)) else { continue };
        let id: RecordId = delivery.record.parse()?;
        delivery.signature_valid = journal.verify(&id, origin.key("desk")?.id()).is_ok();
        report.measured.bytes += report
            .records
            .iter()
            .filter(|record| record.record == delivery.record)
            .flat_map(|record| &record.parts)
            .filter(|part| delivery.parts_released.contains(&part.part))
            .map(|part| part.size)
            .sum::<u64>();
    }
    let desk = kr.key("desk")?.id();
    for (economy, journal) in &journals {
        for id in burst {
            let id: RecordId = id.parse()?;
            let times = journal.entered(&id);
            ensure!(times == 1, "{} holds record {} {times} times", economy.code, id.short());
            journal.verify(&id, desk)?;
        }
        for (other, theirs) in &journals {
            let agree = journal.agrees(&other.id, theirs, &economy.id);
            ensure!(agree, "the ledger of {} to {} differs between them", economy.code, other.code);
        }
    }
    Ok(())
}

/// In the order of the screen.
fn sort(checks: &mut [Check]) {
    const ORDER: [&str; 5] = ["relay", "tamper", "forward", "MoU ends", "kill -9"];
    checks.sort_by_key(|check| ORDER.iter().position(|name| *name == check.name));
}
