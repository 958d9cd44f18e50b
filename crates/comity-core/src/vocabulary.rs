//! The closed vocabularies of the format: kinds, states, sections, classes, urgency.
//!
//! Each value has a number in the format and a name for people. A number that this version does not
//! know is kept (`Unknown`), stored, and never released.

use std::fmt;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal, $text:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A number that a later version of the format uses.
            Unknown(u64),
        }

        impl $name {
            /// Every value that this version knows.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The number in the format.
            #[must_use]
            pub const fn code(self) -> u64 {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Unknown(code) => code,
                }
            }

            /// The value with this number.
            #[must_use]
            pub const fn from_code(code: u64) -> Self {
                match code {
                    $($code => Self::$variant,)+
                    code => Self::Unknown(code),
                }
            }

            /// The value with this name, as people write it.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Whether this version knows the value.
            #[must_use]
            pub const fn is_known(self) -> bool {
                !matches!(self, Self::Unknown(_))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)+
                    Self::Unknown(code) => write!(f, "unknown-{code}"),
                }
            }
        }
    };
}

vocabulary!(
    /// What a record is. Content kinds have parts; control kinds carry a body in the manifest.
    Kind {
        /// Advice on a vulnerability or a threat.
        Advisory = 0, "advisory";
        /// Something that happened to somebody.
        Incident = 1, "incident";
        /// Rows of observations, cut by the economy they belong to.
        Sightings = 2, "sightings";
        /// A question to a partner.
        Request = 3, "request";
        /// The answer to a request.
        Response = 4, "response";
        /// Anything else that people write to one another.
        Note = 5, "note";
        /// A version of an economy's keyring.
        Keyring = 16, "keyring";
        /// A proposed agreement.
        Agreement = 17, "agreement";
        /// The acceptance of a proposed agreement.
        Acceptance = 18, "acceptance";
        /// The end of an agreement.
        Termination = 19, "termination";
        /// A group's charter.
        Group = 20, "group";
        /// A group's members in one epoch.
        Roster = 21, "roster";
        /// The origin takes a record back.
        Withdrawal = 22, "withdrawal";
        /// The origin lets a record go further.
        Consent = 23, "consent";
        /// A second person's yes.
        Approval = 24, "approval";
        /// A partner's word for an economy that is not paired.
        Introduction = 25, "introduction";
        /// Whom to call.
        Contact = 26, "contact";
        /// What a partner did with what was taken back.
        Acknowledgement = 27, "acknowledgement";
    }
);

impl Kind {
    /// Whether the kind carries a body in the manifest and has no parts. Unknown kinds do not count.
    #[must_use]
    pub const fn is_control(self) -> bool {
        match self {
            Self::Keyring
            | Self::Agreement
            | Self::Acceptance
            | Self::Termination
            | Self::Group
            | Self::Roster
            | Self::Withdrawal
            | Self::Consent
            | Self::Approval
            | Self::Introduction
            | Self::Contact
            | Self::Acknowledgement => true,
            Self::Advisory
            | Self::Incident
            | Self::Sightings
            | Self::Request
            | Self::Response
            | Self::Note
            | Self::Unknown(_) => false,
        }
    }
}

vocabulary!(
    /// Whether more is to come.
    State {
        /// Preliminary.
        Interim = 0, "interim";
        /// As the author means it to stand.
        Final = 1, "final";
    }
);

vocabulary!(
    /// How soon a record should be read.
    Urgency {
        /// In the course of work.
        Routine = 0, "routine";
        /// Today.
        Priority = 1, "priority";
        /// At once, by night as well.
        Urgent = 2, "urgent";
    }
);

