//! One end of a pairing ceremony, without sockets, clocks or randomness of its own.
//!
//! ```text
//! joiner                                   inviter
//! Claim   ticket id, proof, commitment ->
//!                                       <- Offer   proof, commitment, introduction
//! Answer  introduction, nonce          ->
//!                                       <- Reveal  nonce
//!         both show six digits; each operator types the six of the other screen
//! Confirm signature                    <-> Confirm signature
//! ```
//!
//! The joiner is committed to its nonce before it sees anything of the inviter, and the inviter to
//! its own before it sees the joiner's. So somebody in the middle, who holds two channels with
//! different exporters, has chosen everything of his own before he can know what digits either
//! screen will show: one guess in a million for each, once a ticket.

use comity_core::ceremony::Ceremony;
use comity_core::digest::domains;
use comity_core::keyring::{KeyringError, SignedKeyring, VerifiedKeyring};
use comity_core::partners::PartnerSet;
use comity_core::sign::{SecretKey, Signature};
use comity_core::{Digest, EconomyId, Timestamp};

use super::error::{ConfirmError, PairingError};
use super::message::{self, Introduction, Message};
use super::ticket::{Ticket, TicketId};
use super::transcript::{Channel, Party, Role, SixDigits, commitment, digits, proof, transcript};
use crate::tls::PeerCertificate;

/// What one end brings to a ceremony.
#[derive(Debug)]
pub struct Credentials {
    /// What it tells of itself.
    pub introduction: Introduction,
    /// The link key of its certificate.
    pub key: SecretKey,
    /// Thirty-two bytes that nobody can guess, for this ceremony alone.
    pub nonce: [u8; 32],
}

/// What should happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairingOutput {
    /// Send this message to the other end.
    Send(Vec<u8>),
    /// Show the digits, and ask for those of the other screen.
    Compare(Comparison),
    /// Both have confirmed.
    Paired(Box<Paired>),
    /// The ceremony is over. Hang up with the error's code.
    Failed(PairingError),
}

/// What the operator is asked to compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Which end this is.
    pub role: Role,
    /// To be read aloud to the other operator.
    pub show: SixDigits,
    /// Who is at the other end, as it proves to be unless somebody is in the middle.
    pub economy: EconomyId,
    /// What it calls itself: not believed.
    pub name: String,
}

/// A completed ceremony: what to write down before the partner is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paired {
    /// The partner.
    pub economy: EconomyId,
    /// Its keyring, verified against the id, as it was sent.
    pub keyring: VerifiedKeyring,
    /// What it calls itself: not believed.
    pub name: String,
    /// Where it says that it listens.
    pub addresses: Vec<String>,
    /// The ticket that was used up.
    pub ticket: TicketId,
    /// What both confirmed, with which keys.
    pub ceremony: Ceremony,
}

/// One end of a ceremony.
#[derive(Debug)]
pub struct PairingSession {
    role: Role,
    ticket: Ticket,
    channel: Channel,
    peer: PeerCertificate,
    ours: Credentials,
    messages: Digest,
    stage: Stage,
    revealed: bool,
}

#[derive(Debug)]
enum Stage {
    Claim,
    Offer,
    Answer {
        commitment: Digest,
    },
    Reveal {
        commitment: Digest,
        peer: Checked,
    },
    Compare {
        peer: Checked,
        transcript: Digest,
        ours: Option<Signature>,
        theirs: Option<Signature>,
    },
    Over,
}

/// The other end's introduction, verified against its own keyring and the channel's key.
#[derive(Clone, Debug)]
struct Checked {
    keyring: VerifiedKeyring,
    name: String,
    addresses: Vec<String>,
}

impl PairingSession {
    /// The joiner's end: it holds `ticket`, has dialed, and speaks first.
    #[must_use]
    pub fn join(
        ticket: Ticket,
        channel: Channel,
        peer: PeerCertificate,
        ours: Credentials,
    ) -> (Self, Vec<PairingOutput>) {
        let mut session = Self::new(Role::Joiner, ticket, channel, peer, ours, Stage::Offer);
        let claim = Message::Claim {
            version: message::VERSION,
            ticket: session.ticket.id(),
            proof: proof(&session.ticket, &channel, Role::Joiner),
            commitment: commitment(&session.ours.nonce, &channel, Role::Joiner),
        };
        let outputs = vec![session.send(&claim)];
        (session, outputs)
    }

    /// The inviter's end, for the ticket that [`claimed`] found in the first message, which is to be
    /// given to [`PairingSession::receive`] next.
    #[must_use]
    pub fn invite(
        ticket: Ticket,
        channel: Channel,
        peer: PeerCertificate,
        ours: Credentials,
    ) -> Self {
        Self::new(Role::Inviter, ticket, channel, peer, ours, Stage::Claim)
    }

    fn new(
        role: Role,
        ticket: Ticket,
        channel: Channel,
        peer: PeerCertificate,
        ours: Credentials,
        stage: Stage,
    ) -> Self {
        let messages = Digest::ZERO;
        Self { role, ticket, channel, peer, ours, messages, stage, revealed: false }
    }

