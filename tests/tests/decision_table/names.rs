//! The names of what a gate may find. Each list is checked by the compiler: a new fact breaks the build here,
//! and then has to occur in a table.

use comity_core::group::Exclusion;
use comity_core::keyring::Unconfirmed;
use comity_core::policy::{Contradiction, Fact, Gate, Standing, Unbuilt};

macro_rules! named {
    ($function:ident, $list:ident, $type:ident: $($variant:ident)+) => {
        pub const $list: &[&str] = &[$(stringify!($variant)),+];

        pub const fn $function(one: &$type) -> &'static str {
            match one { $($type::$variant { .. } => stringify!($variant),)+ }
        }
    };
}

named!(fact, FACTS, Fact:
    NotMeasured Contradiction NotPaired Stands RecipientUnconfirmed WithinTrust AboveTrust
    PairingSuffices Covered NoneCovers NoAgreement Ended NotYetInForce Contested
    SignatureInDoubt ReviewNotDue ReviewOverdue ReviewStops Unaddressed Addressed
    AddressedAsRelay AddressedToGroup OutsideGroup OutsideCommunity Destined DestinedElsewhere
    AddressedToNobody NotAddressed NotListed OthersAddressee AddresseeWithheld NoContent
    OwnHouse ControlFor ControlForOthers HoldsNothing StaysAtHome OnlyFromOrigin OwnRecord
    CameFromThere OnwardNone OnwardIfAsked OnwardAsk Consented ConsentEnded NobodyToAsk
    OnwardWithinMarking RelayNamed RelayNotNamed LabelAdmits RedWithoutDesk RedNeverHere
    RedForGroup AmberFromAbroad NotPublic NotForConstituents NoPap PapKept PapAbove
    WithinCeiling AboveCeiling NeedsAddressing NeedsAgreedDesk ProhibitedAbove KindCovered
    KindNotCovered KindProhibited NoCategory CategoriesCovered CategoryNotCovered
    CategoryProhibited WrongShape SectionCovered SectionNotCovered SightingsNotDestined
    SectionProhibited ClassesCovered ClassNotCovered ClassProhibited AnyPurpose PurposesBind
    NoCommonPurpose PurposeNotShared SourcesShareNoPurpose PublicBoundToNone
    NotForLawEnforcement NoBasisNeeded BasisListed UnderOrder NoLegalBasis NoOrderReference
    OrderWithheld Released ReleaseAt CanBeUnsent NoEmbargo EmbargoAdmitsPartners EmbargoUntil
    NotExpired Expired NoExercise ExerciseAdmitted ExerciseNotAdmitted Sound Quarantined
    BindsInDoubt PendingAuthor KeyringUnconfirmed Unmarked Withdrawn Superseded Erased
    RecalledThere NoApprovalNeeded Approved AwaitsApproval ApprovalRefused NoGuardRule
    GuardClear GuardHit NotExamined NothingUnbuilt Unbuilt
);

named!(contradicted, CONTRADICTIONS, Contradiction:
    LooserThanFloor NoClass TranslationOfNothing AddresseeUnknown AddresseeOfUnaddressed ExerciseAmongReal
);

named!(exclusion, EXCLUSIONS, Exclusion:
    UnknownGroup Frozen Stale Unconfirmed NoSuchEpoch NotUs NotTheOrigin NotNow NotThen
);

named!(unconfirmed, UNCONFIRMED, Unconfirmed: Since Ahead Awaited Contradicted);

named!(standing, STANDINGS, Standing: Paired Suspended Frozen Revoked);

named!(unbuilt, UNBUILT, Unbuilt: Unknown);

/// Facts that no table has, and why.
pub const NOT_OF_ONE_PART: &[(&str, &str)] = &[
    ("AddresseeWithheld", "said of several parts together, by the plan"),
    ("NoContent", "said of several parts together, by the plan"),
    ("OrderWithheld", "said of several parts together, by the plan"),
];

/// What a fact is about, where that is a closed set of its own.
pub fn detail(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Contradiction(one) => format!("Contradiction::{}", contradicted(one)),
        Fact::OutsideGroup(one) => format!("OutsideGroup::{}", exclusion(one)),
        Fact::OutsideCommunity(one) => format!("OutsideCommunity::{}", exclusion(one)),
        Fact::RecipientUnconfirmed(one) => format!("RecipientUnconfirmed::{}", unconfirmed(one)),
        Fact::KeyringUnconfirmed(one) => format!("KeyringUnconfirmed::{}", unconfirmed(one)),
        Fact::Stands(one) => format!("Stands::{}", standing(one)),
        Fact::Unbuilt(one) => format!("Unbuilt::{}", unbuilt(one)),
        _ => return None,
    })
}

/// Every detail that has to occur.
pub fn details() -> Vec<String> {
    let of = |fact: &str, all: &[&str]| {
        all.iter().map(|one| format!("{fact}::{one}")).collect::<Vec<_>>()
    };
    // Who was a member when a community's record was signed is not asked; nor is its roster named, nor
    // are we and its origin members of it.
    let community = ["UnknownGroup", "Frozen", "Stale", "Unconfirmed", "NotNow"];
    // Who is merely silent speaks for itself as soon as it connects.
    let link = ["Awaited", "Contradicted"];
    [
        of("Contradiction", CONTRADICTIONS),
        of("OutsideGroup", EXCLUSIONS),
        of("OutsideCommunity", &community),
        of("RecipientUnconfirmed", &link),
        of("KeyringUnconfirmed", UNCONFIRMED),
        of("Stands", STANDINGS),
        of("Unbuilt", UNBUILT),
    ]
    .concat()
}

/// What a gate may say of a part: it passes, refuses, waits, or an emergency release stands in for it.
pub const fn verdicts(gate: Gate) -> &'static [&'static str] {
    const EITHER: &[&str] = &["deny", "pass"];
    const WAITS: &[&str] = &["hold", "pass"];
    const STANDS_IN: &[&str] = &["deny", "pass", "stands in"];
    const ANY: &[&str] = &["deny", "hold", "pass", "stands in"];
    match gate {
        Gate::Agreement => ANY,
        Gate::Trust
        | Gate::Review
        | Gate::Tier
        | Gate::Kind
        | Gate::Category
        | Gate::Section
        | Gate::Class
        | Gate::Approval => STANDS_IN,
        Gate::ReleaseTime | Gate::Embargo => WAITS,
        Gate::Standing
        | Gate::Audience
        | Gate::Onward
        | Gate::Consent
        | Gate::Tlp
        | Gate::Pap
        | Gate::Purpose
        | Gate::LegalBasis
        | Gate::Expiry
        | Gate::Exercise
        | Gate::Quarantine
        | Gate::EgressGuard
        | Gate::Unbuilt => EITHER,
    }
}

/// `NotNow`: `not now`.
pub fn words(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}
