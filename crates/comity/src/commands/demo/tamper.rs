//! A relay that changes one byte: a scripted peer with KR's link key, over a connection of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use bytes::Bytes;
use comity_core::delivery::{Payload, release};
use comity_core::entropy::draw;
use comity_core::ledger::LedgerEntry;
use comity_core::partners::PartnerSet;
use comity_core::policy::Recipient;
use comity_core::{Delivery, EconomyId, PartDigest, RecordId};
use comity_net::LinkIdentity;
use comity_net::tls::{self, KeyExchange};
use comity_node::config::Config;
use comity_node::entropy::OsEntropy;
use comity_node::{Mode, Node, clock};
use comity_proto::{
    ConnId, Heads, Inbound, Input, Lane, Link, OutStream, Outbound, Output, StreamId,
};
use tokio::sync::mpsc;

use super::journal::Journal;
use super::world::{DEADLINE, World, until};

/// What is changed is within this text of the summary of JP's record.
const CHANGED: &[u8] = b"yard planning";
/// The one connection.
const CONN: ConnId = ConnId(1);
/// Bytes read from a stream at once.
const CHUNK: usize = 64 * 1024;

/// The peer sends JP's record to FJ with one byte changed. All nodes have ended: FJ runs again over a copy
/// of its folder, so that nothing of this is in the books that are left behind.
pub(super) async fn tamper(world: &World, record: &str, scratch: &Path) -> anyhow::Result<String> {
    let id: RecordId = record.parse()?;
    let copy = scratch.join("fj-tampered-with");
    copy_folder(&world.fj.folder, &copy)?;
    let fj = Node::start(&copy, None, Mode::Running)?;
    let service = fj.service();
    let told = attempt(world, &id, &copy).await;
    let part = match told {
        Ok(part) => part,
        Err(error) => {
            fj.stop(Duration::from_secs(1)).await;
            return Err(error);
        }
    };
    let alarm = until("FJ's alarm", &service, async |service| {
        let alarms = service.status().await?.alarms;
        Ok(alarms.into_iter().find(|alarm| alarm.code == "bad-part"))
    })
    .await;
    let held = service.show(record, false).await;
    drop(service);
    fj.stop(Duration::from_secs(1)).await;
    let alarm = alarm?;
    ensure!(alarm.text.contains(&part.short()), "the alarm does not name the part: {}", alarm.text);
    ensure!(alarm.partner.as_deref() == Some("KR"), "the alarm does not name KR");
    ensure!(held.is_err(), "FJ took the record");
    Ok(alarm.text)
}

/// Connects as KR and delivers. The part that was changed, once FJ has refused the delivery.
async fn attempt(world: &World, record: &RecordId, fj: &Path) -> anyhow::Result<PartDigest> {
    let kr = Journal::open(&world.kr.folder)?;
    let (delivery, changed) = delivery(&kr, record, world.fj.id)?;
    let address = Config::read(fj)?.listen.address;
    let connection = connect(world, &kr, address).await?;
    let boot = draw(&mut OsEntropy);
    let link = Link::new(world.kr.id, world.fj.id, boot, comity_proto::Config::default());
    let (sender, received) = mpsc::channel(256);
    let mut peer =
        Peer { link, connection, sender, control: None, uni: Vec::new(), refused: false };
    let heads = heads(&kr, &world.fj.id)?;
    let sent = tokio::time::timeout(DEADLINE, peer.run(heads, delivery, received)).await;
    sent.map_err(|_late| anyhow!("FJ did not answer the scripted peer"))??;
    peer.connection.close(0_u32.into(), b"done");
    Ok(changed)
}

