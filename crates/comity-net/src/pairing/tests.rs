//! Both ends of the ceremony in one thread, with somebody in the middle.

use std::time::Duration;

use comity_core::digest::domains;
use comity_core::keyring::KeyringBuilder;
use comity_core::partners::AuthenticationError;
use comity_core::test_util::{SeededEntropy, TestEconomy};
use comity_core::{Digest, Timestamp};
use proptest::prelude::*;

use super::message::Message;
use super::*;
use crate::tls::PeerCertificate;

const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

fn introduction(economy: &TestEconomy, name: &str) -> Introduction {
    Introduction {
        name: name.to_owned(),
        keyring: economy.keyring.encoded().to_vec(),
        addresses: vec![format!("{name}.example:4433")],
    }
}

fn credentials(economy: &TestEconomy, name: &str, nonce: u8) -> Credentials {
    Credentials {
        introduction: introduction(economy, name),
        key: economy.link.clone(),
        nonce: [nonce; 32],
    }
}

fn certificate(economy: &TestEconomy) -> PeerCertificate {
    PeerCertificate { key: economy.link.id(), evidence: economy.evidence() }
}

fn ticket(economy: &TestEconomy) -> Ticket {
    let addresses = vec!["kr.example:4433".to_owned()];
    Ticket::issue(economy.id(), addresses, NOW, &mut SeededEntropy::new(1)).unwrap()
}

fn channel(exporter: u8) -> Channel {
    Channel { exporter: [exporter; 32] }
}

/// One end, with what it was told to do.
struct End {
    session: PairingSession,
    outbox: Vec<Vec<u8>>,
    comparison: Option<Comparison>,
    paired: Option<Paired>,
    failed: Option<PairingError>,
}

impl End {
    fn new(session: PairingSession, outputs: Vec<PairingOutput>) -> Self {
        let mut end =
            Self { session, outbox: vec![], comparison: None, paired: None, failed: None };
        end.take(outputs);
        end
    }

    fn take(&mut self, outputs: Vec<PairingOutput>) {
        for output in outputs {
            assert!(self.failed.is_none() && self.paired.is_none(), "an output after the end");
            match output {
                PairingOutput::Send(message) => self.outbox.push(message),
                PairingOutput::Compare(comparison) => self.comparison = Some(comparison),
                PairingOutput::Paired(paired) => self.paired = Some(*paired),
                PairingOutput::Failed(error) => self.failed = Some(error),
            }
        }
    }

    fn receive(&mut self, message: &[u8]) {
        let outputs = self.session.receive(message, NOW);
        self.take(outputs);
    }

    fn show(&self) -> String {
        self.comparison.as_ref().unwrap().show.to_string()
    }

    fn confirm(&mut self, typed: &str) -> Result<(), ConfirmError> {
        let outputs = self.session.confirm(typed)?;
        self.take(outputs);
        Ok(())
    }
}

fn joining(ticket: &Ticket, exporter: u8, peer: PeerCertificate, ours: Credentials) -> End {
    let (session, outputs) = PairingSession::join(ticket.clone(), channel(exporter), peer, ours);
    End::new(session, outputs)
}

fn inviting(ticket: &Ticket, exporter: u8, peer: PeerCertificate, ours: Credentials) -> End {
    End::new(PairingSession::invite(ticket.clone(), channel(exporter), peer, ours), vec![])
}

