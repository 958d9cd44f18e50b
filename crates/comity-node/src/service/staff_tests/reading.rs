//! What is shown to whom, and who is told of it.

use std::time::Duration;

use comity_core::Section;
use comity_core::record::Header;
use comity_core::staff::Right;

use super::{World, note};
use crate::api::{
    DraftsRequest, Event, ListRequest, NewDraft, PublishRequest, Published, ReadsRequest,
    RecordFileRequest, RevokeRequest,
};
use crate::service::to_base64;

#[tokio::test]
async fn an_auditor_sees_who_read_what_and_no_content_above_green() {
    let world = World::new();
    world.add("kim", &["analyst"], "red").await;
    world.add("lee", &["auditor"], "red").await;
    let kim = world.may("kim", Right::Write).await;
    let mut ids = Vec::new();
    for tlp in ["GREEN", "AMBER"] {
        ids.push(kim.publish(note(&format!("planted {tlp}"), tlp)).await.unwrap().record);
    }
    let lee = world.may("lee", Right::See).await;
    let [green, amber] = ids.as_slice() else { unreachable!() };
    let shown = lee.show(green, true).await.unwrap();
    assert_eq!(shown.parts[0].text.as_deref(), Some("text of planted GREEN"));
    // Neither the record nor any list nor the audit tells what it says, nor what it is called.
    let told = [
        serde_json::to_string(&lee.show(amber, true).await.unwrap()).unwrap(),
        serde_json::to_string(&lee.list(ListRequest::default()).await.unwrap()).unwrap(),
        serde_json::to_string(&lee.audit_who(amber).await.unwrap()).unwrap(),
        lee.audit_file(amber).await.unwrap().file,
    ];
    for told in told {
        assert!(told.contains(amber.as_str()) && !told.contains("planted AMBER"), "{told}");
    }
    // Nobody read anything above GREEN so far: lines are no content, and lee was shown none.
    let reads = || lee.reads(ReadsRequest::default());
    assert!(reads().await.unwrap().is_empty());
    kim.show(amber, false).await.unwrap();
    kim.show(green, true).await.unwrap();
    assert!(reads().await.unwrap().is_empty());
    let before = kim.now().to_string();
    let shown = kim.show(amber, true).await.unwrap();
    assert_eq!(shown.parts[0].text.as_deref(), Some("text of planted AMBER"));
    let found = reads().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].by.as_str(), found[0].record.as_ref()), ("kim", Some(amber)));
    assert!(found[0].at >= before, "{:?}", found[0]);
    let of = |record: &str, by: &str| ReadsRequest {
        record: Some(record.to_owned()),
        by: Some(by.to_owned()),
    };
    assert_eq!(lee.reads(of(amber, "kim")).await.unwrap().len(), 1);
    assert!(lee.reads(of(green, "kim")).await.unwrap().is_empty());
    assert!(lee.reads(of(amber, "lee")).await.unwrap().is_empty());
}

/// It cannot be unsent, or no file of it would be made yet.
fn urgent(title: &str, tlp: &str) -> PublishRequest {
    PublishRequest { urgency: Some("urgent".to_owned()), ..note(title, tlp) }
}

fn file_of(published: &Published) -> RecordFileRequest {
    RecordFileRequest { record: published.record.clone(), readers: None, parts: Vec::new() }
}

#[tokio::test]
async fn a_file_and_a_draft_are_read_as_well() {
    let world = World::new();
    world.add("kim", &["analyst"], "red").await;
    world.add("lee", &["auditor"], "red").await;
    let kim = world.may("kim", Right::Write).await;
    let lee = world.may("lee", Right::Audit).await;
    let reads = async || {
        let found = lee.reads(ReadsRequest::default()).await.unwrap();
        found.into_iter().map(|read| read.reference).collect::<Vec<_>>()
    };
    let mut ids = Vec::new();
    for tlp in ["GREEN", "AMBER"] {
        ids.push(kim.publish(urgent(&format!("planted {tlp}"), tlp)).await.unwrap());
    }
    let [green, amber] = ids.as_slice() else { unreachable!() };
    kim.record_file(&file_of(green)).await.unwrap();
    assert!(reads().await.is_empty());
    kim.record_file(&file_of(amber)).await.unwrap();
    let amber_name = amber.reference.clone().unwrap();
    assert_eq!(reads().await, std::slice::from_ref(&amber_name));
    // Who made it is in the books, whatever its label.
    for made in [green, amber] {
        let files = lee.audit_who(&made.record).await.unwrap().files;
        let files: Vec<_> = files.iter().map(|file| (&*file.by, &*file.readers)).collect();
        assert_eq!(files, [("kim", "own")]);
    }
    // No role of an auditor would ask for a file; if it did, there would be nothing in it.
    assert_eq!(lee.record_file(&file_of(amber)).await.unwrap_err().code, "nothing-goes");
    // Of two drafts the one that says how far it may go, which is anywhere, is nobody's business.
    let draft = |tlp: Option<&str>| {
        let header = Header::new(Section::Summary, "text/plain").encode();
        let sections = vec![(to_base64(&header), to_base64(b"planted draft"))];
        NewDraft {
            title: "from outside".to_owned(),
            kind: "advisory".to_owned(),
            interim: false,
            format: "test".to_owned(),
            provenance: String::new(),
            tlp: tlp.map(str::to_owned),
            sections,
        }
    };
    let drafts = DraftsRequest { drafts: vec![draft(Some("CLEAR")), draft(None)] };
    let nameless = world.nobody().asked_by(None, Right::Bring).await.unwrap();
    let kept = nameless.keep_drafts(drafts).await.unwrap();
    for line in &kept {
        kim.show_draft(line.number, false).await.unwrap();
        let shown = kim.show_draft(line.number, true).await.unwrap();
        assert_eq!(shown.parts[0].text.as_deref(), Some("planted draft"));
    }
    let unmarked = kept[1].reference.clone();
    assert_eq!(reads().await, [unmarked.clone(), amber_name]);
    kim.drop_draft(kept[1].number).await.unwrap();
    let of = ReadsRequest { record: Some(unmarked.to_lowercase()), by: None };
    let found = lee.reads(of).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].record.as_ref(), &found[0].reference), (None, &unmarked));
}

