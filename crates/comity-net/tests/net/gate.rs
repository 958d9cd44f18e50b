//! Who gets in, with which key exchange, and who is put out.

use std::collections::BTreeMap;

use comity_core::partners::{AuthenticationError, LinkEvidence};
use comity_core::sign::SecretKey;
use comity_core::test_util::TestEconomy;
use comity_core::{EconomyId, keyring};
use comity_net::tls::{ALPN_LINK, ALPN_PAIRING, Refusal};
use comity_net::{
    BindError, CloseCause, DialError, DialFault, Endpoint, EndpointConfig, EndpointSecrets,
    LinkIdentity, LinkOptions, NetEvent, Partners, RefusedWhy, limits,
};
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
use tokio::sync::mpsc;

use super::world::{
    Groups, Node, Raw, identity, pair, patiently, quic, server, speaking, tls_client,
};

fn allowing(partner: EconomyId) -> BTreeMap<EconomyId, LinkOptions> {
    BTreeMap::from([(partner, LinkOptions { allow_x25519: true, rate_cap: None })])
}

/// The end that the peer sees when the node turns it away: no reason, and no byte of any stream.
async fn turned_away(raw: &Raw, node: &Node, config: quinn::ClientConfig) {
    // A TLS client believes that it is connected before the server has looked at its key.
    let error = match raw.connect(node, config).await {
        Ok(connection) => {
            let error = patiently("the refusal", connection.closed()).await;
            assert_eq!(connection.stats().frame_rx.stream, 0);
            error
        }
        Err(error) => error,
    };
    let quinn::ConnectionError::ConnectionClosed(close) = error else {
        panic!("turned away in the handshake was expected, not {error}");
    };
    let text = String::from_utf8_lossy(&close.reason).into_owned();
    for told in ["pair", "economy", "grant", "quantum"] {
        assert!(!text.contains(told), "the wire tells a reason: {text}");
    }
}

#[tokio::test]
async fn partners_connect_and_know_each_other() {
    let (mut kr, mut jp) = pair();
    let conn = kr.dial(&jp).await;
    assert_eq!(kr.opened().await, (jp.id(), conn, true));
    let (economy, _, dialed) = jp.opened().await;
    assert_eq!((economy, dialed), (kr.id(), false));
}

#[tokio::test]
async fn a_stranger_is_turned_away() {
    let mut node = Node::start(1);
    let stranger = Raw::new(TestEconomy::found(9).unwrap());
    turned_away(&stranger, &node, stranger.config(&node)).await;
    let why = AuthenticationError::NotPaired(stranger.economy.id());
    assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::Authentication(why)));
}

#[tokio::test]
async fn a_partners_evidence_is_worth_nothing_without_its_key() {
    let mut node = Node::start(1);
    let thief = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&thief.economy);
    let key = SecretKey::from_seed(&[66; 32]);
    let used = key.id();
    let forged = LinkIdentity { key, evidence: thief.economy.evidence() };
    let config = tls_client(&forged, vec![X25519MLKEM768], &[ALPN_LINK]);
    turned_away(&thief, &node, quic(config)).await;
    let granted = thief.economy.link.id();
    let why = AuthenticationError::OtherKey { granted, used };
    assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::Authentication(why)));
}

#[tokio::test]
async fn a_peer_without_the_post_quantum_key_exchange_is_turned_away() {
    let mut node = Node::start(1);
    let partner = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&partner.economy);
    for groups in [vec![X25519], vec![SECP256R1, X25519]] as [Groups; 2] {
        let config = tls_client(&identity(&partner.economy), groups, &[ALPN_LINK]);
        turned_away(&partner, &node, quic(config)).await;
        let why = RefusedWhy::Gate(Refusal::ClassicalKeyExchange);
        assert_eq!(node.refused().await, why);
    }
}

