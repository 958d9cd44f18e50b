//! What is tried against the federation while it runs.

use anyhow::{anyhow, ensure};
use comity_node::api::ExplainRequest;
use comity_node::api::PublishRequest;
use comity_node::service::End;

use super::exchange;
use super::records;
use super::report::Report;
use super::world::{World, until};

/// FJ holds JP's record, came through KR, without what KR may not pass on. How many parts it holds.
pub(super) async fn relay(world: &World, record: &str) -> anyhow::Result<String> {
    let shown = until("JP's record at FJ", &world.fj.service()?, async |service| {
        Ok(service.show(record, false).await.ok())
    })
    .await?;
    let line = &shown.line;
    ensure!(
        line.source == "KR" && line.origin_id == world.jp.id.to_string(),
        "it came from {}",
        line.source
    );
    ensure!(line.standing == "accepted", "FJ does not accept it: {:?}", line.standing_reason);
    let sections: Vec<_> = shown.parts.iter().map(|part| part.section.as_str()).collect();
    ensure!(sections.contains(&"summary"), "the summary did not come");
    ensure!(!sections.contains(&"detail") && shown.not_here > 0, "the detail was not withheld");
    let introduced = line.introduced_by.as_deref().unwrap_or("nobody");
    ensure!(introduced == "KR", "JP was introduced to FJ by {introduced}");
    Ok(format!("held at FJ: {}", sections.join(", ")))
}

/// What JP did not address to FJ is not for KR to give.
pub(super) async fn forward(world: &World, record: &str) -> anyhow::Result<String> {
    let asked = ExplainRequest {
        record: record.to_owned(),
        to: Some("FJ".to_owned()),
        ..ExplainRequest::default()
    };
    let explained = world.kr.service()?.explain(asked).await?;
    let partner = explained.partners.first().ok_or_else(|| anyhow!("FJ is not explained"))?;
    let part = partner.parts.iter().find(|part| part.section == "indicators");
    let part = part.ok_or_else(|| anyhow!("KR does not hold the indicators"))?;
    ensure!(part.outcome == "withhold", "the decision is {}", part.outcome);
    let gate = part.gates.iter().find(|gate| gate.gate == "audience" && gate.verdict == "deny");
    let gate = gate.ok_or_else(|| anyhow!("the audience does not keep them"))?;
    let held = world.fj.service()?.show(record, false).await?;
    ensure!(!held.parts.iter().any(|held| held.part == part.part), "FJ holds them");
    Ok(gate.sentence.clone())
}

/// After the MoU the next GREEN record stays; the withdrawal of what went before still arrives.
pub(super) async fn mou_ends(
    report: &mut Report,
    world: &World,
    earlier: &str,
) -> anyhow::Result<String> {
    let (kr, fj) = (world.kr.service()?, world.fj.service()?);
    let note = records::note("GREEN", "Before the end");
    let before = kr.publish(PublishRequest { preview: true, ..note }).await?;
    let goes = |published: &comity_node::api::Published, to: &str| {
        let mut cells =
            published.preview.iter().flat_map(|one| &one.parts).flat_map(|part| &part.cells);
        cells.any(|cell| cell.partner == to && cell.outcome == "release")
    };
    ensure!(goes(&before, "FJ"), "GREEN did not go to FJ under the MoU");
    // No demonstration waits for ninety days of notice.
    kr.terminate(&world.mou, End::Immediately, false).await?;
    until("the end of the MoU", &kr, async |service| {
        let agreements = service.agreements().await?;
        Ok(agreements.into_iter().find(|one| one.reference == world.mou && one.state == "ended"))
    })
    .await?;
    let green =
        exchange::publish(report, &world.kr, records::note("GREEN", "After the end")).await?;
    ensure!(goes(&green, "JP") && !goes(&green, "FJ"), "the next GREEN record is not held for FJ");
    let audit = exchange::settle(report, world, &world.kr, &green.record).await?;
    ensure!(
        audit.nothing_sent.iter().any(|name| name == "FJ"),
        "FJ was sent the next GREEN record"
    );
    kr.withdraw(vec![earlier.to_owned()], false).await?;
    until("the withdrawal at FJ", &fj, async |service| {
        let line = service.show(earlier, false).await?.line;
        Ok((line.lifecycle == "withdrawn").then_some(()))
    })
    .await?;
    ensure!(fj.show(&green.record, false).await.is_err(), "FJ holds the next GREEN record");
    Ok("GREEN stays, the withdrawal arrived".to_owned())
}
