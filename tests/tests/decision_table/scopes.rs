//! The tables: what each gate reads, and which cases each table lists.

use comity_core::policy::Gate;

use crate::cell::{Base, Cell, DIMENSIONS, Dimension};
use crate::within::{
    all, all_else_in_emergency, broken, calm, consented, elsewhere, in_emergency, in_group,
    measured, measured_of_the_node, named_group, no_group, once, once_elsewhere, only_group,
    otherwise_covered_and_broken, otherwise_covered_and_calm,
};
use Dimension::{
    About, Again, Agreement, Approval, Aside, Bases, Binds, Body, Category, Ceiling, Charter,
    Class, Community, ControlFor, ControlKind, Counts, Embargo, Emergency, Exercise,
    ExercisesAdmitted, Expiry, Floor, ForDesk, FromOrigin, Guard, Head, Held, Kind, Lifecycle,
    Link, Marked, MaxPap, Member, NoLawEnforcement, Onward, Order, Pap, Part, ProhibitsAbove,
    ProhibitsClass, ProhibitsSection, Purposes, Recalled, Recipient, Relation, ReleaseTime, Review,
    Rows, Says, Section, SectionsNarrowed, Source, Standing, Tier, Tlp, Trust, Unknown, Unsend,
    Whose, Word,
};

/// What is decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Of {
    /// A part with content, or an addressee part.
    Part,
    /// A control record.
    Control,
}

/// One table.
pub struct Scope {
    pub of: Of,
    pub gate: Gate,
    /// What the gate asks, or, of a further table, in which case.
    pub asks: &'static str,
    pub further: bool,
    /// From what it starts.
    pub base: Base,
    /// What the gate reads: the columns.
    pub reads: &'static [Dimension],
    within: fn(&Cell) -> bool,
}

impl Scope {
    /// Whether the table has the case, but for what its gate does not read.
    pub fn holds(&self, cell: &Cell) -> bool {
        let fixed = |(dimension, value): &(Dimension, &str)| {
            self.reads.contains(dimension) || cell.value(*dimension) == *value
        };
        self.base.iter().all(fixed) && (self.within)(cell)
    }
}

const fn first(
    gate: Gate,
    asks: &'static str,
    reads: &'static [Dimension],
    within: fn(&Cell) -> bool,
) -> Scope {
    Scope { of: Of::Part, gate, asks, further: false, base: &[], reads, within }
}

/// A further table of the same gate.
const fn when(
    gate: Gate,
    asks: &'static str,
    base: Base,
    reads: &'static [Dimension],
    within: fn(&Cell) -> bool,
) -> Scope {
    Scope { of: Of::Part, gate, asks, further: true, base, reads, within }
}

const fn control(
    gate: Gate,
    asks: &'static str,
    reads: &'static [Dimension],
    within: fn(&Cell) -> bool,
) -> Scope {
    Scope { of: Of::Control, gate, asks, further: false, base: &[], reads, within }
}

/// In an emergency that is in force for the recipient, of a record of our own.
const BROKEN: Base = &[(Emergency, "in force")];
/// Addressed to a group.
const TO_GROUP: Base = &[(Says, "names its group")];
const EMERGENCY: &str = "In an emergency";
const GROUP: &str = "Addressed to a group";
const ELSEWHERE: &str = "What else prohibits it";
const AGAIN: &str = "Brought more than once";
const DESK: &str = "Asked for one desk of a partner";