#[tokio::test]
async fn x25519_is_for_the_partners_named_and_no_others() {
    let (named, other) = (Raw::new(TestEconomy::found(2).unwrap()), TestEconomy::found(3).unwrap());
    let other = Raw::new(other);
    let id = named.economy.id();
    let mut node = Node::start_with(1, |config| config.links = allowing(id));
    node.knows(&named.economy);
    node.knows(&other.economy);
    let classical =
        |raw: &Raw| quic(tls_client(&identity(&raw.economy), vec![X25519], &[ALPN_LINK]));

    let _open = named.connect(&node, classical(&named)).await.unwrap();
    assert_eq!(node.opened().await.0, named.economy.id());

    // The other one, at the very endpoint that offers X25519 now.
    turned_away(&other, &node, classical(&other)).await;
    assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::ClassicalKeyExchange));
    // Preferring it is having none: the client's order decides.
    let preferring =
        tls_client(&identity(&other.economy), vec![X25519, X25519MLKEM768], &[ALPN_LINK]);
    turned_away(&other, &node, quic(preferring)).await;
    assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::ClassicalKeyExchange));
    let _open = other.connect(&node, other.config(&node)).await.unwrap();
    assert_eq!(node.opened().await.0, other.economy.id());

    // And when the permission is taken back, it is gone.
    node.endpoint.set_links(BTreeMap::new());
    turned_away(&named, &node, classical(&named)).await;
    assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::ClassicalKeyExchange));
}

#[tokio::test]
async fn a_server_without_the_post_quantum_key_exchange_is_not_dialed() {
    let partner = TestEconomy::found(2).unwrap();
    let listener = server(&partner, vec![X25519]);
    let answering = listener.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Some(incoming) = answering.accept().await {
            open.extend(incoming.await);
        }
    });
    let node = Node::start(1);
    node.knows(&partner);
    let addresses = [listener.local_addr().unwrap()];
    let dialed = patiently("the dial", node.endpoint.dial(partner.id(), &addresses)).await;
    assert!(matches!(dialed, Err(DialError::Unreachable(_))), "{dialed:?}");

    node.endpoint.set_links(allowing(partner.id()));
    patiently("the dial", node.endpoint.dial(partner.id(), &addresses)).await.unwrap();
}

#[tokio::test]
async fn a_dialed_server_learns_no_name() {
    let partner = TestEconomy::found(2).unwrap();
    let listener = server(&partner, vec![X25519MLKEM768]);
    let node = Node::start(1);
    node.knows(&partner);
    let addresses = [listener.local_addr().unwrap()];
    let (dialed, accepted) = tokio::join!(node.endpoint.dial(partner.id(), &addresses), async {
        listener.accept().await.unwrap().await.unwrap()
    },);
    dialed.unwrap();
    let data = accepted.handshake_data().unwrap();
    let data = data.downcast::<quinn::crypto::rustls::HandshakeData>().unwrap();
    assert_eq!(data.server_name, None);
    assert_eq!(data.protocol.as_deref(), Some(ALPN_LINK));
}

#[tokio::test]
async fn nothing_is_kept_for_a_second_connection() {
    let mut node = Node::start(1);
    let partner = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&partner.economy);
    // A client that would resume, and send early, if it could.
    let mut config = tls_client(&identity(&partner.economy), vec![X25519MLKEM768], &[ALPN_LINK]);
    config.enable_early_data = true;
    let config = quic(config);
    let first = partner.connect(&node, config.clone()).await.unwrap();
    let (_, conn, _) = node.opened().await;
    // What the node sends after its handshake has arrived once this close has.
    node.endpoint.close(conn, 7, "again");
    patiently("the close", first.closed()).await;
    assert_eq!(node.closed().await.0, conn);

    let address = node.endpoint.local_addr().unwrap();
    let again = partner.quinn.connect_with(config, address, "test.invalid").unwrap();
    assert!(again.into_0rtt().is_err(), "the client holds a ticket");
}

#[tokio::test]
async fn other_protocols_are_turned_away() {
    let mut node = Node::start(1);
    let partner = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&partner.economy);
    let offers: [&[&[u8]]; 4] = [&[b"h3"], &[], &[ALPN_LINK, ALPN_PAIRING], &[ALPN_PAIRING]];
    for protocols in offers {
        let config = tls_client(&identity(&partner.economy), vec![X25519MLKEM768], protocols);
        turned_away(&partner, &node, quic(config)).await;
        assert_eq!(node.refused().await, RefusedWhy::Gate(Refusal::Protocol), "{protocols:?}");
    }
}

#[tokio::test]
async fn another_partner_at_the_address_is_not_the_one_dialed() {
    let (kr, jp) = pair();
    let fj = TestEconomy::found(3).unwrap();
    kr.knows(&fj);
    let address = jp.endpoint.local_addr().unwrap();
    let error = patiently("the dial", kr.endpoint.dial(fj.id(), &[address])).await.unwrap_err();
    let DialError::Unreachable(attempts) = error else { panic!("unreachable, not {error}") };
    let why = Refusal::AnotherPartner { expected: fj.id(), found: jp.id() };
    assert_eq!(attempts, [(address, DialFault::Refused(RefusedWhy::Gate(why)))]);
}