/// What KR would send, decided by KR's own policy, and the part that will be changed.
fn delivery(
    kr: &Journal,
    record: &RecordId,
    to: EconomyId,
) -> anyhow::Result<(Delivery, PartDigest)> {
    let (state, now) = (&kr.state, clock::now());
    let held = state.record(record).ok_or_else(|| anyhow!("KR does not hold JP's record"))?;
    let partner = state.partner(&to).ok_or_else(|| anyhow!("KR does not know FJ"))?;
    let plan = state.plan(held, &to, now);
    let obligations =
        plan.obligations().ok_or_else(|| anyhow!("KR releases nothing of it to FJ"))?;
    let mut numbered = partner.out.entries().iter().filter_map(|one| one.entry.as_ref());
    let entry = numbered.rfind(|entry| entry.record == *record);
    let entry = entry.cloned().unwrap_or_else(|| LedgerEntry {
        epoch: partner.out.epoch(),
        number: partner.out.next_number(),
        record: *record,
        parts: plan.releases().to_vec(),
        obligations: obligations.clone(),
    });
    let (signed, mut bodies) = kr.bytes(record)?;
    bodies.retain(|(digest, _)| entry.parts.contains(digest));
    bodies.sort_by_key(|(digest, _)| *digest);
    let changed = bodies.iter().find(|(_, body)| place(body).is_some());
    let changed = changed.map(|(digest, _)| *digest);
    let changed = changed.ok_or_else(|| anyhow!("no part to change"))?;
    let payload = Payload { entry, signed, bodies };
    let facts = state.facts_for(held, &to);
    let recipient = Recipient::Partner { economy: to, desk: None };
    let delivery = release(state.policy(), &facts, &held.parts, &recipient, now, payload)?;
    Ok((delivery, changed))
}

fn heads(kr: &Journal, to: &EconomyId) -> anyhow::Result<Heads> {
    let partner = kr.state.partner(to).ok_or_else(|| anyhow!("KR does not know FJ"))?;
    Ok(Heads {
        out: Outbound { epoch: partner.out.epoch(), head: partner.out.head() },
        inbound: Inbound {
            epoch: partner.inbound.epoch(),
            head: partner.inbound.durable_head(),
            ranges: partner.inbound.durable().clone(),
        },
        keyring: None,
        recovering: false,
    })
}

/// A connection of our own making, with KR's link key.
async fn connect(world: &World, kr: &Journal, to: SocketAddr) -> anyhow::Result<quinn::Connection> {
    let key = world.kr.key("link")?;
    let own = kr.state.keyring(&world.kr.id).ok_or_else(|| anyhow!("KR has no keyring"))?;
    let evidence =
        own.link_evidence(key.id()).ok_or_else(|| anyhow!("KR's link key is not granted"))?;
    let identity = LinkIdentity { key, evidence: evidence.encode() };
    let mut partners = PartnerSet::new();
    let fj = kr.state.keyring(&world.fj.id).ok_or_else(|| anyhow!("KR has no keyring of FJ"))?;
    partners.insert(fj.clone());
    let partners = Arc::new(RwLock::new(partners));
    let config = tls::client_config(
        &identity,
        partners,
        world.fj.id,
        KeyExchange::Hybrid,
        Arc::new(clock::now),
    )?;
    let mut endpoint = quinn::Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    endpoint.set_default_client_config(config);
    let connecting = endpoint.connect(to, "comity")?;
    connecting.await.context("FJ does not let the scripted peer in")
}

/// A link whose bytes are changed on their way out.
struct Peer {
    link: Link,
    connection: quinn::Connection,
    sender: mpsc::Sender<(StreamId, Bytes, bool)>,
    control: Option<quinn::SendStream>,
    uni: Vec<(u64, quinn::SendStream)>,
    refused: bool,
}

