//! The sample charter, and each way in which one cannot be read.

use std::collections::BTreeSet;

use super::world::{CHARTER, FJ, FOUNDERS, JP, KR, NZ, T0, founding};
use crate::agreement::Tier;
use crate::group::*;
use crate::identity::RecordId;
use crate::marking::{Onward, Tlp};
use crate::vocabulary::Section;

#[test]
fn the_sample_charter_is_read_whole() {
    let charter = Charter::parse(CHARTER).unwrap();
    assert_eq!(charter.name(), "Sample Islands Exchange");
    assert_eq!(charter.founders(), ["KR", "JP", "FJ"]);
    assert_eq!(charter.sponsors(), Some(&["KR", "JP", "FJ"].map(str::to_owned)[..]));
    assert_eq!(charter.sponsors_needed(), 2);
    assert_eq!(charter.removal(), Removers::Sponsors(2));
    assert!(!charter.later_joiners_see_earlier_records());
    let names: Vec<_> = charter.criteria().iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["mandate", "reachability"]);
    let terms = charter.terms();
    assert_eq!((terms.tier(), terms.max_tlp()), (Tier::Mou, Tlp::Amber));
    assert_eq!(terms.obligations().onward, Onward::Ask);
    assert!(terms.prohibitions().sections.contains(Section::Attribution));
    assert!(terms.review().is_some());
}

#[test]
fn red_is_never_for_a_group() {
    let nda = CHARTER.replace("tier = \"mou\"\nmax-tlp = \"AMBER\"", "tier = \"nda\"");
    assert_eq!(Charter::parse(&nda).unwrap().terms().max_tlp(), Tlp::AmberStrict);
    let red =
        CHARTER.replace("tier = \"mou\"\nmax-tlp = \"AMBER\"", "tier = \"nda\"\nmax-tlp = \"RED\"");
    let error = Charter::parse(&red).unwrap_err();
    assert!(error.message().contains("never for a group") && error.line().is_some(), "{error}");
}

#[test]
fn each_fault_has_its_own_words() {
    for (from, to, words) in [
        ("format = 1", "format = 2", "format 2 is not known"),
        ("name = \"Sample Islands Exchange\"", "name = \"\"", "the text is blank"),
        ("name = \"Sample Isl", "name = \"Sample\u{200b} Isl", "a screen does not show"),
        ("name = \"Sample Isl", "name = \"Sample\u{202e} Isl", "a screen does not show"),
        ("founders = [\"KR\", \"JP\", \"FJ\"]", "founders = []", "1 to 256 founders"),
        ("founders = [\"KR\", \"JP\", \"FJ\"]", "founders = [\"KR\", \"KR\"]", "named twice"),
        ("economies = [\"KR\", \"JP\", \"FJ\"]", "economies = [\"NZ\"]", "`NZ` is no founder"),
        ("economies = [\"KR\", \"JP\", \"FJ\"]", "economies = []", "1 to 256 sponsors"),
        ("[sponsors]\nneeded = 2", "[sponsors]\nneeded = 0", "0 is not between 1 and 3"),
        ("[sponsors]\nneeded = 2", "[sponsors]\nneeded = 4", "4 is not between 1 and 3"),
        ("by = \"sponsors\"", "by = \"vote\"", "unknown way to remove `vote`"),
        ("by = \"sponsors\"", "by = \"secretariat\"", "leave `needed` out"),
        ("by = \"sponsors\"\nneeded = 2", "by = \"members\"", "needs `needed`"),
        ("tier = \"mou\"", "tier = \"law-enforcement\"", "has no desk"),
        ("starts = 2026-01-01", "starts = 10:00:00", "is not a day"),
        ("purpose =", "purposes =", "unknown field `purposes`"),
        ("max-tlp = \"AMBER\"", "max-tlp = \"RED\"", "above what the tier mou covers"),
    ] {
        let text = CHARTER.replacen(from, to, 1);
        assert_ne!(text, CHARTER, "{from}");
        let error = Charter::parse(&text).unwrap_err();
        assert!(error.to_string().contains(words), "{to}: {error}");
        assert!(error.line().is_some(), "{to}: {error}");
    }
    let long = "#".repeat(crate::limits::CHARTER_BYTES + 1);
    assert!(Charter::parse(&long).unwrap_err().message().contains("at most 32768"));
}

#[test]
fn text_and_record_name_as_many() {
    let good = CharterBody {
        text: CHARTER.to_owned(),
        founders: BTreeSet::from(FOUNDERS),
        sponsors: BTreeSet::from(FOUNDERS),
    };
    let found = |by, body: &CharterBody| Founding::new(RecordId([1; 32]), by, T0, body);
    assert!(found(KR, &good).is_ok());
    assert_eq!(found(NZ, &good), Err(FoundingError::AuthorIsNoFounder));
    let fewer = CharterBody { founders: BTreeSet::from([KR, JP]), ..good.clone() };
    let count = FoundingError::Count { what: "founders", text: 3, record: 2 };
    assert_eq!(found(KR, &fewer), Err(count));
    let fewer = CharterBody { sponsors: BTreeSet::new(), ..good.clone() };
    let count = FoundingError::Count { what: "sponsors", text: 3, record: 0 };
    assert_eq!(found(KR, &fewer), Err(count));
    let stranger = CharterBody { sponsors: BTreeSet::from([KR, JP, NZ]), ..good.clone() };
    assert_eq!(found(KR, &stranger), Err(FoundingError::SponsorIsNoFounder(NZ)));
    let broken = CharterBody { text: "format = ".to_owned(), ..good };
    assert!(matches!(found(KR, &broken), Err(FoundingError::Text(_))));
}

#[test]
fn without_a_list_every_member_sponsors() {
    let any = CHARTER.replace("economies = [\"KR\", \"JP\", \"FJ\"]\n", "");
    let founding = founding(&any);
    assert!(founding.may_sponsor(FJ) && founding.may_sponsor(NZ));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", cut in 0_usize..4000) {
        drop(Charter::parse(&text).map_err(|error| error.to_string()));
        let cut: String = CHARTER.chars().take(cut).collect();
        drop(Charter::parse(&cut).map_err(|error| error.to_string()));
        drop(Charter::parse(&format!("{cut}{text}")).map_err(|error| error.to_string()));
    }
}
