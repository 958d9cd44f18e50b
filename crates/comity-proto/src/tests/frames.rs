//! Frames are read as written, and nothing else is read.

use bytes::Bytes;
use comity_core::cbor::Problem;
use comity_core::digest::Digest;
use comity_core::keyring::{DatedHead, Place};
use comity_core::ledger::{Head, Opening, Ranges};
use comity_core::receipt::RejectReason;
use comity_core::sign::SecretKey;
use comity_core::{EconomyId, EpochId, PartDigest, Timestamp};
use proptest::prelude::*;

use super::sample::{SIDES, Sample, delivery};
use crate::batch::{Body, Leaving, UniFrame, Wanted, encode_batch};
use crate::fault::Fault;
use crate::frame::{Flow, Frame, FrameError, Key, framed, kind};
use crate::hello::{Heads, Hello, Inbound, KeyringHead, Outbound};
use crate::limits;
use crate::load::{Lane, Load};
use crate::stream::Splitter;

fn ranges() -> impl Strategy<Value = Ranges> {
    prop::collection::vec((1_u64..10_000, 0_u64..5), 0..8)
        .prop_map(|pairs| pairs.into_iter().map(|(start, more)| (start, start + more)).collect())
}

fn flows() -> impl Strategy<Value = Flow> {
    prop_oneof![Just(Flow::Deliver), Just(Flow::Return)]
}

fn hellos() -> impl Strategy<Value = Hello> {
    let keyring = prop::option::of((any::<u64>(), any::<[u8; 32]>()));
    (
        any::<[u8; 16]>(),
        any::<(u64, [u8; 32])>(),
        prop::option::of(any::<[u8; 16]>()),
        ranges(),
        keyring,
    )
        .prop_map(|(boot, (number, chain), inbound, ranges, keyring)| {
            let head = match inbound {
                Some(_) => Head { number: number % 1_000, chain: Digest(chain) },
                None => Head::START,
            };
            let heads = Heads {
                out: Outbound { epoch: EpochId(boot), head: Head { number, chain: Digest(chain) } },
                inbound: Inbound {
                    epoch: inbound.map(EpochId),
                    head,
                    ranges: ranges.above(head.number),
                },
                keyring: keyring
                    .map(|(version, digest)| KeyringHead { version, digest: Digest(digest) }),
                recovering: number % 2 == 0,
            };
            Hello::new(boot, Load::LIMIT, heads)
        })
}

fn frames() -> impl Strategy<Value = Frame> {
    let key = || (flows(), any::<u64>()).prop_map(|(flow, number)| Key { flow, number });
    prop_oneof![
        hellos().prop_map(|hello| Frame::Hello(Box::new(hello))),
        Just(Frame::Use),
        (flows(), any::<u64>(), ranges()).prop_map(|(flow, upto, ranges)| Frame::Ack {
            flow,
            upto,
            ranges
        }),
        any::<(u64, u64)>().prop_map(|(number, code)| Frame::Reject {
            number,
            reason: RejectReason::from_code(code)
        }),
        key().prop_map(Frame::Defer),
        (key(), any::<[u8; 32]>())
            .prop_map(|(key, digest)| Frame::Void { key, digest: Digest(digest) }),
        prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| Frame::Receipt(bytes.into())),
        any::<([u8; 16], [u8; 32], u32, bool)>().prop_map(|(epoch, chain, number, accepted)| {
            let mut previous = epoch;
            previous[0] ^= 1;
            let known = Head { number: number.into(), chain: Digest(chain) };
            let first = known.number + 1;
            let opening =
                Opening { epoch: EpochId(epoch), previous: EpochId(previous), known, first };
            Frame::Epoch { opening, accepted }
        }),
        Just(Frame::Drain),
        Just(Frame::Bye),
        any::<u64>().prop_map(|nonce| Frame::Ping { nonce }),
        any::<(u64, u64)>()
            .prop_map(|(nonce, at)| Frame::Pong { nonce, at: Timestamp::from_millis(at) }),
        (any::<u64>(), "[a-zé ]{0,40}").prop_map(|(code, text)| Frame::Fault { code, text }),
        (any::<(u64, [u8; 32])>(), ranges()).prop_map(|((number, part), leaves)| {
            Frame::ChunkWant { number, part: PartDigest(part), leaves }
        }),
        any::<([u8; 32], [u8; 32], u32)>().prop_map(|(economy, digest, version)| {
            let place = Place { rotations: 3, version: u64::from(version) + 1 };
            let (economy, digest) = (EconomyId(economy), Digest(digest));
            let head = DatedHead { economy, place, digest, at: Timestamp::from_millis(7) };
            Frame::KeyringHead(Box::new(head.sign(&SecretKey::from_seed(&[1; 32]))))
        }),
        (any::<[u8; 32]>(), any::<u32>()).prop_map(|(origin, number)| {
            let first = u64::from(number) + 1;
            let numbers = [(first, first + u64::from(number) % limits::KNOWN_NUMBERS)];
            Frame::Known { origin: EconomyId(origin), numbers: numbers.into_iter().collect() }
        }),
    ]
}

