//! What goes between the nodes: dialing, bytes, and how connections end.

use std::time::Duration;

use bytes::Bytes;
use comity_core::Digest;
use comity_core::receipt::UnverifiedReceipt;
use comity_node::engine::Input;
use comity_proto::{ConnId, OutStream, StreamId, Transmit};
use comity_store::Store as _;

use super::event::Event;
use super::watch::{Broken, broken};
use super::wire::Said;
use super::world::{CALM, World, at_node};

impl World {
    pub(super) fn transmit(&mut self, node: usize, transmit: Transmit) -> Result<(), Broken> {
        let (id, stream, fin) = (transmit.conn(), transmit.stream(), transmit.fin());
        let life = self.nodes[node].life;
        let Some(conn) = self.net.conn(id) else { return Ok(()) };
        let holds = |end: &usize| conn.open[*end] && !conn.put_out[*end];
        let Some(end) = conn.end_of(node, life).filter(holds) else {
            return Ok(());
        };
        let bytes = transmit.into_bytes();
        let to = conn.ends[1 - end].0;
        let bytes = self.blurt((node, to), stream, bytes);
        self.bear_witness(node, to);
        let Some(conn) = self.net.conn(id) else { return Ok(()) };
        let said = conn.taps[end].overhear(stream, &bytes, fin);
        let said =
            said.map_err(|fault| broken(1, format!("node {node} sends garbage: {fault}")))?;
        if self.nodes[node].hostile {
            let bytes = self.tamper(node, stream, bytes);
            self.carry(id, end, stream, &bytes, fin);
            return Ok(());
        }
        for (said, frame) in &said {
            self.meddle(node, to, said)?;
            if self.loud || matches!(said, Said::Batch { .. }) {
                self.note(|| format!("node {node} to {to} on {}: {}", id.0, describe(said)));
            }
            let partner = self.nodes[to].economy.id;
            let now = self.time_of(node);
            self.watch.latest = self.latest_of(node);
            let Some(engine) = &self.nodes[node].engine else { return Ok(()) };
            let us = engine.state().us();
            let heard = self.watch.discreet((us, partner), said, frame);
            let heard =
                heard.and_then(|()| self.watch.said((node, engine.state()), partner, said, now));
            heard.map_err(|broken| at_node(node, broken))?;
            self.overheard((node, to), said, frame);
            self.wanted(node, said)?;
            self.large(id, said);
        }
        if self.vanishes(node, to, said.iter().map(|(said, _)| said)) {
            self.note(|| "these bytes vanish".to_owned());
            return Ok(());
        }
        self.carry(id, end, stream, &bytes, fin);
        Ok(())
    }

