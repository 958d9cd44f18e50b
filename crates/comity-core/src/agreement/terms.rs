//! Terms: an agreement's text, understood.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::error::AgreementError;
use super::resolve::resolve;
use super::tier::Tier;
use super::values::ValueSet;
use crate::digest::Digest;
use crate::ledger::Obligations;
use crate::limits;
use crate::marking::{Pap, Tlp};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an agreement covers, demands and prohibits.
///
/// Made by [`Terms::parse`] only, which refuses terms wider than their tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(crate) title: String,
    pub(crate) label: String,
    pub(crate) tier: Tier,
    pub(crate) party_names: Vec<String>,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Option<Timestamp>,
    pub(crate) review: Option<Timestamp>,
    pub(crate) review_overdue: ReviewOverdue,
    pub(crate) notice_days: Option<u32>,
    pub(crate) max_tlp: Tlp,
    pub(crate) max_pap: Pap,
    pub(crate) sections: ValueSet<Section>,
    pub(crate) at_amber: ValueSet<Section>,
    pub(crate) classes: ValueSet<Class>,
    pub(crate) kinds: ValueSet<Kind>,
    pub(crate) categories: Vec<String>,
    pub(crate) legal_bases: Vec<String>,
    pub(crate) exercises: bool,
    pub(crate) no_law_enforcement_use: bool,
    pub(crate) return_or_destroy: Option<ReturnOrDestroy>,
    pub(crate) obligations: Obligations,
    pub(crate) disclosure_notice_days: Option<u32>,
    pub(crate) desk: Option<String>,
    pub(crate) prohibitions: Prohibitions,
    pub(crate) clauses: BTreeMap<Field, String>,
    pub(crate) paper: Paper,
}

/// What an overdue review does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReviewOverdue {
    /// People are told; information goes on flowing.
    #[default]
    Warn,
    /// The agreement permits nothing until it is reviewed. What it prohibits stays prohibited.
    Stop,
}

/// What becomes of information at the end of an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReturnOrDestroy {
    /// It is given back.
    Return,
    /// It is destroyed, and that is certified.
    Destroy,
    /// One of the two, as the recipient chooses.
    Either,
}

/// What an agreement forbids, whatever any other permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prohibitions {
    /// Nothing stricter than this goes.
    pub tlp_above: Option<Tlp>,
    /// These sections do not go.
    pub sections: ValueSet<Section>,
    /// Nothing of these classes goes.
    pub classes: ValueSet<Class>,
    /// Records of these kinds do not go.
    pub kinds: ValueSet<Kind>,
    /// Nothing of these subject categories goes.
    pub categories: Vec<String>,
}

/// The paper that the terms stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paper {
    /// One document per language.
    pub versions: Vec<PaperVersion>,
    /// Who signed.
    pub signatories: Vec<Signatory>,
    /// Where notices under the agreement go.
    pub notices: Option<String>,
    /// Days for which its duties outlive it.
    pub survival_days: Option<u32>,
}

/// The paper in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperVersion {
    /// BCP 47.
    pub language: String,
    /// SHA-256 of the document.
    pub sha256: Digest,
    /// Whether this version prevails.
    pub authentic: bool,
}

