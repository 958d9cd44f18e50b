//! What is drawn: agreements, a record with one part that is asked about, and a recipient.

use crate::Dice;

pub const SECTIONS: [&str; 10] = [
    "summary",
    "mitigation",
    "detail",
    "indicators",
    "attribution",
    "victim",
    "evidence",
    "original",
    "sightings",
    "case",
];
pub const CLASSES: [&str; 5] =
    ["general", "sensitive", "personal-data", "evidence", "order-reference"];
pub const KINDS: [&str; 6] = ["advisory", "incident", "sightings", "request", "response", "note"];
pub const CATEGORIES: [&str; 3] = ["crime", "energy", "health"];
pub const PURPOSES: [&str; 3] = ["crime", "protection", "response"];
pub const TLPS: [&str; 5] = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];
pub const PAPS: [&str; 4] = ["CLEAR", "GREEN", "AMBER", "RED"];
pub const DESKS: [&str; 2] = ["duty", "cyber crime"];

/// The second at which everything is asked, and around which all instants lie. It is 22:26:40 on
/// 21 November 2026.
pub const NOW: i64 = 1_795_300_000;
/// A fortnight: how long a word about a keyring counts.
const MAX_AGE: i64 = 14 * 86_400;

pub const US: u8 = 1;
pub const THEM: u8 = 2;
pub const OTHER: u8 = 3;

/// What an agreement says.
#[derive(Clone, Debug)]
pub struct Paper {
    pub tier: &'static str,
    /// Places in the lists above, or names from them.
    pub max_tlp: usize,
    pub max_pap: usize,
    pub sections: Vec<&'static str>,
    pub sections_at_amber: Vec<&'static str>,
    pub classes: Vec<&'static str>,
    pub kinds: Vec<&'static str>,
    pub categories: Vec<&'static str>,
    pub purposes: Vec<&'static str>,
    pub legal_basis: bool,
    pub exercises: bool,
    pub no_law_enforcement_use: bool,
    /// Whether the day of its review is yesterday's, and what that does.
    pub overdue: bool,
    pub stops: bool,
    pub never_above: Option<usize>,
    pub never_sections: Vec<&'static str>,
    pub never_classes: Vec<&'static str>,
    pub never_kinds: Vec<&'static str>,
    pub never_categories: Vec<&'static str>,
}

/// A pool of agreements: reading a text takes longer than deciding.
pub fn papers(dice: &mut Dice) -> Vec<Paper> {
    (0..400).map(|_| Paper::draw(dice)).collect()
}

