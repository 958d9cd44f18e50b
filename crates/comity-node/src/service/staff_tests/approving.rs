//! A second person: who may be that, and what whoever asks is told.

use comity_core::policy::Approval;
use comity_core::staff::Right;

use super::{World, joining, note, root, typed, word_of};
use crate::api::{AloneFields, ApproveRequest, PublishRequest, StaffAddRequest, StaffLeaveRequest};

/// What takes a second person, from the next start on.
pub(super) fn configure(world: &World, rules: &str) {
    let file = world.path().join("comity.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    let before = before.split("\n[approval]").next().unwrap().to_owned();
    std::fs::write(&file, format!("{before}\n[approval]\n{rules}\n")).unwrap();
}

pub(super) fn yes(record: &str) -> ApproveRequest {
    ApproveRequest { record: record.to_owned(), ..ApproveRequest::default() }
}

fn no(record: &str, note: &str) -> ApproveRequest {
    ApproveRequest { refuse: true, note: note.to_owned(), ..yes(record) }
}

#[tokio::test]
async fn nobody_approves_what_they_signed_whatever_roles_they_have() {
    let mut world = World::new();
    configure(&world, "tlp = \"GREEN\"");
    world.again().await;
    world.add("kim", &["analyst", "approver"], "red").await;
    let kim = world.may("kim", Right::Write).await;
    let free = kim.publish(note("free", "CLEAR")).await.unwrap();
    assert!(free.approval.is_none());
    for dry_run in [true, false] {
        let asked = PublishRequest { dry_run, preview: true, ..note("one", "GREEN") };
        let need = kim.publish(asked).await.unwrap().approval.unwrap();
        assert_eq!(need.causes, ["TLP:GREEN"]);
        assert!(need.approvers.is_empty(), "kim alone is an approver, and signs it");
    }
    let waiting = kim.approvals().await.unwrap();
    assert_eq!((waiting.approvers, waiting.waiting.len()), (vec!["kim".to_owned()], 1));
    let record = waiting.waiting[0].reference.clone();
    assert_eq!((&*waiting.waiting[0].author, &*waiting.waiting[0].causes[0]), ("kim", "TLP:GREEN"));
    let same = world.may("kim", Right::Approve).await;
    for dry_run in [true, false] {
        let refused = same.approve(ApproveRequest { dry_run, ..yes(&record) }).await.unwrap_err();
        assert_eq!(refused.code, "own-record");
    }
    world.add("lee", &["approver"], "amber").await;
    assert_eq!(world.refused("lee", Right::Write).await, "not-in-role");
    // Whoever may approve it alone does not leave without a word.
    let leaving = |name: &str| StaffLeaveRequest {
        name: name.to_owned(),
        dry_run: true,
        ..StaffLeaveRequest::default()
    };
    let left = world.nobody().leave_staff(leaving("lee")).await.unwrap();
    assert!(left.open[0].starts_with(&format!("{record} waits")), "{:?}", left.open);
    // Of kim nobody waits to approve anything; nobody else publishes.
    let left = world.nobody().leave_staff(leaving("kim")).await.unwrap();
    let [open] = &left.open[..] else { panic!("{:?}", left.open) };
    assert!(open.contains("may publish or withdraw anything"), "{open}");
    let lee = world.may("lee", Right::Approve).await;
    let would = lee.approve(ApproveRequest { dry_run: true, ..yes(&record) }).await.unwrap();
    assert!(would.preview.is_some() && would.line.said.is_none());
    let refused = lee.approve(yes(&free.record)).await.unwrap_err();
    assert_eq!(refused.code, "not-waiting");
    let asked = ApproveRequest { note: "checked".to_owned(), ..yes(&record) };
    let said = lee.approve(asked).await.unwrap().line.said.unwrap();
    assert_eq!(
        (&*said.verdict, &*said.by, said.note.as_deref()),
        ("approved", "lee", Some("checked"))
    );
    assert_eq!(lee.approve(yes(&record)).await.unwrap_err().code, "said-already");
    let status = lee.status().await.unwrap();
    assert_eq!((status.awaiting_approval, status.approvers), (0, Some(2)));
    drop((kim, same, lee));
    world.again().await;
    let kim = world.may("kim", Right::See).await;
    let shown = kim.show(&record, false).await.unwrap().approval.unwrap();
    assert_eq!(shown.said.unwrap().by, "lee");
}

#[tokio::test]
async fn a_refusal_says_why_to_whoever_signed_it_and_stands() {
    let mut world = World::new();
    configure(&world, "classes = [\"general\"]");
    world.again().await;
    world.add("kim", &["analyst"], "green").await;
    world.add("lee", &["approver"], "green").await;
    world.add("max", &["approver"], "green").await;
    let kim = world.may("kim", Right::Write).await;
    let published = kim.publish(note("one", "GREEN")).await.unwrap();
    assert_eq!(published.approval.unwrap().approvers, ["lee", "max"]);
    let record = published.reference.unwrap();
    assert_eq!(world.refused("kim", Right::Approve).await, "not-in-role");
    let lee = world.may("lee", Right::Approve).await;
    assert_eq!(lee.approve(no(&record, "")).await.unwrap_err().code, "note");
    assert_eq!(lee.approve(no(&record, "two\nlines")).await.unwrap_err().code, "note");
    lee.approve(no(&record, "names a victim")).await.unwrap();
    let max = world.may("max", Right::Approve).await;
    assert_eq!(max.approve(yes(&record)).await.unwrap_err().code, "said-already");
    let shown = kim.show(&record, false).await.unwrap().approval.unwrap().said.unwrap();
    assert_eq!((&*shown.verdict, shown.note.as_deref()), ("refused", Some("names a victim")));
    // Nobody was told of it, so whoever signed it takes it back as if it had never been.
    let unsent = kim.unsend(&record).await.unwrap();
    assert_eq!(unsent.lifecycle, "unsent");
}

#[tokio::test]
async fn a_category_of_the_record_or_of_a_part_is_asked_for() {
    let mut world = World::new();
    configure(&world, "categories = [\"law-enforcement\"]");
    world.again().await;
    let nobody = world.nobody();
    let marked = |title: &str, category: &str| {
        let mut asked = note(title, "GREEN");
        asked.marking.categories = vec![category.to_owned()];
        asked
    };
    let other = nobody.publish(marked("one", "energy")).await.unwrap();
    assert!(other.approval.is_none());
    let mut of_part = note("two", "GREEN");
    of_part.parts[0].marking.categories = vec!["law-enforcement".to_owned()];
    for asked in [of_part, marked("three", "law-enforcement")] {
        let need = nobody.publish(asked).await.unwrap().approval.unwrap();
        assert_eq!(need.causes, ["category law-enforcement"]);
    }
    let refused = nobody.publish(marked("four", "two\nlines")).await.unwrap_err();
    assert_eq!(refused.code, "category");
}

#[tokio::test]
async fn what_goes_further_than_somebody_publishes_alone_takes_a_second_person() {
    let mut world = World::new();
    let max = StaffAddRequest {
        up_to: Some("amber".to_owned()),
        alone: AloneFields {
            up_to: Some("GREEN".to_owned()),
            kinds: vec!["note".to_owned()],
            categories: vec!["energy".to_owned()],
            recipients: Some(0),
        },
        passphrase: Some(typed(&word_of("max"))),
        root_passphrase: root(),
        ..joining("max", &["analyst"])
    };
    let added = world.nobody().add_staff(max.clone()).await.unwrap();
    assert_eq!(added.line.alone, max.alone);
    world.add("kim", &["analyst"], "amber").await;
    world.add("lee", &["approver"], "amber").await;
    // It is kept with the person, whatever is configured.
    world.again().await;
    let (kim, max) = (world.may("kim", Right::Write).await, world.may("max", Right::Write).await);
    let marked = |title: &str, label: &str, category: &str| {
        let mut asked = note(title, label);
        asked.marking.categories = vec![category.to_owned()];
        asked
    };
    let advisory =
        PublishRequest { kind: Some("advisory".to_owned()), ..note("an advisory", "CLEAR") };
    let beyond = [
        (note("amber", "AMBER"), "TLP:AMBER"),
        (advisory, "kind advisory"),
        (marked("police", "GREEN", "law-enforcement"), "category law-enforcement"),
    ];
    for (asked, what) in beyond {
        assert!(kim.publish(asked.clone()).await.unwrap().approval.is_none(), "{what}: by kim");
        for dry_run in [true, false] {
            let asked = PublishRequest { dry_run, preview: true, ..asked.clone() };
            let need = max.publish(asked).await.unwrap().approval.expect(what);
            assert_eq!(need.causes, [format!("{what}: more than its author publishes alone")]);
            assert_eq!(need.approvers, ["lee"]);
        }
    }
    for within in [note("green", "GREEN"), marked("energy", "GREEN", "energy")] {
        assert!(max.publish(within).await.unwrap().approval.is_none());
    }
    let waiting = max.approvals().await.unwrap().waiting;
    assert_eq!(waiting.len(), 3);
    let lee = world.may("lee", Right::Approve).await;
    lee.approve(yes(&waiting[0].record)).await.unwrap();
    assert_eq!(lee.approvals().await.unwrap().waiting.len(), 2);
}

#[tokio::test]
async fn limits_that_could_never_be_met_are_refused() {
    let world = World::new();
    let asked = |alone: AloneFields, role: &str| StaffAddRequest {
        up_to: Some("amber".to_owned()),
        alone,
        passphrase: Some(typed(&word_of("max"))),
        root_passphrase: root(),
        ..joining("max", &[role])
    };
    let up_to = |label: &str| AloneFields { up_to: Some(label.to_owned()), ..Default::default() };
    let kind = AloneFields { kinds: vec!["keyring".to_owned()], ..Default::default() };
    let category = AloneFields { categories: vec!["two\nlines".to_owned()], ..Default::default() };
    let wrong = [
        (up_to("green"), "approver", "alone"),
        (up_to("amber"), "analyst", "alone"),
        (up_to("red"), "analyst", "alone"),
        (kind, "analyst", "alone"),
        (category, "analyst", "category"),
    ];
    for (alone, role, code) in wrong {
        let said = format!("{alone:?}");
        let refused = world.nobody().add_staff(asked(alone, role)).await.unwrap_err();
        assert_eq!(refused.code, code, "{said}");
    }
    assert!(world.nobody().staff().await.unwrap().is_empty(), "nobody has joined");
}

/// One person alone is no two.
#[tokio::test]
async fn a_node_without_staff_approves_nothing_and_says_what_helps() {
    let mut world = World::new();
    configure(&world, "tlp = \"CLEAR\"");
    world.again().await;
    let nobody = world.nobody();
    let published = nobody.publish(note("one", "CLEAR")).await.unwrap();
    let need = published.approval.unwrap();
    assert!(need.approvers.is_empty());
    let refused = nobody.approve(yes(&published.record)).await.unwrap_err();
    assert_eq!(refused.code, "no-approver");
    assert!(refused.next.unwrap().contains("comity staff add NAME --role approver"));
    let status = nobody.status().await.unwrap();
    assert_eq!((status.awaiting_approval, status.approvers), (1, Some(0)));
    // It is not the configuration of today that makes it wait.
    drop(nobody);
    configure(&world, "");
    world.again().await;
    let nobody = world.nobody();
    let waits = nobody.look(|state, _, _| {
        let waiting = state.awaiting_approval();
        waiting.iter().any(|(held, _)| matches!(held.facts.approval, Approval::Awaited(_)))
    });
    assert!(waits.await.unwrap());
    let taken_back = nobody.withdraw(vec![published.record], false).await.unwrap();
    assert!(taken_back.nothing_sent);
    assert_eq!(nobody.status().await.unwrap().approvers, None);
}