/// An honest pair: economy 1 invites, economy 2 joins.
fn pair(exporter: u8) -> (End, End) {
    let (kr, jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let ticket = ticket(&kr);
    (
        inviting(&ticket, exporter, certificate(&jp), credentials(&kr, "kr", 3)),
        joining(&ticket, exporter, certificate(&kr), credentials(&jp, "jp", 4)),
    )
}

/// Carries messages until nobody has any; `tamper` sees each with its number in the order sent.
fn carry(
    inviter: &mut End,
    joiner: &mut End,
    count: &mut usize,
    tamper: &mut impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) {
    loop {
        let (to, message) = if joiner.outbox.is_empty() {
            if inviter.outbox.is_empty() {
                return;
            }
            (&mut *joiner, inviter.outbox.remove(0))
        } else {
            (&mut *inviter, joiner.outbox.remove(0))
        };
        let message = tamper(*count, message);
        *count += 1;
        to.receive(&message);
    }
}

/// Runs a ceremony in which each operator types what the other's screen shows.
fn ceremony(
    inviter: &mut End,
    joiner: &mut End,
    mut tamper: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) {
    let mut count = 0;
    carry(inviter, joiner, &mut count, &mut tamper);
    if let (Some(_), Some(_)) = (&inviter.comparison, &joiner.comparison) {
        let (kr, jp) = (inviter.show(), joiner.show());
        let _not_matching = joiner.confirm(&kr);
        carry(inviter, joiner, &mut count, &mut tamper);
        let _not_matching = inviter.confirm(&jp);
        carry(inviter, joiner, &mut count, &mut tamper);
    }
}

#[test]
fn both_pair_after_both_have_confirmed() {
    let (mut inviter, mut joiner) = pair(9);
    let mut count = 0;
    carry(&mut inviter, &mut joiner, &mut count, &mut |_, message| message);
    assert_eq!(count, 4);
    let (kr, jp) = (inviter.show(), joiner.show());
    assert_eq!(joiner.confirm(&kr), Ok(()));
    carry(&mut inviter, &mut joiner, &mut count, &mut |_, message| message);
    assert!(inviter.paired.is_none() && joiner.paired.is_none(), "one confirmation is not enough");
    assert_eq!(inviter.confirm(&jp), Ok(()));
    carry(&mut inviter, &mut joiner, &mut count, &mut |_, message| message);

    let (kr, jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let (inviter, joiner) = (inviter.paired.unwrap(), joiner.paired.unwrap());
    assert_eq!((inviter.economy, joiner.economy), (jp.id(), kr.id()));
    assert_eq!(inviter.keyring.encoded(), jp.keyring.encoded());
    let (told, heard) = (&inviter.ceremony, &joiner.ceremony);
    assert!(told.inviter && !heard.inviter);
    assert_eq!(inviter.addresses, ["jp.example:4433"]);
    assert_eq!(joiner.name, "kr");
    assert_eq!(inviter.ticket, joiner.ticket);
    assert_eq!(told.transcript, heard.transcript);
    assert_eq!((told.ours, told.our_key), (heard.theirs, heard.their_key));
    assert_eq!((told.theirs, told.their_key), (heard.ours, heard.our_key));
    // What is written down can be checked by whoever reads it: role 0 is the inviter.
    let signed = [told.transcript.as_bytes().as_slice(), &[0]].concat();
    let verified = kr.link.public().verify(domains::SIGN_PAIRING, &signed, &told.ours);
    assert_eq!(verified, Ok(()));
    assert_eq!(told.verify(&kr.keyring, &jp.keyring), Ok(()));
    assert_eq!(heard.verify(&jp.keyring, &kr.keyring), Ok(()));
}

#[test]
fn an_operator_who_mistypes_is_asked_again_or_the_ticket_burns() {
    let (mut inviter, mut joiner) = pair(9);
    assert_eq!(joiner.confirm("000 000"), Err(ConfirmError::NotComparing));
    carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| message);
    assert_eq!(joiner.confirm("12345"), Err(ConfirmError::NotSixDigits));
    let own = joiner.show();
    assert_eq!(joiner.confirm(&own), Err(ConfirmError::OwnDigits));
    let others = inviter.show();
    let wrong = others.chars().map(|digit| if digit == '7' { '8' } else { digit });
    let wrong: String = if others.contains('7') { wrong.collect() } else { "777 777".into() };
    assert_eq!(joiner.confirm(&wrong), Err(ConfirmError::Mismatch));
    assert!(joiner.session.burns_ticket());
    assert_eq!(joiner.confirm(&others), Err(ConfirmError::NotComparing));
    let outputs = inviter.session.hung_up(Some(PairingError::Mismatch.code()));
    inviter.take(outputs);
    let error = inviter.failed.unwrap();
    assert!(error.to_string().contains("do not match"), "{error}");
    assert!(inviter.session.burns_ticket());
}

#[test]
fn a_confirmation_cannot_be_given_twice_or_sent_back() {
    let (mut inviter, mut joiner) = pair(9);
    carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| message);
    let shown = inviter.show();
    joiner.confirm(&shown).unwrap();
    assert_eq!(joiner.confirm(&shown), Err(ConfirmError::Already));
    let own = joiner.outbox.remove(0);
    joiner.receive(&own);
    assert_eq!(joiner.failed, Some(PairingError::Confirmation));
}

