//! What was said beforehand, and what came of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::world::{Node, comes, text};

/// How many parts of each section.
type Sections = BTreeMap<String, usize>;

/// What of a record goes to a partner, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Share {
    released: Sections,
    withheld: Sections,
    /// Sections that are held, each until an instant.
    held: Vec<(String, String)>,
}

/// The same for all partners, by name.
pub(crate) type Shares = BTreeMap<String, Share>;

/// A record, and what its author was last told would go.
pub(crate) struct Prediction {
    pub(crate) node: String,
    pub(crate) reference: String,
    pub(crate) shares: Shares,
}

impl Share {
    fn put(&mut self, outcome: &str, section: &str, until: &str) {
        let into = match outcome {
            "release" => &mut self.released,
            "withhold" => &mut self.withheld,
            "hold" => return self.held.push((section.to_owned(), until.to_owned())),
            other => panic!("an outcome of `{other}`"),
        };
        *into.entry(section.to_owned()).or_default() += 1;
    }

    /// With what was held until then counted as released. What is held for longer stays so far.
    fn by(mut self, now: jiff::Timestamp) -> Self {
        for (section, until) in std::mem::take(&mut self.held) {
            let due = until.parse::<jiff::Timestamp>().unwrap() <= now;
            let into = if due { &mut self.released } else { &mut self.withheld };
            *into.entry(section).or_default() += 1;
        }
        self
    }
}

/// What `publish --dry-run` says.
pub(crate) fn previewed(answer: &Value) -> Shares {
    let mut shares = Shares::new();
    for partner in list(&answer["preview"]["partners"]) {
        shares.entry(partner.as_str().unwrap().to_owned()).or_default();
    }
    for part in list(&answer["preview"]["parts"]) {
        for cell in list(&part["cells"]) {
            let share = shares.entry(text(cell, "partner").to_owned()).or_default();
            share.put(text(cell, "outcome"), text(part, "section"), text(cell, "until"));
        }
    }
    shares
}

/// What `explain` says.
pub(crate) fn explained(answer: &Value) -> Shares {
    let share = |partner: &Value| {
        let mut share = Share::default();
        for part in list(&partner["parts"]) {
            share.put(text(part, "outcome"), text(part, "section"), text(part, "until"));
        }
        (text(partner, "partner").to_owned(), share)
    };
    list(&answer["partners"]).iter().map(share).collect()
}

/// What `release emergency --dry-run` says of its partner.
pub(crate) fn released(answer: &Value) -> Share {
    let mut share = Share::default();
    for part in list(&answer["parts"]) {
        let outcome = match text(part, "outcome") {
            "by it" | "anyway" => "release",
            "stays" => "withhold",
            other => panic!("an outcome of `{other}`"),
        };
        share.put(outcome, text(part, "section"), "");
    }
    share
}

/// What `audit who` says. Of whoever got nothing it names no part.
fn told(answer: &Value) -> Shares {
    let mut shares: Shares = list(&answer["nothing_sent"])
        .iter()
        .map(|name| (name.as_str().unwrap().to_owned(), Share::default()))
        .collect();
    let mut parts: BTreeMap<(String, String), (String, bool)> = BTreeMap::new();
    for delivery in list(&answer["deliveries"]) {
        let partner = text(delivery, "partner").to_owned();
        assert!(!text(delivery, "state").starts_with("refused"), "{delivery:#}");
        for (digest, section) in list(&delivery["parts"]).iter().zip(list(&delivery["sections"])) {
            let digest = digest.as_str().unwrap().to_owned();
            let section = section.as_str().unwrap().to_owned();
            parts.insert((partner.clone(), digest), (section, true));
        }
        for kept in list(&delivery["withheld"]) {
            let section = (text(kept, "section").to_owned(), false);
            // A part that went later was withheld once.
            parts.entry((partner.clone(), text(kept, "part").to_owned())).or_insert(section);
        }
        shares.entry(partner).or_default();
    }
    for ((partner, _), (section, went)) in parts {
        let share = shares.entry(partner).or_default();
        share.put(if went { "release" } else { "withhold" }, &section, "");
    }
    shares
}

/// What has gone of a record, by the node's own books.
pub(crate) fn gone(node: &Node, reference: &str) -> Shares {
    told(&node.data(&["audit", "who", reference]))
}

/// Asserts that what was said is what came of it: partners, parts that went, parts that stayed.
pub(crate) fn came_true(node: &Node, prediction: &Prediction, now: jiff::Timestamp) {
    let expected: Shares = prediction
        .shares
        .iter()
        .map(|(partner, share)| {
            let share = share.clone().by(now);
            // Nothing was sent: then no part is named.
            let share = if share.released.is_empty() { Share::default() } else { share };
            (partner.clone(), share)
        })
        .collect();
    let Prediction { node: name, reference, .. } = prediction;
    let mut last = Shares::new();
    let came = comes(|| {
        last = told(&node.data(&["audit", "who", reference]));
        last.retain(|partner, share| expected.contains_key(partner) || *share != Share::default());
        last == expected
    });
    assert!(came, "{name}'s {reference}\nsaid: {expected:#?}\ncame: {last:#?}");
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
