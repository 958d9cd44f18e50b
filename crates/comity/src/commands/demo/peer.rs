//! A scripted peer that has KR's link key: it speaks over a connection of its own, and what leaves it does
//! not go through the transport of a node.

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use comity_core::entropy::draw;
use comity_core::partners::PartnerSet;
use comity_core::receipt::RejectReason;
use comity_core::{Delivery, EconomyId};
use comity_net::LinkIdentity;
use comity_net::tls::{self, KeyExchange};
use comity_node::clock;
use comity_node::entropy::OsEntropy;
use comity_proto::{
    ConnId, Heads, Inbound, Input, Lane, Link, OutStream, Outbound, Output, StreamId,
};
use tokio::sync::mpsc;

use super::journal::Journal;
use super::world::{DEADLINE, World};

/// What is changed on its way is within this text of the summary of JP's record.
const CHANGED: &[u8] = b"yard planning";
/// The one connection.
const CONN: ConnId = ConnId(1);
/// Bytes read from a stream at once.
const CHUNK: usize = 64 * 1024;
/// Pieces of streams that wait to be read.
const PIECES: usize = 256;

/// A delivery's number, and why it was refused.
pub(super) type Refusal = (u64, RejectReason);

/// Connects to FJ as KR and delivers; one byte of [`CHANGED`] is changed wherever it leaves. Ends when all
/// are refused, which is what is returned.
pub(super) async fn deliver(
    world: &World,
    kr: &Journal,
    to: SocketAddr,
    deliveries: Vec<Delivery>,
) -> anyhow::Result<Vec<Refusal>> {
    let connection = connect(world, kr, to).await?;
    let boot = draw(&mut OsEntropy);
    let link = Link::new(world.kr.id, world.fj.id, boot, comity_proto::Config::default());
    let (sender, received) = mpsc::channel(PIECES);
    let refused = Vec::new();
    let mut peer = Peer { link, connection, sender, control: None, uni: Vec::new(), refused };
    let heads = heads(kr, &world.fj.id)?;
    let sent = tokio::time::timeout(DEADLINE, peer.run(heads, deliveries, received)).await;
    sent.map_err(|_late| anyhow!("FJ did not answer the scripted peer"))??;
    peer.connection.close(0_u32.into(), b"done");
    Ok(peer.refused)
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
    let evidence = own
        .link_evidence(key.id(), clock::now())
        .ok_or_else(|| anyhow!("KR's link key is not granted"))?;
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
    refused: Vec<Refusal>,
}

impl Peer {
    async fn run(
        &mut self,
        heads: Heads,
        deliveries: Vec<Delivery>,
        mut received: mpsc::Receiver<(StreamId, Bytes, bool)>,
    ) -> anyhow::Result<()> {
        let (send, receive) = self.connection.open_bi().await?;
        self.control = Some(send);
        self.listen(receive, StreamId::CONTROL);
        let (expected, mut deliveries) = (deliveries.len(), deliveries);
        self.input(Input::Opened { conn: CONN, dialed: true, heads }).await?;
        while self.refused.len() < expected {
            if self.link.up().is_some() {
                for delivery in std::mem::take(&mut deliveries) {
                    self.input(Input::Deliver { delivery, lane: Lane::Urgent }).await?;
                }
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
                    Output::PeerRejected { number, reason } => self.refused.push((number, reason)),
                    Output::Close { reason, .. } => bail!("the link ended: {reason:?}"),
                    // Nothing else that FJ sends is wanted here.
                    Output::Up { .. }
                    | Output::Down { .. }
                    | Output::Incoming(_)
                    | Output::Keep(_)
                    | Output::Discard { .. }
                    | Output::Wanted { .. }
                    | Output::Damaged { .. }
                    | Output::Acked { .. }
                    | Output::PeerDeferred { .. }
                    | Output::OriginKnown { .. }
                    | Output::PeerVoid { .. }
                    | Output::Receipt(_)
                    | Output::KeyringHead(_)
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
                    | Output::Pong { .. }
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
pub(super) fn place(bytes: &[u8]) -> Option<usize> {
    bytes.windows(CHANGED.len()).position(|window| window == CHANGED)
}
