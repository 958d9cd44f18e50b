//! Which cases a table lists: those in which nothing else decides than what it shows.

use crate::cell::{Cell, DIMENSIONS, Dimension, GROUPS};
use Dimension::{
    Again, Agreement, Class, Community, Emergency, Exercise, ForDesk, FromOrigin, Kind, Member,
    NoLawEnforcement, Onward, Pap, Part, Recipient, Rows, Says, Source, Standing, Tlp, Trust,
    Whose,
};

/// Any case.
pub fn all(_: &Cell) -> bool {
    true
}

/// No group is named.
pub fn no_group(cell: &Cell) -> bool {
    !GROUPS.contains(&cell.value(Says))
}

/// No emergency release counts: they are for partners, and of records with content that are our own.
pub fn calm(cell: &Cell) -> bool {
    !cell.is(Emergency, &["in force"])
        || !cell.is_first(Source)
        || !cell.is_first(Recipient)
        || cell.is(Kind, &["control"])
}

/// An emergency release counts.
pub fn broken(cell: &Cell) -> bool {
    cell.is_first(Source) && cell.is_first(Recipient) && !cell.is(Kind, &["control"])
}

/// Nothing was brought more than once.
pub fn once(cell: &Cell) -> bool {
    cell.is_first(Again) && cell.is_first(FromOrigin)
}

/// Nothing signed, or one agreement in force, and a label for which pairing alone does not suffice.
/// What permits nothing leaves nothing to measure against.
pub fn comparable(cell: &Cell) -> bool {
    cell.is(Standing, &["paired"])
        && cell.is(Agreement, &["none", "in force"])
        && !cell.is(Tlp, &["CLEAR"])
        && calm(cell)
        && once(cell)
        && cell.is_first(Whose)
}

pub fn measured(cell: &Cell) -> bool {
    comparable(cell) && no_group(cell)
}

/// The same, for the node and not for one desk there.
pub fn measured_of_the_node(cell: &Cell) -> bool {
    measured(cell) && cell.is_first(ForDesk)
}

/// All else covered, so that the agreement's own time decides.
pub fn otherwise_covered(cell: &Cell) -> bool {
    DIMENSIONS.iter().all(|dimension| {
        matches!(
            dimension,
            Recipient | Standing | Agreement | Tlp | Kind | Trust | Source | Onward | Emergency
        ) || cell.is_first(*dimension)
    })
}

pub fn otherwise_covered_and_calm(cell: &Cell) -> bool {
    otherwise_covered(cell) && calm(cell)
}

pub fn otherwise_covered_and_broken(cell: &Cell) -> bool {
    otherwise_covered(cell) && broken(cell)
}

/// Something prohibits it: an agreement that permits nothing, one under which it was received, or one that was
/// amended.
pub fn elsewhere(cell: &Cell) -> bool {
    cell.is(Standing, &["paired"])
        && !cell.is(Agreement, &["none", "from T"])
        && !cell.is(Tlp, &["CLEAR"])
        && calm(cell)
        && cell.is_first(Again)
        && no_group(cell)
        && cell.is_first(ForDesk)
}

pub fn once_elsewhere(cell: &Cell) -> bool {
    elsewhere(cell) && once(cell)
}

/// Content that is addressed to a group, measured against its charter: as a member of the group, by name besides,
/// or neither.
pub fn in_group(cell: &Cell) -> bool {
    comparable(cell)
        && cell.is(
            Says,
            &["names its group", "names its group and it", "names its group for other parts"],
        )
        && cell.is(Member, &["a member, then and now", "never a member", "not known here"])
        && cell.is(Recipient, &["partner", "public"])
        && cell.is_first(Source)
        && cell.is_first(Part)
        && cell.is_first(Rows)
        && cell.is_first(ForDesk)
}

/// It names a group, and is not destined to anybody.
pub fn named_group(cell: &Cell) -> bool {
    !no_group(cell) && once(cell) && cell.is_first(ForDesk) && cell.is_first(Rows)
}

/// The same, for no community, and its origin has consented to nothing.
pub fn only_group(cell: &Cell) -> bool {
    named_group(cell) && cell.is_first(Community) && !consented(cell)
}

/// Whether the origin of what is addressed to a group has consented besides.
pub fn consented(cell: &Cell) -> bool {
    cell.value(Says).contains(", consent")
}

/// In an emergency pairing or an agreement has to pass what no emergency passes. That is so of whatever is in
/// force, but for what `but` names.
pub fn in_emergency(cell: &Cell, but: &[Dimension]) -> bool {
    let plain = |dimension: Dimension, values: &[&str]| {
        but.contains(&dimension) || cell.is(dimension, values)
    };
    broken(cell)
        && cell.is(Standing, &["paired"])
        && !cell.is(Tlp, &["CLEAR"])
        && no_group(cell)
        && cell.is_first(ForDesk)
        && cell.is_first(Whose)
        && plain(Class, &["general", "sensitive", "order-reference"])
        && plain(Pap, &["none", "CLEAR"])
        && plain(Exercise, &["none"])
        && plain(NoLawEnforcement, &["nowhere"])
}

pub fn all_else_in_emergency(cell: &Cell) -> bool {
    in_emergency(cell, &[])
}
