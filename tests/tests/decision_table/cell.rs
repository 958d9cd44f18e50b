//! One case: a value of each dimension that any gate reads.

use std::fmt;

macro_rules! dimensions {
    ($($name:ident, $title:literal: [$($value:literal),+ $(,)?];)+) => {
        /// Something that a gate reads, with finitely many values.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Dimension { $($name,)+ }

        /// Every dimension.
        pub const DIMENSIONS: &[Dimension] = &[$(Dimension::$name),+];

        impl Dimension {
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// The values; the first is the plain one, with which everything passes.
            pub const fn values(self) -> &'static [&'static str] {
                match self { $(Self::$name => &[$($value),+],)+ }
            }
        }
    };
}

dimensions!(
    Recipient, "recipient": ["partner", "constituent", "public", "local role"];
    ForDesk, "for which desk there": ["the node", "its duty desk", "the agreed desk"];
    Standing, "standing": ["paired", "not paired", "suspended", "frozen", "revoked"];
    Trust, "level": ["4", "3", "2", "1", "0"];
    Agreement, "agreement": [
        "in force", "none", "from T", "ended", "ended, its notice runs", "in doubt", "contested",
    ];
    Tier, "tier": ["nda", "mou", "law-enforcement"];
    Tlp, "label": ["GREEN", "CLEAR", "AMBER", "AMBER+STRICT", "RED"];
    Floor, "label and record": ["as strict", "looser"];
    Ceiling, "`max-tlp`": ["the tier's", "GREEN"];
    Whose, "prohibited by": [
        "that agreement", "one with whom it came from", "one with whom it came from, ended",
        "a text that was amended",
    ];
    ProhibitsAbove, "prohibits": ["nothing", "above GREEN"];
    Source, "source": [
        "own", "another partner", "the recipient", "the recipient through another",
        "us, through another",
    ];
    Onward, "received to be passed on": ["within marking", "ask", "none"];
    Again, "brought again": [
        "by nobody", "by the recipient", "by a third, to go no further",
        "by a third, to go on if asked", "by a third, for another purpose",
    ];
    FromOrigin, "by its origin too": ["no", "yes"];
    Part, "part": ["content", "addressee part"];
    Rows, "destination": ["none", "it", "others"];
    Says, "the origin": [
        "names nobody", "names it", "names a desk there", "names the agreed desk", "names it as relay",
        "names it through us", "names others", "addresses nobody", "names it for other parts",
        "names others, consents until T", "names others, consented until P",
        "names nobody, consents until T", "names nobody, consented until P",
        "names it for other parts, consents until T", "addresses nobody, consents until T",
        "names its group", "names its group and it", "names its group through us", "names it in its group",
        "names others in its group", "names its group for other parts",
        "names its group, consents until T", "names its group, consented until P",
    ];
    Member, "of the group": [
        "a member, then and now", "joined later", "joined later, where that opens what was before",
        "left since", "never a member", "let in by words in doubt", "left out by a roster that waits",
        "a member; we left since", "a member; we joined later", "a member; another partner was none",
        "of a roster that is not here", "not known here", "frozen", "roster not confirmed lately",
        "secretariat's keyring contradicted", "charter in doubt",
    ];
    Charter, "its charter": [
        "covers it", "covers less", "prohibits it", "is for another purpose", "excludes law enforcement",
    ];
    Pap, "PAP": ["none", "CLEAR", "GREEN", "AMBER", "RED"];
    MaxPap, "`max-pap`": ["CLEAR", "GREEN", "AMBER", "RED"];
    Kind, "kind": ["covered", "not covered", "prohibited", "control", "unknown"];
    Category, "categories": ["none", "covered", "one not covered", "prohibited"];
    Section, "section": [
        "summary", "mitigation", "detail", "indicators", "attribution", "victim", "evidence",
        "original", "sightings", "case", "translation of indicators", "translation of none",
        "translation of an unknown one",
    ];
    SectionsNarrowed, "sections": ["the tier's", "the case alone", "from AMBER on the case alone"];
    ProhibitsSection, "prohibits": ["nothing", "the section"];
    Class, "class": [
        "general", "sensitive", "personal-data", "evidence", "order-reference",
        "personal-data and evidence", "unknown", "no class",
    ];
    ProhibitsClass, "prohibits": ["nothing", "the class"];
    Purposes, "purposes": [
        "any", "agreed", "received", "agreed and received alike", "agreed and received apart", "two agreements apart",
    ];
    NoLawEnforcement, "`no-law-enforcement-use`": [
        "nowhere", "with the recipient", "with whom it came from",
    ];
    Bases, "`legal-bases`": ["none", "listed"];
    Order, "order reference": ["none", "in the record"];
    Exercise, "exercise": ["none", "the record's", "the part's alone"];
    ExercisesAdmitted, "`exercises`": ["false", "true"];
    Review, "review": ["none", "ahead (stop)", "overdue (warn)", "overdue (stop)"];
    ReleaseTime, "release time": ["none", "P", "T"];
    Unsend, "can be unsent until": ["never", "P", "T", "after T"];
    Embargo, "embargo": ["none", "P", "T"];
    Expiry, "expires": ["never", "T", "P"];
    Lifecycle, "record": ["stands", "withdrawn", "superseded"];
    Aside, "its author": ["accepted", "in quarantine", "pending", "in quarantine and pending"];
    Marked, "marked": ["yes", "no"];
    Body, "body": ["here", "erased"];
    Recalled, "recalled from": ["nobody", "the recipient", "another"];
    Head, "another partner's keyring": [
        "never spoken of", "confirmed lately", "not confirmed lately", "confirmed for after T",
        "a newer one on its way", "a newer one on its way, not confirmed lately",
        "a newer one on its way, confirmed for after T", "a newer one awaited", "contradicted",
    ];
    Link, "the recipient's keyring": [
        "never spoken of", "confirmed lately", "not confirmed lately", "confirmed for after T",
        "a newer one on its way", "a newer one on its way, not confirmed lately",
        "a newer one on its way, confirmed for after T", "a newer one awaited", "contradicted",
    ];
    Approval, "approval": ["not needed", "awaited", "refused", "given"];
    Emergency, "emergency": ["none", "in force", "over", "for another partner"];
    Guard, "guard": [
        "no rule", "no rule, matched", "rules, not examined", "rules, cleared by older ones",
        "rules, matched by older ones", "rules, clear", "rules, matched",
    ];
    Community, "community": ["none", "the recipient's", "another"];
    Unknown, "carries": [
        "nothing unknown", "an unknown section", "an unknown header field", "an unknown marking", "an unknown manifest field", "an unknown state",
        "an unknown urgency",
    ];
    ControlKind, "kind": [
        "keyring", "agreement", "acceptance", "termination", "withdrawal", "introduction",
        "acknowledgement", "consent", "contact", "group", "roster", "approval", "content", "unknown",
    ];
    ControlFor, "its body is for": [
        "every partner", "us and the recipient", "us and another", "the recipient and another",
        "the recipient", "another", "some, the recipient among them", "some others", "whoever holds it",
        "nobody can say",
    ];
    Held, "the recipient may hold what it is about": ["no", "yes"];
    Binds, "both are bound by it": ["no", "yes"];
    Word, "the word": [
        "charter", "application", "our own application", "sponsorship", "vote to remove",
        "offer to keep the roster", "invitation", "roster", "daily word",
    ];
    Relation, "the recipient": [
        "is a member", "founds it, and is not in yet", "is asked in", "is asked in, and applies",
        "applies unasked", "applies, and a member speaks for it", "was removed by the last roster",
        "has asked us in", "has nothing to do with it",
    ];
    About, "it is about": ["others", "the recipient"];
    Counts, "it": ["counts", "counts for nothing", "is of a group that is not known here"];
);

