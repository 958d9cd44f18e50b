use super::*;
use crate::marking::{Onward, Pap, Tlp};
use crate::time::Timestamp;
use crate::vocabulary::{Class, Kind, Section};

const MOU: &str = include_str!("../../../../examples/agreements/mou.toml");
const NDA: &str = include_str!("../../../../examples/agreements/nda.toml");

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn refused(text: &str) -> AgreementError {
    Terms::parse(text).unwrap_err()
}

/// A text that is in order, in which one line is put in the place of another.
fn with(extra: &str) -> String {
    format!("format = 1\ntitle = \"t\"\ntier = \"mou\"\nstarts = 2026-01-01\n{extra}\n")
}

#[test]
fn the_sample_mou_is_read_whole() {
    let terms = Terms::parse(MOU).unwrap();
    assert_eq!(terms.tier(), Tier::Mou);
    assert_eq!(terms.starts(), instant("2026-01-01T00:00:00Z"));
    assert_eq!(terms.ends(), Some(instant("2029-01-01T00:00:00Z")));
    assert_eq!((terms.max_tlp(), terms.unaddressed_tlp()), (Tlp::Amber, Tlp::Green));
    assert!(terms.sections_at(Tlp::Green).contains(Section::Indicators));
    assert!(!terms.sections_at(Tlp::Amber).contains(Section::Indicators));
    assert_eq!(terms.obligations().onward, Onward::Ask);
    assert_eq!(terms.obligations().retention_days, Some(730));
    assert!(terms.prohibitions().sections.contains(Section::Attribution));
    assert_eq!(terms.clause(Field::SectionsAtAmber), Some("art. 4.2"));
    assert_eq!(terms.paper().versions.len(), 2);
    assert_eq!(terms.paper().survival_days, Some(1095));
    let now = instant("2026-11-21T00:00:00Z");
    assert_eq!(terms.earliest_end(now), instant("2027-02-19T00:00:00Z"));
}

#[test]
fn the_sample_nda_is_read_whole() {
    let terms = Terms::parse(NDA).unwrap();
    assert_eq!(terms.tier(), Tier::Nda);
    assert_eq!(terms.ends(), None);
    assert_eq!((terms.max_tlp(), terms.unaddressed_tlp()), (Tlp::Red, Tlp::Amber));
    assert!(!terms.sections_at(Tlp::Red).contains(Section::Evidence));
    assert!(terms.sections_at(Tlp::Red).contains(Section::Indicators));
    assert!(!terms.classes().contains(Class::PersonalData));
}

#[test]
fn what_is_not_said_is_the_tier_s() {
    let terms = Terms::parse(&with("")).unwrap();
    assert_eq!(terms.max_tlp(), Tlp::Amber);
    assert_eq!(terms.label(), "MoU");
    assert_eq!(terms.obligations().onward, Onward::Ask);
    assert!(terms.kinds().iter().all(|kind| !kind.is_control()));
    assert!(terms.kinds().contains(Kind::Note));
}

#[test]
fn a_misspelt_field_is_shown_with_the_valid_ones() {
    let error = refused(&with("max-tpl = \"GREEN\""));
    assert_eq!((error.line(), error.column()), (Some(5), Some(1)));
    assert!(error.valid().contains(&"max-tlp".to_owned()), "{error}");
    assert!(error.to_string().contains("^^^^^^^"), "{error}");
}