/// A person who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatory {
    /// The person.
    pub name: String,
    /// In what capacity.
    pub capacity: String,
    /// For which party; display only.
    pub party: String,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// A field of the terms, for which `[clauses]` may name an article of the paper.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field {
            $($(#[$doc])* $variant,)+
        }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in the text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The field with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

fields!(
    /// The tier.
    Tier = "tier";
    /// The first day.
    Starts = "starts";
    /// The last day.
    Ends = "ends";
    /// When it is to be reviewed.
    Review = "review";
    /// What an overdue review does.
    ReviewOverdue = "review-overdue";
    /// The period of notice.
    Notice = "notice";
    /// The strictest label.
    MaxTlp = "max-tlp";
    /// The strictest label of permissible actions.
    MaxPap = "max-pap";
    /// The sections.
    Sections = "sections";
    /// The sections at AMBER and above.
    SectionsAtAmber = "sections-at-amber";
    /// The classes.
    Classes = "classes";
    /// The kinds.
    Kinds = "kinds";
    /// The subject categories.
    Categories = "categories";
    /// The legal bases.
    LegalBases = "legal-bases";
    /// Exercises.
    Exercises = "exercises";
    /// Passing on.
    Onward = "onward";
    /// Retention.
    Retention = "retention";
    /// What becomes of information at the end.
    ReturnOrDestroy = "return-or-destroy";
    /// The purposes.
    Purposes = "purposes";
    /// No use for law enforcement.
    NoLawEnforcementUse = "no-law-enforcement-use";
    /// Notice before a disclosure that a law compels.
    CompelledDisclosureNotice = "compelled-disclosure-notice";
    /// The law-enforcement desk.
    Desk = "desk";
    /// What is prohibited.
    Prohibits = "prohibits";
    /// What outlives the agreement.
    Survival = "survival";
    /// The paper, and which language prevails.
    Paper = "paper";
    /// Who signed.
    Signatories = "signatories";
    /// Where notices go.
    Notices = "notices";
);

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Terms {
    /// Reads an agreement's text.
    ///
    /// # Errors
    ///
    /// What is wrong first, with its place in the text.
    pub fn parse(text: &str) -> Result<Self, AgreementError> {
        if text.len() > limits::AGREEMENT_BYTES {
            let message = format!(
                "text has {} bytes; an agreement has at most {}",
                text.len(),
                limits::AGREEMENT_BYTES
            );
            return Err(AgreementError::new(text, None, message));
        }
        resolve(text)
    }

    /// What a pairing covers with no agreement at all: the first row of the table of tiers.
    #[must_use]
    pub(crate) fn pairing() -> Self {
        Self::preset(Tier::Paired, Timestamp::EPOCH)
    }

    /// The tier's preset, with nothing narrowed.
    pub(crate) fn preset(tier: Tier, starts: Timestamp) -> Self {
        let preset = tier.preset();
        Self {
            title: tier.label().to_owned(),
            label: tier.label().to_owned(),
            tier,
            party_names: Vec::new(),
            starts,
            ends: None,
            review: None,
            review_overdue: ReviewOverdue::Warn,
            notice_days: None,
            max_tlp: preset.max,
            max_pap: Pap::Clear,
            sections: preset.sections,
            at_amber: preset.at_amber,
            classes: preset.classes,
            kinds: content_kinds(),
            categories: Vec::new(),
            legal_bases: Vec::new(),
            exercises: false,
            no_law_enforcement_use: false,
            return_or_destroy: None,
            obligations: Obligations::default(),
            disclosure_notice_days: None,
            desk: None,
            prohibitions: Prohibitions::nothing(),
            clauses: BTreeMap::new(),
            paper: Paper::default(),
        }
    }

    /// The paper's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What people call it in one word: `MoU`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The preset that the terms narrow.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// The parties as the paper calls them: display only.
    #[must_use]
    pub fn party_names(&self) -> &[String] {
        &self.party_names
    }

    /// The start of its first day, UTC.
    #[must_use]
    pub fn starts(&self) -> Timestamp {
        self.starts
    }

    /// The end of its last day, UTC. `None`: until terminated.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// The start of the day on which it is to be reviewed.
    #[must_use]
    pub fn review(&self) -> Option<Timestamp> {
        self.review
    }

    /// What it does that the review is overdue.
    #[must_use]
    pub fn review_overdue(&self) -> ReviewOverdue {
        self.review_overdue
    }

    /// The instant from which the review is overdue: the end of its day.
    #[must_use]
    pub fn overdue_from(&self) -> Option<Timestamp> {
        self.review.map(|review| review.saturating_add(DAY))
    }

    /// Days of notice.
    #[must_use]
    pub fn notice_days(&self) -> Option<u32> {
        self.notice_days
    }

    /// The earliest instant at which a termination given at `now` may take effect.
    #[must_use]
    pub fn earliest_end(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(DAY.saturating_mul(self.notice_days.unwrap_or(0)))
    }

    /// The strictest label that is covered.
    #[must_use]
    pub fn max_tlp(&self) -> Tlp {
        self.max_tlp
    }

    /// The strictest label of permissible actions that both parties undertake to keep to.
    #[must_use]
    pub fn max_pap(&self) -> Pap {
        self.max_pap
    }

    /// The strictest label that is covered without being addressed.
    #[must_use]
    pub fn unaddressed_tlp(&self) -> Tlp {
        self.max_tlp.min(match self.tier {
            Tier::Paired => Tlp::Clear,
            Tier::Mou => Tlp::Green,
            Tier::Nda | Tier::LawEnforcement => Tlp::Amber,
        })
    }

    /// The sections that are covered at this label.
    #[must_use]
    pub fn sections_at(&self, tlp: Tlp) -> ValueSet<Section> {
        if tlp < Tlp::Amber { self.sections } else { self.sections.and(self.at_amber) }
    }

    /// The classes that are covered.
    #[must_use]
    pub fn classes(&self) -> ValueSet<Class> {
        self.classes
    }

    /// The content kinds that are covered.
    #[must_use]
    pub fn kinds(&self) -> ValueSet<Kind> {
        self.kinds
    }

    /// Subject categories that are covered.
    #[must_use]
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// Legal bases on which personal data goes that says when and from which address, not who.
    #[must_use]
    pub fn legal_bases(&self) -> &[String] {
        &self.legal_bases
    }

    /// Whether it covers exercises.
    #[must_use]
    pub fn admits_exercises(&self) -> bool {
        self.exercises
    }

    /// Whether it excludes any use for law enforcement.
    #[must_use]
    pub fn no_law_enforcement_use(&self) -> bool {
        self.no_law_enforcement_use
    }

    /// What becomes of information at its end.
    #[must_use]
    pub fn return_or_destroy(&self) -> Option<ReturnOrDestroy> {
        self.return_or_destroy
    }

    /// What the recipient takes on with each delivery.
    #[must_use]
    pub fn obligations(&self) -> &Obligations {
        &self.obligations
    }

    /// Days of notice before a disclosure that a law compels.
    #[must_use]
    pub fn compelled_disclosure_notice_days(&self) -> Option<u32> {
        self.disclosure_notice_days
    }

    /// The law-enforcement desk.
    #[must_use]
    pub fn desk(&self) -> Option<&str> {
        self.desk.as_deref()
    }

    /// What is prohibited, whatever any other agreement permits.
    #[must_use]
    pub fn prohibitions(&self) -> &Prohibitions {
        &self.prohibitions
    }

    /// The article of the paper that `field` stands for.
    #[must_use]
    pub fn clause(&self, field: Field) -> Option<&str> {
        self.clauses.get(&field).map(String::as_str)
    }

    /// The paper.
    #[must_use]
    pub fn paper(&self) -> &Paper {
        &self.paper
    }
}

impl Prohibitions {
    /// Nothing is prohibited.
    #[must_use]
    pub const fn nothing() -> Self {
        Self {
            tlp_above: None,
            sections: ValueSet::none(),
            classes: ValueSet::none(),
            kinds: ValueSet::none(),
            categories: Vec::new(),
        }
    }
}

fn content_kinds() -> ValueSet<Kind> {
    Kind::ALL.iter().copied().filter(|kind| !kind.is_control()).collect()
}
