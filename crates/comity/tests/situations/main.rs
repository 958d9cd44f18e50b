//! The pages in `docs/src/situations` are what happens: each is played on nodes that are processes,
//! over real QUIC, command by command, and every screen is compared with the page.
//!
//! `SITUATIONS=overwrite` writes the screens anew.

#![cfg(all(target_os = "linux", target_pointer_width = "64"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests assert"
)]

mod page;
mod prediction;
mod screen;
mod stage;
#[path = "../world/mod.rs"]
mod world;

use std::ops::Range;

use page::{Step, What};
use screen::{difference, fits};
use stage::Stage;

const PAGES: &str = "docs/src/situations";

macro_rules! situations {
    ($($name:ident: $page:literal,)*) => {
        $(#[test] fn $name() { play($page); })*

        #[test]
        fn every_page_is_played() {
            let mut pages: Vec<_> = std::fs::read_dir(world::path(PAGES))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            pages.sort_unstable();
            let mut played = vec![$($page.to_owned() + ".md"),*];
            played.sort_unstable();
            assert_eq!(pages, played);
        }
    };
}

situations! {
    two_agreements: "two-agreements",
    an_expired_mou: "expired-mou",
    an_embargo: "embargo",
    a_consent: "consent",
    a_member_removed_while_offline: "removed-member",
    a_stolen_analyst_key: "stolen-key",
    an_analyst_leaves: "analyst-leaves",
    red_to_a_bare_economy: "red",
    an_unlabelled_advisory: "unlabelled",
}

fn play(name: &str) {
    let file = format!("{PAGES}/{name}.md");
    let page = std::fs::read_to_string(world::path(&file)).unwrap();
    let lines: Vec<_> = page.lines().collect();
    let steps = page::steps(&page).unwrap_or_else(|error| panic!("{file}, {error}"));
    let anew = std::env::var("SITUATIONS").is_ok_and(|how| how == "overwrite");
    let (mut stage, mut written) = (Stage::default(), Vec::new());
    for Step { line, what } in &steps {
        stage.set(what);
        let What::Command { node, soon, words, screen } = what else { continue };
        let expected = &lines[screen.clone()];
        let shown = match soon {
            true => stage.soon(node, words, expected, anew),
            false => stage.typed(node, words),
        };
        if !fits(expected, &shown) {
            let difference = difference(expected, &shown);
            assert!(
                anew,
                "{file}:{}: {}\n\n{difference}\nSITUATIONS=overwrite writes the page anew",
                line + 1,
                lines[*line]
            );
            written.push((screen.clone(), shown));
        }
    }
    write(&file, &lines, &written);
    stage.close();
}

/// Puts screens in the place of what the page had.
fn write(file: &str, lines: &[&str], screens: &[(Range<usize>, Vec<String>)]) {
    if screens.is_empty() {
        return;
    }
    let mut page: Vec<_> = lines.iter().map(|&line| line.to_owned()).collect();
    for (place, screen) in screens.iter().rev() {
        page.splice(place.clone(), screen.iter().cloned());
    }
    std::fs::write(world::path(file), page.join("\n") + "\n").unwrap();
}