    /// Adds to what honest nodes said to each other, and when. A receipt hides the head of its signer's journal, in
    /// which everything is that its people did.
    fn overheard(&mut self, ends: (usize, usize), said: &Said, frame: &Bytes) {
        if self.config.trust.is_none() {
            return;
        }
        let receipt = match said {
            Said::Receipt(signed) => UnverifiedReceipt::parse(signed).ok(),
            _ => None,
        };
        let bytes = match receipt.map(UnverifiedReceipt::verified_before) {
            Some(mut receipt) => {
                receipt.witness.hash = Digest::ZERO;
                format!("{receipt:?}").into()
            }
            None => frame.clone(),
        };
        let when = format!("{} {ends:?}", self.now.as_millis());
        for byte in when.bytes().chain(bytes) {
            self.report.heard = (self.report.heard ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    /// What a node does not ask for again is durable with it. Of a part that it erased since, for good, it lacks
    /// nothing: it never keeps it again, and whatever comes of it is let go (invariant 7).
    fn wanted(&self, node: usize, said: &Said) -> Result<(), Broken> {
        let Said::Wants { number, part, leaves } = said else { return Ok(()) };
        let kept = self.nodes[node].store.unfinished();
        let here = kept.iter().filter(|(body, _)| body.digest == *part).any(|(body, here)| {
            let all = 0..body.length.div_ceil(comity_core::digest::LEAF_SIZE as u64);
            all.into_iter().all(|leaf| leaves.contains(leaf) || here.contains(leaf))
        });
        if here || self.watch.shadows[node].is_gone(part) {
            return Ok(());
        }
        let how = format!("node {node} does not ask for all that it lacks of delivery {number}");
        Err(broken(2, how))
    }

    /// Large parts are rare: now and then a connection breaks while the chunks of one are on their way.
    fn large(&mut self, id: ConnId, said: &Said) {
        match said {
            Said::Chunk { .. } if self.net.faulty && self.dice.percent(10) => {
                let delay = self.dice.millis(5..=150);
                self.later(delay, Event::Sever { conn: id });
            }
            Said::Batch { lines, .. } => {
                let apart = lines.iter().flat_map(|line| &line.apart);
                self.report.resumed += apart.filter(|one| one.coming.is_some()).count() as u64;
            }
            _ => {}
        }
    }

    /// Puts bytes on their way, in pieces.
    fn carry(&mut self, id: ConnId, end: usize, stream: OutStream, bytes: &Bytes, fin: bool) {
        let mut start = 0;
        loop {
            let rest = bytes.len() - start;
            let cut = if rest > 1 && self.dice.percent(20) {
                1 + self.dice.below(rest - 1)
            } else {
                rest
            };
            let piece = bytes.slice(start..start + cut);
            start += cut;
            let last = start == bytes.len();
            let Some(conn) = self.net.conn(id) else { return };
            let at = conn.arrival(end, stream, self.now, &mut self.dice);
            let fin = fin && last;
            self.at(at, Event::Bytes { conn: id, end: 1 - end, stream, bytes: piece, fin });
            if last {
                return;
            }
        }
    }

    pub(super) fn bytes(
        &mut self,
        id: ConnId,
        end: usize,
        stream: OutStream,
        bytes: Bytes,
        fin: bool,
    ) -> Result<(), Broken> {
        let Some(conn) = self.net.conn(id) else { return Ok(()) };
        if !conn.carries[end] || !conn.open[end] || !conn.told[end] {
            // Bytes that come before the transport has told of the connection wait for it.
            if conn.carries[end] && conn.open[end] {
                self.later(
                    Duration::from_millis(3),
                    Event::Bytes { conn: id, end, stream, bytes, fin },
                );
            }
            return Ok(());
        }
        let node = conn.ends[end].0;
        let stream = match stream {
            OutStream::Control => StreamId::CONTROL,
            OutStream::Uni { id, .. } => StreamId(id + 1),
        };
        self.input(node, Input::Received { conn: id, stream, bytes, fin })
    }

    pub(super) fn dial(&mut self, from: usize, to: usize) {
        let late = self.calm_since.is_some_and(|since| self.now.since(since) > CALM);
        if late || self.nodes[from].engine.is_none() {
            return;
        }
        let again = self.dice.millis(800..=2500);
        let engine = self.nodes[from].engine.as_ref();
        let wanted = engine.is_some_and(|engine| {
            let partner = engine.state().partner(&self.nodes[to].economy.id);
            partner.is_some_and(|partner| partner.is_open())
        });
        let both_ways = self.dice.percent(15) && self.net.faulty;
        if wanted
            && self.nodes[to].engine.is_some()
            && (self.net.between(from, to) == 0 || both_ways)
        {
            let ends = [from, to].map(|node| (node, self.nodes[node].life));
            let shown = [from, to].map(|node| self.nodes[node].shown());
            let conn = self.net.connect(ends, shown);
            let first = self.dice.millis(10..=200);
            let second = first + self.dice.millis(0..=100);
            self.later(first, Event::Open { conn, end: 0 });
            self.later(second, Event::Open { conn, end: 1 });
        }
        // Only while something may still need it: otherwise time would never end.
        if self.acts_left > 0 || self.calm_since.is_some() {
            self.later(again, Event::Dial { from, to });
        }
        self.net.sweep();
    }

    pub(super) fn open(&mut self, id: ConnId, end: usize) -> Result<(), Broken> {
        let Some(conn) = self.net.conn(id) else { return Ok(()) };
        let ((node, life), shown) = (conn.ends[end], conn.shown[1 - end].clone());
        if !conn.open[end] || !conn.carries[end] {
            conn.open[end] = false;
            return Ok(());
        }
        if !self.lives(node, life) {
            self.cut(id, end);
            return Ok(());
        }
        match self.nodes[node].partners.authenticate(shown.key, &shown.evidence, self.now) {
            Ok(partner) => {
                if let Some(conn) = self.net.conn(id) {
                    conn.told[end] = true;
                    conn.let_in[end] = Some(partner.clone());
                }
                self.input(node, Input::Opened { partner, conn: id, dialed: end == 0 })
            }
            Err(_refused) => {
                self.cut(id, end);
                Ok(())
            }
        }
    }

    /// A node closes a connection: what is under way to it is lost, and perhaps what is from it.
    pub(super) fn close(&mut self, node: usize, id: ConnId) {
        let life = self.nodes[node].life;
        let Some(conn) = self.net.conn(id) else { return };
        let Some(end) = conn.end_of(node, life).filter(|end| conn.open[*end]) else { return };
        conn.carries[end] = false;
        let delay = self.dice.millis(0..=3);
        self.later(delay, Event::Gone { conn: id, end });
        let delay = self.dice.millis(2..=200);
        self.later(delay, Event::Gone { conn: id, end: 1 - end });
    }

    /// This end's transport gives the connection up.
    fn cut(&mut self, id: ConnId, end: usize) {
        let Some(conn) = self.net.conn(id) else { return };
        conn.carries = [false; 2];
        conn.open[end] = false;
        let delay = self.dice.millis(2..=200);
        self.later(delay, Event::Gone { conn: id, end: 1 - end });
    }

    /// A connection breaks: each end hears of it in its own time.
    pub(super) fn sever(&mut self, id: ConnId) {
        let Some(conn) = self.net.conn(id) else { return };
        let first = self.dice.below(2);
        conn.carries[first] = false;
        if self.dice.percent(70) {
            conn.carries = [false; 2];
        }
        self.report.breaks += 1;
        self.note(|| format!("connection {} breaks", id.0));
        for end in 0..2 {
            let delay = self.dice.millis(0..=3000);
            self.later(delay, Event::Gone { conn: id, end });
        }
    }

    pub(super) fn gone(&mut self, id: ConnId, end: usize) -> Result<(), Broken> {
        let Some(conn) = self.net.conn(id) else { return Ok(()) };
        if !std::mem::replace(&mut conn.open[end], false) {
            return Ok(());
        }
        conn.carries[end] = false;
        let ((node, life), told) = (conn.ends[end], conn.told[end]);
        if told && self.lives(node, life) {
            self.input(node, Input::Closed { conn: id })?;
        }
        Ok(())
    }

    /// A node's process dies. Its connections are silent from now on.
    pub(super) fn kill(&mut self, node: usize) {
        self.nodes[node].engine = None;
        let life = self.nodes[node].life;
        let held: Vec<_> = self
            .net
            .all()
            .filter_map(|(id, conn)| conn.end_of(node, life).map(|end| (id, end)))
            .collect();
        for (id, end) in held {
            if let Some(conn) = self.net.conn(id) {
                conn.open[end] = false;
                conn.carries = [false; 2];
            }
            let delay = self.dice.millis(5..=3000);
            self.later(delay, Event::Gone { conn: id, end: 1 - end });
        }
    }
}

fn describe(said: &Said) -> String {
    match said {
        Said::Batch { returned, lines } => {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| {
                    format!(
                        "{}={}/{}",
                        line.entry.number,
                        line.entry.record.short(),
                        line.entry.parts.len()
                    )
                })
                .collect();
            format!("{} {}", if *returned { "gives back" } else { "delivers" }, lines.join(" "))
        }
        other => format!("{other:?}"),
    }
}
