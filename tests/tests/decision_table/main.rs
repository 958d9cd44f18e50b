//! The decision, gate by gate and case by case: `docs/decision-table.md` is written from what
//! `decide()` answers, and this test fails when it answers otherwise.
//!
//! `COMITY_WRITE_TABLE=1` writes the file anew; what changed is then seen in review.

mod cell;
mod table;
mod world;

use std::path::PathBuf;

use comity_core::policy::Gate;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use cell::{Cell, DIMENSIONS, Dimension};
use world::Worlds;

/// What a gate reads, and where else the table does not look.
struct Scope {
    gate: Gate,
    asks: &'static str,
    reads: &'static [Dimension],
    /// The cases that are listed: all, or those in which an agreement is measured against.
    within: fn(&Cell) -> bool,
}

use Dimension::{
    Agreement, Approval, Bases, Category, Ceiling, Class, Community, Embargo, Exercise,
    ExercisesAdmitted, Expiry, Floor, Guard, Head, Kind, MaxPap, NoLawEnforcement, Onward, Order,
    Pap, Part, ProhibitsAbove, ProhibitsClass, ProhibitsSection, Purposes, Recipient, Record,
    ReleaseTime, Review, Says, Section, SectionsNarrowed, Source, Standing, Tier, Tlp, Trust,
    Unknown,
};

/// Any case.
fn all(_: &Cell) -> bool {
    true
}

/// Nothing signed, or one agreement in force, and a label for which pairing alone does not suffice.
/// Before its first day and after its end there is nothing to measure against.
fn measured(cell: &Cell) -> bool {
    cell.is(Standing, &["paired"])
        && cell.is(Agreement, &["none", "in force"])
        && !cell.is(Tlp, &["CLEAR"])
}

/// All else covered, so that the agreement's own time decides.
fn otherwise_covered(cell: &Cell) -> bool {
    DIMENSIONS.iter().all(|dimension| {
        matches!(dimension, Recipient | Standing | Agreement | Tlp | Kind | Trust | Source | Onward)
            || cell.is_first(*dimension)
    })
}

const SCOPES: [Scope; 24] = [
    Scope {
        gate: Gate::Standing,
        asks: "Is the recipient a partner in good standing, and its link its own?",
        reads: &[Recipient, Standing, Head],
        within: all,
    },
    Scope {
        gate: Gate::Trust,
        asks: "Do we trust it that far?",
        reads: &[Recipient, Standing, Trust, Tlp],
        within: all,
    },
    Scope {
        gate: Gate::Agreement,
        asks: "Is an agreement in force? (All else covered but, in some rows, the kind.)",
        reads: &[Recipient, Standing, Agreement, Tlp, Kind],
        within: otherwise_covered,
    },
    Scope {
        gate: Gate::Review,
        asks: "Has that agreement been reviewed in time?",
        reads: &[Recipient, Agreement, Review],
        within: measured,
    },
    Scope {
        gate: Gate::Audience,
        asks: "Is it meant for the recipient?",
        reads: &[Recipient, Source, Part, Says, Community],
        within: all,
    },
    Scope {
        gate: Gate::Onward,
        asks: "May we pass on what we received?",
        reads: &[Recipient, Source, Onward],
        within: all,
    },
    Scope {
        gate: Gate::Consent,
        asks: "Where its origin has to be asked, did it say yes?",
        reads: &[Recipient, Source, Onward, Part, Says],
        within: all,
    },
    Scope {
        gate: Gate::Tlp,
        asks: "Does its label let it go there?",
        reads: &[Recipient, Source, Tlp, Floor, Part, Says],
        within: all,
    },
    Scope {
        gate: Gate::Pap,
        asks: "Does the recipient keep to what may be done with it?",
        reads: &[Recipient, Agreement, Pap, MaxPap],
        within: measured,
    },
    Scope {
        gate: Gate::Tier,
        asks: "Does the agreement reach the label?",
        reads: &[Recipient, Agreement, Tier, Tlp, Ceiling, ProhibitsAbove, Source, Part, Says],
        within: measured,
    },
    Scope {
        gate: Gate::Kind,
        asks: "Does the agreement cover such records?",
        reads: &[Recipient, Agreement, Source, Kind],
        within: measured,
    },
    Scope {
        gate: Gate::Category,
        asks: "Does the agreement cover each of its categories?",
        reads: &[Recipient, Agreement, Source, Category],
        within: measured,
    },
    Scope {
        gate: Gate::Section,
        asks: "Does the agreement cover the section?",
        reads: &[
            Recipient,
            Agreement,
            Tier,
            Tlp,
            Source,
            Part,
            Section,
            SectionsNarrowed,
            ProhibitsSection,
            Says,
        ],
        within: measured,
    },
    Scope {
        gate: Gate::Class,
        asks: "Does the agreement cover each class?",
        reads: &[Recipient, Agreement, Tier, Source, Class, ProhibitsClass],
        within: measured,
    },
    Scope {
        gate: Gate::Purpose,
        asks: "Is there a purpose for which it may be used?",
        reads: &[Recipient, Agreement, Tier, Source, Purposes, NoLawEnforcement],
        within: measured,
    },
    Scope {
        gate: Gate::LegalBasis,
        asks: "Is there a legal basis for what is about persons?",
        reads: &[Recipient, Agreement, Tier, Class, Part, Section, Bases, Order],
        within: measured,
    },
    Scope {
        gate: Gate::ReleaseTime,
        asks: "Is the time of release past?",
        reads: &[Recipient, Source, ReleaseTime],
        within: all,
    },
    Scope {
        gate: Gate::Embargo,
        asks: "Does an embargo hold this exit?",
        reads: &[Recipient, Source, Embargo],
        within: all,
    },
    Scope {
        gate: Gate::Expiry,
        asks: "Is it still valid?",
        reads: &[Recipient, Source, Expiry],
        within: all,
    },
    Scope {
        gate: Gate::Exercise,
        asks: "Does it belong to an exercise, in which the recipient takes part?",
        reads: &[Recipient, Agreement, Exercise, ExercisesAdmitted],
        within: measured,
    },
    Scope {
        gate: Gate::Quarantine,
        asks: "Is it verified, marked, live, and its origin's keyring known to be the newest?",
        reads: &[Recipient, Source, Record, Head],
        within: all,
    },
    Scope {
        gate: Gate::Approval,
        asks: "Where it takes a second person, did one say yes?",
        reads: &[Recipient, Approval],
        within: all,
    },
    Scope {
        gate: Gate::EgressGuard,
        asks: "Did the egress guard, which reads the bytes, let them pass?",
        reads: &[Recipient, Guard],
        within: all,
    },
    Scope {
        gate: Gate::Unbuilt,
        asks: "Can this version weigh all that it carries?",
        reads: &[Recipient, Unknown],
        within: all,
    },
];

