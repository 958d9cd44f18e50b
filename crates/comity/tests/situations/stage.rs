//! Nodes on which a page is played.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use crate::page::What;
use crate::prediction::{Prediction, came_true, explained, gone, previewed, released};
use crate::screen::{fits, settled};
use crate::world::{Ended, Node, clock, comes, pair, path, text};

/// The end of every page: whoever has this has what was sent before it.
const LAST: &str = "format = 1\nkind = \"note\"\ntitle = \"The end\"\nmarking = { tlp = \"CLEAR\" }\n\
    [[part]]\nsection = \"summary\"\ntext = \"The end.\"\n";

/// After the page is written anew, a screen that says the same for so long has come to rest.
const AT_REST: Duration = Duration::from_secs(3);

/// The nodes by name, and what was said to their users.
#[derive(Default)]
pub(crate) struct Stage {
    nodes: BTreeMap<String, Node>,
    /// By how much their clocks are ahead of the machine's.
    ahead: jiff::SignedDuration,
    /// What makes them so.
    environment: Vec<(String, String)>,
    predictions: Vec<Prediction>,
}

/// Does it with all of them at once.
fn all(nodes: &mut [&mut Node], what: impl Fn(&mut Node) + Sync) {
    std::thread::scope(|scope| {
        for node in nodes {
            scope.spawn(|| what(node));
        }
    });
}

impl Stage {
    /// Makes it so. A command is none of this.
    pub(crate) fn set(&mut self, what: &What) {
        match what {
            What::Clock(instant) => self.set_clock(*instant),
            What::Run(names) => {
                for name in names {
                    let node = self.found(name);
                    self.nodes.insert(name.clone(), node);
                }
            }
            What::Pair(one, other) => {
                pair((self.node(&one.node), &one.says), (self.node(&other.node), &other.says));
            }
            What::Copy { name, of } => {
                let mut copy = self.node(of).twin();
                copy.set_environment(self.environment.clone());
                std::fs::create_dir(copy.home().join("desk")).unwrap();
                self.nodes.insert(name.clone(), copy);
            }
            What::Gone(name) => {
                self.nodes.remove(name);
                self.predictions.retain(|prediction| prediction.node != *name);
            }
            What::Offline(name) => assert_eq!(self.node_mut(name).stop(), 0),
            What::Back(name) => self.node_mut(name).run(),
            What::File { node, name, content } => {
                std::fs::write(self.desk(node).join(name), content).unwrap();
            }
            What::Command { .. } => {}
        }
    }

    /// Seconds after what a page says, so that a time on the hour on a screen was meant.
    fn set_clock(&mut self, instant: Timestamp) {
        let instant = instant + Duration::from_secs(5);
        let ahead = instant.as_second() - Timestamp::now().as_second();
        self.ahead = jiff::SignedDuration::from_secs(ahead);
        let environment = clock::ahead(ahead);
        let mut running: Vec<_> =
            self.nodes.values_mut().filter(|node| node.is_running()).collect();
        // All rest before one has the new time: none hears from tomorrow.
        all(&mut running, |node| assert_eq!(node.stop(), 0));
        all(&mut running, |node| {
            node.set_environment(environment.clone());
            node.run();
        });
        for node in self.nodes.values_mut() {
            node.set_environment(environment.clone());
        }
        self.environment = environment;
    }

    fn found(&self, name: &str) -> Node {
        let mut node = Node::vacant();
        node.set_environment(self.environment.clone());
        node.init(name, &["--plain-keys"], "");
        let desk = node.home().join("desk");
        std::fs::create_dir(&desk).unwrap();
        std::os::unix::fs::symlink(path("examples"), desk.join("examples")).unwrap();
        node.run();
        node
    }

    fn node(&self, name: &str) -> &Node {
        self.nodes.get(name).unwrap_or_else(|| panic!("{name} does not run"))
    }

    fn node_mut(&mut self, name: &str) -> &mut Node {
        self.nodes.get_mut(name).unwrap_or_else(|| panic!("{name} does not run"))
    }

    /// Where a node's user works.
    fn desk(&self, name: &str) -> PathBuf {
        self.node(name).home().join("desk")
    }

    fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    /// The screen after a command. What it says will go is kept, to be compared with what goes.
    pub(crate) fn typed(&mut self, name: &str, words: &[String]) -> Vec<String> {
        let said: Vec<_> = words.iter().map(String::as_str).collect();
        // What the page's test asks besides, it asks as whoever works there now.
        if let Some(at) = said.iter().position(|word| *word == "--staff") {
            self.node_mut(name).set_staff(said[at + 1]);
        }
        match said[..] {
            ["publish", ..] if !said.contains(&"--dry-run") => self.publish(name, words),
            ["explain", reference, ..] => {
                let reference = reference.to_owned();
                let screen = self.plainly(name, words);
                self.explain(name, &reference);
                screen
            }
            ["release", "emergency", reference, ..] if said.contains(&"--dry-run") => {
                let reference = reference.to_owned();
                let screen = self.plainly(name, words);
                self.released(name, &reference, words);
                screen
            }
            _ => self.plainly(name, words),
        }
    }