#[test]
fn a_misspelt_section_is_shown_with_a_caret_and_the_valid_names() {
    let error = refused(&with("sections = [\"summary\", \"indicator\"]"));
    assert_eq!((error.line(), error.column()), (Some(5), Some(24)));
    assert!(error.valid().contains(&"indicators".to_owned()));
    let expected = "line 5, column 24: unknown name `indicator`\n   |\n 5 | sections = [\"summary\", \"indicator\"]\n   |                        ^^^^^^^^^^^";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn a_wrong_type_names_the_field() {
    let error = refused(&with("[prohibits]\nsections = \"evidence\""));
    assert_eq!(error.path(), Some("prohibits.sections"), "{error}");
    assert_eq!(error.line(), Some(6));
}

#[test]
fn broken_toml_has_a_place() {
    assert_eq!(refused("format = 1\ntitle = \n").line(), Some(2));
}

#[test]
fn each_fault_has_its_own_words() {
    for (extra, words) in [
        ("max-tlp = \"RED\"", "RED is above what the tier mou covers (AMBER)"),
        ("max-tlp = \"ORANGE\"", "unknown label `ORANGE`"),
        ("classes = [\"sensitive\"]", "`sensitive` is not covered by the tier mou"),
        ("kinds = [\"withdrawal\"]", "`withdrawal` is not covered by the tier mou"),
        ("sections = []", "the list is empty"),
        ("ends = 2025-12-31", "ends before it starts"),
        ("ends = 2026-12-31T00:00:00Z", "is not a day"),
        ("ends = 10:00:00", "is not a day"),
        ("notice = \"3 months\"", "`3 months` is not a duration"),
        ("retention = \"0 days\"", "`0 days` is not a duration"),
        ("retention = \"99999999 years\"", "is not a duration"),
        ("onward = \"yes\"", "unknown value `yes`"),
        ("desk = \"cyber\"", "only the tier law-enforcement names a desk"),
        ("[clauses]\nsection = \"art. 1\"", "unknown field `section`"),
        ("[prohibits]\nkinds = [\"withdrawal\"]", "unknown name `withdrawal`"),
        ("[prohibits]\ntlp-above = \"ORANGE\"", "unknown label `ORANGE`"),
        ("[paper]\nversions = [{ language = \"en\", sha256 = \"00\" }]", "64 hexadecimal"),
        ("max-pap = \"AMBER+STRICT\"", "unknown label `AMBER+STRICT`"),
        ("review-overdue = \"stop\"", "has no `review` date"),
        ("review = 2026-06-01\nreview-overdue = \"shout\"", "unknown value `shout`"),
        ("return-or-destroy = \"keep\"", "unknown value `keep`"),
        ("exercises = \"yes\"", "expected a boolean"),
        ("no-law-enforcement-use = 1", "expected a boolean"),
        ("categories = [\"energy\", \"\"]", "the text is blank"),
        ("categories = [\" energy\"]", "begins or ends with a space"),
        ("legal-bases = [\"art.\\u0007\"]", "control character"),
        ("purposes = [\"  \"]", "the text is blank"),
        ("[prohibits]\ncategories = [\"\"]", "the text is blank"),
        ("[paper]\nnotices = \"\"", "the text is blank"),
        (
            "[paper]\nsignatories = [{ name = \"\", capacity = \"c\", for = \"f\" }]",
            "the text is blank",
        ),
        ("[paper]\nversions = [{ language = \"\", sha256 = \"00\" }]", "the text is blank"),
    ] {
        let error = refused(&with(extra));
        assert!(error.to_string().contains(words), "{extra}: {error}");
        assert!(error.line().is_some_and(|line| line >= 5), "{extra}: {error}");
    }
}

#[test]
fn another_format_another_tier_and_no_desk_are_refused() {
    let two = with("").replace("format = 1", "format = 2");
    assert!(refused(&two).message().starts_with("format 2 is not known"));
    let treaty = with("").replace("\"mou\"", "\"treaty\"");
    assert_eq!(refused(&treaty).valid(), ["mou", "nda", "law-enforcement"]);
    // Pairing alone is no agreement.
    assert!(Terms::parse(&with("").replace("\"mou\"", "\"paired\"")).is_err());
    let police = with("").replace("\"mou\"", "\"law-enforcement\"");
    assert!(refused(&police).message().contains("needs `desk`"));
    assert!(Terms::parse(&(police + "desk = \"cyber crime\"\n")).is_ok());
}

#[test]
fn what_is_beyond_information_itself_is_read() {
    let text = with(concat!(
        "review = 2026-06-30\nreview-overdue = \"stop\"\nmax-pap = \"amber\"\nexercises = true\n",
        "categories = [\"health\", \"energy\", \"energy\"]\nlegal-bases = [\"Act 12, s. 4\"]\n",
        "purposes = [\"response\"]\nno-law-enforcement-use = true\nreturn-or-destroy = \"destroy\"\n",
        "[prohibits]\ncategories = [\"military\"]\n",
        "[clauses]\nmax-pap = \"1\"\nreview-overdue = \"2\"\nexercises = \"3\"\n",
        "no-law-enforcement-use = \"4\"\nreturn-or-destroy = \"5\"\npaper = \"6\"\n",
        "signatories = \"7\"\nnotices = \"8\"\ncategories = \"9\"\nlegal-bases = \"10\"\n",
    ));
    let terms = Terms::parse(&text).unwrap();
    assert_eq!(terms.overdue_from(), Some(instant("2026-07-01T00:00:00Z")));
    assert_eq!(terms.review_overdue(), ReviewOverdue::Stop);
    assert_eq!(terms.max_pap(), Pap::Amber);
    assert!(terms.admits_exercises() && terms.no_law_enforcement_use());
    assert_eq!(terms.categories(), ["energy", "health"]);
    assert_eq!(terms.legal_bases(), ["Act 12, s. 4"]);
    assert_eq!(terms.obligations().purposes, ["response"]);
    assert_eq!(terms.prohibitions().categories, ["military"]);
    assert_eq!(terms.return_or_destroy(), Some(ReturnOrDestroy::Destroy));
    let cited = Field::ALL.iter().filter(|field| terms.clause(**field).is_some());
    assert_eq!(cited.count(), 10);
    // What an older text does not say permits nothing, and changes nothing.
    let old = Terms::parse(&with("review = 2026-06-30")).unwrap();
    assert_eq!((old.max_pap(), old.review_overdue()), (Pap::Clear, ReviewOverdue::Warn));
    assert!(!old.admits_exercises() && !old.no_law_enforcement_use());
    assert!(old.categories().is_empty() && old.return_or_destroy().is_none());
}

#[test]
fn law_enforcement_does_not_exclude_itself_and_a_language_has_one_paper() {
    let police = with("desk = \"cyber crime\"\nno-law-enforcement-use = true")
        .replace("\"mou\"", "\"law-enforcement\"");
    let error = refused(&police);
    assert!(error.message().contains("for that very use"), "{error}");
    assert_eq!(error.line(), Some(6));
    let version = format!("{{ language = \"en\", sha256 = \"{}\" }}", "00".repeat(32));
    let twice = with(&format!("[paper]\nversions = [{version}, {version}]"));
    assert!(refused(&twice).message().contains("a second version in the language `en`"));
}

#[test]
fn a_missing_field_is_named() {
    let error = refused("format = 1\ntitle = \"t\"\ntier = \"mou\"\n");
    assert!(error.message().contains("missing field `starts`"), "{error}");
}

#[test]
fn a_text_past_the_limit_is_refused_unread() {
    let long = "#".repeat(crate::limits::AGREEMENT_BYTES + 1);
    assert!(refused(&long).message().contains("at most 32768"));
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,80}", cut in 0_usize..4000) {
        drop(Terms::parse(&text).map_err(|error| error.to_string()));
        let cut: String = NDA.chars().take(cut).collect();
        drop(Terms::parse(&cut).map_err(|error| error.to_string()));
        drop(Terms::parse(&format!("{cut}{text}")).map_err(|error| error.to_string()));
    }
}