const HEAD: &str = "# The decision, case by case

Each gate, with every case of what it reads, and what it says. Cases with one answer are grouped: a row
stands for each combination of what its cells list (`/`: or), and *any* for all there is. Written by a test from
the answers of the decision itself, which also checks that a gate reads nothing but its columns; never
edited by hand.

*partner* is the node of another economy. Gates of an agreement's coverage are
shown for labels above CLEAR, and for one agreement that is signed or none: CLEAR is measured against
pairing first, which covers what is of class general, of no category, in no exercise and not limited in
what may be done with it. Of several agreements one has to pass all gates of coverage; what any of them
prohibits, and what all of them demand, applies.

The local role is that of the agreed desk. *T* is an instant ahead, *P* one that is past.
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/decision-table.md")
}

#[test]
fn the_table_in_the_docs_is_what_the_decision_answers() {
    let scopes: Vec<Gate> = SCOPES.iter().map(|scope| scope.gate).collect();
    assert_eq!(scopes, Gate::ALL, "every gate has its table, in order");
    let mut worlds = Worlds::default();
    let mut text = HEAD.to_owned();
    for scope in &SCOPES {
        let cells = Cell::every(scope.reads, scope.within);
        let rows = cells.iter().map(|cell| (*cell, worlds.said(cell, scope.gate)));
        text.push_str(&table::section(scope.gate, scope.asks, scope.reads, rows.collect()));
    }
    if std::env::var_os("COMITY_WRITE_TABLE").is_some() {
        std::fs::write(path(), &text).unwrap();
    }
    let held = std::fs::read_to_string(path()).unwrap_or_default();
    if let Some((number, (ours, theirs))) =
        text.lines().zip(held.lines()).enumerate().find(|(_, (ours, theirs))| ours != theirs)
    {
        let line = number + 1;
        panic!(
            "docs/decision-table.md, line {line}:\n has  {theirs}\n answer {ours}\n\
            review the change, then write it with COMITY_WRITE_TABLE=1"
        );
    }
    assert_eq!(text.len(), held.len(), "docs/decision-table.md: COMITY_WRITE_TABLE=1 writes it");
}

/// Of a case drawn at random, only what the table shows matters to the gate: all else can be put back
/// to the first value, and the answer stays. So the tables leave nothing out.
#[test]
fn no_gate_reads_more_than_its_columns() {
    let mut random = ChaCha12Rng::seed_from_u64(26);
    let mut worlds = Worlds::default();
    for scope in &SCOPES {
        let (mut tried, mut drawn) = (0, 0);
        while tried < 3000 {
            drawn += 1;
            assert!(drawn < 3_000_000, "{}: hardly any case is within", scope.gate);
            let mut full = Cell::drawn(|below| random.next_u32() as usize % below);
            if !(scope.within)(&full) {
                full = full.narrowed(scope.within, |below| random.next_u32() as usize % below);
            }
            let bare = full.keeping(scope.reads, scope.within);
            tried += 1;
            let (one, other) = (worlds.said(&full, scope.gate), worlds.said(&bare, scope.gate));
            assert_eq!(one, other, "{}\n{full:?}\n{bare:?}", scope.gate);
        }
    }
}
