//! Before anything flows: what both sides say of their ledgers, and whether it agrees.

use comity_core::{EconomyId, Timestamp};
use comity_proto::{ConnId, Heads, Hello, Inbound, KeyringHead, Outbound};

use super::{Engine, Job};

impl Engine {
    /// What we say of both ledgers: durable entries only.
    pub(super) fn heads(&self, economy: &EconomyId) -> Option<Heads> {
        let partner = self.state.partner(economy).filter(|partner| partner.is_paired())?;
        let (version, digest) = self.state.own_keyring_head();
        let (epoch, head) = partner.out.durable();
        Some(Heads {
            out: Outbound { epoch, head },
            inbound: Inbound {
                epoch: partner.inbound.epoch(),
                head: partner.inbound.durable_head(),
                ranges: partner.inbound.durable().clone(),
            },
            keyring: (version > 0).then_some(KeyringHead { version, digest }),
            recovering: self.awaits_return(economy),
        })
    }

    /// Both sides' ledgers must agree before anything flows.
    pub(super) fn greeted(
        &mut self,
        economy: EconomyId,
        conn: ConnId,
        hello: Hello,
        now: Timestamp,
    ) {
        let Some(partner) = self.state.partner(&economy) else { return };
        let (out, inbound) = (&partner.out, &partner.inbound);
        let recovering = self.awaits_return(&economy);
        let (theirs, heads) = (hello.heads.inbound.held(), &hello.heads);
        let last = theirs.as_slice().last().map_or(0, |(_, last)| *last);
        let held = &hello.heads.inbound;
        // What a restored side knows of an epoch that it has lost is no chain of its own.
        let other_epoch = recovering && held.epoch.is_some_and(|epoch| epoch != out.epoch());
        // A partner may have been put back to before our own restore.
        let put_back = heads.recovering && out.was_at(held.epoch, held.head);
        // A restored partner builds on our word of what we hold, which must not change under it.
        if heads.recovering && !self.is_settled(&economy, conn) {
            let reason = "arrivals are being written; connect again".to_owned();
            return self.session_input(economy, comity_proto::Input::Refuse { conn, reason }, now);
        }
        // Who it is that asks for everything back, nobody can say; and what it does not get now it
        // would take for lost.
        if let Some(why) = self.keeps_back(&economy, now).filter(|_| heads.recovering) {
            let text = "the partner was restored and asks for what it lost, and its newest keyring is not here: whoever it is gets nothing back. If nobody has that keyring, its operator suspends its partners, confirms the recovery, runs `comity key rotate`, and you pair anew: comity partner invite";
            self.alarm(Some(economy), "restored-unconfirmed", text.to_owned());
            let reason = why.to_owned();
            return self.session_input(economy, comity_proto::Input::Refuse { conn, reason }, now);
        }
        let problem = if last > out.head().number {
            // The partner holds deliveries that our journal does not have.
            (!recovering).then_some("ledger-ahead")
        } else if !other_epoch && !put_back && !out.agrees(held.epoch, held.head) {
            Some("ledger-fork")
        } else if heads.out.head.number < inbound.last() {
            (!heads.recovering).then_some("ledger-behind")
        } else {
            None
        };
        let Some(code) = problem else {
            // What a restored partner knew of our ledger may be lost as well.
            if !heads.recovering && !recovering {
                self.head_agreed(&economy, now);
            }
            if let Some(session) = self.sessions.get_mut(&economy) {
                session.greetings.insert(conn, hello);
            }
            return self.session_input(economy, comity_proto::Input::Admit { conn }, now);
        };
        if code == "ledger-ahead" && (self.claims_more(economy) || self.met_before(economy)) {
            let reason = "connect again, and give back what is not here".to_owned();
            return self.session_input(economy, comity_proto::Input::Refuse { conn, reason }, now);
        }
        let text = match code {
            "ledger-ahead" => {
                "the partner holds deliveries that this node's journal does not have; if this machine was put back to an earlier state, begin recovery with `comity restore --here`"
            }
            "ledger-behind" => {
                "the partner's journal is behind what it has delivered to us; it was probably put back to an earlier state and must begin recovery"
            }
            _ => {
                "the partner's account of our deliveries contradicts our journal; nothing flows until a person has looked"
            }
        };
        self.alarm(Some(economy), code, text.to_owned());
        let reason = code.to_owned();
        self.session_input(economy, comity_proto::Input::Refuse { conn, reason }, now);
    }

    /// Whether what we said on a connection that we hold of the partner is all that we ever shall.
    fn is_settled(&self, economy: &EconomyId, conn: ConnId) -> bool {
        let session = self.sessions.get(economy);
        let told = session.and_then(|session| session.told.get(&conn)).map(|told| &told.held);
        let inbound = self.state.partner(economy).map(|partner| &partner.inbound);
        let arriving = self
            .jobs
            .values()
            .any(|job| matches!(job, Job::Incoming { partner, .. } if partner == economy));
        !arriving
            && inbound
                .is_some_and(|one| one.numbers() == one.durable() && told == Some(one.durable()))
    }

    /// Whether our ledger goes on in an epoch whose opening is still being written.
    pub(super) fn epoch_unsynced(&self, economy: &EconomyId) -> bool {
        let out = self.state.partner(economy).map(|partner| &partner.out);
        out.is_some_and(|out| out.durable().0 != out.epoch())
    }

    pub(super) fn up(&mut self, economy: EconomyId, conn: ConnId, now: Timestamp) {
        let recovering = self.awaits_return(&economy);
        let Some(session) = self.sessions.get_mut(&economy) else { return };
        session.up = true;
        session.reset();
        let Some(hello) = session.greetings.get(&conn) else { return };
        let told = session.told.get(&conn).map_or(0, |told| told.out);
        let heads = hello.heads.clone();
        session.takes_amendments = hello.takes_amendments();
        session.takes_gaps = hello.takes_gaps();
        if session.takes_amendments && std::mem::take(&mut session.kept_amendments) {
            session.look_again();
        }
        let held = heads.inbound.held();
        if let Some(partner) = self.state.partner_mut(&economy) {
            partner.out.reset_acknowledged(held.clone());
            if let Some(opening) = partner.out.opening()
                && heads.inbound.epoch != Some(opening.epoch)
            {
                session.epoch_awaited = true;
                let held = &heads.inbound;
                let follows = held.epoch.is_none_or(|epoch| epoch == opening.previous)
                    && held.head == opening.known;
                if recovering {
                    // Once the partner has given back there is another, which follows from what it holds.
                } else if heads.recovering && !follows {
                    self.follow_back(economy, held, now);
                } else if !self.epoch_unsynced(&economy) {
                    // One that is being written is announced when it is durable.
                    self.session_input(economy, comity_proto::Input::Recovered(opening), now);
                }
            }
        }
        self.tell_heads_to(economy, now);
        self.ask_for_unkept(economy, now);
        if heads.recovering {
            self.give_back(economy, heads.out.head.number, now);
        }
        if recovering {
            self.expect_back(economy, &heads.inbound, told, now);
        } else {
            self.requeue(economy, now);
            if !heads.recovering {
                self.owe_receipt_again(economy, heads.out, now);
            }
        }
    }
}
