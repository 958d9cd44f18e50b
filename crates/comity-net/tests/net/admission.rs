//! Those who begin and never end, and the partners who come meanwhile.

use std::net::SocketAddr;

use comity_core::test_util::TestEconomy;
use comity_net::pairing::PairingEvent;
use comity_net::tls::{ALPN_LINK, ALPN_PAIRING};
use comity_net::{NetEvent, limits};
use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::pairing::{compare, invite, join};
use super::world::{Node, Raw, identity, pair, patiently, quic, tls_client};

/// The type of a long header packet that asks to prove an address (RFC 9000, section 17.2.5).
const RETRY: u8 = 3;

/// A way to `node` from another network, on which the node's answers are lost as soon as the address is
/// proved: the handshake begins and does not end. What is lost is told.
async fn deaf_path(node: SocketAddr, lost: mpsc::Sender<()>) -> SocketAddr {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind("127.0.9.1:0").await.unwrap();
    far.connect(node).await.unwrap();
    let address = near.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        let mut client = None;
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
                    _ => drop(lost.try_send(())),
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
    let mut begun = Vec::new();
    for _ in 0..limits::HANDSHAKES {
        let (sender, mut lost) = mpsc::channel(1);
        let path = deaf_path(address, sender).await;
        begun.push(stranger.quinn.connect_with(config(), path, "test.invalid").unwrap());
        patiently("an answer", lost.recv()).await.unwrap();
    }
    jp.dial(&kr).await;
    drop(begun);
}

#[tokio::test]
async fn strangers_who_show_no_ticket_keep_nobody_from_pairing() {
    let mut kr = Node::start(1);
    let ticket = invite(&kr);
    let address = kr.endpoint.local_addr().unwrap();
    let elsewhere = Raw::at("127.0.9.1:0", TestEconomy::found(9).unwrap());
    let mut idle = Vec::new();
    for _ in 0..limits::STRANGERS {
        let config =
            quic(tls_client(&identity(&elsewhere.economy), vec![X25519MLKEM768], &[ALPN_PAIRING]));
        let connecting = elsewhere.quinn.connect_with(config, address, "test.invalid").unwrap();
        // Beyond its places a network is refused, in the handshake or after it.
        idle.extend(patiently("the handshake", connecting).await.ok());
    }
    let mut jp = Node::start(2);
    join(&jp, &ticket);
    compare(&mut jp).await;
    loop {
        match kr.next().await {
            NetEvent::Pairing(PairingEvent::Compare { .. }) => break,
            NetEvent::Refused { .. } => {}
            other => panic!("the ceremony was expected, not {other:?}"),
        }
    }
    drop(idle);
}
