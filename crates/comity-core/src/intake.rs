//! What is taken in from a partner: ours alone, never sent, and no part of the decision about what leaves.

use std::collections::BTreeMap;
use std::fmt;

use crate::vocabulary::Kind;

/// What becomes of records with content, from the loosest to the strictest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intake {
    /// Taken in.
    #[default]
    Accept,
    /// Taken in, and in quarantine until a person has decided.
    Review,
    /// Not taken.
    Refuse,
}

impl Intake {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accept, Self::Review, Self::Refuse];

    /// The number in the journal.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Accept => 0,
            Self::Review => 1,
            Self::Refuse => 2,
        }
    }

    /// The rule with this number.
    #[must_use]
    pub const fn from_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Accept),
            1 => Some(Self::Review),
            2 => Some(Self::Refuse),
            _ => None,
        }
    }

    /// The rule with this name, as people write it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The rules for one partner: one for all kinds of content, and exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IntakeRules {
    otherwise: Intake,
    kinds: BTreeMap<Kind, Intake>,
}

impl IntakeRules {
    /// The rule for a kind. Control kinds are always taken: what withdraws, revokes or ends must not wait.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Intake {
        if kind.is_control() {
            return Intake::Accept;
        }
        self.kinds.get(&kind).copied().unwrap_or(self.otherwise)
    }

    /// Sets the rule for these kinds; for every kind, also later ones, where none is named.
    pub fn set(&mut self, kinds: &[Kind], rule: Intake) {
        if kinds.is_empty() {
            self.kinds.clear();
            self.otherwise = rule;
        }
        for kind in kinds.iter().filter(|kind| !kind.is_control()) {
            if rule == self.otherwise {
                self.kinds.remove(kind);
            } else {
                self.kinds.insert(*kind, rule);
            }
        }
    }

    /// The rule for every kind that is no exception.
    #[must_use]
    pub const fn otherwise(&self) -> Intake {
        self.otherwise
    }

    /// The kinds for which another rule holds.
    pub fn exceptions(&self) -> impl Iterator<Item = (Kind, Intake)> + '_ {
        self.kinds.iter().map(|(kind, rule)| (*kind, *rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_one_to_one() {
        for rule in Intake::ALL {
            assert_eq!(Intake::from_code(rule.code()), Some(rule));
            assert_eq!(Intake::from_name(&rule.to_string()), Some(rule));
        }
        assert_eq!(Intake::from_code(3), None);
        assert_eq!(Intake::from_name("drop"), None);
    }

    #[test]
    fn a_rule_for_all_kinds_takes_exceptions_with_it() {
        let mut rules = IntakeRules::default();
        assert_eq!(rules.of(Kind::Advisory), Intake::Accept);
        rules.set(&[Kind::Advisory, Kind::Note], Intake::Review);
        rules.set(&[Kind::Note], Intake::Refuse);
        assert_eq!(rules.of(Kind::Advisory), Intake::Review);
        assert_eq!(rules.of(Kind::Note), Intake::Refuse);
        assert_eq!(rules.of(Kind::Incident), Intake::Accept);
        rules.set(&[], Intake::Review);
        assert_eq!(rules.exceptions().count(), 0);
        assert!(
            [Kind::Note, Kind::Incident, Kind::Unknown(99)].map(|kind| rules.of(kind))
                == [Intake::Review; 3]
        );
        rules.set(&[Kind::Note], Intake::Accept);
        rules.set(&[Kind::Note], Intake::Review);
        assert_eq!(rules.exceptions().count(), 0, "what is no exception is not listed as one");
    }

    #[test]
    fn control_records_are_taken_whatever_the_rules_say() {
        let mut rules = IntakeRules::default();
        rules.set(&[], Intake::Refuse);
        rules.set(Kind::ALL, Intake::Refuse);
        for kind in Kind::ALL.iter().filter(|kind| kind.is_control()) {
            assert_eq!(rules.of(*kind), Intake::Accept, "{kind}");
        }
    }
}