    /// Whether the ticket may not be used again: from the moment at which the other end could know
    /// the digits.
    #[must_use]
    pub fn burns_ticket(&self) -> bool {
        self.revealed
    }

    /// Takes a message of the other end.
    pub fn receive(&mut self, bytes: &[u8], now: Timestamp) -> Vec<PairingOutput> {
        if let Stage::Over = self.stage {
            return Vec::new();
        }
        Message::decode(bytes)
            .map_err(PairingError::Malformed)
            .and_then(|message| self.step(message, bytes, now))
            .unwrap_or_else(|error| self.fail(error))
    }

    /// Takes what the operator typed as the digits of the other screen.
    ///
    /// After [`ConfirmError::Mismatch`] the ceremony is over; after the other errors it goes on.
    pub fn confirm(&mut self, typed: &str) -> Result<Vec<PairingOutput>, ConfirmError> {
        let Stage::Compare { transcript, ours, .. } = &mut self.stage else {
            return Err(ConfirmError::NotComparing);
        };
        if ours.is_some() {
            return Err(ConfirmError::Already);
        }
        let typed = SixDigits::read(typed).ok_or(ConfirmError::NotSixDigits)?;
        if typed != digits(transcript, self.role.other()) {
            if typed == digits(transcript, self.role) {
                return Err(ConfirmError::OwnDigits);
            }
            self.stage = Stage::Over;
            return Err(ConfirmError::Mismatch);
        }
        let inviter = self.role == Role::Inviter;
        let signature = Ceremony::confirm(&self.ours.key, transcript, inviter);
        *ours = Some(signature);
        let mut outputs = vec![PairingOutput::Send(Message::Confirm { signature }.encode())];
        outputs.extend(self.complete());
        Ok(outputs)
    }

    /// Ends the ceremony for a reason of our own: the operator gave up, or it took too long.
    pub fn give_up(&mut self, reason: PairingError) -> Vec<PairingOutput> {
        if let Stage::Over = self.stage { Vec::new() } else { self.fail(reason) }
    }

    /// The other end is gone, with the code that it gave.
    pub fn hung_up(&mut self, code: Option<u32>) -> Vec<PairingOutput> {
        self.give_up(PairingError::HungUp(code))
    }

    fn fail(&mut self, error: PairingError) -> Vec<PairingOutput> {
        self.stage = Stage::Over;
        vec![PairingOutput::Failed(error)]
    }

    /// Leaves the stage at [`Stage::Over`] where it fails.
    fn step(
        &mut self,
        message: Message,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<Vec<PairingOutput>, PairingError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        match (stage, message) {
            (Stage::Claim, Message::Claim { version, ticket, proof, commitment }) => {
                self.on_claim(version, ticket, proof, now)?;
                self.record(bytes);
                Ok(vec![self.offer(commitment)])
            }
            (Stage::Offer, Message::Offer { proof: shown, commitment, introduction }) => {
                if shown != proof(&self.ticket, &self.channel, Role::Inviter) {
                    return Err(PairingError::Proof);
                }
                let peer = self.check(introduction, Some(self.ticket.economy()), now)?;
                self.record(bytes);
                Ok(vec![self.answer(commitment, peer)])
            }
            (Stage::Answer { commitment }, Message::Answer { introduction, nonce }) => {
                self.open(commitment, &nonce)?;
                let peer = self.check(introduction, None, now)?;
                self.record(bytes);
                self.revealed = true;
                let reveal = self.send(&Message::Reveal { nonce: self.ours.nonce });
                Ok(vec![reveal, self.compare(peer, nonce)?])
            }
            (Stage::Reveal { commitment, peer }, Message::Reveal { nonce }) => {
                self.open(commitment, &nonce)?;
                self.record(bytes);
                Ok(vec![self.compare(peer, nonce)?])
            }
            (
                Stage::Compare { peer, transcript, ours, theirs: None },
                Message::Confirm { signature },
            ) => {
                self.check_confirmation(&transcript, &signature)?;
                self.stage = Stage::Compare { peer, transcript, ours, theirs: Some(signature) };
                Ok(self.complete())
            }
            (
                Stage::Claim
                | Stage::Offer
                | Stage::Answer { .. }
                | Stage::Reveal { .. }
                | Stage::Compare { .. }
                | Stage::Over,
                _,
            ) => Err(PairingError::OutOfTurn),
        }
    }

    fn on_claim(
        &self,
        version: u64,
        ticket: TicketId,
        shown: Digest,
        now: Timestamp,
    ) -> Result<(), PairingError> {
        if version != message::VERSION {
            return Err(PairingError::Version(version));
        }
        if ticket != self.ticket.id() {
            return Err(PairingError::UnknownTicket);
        }
        if self.ticket.expires() <= now {
            return Err(PairingError::Expired(self.ticket.expires()));
        }
        if shown != proof(&self.ticket, &self.channel, Role::Joiner) {
            return Err(PairingError::Proof);
        }
        Ok(())
    }

