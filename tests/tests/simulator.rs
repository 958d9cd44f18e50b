//! The simulated federation: tiers of seeds, and proof that the checker sees what is broken.

use comity_tests::sim::{Config, run};

#[test]
fn three_nodes_exchange_records() {
    for seed in 0..4 {
        let report = run(&Config::calm(seed, 3)).unwrap_or_else(|account| panic!("{account}"));
        assert!(report.delivered > 0, "seed {seed}: nothing went over a wire");
    }
}

/// One seed, from `COMITY_SIM_SEED`: how a failure is repeated.
#[test]
#[ignore = "one seed, to repeat a failure"]
fn one_seed() {
    let seed = std::env::var("COMITY_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    let config = Config::federation(seed.unwrap_or(0));
    let started = std::time::Instant::now();
    let report = run(&config).unwrap_or_else(|account| panic!("{account}"));
    println!("{report:?} in {:?}", started.elapsed());
}

/// How many seeds fail, and how: for a look at many at once.
#[test]
#[ignore = "a survey of many seeds"]
fn survey() {
    let seeds = std::env::var("COMITY_SIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let started = std::time::Instant::now();
    for seed in 0..seeds.unwrap_or(32) {
        match run(&Config::federation(seed)) {
            Ok(report) => println!("seed {seed}: {report:?}"),
            Err(account) => {
                let line = account.lines().find(|line| line.starts_with("seed "));
                println!("{}", line.unwrap_or_default());
            }
        }
    }
    println!("in {:?}", started.elapsed());
}
