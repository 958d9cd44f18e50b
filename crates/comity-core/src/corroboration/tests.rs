use proptest::prelude::*;

use super::*;

fn economy(number: u8) -> EconomyId {
    EconomyId([number; 32])
}

fn document(publisher: u8, id: u8) -> Document {
    Document::new(&format!("https://publisher-{publisher}.example"), &format!("DOC-{id}"))
}

/// Few of everything, so that they meet.
fn statements() -> impl Strategy<Value = Vec<Statement>> {
    let addresses = prop::collection::btree_set(0..8_u8, 0..2);
    let imports = prop::collection::btree_map((0..4_u8, 0..3_u8), addresses, 0..3);
    let statement = (0..24_u8, 0..4_u8, imports).prop_map(|(record, origin, imports)| {
        let at = |place: u8| WebAddress::new(&format!("https://place-{place}.example/document"));
        let imports = imports.into_iter();
        let imports = imports
            .map(|((by, id), places)| (document(by, id), places.into_iter().map(at).collect()));
        Statement {
            record: RecordId([record; 32]),
            origin: economy(origin),
            imports: imports.collect(),
        }
    });
    prop::collection::vec(statement, 0..16)
}

/// Told apart one by one: a publisher is known where it was met before, or one that it shares an address with.
fn counted_by_hand(statements: &[Statement]) -> usize {
    let mut own: Vec<EconomyId> = Vec::new();
    let mut imports: Vec<(&WebAddress, &BTreeSet<WebAddress>)> = Vec::new();
    for statement in statements {
        if statement.imports.is_empty() && !own.contains(&statement.origin) {
            own.push(statement.origin);
        }
        imports.extend(statement.imports.iter().map(|(one, at)| (one.publisher(), at)));
    }
    let mut number: Vec<usize> = (0..imports.len()).collect();
    for _ in &imports {
        for (one, (by, at)) in imports.iter().enumerate() {
            for (other, (by_other, at_other)) in imports.iter().enumerate() {
                if by == by_other || !at.is_disjoint(at_other) {
                    let least = number[one].min(number[other]);
                    (number[one], number[other]) = (least, least);
                }
            }
        }
    }
    own.len() + number.into_iter().collect::<BTreeSet<_>>().len()
}

proptest! {
    #[test]
    fn as_many_are_counted_as_there_are_whatever_the_order(
        (first, second) in statements().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let origins = Origins::of(&first);
        prop_assert_eq!(origins.count(), counted_by_hand(&first));
        prop_assert_eq!(&Origins::of(&second), &origins);
        let signers: BTreeSet<_> = first.iter().map(|one| one.origin).collect();
        prop_assert!(origins.economies.len() <= signers.len());
        prop_assert!(origins.publishers.len() <= origins.documents.len());
        prop_assert_eq!(origins.signers, signers);
    }

    #[test]
    fn neither_a_relay_nor_another_import_of_one_document_raises_it(
        statements in statements(),
        which in any::<prop::sample::Index>(),
        record in 24..32_u8,
        by in 0..8_u8,
        at in prop::collection::btree_set(0..8_u8, 0..3),
    ) {
        prop_assume!(!statements.is_empty());
        let before = Origins::of(&statements);
        let one = which.get(&statements);
        let relayed = [one.clone()];
        prop_assert_eq!(Origins::of(statements.iter().chain(&relayed)), before.clone());
        prop_assume!(!one.imports.is_empty());
        // Another version of it may say that it is to be found elsewhere.
        let at: BTreeSet<_> = at.into_iter().map(|at| WebAddress::new(&at.to_string())).collect();
        let imports = one.imports.keys().map(|document| (document.clone(), at.clone())).collect();
        let again = Statement { record: RecordId([record; 32]), origin: economy(by), imports };
        let more: Vec<_> = statements.iter().cloned().chain([again]).collect();
        prop_assert!(Origins::of(&more).count() <= before.count());
    }

    #[test]
    fn an_economy_counts_once_in_its_own_words(statements in statements(), record in 24..32_u8) {
        let before = Origins::of(&statements).count();
        let own = |record| Statement {
            record: RecordId([record; 32]),
            origin: economy(9),
            imports: BTreeMap::new(),
        };
        let with: Vec<_> = statements.iter().cloned().chain([own(record), own(40)]).collect();
        prop_assert_eq!(Origins::of(&with).count(), before + 1);
    }
}

