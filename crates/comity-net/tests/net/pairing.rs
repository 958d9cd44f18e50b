//! The ceremony over real QUIC.

use std::sync::atomic::{AtomicU64, Ordering};

use comity_core::Timestamp;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_net::pairing::{
    Comparison, ConfirmError, Introduction, InviteError, Paired, PairingError, PairingEvent,
    PairingFailure, PairingId, Role, Ticket,
};
use comity_net::tls::{ALPN_PAIRING, Refusal};
use comity_net::{NetEvent, RefusedWhy, limits};
use rustls::crypto::aws_lc_rs::kx_group::{X25519, X25519MLKEM768};

use super::world::{NOW, Node, Raw, identity, patiently, quic, tls_client};

fn introduction(economy: &TestEconomy, name: &str) -> Introduction {
    Introduction {
        name: name.to_owned(),
        keyring: economy.keyring.encoded().to_vec(),
        addresses: vec![],
    }
}

/// A ticket of the node, which its door is open for.
fn invite(node: &Node) -> Ticket {
    static SEED: AtomicU64 = AtomicU64::new(100);
    let mut entropy = SeededEntropy::new(SEED.fetch_add(1, Ordering::Relaxed));
    let addresses = vec![node.endpoint.local_addr().unwrap().to_string()];
    let ticket = Ticket::issue(node.id(), addresses, NOW, &mut entropy).unwrap();
    node.endpoint.invite(ticket.clone(), introduction(&node.economy, "kr")).unwrap();
    ticket
}

fn join(node: &Node, ticket: &Ticket) -> PairingId {
    // As it comes out of a mail.
    let ticket = ticket.to_line().parse().unwrap();
    node.endpoint.join(ticket, introduction(&node.economy, "jp")).unwrap()
}

async fn pairing(node: &mut Node) -> PairingEvent {
    match node.next().await {
        NetEvent::Pairing(event) => event,
        other => panic!("the ceremony was expected, not {other:?}"),
    }
}

async fn compare(node: &mut Node) -> (PairingId, Comparison) {
    match pairing(node).await {
        PairingEvent::Compare { pairing, comparison, .. } => (pairing, comparison),
        other => panic!("digits were expected, not {other:?}"),
    }
}

async fn paired(node: &mut Node) -> Paired {
    match pairing(node).await {
        PairingEvent::Paired { paired, .. } => *paired,
        other => panic!("the pairing was expected, not {other:?}"),
    }
}

/// Why it failed, and whether the ticket is used up.
async fn failed(node: &mut Node) -> (PairingFailure, bool) {
    match pairing(node).await {
        PairingEvent::Failed { failure, used_up, .. } => (failure, used_up),
        other => panic!("a failure was expected, not {other:?}"),
    }
}

#[track_caller]
fn ceremony(failure: PairingFailure) -> PairingError {
    match failure {
        PairingFailure::Ceremony(error) => error,
        other => panic!("a failure of the ceremony was expected, not {other}"),
    }
}

#[tokio::test]
async fn two_that_never_met_pair_and_connect() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    let joining = join(&jp, &ticket);
    let (at_kr, kr_sees) = compare(&mut kr).await;
    let (at_jp, jp_sees) = compare(&mut jp).await;
    assert_eq!(at_jp, joining);
    assert_eq!((kr_sees.role, jp_sees.role), (Role::Inviter, Role::Joiner));
    assert_eq!((kr_sees.economy, jp_sees.economy), (jp.id(), kr.id()));
    assert_eq!((kr_sees.name.as_str(), jp_sees.name.as_str()), ("jp", "kr"));
    assert_ne!(kr_sees.show, jp_sees.show);

    let own = kr_sees.show.to_string();
    assert_eq!(kr.endpoint.confirm_pairing(at_kr, &own).await, Err(ConfirmError::OwnDigits));
    let typed = jp_sees.show.to_string();
    kr.endpoint.confirm_pairing(at_kr, &typed).await.unwrap();
    jp.endpoint.confirm_pairing(at_jp, &own).await.unwrap();
    let (of_jp, of_kr) = (paired(&mut kr).await, paired(&mut jp).await);
    assert_eq!((of_jp.economy, of_kr.economy), (jp.id(), kr.id()));
    assert_eq!(of_jp.ceremony.their_key, jp.economy.link.id());
    assert_eq!(of_jp.ceremony.transcript, of_kr.ceremony.transcript);

    // What each was told is all that a link takes.
    kr.partners.write().unwrap().insert(of_jp.keyring);
    jp.partners.write().unwrap().insert(of_kr.keyring);
    jp.dial(&kr).await;
    assert_eq!(jp.opened().await.0, kr.id());
    assert_eq!(kr.opened().await.0, jp.id());

    // Once.
    join(&jp, &ticket);
    let (failure, _) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::NoInvitation), "{failure}");
}