/// Who may look has a file to look at. Telling others is more.
#[tokio::test]
async fn a_file_for_others_takes_whoever_tells_others() {
    let world = World::new();
    for (name, role) in
        [("kim", "analyst"), ("lee", "approver"), ("park", "liaison"), ("choi", "operator")]
    {
        world.add(name, &[role], "red").await;
    }
    let kim = world.may("kim", Right::Write).await;
    let published = kim.publish(urgent("planted", "CLEAR")).await.unwrap();
    let asked = |readers: Option<&str>| RecordFileRequest {
        readers: readers.map(str::to_owned),
        ..file_of(&published)
    };
    for (name, tells) in [("kim", true), ("lee", false), ("park", true), ("choi", false)] {
        let who = world.may(name, Right::Read).await;
        who.record_file(&asked(None)).await.unwrap();
        for readers in ["constituents", "public"] {
            let made = who.record_file(&asked(Some(readers))).await.map_err(|error| error.code);
            assert_eq!(made.as_ref().err(), (!tells).then_some(&"not-in-role"), "{name}");
        }
    }
    let files = kim.audit_who(&published.record).await.unwrap().files;
    let outside = files.iter().filter(|file| file.readers != "own");
    assert_eq!(outside.map(|file| &*file.by).collect::<Vec<_>>(), ["kim", "kim", "park", "park"]);
}

#[tokio::test]
async fn names_and_roles_stay_at_home() {
    let world = World::new();
    world.add("kim-of-the-staff", &["analyst", "approver"], "red").await;
    let nobody = world.nobody();
    let keyring = nobody.look(|state, _, _| state.keyring(&state.us()).cloned());
    let keyring = keyring.await.unwrap().unwrap();
    let text = String::from_utf8_lossy(keyring.encoded()).into_owned();
    assert!(text.contains("staff"));
    assert!(!text.contains("kim") && !text.contains("analyst"), "{text}");
    // Here the key has its name.
    let keys = nobody.keyring_keys().await.unwrap();
    let holders: Vec<_> = keys.iter().filter_map(|key| key.holder.as_deref()).collect();
    assert_eq!(holders, ["kim-of-the-staff", "kim-of-the-staff"]);
}

#[tokio::test]
async fn whoever_says_no_name_is_told_no_title_above_green() {
    let world = World::new();
    world.add("kim", &["analyst"], "red").await;
    let kim = world.may("kim", Right::Write).await;
    for tlp in ["GREEN", "AMBER"] {
        kim.publish(note(&format!("planted {tlp}"), tlp)).await.unwrap();
    }
    let key = kim.signer().unwrap().id().to_string();
    let from = kim.now().saturating_sub(Duration::from_secs(60)).to_string();
    let would = RevokeRequest { key, from: Some(from), dry_run: true, ..RevokeRequest::default() };
    let nameless = world.nobody().asked_by(None, Right::Keep).await.unwrap();
    let told = serde_json::to_string(&nameless.revoke_key(would.clone()).await.unwrap()).unwrap();
    assert!(told.contains("planted GREEN") && !told.contains("planted AMBER"), "{told}");
    world.add("park", &["operator"], "green").await;
    let park = world.may("park", Right::Keep).await;
    let told = serde_json::to_string(&park.revoke_key(would).await.unwrap()).unwrap();
    assert!(told.contains("planted AMBER"), "{told}");
}

#[tokio::test]
async fn whoever_left_watches_no_more() {
    let world = World::new();
    world.add("kim", &["analyst"], "green").await;
    world.add("lee", &["analyst"], "green").await;
    let (kim, lee) = (world.may("kim", Right::Read).await, world.may("lee", Right::Write).await);
    let mut watched = kim.watch();
    lee.publish(note("before", "GREEN")).await.unwrap();
    let title = |event: &Event| match event {
        Event::Record { record, .. } => record.title.clone(),
        Event::Delivery { .. } | Event::Receipt { .. } | Event::Link { .. } | Event::Alarm(_) => {
            String::new()
        }
    };
    assert_eq!(title(&watched.recv().await.unwrap()), "before");
    world.leave("kim").await.unwrap();
    lee.publish(note("after", "GREEN")).await.unwrap();
    while let Ok(event) = watched.recv().await {
        assert_ne!(title(&event), "after");
    }
}