#[test]
fn a_document_that_is_taken_over_is_its_first_publishers() {
    let statement = |number: u8, document: Document, at: &[&str]| Statement {
        record: RecordId([number; 32]),
        origin: economy(number),
        imports: BTreeMap::from([(document, at.iter().map(|at| WebAddress::new(at)).collect())]),
    };
    let siemens = "https://cert-portal.siemens.com/productcert/csaf/ssa-887249.json";
    let cisa = "https://www.cisa.gov/news-events/ics-advisories/icsa-23-166-03";
    let first = statement(1, document_of("https://www.siemens.com", "SSA-887249"), &[siemens]);
    let over =
        statement(2, document_of("https://www.cisa.gov/", "ICSA-23-166-03"), &[siemens, cisa]);
    let apart = statement(2, document_of("https://www.cisa.gov/", "ICSA-23-166-03"), &[cisa]);
    assert_eq!(Origins::of([&first, &apart]).count(), 2);
    assert_eq!(Origins::of([&first, &over]).count(), 1);
    assert_eq!(Origins::of([&first, &over]).signers.len(), 2);
}

#[test]
fn one_document_is_one_however_it_is_written() {
    let one = document_of("https://www.cisa.gov/", "ICSA-24-030-02");
    for (namespace, id) in [
        ("https://www.cisa.gov", "ICSA-24-030-02"),
        ("http://cisa.gov//", " icsa-24-030-02 "),
        ("HTTPS://WWW.CISA.GOV/", "ICSA-24-030-02"),
    ] {
        assert_eq!(document_of(namespace, id), one, "{namespace}");
    }
    assert_ne!(document_of("https://cert.example/", "ICSA-24-030-02"), one);
    assert_ne!(document_of("https://www.cisa.gov/", "ICSA-24-030-03"), one);
    assert_eq!(document_of("https://www.cisa.gov/", "another").publisher(), one.publisher());
}

fn document_of(namespace: &str, id: &str) -> Document {
    Document::new(namespace, id)
}

#[test]
fn numbers_of_vulnerabilities_are_found_where_they_stand() {
    let named = |text: &str| {
        let (found, more) = Cve::all_in(text, 3);
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        (found.join(" "), more)
    };
    let check = |text: &str, expected: &str| {
        assert_eq!(named(text), (expected.to_owned(), false), "{text}");
    };
    check("Patch CVE-2024-12345 now, (cve-2023-0001).", "CVE-2023-0001 CVE-2024-12345");
    check("CVE-2024-1234 and CVE-2024-1234", "CVE-2024-1234");
    check("xCVE-2024-1234, CVE-24-1234, CVE-2024-123, CVE-2024-", "");
    check("CVE-2024-00001234", "CVE-2024-1234");
    check("ÇCVE-2024-1234é cve-２０２４-1234 C", "CVE-2024-1234");
    check(&format!("CVE-2024-{}", "9".repeat(17)), "");
    let many = "CVE-2024-0001 CVE-2024-0002 CVE-2024-0003 CVE-2024-0004";
    assert_eq!(named(many), ("CVE-2024-0001 CVE-2024-0002 CVE-2024-0003".to_owned(), true));
    assert_eq!(Cve::parse("CVE-2024-1234"), Cve::all_in("CVE-2024-1234", 1).0.pop_first());
    assert_eq!(Cve::parse("CVE-2024-1234 "), None);
}

proptest! {
    #[test]
    fn whatever_stands_in_a_text_is_read_without_harm(text in ".{0,200}", insert in 0..100_usize) {
        drop(Cve::all_in(&text, 4));
        let place = text.char_indices().map(|(place, _)| place).nth(insert).unwrap_or(0);
        let (front, back) = text.split_at(place);
        let (found, more) = Cve::all_in(&format!("{front} CVE-2031-98765 {back}"), 64);
        prop_assert!(more || found.contains(&Cve::parse("CVE-2031-98765").unwrap()));
    }
}

/// Publishers that somebody chained to each other are one, however many they are.
#[test]
fn a_long_chain_of_publishers_is_one_origin() {
    const MANY: u32 = 20_000;
    let at = |place: u32| WebAddress::new(&format!("https://place-{place}.example"));
    let statements: Vec<_> = (0..MANY)
        .map(|number| {
            let document = Document::new(&format!("https://publisher-{number}.example"), "1");
            let imports = [(document, [at(number), at(number + 1)].into())].into();
            Statement { record: RecordId([1; 32]), origin: economy(1), imports }
        })
        .collect();
    let origins = Origins::of(&statements);
    assert_eq!((origins.count(), origins.publishers[0].len()), (1, MANY as usize));
}
