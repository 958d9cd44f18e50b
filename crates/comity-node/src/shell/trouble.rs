//! What went wrong with a link: in words for people, and as a kind that says whose turn it is.

use comity_net::{CloseCause, DialError, DialFault, REVOKED};
use comity_proto::CloseReason;

use crate::api::TroubleKind;

/// What went wrong last with a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    pub(crate) text: String,
}

impl Trouble {
    /// No name of the partner has an address.
    pub(super) fn no_address(names: &[String]) -> Self {
        let text = format!("no address found for {}", names.join(", "));
        Self { kind: TroubleKind::Other, text }
    }
}

impl From<&CloseCause> for Trouble {
    fn from(cause: &CloseCause) -> Self {
        Self { kind: of_close(cause), text: cause.to_string() }
    }
}

impl From<&DialError> for Trouble {
    fn from(error: &DialError) -> Self {
        let kind = match error {
            // Of several addresses the one that answered says most.
            DialError::Unreachable(attempts) => attempts
                .iter()
                .map(|(_, fault)| of_fault(fault))
                .find(|kind| *kind != TroubleKind::Other)
                .unwrap_or(TroubleKind::Other),
            DialError::NoAddress | DialError::Tls(_) => TroubleKind::Other,
        };
        Self { kind, text: error.to_string() }
    }
}

fn of_fault(fault: &DialFault) -> TroubleKind {
    match fault {
        DialFault::Ended(cause) => of_close(cause),
        DialFault::Refused(_) | DialFault::TooLong | DialFault::Address(_) => TroubleKind::Other,
    }
}

fn of_close(cause: &CloseCause) -> TroubleKind {
    let version = CloseReason::Version { theirs: Vec::new() }.code();
    match cause {
        CloseCause::Protocol => TroubleKind::Protocol,
        CloseCause::KeyExchange => TroubleKind::KeyExchange,
        CloseCause::Refused(_) => TroubleKind::Refused,
        CloseCause::Ours { .. } | CloseCause::Partner { .. } => match cause.code() {
            Some(code) if code == u64::from(version) => TroubleKind::Version,
            Some(REVOKED) => TroubleKind::Ended,
            Some(_) | None => TroubleKind::Other,
        },
        CloseCause::Silent | CloseCause::Reset | CloseCause::Lost(_) => TroubleKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_says_whose_turn_it_is() {
        let reason = CloseReason::Version { theirs: vec![2] };
        let ours = CloseCause::Ours { code: reason.code(), text: reason.to_string() };
        let told = Trouble::from(&ours);
        assert_eq!(told.kind, TroubleKind::Version);
        assert!(told.text.contains("comity/1") && told.text.contains("comity/2"), "{}", told.text);
        let partner = |code| CloseCause::Partner { code, text: "no common version".to_owned() };
        assert_eq!(Trouble::from(&partner(reason.code().into())).kind, TroubleKind::Version);
        assert_eq!(Trouble::from(&partner(0x200)).kind, TroubleKind::Ended);
        // The text is the partner's own, and says nothing.
        assert_eq!(Trouble::from(&partner(3)).kind, TroubleKind::Other);
        assert_eq!(Trouble::from(&CloseCause::Silent).kind, TroubleKind::Other);
    }

    #[test]
    fn of_several_addresses_the_one_that_answers_says_most() {
        let address = "192.0.2.1:4864".parse().unwrap();
        for (cause, kind) in [
            (CloseCause::Protocol, TroubleKind::Protocol),
            (CloseCause::KeyExchange, TroubleKind::KeyExchange),
            (CloseCause::Refused("49".to_owned()), TroubleKind::Refused),
            (CloseCause::Reset, TroubleKind::Other),
        ] {
            let attempts = vec![(address, DialFault::TooLong), (address, DialFault::Ended(cause))];
            assert_eq!(Trouble::from(&DialError::Unreachable(attempts)).kind, kind);
        }
    }
}
