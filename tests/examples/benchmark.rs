//! Two nodes in two processes, measured beside what the processor could do at best.
//!
//! `cargo run --release -p comity-tests --example benchmark [-- --records N --rows N --json]`
//!
//! * Records a second: individually signed records of 1 KiB, from the request to publish to the
//!   partner's durable acknowledgement, beside Ed25519 signing and strict verifying alone.
//! * Rows a second: sightings from JSON lines to durable at the partner, beside parsing the lines as
//!   JSON.
//!
//! Every ratio is of two figures of one run; see `docs/benchmarks.md` for what was seen where.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use comity_core::sign::SecretKey;
use comity_interop::intelmq;
use comity_interop::routes::Routes;
use comity_node::api::{
    AddresseeRequest, ListRequest, MarkingFields, PartRequest, PartnerLine, PartnerUpdate,
    PublishRequest,
};
use comity_node::founding::{Founding, found};
use comity_node::keyfile::Seal;
use comity_node::service::Service;
use comity_node::{Mode, Node};
use serde_json::json;

/// Requests to publish that are under way at once.
const CONCURRENT: usize = 256;
/// Bytes of a record's part.
const RECORD_BYTES: usize = 1024;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let [first, folder] = arguments.as_slice()
        && first == "partner"
    {
        return runtime.block_on(partner(Path::new(folder)));
    }
    let number = |flag: &str, default: usize| {
        let place = arguments.iter().position(|argument| argument == flag);
        let value = place.and_then(|place| arguments.get(place + 1));
        value.and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (records, rows) = (number("--records", 10_000), number("--rows", 100_000));
    let as_json = arguments.iter().any(|argument| argument == "--json");
    let figures = runtime.block_on(measure(records, rows))?;
    if as_json {
        println!("{figures:#}");
    } else {
        for (name, figure) in figures.as_object().into_iter().flatten() {
            println!("{name:<42} {figure:>14}");
        }
    }
    Ok(())
}