/// The tier's strictest label, its sections, those at AMBER, and its classes.
type Preset = (usize, Vec<&'static str>, Vec<&'static str>, Vec<&'static str>);

fn preset(tier: &str) -> Preset {
    let all = SECTIONS.to_vec();
    match tier {
        "mou" => {
            let amber = vec!["summary", "mitigation", "case", "sightings"];
            (2, all, amber, vec!["general"])
        }
        "nda" => {
            let most: Vec<_> = all.into_iter().filter(|one| *one != "evidence").collect();
            (4, most.clone(), most, vec!["general", "sensitive", "personal-data"])
        }
        _ => (4, all.clone(), all, CLASSES.to_vec()),
    }
}

impl Paper {
    fn draw(dice: &mut Dice) -> Self {
        let tier = dice.one_of(&["mou", "nda", "law-enforcement"]);
        let (max_tlp, sections, sections_at_amber, classes) = preset(tier);
        let mut paper = Self {
            tier,
            max_tlp,
            max_pap: dice.below(4),
            sections,
            sections_at_amber,
            classes,
            kinds: KINDS.to_vec(),
            categories: dice.some_of(&CATEGORIES, 2),
            purposes: if dice.once_in(3) { dice.some_of(&PURPOSES, 2) } else { Vec::new() },
            legal_basis: dice.once_in(2),
            exercises: dice.once_in(2),
            no_law_enforcement_use: tier != "law-enforcement" && dice.once_in(10),
            overdue: dice.once_in(5),
            stops: dice.once_in(2),
            never_above: None,
            never_sections: Vec::new(),
            never_classes: Vec::new(),
            never_kinds: Vec::new(),
            never_categories: Vec::new(),
        };
        if dice.once_in(3) {
            paper.max_tlp = dice.below(max_tlp + 1);
            for list in [&mut paper.sections, &mut paper.sections_at_amber, &mut paper.kinds] {
                let kept: Vec<_> = list.iter().copied().filter(|_| !dice.once_in(4)).collect();
                if !kept.is_empty() {
                    *list = kept;
                }
            }
            paper.classes.retain(|class| *class == "general" || !dice.once_in(3));
        }
        if dice.once_in(3) {
            paper.never_above = dice.once_in(4).then(|| dice.below(5));
            paper.never_sections = dice.some_of(&SECTIONS, 10);
            paper.never_classes = dice.some_of(&CLASSES[1..], 6);
            paper.never_kinds = dice.some_of(&KINDS, 8);
            paper.never_categories = dice.some_of(&CATEGORIES, 4);
        }
        paper
    }
}

/// A paper that was signed: from when, until when.
#[derive(Clone, Copy, Debug)]
pub struct Signed {
    pub paper: usize,
    pub from: i64,
    pub until: Option<i64>,
    /// Where it was terminated, how long its notice runs.
    pub notice: i64,
}

impl Signed {
    fn draw(dice: &mut Dice, papers: &[Paper]) -> Self {
        let until = dice.once_in(5).then(|| instant(dice));
        let from = if dice.once_in(5) { instant(dice) } else { 0 };
        Self { paper: dice.below(papers.len()), from, until, notice: instant(dice) }
    }

    /// The first second at which it binds nobody any more.
    pub fn bound_until(&self) -> Option<i64> {
        self.until.map(|until| until.max(self.notice))
    }

    pub fn binds(&self) -> bool {
        self.from <= NOW && self.bound_until().is_none_or(|until| NOW < until)
    }
}

fn instant(dice: &mut Dice) -> i64 {
    NOW + dice.one_of(&[-1000, -1, 0, 1, 1000])
}

/// Whom an addressee part names.
#[derive(Clone, Debug)]
pub struct Named {
    pub economy: u8,
    pub desk: Option<&'static str>,
    pub relays: Vec<u8>,
    /// Whether it lists the part that is asked about.
    pub lists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Partner,
    Constituent,
    Public,
    Role,
}

#[derive(Clone, Debug)]
pub struct Case {
    pub to: To,
    pub standing: &'static str,
    pub level: u8,
    pub signed: Vec<Signed>,
    /// What we have signed with OTHER, from whom we may have the record.
    pub received_under: Option<Signed>,
    pub own: bool,
    pub kind: &'static str,
    pub addressed: bool,
    pub named: Vec<Named>,
    pub destination: Option<u8>,
    /// A consent: to whom, by whom, until when.
    pub consent: Option<(u8, u8, i64)>,
    pub section: &'static str,
    pub classes: Vec<&'static str>,
    pub order: bool,
    pub tlp: usize,
    pub pap: Option<usize>,
    pub categories: Vec<&'static str>,
    pub onward: usize,
    pub onward_taken_on: usize,
    pub purposes: Vec<&'static str>,
    pub release_at: Option<i64>,
    pub embargo_until: Option<i64>,
    pub expires: Option<i64>,
    pub exercise: bool,
    pub record_is_exercise: bool,
    pub state: &'static str,
    /// When the origin last said that its keyring is the newest, if ever; whether it said that there is another.
    pub confirmed: Option<i64>,
    pub contradicted: bool,
    /// Whether the recipient itself is known to have another keyring than the one that is here.
    pub link_in_doubt: bool,
    pub approval: &'static str,
    /// Emergency releases of the record: each to whom, until when.
    pub emergencies: Vec<(u8, i64)>,
    pub guarded: bool,
    pub guard: &'static str,
    pub unknown: bool,
}

impl Case {
    pub fn draw(dice: &mut Dice, papers: &[Paper]) -> Self {
        let foreign = dice.once_in(3);
        let addressed = dice.once_in(2);
        let exercise = dice.once_in(20);
        let classes = match dice.below(10) {
            0 => vec!["personal-data"],
            1 => vec!["evidence"],
            2 => vec!["general", "order-reference"],
            3 | 4 => vec!["sensitive"],
            5 => vec!["sensitive", "personal-data"],
            _ => vec!["general"],
        };
        let times = |dice: &mut Dice| dice.once_in(12).then(|| instant(dice));
        Self {
            to: dice.one_of(&[
                To::Partner,
                To::Partner,
                To::Partner,
                To::Partner,
                To::Partner,
                To::Partner,
                To::Constituent,
                To::Public,
                To::Role,
            ]),
            standing: if dice.once_in(15) {
                dice.one_of(&["suspended", "frozen", "revoked", "not paired"])
            } else {
                "paired"
            },
            level: if dice.once_in(4) { u8::try_from(dice.below(5)).unwrap() } else { 4 },
            signed: (0..dice.below(4)).map(|_| Signed::draw(dice, papers)).collect(),
            received_under: dice.once_in(2).then(|| Signed::draw(dice, papers)),
            own: !foreign,
            kind: dice.one_of(&KINDS),
            addressed,
            named: (0..if addressed { dice.below(4) } else { 0 }).map(|_| named(dice)).collect(),
            destination: dice.once_in(8).then(|| dice.one_of(&[US, THEM, THEM, OTHER])),
            consent: dice.once_in(4).then(|| {
                (dice.one_of(&[US, THEM, THEM]), dice.one_of(&[OTHER, OTHER, THEM]), instant(dice))
            }),
            section: dice.one_of(&SECTIONS),
            order: dice.once_in(2),
            classes,
            tlp: dice.below(5),
            pap: dice.once_in(5).then(|| dice.below(4)),
            categories: if dice.once_in(6) { dice.some_of(&CATEGORIES, 2) } else { Vec::new() },
            onward: dice.one_of(&[0, 0, 0, 1, 2]),
            onward_taken_on: dice.one_of(&[0, 0, 0, 1, 2]),
            purposes: if dice.once_in(4) { dice.some_of(&PURPOSES, 2) } else { Vec::new() },
            release_at: times(dice),
            embargo_until: times(dice),
            expires: times(dice),
            exercise,
            record_is_exercise: exercise && !dice.once_in(5),
            state: if dice.once_in(15) {
                dice.one_of(&["quarantined", "pending", "unmarked", "withdrawn", "superseded"])
            } else {
                "accepted"
            },
            confirmed: dice.once_in(4).then(|| {
                let old = if dice.once_in(3) { MAX_AGE } else { 0 };
                instant(dice) - old
            }),
            contradicted: dice.once_in(40),
            link_in_doubt: dice.once_in(40),
            approval: dice.one_of(&[
                "not needed",
                "not needed",
                "not needed",
                "not needed",
                "given",
                "awaited",
                "refused",
            ]),
            emergencies: (0..if dice.once_in(2) { 1 + dice.below(3) } else { 0 })
                .map(|_| (dice.one_of(&[THEM, THEM, THEM, OTHER]), instant(dice)))
                .collect(),
            guarded: dice.once_in(8),
            guard: dice.one_of(&["clear", "clear", "clear", "stale", "hit", "not examined"]),
            unknown: dice.once_in(40),
        }
    }

    /// How the part is meant for an economy: named, with its desks, or as relay; through us.
    pub fn listing(&self) -> impl Iterator<Item = &Named> {
        self.named.iter().filter(|named| named.lists)
    }
}

fn named(dice: &mut Dice) -> Named {
    Named {
        economy: dice.one_of(&[US, THEM, THEM, OTHER]),
        desk: dice.once_in(2).then(|| dice.one_of(&DESKS)),
        relays: dice.some_of(&[US, THEM, OTHER], 4),
        lists: !dice.once_in(5),
    }
}