/// What two ends do not have in common is told apart from what one of them does not want.
#[tokio::test]
async fn what_is_not_in_common_has_a_name() {
    let kr = Node::start(1);
    let jp = TestEconomy::found(2).unwrap();
    kr.knows(&jp);
    let links: &[&[u8]] = &[ALPN_LINK];
    let peers: [(Groups, &[&[u8]], CloseCause); 4] = [
        (vec![X25519], links, CloseCause::KeyExchange),
        (vec![SECP256R1, X25519], links, CloseCause::KeyExchange),
        (vec![X25519MLKEM768], &[b"comity/2"], CloseCause::Protocol),
        (vec![X25519MLKEM768], &[], CloseCause::Protocol),
    ];
    for (groups, protocols, expected) in peers {
        let peer = speaking(&jp, groups, protocols);
        let address = peer.local_addr().unwrap();
        tokio::spawn(async move {
            let incoming = peer.accept().await.unwrap();
            drop(incoming.await);
            // It stays, so that its refusal arrives.
            peer.wait_idle().await;
        });
        let error = patiently("the dial", kr.endpoint.dial(jp.id(), &[address])).await.unwrap_err();
        let DialError::Unreachable(attempts) = error else { panic!("unreachable, not {error}") };
        assert_eq!(attempts, [(address, DialFault::Ended(expected))], "{protocols:?}");
    }
}

#[tokio::test]
async fn dialing_goes_on_to_the_address_that_answers() {
    let (kr, jp) = pair();
    let good = jp.endpoint.local_addr().unwrap();
    // IPv6 cannot be dialed from a socket for IPv4.
    let bad = "[::1]:9".parse().unwrap();
    patiently("the dial", kr.endpoint.dial(jp.id(), &[bad, good])).await.unwrap();
    let none = kr.endpoint.dial(jp.id(), &[]).await;
    assert!(matches!(none, Err(DialError::NoAddress)));
}

#[tokio::test]
async fn whoever_is_no_partner_any_more_is_put_out_at_once() {
    let (mut kr, mut jp) = pair();
    kr.dial(&jp).await;
    let (_, at_kr, _) = kr.opened().await;
    let (_, at_jp, _) = jp.opened().await;
    assert_eq!(jp.endpoint.revalidate(), [], "nothing has changed");

    jp.forgets(kr.id());
    assert_eq!(jp.endpoint.revalidate(), [at_jp]);
    let (conn, cause) = kr.closed().await;
    assert_eq!(conn, at_kr);
    assert!(matches!(cause, CloseCause::Partner { code: 0x200, .. }), "{cause}");
    let (conn, cause) = jp.closed().await;
    assert_eq!(conn, at_jp);
    assert!(matches!(cause, CloseCause::Ours { code: 0x200, .. }), "{cause}");
}

#[tokio::test]
async fn a_revoked_link_key_is_put_out_and_stays_out() {
    let (mut kr, mut jp) = pair();
    kr.dial(&jp).await;
    kr.opened().await;
    let (_, at_jp, _) = jp.opened().await;
    let link = kr.economy.link.clone();
    kr.economy.revoke(&link, super::world::NOW, true).unwrap();
    jp.knows(&kr.economy);
    assert_eq!(jp.endpoint.revalidate(), [at_jp]);
    jp.closed().await;
    kr.closed().await;

    kr.dial(&jp).await;
    kr.opened().await;
    let why = AuthenticationError::Revoked(link.id());
    assert_eq!(jp.refused().await, RefusedWhy::Gate(Refusal::Authentication(why)));
    let (_, cause) = kr.closed().await;
    assert!(matches!(cause, CloseCause::Refused(_)), "{cause}");
}

#[tokio::test]
async fn a_grant_that_ends_ends_the_connection() {
    let (mut kr, mut jp) = pair();
    kr.dial(&jp).await;
    kr.opened().await;
    let (_, at_jp, _) = jp.opened().await;
    jp.hands.set(TestEconomy::UNTIL);
    assert_eq!(jp.endpoint.revalidate(), [at_jp]);
    jp.closed().await;
    kr.closed().await;
}

