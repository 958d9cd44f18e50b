//! Those who begin and never end, and the partners who come meanwhile.

use std::iter;
use std::net::{Ipv4Addr, SocketAddr};

use comity_core::test_util::TestEconomy;
use comity_net::limits;
use comity_net::tls::ALPN_LINK;
use rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::world::{Node, Raw, identity, pair, patiently, quic, tls_client};

/// The type of a long header packet that asks to prove an address (RFC 9000, section 17.2.5).
const RETRY: u8 = 3;

/// A way to `node` from `network`, which is another, on which the node's answers are lost as soon as the address
/// is proved: the handshake begins and does not end. The first loss is told.
async fn deaf_path(node: SocketAddr, network: u8, lost: mpsc::Sender<()>) -> SocketAddr {
    let near = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = UdpSocket::bind((Ipv4Addr::new(127, 0, network, 1), 0)).await.unwrap();
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

/// Begins a handshake from each of these networks, until nothing more comes of it; they end with what is returned.
async fn begin(node: &Node, networks: impl Iterator<Item = u8>) -> (Raw, Vec<quinn::Connecting>) {
    let address = node.endpoint.local_addr().unwrap();
    let stranger = Raw::new(TestEconomy::found(9).unwrap());
    let config =
        || quic(tls_client(&identity(&stranger.economy), vec![X25519MLKEM768], &[ALPN_LINK]));
    // All at once, so that none has been given up when the last is answered.
    let (sender, mut lost) = mpsc::channel(limits::HANDSHAKES);
    let mut paths = Vec::new();
    for network in networks {
        paths.push(deaf_path(address, network, sender.clone()).await);
    }
    let begin = |path| stranger.quinn.connect_with(config(), path, "test.invalid").unwrap();
    let begun: Vec<_> = paths.into_iter().map(begin).collect();
    for _ in &begun {
        patiently("an answer", lost.recv()).await.unwrap();
    }
    (stranger, begun)
}

#[tokio::test]
async fn unfinished_handshakes_of_one_network_shut_nobody_out() {
    let (kr, jp) = pair();
    let begun = begin(&kr, iter::repeat_n(9, limits::HANDSHAKES)).await;
    jp.dial(&kr).await;
    drop(begun);
}

#[tokio::test]
async fn those_of_many_networks_shut_no_partner_out_where_it_was_met_also_before_a_restart() {
    let (mut kr, jp) = pair();
    // Where another answers, it was looked for and not met.
    let other = Node::start(3).endpoint.local_addr().unwrap();
    patiently("a refusal", kr.endpoint.dial(jp.id(), &[other])).await.unwrap_err();
    assert_eq!(kr.endpoint.met(), []);
    jp.dial(&kr).await;
    kr.opened().await;
    let met = kr.endpoint.met();
    assert_eq!(met, [(jp.id(), Ipv4Addr::LOCALHOST.into())]);

    let again = Node::start_with(1, |config| config.met = met.clone());
    assert_eq!(again.endpoint.met(), [], "whoever is no partner has no place");
    again.knows(&jp.economy);
    assert_eq!(again.endpoint.met(), met);
    for node in [kr, again] {
        let each = limits::HANDSHAKES_OF_A_NETWORK;
        let networks = (1..=20).flat_map(|network| iter::repeat_n(network, each));
        let begun = begin(&node, networks.take(limits::HANDSHAKES)).await;
        jp.dial(&node).await;
        drop(begun);
    }
}
