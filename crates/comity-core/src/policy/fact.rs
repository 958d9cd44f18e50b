//! Why a gate says what it says: small enough to copy, and a sentence when it is shown.

use std::fmt;

use super::snapshot::{Standing, TrustLevel};
use super::word::Word;
use crate::agreement::ValueSet;
use crate::group::Exclusion;
use crate::keyring::Unconfirmed;
use crate::marking::{Pap, Tlp};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

/// What a gate found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The gate has nothing to measure: it is not about this recipient, or another gate denies.
    NotMeasured,
    /// The facts contradict each other: an error, and so a denial.
    Contradiction(Contradiction),

    /// The economy is not paired with us.
    NotPaired,
    /// How the partner stands.
    Stands(Standing),
    /// Its link may be in foreign hands: another keyring of it is known of, and is not here.
    RecipientUnconfirmed(Unconfirmed),

    /// The label is within the partner's trust level.
    WithinTrust(TrustLevel),
    /// The label is above the partner's trust level.
    AboveTrust(TrustLevel, Tlp),

    /// CLEAR needs pairing only.
    PairingSuffices,
    /// One agreement in force covers it.
    Covered,
    /// Agreements are in force; none of them covers all of it.
    NoneCovers,
    /// Nothing is signed.
    NoAgreement,
    /// What was signed has ended.
    Ended(Timestamp),
    /// What is signed is not in force before this instant.
    NotYetInForce(Timestamp),
    /// Of the texts that were signed, nobody can say which holds.
    Contested,
    /// It is in doubt whether both have signed what was signed.
    SignatureInDoubt,

    /// Its agreement is reviewed in time, or names no day for that.
    ReviewNotDue,
    /// The review of its agreement is overdue since this instant; the agreement says: warn.
    ReviewOverdue(Timestamp),
    /// The review of its agreement is overdue since this instant; the agreement says: stop.
    ReviewStops(Timestamp),

    /// The record is for everybody whom its marking and the agreements admit.
    Unaddressed,
    /// An addressee part names the recipient and lists this part.
    Addressed,
    /// An addressee part names the recipient as a relay.
    AddressedAsRelay,
    /// An addressee part names a group of which the recipient is a member.
    AddressedToGroup,
    /// The record is addressed to a group, which does not have the recipient.
    OutsideGroup(Exclusion),
    /// Its marking names a community, which does not have the recipient.
    OutsideCommunity(Exclusion),
    /// The part's destination is the recipient.
    Destined,
    /// The part belongs to another economy.
    DestinedElsewhere,
    /// The record is addressed, and names nobody.
    AddressedToNobody,
    /// The record is addressed to others.
    NotAddressed,
    /// The record is addressed to the recipient; this part is not among those it may have.
    NotListed,
    /// The addressee part names somebody else.
    OthersAddressee,
    /// The addressee part without which the recipient would refuse it does not go.
    AddresseeWithheld,
    /// No part with content goes, so nothing goes.
    NoContent,
    /// Our own house.
    OwnHouse,
    /// The control record is for the recipient.
    ControlFor(Kind),
    /// The control record is for others.
    ControlForOthers(Kind),
    /// The recipient holds nothing that the record concerns.
    HoldsNothing(Kind),
    /// Records of this kind leave their own house for nobody.
    StaysAtHome(Kind),
    /// Only the origin sends records of this kind.
    OnlyFromOrigin(Kind),

    /// It is our own.
    OwnRecord,
    /// The recipient gave it to us, or made it.
    CameFromThere,
    /// We received it on condition that it is not passed on.
    OnwardNone,
    /// It may be passed on where its origin said yes.
    OnwardIfAsked,
    /// We received it on condition that its origin is asked, and it said nothing.
    OnwardAsk,
    /// Its origin consented, until this instant.
    Consented(Timestamp),
    /// Its origin had consented, until this instant.
    ConsentEnded(Timestamp),
    /// Its origin does not have to be asked.
    NobodyToAsk,
    /// We received it with leave to pass it on within its marking.
    OnwardWithinMarking,
    /// Its origin named us as the relay.
    RelayNamed,
    /// It is addressed, and its origin did not name us as a relay.
    RelayNotNamed,

    /// The label lets it go there.
    LabelAdmits(Tlp),
    /// RED, and no addressee part names a desk or person there.
    RedWithoutDesk,
    /// RED never leaves by this exit.
    RedNeverHere,
    /// RED is for named people, never for a group.
    RedForGroup,
    /// AMBER or stricter from abroad, without its origin's addressing.
    AmberFromAbroad(Tlp),
    /// Only CLEAR is public.
    NotPublic(Tlp),
    /// AMBER+STRICT is for our organisation only, not for those whom we serve.
    NotForConstituents(Tlp),

    /// No limit on what may be done with it.
    NoPap,
    /// The recipient keeps to the label.
    PapKept(Pap),
    /// The recipient undertook to keep to the second label, not to the first.
    PapAbove(Pap, Pap),

    /// Nothing stricter than this goes, and it is not stricter.
    WithinCeiling(Tlp),
    /// The agreement reaches the second label, not the first.
    AboveCeiling(Tlp, Tlp),
    /// At this label the agreement covers only what is addressed.
    NeedsAddressing(Tlp),
    /// At this label the agreement covers only what is addressed to its own desk.
    NeedsAgreedDesk(Tlp),
    /// An agreement prohibits anything above this label.
    ProhibitedAbove(Tlp),

    /// The agreement covers the kind.
    KindCovered(Kind),
    /// The agreement does not cover the kind; it covers these.
    KindNotCovered(Kind, ValueSet<Kind>),
    /// An agreement prohibits the kind.
    KindProhibited(Kind),
    /// It is of no particular category.
    NoCategory,
    /// The agreement covers each category.
    CategoriesCovered,
    /// Nothing covers the category.
    CategoryNotCovered(Word),
    /// An agreement prohibits the category.
    CategoryProhibited(Word),
    /// Control records have no parts, and content has no body.
    WrongShape(Kind),

    /// The agreement covers the section.
    SectionCovered(Section),
    /// The agreement does not cover the section at this label; it covers these.
    SectionNotCovered(Section, ValueSet<Section>),
    /// At this label sightings go only to the economy they are destined to.
    SightingsNotDestined,
    /// An agreement prohibits the section.
    SectionProhibited(Section),

    /// The agreement covers each class.
    ClassesCovered,
    /// The agreement does not cover the class.
    ClassNotCovered(Class),
    /// An agreement prohibits the class.
    ClassProhibited(Class),

    /// It may be used for anything.
    AnyPurpose,
    /// It may be used for the purposes that go with it.
    PurposesBind,
    /// Agreements in force limit use to purposes that have none in common.
    NoCommonPurpose,
    /// We received it for purposes that the agreement with the recipient does not share.
    PurposeNotShared,
    /// We received it from several partners, for purposes that have none in common.
    SourcesShareNoPurpose,
    /// We received it for purposes to which nothing binds the public.
    PublicBoundToNone,
    /// An agreement excludes any use for law enforcement.
    NotForLawEnforcement,

    /// It is about nobody, and no evidence.
    NoBasisNeeded,
    /// It says when and from which address, under a legal basis that the agreement lists.
    BasisListed,
    /// The record has the reference of an order.
    UnderOrder,
    /// The class needs a legal basis, and none is listed.
    NoLegalBasis(Class),
    /// The class needs an order reference, and the record has none that is covered.
    NoOrderReference(Class),
    /// The order reference on which it rests does not go.
    OrderWithheld,

    /// It has no time of release, or it is past.
    Released,
    /// Nobody before this instant.
    ReleaseAt(Timestamp),
    /// It was published just now, and can be unsent before this instant.
    CanBeUnsent(Timestamp),
    /// No embargo, or it is past.
    NoEmbargo,
    /// The embargo does not concern partners of the origin.
    EmbargoAdmitsPartners(Timestamp),
    /// No onward, public or constituent exit before this instant.
    EmbargoUntil(Timestamp),
    /// It does not expire, or not yet.
    NotExpired,
    /// It has expired.
    Expired(Timestamp),

    /// It belongs to no exercise.
    NoExercise,
    /// It belongs to an exercise, and the agreement admits exercises.
    ExerciseAdmitted,
    /// It belongs to an exercise, in which the recipient does not take part.
    ExerciseNotAdmitted,

    /// Verified, marked, not set aside, and it stands.
    Sound,
    /// It was set aside.
    Quarantined,
    /// It was set aside for its key alone, and binds both parties: they have to go by the same text.
    BindsInDoubt,
    /// Its author could not be checked yet.
    PendingAuthor,
    /// A newer keyring of its origin may exist: what was signed under the one here is held.
    KeyringUnconfirmed(Unconfirmed),
    /// It bears no marking.
    Unmarked,
    /// Its origin took it back.
    Withdrawn,
    /// Its origin replaced it.
    Superseded,
    /// Its body was erased here.
    Erased,
    /// The recipient alone was told to destroy it.
    RecalledThere,

    /// It takes one person to let it go.
    NoApprovalNeeded,
    /// A second person approved it.
    Approved,
    /// It waits for a second person, for this.
    AwaitsApproval(Word),
    /// A second person refused it.
    ApprovalRefused,

    /// The operator has no rule for what may not leave.
    NoGuardRule,
    /// No rule of the egress guard matched.
    GuardClear,
    /// This rule of the egress guard matched: where it stands, never what it looks for.
    GuardHit(Word),
    /// The egress guard has not looked at it with the present rules.
    NotExamined,

    /// It carries nothing that this version cannot weigh.
    NothingUnbuilt,
    /// It carries something that this version cannot weigh.
    Unbuilt(Unbuilt),
}