#[tokio::test]
async fn a_new_link_key_needs_no_new_pairing() {
    let (mut kr, mut jp) = pair();
    kr.dial(&jp).await;
    kr.opened().await;
    jp.opened().await;

    // The partner has not seen the keyring that grants the new key: the certificate carries it.
    let fresh = SecretKey::from_seed(&[77; 32]);
    let grant =
        keyring::Grant::link(kr.id(), fresh.public(), TestEconomy::FROM, TestEconomy::UNTIL);
    let next = keyring::KeyringBuilder::follow(&kr.economy.keyring)
        .grant(grant)
        .sign(&[&kr.economy.root])
        .unwrap();
    let evidence = next.link_evidence(fresh.id(), TestEconomy::FROM).unwrap().encode();
    let id = fresh.id();
    kr.endpoint.replace_identity(LinkIdentity { key: fresh, evidence }).unwrap();
    kr.dial(&jp).await;
    let NetEvent::Opened { partner, .. } = jp.next().await else { panic!("opened") };
    assert_eq!((partner.economy(), partner.link_key()), (kr.id(), id));
}

#[tokio::test]
async fn a_thief_of_the_root_is_put_out_by_the_rotation_and_the_economy_is_let_in() {
    let (mut kr, mut jp) = pair();
    let (from, until) = (TestEconomy::FROM, TestEconomy::UNTIL);
    let stolen = SecretKey::from_seed(&[66; 32]);
    let grant = keyring::Grant::link(kr.id(), stolen.public(), from, until);
    let grant = keyring::SignedGrant::sign(grant, &[&kr.economy.root]).unwrap();
    let evidence = LinkEvidence { rotations: Vec::new(), grant }.encode();
    let thief = LinkIdentity { key: stolen, evidence };
    let raw = Raw::new(TestEconomy::found(9).unwrap());
    let config = || quic(tls_client(&thief, vec![X25519MLKEM768], &[ALPN_LINK]));
    let open = raw.connect(&jp, config()).await.unwrap();
    let (economy, at_jp, _) = jp.opened().await;
    assert_eq!(economy, kr.id(), "the root has granted it");

    // Word of the rotation comes some other way: through a relay.
    let next = TestEconomy::genesis(&kr.economy.next_root, &SecretKey::from_seed(&[67; 32]));
    let rescued = keyring::KeyringBuilder::follow(&kr.economy.keyring)
        .rotate(next)
        .sign(&[&kr.economy.next_root])
        .unwrap();
    jp.partners.write().unwrap().insert(rescued.clone());
    assert_eq!(jp.endpoint.revalidate(), [at_jp]);
    jp.closed().await;
    let error = patiently("the close", open.closed()).await;
    assert!(matches!(CloseCause::from(error), CloseCause::Partner { code: 0x200, .. }));
    turned_away(&raw, &jp, config()).await;
    let why = AuthenticationError::ReplacedRoot;
    assert_eq!(jp.refused().await, RefusedWhy::Gate(Refusal::Authentication(why)));

    let key = kr.economy.link.clone();
    let evidence = rescued.link_evidence(key.id(), TestEconomy::FROM).unwrap().encode();
    kr.endpoint.replace_identity(LinkIdentity { key, evidence }).unwrap();
    kr.dial(&jp).await;
    kr.opened().await;
    assert_eq!(jp.opened().await.0, kr.id());
    assert_eq!(jp.endpoint.revalidate(), []);
}

#[tokio::test]
async fn a_partner_has_a_few_connections_and_no_more() {
    let mut node = Node::start(1);
    let partner = Raw::new(TestEconomy::found(2).unwrap());
    node.knows(&partner.economy);
    let mut open = Vec::new();
    for _each in 0..limits::CONNECTIONS_PER_PARTNER {
        open.push(partner.accepted(&mut node).await);
    }
    let one_more = partner.connect(&node, partner.config(&node)).await.unwrap();
    assert_eq!(node.refused().await, RefusedWhy::TooManyConnections);
    let error = patiently("the close", one_more.closed()).await;
    assert!(matches!(CloseCause::from(error), CloseCause::Partner { code: 0x201, .. }));

    let (first, conn) = open.remove(0);
    first.close(0u32.into(), b"done");
    assert_eq!(node.closed().await.0, conn);
    partner.accepted(&mut node).await;
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let node = Node::start(1);
    let taken = node.endpoint.local_addr().unwrap();
    let secrets = EndpointSecrets::from_bytes(&[1; 40]);
    let (events, _) = mpsc::channel(1);
    let second = Endpoint::bind(
        EndpointConfig::new(taken, secrets),
        identity(&node.economy),
        Partners::default(),
        events,
    );
    let Err(error) = second.map(drop) else { panic!("two nodes on one port") };
    assert!(matches!(error, BindError::InUse(address) if address == taken));
    assert!(error.to_string().contains(&format!("port {} is in use", taken.port())));
}