fn body(frame: &Frame) -> Bytes {
    frame.encode().slice(4..)
}

#[test]
fn an_instant_past_the_last_one_is_refused() {
    let frame = Frame::Pong { nonce: 1, at: Timestamp::MAX };
    let bytes = body(&frame).to_vec();
    assert_eq!(Frame::decode(&bytes.clone().into()), Ok(frame));
    let millis = Timestamp::MAX.as_millis().to_be_bytes();
    let past = (Timestamp::MAX.as_millis() + 1).to_be_bytes();
    let at = bytes.windows(8).position(|window| window == millis).unwrap();
    let mut bytes = bytes;
    bytes[at..at + 8].copy_from_slice(&past);
    assert!(Frame::decode(&bytes.into()).is_err());
}

proptest! {
    #[test]
    fn frames_are_read_as_written(frame in frames(), cut in 0_usize..200) {
        let bytes = frame.encode();
        let mut splitter = Splitter::default();
        let cut = cut % bytes.len();
        splitter.push(&bytes[..cut]);
        prop_assert_eq!(splitter.next(limits::CONTROL_FRAME_BYTES), Ok(None));
        splitter.push(&bytes[cut..]);
        let read = splitter.next(limits::CONTROL_FRAME_BYTES).unwrap().unwrap();
        prop_assert_eq!(Frame::decode(&read), Ok(frame));
        prop_assert_eq!(splitter.held(), 0);
    }

    #[test]
    fn a_frame_has_one_encoding(frame in frames(), at: prop::sample::Index, flip in 1_u8..=255) {
        let mut bytes = body(&frame).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let bytes = Bytes::from(bytes);
        if let Ok(read) = Frame::decode(&bytes) {
            // Only a HELLO is open, for keys of later versions.
            if !matches!(read, Frame::Hello(_)) {
                prop_assert_eq!(body(&read), bytes);
            }
        }
    }

    #[test]
    fn bytes_of_chance_are_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        drop(Frame::decode(&bytes));
        drop(UniFrame::decode(&bytes));
    }
}