/// The other process: a node that is told on stdin what to do, a line each.
async fn partner(folder: &Path) -> Outcome<()> {
    let node = Node::start(folder, None, Mode::Running)?;
    let service = node.service();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match word {
            "join" => {
                service.join(rest, "KR").await?;
                digits(&service, "KR").await
            }
            "confirm" => {
                service.confirm_pairing("KR", rest).await?;
                "confirmed".to_owned()
            }
            "count" => service.list(ListRequest::default()).await?.len().to_string(),
            _ => break,
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    node.stop(Duration::from_secs(10)).await;
    Ok(())
}

struct Partner {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Partner {
    fn start(folder: &Path) -> Outcome<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("partner")
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let stdin = stdin.ok_or("no stdin")?;
        let stdout = BufReader::new(stdout.ok_or("no stdout")?);
        Ok(Self { process, stdin, stdout })
    }

    fn ask(&mut self, line: &str) -> Outcome<String> {
        writeln!(self.stdin, "{line}")?;
        self.stdin.flush()?;
        let mut answer = String::new();
        self.stdout.read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

async fn digits(service: &Service, name: &str) -> String {
    loop {
        if let Ok(ceremony) = service.ceremony(name).await
            && let Some(digits) = ceremony.digits
        {
            return digits;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn founded(folder: &Path, code: &str) -> Outcome<PathBuf> {
    let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
    let founding = Founding {
        code: code.to_owned(),
        name: code.to_owned(),
        timezone: "UTC".to_owned(),
        city: None,
        listen: format!("127.0.0.1:{port}"),
        public: Vec::new(),
        root_keys: 1,
        threshold: 1,
    };
    let folder = folder.join(code);
    found(&folder, &founding, Seal::Plain)?;
    // What is measured is not for how long something can be unsent.
    let config = folder.join("comity.toml");
    let founded = std::fs::read_to_string(&config)?;
    std::fs::write(&config, format!("{founded}\n[publish]\nunsend-for = \"0 s\"\n"))?;
    Ok(folder)
}

async fn measure(records: usize, rows: usize) -> Outcome<serde_json::Value> {
    let folder = tempfile::tempdir()?;
    let (kr, jp) = (founded(folder.path(), "KR")?, founded(folder.path(), "JP")?);
    let node = Node::start(&kr, None, Mode::Running)?;
    let service = node.service();
    let mut partner = Partner::start(&jp)?;
    let invitation = service.invite("JP").await?;
    let theirs = partner.ask(&format!("join {}", invitation.ticket))?;
    let ours = digits(&service, "JP").await;
    service.confirm_pairing("JP", &theirs).await?;
    partner.ask(&format!("confirm {ours}"))?;
    settled(&service).await?;
    service.update_partner("JP", PartnerUpdate::Level { level: 4 }).await?;

    let (sign, verify) = signatures(records);
    let bound = 1.0 / (sign + verify);
    let started = Instant::now();
    publish_many(&service, records).await?;
    let entered = started.elapsed();
    settled(&service).await?;
    let end_to_end = started.elapsed();
    let arrived: usize = partner.ask("count")?.parse()?;
    if arrived != records {
        return Err(format!("{arrived} of {records} records arrived: this measures nothing").into());
    }
    let rate = records as f64 / end_to_end.as_secs_f64();

    let (lines, total) = lines(rows)?;
    let parsing = Instant::now();
    for line in &lines {
        std::hint::black_box(serde_json::from_slice::<serde_json::Value>(line)?);
    }
    let parse = total as f64 / parsing.elapsed().as_secs_f64();
    let sightings = Instant::now();
    publish_sightings(&service, &lines).await?;
    settled(&service).await?;
    let row_rate = total as f64 / sightings.elapsed().as_secs_f64();

    drop(partner);
    node.stop(Duration::from_secs(5)).await;
    Ok(json!({
        "records": records,
        "records arrived": arrived,
        "records/s entered, durable here": (records as f64 / entered.as_secs_f64()).round(),
        "records/s end to end, durable at both": rate.round(),
        "Ed25519 sign us": (sign * 1e7).round() / 10.0,
        "Ed25519 strict verify us": (verify * 1e7).round() / 10.0,
        "sign+verify bound, records/s and core": bound.round(),
        "ratio end to end / bound": (rate / bound * 1000.0).round() / 1000.0,
        "rows": total,
        "rows/s from JSON lines to durable at partner": row_rate.round(),
        "rows/s JSON parse": parse.round(),
        "ratio rows / parse": (row_rate / parse * 1000.0).round() / 1000.0,
    }))
}

/// Seconds for one signature, and for one strict verification, over a manifest's length.
fn signatures(count: usize) -> (f64, f64) {
    let (key, message) = (SecretKey::from_seed(&[7; 32]), [7_u8; 300]);
    let count = count.clamp(1, 5_000);
    let signing = Instant::now();
    let signatures: Vec<_> = (0..count).map(|_| key.sign("comity/bench/1", &message)).collect();
    let sign = signing.elapsed().as_secs_f64() / count as f64;
    let public = key.public();
    let verifying = Instant::now();
    let good =
        signatures.iter().filter(|one| public.verify("comity/bench/1", &message, one).is_ok());
    assert_eq!(good.count(), count);
    (sign, verifying.elapsed().as_secs_f64() / count as f64)
}

async fn publish_many(service: &Service, records: usize) -> Outcome<()> {
    let mut under_way = tokio::task::JoinSet::new();
    for number in 0..records {
        if under_way.len() >= CONCURRENT
            && let Some(done) = under_way.join_next().await
        {
            done??;
        }
        let service = service.clone();
        let text = format!("{number:<RECORD_BYTES$}");
        under_way.spawn(async move { service.publish(record(text)).await.map(drop) });
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(())
}

fn clear() -> MarkingFields {
    MarkingFields { tlp: Some("CLEAR".to_owned()), ..MarkingFields::default() }
}

fn record(text: String) -> PublishRequest {
    PublishRequest {
        title: "benchmark".to_owned(),
        marking: clear(),
        parts: vec![PartRequest {
            section: "summary".to_owned(),
            text: Some(text),
            ..PartRequest::default()
        }],
        ..PublishRequest::default()
    }
}

/// Waits until the partner has acknowledged everything.
async fn settled(service: &Service) -> Outcome<()> {
    loop {
        let partners = service.partners().await?;
        let done = |one: &PartnerLine| one.connected == Some(true) && one.outstanding == 0;
        if !partners.is_empty() && partners.iter().all(done) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn lines(rows: usize) -> Outcome<(Vec<Vec<u8>>, usize)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/sightings.intelmq.jsonl.gz");
    let file = BufReader::new(flate2::read::MultiGzDecoder::new(std::fs::File::open(path)?));
    let real: Vec<Vec<u8>> = file.split(b'\n').collect::<Result<_, _>>()?;
    let lines: Vec<_> = real.iter().cycle().take(rows).cloned().collect();
    let total = lines.len();
    Ok((lines, total))
}

async fn publish_sightings(service: &Service, lines: &[Vec<u8>]) -> Outcome<()> {
    let partner = service.partners().await?.remove(0);
    let economy: comity_core::EconomyId = partner.economy.parse()?;
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/routes.toml");
    // Every row is the partner's: what is measured is the way of a row, not its owner.
    let routes = Routes::parse(&std::fs::read_to_string(table)?, |_| Some(economy))?;
    let input = lines.join(&b'\n');
    let split =
        intelmq::split(&input[..], &routes, None, intelmq::Options::default(), &mut |_| {})?;
    for part in split.parts {
        let header = part.header();
        let request = PublishRequest {
            kind: Some("sightings".to_owned()),
            title: "benchmark".to_owned(),
            marking: clear(),
            parts: vec![PartRequest {
                section: "sightings".to_owned(),
                media_type: Some(header.media_type.clone()),
                destination: Some("JP".to_owned()),
                text: Some(String::from_utf8(part.content)?),
                ..PartRequest::default()
            }],
            to: Vec::<AddresseeRequest>::new(),
            ..PublishRequest::default()
        };
        service.publish(request).await?;
    }
    Ok(())
}