/// What the origin says where it names a group.
pub const GROUPS: &[&str] = &[
    "names its group",
    "names its group and it",
    "names its group through us",
    "names it in its group",
    "names others in its group",
    "names its group for other parts",
    "names its group, consents until T",
    "names its group, consented until P",
];

/// Values from which a table starts, where they are not the plain ones.
pub type Base = &'static [(Dimension, &'static str)];

/// A value of each dimension, by its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cell([u8; DIMENSIONS.len()]);

impl Cell {
    /// The first value of each dimension.
    pub const PLAIN: Self = Self([0; DIMENSIONS.len()]);

    pub fn place(&self, dimension: Dimension) -> usize {
        usize::from(self.0[dimension as usize])
    }

    pub fn value(&self, dimension: Dimension) -> &'static str {
        dimension.values()[self.place(dimension)]
    }

    pub fn is(&self, dimension: Dimension, values: &[&str]) -> bool {
        for value in values {
            assert!(dimension.values().contains(value), "{value} is no value of {dimension:?}");
        }
        values.contains(&self.value(dimension))
    }

    pub fn is_first(&self, dimension: Dimension) -> bool {
        self.place(dimension) == 0
    }

    /// The first value of each dimension, but for these.
    pub fn based(base: Base) -> Self {
        base.iter().fold(Self::PLAIN, |cell, (dimension, value)| {
            let place = dimension.values().iter().position(|one| one == value);
            let place = place.unwrap_or_else(|| panic!("{value} is no value of {dimension:?}"));
            cell.with(*dimension, place)
        })
    }

    fn with(mut self, dimension: Dimension, place: usize) -> Self {
        self.0[dimension as usize] = u8::try_from(place).unwrap();
        self
    }

    /// Every combination of the values of some dimensions, all else as in the base.
    pub fn every(base: Base, over: &[Dimension], within: impl Fn(&Self) -> bool) -> Vec<Self> {
        let mut cells = vec![Self::based(base)];
        for dimension in over {
            let places = 0..dimension.values().len();
            let each =
                |cell: &Self| places.clone().map(|place| cell.with(*dimension, place)).collect();
            // A value that is out of bounds beside plain ones is so beside any.
            cells = cells.iter().flat_map(|cell| -> Vec<Self> { each(cell) }).collect();
            cells.retain(&within);
        }
        cells
    }

    /// Any value of each dimension.
    pub fn drawn(mut below: impl FnMut(usize) -> usize) -> Self {
        DIMENSIONS.iter().fold(Self::PLAIN, |cell, dimension| {
            cell.with(*dimension, below(dimension.values().len()))
        })
    }

    /// The same, drawn again dimension by dimension, where it is out of bounds, or as in the base.
    pub fn narrowed(
        self,
        base: Base,
        within: impl Fn(&Self) -> bool,
        mut below: impl FnMut(usize) -> usize,
    ) -> Self {
        DIMENSIONS.iter().fold(Self::based(base), |cell, dimension| {
            let [own, other] = [self.place(*dimension), below(dimension.values().len())]
                .map(|n| cell.with(*dimension, n));
            if within(&own) {
                own
            } else if within(&other) {
                other
            } else {
                cell
            }
        })
    }

    /// The same in some dimensions; in the others as in the base.
    pub fn keeping(self, base: Base, kept: &[Dimension], within: impl Fn(&Self) -> bool) -> Self {
        let bare = kept.iter().fold(Self::based(base), |cell, dimension| {
            cell.with(*dimension, self.place(*dimension))
        });
        assert!(within(&bare), "what bounds the table is not among its columns: {bare:?}");
        bare
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for dimension in DIMENSIONS.iter().filter(|dimension| !self.is_first(**dimension)) {
            write!(f, "{}: {}; ", dimension.title(), self.value(*dimension))?;
        }
        Ok(())
    }
}