#[tokio::test]
async fn wrong_digits_burn_the_ticket_at_both_ends() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    join(&jp, &ticket);
    let (_, kr_sees) = compare(&mut kr).await;
    let (at_jp, jp_sees) = compare(&mut jp).await;
    let wrong = ["000 000", "111 111", "222 222"]
        .into_iter()
        .find(|wrong| ![&kr_sees.show, &jp_sees.show].iter().any(|show| show.to_string() == *wrong))
        .unwrap();
    let typed = jp.endpoint.confirm_pairing(at_jp, wrong).await;
    assert_eq!(typed, Err(ConfirmError::Mismatch));
    let (failure, used_up) = failed(&mut jp).await;
    assert_eq!((ceremony(failure), used_up), (PairingError::Mismatch, true));
    let (failure, used_up) = failed(&mut kr).await;
    let told = PairingError::HungUp(Some(PairingError::Mismatch.code()));
    assert_eq!((ceremony(failure), used_up), (told, true));
    let late = jp.endpoint.confirm_pairing(at_jp, &kr_sees.show.to_string()).await;
    assert_eq!(late, Err(ConfirmError::NotComparing));

    join(&jp, &ticket);
    let (failure, _) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::NoInvitation), "{failure}");
}

#[tokio::test]
async fn one_who_gives_up_tells_the_other() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    join(&jp, &ticket);
    let (at_kr, _) = compare(&mut kr).await;
    compare(&mut jp).await;
    kr.endpoint.abort_pairing(at_kr);
    assert_eq!(ceremony(failed(&mut kr).await.0), PairingError::GivenUp);
    let (failure, used_up) = failed(&mut jp).await;
    let told = PairingError::HungUp(Some(PairingError::GivenUp.code()));
    assert_eq!((ceremony(failure), used_up), (told, true));
}

#[tokio::test]
async fn a_joiner_whose_keyring_is_not_believed_does_not_burn_the_ticket() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    let mut forged = introduction(&jp.economy, "jp");
    forged.keyring = kr.economy.keyring.encoded().to_vec();
    jp.endpoint.join(ticket.clone(), forged).unwrap();
    let (failure, _) = failed(&mut jp).await;
    assert_eq!(ceremony(failure), PairingError::Ourselves, "our own keyring is theirs");
    let (failure, used_up) = failed(&mut kr).await;
    assert!(matches!(ceremony(failure), PairingError::HungUp(_)));
    assert!(!used_up);
    // So the partner can still use it.
    join(&jp, &ticket);
    compare(&mut kr).await;
    compare(&mut jp).await;
}

#[tokio::test]
async fn the_door_is_shut_without_an_invitation() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    kr.endpoint.withdraw_invite(ticket.id());
    join(&jp, &ticket);
    let (failure, used_up) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::NoInvitation), "{failure}");
    assert!(!used_up);
    assert_eq!(kr.refused().await, RefusedWhy::Gate(Refusal::Protocol));
}

#[tokio::test]
async fn a_ticket_ends_after_a_day() {
    let (mut kr, mut jp) = (Node::start(1), Node::start(2));
    let ticket = invite(&kr);
    let after: Timestamp = NOW.saturating_add(limits::TICKET_LIFE);
    kr.hands.set(after);
    join(&jp, &ticket);
    let (failure, _) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::NoInvitation), "{failure}");
    assert_eq!(kr.refused().await, RefusedWhy::Gate(Refusal::Protocol));

    jp.hands.set(after);
    let own = jp.endpoint.join(ticket.clone(), introduction(&jp.economy, "jp"));
    assert_eq!(own, Err(InviteError::Expired(after)));
    let again = kr.endpoint.invite(ticket, introduction(&kr.economy, "kr"));
    assert_eq!(again, Err(InviteError::Expired(after)));
}