/// Every table, in the order of the gates.
pub const SCOPES: &[Scope] = &[
    first(
        Gate::Standing,
        "Is the recipient a partner in good standing, and its link its own?",
        &[Recipient, Standing, Link],
        all,
    ),
    first(Gate::Trust, "Do we trust it that far?", &[Recipient, Standing, Trust, Tlp], calm),
    when(Gate::Trust, EMERGENCY, BROKEN, &[Standing, Trust, Tlp], broken),
    first(
        Gate::Agreement,
        "Is an agreement in force? (All else covered but, in some rows, the kind.)",
        &[Recipient, Standing, Agreement, Tlp, Kind],
        otherwise_covered_and_calm,
    ),
    when(
        Gate::Agreement,
        EMERGENCY,
        BROKEN,
        &[Standing, Agreement, Tlp, Kind],
        otherwise_covered_and_broken,
    ),
    when(
        Gate::Agreement,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Tlp],
        |cell| {
            let free = [Says, Member, Charter];
            in_group(cell)
                && cell.is(Charter, &["covers it", "covers less"])
                && DIMENSIONS.iter().all(|dimension| {
                    matches!(dimension, Recipient | Agreement | Tlp | Trust | Onward | Emergency)
                        || free.contains(dimension)
                        || cell.is_first(*dimension)
                })
        },
    ),
    first(
        Gate::Review,
        "Has that agreement been reviewed in time?",
        &[Recipient, Agreement, Review],
        measured,
    ),
    when(Gate::Review, EMERGENCY, BROKEN, &[Agreement, Review], all_else_in_emergency),
    first(
        Gate::Audience,
        "Is it meant for the recipient?",
        &[Recipient, Source, Part, Rows, Says, Community],
        |cell| no_group(cell) && cell.is_first(ForDesk) && cell.is_first(Member),
    ),
    when(Gate::Audience, DESK, &[(ForDesk, "its duty desk")], &[ForDesk, Source, Says], |cell| {
        no_group(cell)
            && !cell.is_first(ForDesk)
            && cell.is_first(Recipient)
            && cell.is_first(Community)
            && cell.is_first(Part)
            && cell.is_first(Rows)
    }),
    when(Gate::Audience, GROUP, TO_GROUP, &[Recipient, Source, Part, Says, Member], only_group),
    when(
        Gate::Audience,
        "Addressed to a group, and its origin has consented besides",
        &[(Says, "names its group, consents until T")],
        &[Recipient, Source, Part, Says, Member],
        |cell| {
            named_group(cell)
                && cell.is_first(Community)
                && consented(cell)
                && cell.is(Member, &["a member, then and now", "never a member", "not known here"])
        },
    ),
    when(
        Gate::Audience,
        "For a community, of which the group is",
        &[(Community, "the recipient's")],
        &[Recipient, Source, Member],
        |cell| no_group(cell) && cell.is_first(Says) && cell.is_first(Rows) && cell.is_first(Part),
    ),
    first(Gate::Onward, "May we pass on what we received?", &[Recipient, Source, Onward], once),
    when(
        Gate::Onward,
        AGAIN,
        &[(Source, "another partner")],
        &[Recipient, Source, Onward, Again, FromOrigin],
        |cell| !cell.is_first(Source),
    ),
    first(
        Gate::Consent,
        "Where its origin has to be asked, did it say yes?",
        &[Recipient, Source, Onward, Part, Says],
        |cell| once(cell) && no_group(cell),
    ),
    when(Gate::Consent, AGAIN, &[], &[Recipient, Source, Onward, Again, FromOrigin], |cell| {
        cell.is_first(Says)
    }),
    when(
        Gate::Consent,
        GROUP,
        TO_GROUP,
        &[Recipient, Source, Onward, Part, Says, Member],
        named_group,
    ),
    first(
        Gate::Tlp,
        "Does its label let it go there?",
        &[Recipient, Source, Tlp, Floor, Part, Rows, Says],
        |cell| no_group(cell) && cell.is_first(ForDesk),
    ),
    when(
        Gate::Tlp,
        DESK,
        &[(ForDesk, "its duty desk"), (Tlp, "RED")],
        &[ForDesk, Source, Says],
        |cell| {
            no_group(cell)
                && !cell.is_first(ForDesk)
                && cell.is_first(Recipient)
                && cell.is_first(Floor)
                && cell.is_first(Part)
                && cell.is_first(Rows)
        },
    ),
    when(Gate::Tlp, GROUP, TO_GROUP, &[Recipient, Source, Tlp, Says, Member], |cell| {
        named_group(cell)
            && cell.is_first(Floor)
            && cell.is_first(Part)
            && cell.is(Recipient, &["partner", "local role"])
            && cell.is(Member, &["a member, then and now", "never a member", "not known here"])
    }),
    first(
        Gate::Pap,
        "Does the recipient keep to what may be done with it?",
        &[Recipient, Agreement, Pap, MaxPap],
        measured,
    ),
    when(Gate::Pap, EMERGENCY, BROKEN, &[Agreement, Pap, MaxPap], |cell| {
        in_emergency(cell, &[Pap])
    }),
    when(Gate::Pap, GROUP, TO_GROUP, &[Recipient, Agreement, Says, Member, Charter, Pap], |cell| {
        in_group(cell) && cell.is_first(MaxPap)
    }),
    first(
        Gate::Tier,
        "Does the agreement reach the label?",
        &[Recipient, Agreement, Tier, Tlp, Ceiling, ProhibitsAbove, Source, Part, Rows, Says],
        measured_of_the_node,
    ),
    when(
        Gate::Tier,
        EMERGENCY,
        BROKEN,
        &[Agreement, Tier, Tlp, Ceiling, ProhibitsAbove, Part, Rows, Says],
        all_else_in_emergency,
    ),
    when(
        Gate::Tier,
        DESK,
        &[(ForDesk, "its duty desk"), (Tlp, "RED"), (Tier, "law-enforcement")],
        &[ForDesk, Agreement, Says],
        |cell| {
            measured(cell)
                && !cell.is_first(ForDesk)
                && cell.is_first(Recipient)
                && cell.is_first(ProhibitsAbove)
                && cell.is_first(Ceiling)
                && cell.is_first(Part)
                && cell.is_first(Rows)
        },
    ),
    when(
        Gate::Tier,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Tlp],
        |cell| {
            in_group(cell)
                && cell.is_first(Tier)
                && cell.is_first(Ceiling)
                && cell.is_first(ProhibitsAbove)
        },
    ),
    when(
        Gate::Tier,
        ELSEWHERE,
        &[(ProhibitsAbove, "above GREEN"), (Tlp, "AMBER"), (Agreement, "in doubt")],
        &[Recipient, Agreement, Whose, Source, FromOrigin],
        |cell| elsewhere(cell) && cell.is_first(Tier) && cell.is_first(Ceiling),
    ),
    first(
        Gate::Kind,
        "Does the agreement cover such records?",
        &[Recipient, Agreement, Source, Kind],
        measured,
    ),
    when(Gate::Kind, EMERGENCY, BROKEN, &[Agreement, Kind], all_else_in_emergency),
    when(
        Gate::Kind,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Kind],
        in_group,
    ),
    when(
        Gate::Kind,
        ELSEWHERE,
        &[(Kind, "prohibited"), (Agreement, "in doubt")],
        &[Recipient, Agreement, Whose, Source],
        once_elsewhere,
    ),
    first(
        Gate::Category,
        "Does the agreement cover each of its categories?",
        &[Recipient, Agreement, Source, Category],
        measured,
    ),
    when(Gate::Category, EMERGENCY, BROKEN, &[Agreement, Category], all_else_in_emergency),
    when(
        Gate::Category,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Category],
        in_group,
    ),
    when(
        Gate::Category,
        ELSEWHERE,
        &[(Category, "prohibited"), (Agreement, "in doubt")],
        &[Recipient, Agreement, Whose, Source],
        once_elsewhere,
    ),
    first(
        Gate::Section,
        "Does the agreement cover the section?",
        &[
            Recipient,
            Agreement,
            Tier,
            Tlp,
            Source,
            Part,
            Section,
            SectionsNarrowed,
            ProhibitsSection,
            Rows,
        ],
        measured,
    ),
    when(
        Gate::Section,
        EMERGENCY,
        BROKEN,
        &[Agreement, Tier, Tlp, Part, Section, SectionsNarrowed, ProhibitsSection, Rows],
        all_else_in_emergency,
    ),
    when(
        Gate::Section,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Section],
        |cell| {
            in_group(cell)
                && cell.is_first(Tier)
                && cell.is_first(Tlp)
                && cell.is_first(SectionsNarrowed)
                && cell.is_first(ProhibitsSection)
                && cell.is(Section, &["summary", "evidence", "case"])
        },
    ),
    when(
        Gate::Section,
        ELSEWHERE,
        &[(ProhibitsSection, "the section"), (Agreement, "in doubt")],
        &[Recipient, Agreement, Whose, Source],
        |cell| {
            once_elsewhere(cell)
                && cell.is_first(Section)
                && cell.is_first(Part)
                && cell.is_first(Tier)
                && cell.is_first(SectionsNarrowed)
        },
    ),
    first(
        Gate::Class,
        "Does the agreement cover each class?",
        &[Recipient, Agreement, Tier, Source, Class, ProhibitsClass],
        measured,
    ),
    when(Gate::Class, EMERGENCY, BROKEN, &[Agreement, Tier, Class, ProhibitsClass], |cell| {
        in_emergency(cell, &[Class])
    }),
    when(
        Gate::Class,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Class],
        |cell| in_group(cell) && cell.is_first(Tier) && cell.is_first(ProhibitsClass),
    ),
    when(
        Gate::Class,
        ELSEWHERE,
        &[(ProhibitsClass, "the class"), (Class, "sensitive"), (Agreement, "in doubt")],
        &[Recipient, Agreement, Whose, Source],
        |cell| once_elsewhere(cell) && cell.is_first(Tier),
    ),
    first(
        Gate::Purpose,
        "Is there a purpose for which it may be used?",
        &[Recipient, Agreement, Tier, Source, Purposes, NoLawEnforcement],
        measured,
    ),
    when(
        Gate::Purpose,
        "In an emergency (where it belongs to no exercise, and PAP does not limit it)",
        BROKEN,
        &[Agreement, Tier, Class, Purposes, NoLawEnforcement],
        |cell| in_emergency(cell, &[Class, NoLawEnforcement]),
    ),
    when(
        Gate::Purpose,
        AGAIN,
        &[(Source, "another partner")],
        &[Recipient, Agreement, Source, Purposes, Again, FromOrigin],
        |cell| {
            cell.is(Standing, &["paired"])
                && cell.is(Agreement, &["none", "in force"])
                && !cell.is(Tlp, &["CLEAR"])
                && no_group(cell)
                && cell.is_first(Tier)
                && !cell.is_first(Source)
        },
    ),
    when(
        Gate::Purpose,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Tier, Says, Member, Charter, Purposes],
        |cell| in_group(cell) && cell.is_first(NoLawEnforcement),
    ),
    first(
        Gate::LegalBasis,
        "Is there a legal basis for what is about persons?",
        &[Recipient, Agreement, Tier, Class, Part, Section, Bases, Order],
        measured,
    ),
    when(
        Gate::LegalBasis,
        EMERGENCY,
        BROKEN,
        &[Agreement, Tier, Class, Part, Section, Bases, Order],
        |cell| in_emergency(cell, &[Class]),
    ),
    when(
        Gate::LegalBasis,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Class, Order],
        |cell| {
            in_group(cell) && cell.is_first(Tier) && cell.is_first(Section) && cell.is_first(Bases)
        },
    ),
    first(
        Gate::ReleaseTime,
        "Is the time of release past, and that in which it can be unsent?",
        &[Recipient, Source, ReleaseTime, Unsend],
        all,
    ),
    first(Gate::Embargo, "Does an embargo hold this exit?", &[Recipient, Source, Embargo], all),
    first(Gate::Expiry, "Is it still valid?", &[Recipient, Source, Expiry], all),
    first(
        Gate::Exercise,
        "Does it belong to an exercise, in which the recipient takes part?",
        &[Recipient, Agreement, Exercise, ExercisesAdmitted],
        measured,
    ),
    when(Gate::Exercise, EMERGENCY, BROKEN, &[Agreement, Exercise, ExercisesAdmitted], |cell| {
        in_emergency(cell, &[Exercise])
    }),
    when(
        Gate::Exercise,
        GROUP,
        TO_GROUP,
        &[Recipient, Agreement, Says, Member, Charter, Exercise],
        |cell| in_group(cell) && cell.is_first(ExercisesAdmitted),
    ),
    first(
        Gate::Quarantine,
        "Is it here, verified, marked, live, not recalled, and its origin's keyring known to be the newest?",
        &[Recipient, Source, Lifecycle, Aside, Marked, Body, Recalled, Head, Link],
        all,
    ),
    first(
        Gate::Approval,
        "Where it takes a second person, did one say yes?",
        &[Recipient, Approval],
        calm,
    ),
    when(Gate::Approval, EMERGENCY, BROKEN, &[Approval], broken),
    first(
        Gate::EgressGuard,
        "Did the egress guard, which reads the bytes, let them pass?",
        &[Recipient, Guard],
        all,
    ),
    first(
        Gate::Unbuilt,
        "Can this version weigh all that it carries?",
        &[Kind, Class, Part, Section, Unknown],
        all,
    ),
    control(
        Gate::Standing,
        "Is the recipient paired, and may its link be trusted with such words?",
        &[Recipient, Standing, Link, ControlKind],
        all,
    ),
    control(
        Gate::Audience,
        "Does it concern the recipient?",
        &[Recipient, Source, ControlKind, ControlFor, Held],
        |cell| !cell.is(ControlKind, &["group", "roster"]),
    ),
    Scope {
        of: Of::Control,
        gate: Gate::Audience,
        asks: "Words about a group",
        further: true,
        base: &[(ControlKind, "group")],
        reads: &[Word, Relation, About, Counts],
        within: |cell| cell.is_first(Recipient),
    },
    control(
        Gate::Kind,
        "Is it of a control kind, and for nobody in particular by addressee parts?",
        &[Recipient, ControlKind, Says],
        |cell| !cell.is(ControlKind, &["group", "roster"]) && no_group(cell),
    ),
    control(Gate::Quarantine, "Is it believed?", &[Recipient, ControlKind, Aside, Binds], all),
    control(
        Gate::Unbuilt,
        "Can this version weigh all that it carries?",
        &[Recipient, ControlKind, Unknown],
        all,
    ),
];
