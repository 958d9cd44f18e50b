//! The pages in `docs/src/situations` and `docs/src/keys` are what happens: each is played on nodes that are processes,
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

const BOOK: &str = "docs/src";
const PAGES: [&str; 2] = ["situations", "keys"];

macro_rules! situations {
    ($($name:ident: $page:literal,)*) => {
        $(#[test] fn $name() { play($page); })*

        #[test]
        fn every_page_is_played() {
            let mut pages = Vec::new();
            for folder in PAGES {
                for entry in std::fs::read_dir(world::path(&format!("{BOOK}/{folder}"))).unwrap() {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    pages.push(format!("{folder}/{name}"));
                }
            }
            pages.sort_unstable();
            let mut played = vec![$($page.to_owned() + ".md"),*];
            played.sort_unstable();
            assert_eq!(pages, played);
        }
    };
}

situations! {
    two_agreements: "situations/two-agreements",
    an_expired_mou: "situations/expired-mou",
    an_embargo: "situations/embargo",
    a_consent: "situations/consent",
    a_member_removed_while_offline: "situations/removed-member",
    a_stolen_analyst_key: "situations/stolen-key",
    an_analyst_leaves: "situations/analyst-leaves",
    red_to_a_bare_economy: "situations/red",
    a_broken_glass: "situations/break-glass",
    an_unlabelled_advisory: "situations/unlabelled",
    a_link_key_is_renewed: "keys/rotate",
    a_key_is_stolen: "keys/compromised",
    the_root_stands_by_what_it_signed: "keys/affirm",
    the_root_keys_are_replaced: "keys/root",
}

fn play(name: &str) {
    let file = format!("{BOOK}/{name}.md");
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
