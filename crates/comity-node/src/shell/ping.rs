//! Questions for a sign of life that are under way: asked of the partner's node over the link, and
//! answered by it, not by its transport.

use std::collections::BTreeMap;
use std::time::Duration;

use comity_core::entropy::draw;
use comity_core::{EconomyId, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Handle, Request, Shell};
use crate::clock;
use crate::engine::Input;
use crate::entropy::OsEntropy;

/// How long an answer is waited for: as long as a silent connection in use may keep a new one waiting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Questions under way at once, to all partners.
const QUESTIONS: usize = 64;

/// What came of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sign {
    /// The partner's node answered.
    Answered(Pong),
    /// There is no link to ask over, or it went down meanwhile.
    NoLink,
    /// Nothing came in [`PATIENCE`].
    Silent,
    /// As many questions are under way as there may be.
    Busy,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pong {
    /// From the question to the answer, through both nodes.
    pub(crate) took: Duration,
    /// When we asked, by our clock.
    pub(crate) asked: Timestamp,
    /// What the partner's clock said when it answered.
    pub(crate) theirs: Timestamp,
}

/// The questions under way.
#[derive(Default)]
pub(super) struct Questions {
    asked: BTreeMap<u64, Question>,
}

struct Question {
    partner: EconomyId,
    since: Instant,
    asked: Timestamp,
    reply: oneshot::Sender<Sign>,
}

impl Question {
    fn answer(self, sign: Sign) {
        // Whoever asked may have gone away.
        self.reply.send(sign).ok();
    }
}

impl Questions {
    /// Takes an answer. A partner that answers what was not asked says nothing.
    pub(super) fn answered(&mut self, partner: EconomyId, nonce: u64, theirs: Timestamp) {
        if self.asked.get(&nonce).is_some_and(|question| question.partner == partner)
            && let Some(question) = self.asked.remove(&nonce)
        {
            let (took, asked) = (question.since.elapsed(), question.asked);
            question.answer(Sign::Answered(Pong { took, asked, theirs }));
        }
    }

    /// The link with a partner went down.
    pub(super) fn down(&mut self, partner: EconomyId) {
        for (_, question) in self.asked.extract_if(.., |_, one| one.partner == partner) {
            question.answer(Sign::NoLink);
        }
    }

    /// Gives up on those that have waited long enough.
    pub(super) fn give_up(&mut self) {
        for (_, question) in self.asked.extract_if(.., |_, one| one.since.elapsed() > PATIENCE) {
            question.answer(Sign::Silent);
        }
    }
}

impl Handle {
    /// Asks a partner for a sign of life.
    pub(crate) async fn ping(&self, partner: EconomyId) -> Option<Sign> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Ping(partner, reply)).await.ok()?;
        answer.await.ok()
    }
}

impl Shell {
    pub(super) fn ping(&mut self, partner: EconomyId, reply: oneshot::Sender<Sign>) {
        let question = Question { partner, since: Instant::now(), asked: clock::now(), reply };
        if !self.seen.up.contains(&partner) {
            return question.answer(Sign::NoLink);
        }
        if self.questions.asked.len() >= QUESTIONS {
            return question.answer(Sign::Busy);
        }
        // Drawn, so that an answer cannot be sent before the question has come.
        let nonce = u64::from_be_bytes(draw(&mut OsEntropy));
        self.questions.asked.insert(nonce, question);
        self.input(Input::Ping { partner, nonce });
    }
}
