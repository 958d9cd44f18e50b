//! Who else says the same, asked of a node with many advisories.
//!
//! `cargo run --release -p comity-tests --example corroboration [-- --records N --json]`
//!
//! Each record has an `original` of its own: a real CSAF document of 11 kB with another id, and so a document of
//! its own, and a summary. Asked is about the first, of which every one is about the same vulnerability: first when
//! nothing was read, then again. Meanwhile the node is asked how it is, over and over: the slowest answer says for
//! how long it did nothing else.

use std::path::Path;
use std::time::{Duration, Instant};

use comity_node::api::{CorroborationLine, MarkingFields, PartRequest, PublishRequest};
use comity_node::founding::{Founding, found};
use comity_node::keyfile::Seal;
use comity_node::service::Service;
use comity_node::{Mode, Node};
use serde_json::json;

/// Requests to publish that are under way at once.
const CONCURRENT: usize = 256;
/// How often the node is asked how it is.
const PAUSE: Duration = Duration::from_millis(5);
const ADVISORY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/data/csaf/icsa-24-165-03.json");
/// The advisory's id.
const ID: &str = "ICSA-24-165-03";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let place = arguments.iter().position(|argument| argument == "--records");
    let records = place.and_then(|place| arguments.get(place + 1));
    let records = records.map_or(Ok(100_000), |value| value.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(records))?;
    if arguments.iter().any(|argument| argument == "--json") {
        println!("{figures:#}");
    } else {
        for (name, figure) in figures.as_object().into_iter().flatten() {
            println!("{name:<42} {figure:>14}");
        }
    }
    Ok(())
}

async fn measure(records: usize) -> Outcome<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let node = Node::start(&founded(folder.path())?, None, Mode::Running)?;
    let service = node.service();
    let advisory = std::fs::read_to_string(ADVISORY)?;
    let mut first = None;
    let mut under_way = tokio::task::JoinSet::new();
    for number in 0..records {
        let request = record(advisory.replace(ID, &format!("DOC-{number}")));
        if first.is_none() {
            first = Some(service.publish(request).await?.reference);
            continue;
        }
        if under_way.len() >= CONCURRENT
            && let Some(done) = under_way.join_next().await
        {
            done??;
        }
        let service = service.clone();
        under_way.spawn(async move { service.publish(request).await.map(drop) });
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    let first = first.flatten().ok_or("nothing was published")?;
    let (cold, cold_stall, found) = asked(&service, &first).await?;
    let (warm, warm_stall, again) = asked(&service, &first).await?;
    assert_eq!((found, again), (records as u64, records as u64), "records that count");
    node.stop(Duration::ZERO).await;
    Ok(json!({
        "records": records,
        "first question, seconds": cold,
        "slowest answer meanwhile, milliseconds": cold_stall,
        "second question, seconds": warm,
        "slowest answer then, milliseconds": warm_stall,
    }))
}

/// How long an answer takes, the slowest answer of the node to something else meanwhile, and how many count.
async fn asked(service: &Service, record: &str) -> Outcome<(f64, f64, u64)> {
    let watched = service.clone();
    let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        let mut slowest = Duration::ZERO;
        while ended.try_recv().is_err() {
            let asked = Instant::now();
            watched.partners().await?;
            slowest = slowest.max(asked.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        Ok::<_, comity_node::ServiceError>(slowest)
    });
    let began = Instant::now();
    let mut asking = service.corroborate(record).await?;
    let mut counted = 0;
    while let Some(line) = asking.next().await? {
        if let CorroborationLine::Done(answer) = line {
            counted = answer.records;
        }
    }
    let took = began.elapsed();
    end.send(()).map_err(|()| "nobody watched")?;
    let slowest = watching.await??;
    Ok((took.as_secs_f64(), slowest.as_secs_f64() * 1000.0, counted))
}

fn founded(folder: &Path) -> Outcome<std::path::PathBuf> {
    let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let founding = Founding {
        code: "KR".to_owned(),
        name: "KR".to_owned(),
        timezone: "UTC".to_owned(),
        city: None,
        listen: format!("127.0.0.1:{port}"),
        public: Vec::new(),
        root_keys: 1,
        threshold: 1,
    };
    let folder = folder.join("KR");
    found(&folder, &founding, Seal::Plain)?;
    Ok(folder)
}

fn record(original: String) -> PublishRequest {
    let part = |section: &str, text: String| PartRequest {
        section: section.to_owned(),
        text: Some(text),
        ..PartRequest::default()
    };
    PublishRequest {
        title: "an advisory".to_owned(),
        marking: MarkingFields { tlp: Some("CLEAR".to_owned()), ..MarkingFields::default() },
        parts: vec![part("original", original), part("summary", "an advisory".to_owned())],
        ..PublishRequest::default()
    }
}