/// The worst case: the ticket has leaked, and both link keys are stolen. Everything verifies on
/// both channels; only the digits tell.
#[test]
fn somebody_in_the_middle_with_stolen_keys_is_seen_by_the_digits() {
    let (kr, jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let ticket = ticket(&kr);
    let mut inviter = inviting(&ticket, 1, certificate(&jp), credentials(&kr, "kr", 3));
    let mut as_joiner = joining(&ticket, 1, certificate(&kr), credentials(&jp, "jp", 5));
    let mut as_inviter = inviting(&ticket, 2, certificate(&jp), credentials(&kr, "kr", 6));
    let mut joiner = joining(&ticket, 2, certificate(&kr), credentials(&jp, "jp", 4));
    carry(&mut inviter, &mut as_joiner, &mut 0, &mut |_, message| message);
    carry(&mut as_inviter, &mut joiner, &mut 0, &mut |_, message| message);

    let (kr, jp) = (inviter.show(), joiner.show());
    assert_eq!(inviter.confirm(&jp), Err(ConfirmError::Mismatch));
    assert_eq!(joiner.confirm(&kr), Err(ConfirmError::Mismatch));
}

/// With the ticket but no keys of theirs, the middle is nobody: not the issuer to the joiner.
#[test]
fn somebody_in_the_middle_with_the_ticket_alone_cannot_be_the_issuer() {
    let (kr, jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let mallory = TestEconomy::found(66).unwrap();
    let ticket = ticket(&kr);
    let run = |introduction| {
        let ours = Credentials { introduction, key: mallory.link.clone(), nonce: [6; 32] };
        let mut as_inviter = inviting(&ticket, 2, certificate(&jp), ours);
        let mut joiner = joining(&ticket, 2, certificate(&mallory), credentials(&jp, "jp", 4));
        carry(&mut as_inviter, &mut joiner, &mut 0, &mut |_, message| message);
        joiner.failed.unwrap()
    };
    assert!(matches!(run(introduction(&mallory, "kr")), PairingError::Keyring(_)));
    assert_eq!(
        run(introduction(&kr, "kr")),
        PairingError::LinkKey(AuthenticationError::NotPaired(mallory.id())),
    );
}

#[test]
fn a_relay_between_two_channels_is_refused_by_the_proof() {
    let (kr, jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let ticket = ticket(&kr);
    let mut inviter = inviting(&ticket, 1, certificate(&jp), credentials(&kr, "kr", 3));
    let mut joiner = joining(&ticket, 2, certificate(&kr), credentials(&jp, "jp", 4));
    carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| message);
    assert_eq!(inviter.failed, Some(PairingError::Proof));
    assert!(!inviter.session.burns_ticket(), "who does not hold the ticket cannot burn it");
}

/// The reason with which the inviter refuses a joiner that is not quite right.
fn refused(
    ticket_of_joiner: &Ticket,
    ticket_of_inviter: &Ticket,
    economy: &TestEconomy,
    now: Timestamp,
) -> PairingError {
    let kr = TestEconomy::found(1).unwrap();
    let mut joiner = joining(ticket_of_joiner, 1, certificate(&kr), credentials(economy, "jp", 4));
    let mut inviter =
        inviting(ticket_of_inviter, 1, certificate(economy), credentials(&kr, "kr", 3));
    for _turn in 0..2 {
        if let Some(message) = joiner.outbox.pop() {
            let outputs = inviter.session.receive(&message, now);
            inviter.take(outputs);
        }
        if let Some(message) = inviter.outbox.pop() {
            joiner.receive(&message);
        }
    }
    inviter.failed.unwrap()
}

#[test]
fn each_way_to_be_no_joiner_has_its_own_error() {
    let (kr, mut jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    let good = ticket(&kr);
    let other = Ticket::issue(kr.id(), good.addresses().to_vec(), NOW, &mut SeededEntropy::new(2));
    let other = other.unwrap();

    assert_eq!(refused(&good, &other, &jp, NOW), PairingError::UnknownTicket);
    assert_eq!(refused(&good, &good, &jp, good.expires()), PairingError::Expired(good.expires()));
    let early = TestEconomy::FROM.saturating_sub(Duration::from_secs(3600));
    assert_eq!(
        refused(&good, &good, &jp, early),
        PairingError::LinkKey(AuthenticationError::NotYet(TestEconomy::FROM)),
    );
    jp.revoke(&jp.link.clone(), NOW, true).unwrap();
    let refusal = refused(&good, &good, &jp, NOW);
    assert!(matches!(refusal, PairingError::LinkKey(_)), "{refusal:?}");
}

#[test]
fn our_own_ticket_is_not_for_us() {
    let kr = TestEconomy::found(1).unwrap();
    let ticket = ticket(&kr);
    let mut inviter = inviting(&ticket, 1, certificate(&kr), credentials(&kr, "kr", 3));
    let mut joiner = joining(&ticket, 1, certificate(&kr), credentials(&kr, "kr", 4));
    carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| message);
    assert_eq!(joiner.failed, Some(PairingError::Ourselves));
}

#[test]
fn another_version_is_named() {
    let (mut inviter, mut joiner) = pair(9);
    let claim = joiner.outbox.remove(0);
    let Ok(Message::Claim { ticket, proof, commitment, .. }) = Message::decode(&claim) else {
        unreachable!("the joiner speaks first")
    };
    inviter.receive(&Message::Claim { version: 2, ticket, proof, commitment }.encode());
    assert_eq!(inviter.failed, Some(PairingError::Version(2)));
}

#[test]
fn a_nonce_chosen_afterwards_is_refused() {
    for victim in [Role::Inviter, Role::Joiner] {
        let (mut inviter, mut joiner) = pair(9);
        carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| match (
            victim,
            Message::decode(&message).unwrap(),
        ) {
            (Role::Inviter, Message::Answer { introduction, .. }) => {
                Message::Answer { introduction, nonce: [8; 32] }.encode()
            }
            (Role::Joiner, Message::Reveal { .. }) => Message::Reveal { nonce: [8; 32] }.encode(),
            _ => message,
        });
        let victim = if victim == Role::Inviter { inviter } else { joiner };
        assert_eq!(victim.failed, Some(PairingError::Commitment));
    }
}

#[test]
fn a_message_out_of_turn_ends_the_ceremony() {
    // Every message of one ceremony, each sent at every point of another where it is not due.
    let (mut inviter, mut joiner) = pair(9);
    let mut all = Vec::new();
    ceremony(&mut inviter, &mut joiner, |_, message| {
        all.push(message.clone());
        message
    });
    assert_eq!(all.len(), 6);
    // The last two are confirmations, of which one may overtake the other.
    for due in 0..5 {
        for (wrong, message) in all.iter().enumerate().filter(|(wrong, _)| *wrong < 4) {
            if wrong == due {
                continue;
            }
            let (mut inviter, mut joiner) = pair(9);
            ceremony(
                &mut inviter,
                &mut joiner,
                |at, honest| {
                    if at == due { message.clone() } else { honest }
                },
            );
            let receiver = if due % 2 == 0 { &inviter } else { &joiner };
            assert_eq!(receiver.failed, Some(PairingError::OutOfTurn), "{wrong} for {due}");
        }
    }
}

#[test]
fn the_first_message_names_the_ticket() {
    let (_, joiner) = pair(9);
    let kr = TestEconomy::found(1).unwrap();
    assert_eq!(claimed(&joiner.outbox[0]), Some(ticket(&kr).id()));
    assert_eq!(claimed(&Message::Reveal { nonce: [0; 32] }.encode()), None);
    assert_eq!(claimed(b"GET / HTTP/1.1"), None);
}

#[test]
fn a_ceremony_can_be_given_up_once() {
    let (mut inviter, _) = pair(9);
    let failed = vec![PairingOutput::Failed(PairingError::GivenUp)];
    assert_eq!(inviter.session.give_up(PairingError::GivenUp), failed);
    assert_eq!(inviter.session.give_up(PairingError::TooLong), vec![]);
    assert_eq!(inviter.session.hung_up(None), vec![]);
    assert_eq!(inviter.session.receive(&[1], NOW), vec![]);
}

/// All twelve digits of an honest ceremony that differs from another in one thing.
fn twelve(exporter: u8, nonce: u8, grown: bool) -> (String, String) {
    let (kr, mut jp) = (TestEconomy::found(1).unwrap(), TestEconomy::found(2).unwrap());
    if grown {
        jp.keyring = KeyringBuilder::follow(&jp.keyring).sign(&[&jp.root]).unwrap();
    }
    let ticket = ticket(&kr);
    let mut inviter = inviting(&ticket, exporter, certificate(&jp), credentials(&kr, "kr", nonce));
    let mut joiner = joining(&ticket, exporter, certificate(&kr), credentials(&jp, "jp", 4));
    carry(&mut inviter, &mut joiner, &mut 0, &mut |_, message| message);
    (inviter.show(), joiner.show())
}

#[test]
fn the_digits_follow_from_channel_nonces_and_keyrings() {
    let digits = twelve(1, 3, false);
    assert_eq!(twelve(1, 3, false), digits, "the same ceremony has the same digits");
    assert_ne!(twelve(2, 3, false), digits);
    assert_ne!(twelve(1, 5, false), digits);
    assert_ne!(twelve(1, 3, true), digits);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn another_channel_has_other_digits(one: [u8; 32], other: [u8; 32]) {
        prop_assume!(one != other);
        let kr = TestEconomy::found(1).unwrap();
        let party = |nonce| super::transcript::Party {
            economy: kr.id(),
            keyring: kr.keyring.digest(),
            link_key: kr.link.id(),
            nonce: [nonce; 32],
        };
        let digits = |exporter| {
            let transcript = super::transcript::transcript(
                &Channel { exporter },
                &ticket(&kr),
                &party(1),
                &party(2),
                Digest::ZERO,
            );
            [Role::Inviter, Role::Joiner]
                .map(|role| super::transcript::digits(&transcript, role).to_string())
        };
        prop_assert_ne!(digits(one), digits(other));
    }

    /// Whatever is done to one message, its receiver does not pair.
    #[test]
    fn whoever_receives_an_altered_message_does_not_pair(
        which in 0usize..6,
        place: prop::sample::Index,
        mask in 1u8..,
        how in 0u8..3,
    ) {
        let (mut inviter, mut joiner) = pair(9);
        ceremony(&mut inviter, &mut joiner, |at, mut message| {
            if at == which {
                let place = place.index(message.len());
                match how {
                    0 => message[place] ^= mask,
                    1 => message.truncate(place),
                    _ => message.insert(place, mask),
                }
            }
            message
        });
        let receiver = if [0, 2, 4].contains(&which) { &inviter } else { &joiner };
        prop_assert!(receiver.paired.is_none());
    }
}
