//! The decision, gate by gate and case by case: `docs/decision-table.md` is written from what
//! `decide()` and `decide_control()` answer, and this test fails when they answer otherwise.
//!
//! `COMITY_WRITE_TABLE=1` writes the file anew; what changed is then seen in review.

mod cell;
mod control;
mod groups;
mod names;
mod papers;
mod part;
mod scopes;
mod table;
mod within;
mod world;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use comity_core::policy::Gate;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use cell::Cell;
use scopes::{Of, SCOPES};
use world::{Heard, Worlds};

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

Further tables show what counts in one case only. *In an emergency*: an emergency release of ours is in force for that partner, and
what it stands in for **passes by it**; where a gate has no such table, it changes nothing. *Addressed to a group*: what its charter
permits and prohibits. *What else prohibits it*: agreements that permit nothing, that were amended, or that are with somebody else from whom we have it.
Such cases are not combined with one another. What several parts lack together (an addressee part, an order's reference, any content) is
no answer of a gate, and not shown here.
";

const CONTROL: &str = "
# Control records

Keyrings, agreements, withdrawals and the like carry no content, and pass by a list of their own, of five gates. Neither trust
nor agreements, labels or emergencies count for them.
";

/// The page, and what was heard while it was written.
struct Page {
    text: String,
    heard: BTreeSet<Heard>,
    details: BTreeSet<String>,
}

static PAGE: LazyLock<Page> = LazyLock::new(|| {
    let mut worlds = Worlds::default();
    let mut text = HEAD.to_owned();
    let mut control = false;
    for scope in SCOPES {
        if scope.of == Of::Control && !control {
            text.push_str(CONTROL);
            control = true;
        }
        let cells = Cell::every(scope.base, scope.reads, |cell| scope.holds(cell));
        let rows = cells.iter().map(|cell| (*cell, worlds.said(cell, scope.of, scope.gate)));
        text.push_str(&table::section(scope, rows.collect()));
    }
    Page { text, heard: worlds.heard, details: worlds.details }
});

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/decision-table.md")
}

#[test]
fn the_table_in_the_docs_is_what_the_decision_answers() {
    let first = SCOPES.iter().filter(|scope| scope.of == Of::Part && !scope.further);
    let gates: Vec<Gate> = first.map(|scope| scope.gate).collect();
    assert_eq!(gates, Gate::ALL, "every gate has its table, in order");
    let text = &PAGE.text;
    if std::env::var_os("COMITY_WRITE_TABLE").is_some() {
        std::fs::write(path(), text).unwrap();
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
/// to the value from which the table starts, and the answer stays. So the tables leave nothing out.
#[test]
fn no_gate_reads_more_than_its_columns() {
    let mut random = ChaCha12Rng::seed_from_u64(26);
    let mut worlds = Worlds::default();
    for scope in SCOPES {
        let within = |cell: &Cell| scope.holds(cell);
        let start = Cell::based(scope.base);
        assert!(within(&start), "{}: {} does not start within: {start:?}", scope.gate, scope.asks);
        for _ in 0..1500 {
            let mut full = Cell::drawn(|below| random.next_u32() as usize % below);
            if !within(&full) {
                let draw = |below| random.next_u32() as usize % below;
                full = full.narrowed(scope.base, within, draw);
            }
            let bare = full.keeping(scope.base, scope.reads, within);
            let [one, other] = [full, bare].map(|cell| worlds.said(&cell, scope.of, scope.gate));
            let table = scope.asks;
            assert_eq!(one, other, "{}: {table}\n{full:?}\n{bare:?}", scope.gate);
        }
    }
}

/// Whatever the decision can say occurs in some table, or is named with its reason.
#[test]
fn every_fact_occurs() {
    let heard: BTreeSet<&str> = PAGE.heard.iter().map(|(.., fact)| *fact).collect();
    let missing = names::FACTS.iter().filter(|fact| !heard.contains(*fact));
    let missing: Vec<_> = missing.copied().collect();
    let excepted: Vec<_> = names::NOT_OF_ONE_PART.iter().map(|(fact, _)| *fact).collect();
    assert_eq!(missing, excepted);
    let details: BTreeSet<String> = names::details().into_iter().collect();
    assert_eq!(PAGE.details, details);
}

/// Each gate says in some row of its tables everything that it can say.
#[test]
fn every_verdict_of_every_gate_occurs() {
    for gate in Gate::ALL {
        let heard = PAGE.heard.iter().filter(|(of, one, ..)| (*of, *one) == (Of::Part, gate));
        let heard: BTreeSet<&str> = heard.map(|(_, _, verdict, _)| *verdict).collect();
        assert_eq!(heard, names::verdicts(gate).iter().copied().collect(), "{gate}");
    }
}

/// Every fact that stands in the source of a gate occurs in a table of that gate, and every one in the source
/// of the list for control records in a table of theirs.
#[test]
fn every_fact_of_every_gate_occurs_in_its_tables() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/comity-core/src/policy");
    for gate in Gate::ALL {
        let file = format!("gates/{}.rs", gate.name().replace('-', "_"));
        let said =
            |fact: &str| PAGE.heard.iter().any(|(_, one, _, name)| (*one, *name) == (gate, fact));
        for fact in facts_in(&sources.join(file)) {
            assert!(said(&fact), "{gate} says {fact} in no row");
        }
    }
    let of_control = |(of, _, _, name): &&Heard, fact: &str| *of == Of::Control && *name == fact;
    for fact in facts_in(&sources.join("control.rs")) {
        let said = PAGE.heard.iter().any(|heard| of_control(&heard, &fact));
        assert!(said, "{fact} is said of no control record");
    }
}

fn facts_in(file: &Path) -> BTreeSet<String> {
    let source = std::fs::read_to_string(file).unwrap();
    let named = source.split("Fact::").skip(1);
    let word = |rest: &str| rest.chars().take_while(|one| one.is_alphanumeric()).collect();
    let facts: BTreeSet<String> = named.map(word).collect();
    assert!(!facts.is_empty(), "{}", file.display());
    facts
}