impl Peer {
    async fn run(
        &mut self,
        heads: Heads,
        delivery: Delivery,
        mut received: mpsc::Receiver<(StreamId, Bytes, bool)>,
    ) -> anyhow::Result<()> {
        let (send, receive) = self.connection.open_bi().await?;
        self.control = Some(send);
        self.listen(receive, StreamId::CONTROL);
        let mut delivery = Some(delivery);
        self.input(Input::Opened { conn: CONN, dialed: true, heads }).await?;
        while !self.refused {
            if self.link.up().is_some()
                && let Some(delivery) = delivery.take()
            {
                self.input(Input::Deliver { delivery, lane: Lane::Urgent }).await?;
            }
            let timer =
                self.link.next_timer().map_or(Duration::from_secs(1), |at| at.since(clock::now()));
            tokio::select! {
                accepted = self.connection.accept_uni() => {
                    let receive = accepted?;
                    let stream = StreamId(quinn::VarInt::from(receive.id()).into_inner());
                    self.listen(receive, stream);
                }
                Some((stream, bytes, fin)) = received.recv() => {
                    self.input(Input::Received { conn: CONN, stream, bytes, fin }).await?;
                }
                () = tokio::time::sleep(timer) => self.input(Input::Timer).await?,
            }
        }
        Ok(())
    }

    fn listen(&self, mut receive: quinn::RecvStream, stream: StreamId) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            while let Ok(chunk) = receive.read_chunk(CHUNK, true).await {
                let (bytes, fin) = chunk.map_or((Bytes::new(), true), |chunk| (chunk.bytes, false));
                if sender.send((stream, bytes, fin)).await.is_err() || fin {
                    return;
                }
            }
        });
    }

    async fn input(&mut self, input: Input) -> anyhow::Result<()> {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for output in self.link.handle(input, clock::now()) {
                match output {
                    Output::Transmit(transmit) => {
                        let (stream, fin) = (transmit.stream(), transmit.fin());
                        self.write(stream, transmit.into_bytes(), fin).await?;
                    }
                    Output::Greeted { conn, .. } => inputs.push(Input::Admit { conn }),
                    Output::PeerRejected { .. } => self.refused = true,
                    Output::Close { reason, .. } => bail!("the link ended: {reason:?}"),
                    // Nothing else that FJ sends is wanted here.
                    Output::Up { .. }
                    | Output::Down { .. }
                    | Output::Incoming(_)
                    | Output::Damaged { .. }
                    | Output::Acked { .. }
                    | Output::PeerDeferred { .. }
                    | Output::PeerVoid { .. }
                    | Output::Receipt(_)
                    | Output::Returned(_)
                    | Output::ReturnedVoid { .. }
                    | Output::ReturnAcked { .. }
                    | Output::ReturnDeferred { .. }
                    | Output::EpochAnnounced(_)
                    | Output::EpochAccepted(_)
                    | Output::Unsent { .. }
                    | Output::Drained
                    | Output::Misbehaved { .. }
                    | Output::Told { .. }
                    | Output::TwoNodes => {}
                }
            }
        }
        Ok(())
    }

    /// Where a link would hand its bytes to the transport, one byte is changed.
    async fn write(&mut self, stream: OutStream, bytes: Bytes, fin: bool) -> anyhow::Result<()> {
        let bytes = match place(&bytes) {
            Some(place) => {
                let mut changed = bytes.to_vec();
                changed.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1);
                Bytes::from(changed)
            }
            None => bytes,
        };
        let send = match stream {
            OutStream::Control => self.control.as_mut(),
            OutStream::Uni { id, .. } => {
                if !self.uni.iter().any(|(known, _)| *known == id) {
                    self.uni.push((id, self.connection.open_uni().await?));
                }
                self.uni.iter_mut().find(|(known, _)| *known == id).map(|(_, send)| send)
            }
        };
        let send = send.ok_or_else(|| anyhow!("the stream is not open"))?;
        send.write_all(&bytes).await?;
        if fin {
            send.finish()?;
        }
        Ok(())
    }
}

/// Where the byte is that is changed.
fn place(bytes: &[u8]) -> Option<usize> {
    bytes.windows(CHANGED.len()).position(|window| window == CHANGED)
}

/// Copies a node's folder, links and sockets left out.
fn copy_folder(from: &Path, to: &PathBuf) -> anyhow::Result<()> {
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
