//! Nights: everybody sleeps for hours or days, and wakes sooner or later; and what only runs of their own have.

use std::time::Duration;

use super::event::Event;
use super::watch::Broken;
use super::world::World;

impl World {
    /// What only runs of their own have. Whether something of it was done.
    pub(super) fn does_its_own(&mut self, node: usize) -> Result<bool, Broken> {
        let nights = self.config.night_count;
        if self.nights_left > 0
            && self.acts_left * (nights + 1) <= self.config.acts * self.nights_left
        {
            self.night();
            return Ok(true);
        }
        if self.config.terms && self.falls(20) {
            self.mind_terms(node)?;
        } else if self.config.groups && self.falls(65) {
            self.gather(node)?;
        } else if self.config.clocks && self.falls(45) {
            self.mind_time(node)?;
        } else if self.config.guarded && self.falls(55) {
            self.keep_house(node)?;
        } else if self.config.links && self.falls(15) {
            self.turn_links(node)?;
        } else if self.config.intake && self.falls(40) {
            self.mind_desk(node)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether what a run has of its own comes next, in so many of a hundred; where it has everything, in fewer.
    fn falls(&mut self, of_a_hundred: u64) -> bool {
        let few = if self.config.everything { (of_a_hundred / 4).max(6) } else { of_a_hundred };
        self.dice.percent(few)
    }

    /// One of the things that other runs have instead of each other.
    pub(super) fn one_of_all(&mut self, node: usize) -> Result<(), Broken> {
        match self.dice.below(10) {
            0 => self.erase(node),
            1..=2 => self.amend(node),
            3..=5 => self.deal(node),
            6..=7 => self.restore_somebody(),
            _ => self.turn_keys(node),
        }
    }

    /// What is to be done at somebody's, if it runs.
    pub(super) fn chore(&mut self, node: usize) -> Result<(), Broken> {
        if self.nodes[node].engine.is_some() && self.config.groups {
            self.keep_up(node)?;
        }
        if self.nodes[node].engine.is_some() {
            self.declare_robbed(node)?;
            self.end_what_misleads(node)?;
        }
        if self.nodes[node].engine.is_some() && self.config.guarded {
            self.recall_what_is_due(node)?;
        }
        Ok(())
    }

    /// When faults have ended, what is left to people is done, soon and once more.
    pub(super) fn chores(&mut self) -> Result<(), Broken> {
        self.set_clocks_right()?;
        self.robbed_hear();
        if !self.config.groups && !self.config.guarded {
            return Ok(());
        }
        for node in 0..self.nodes.len() {
            for seconds in [15, 45] {
                self.later(Duration::from_secs(seconds), Event::Chore { node });
            }
        }
        Ok(())
    }

    /// Everybody sleeps.
    pub(super) fn night(&mut self) {
        self.nights_left -= 1;
        let hours = self.dice.choose(&self.config.nights.clone()).copied().unwrap_or(8);
        let length = Duration::from_secs(hours * 3600);
        self.report.nights += 1;
        self.note(|| format!("a night of {hours} hours falls"));
        for node in 0..self.nodes.len() {
            if self.nodes[node].engine.is_some() {
                self.crash(node);
            }
        }
        self.dawn = self.now.saturating_add(length);
        self.slept += length;
        if self.config.groups {
            self.chores_at_dawn();
        }
        if self.config.guarded {
            self.housework();
        }
        if self.nights_left == 0 {
            self.set_clocks_at_night();
        }
    }

    /// What was to happen in the night happens after it: some wake sooner, some much later.
    pub(super) fn wait_for_dawn(&mut self, event: Event) {
        let delay = match event {
            Event::Restart { .. } if self.dice.percent(25) => self.dice.millis(5_000..=40_000),
            Event::Restart { .. } => self.dice.millis(0..=3_000),
            _ => Duration::from_millis(500),
        };
        self.at(self.dawn.saturating_add(delay), event);
    }
}