vocabulary!(
    /// What a part says.
    Section {
        /// What happened, in a few lines.
        Summary = 0, "summary";
        /// What to do about it.
        Mitigation = 1, "mitigation";
        /// The full account.
        Detail = 2, "detail";
        /// Machine-readable signs of it.
        Indicators = 3, "indicators";
        /// Who did it.
        Attribution = 4, "attribution";
        /// To whom it happened.
        Victim = 5, "victim";
        /// Files and logs that prove it.
        Evidence = 6, "evidence";
        /// The document that the record was made from, as it was.
        Original = 7, "original";
        /// Rows of observations.
        Sightings = 8, "sightings";
        /// Another section in another language.
        Translation = 9, "translation";
        /// Which case it belongs to.
        Case = 10, "case";
        /// To whom the record is addressed.
        Addressee = 11, "addressee";
    }
);

vocabulary!(
    /// How sensitive a part is in law. A part has a non-empty set of classes; each must pass.
    Class {
        /// Nothing special.
        General = 0, "general";
        /// Harmful if known widely.
        Sensitive = 1, "sensitive";
        /// About a natural person.
        PersonalData = 2, "personal-data";
        /// For use in court.
        Evidence = 3, "evidence";
        /// Refers to a judicial or administrative order.
        OrderReference = 4, "order-reference";
    }
);

vocabulary!(
    /// Why its origin wants a record destroyed. It goes to whoever may hold a part, through no gate of what
    /// may be said to whom, so it is a choice among a few and no text.
    RecallReason {
        /// It should not have gone to everybody to whom it went.
        SentInError = 0, "sent-in-error";
        /// The agreement under which it went has ended, or asks for it back.
        Agreement = 1, "agreement";
        /// A law, or a court, demands it.
        Law = 2, "law";
        /// It says something about persons that must not be kept.
        PersonalData = 3, "personal-data";
        /// It endangers whom it comes from.
        Source = 4, "source";
        /// Something else, which is told another way.
        Other = 5, "other";
    }
);

vocabulary!(
    /// How somebody was told of a record by other means than comity.
    Means {
        /// By voice, at a distance.
        Phone = 0, "phone";
        /// By electronic mail.
        Mail = 1, "mail";
        /// By a chat.
        Chat = 2, "chat";
        /// Face to face.
        Meeting = 3, "meeting";
        /// On paper, or on a medium that was handed over.
        Paper = 4, "paper";
        /// Another way: the note says which.
        Other = 5, "other";
    }
);

vocabulary!(
    /// Why parts of what was taken back are still where they came.
    KeptBecause {
        /// Nobody asked that they be destroyed: it was withdrawn, and not recalled.
        NotAsked = 0, "not-asked";
        /// The node cannot erase.
        CannotErase = 1, "cannot-erase";
        /// A hold on legal grounds keeps everything of its kind.
        LegalHold = 2, "legal-hold";
        /// A person there has not erased it yet.
        NotYet = 3, "not-yet";
    }
);

vocabulary!(
    /// Why an economy refuses to destroy what was recalled.
    RefusalReason {
        /// A law demands that it be kept.
        Law = 0, "law";
        /// A court does.
        Order = 1, "order";
        /// It is needed in an investigation that runs.
        Investigation = 2, "investigation";
        /// The agreement under which it came lets it be kept.
        Agreement = 3, "agreement";
        /// Something else: the text says what.
        Other = 4, "other";
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_one_to_one() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_code(kind.code()), *kind);
            assert_eq!(Kind::from_name(&kind.to_string()), Some(*kind));
        }
        for section in Section::ALL {
            assert_eq!(Section::from_code(section.code()), *section);
            assert_eq!(Section::from_name(&section.to_string()), Some(*section));
        }
        for reason in RecallReason::ALL {
            assert_eq!(RecallReason::from_name(&reason.to_string()), Some(*reason));
        }
        for reason in RefusalReason::ALL {
            assert_eq!(RefusalReason::from_name(&reason.to_string()), Some(*reason));
        }
        assert_eq!(KeptBecause::from_code(2), KeptBecause::LegalHold);
        assert_eq!(Class::from_code(77), Class::Unknown(77));
    }
}
