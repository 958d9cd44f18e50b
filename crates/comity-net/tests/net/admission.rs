//! Those who begin and never end, and the partners who come meanwhile.

use std::net::SocketAddr;

use comity_core::test_util::TestEconomy;
use comity_net::limits;
use comity_net::tls::ALPN_LINK;
use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::world::{Raw, identity, pair, patiently, quic, tls_client};

/// The type of a long header packet that asks to prove an address (RFC 9000, section 17.2.5).
const RETRY: u8 = 3;

/// A way to `node` from another network, on which the node's answers are lost as soon as the address is
/// proved: the handshake begins and does not end. The first loss is told.
async fn deaf_path(node: SocketAddr, lost: mpsc::Sender<()>) -> SocketAddr {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.9.1:0").await.unwrap();
    far.connect(node).await.unwrap();
    let address = near.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        let mut client = None;
        let mut lost = Some(lost);
        loop {
            tokio::select! {
                Ok((length, from)) = near.recv_from(&mut there) => {
                    client = Some(from);
                    far.send(&there[..length]).await.unwrap();
                }
                Ok(length) = far.recv(&mut back) => match client {
                    Some(client) if back[0] & 0x80 != 0 && back[0] >> 4 & 3 == RETRY => {
                        near.send_to(&back[..length], client).await.unwrap();
                    }
                    _ => {
                        if let Some(lost) = lost.take() {
                            lost.send(()).await.unwrap();
                        }
                    }
                },
                else => return,
            }
        }
    });
    address
}

#[tokio::test]
async fn unfinished_handshakes_of_one_network_shut_nobody_out() {
    let (kr, jp) = pair();
    let address = kr.endpoint.local_addr().unwrap();
    let stranger = Raw::new(TestEconomy::found(9).unwrap());
    let config =
        || quic(tls_client(&identity(&stranger.economy), vec![X25519MLKEM768], &[ALPN_LINK]));
    // All at once, so that none has been given up when the last is answered.
    let (sender, mut lost) = mpsc::channel(limits::HANDSHAKES);
    let mut paths = Vec::new();
    for _ in 0..limits::HANDSHAKES {
        paths.push(deaf_path(address, sender.clone()).await);
    }
    let begin = |path| stranger.quinn.connect_with(config(), path, "test.invalid").unwrap();
    let begun: Vec<_> = paths.into_iter().map(begin).collect();
    for _ in &begun {
        patiently("an answer", lost.recv()).await.unwrap();
    }
    jp.dial(&kr).await;
    drop(begun);
}
