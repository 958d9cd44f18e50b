//! One connection, from its greeting on.

use std::collections::BTreeMap;

use bytes::Bytes;
use comity_core::Timestamp;
use comity_core::identity::PartDigest;
use comity_core::ledger::Ranges;

use crate::batch::Wanted;
use crate::fault::Fault;
use crate::hello::Hello;
use crate::limits;
use crate::stream::Splitter;
use crate::transmit::StreamId;

#[derive(Debug)]
pub(super) struct Connection {
    /// When it must be up.
    pub(super) deadline: Timestamp,
    /// When anything last came over it.
    pub(super) heard: Timestamp,
    /// What the partner said of itself.
    pub(super) hello: Option<Hello>,
    /// What our HELLO said that we hold.
    pub(super) told: Ranges,
    /// The engine has said yes to the heads.
    pub(super) admitted: bool,
    pub(super) use_sent: bool,
    pub(super) use_received: bool,
    pub(super) control: Splitter,
    pub(super) faults: u32,
    /// When the last question for a sign of life was due, had each taken its time.
    pings: Timestamp,
    /// Numbers that the partner asked to be considered anew.
    asked: u64,
    streams: BTreeMap<StreamId, Stream>,
    /// Bytes of unfinished frames on all streams but the control stream.
    held: usize,
    next_uni: u64,
    /// The last transfer of ours.
    pub(super) transfers: u64,
    /// The chunks that the partner asks for, by number: they go with its next sending.
    pub(super) wanted: BTreeMap<u64, Wanted>,
}

/// A unidirectional stream of the partner's: it holds one frame.
#[derive(Debug)]
enum Stream {
    Reading(Splitter),
    /// The frame has come.
    Read,
    /// It was at fault; what follows is passed over.
    Ignored,
}

impl Connection {
    pub(super) fn new(told: Ranges, now: Timestamp) -> Self {
        Self {
            deadline: now.saturating_add(limits::GREETING_TIMEOUT),
            heard: now,
            hello: None,
            told,
            admitted: false,
            use_sent: false,
            use_received: false,
            control: Splitter::default(),
            faults: 0,
            pings: Timestamp::EPOCH,
            asked: 0,
            streams: BTreeMap::new(),
            held: 0,
            next_uni: 0,
            transfers: 0,
            wanted: BTreeMap::new(),
        }
    }

    /// Whether both sides use it.
    pub(super) fn is_up(&self) -> bool {
        self.use_sent && self.use_received
    }

    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Counts a question for a sign of life; whether it may be answered.
    pub(super) fn may_ping(&mut self, now: Timestamp) -> bool {
        let due = self.pings.max(now).saturating_add(limits::PING_EVERY);
        let may = due.since(now) <= limits::PING_EVERY * limits::PINGS;
        if may {
            self.pings = due;
        }
        may
    }

    /// Counts what the partner asks to be considered anew; whether it may ask, while so many numbers were
    /// used. An honest one names each at most once or twice over a connection.
    pub(super) fn may_ask(&mut self, numbers: u64, used: u64) -> bool {
        self.asked = self.asked.saturating_add(numbers.max(limits::KNOWN_LEAST));
        self.asked <= limits::KNOWN_ASKED.saturating_add(used.saturating_mul(2))
    }

    /// Notes what the partner asks for. Of what is not remembered, everything is sent.
    pub(super) fn want(&mut self, number: u64, part: PartDigest, leaves: Ranges) {
        let parts: usize = self.wanted.values().map(Wanted::len).sum();
        if parts < limits::WANTS {
            self.wanted.entry(number).or_default().insert(part, leaves);
        }
    }

    /// The id of a new stream of ours.
    pub(super) fn open_uni(&mut self) -> u64 {
        let id = self.next_uni;
        self.next_uni = id.saturating_add(1);
        id
    }

    /// Takes bytes of a unidirectional stream; the stream's frame once it is whole.
    pub(super) fn read(
        &mut self,
        id: StreamId,
        bytes: &[u8],
        fin: bool,
    ) -> Result<Option<Bytes>, Fault> {
        if !self.streams.contains_key(&id) && self.streams.len() >= limits::STREAMS {
            return Err(Fault::Overrun);
        }
        let stream =
            self.streams.remove(&id).unwrap_or_else(|| Stream::Reading(Splitter::default()));
        let (stream, read) = self.advance(stream, bytes, fin);
        match (fin, &stream) {
            (true, Stream::Reading(splitter)) => {
                self.held = self.held.saturating_sub(splitter.held());
            }
            (true, Stream::Read | Stream::Ignored) => {}
            (false, _) => drop(self.streams.insert(id, stream)),
        }
        read
    }

    fn advance(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        fin: bool,
    ) -> (Stream, Result<Option<Bytes>, Fault>) {
        let mut splitter = match stream {
            Stream::Reading(splitter) => splitter,
            Stream::Read if bytes.is_empty() => return (Stream::Read, Ok(None)),
            Stream::Read => return (Stream::Ignored, Err(Fault::NotOneFrame)),
            Stream::Ignored => return (Stream::Ignored, Ok(None)),
        };
        let before = splitter.held();
        splitter.push(bytes);
        let next = splitter.next(limits::FRAME_BYTES);
        let (stream, read) = match next {
            Ok(None) if fin && splitter.held() > 0 => (Stream::Ignored, Err(Fault::NotOneFrame)),
            Ok(None) => {
                self.held = self.held.saturating_add(splitter.held());
                (Stream::Reading(splitter), Ok(None))
            }
            Ok(Some(_)) if splitter.held() > 0 => (Stream::Ignored, Err(Fault::NotOneFrame)),
            Ok(Some(frame)) => (Stream::Read, Ok(Some(frame))),
            Err(fault) => (Stream::Ignored, Err(fault)),
        };
        self.held = self.held.saturating_sub(before);
        (stream, read)
    }
}