/// Facts that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A part is marked looser than its record.
    #[error("the part is marked looser than its record")]
    LooserThanFloor,
    /// A part has no class.
    #[error("the part has no class")]
    NoClass,
    /// A translation of no section.
    #[error("the part translates no section")]
    TranslationOfNothing,
    /// An addressee part that the record does not know.
    #[error("the addressee part is not among the record's")]
    AddresseeUnknown,
    /// An addressee part in a record that is not addressed.
    #[error("the record is not addressed, yet has an addressee part")]
    AddresseeOfUnaddressed,
    /// A part of an exercise in a record that is real, or of another exercise.
    #[error("the part belongs to an exercise, and its record does not")]
    ExerciseAmongReal,
}

/// What this version does not weigh yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unbuilt {
    /// Something that a later version of the format uses.
    Unknown,
}

impl fmt::Display for Fact {
    #[expect(clippy::too_many_lines, reason = "one sentence for each fact, and nothing else")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMeasured => f.write_str("nothing to measure here"),
            Self::Contradiction(error) => write!(f, "{error}"),
            Self::NotPaired => f.write_str("not paired with us"),
            Self::Stands(standing) => write!(f, "{standing}"),
            Self::WithinTrust(level) => {
                write!(f, "within trust level {} ({level})", level.number())
            }
            Self::AboveTrust(level, tlp) => match level.ceiling() {
                Some(ceiling) => write!(
                    f,
                    "trust level {} ({level}) reaches {ceiling}, not {tlp}",
                    level.number()
                ),
                None => write!(f, "trust level {} ({level}): nothing goes", level.number()),
            },
            Self::PairingSuffices => f.write_str("CLEAR needs pairing only"),
            Self::Covered => f.write_str("in force, and covers it"),
            Self::NoneCovers => f.write_str("in force, but does not cover all of it"),
            Self::NoAgreement => f.write_str("no agreement is signed"),
            Self::Ended(when) => write!(f, "ended at {when}"),
            Self::NotYetInForce(when) => write!(f, "not in force before {when}"),
            Self::Contested => f.write_str(
                "contested: its texts contradict each other on which of them holds, so none permits anything until both sign one that amends them all",
            ),
            Self::SignatureInDoubt => f.write_str(
                "in doubt: a key that signed it is not believed now, so it permits nothing until that is cleared up, or both have signed anew",
            ),
            Self::ReviewNotDue => f.write_str("no review is overdue"),
            Self::ReviewOverdue(when) => write!(f, "review overdue since {when}: a warning"),
            Self::ReviewStops(when) => {
                write!(f, "review overdue since {when}: it permits nothing until reviewed")
            }
            Self::Unaddressed => f.write_str("for all whom marking and agreement admit"),
            Self::Addressed => f.write_str("addressed"),
            Self::AddressedAsRelay => f.write_str("named as relay"),
            Self::AddressedToGroup => f.write_str("addressed to its group"),
            Self::OutsideGroup(exclusion) => write!(f, "addressed to a group: {exclusion}"),
            Self::OutsideCommunity(exclusion) => write!(f, "for a community: {exclusion}"),
            Self::Destined => f.write_str("its own rows"),
            Self::DestinedElsewhere => f.write_str("belongs to another economy"),
            Self::AddressedToNobody => {
                f.write_str("addressed to nobody that is known here, and no consent is in force")
            }
            Self::NotAddressed => f.write_str("not addressed"),
            Self::NotListed => f.write_str("addressed, but not for this part"),
            Self::OthersAddressee => f.write_str("names another recipient"),
            Self::AddresseeWithheld => f.write_str("its addressee part does not go"),
            Self::NoContent => f.write_str("no part with content goes"),
            Self::OwnHouse => f.write_str("our own house"),
            Self::ControlFor(kind) => write!(f, "the {kind} concerns it"),
            Self::ControlForOthers(kind) => write!(f, "the {kind} concerns others"),
            Self::HoldsNothing(kind) => write!(f, "holds nothing that the {kind} concerns"),
            Self::StaysAtHome(kind) => write!(f, "the {kind} stays at home"),
            Self::OnlyFromOrigin(kind) => write!(f, "only its origin sends the {kind}"),
            Self::OwnRecord => f.write_str("our own"),
            Self::CameFromThere => f.write_str("came from there"),
            Self::OnwardNone => f.write_str("received on condition that it is not passed on"),
            Self::OnwardAsk => {
                f.write_str("received on condition that its origin is asked before it is passed on")
            }
            Self::OnwardIfAsked => f.write_str("may be passed on where its origin said yes"),
            Self::Consented(until) => write!(f, "its origin consented, until {until}"),
            Self::ConsentEnded(until) => write!(f, "its origin's consent ended at {until}"),
            Self::NobodyToAsk => f.write_str("its origin does not have to be asked"),
            Self::OnwardWithinMarking => f.write_str("may be passed on within its marking"),
            Self::RelayNamed => f.write_str("its origin named us as relay"),
            Self::RelayNotNamed => f.write_str("its origin did not name us as relay"),
            Self::NoPap => f.write_str("no limit on what may be done with it"),
            Self::PapKept(pap) => write!(f, "keeps to PAP:{pap}"),
            Self::PapAbove(pap, most) => write!(f, "bound to keep to PAP:{most}, not PAP:{pap}"),
            Self::LabelAdmits(tlp) => write!(f, "TLP:{tlp} admits it"),
            Self::RedWithoutDesk => f.write_str("TLP:RED: no desk or person named"),
            Self::RedNeverHere => f.write_str("TLP:RED never leaves this way"),
            Self::RedForGroup => f.write_str("TLP:RED is never for a group: name people"),
            Self::AmberFromAbroad(tlp) => {
                write!(f, "TLP:{tlp} from abroad: not addressed there by its origin")
            }
            Self::NotPublic(tlp) => write!(f, "TLP:{tlp} is not public"),
            Self::NotForConstituents(tlp) => {
                write!(f, "TLP:{tlp} is for our organisation only")
            }
            Self::WithinCeiling(ceiling) => write!(f, "reaches {ceiling}"),
            Self::AboveCeiling(tlp, ceiling) => write!(f, "reaches {ceiling}, not {tlp}"),
            Self::NeedsAddressing(tlp) => write!(f, "{tlp} only where addressed"),
            Self::NeedsAgreedDesk(tlp) => {
                write!(f, "{tlp} only where addressed to the agreement's desk")
            }
            Self::ProhibitedAbove(ceiling) => write!(f, "prohibits anything above {ceiling}"),
            Self::KindCovered(kind) => write!(f, "covers {kind} records"),
            Self::KindNotCovered(kind, covered) => {
                write!(f, "{kind} records not covered: {covered} only")
            }
            Self::KindProhibited(kind) => write!(f, "prohibits {kind} records"),
            Self::NoCategory => f.write_str("no particular category"),
            Self::CategoriesCovered => f.write_str("covers its categories"),
            Self::CategoryNotCovered(category) => write!(f, "category {category} not covered"),
            Self::CategoryProhibited(category) => write!(f, "prohibits category {category}"),
            Self::WrongShape(kind) => write!(f, "a record of kind {kind} has no such part"),
            Self::SectionCovered(section) => write!(f, "covers {section}"),
            Self::SectionNotCovered(section, covered) => sections(f, *section, *covered),
            Self::SightingsNotDestined => {
                f.write_str("sightings only for the economy that they belong to")
            }
            Self::SectionProhibited(section) => write!(f, "prohibits {section}"),
            Self::ClassesCovered => f.write_str("covers its classes"),
            Self::ClassNotCovered(class) => write!(f, "class {class} not covered"),
            Self::ClassProhibited(class) => write!(f, "prohibits class {class}"),
            Self::AnyPurpose => f.write_str("for any purpose"),
            Self::PurposesBind => f.write_str("for the purposes that go with it"),
            Self::NoCommonPurpose => {
                f.write_str("the agreements in force have no purpose in common")
            }
            Self::SourcesShareNoPurpose => {
                f.write_str("it came from several partners, for purposes that have none in common")
            }
            Self::PurposeNotShared => {
                f.write_str("received for purposes that this agreement does not share")
            }
            Self::PublicBoundToNone => {
                f.write_str("received for purposes to which nothing binds the public")
            }
            Self::NotForLawEnforcement => f.write_str("excludes any use for law enforcement"),
            Self::NoBasisNeeded => f.write_str("needs no legal basis"),
            Self::BasisListed => {
                f.write_str("says when and from which address, under a listed legal basis")
            }
            Self::UnderOrder => f.write_str("under the order that the record refers to"),
            Self::NoLegalBasis(class) => write!(f, "class {class}: no legal basis listed"),
            Self::NoOrderReference(class) => write!(f, "class {class}: no order reference"),
            Self::OrderWithheld => f.write_str("the order reference that it rests on does not go"),
            Self::Released => f.write_str("no time of release ahead"),
            Self::ReleaseAt(when) => write!(f, "release at {when}"),
            Self::CanBeUnsent(when) => write!(f, "can be unsent until {when}"),
            Self::NoEmbargo => f.write_str("no embargo"),
            Self::EmbargoAdmitsPartners(when) => {
                write!(f, "embargo until {when}; the origin's partners have it now")
            }
            Self::EmbargoUntil(when) => write!(f, "embargo until {when}"),
            Self::NotExpired => f.write_str("not expired"),
            Self::Expired(when) => write!(f, "expired at {when}"),
            Self::NoExercise => f.write_str("no exercise"),
            Self::ExerciseAdmitted => f.write_str("admits exercises"),
            Self::ExerciseNotAdmitted => f.write_str("exercises are not admitted"),
            Self::Sound => f.write_str("verified, marked, and it stands"),
            Self::Quarantined => f.write_str("in quarantine"),
            Self::BindsInDoubt => f.write_str("in quarantine for its key, and binds both all the same"),
            Self::PendingAuthor => f.write_str("its author could not be checked yet"),
            Self::KeyringUnconfirmed(why) => write!(f, "its origin's {why}"),
            Self::RecipientUnconfirmed(why) => write!(f, "the recipient's {why}"),
            Self::Unmarked => f.write_str("bears no marking: a person has to mark it"),
            Self::Withdrawn => f.write_str("withdrawn by its origin"),
            Self::Superseded => f.write_str("replaced by its origin"),
            Self::Erased => f.write_str("erased here"),
            Self::RecalledThere => f.write_str("recalled from there"),
            Self::NoApprovalNeeded => f.write_str("needs no second person"),
            Self::Approved => f.write_str("approved by a second person"),
            Self::AwaitsApproval(why) => write!(f, "waits for approval ({why})"),
            Self::ApprovalRefused => f.write_str("refused by a second person"),
            Self::NoGuardRule => f.write_str("no rule of the egress guard"),
            Self::GuardClear => f.write_str("no rule of the egress guard matched"),
            Self::GuardHit(rule) => write!(f, "held by the egress guard ({rule})"),
            Self::NotExamined => f.write_str("not yet examined by the egress guard"),
            Self::NothingUnbuilt => f.write_str("nothing that this version cannot weigh"),
            Self::Unbuilt(what) => write!(f, "{what} cannot be weighed by this version"),
        }
    }
}

/// What is missing is named by what is covered, when that is short.
fn sections(
    f: &mut fmt::Formatter<'_>,
    section: Section,
    covered: ValueSet<Section>,
) -> fmt::Result {
    const FEW: usize = 4;
    // Addressee and case parts say nothing of what happened: nobody asks for them.
    let plain = covered.without([Section::Addressee, Section::Case].into_iter().collect());
    if plain.is_empty() || plain.iter().count() > FEW {
        return write!(f, "{section} not covered");
    }
    write!(f, "{section} not covered: {plain} only")
}

impl fmt::Display for Unbuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("something that a later version introduced"),
        }
    }
}
