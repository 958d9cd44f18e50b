//! KR as a process of its own, killed while it delivers.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, anyhow, bail, ensure};
use comity_node::api::ListRequest;
use comity_node::service::Service;
use comity_node::{Mode, Node};

use super::records;
use super::world::{World, linked, until};

/// Records after whose acknowledgement the process is killed.
const ACKNOWLEDGED: usize = 120;
/// Records that the process publishes at most.
const BURST: usize = 4_000;
/// How their titles begin.
const BURST_TITLE: &str = "Burst";
/// Kills at most, until one of them finds a delivery under way: on an idle machine all may have arrived.
const KILLS: usize = 8;
/// Publications at once.
const WRITERS: usize = 8;

/// Ends the process however the check goes.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs KR in another process, kills it in the middle of a burst, starts it again here. The records of
/// the burst. Killed while nothing is under way, it has shown nothing, and is killed again.
pub(super) async fn kill(world: &mut World) -> anyhow::Result<(Vec<String>, String)> {
    world.kr.stop().await;
    let killed = killed_under_way(world).await;
    // Whatever happened to the process, the node goes on.
    world.kr.start()?;
    let (acknowledged, late) = killed?;
    let kr = world.kr.service()?;
    for partner in ["JP", "FJ"] {
        linked(&kr, partner).await?;
    }
    let own = notes(&kr).await?;
    ensure!(
        acknowledged.iter().all(|id| own.contains(id)),
        "KR lost a record that it had acknowledged"
    );
    for (code, service) in [("JP", world.jp.service()?), ("FJ", world.fj.service()?)] {
        until("what KR still had to deliver", &service, async |service| {
            let there = notes(service).await?;
            Ok(own.iter().all(|id| there.contains(id)).then_some(()))
        })
        .await?;
        until("the acknowledgements", &kr, async |service| {
            let partners = service.partners().await?;
            Ok(partners.into_iter().find(|one| one.name == code && one.outstanding == 0))
        })
        .await?;
    }
    let detail = format!(
        "{} acknowledged, {} signed, {late} not yet at JP and FJ when it was killed",
        acknowledged.len(),
        own.len()
    );
    Ok((own.into_iter().collect(), detail))
}

/// Kills until something was under way. What was acknowledged before all kills, and how much of it had
/// not arrived everywhere at the last.
async fn killed_under_way(world: &World) -> anyhow::Result<(Vec<String>, usize)> {
    let mut acknowledged = Vec::new();
    for _each in 0..KILLS {
        let folder = world.kr.folder.clone();
        let running = tokio::task::spawn_blocking(move || killed_in_a_burst(&folder)).await;
        let burst = running??;
        let arrived = [notes(&world.jp.service()?).await?, notes(&world.fj.service()?).await?];
        let late = under_way(&burst, &arrived);
        acknowledged.extend(burst);
        if late > 0 {
            return Ok((acknowledged, late));
        }
    }
    bail!("in {KILLS} kills all that KR had acknowledged was at JP and FJ already")
}

/// How many of the records have not arrived everywhere.
fn under_way(records: &[String], arrived: &[BTreeSet<String>]) -> usize {
    records.iter().filter(|id| arrived.iter().any(|there| !there.contains(*id))).count()
}

/// Starts the process, reads what it acknowledges, and kills it.
fn killed_in_a_burst(folder: &Path) -> anyhow::Result<Vec<String>> {
    let program = std::env::current_exe().context("our own program is not found")?;
    let child = Command::new(program)
        .args(["demo", "--node"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut child = Killed(child);
    let out = child.0.stdout.take().ok_or_else(|| anyhow!("the process has no output"))?;
    let mut lines = BufReader::new(out).lines();
    let mut acknowledged = Vec::new();
    while acknowledged.len() < ACKNOWLEDGED {
        let line = lines.next().ok_or_else(|| anyhow!("KR's process ended by itself"))??;
        acknowledged.push(line);
    }
    child.0.kill()?;
    child.0.wait()?;
    // What it had written before counts as well; a line that was cut off does not.
    acknowledged.extend(lines.map_while(Result::ok).filter(|line| line.len() == 64));
    Ok(acknowledged)
}

/// The records of the burst.
async fn notes(service: &Service) -> anyhow::Result<BTreeSet<String>> {
    let request = ListRequest { kind: Some("note".to_owned()), ..ListRequest::default() };
    let lines =
        service.list(request).await?.into_iter().filter(|line| line.title.starts_with(BURST_TITLE));
    Ok(lines.map(|line| line.record).collect())
}

/// The process: a node that publishes and says what was acknowledged, until it is killed.
pub(super) async fn node(folder: &Path) -> anyhow::Result<()> {
    let node = Node::start(folder, None, Mode::Running)?;
    let service = node.service();
    linked(&service, "JP").await?;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let service = service.clone();
        writers.spawn(async move {
            for nth in 0..BURST / WRITERS {
                let title = format!("{BURST_TITLE} {writer}-{nth}");
                let published = service.publish(records::note("CLEAR", &title)).await?;
                let mut out = std::io::stdout().lock();
                writeln!(out, "{}", published.record)?;
                out.flush()?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_anywhere_is_under_way() {
        let records = ["a", "b", "c"].map(str::to_owned);
        let there = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let all = there(&["a", "b", "c", "d"]);
        assert_eq!(under_way(&records, &[all.clone(), all.clone()]), 0);
        assert_eq!(under_way(&records, &[all.clone(), there(&["a", "b"])]), 1);
        assert_eq!(under_way(&records, &[there(&["b"]), there(&["a"])]), 3);
        assert_eq!(under_way(&[], &[all]), 0);
    }
}
