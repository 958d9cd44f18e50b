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
    Standing, "standing": ["paired", "not paired", "suspended", "frozen", "revoked"];
    Trust, "level": ["4", "3", "2", "1", "0"];
    Agreement, "agreement": ["in force", "none", "from T", "ended"];
    Tier, "tier": ["nda", "mou", "law-enforcement"];
    Tlp, "label": ["GREEN", "CLEAR", "AMBER", "AMBER+STRICT", "RED"];
    Floor, "label and record": ["as strict", "looser"];
    Ceiling, "`max-tlp`": ["the tier's", "GREEN"];
    ProhibitsAbove, "prohibits": ["nothing", "above GREEN"];
    Source, "source": ["own", "another partner", "the recipient", "the recipient through another"];
    Onward, "received to be passed on": ["within marking", "ask", "none"];
    Part, "part": ["content", "addressee part"];
    Says, "the origin": [
        "names nobody", "names it", "names a desk there", "names the agreed desk", "names it as relay",
        "names it through us", "gives it the rows", "gives others the rows", "names others",
        "addresses nobody", "names it for other parts", "names others, consents until T",
        "names others, consented until P", "names nobody, consents until T",
        "names nobody, consented until P",
    ];
    Pap, "PAP": ["none", "CLEAR", "GREEN", "AMBER", "RED"];
    MaxPap, "`max-pap`": ["CLEAR", "GREEN", "AMBER", "RED"];
    Kind, "kind": ["covered", "not covered", "prohibited", "control"];
    Category, "categories": ["none", "covered", "one not covered", "prohibited"];
    Section, "section": [
        "summary", "mitigation", "detail", "indicators", "attribution", "victim", "evidence",
        "original", "sightings", "case", "translation of indicators", "translation of none",
    ];
    SectionsNarrowed, "sections": ["the tier's", "the case alone"];
    ProhibitsSection, "prohibits": ["nothing", "the section"];
    Class, "class": [
        "general", "sensitive", "personal-data", "evidence", "order-reference", "no class",
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
    Embargo, "embargo": ["none", "P", "T"];
    Expiry, "expires": ["never", "T", "P"];
    Record, "record": [
        "accepted", "in quarantine", "author pending", "unmarked", "withdrawn", "superseded",
        "erased",
    ];
    Head, "the keyring of its origin, and the recipient's": [
        "never spoken of", "confirmed lately", "not confirmed lately", "confirmed for after T",
        "a newer one on its way", "a newer one awaited", "contradicted",
    ];
    Approval, "approval": ["not needed", "awaited", "refused", "given"];
    Guard, "guard": [
        "no rule", "no rule, matched", "rules, not examined", "rules, cleared by older ones",
        "rules, clear", "rules, matched",
    ];
    Community, "community": ["none", "the recipient's", "another"];
    Unknown, "carries": [
        "nothing unknown", "an unknown section", "an unknown header field", "an unknown marking",
        "an unknown manifest field",
    ];
);

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

    fn with(mut self, dimension: Dimension, place: usize) -> Self {
        self.0[dimension as usize] = u8::try_from(place).unwrap();
        self
    }

    /// Every combination of the values of some dimensions, all else plain.
    pub fn every(over: &[Dimension], within: fn(&Self) -> bool) -> Vec<Self> {
        let mut cells = vec![Self::PLAIN];
        for dimension in over {
            let places = 0..dimension.values().len();
            cells = cells
                .iter()
                .flat_map(|cell| places.clone().map(|place| cell.with(*dimension, place)))
                .collect();
        }
        cells.retain(within);
        cells
    }

    /// Any value of each dimension.
    pub fn drawn(mut below: impl FnMut(usize) -> usize) -> Self {
        DIMENSIONS.iter().fold(Self::PLAIN, |cell, dimension| {
            cell.with(*dimension, below(dimension.values().len()))
        })
    }

    /// The same, drawn again dimension by dimension, where it is out of bounds, or plain.
    pub fn narrowed(
        self,
        within: fn(&Self) -> bool,
        mut below: impl FnMut(usize) -> usize,
    ) -> Self {
        DIMENSIONS.iter().fold(Self::PLAIN, |cell, dimension| {
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

    /// The same in some dimensions; in the others plain.
    pub fn keeping(self, kept: &[Dimension], within: fn(&Self) -> bool) -> Self {
        let bare = kept
            .iter()
            .fold(Self::PLAIN, |cell, dimension| cell.with(*dimension, self.place(*dimension)));
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