fn fault_of(bytes: &[u8]) -> Fault {
    match Frame::decode(&Bytes::copy_from_slice(bytes)) {
        Err(FrameError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_way_to_be_wrong_has_its_own_name() {
    let problem = |bytes: &[u8]| {
        let fault = fault_of(bytes);
        let Fault::Malformed { kind, fault } = fault else { panic!("{fault:?}") };
        (kind, fault.problem)
    };
    let outline = |bytes: &[u8]| {
        let fault = fault_of(bytes);
        let Fault::NotAFrame(fault) = fault else { panic!("{fault:?}") };
        fault.problem
    };
    assert_eq!(outline(&[]), Problem::Truncated);
    assert_eq!(outline(&[0x81, 1]), Problem::MissingField);
    assert_eq!(outline(&[0xa2, 1, 1, 2, 2]), Problem::UnexpectedType);
    assert_eq!(problem(&[0x82, 0x01, 0xa0, 0x00]), (kind::USE, Problem::TrailingBytes));
    assert_eq!(problem(&[0x82, 0x01, 0xa1, 0x00, 0x00]), (kind::USE, Problem::UnknownField));
    assert_eq!(problem(&[0x82, 0x05, 0xa1, 0x00, 0x01]), (kind::REJECT, Problem::MissingField));
    assert_eq!(problem(&[0x82, 0x06, 0xa2, 0, 2, 1, 1]), (kind::DEFER, Problem::OutOfRange));
    assert_eq!(fault_of(&[0x82, 0x16, 0xa0]), Fault::UnknownFrame(22));
    for reserved in [kind::CREDIT, kind::INV, kind::WANT] {
        assert_eq!(fault_of(&[0x82, reserved as u8, 0xa0]), Fault::ReservedFrame(reserved));
        let bytes = Bytes::copy_from_slice(&[0x82, reserved as u8, 0xa0]);
        assert_eq!(UniFrame::decode(&bytes), Err(Fault::ReservedFrame(reserved)));
    }
    for kind in [kind::BATCH, kind::RETURN, kind::CHUNK] {
        assert_eq!(fault_of(&[0x82, kind as u8, 0xa0]), Fault::WrongStream(kind));
    }
    assert_eq!(UniFrame::decode(&body(&Frame::Drain)), Err(Fault::WrongStream(kind::DRAIN)));
    let mut splitter = Splitter::default();
    splitter.push(&framed(&vec![0; limits::CONTROL_FRAME_BYTES + 1]));
    assert_eq!(
        splitter.next(limits::CONTROL_FRAME_BYTES),
        Err(Fault::FrameTooLong(limits::CONTROL_FRAME_BYTES + 1))
    );
}

#[test]
fn batches_are_read_as_written() {
    let epoch = EpochId([1; 16]);
    for sample in Sample::ALL {
        let one = Leaving::new(delivery(sample, SIDES[1], epoch, 7), &mut 40, &mut Wanted::new());
        let frame = encode_batch(Flow::Return, Lane::Backfill, std::slice::from_ref(&one));
        assert!(frame.len() - 4 <= limits::FRAME_BYTES);
        let read = UniFrame::decode(&frame.slice(4..)).unwrap();
        let UniFrame::Batch { flow: Flow::Return, lane: Lane::Backfill, deliveries } = read else {
            panic!("{read:?}");
        };
        let [read] = &deliveries[..] else { panic!() };
        assert!(
            read.transfers()
                .map(|(transfer, _)| transfer)
                .eq(41..41 + read.transfers().count() as u64)
        );
        assert_eq!(read.entry, sample.entry(epoch, 7));
        assert_eq!(read.record, sample.signed());
        assert_eq!(read.load(), sample.load());
        let inline: usize = read
            .bodies
            .iter()
            .map(|body| match body {
                Body::Inline(bytes) => bytes.len(),
                Body::Chunked { .. } => 0,
            })
            .sum();
        assert!(inline <= limits::INLINE_DELIVERY_BYTES);
        for (head, chunk) in one.chunks() {
            let bytes = [&head[4..], &chunk[..]].concat();
            let length = u32::try_from(bytes.len()).unwrap();
            assert_eq!(head[..4], length.to_be_bytes());
            let UniFrame::Chunk(read) = UniFrame::decode(&bytes.into()).unwrap() else { panic!() };
            let mut transfers = deliveries[0].transfers();
            let (_, part) = transfers.find(|(transfer, _)| *transfer == read.transfer).unwrap();
            let start = read.index * limits::CHUNK_BYTES;
            let (_, bytes) = &sample.parts()[part];
            assert_eq!(read.bytes, bytes.slice(start..start + chunk.len()));
        }
    }
    // What a link keeps of a frame keeps no more of it than it counts.
    for sample in Sample::ALL {
        let one = Leaving::new(delivery(sample, SIDES[1], epoch, 7), &mut 40, &mut Wanted::new());
        let frame = encode_batch(Flow::Deliver, Lane::Live, &[one]).slice(4..);
        let read = UniFrame::decode(&frame).unwrap();
        assert!(frame.try_into_mut().is_ok(), "{read:?} keeps its frame");
    }
    let large =
        Leaving::new(delivery(Sample::Large, SIDES[1], epoch, 7), &mut 0, &mut Wanted::new());
    assert_eq!(large.chunks().len(), 3);
}

/// The batch of the large sample, of which these leaves are asked for, and the chunks that go.
fn asked_for(leaves: &[(u64, u64)]) -> (Bytes, Vec<(Bytes, Bytes)>, Wanted) {
    let (part, _) = Sample::Large.parts()[0];
    let mut wanted: Wanted = [(part, leaves.iter().copied().collect())].into();
    let delivery = delivery(Sample::Large, SIDES[1], EpochId([1; 16]), 7);
    let leaving = Leaving::new(delivery, &mut 0, &mut wanted);
    let chunks = leaving.chunks();
    let frame = encode_batch(Flow::Deliver, Lane::Live, &[leaving]);
    (frame.slice(4..), chunks, wanted)
}

#[test]
fn what_is_asked_for_goes_and_is_named() {
    let coming = |frame: &Bytes| {
        let UniFrame::Batch { mut deliveries, .. } = UniFrame::decode(frame).unwrap() else {
            panic!();
        };
        let Some(Body::Chunked { coming, .. }) = deliveries.remove(0).bodies.pop() else {
            panic!();
        };
        coming
    };
    for asked in [&[][..], &[(1, 1)], &[(0, 0), (2, 2)]] {
        let (frame, chunks, left) = asked_for(asked);
        assert_eq!(coming(&frame), Some(asked.iter().copied().collect()));
        assert_eq!(chunks.len(), asked.len());
        assert!(left.is_empty());
    }
    // All of them are asked for, as without a word.
    let (frame, chunks, left) = asked_for(&[(0, 2)]);
    assert_eq!((coming(&frame), chunks.len(), left.len()), (None, 3, 0));
    // A leaf that the part does not have: the request is not honoured, and stays behind.
    let (frame, chunks, left) = asked_for(&[(1, 3)]);
    assert_eq!((coming(&frame), chunks.len(), left.len()), (None, 3, 1));
}

#[test]
fn a_selection_that_selects_all_or_nothing_there_is_refused() {
    let (frame, ..) = asked_for(&[(1, 1)]);
    // The array of ranges, [[1, 1]], ends the frame.
    let (head, ranges) = frame.split_at(frame.len() - 4);
    assert_eq!(ranges, [0x81, 0x82, 1, 1]);
    let problem = |ranges: &[u8]| {
        let bytes = Bytes::from([head, ranges].concat());
        match UniFrame::decode(&bytes) {
            Err(Fault::Malformed { kind: kind::BATCH, fault }) => fault.problem,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(problem(&[0x81, 0x82, 0, 2]), Problem::OutOfRange);
    assert_eq!(problem(&[0x81, 0x82, 1, 3]), Problem::OutOfRange);
    assert_eq!(problem(&[0x82, 0x82, 0, 0, 0x82, 1, 1]), Problem::OutOfRange);
    assert_eq!(problem(&[0x81, 0x82, 2, 1]), Problem::OutOfRange);
}
