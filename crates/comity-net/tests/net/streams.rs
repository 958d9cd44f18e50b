//! The bytes of streams, against peers that speak for themselves.

use std::collections::BTreeMap;

use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_net::{CloseCause, EndpointSecrets, NetEvent, limits};
use comity_proto::StreamId;

use super::world::{Node, Raw, patiently};

fn met() -> (Node, Raw) {
    let node = Node::start(1);
    let partner = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&partner.economy);
    (node, partner)
}

#[tokio::test]
async fn each_stream_arrives_in_order_and_ends_once() {
    let (mut node, partner) = met();
    let (connection, conn) = partner.accepted(&mut node).await;
    let (mut control, _receive) = connection.open_bi().await.unwrap();
    control.write_all(b"control").await.unwrap();
    control.finish().unwrap();

    let lengths: Vec<usize> = (0..40).map(|at| at * 7_919).collect();
    for length in lengths.clone() {
        let connection = connection.clone();
        tokio::spawn(async move {
            let mut stream = connection.open_uni().await.unwrap();
            let bytes: Vec<u8> = (0..length).map(|at| ((at + length) % 253) as u8).collect();
            for piece in bytes.chunks(5_003) {
                stream.write_all(piece).await.unwrap();
            }
            stream.finish().unwrap();
        });
    }
    let mut streams: BTreeMap<StreamId, Vec<u8>> = BTreeMap::new();
    let mut ended = 0;
    while ended < lengths.len() + 1 {
        let NetEvent::Received { conn: from, stream, bytes, fin } = node.next().await else {
            panic!("nothing but bytes")
        };
        assert_eq!(from, conn);
        assert!(bytes.len() <= limits::RECEIVED_BYTES);
        streams.entry(stream).or_default().extend_from_slice(&bytes);
        ended += usize::from(fin);
    }
    assert_eq!(streams.remove(&StreamId::CONTROL).unwrap(), b"control");
    let mut arrived: Vec<Vec<u8>> = streams.into_values().collect();
    arrived.sort_by_key(Vec::len);
    for (bytes, length) in arrived.iter().zip(&lengths) {
        let sent: Vec<u8> = (0..*length).map(|at| ((at + length) % 253) as u8).collect();
        assert_eq!(*bytes, sent);
    }
}

#[tokio::test]
async fn there_is_one_control_stream_and_no_second() {
    let (mut node, partner) = met();
    let (connection, _) = partner.accepted(&mut node).await;
    let (mut control, _receive) = connection.open_bi().await.unwrap();
    control.write_all(b"hello").await.unwrap();
    let NetEvent::Received { stream: StreamId::CONTROL, .. } = node.next().await else {
        panic!("the control stream")
    };
    let mut other = connection.open_uni().await.unwrap();
    other.finish().unwrap();
    // Whatever the node grants has come once it has answered for the other stream.
    tokio::select! {
        biased;
        second = connection.open_bi() => panic!("a second: {second:?}"),
        stopped = other.stopped() => assert_eq!(stopped.unwrap(), None),
    }
}

#[tokio::test]
async fn a_stream_given_up_in_the_middle_ends_the_connection() {
    let (mut node, partner) = met();
    let (connection, conn) = partner.accepted(&mut node).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(b"half of it").await.unwrap();
    let NetEvent::Received { fin: false, .. } = node.next().await else { panic!("the half") };
    stream.reset(1u32.into()).unwrap();
    let (closed, cause) = node.closed().await;
    assert_eq!(closed, conn);
    assert!(matches!(cause, CloseCause::Ours { .. }), "{cause}");
    let error = connection.closed().await;
    assert!(matches!(CloseCause::from(error), CloseCause::Partner { code: 0x203, .. }));
}

#[tokio::test]
async fn a_partner_that_is_not_read_is_held_back_and_not_lost() {
    let (mut node, partner) = met();
    let (connection, _) = partner.accepted(&mut node).await;
    let length = 3 * limits::STREAM_WINDOW as usize;
    let mut stream = connection.open_uni().await.unwrap();
    let mut written = 0;
    // Nobody takes events: the transport takes what its window holds, and then no more.
    let piece = vec![7; 256 * 1024];
    let stuck = tokio::spawn(async move {
        while written < length {
            written += stream.write(&piece[..piece.len().min(length - written)]).await.unwrap();
        }
        stream.finish().unwrap();
        stream
    });
    let mut arrived = 0;
    loop {
        let NetEvent::Received { bytes, fin, .. } = node.next().await else { panic!("bytes") };
        assert!(bytes.iter().all(|byte| *byte == 7));
        arrived += bytes.len();
        if fin {
            break;
        }
    }
    assert_eq!(arrived, length);
    stuck.await.unwrap();
}

#[tokio::test]
async fn what_a_partner_says_at_the_end_is_fit_for_a_screen() {
    let (mut node, partner) = met();
    let (connection, _) = partner.accepted(&mut node).await;
    let reason = format!("\u{1b}[2Jgone\n{}", "x".repeat(500));
    connection.close(12u32.into(), reason.as_bytes());
    let (_, CloseCause::Partner { code: 12, text }) = node.closed().await else {
        panic!("the partner closed")
    };
    assert!(text.starts_with(" [2Jgone x"), "{text}");
    assert_eq!(text.chars().count(), limits::REASON_CHARACTERS);
}

/// A node that dies without a word and comes back with the same secrets says so to whoever still
/// believes in its connections.
#[test]
fn a_restarted_node_tells_its_partners_at_once() {
    let secrets = EndpointSecrets::generate(&mut SeededEntropy::new(5));
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (lasting, first) = (runtime(), runtime());
    let kept = secrets.clone();
    let mut node = first.block_on(async { Node::start_with(1, |config| config.secrets = kept) });
    let partner = lasting.block_on(async { Raw::new(TestEconomy::found(2).unwrap()) });
    node.knows(&partner.economy);
    let address = node.endpoint.local_addr().unwrap();
    let (connection, mut stream) = lasting.block_on(async {
        let (connection, _) = partner.accepted(&mut node).await;
        // The node reports a connection when its own end is open, and the partner's end opens with what
        // the node says after that: dead by then, it would leave a handshake behind, which no reset ends.
        let stream = patiently("the right to open a stream", connection.open_uni()).await.unwrap();
        (connection, stream)
    });
    // The process ends: nothing is sent, and the port is free.
    first.shutdown_background();
    drop(node);
    while std::net::UdpSocket::bind(address).is_err() {
        std::thread::yield_now();
    }
    lasting.block_on(async {
        let _second = Node::start_with(1, |config| {
            config.secrets = secrets;
            config.listen = address;
        });
        // An error here is the reset already.
        stream.write_all(&[1; 4_000]).await.ok();
        let error = patiently("the reset", connection.closed()).await;
        assert_eq!(CloseCause::from(error), CloseCause::Reset);
    });
}
