use super::*;
use crate::batch::{Leaving, UniFrame, Wanted, encode_batch};
use crate::tests::sample::{SIDES, Sample, delivery};

fn chunk(transfer: u64, index: usize, length: usize) -> Chunk {
    Chunk { transfer, index, bytes: vec![7; length].into() }
}

#[test]
fn a_chunk_before_its_batch_counts_what_keeping_it_takes() {
    let mut receiver = Receiver::new(Load::LIMIT);
    receiver.chunk(chunk(1, 0, 1));
    assert_eq!(receiver.held(), limits::EARLY_CHUNK_BYTES);
    receiver.chunk(chunk(1, 0, 1));
    assert_eq!(receiver.held(), limits::EARLY_CHUNK_BYTES, "the same one again");
    receiver.chunk(chunk(1, 1, 5_000));
    receiver.chunk(chunk(2, 0, 1));
    assert_eq!(receiver.held(), 2 * limits::EARLY_CHUNK_BYTES + 5_000);
    receiver.transfers.end(1);
    assert_eq!(receiver.held(), limits::EARLY_CHUNK_BYTES);
    receiver.transfers.end(2);
    assert_eq!(receiver.held(), 0);
}

#[test]
fn what_counted_before_the_batch_counts_no_more_when_the_delivery_is_whole() {
    let epoch = EpochId([3; 16]);
    let leaving =
        Leaving::new(delivery(Sample::Medium, SIDES[1], epoch, 1), &mut 0, &mut Wanted::new());
    let mut receiver = Receiver::new(Load::LIMIT);
    receiver.begin(epoch);
    for (head, bytes) in leaving.chunks() {
        let frame = [&head[4..], &bytes[..]].concat().into();
        let Ok(UniFrame::Chunk(chunk)) = UniFrame::decode(&frame) else { panic!("a chunk") };
        assert_eq!(receiver.chunk(chunk), Arrived::Nothing);
    }
    assert!(receiver.held() > 0);
    let batch = encode_batch(Flow::Deliver, Lane::Live, &[leaving]).slice(4..);
    let Ok(UniFrame::Batch { deliveries, .. }) = UniFrame::decode(&batch) else {
        panic!("a batch");
    };
    for delivered in deliveries {
        let arrived = receiver.deliver(Flow::Deliver, Lane::Live, delivered);
        assert!(matches!(arrived.last(), Some(Arrived::Whole(..))), "{arrived:?}");
    }
    assert_eq!(receiver.held(), 0);
}