    /// Asks again until the screen fits; the last one, if it never does.
    pub(crate) fn soon(
        &mut self,
        name: &str,
        words: &[String],
        expected: &[&str],
        anew: bool,
    ) -> Vec<String> {
        let mut screen = Vec::new();
        let mut since = Instant::now();
        comes(|| {
            let last = std::mem::replace(&mut screen, self.typed(name, words));
            if screen != last {
                since = Instant::now();
            }
            fits(expected, &screen) || (anew && since.elapsed() > AT_REST)
        });
        screen
    }

    fn plainly(&self, name: &str, words: &[String]) -> Vec<String> {
        let Ended { code, out, .. } = self.node(name).screen(&self.desk(name), words);
        let mut screen = settled(&out);
        if code != 0 {
            screen.insert(0, format!("? {code}"));
        }
        screen
    }

    fn publish(&mut self, name: &str, words: &[String]) -> Vec<String> {
        let asked = words.iter().filter(|word| *word != "--yes").cloned();
        let asked: Vec<_> = asked.chain(["--dry-run", "--json"].map(str::to_owned)).collect();
        let would = self.node(name).screen(&self.desk(name), &asked);
        let screen = self.plainly(name, words);
        if screen.first().is_some_and(|line| line.starts_with("? ")) {
            return screen;
        }
        let newest = self.node(name).data(&["list", "--from", "us", "--limit", "1"]);
        let reference = text(&newest[0], "reference").to_owned();
        let shares = previewed(&would.done());
        self.predictions.push(Prediction { node: name.to_owned(), reference, shares });
        screen
    }

    /// What an author was told last counts, where nothing has gone yet.
    fn explain(&mut self, name: &str, reference: &str) {
        let found = |one: &&mut Prediction| one.node == name && one.reference == reference;
        let Some(node) = self.nodes.get(name) else { return };
        if let Some(prediction) = self.predictions.iter_mut().find(found) {
            let answer = node.data(&["explain", reference]);
            for partner in answer["partners"].as_array().unwrap() {
                if partner["sent"] == false {
                    let name = text(partner, "partner");
                    let share = explained(&answer).remove(name).unwrap();
                    prediction.shares.insert(name.to_owned(), share);
                }
            }
        }
    }

    /// What would go to one partner in an emergency counts, once it is said.
    fn released(&mut self, name: &str, reference: &str, words: &[String]) {
        let asked: Vec<_> = words.iter().cloned().chain(["--json".to_owned()]).collect();
        let would = self.node(name).screen(&self.desk(name), &asked).done();
        let found = |one: &&mut Prediction| one.node == name && one.reference == reference;
        if let Some(prediction) = self.predictions.iter_mut().find(found) {
            prediction.shares.insert(text(&would, "to").to_owned(), released(&would));
        }
    }

    /// Asserts that everything went as it was said, at every node, and ends them.
    pub(crate) fn close(mut self) {
        let names: Vec<_> = self.nodes.keys().cloned().collect();
        // Not the last ones: what everybody brings to everybody comes from several at once.
        let theirs: Vec<_> = names.iter().map(|name| self.theirs(name)).collect();
        for name in &names {
            assert!(self.node(name).is_running(), "{name} is back at the end of its page");
            std::fs::write(self.desk(name).join("end.toml"), LAST).unwrap();
            let words = ["publish", "end.toml", "--yes"].into_iter();
            let words: Vec<_> = words.chain(self.node(name).asks_as()).map(str::to_owned).collect();
            self.publish(name, &words);
        }
        // The last ones first: when they have come, so has what was sent before.
        for prediction in self.predictions.iter().rev() {
            came_true(self.node(&prediction.node), prediction, self.now());
        }
        for (name, theirs) in names.iter().zip(&theirs) {
            self.passed_on(name, theirs);
        }
        let mut nodes: Vec<_> = self.nodes.values_mut().collect();
        all(&mut nodes, |node| assert_eq!(node.stop(), 0));
    }

    /// What a node has from others.
    fn theirs(&self, name: &str) -> Vec<Value> {
        let records = self.node(name).data(&["list", "--limit", "0"]);
        let theirs = |record: &&Value| text(record, "source") != "own";
        records.as_array().unwrap().iter().filter(theirs).cloned().collect()
    }

    /// What came from others goes on as `explain` says. Whoever gave it is not asked.
    fn passed_on(&self, name: &str, theirs: &[Value]) {
        let node = self.node(name);
        let aside = node.data(&["quarantine", "list"]);
        for record in theirs {
            let reference = text(record, "reference").to_owned();
            let mut shares = explained(&node.data(&["explain", &reference]));
            // What went before it was set aside has gone, and to nobody else than the node says.
            let of_it = |line: &&Value| text(line, "reference") == reference;
            let held = aside.as_array().unwrap().iter().find(of_it);
            let went_to = held.and_then(|line| line["went_to"].as_array());
            for went_to in went_to.into_iter().flatten() {
                let (name, mut gone) = (went_to.as_str().unwrap(), gone(node, &reference));
                shares.extend(gone.remove(name).map(|share| (name.to_owned(), share)));
            }
            for giver in ["source", "origin"] {
                shares.remove(text(record, giver));
            }
            let prediction = Prediction { node: name.to_owned(), reference, shares };
            came_true(node, &prediction, self.now());
        }
    }
}