    fn offer(&mut self, commitment: Digest) -> PairingOutput {
        let offer = Message::Offer {
            proof: proof(&self.ticket, &self.channel, Role::Inviter),
            commitment: self::commitment(&self.ours.nonce, &self.channel, Role::Inviter),
            introduction: self.ours.introduction.clone(),
        };
        self.stage = Stage::Answer { commitment };
        self.send(&offer)
    }

    fn answer(&mut self, commitment: Digest, peer: Checked) -> PairingOutput {
        self.stage = Stage::Reveal { commitment, peer };
        self.revealed = true;
        let introduction = self.ours.introduction.clone();
        self.send(&Message::Answer { introduction, nonce: self.ours.nonce })
    }

    fn open(&self, committed: Digest, nonce: &[u8; 32]) -> Result<(), PairingError> {
        if commitment(nonce, &self.channel, self.role.other()) == committed {
            Ok(())
        } else {
            Err(PairingError::Commitment)
        }
    }

    /// The keyring makes the economy, and grants the key that signed the channel's handshake.
    fn check(
        &self,
        introduction: Introduction,
        expected: Option<EconomyId>,
        now: Timestamp,
    ) -> Result<Checked, PairingError> {
        let keyring = SignedKeyring::decode(&introduction.keyring)?.verify(expected)?;
        if keyring.economy() == self.our_keyring()?.economy() {
            return Err(PairingError::Ourselves);
        }
        let mut alone = PartnerSet::new();
        alone.insert(keyring.clone());
        alone.authenticate(self.peer.key, &self.peer.evidence, now)?;
        let Introduction { name, keyring: _, addresses } = introduction;
        Ok(Checked { keyring, name, addresses })
    }

    fn our_keyring(&self) -> Result<VerifiedKeyring, KeyringError> {
        SignedKeyring::decode(&self.ours.introduction.keyring)?.verify(None)
    }

    fn compare(&mut self, peer: Checked, nonce: [u8; 32]) -> Result<PairingOutput, PairingError> {
        let own = self.our_keyring()?;
        let ours = Party {
            economy: own.economy(),
            keyring: own.digest(),
            link_key: self.ours.key.id(),
            nonce: self.ours.nonce,
        };
        let theirs = Party {
            economy: peer.keyring.economy(),
            keyring: peer.keyring.digest(),
            link_key: self.peer.key,
            nonce,
        };
        let (inviter, joiner) = match self.role {
            Role::Inviter => (&ours, &theirs),
            Role::Joiner => (&theirs, &ours),
        };
        let transcript = transcript(&self.channel, &self.ticket, inviter, joiner, self.messages);
        let comparison = Comparison {
            role: self.role,
            show: digits(&transcript, self.role),
            economy: peer.keyring.economy(),
            name: peer.name.clone(),
        };
        self.stage = Stage::Compare { peer, transcript, ours: None, theirs: None };
        Ok(PairingOutput::Compare(comparison))
    }

    fn check_confirmation(
        &self,
        transcript: &Digest,
        signature: &Signature,
    ) -> Result<(), PairingError> {
        let inviter = self.role.other() == Role::Inviter;
        Ceremony::check(self.peer.key, transcript, inviter, signature)
            .map_err(|_not_theirs| PairingError::Confirmation)
    }

    /// Reports the pairing once both confirmations are there.
    fn complete(&mut self) -> Vec<PairingOutput> {
        let Stage::Compare { peer, transcript, ours: Some(ours), theirs: Some(theirs) } =
            &self.stage
        else {
            return Vec::new();
        };
        let paired = Paired {
            economy: peer.keyring.economy(),
            keyring: peer.keyring.clone(),
            name: peer.name.clone(),
            addresses: peer.addresses.clone(),
            ticket: self.ticket.id(),
            ceremony: Ceremony {
                transcript: *transcript,
                inviter: self.role == Role::Inviter,
                our_key: self.ours.key.id(),
                ours: *ours,
                their_key: self.peer.key,
                theirs: *theirs,
            },
        };
        self.stage = Stage::Over;
        vec![PairingOutput::Paired(Box::new(paired))]
    }

    fn send(&mut self, message: &Message) -> PairingOutput {
        let bytes = message.encode();
        self.record(&bytes);
        PairingOutput::Send(bytes)
    }

    /// The messages in the order in which both ends see them: the ceremony takes turns.
    fn record(&mut self, bytes: &[u8]) {
        let digest = Digest::of(domains::PAIRING_TRANSCRIPT, bytes);
        self.messages = Digest::of_all(
            domains::PAIRING_TRANSCRIPT,
            &[self.messages.as_bytes(), digest.as_bytes()],
        );
    }
}

/// The ticket that a first message claims; `None` when it is no claim.
#[must_use]
pub fn claimed(bytes: &[u8]) -> Option<TicketId> {
    match Message::decode(bytes) {
        Ok(Message::Claim { ticket, .. }) => Some(ticket),
        Ok(
            Message::Offer { .. }
            | Message::Answer { .. }
            | Message::Reveal { .. }
            | Message::Confirm { .. },
        )
        | Err(_) => None,
    }
}