#[tokio::test]
async fn a_stranger_at_the_open_door_needs_the_ticket() {
    let mut kr = Node::start(1);
    let ticket = invite(&kr);
    let stranger = Raw::new(TestEconomy::found(9).unwrap());
    let pairing = |groups| quic(tls_client(&identity(&stranger.economy), groups, &[ALPN_PAIRING]));
    for claim in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![0, 0, 0, 1, 7], vec![0xff; 64]] {
        let connection = stranger.connect(&kr, pairing(vec![X25519MLKEM768])).await.unwrap();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&claim).await.unwrap();
        send.finish().unwrap();
        let error = patiently("the close", connection.closed()).await;
        let quinn::ConnectionError::ApplicationClosed(close) = error else { panic!("{error}") };
        assert_eq!(close.error_code, PairingError::OutOfTurn.code().into());
        assert!(receive.read_to_end(1).await.is_err(), "not one byte of an answer");
        assert_eq!(kr.refused().await, RefusedWhy::Pairing(PairingError::OutOfTurn));
    }
    // Nor may a stranger fill our memory.
    let connection = stranger.connect(&kr, pairing(vec![X25519MLKEM768])).await.unwrap();
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&[0, 0, 4, 0]).await.unwrap();
    let mut written = 4;
    let flood = async {
        loop {
            written += send.write(&[7; 4_096]).await.unwrap_or(0);
            tokio::task::yield_now().await;
        }
    };
    let error = tokio::select! {
        never = flood => never,
        Ok(another) = connection.open_uni() => panic!("another stream: {another:?}"),
        error = connection.closed() => error,
    };
    assert!(matches!(error, quinn::ConnectionError::ApplicationClosed(_)), "{error}");
    assert!(written <= 2 * limits::STRANGER_WINDOW as usize, "{written} bytes");
    assert!(matches!(kr.refused().await, RefusedWhy::Pairing(_)));
    // Nor does anybody pair without the post-quantum key exchange.
    let refused = stranger.connect(&kr, pairing(vec![X25519])).await;
    assert!(refused.is_err());
    assert_eq!(kr.refused().await, RefusedWhy::Gate(Refusal::ClassicalKeyExchange));

    // And the door is still open for the one who was invited.
    let mut jp = Node::start(2);
    join(&jp, &ticket);
    compare(&mut kr).await;
    compare(&mut jp).await;
}

#[tokio::test]
async fn a_ticket_in_use_is_nobody_elses() {
    let (mut kr, mut jp, mut fj) = (Node::start(1), Node::start(2), Node::start(3));
    let ticket = invite(&kr);
    let _keeps_the_door_open = invite(&kr);
    join(&jp, &ticket);
    compare(&mut kr).await;
    compare(&mut jp).await;
    join(&fj, &ticket);
    let (failure, _) = failed(&mut fj).await;
    let told = PairingError::HungUp(Some(PairingError::UnknownTicket.code()));
    assert_eq!(ceremony(failure), told);
    assert_eq!(kr.refused().await, RefusedWhy::Pairing(PairingError::UnknownTicket));
}

#[tokio::test]
async fn a_node_that_is_not_there_is_said_to_be_unreachable() {
    let mut jp = Node::start(2);
    let kr = TestEconomy::found(1).unwrap();
    // IPv6 cannot be dialed from a socket for IPv4.
    let addresses = vec!["[::1]:9".to_owned()];
    let ticket = Ticket::issue(kr.id(), addresses, NOW, &mut SeededEntropy::new(1)).unwrap();
    join(&jp, &ticket);
    let (failure, _) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::Unreachable(_)), "{failure}");
    let addresses = vec!["no port".to_owned()];
    let ticket = Ticket::issue(kr.id(), addresses, NOW, &mut SeededEntropy::new(1)).unwrap();
    join(&jp, &ticket);
    let (failure, _) = failed(&mut jp).await;
    assert!(matches!(failure, PairingFailure::Unresolved(_)), "{failure}");
}
