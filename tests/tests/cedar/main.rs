//! An independent oracle: the policies in `tests/policies`, written in Cedar from the handbook, say of
//! every case what the decision says.
//!
//! A case is drawn as plain data. From it come, on one side, agreements as TOML, records and
//! partners for `decide()`, and on the other entities for Cedar; neither side sees the other's.

mod case;
mod decision;
mod oracle;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use case::Case;
use oracle::Oracle;

/// As many as `COMITY_CEDAR_CASES` says, or these.
const CASES: u32 = 100_000;

/// Numbers below a bound, from a fixed seed.
struct Dice(ChaCha12Rng);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0.next_u32() as usize % bound
    }

    /// Once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Each of them, once in `times`.
    fn some_of<T: Copy>(&mut self, all: &[T], times: usize) -> Vec<T> {
        all.iter().copied().filter(|_| self.once_in(times)).collect()
    }
}

#[test]
fn the_decision_and_the_policies_in_cedar_agree() {
    let said = std::env::var("COMITY_CEDAR_CASES").ok().and_then(|number| number.parse().ok());
    let cases = said.unwrap_or(CASES);
    let mut dice = Dice(ChaCha12Rng::seed_from_u64(2_026));
    let papers = case::papers(&mut dice);
    let terms = decision::read(&papers);
    let mut oracle = Oracle::new(&papers);
    let (mut released, mut withheld, mut in_emergency) = (0_u32, 0_u32, 0_u32);
    for number in 0..cases {
        let case = Case::draw(&mut dice, &papers);
        let ours = decision::ask(&case, &terms);
        let allowed = oracle.ask(&case, &papers);
        assert_eq!(
            ours.is_release(),
            allowed,
            "case {number}: {case:#?}\nagreements: {:#?}\n{ours:#?}",
            case.signed.iter().map(|one| &papers[one.paper]).collect::<Vec<_>>(),
        );
        *(if allowed { &mut released } else { &mut withheld }) += 1;
        in_emergency += u32::from(ours.rests_on_emergency());
    }
    println!("{released} released, {in_emergency} of them in an emergency, {withheld} withheld");
    // Agreement on refusals alone would show little.
    assert!(released * 10 > cases, "{released} of {cases} are released");
    assert!(withheld * 10 > cases, "{withheld} of {cases} are withheld");
    assert!(in_emergency * 100 > cases, "{in_emergency} of {cases} go by an emergency release");
}
