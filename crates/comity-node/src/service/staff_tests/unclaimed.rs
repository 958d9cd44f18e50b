//! Keys of the staff that a restored journal knows nothing of.

use comity_core::keyring::KeyringBuilder;
use comity_core::record::{Draft, Header};
use comity_core::sign::SecretKey;
use comity_core::staff::{Person, Right, Roles, StaffRole};
use comity_core::{Kind, Marking, Section, Tlp};

use super::approving::{configure, yes};
use super::{World, root};
use crate::api::{RecogniseRequest, RootPassphrase};
use crate::engine::Command;
use crate::entropy::OsEntropy;
use crate::founding::grant_span;

/// The root grants a key to somebody of the staff, of whom the journal says nothing.
async fn granted(world: &World) -> SecretKey {
    let service = world.nobody();
    let _alone = service.alone_with_keyring().unwrap();
    let keyring = service.own_keyring(false).await.unwrap();
    let key = SecretKey::generate(&mut OsEntropy);
    let (from, until) = grant_span(service.now());
    let person = Person { economy: keyring.economy(), key: key.public(), from, until };
    let grants = Roles::new([StaffRole::Analyst]).unwrap().grants(&person, Tlp::Red);
    let builder = KeyringBuilder::follow(&keyring);
    let builder = grants.into_iter().fold(builder, KeyringBuilder::grant);
    let next = service.signed_by_root(builder, root()).await.unwrap();
    let desk = service.keys().unwrap().desk;
    service.publish_keyring(&next, "granted".to_owned(), (&desk, false), &[]).await.unwrap();
    key
}

/// A note that waits for a second person, signed with this key.
async fn signed(world: &World, key: &SecretKey) -> String {
    let service = world.nobody();
    let us = service.look(|state, _, _| state.us()).await.unwrap();
    let mut draft = Draft::new(Kind::Note);
    let marking = Some(Marking::new(Tlp::Amber));
    let header = Header { marking, ..Header::new(Section::Summary, "text/plain") };
    draft.parts.push((header, b"whose is it?".to_vec()));
    let composed = draft.sign(key, us, service.now(), &mut OsEntropy).unwrap();
    let record = composed.record.id().to_string();
    let (signed, parts) = (Box::new(composed.record), composed.parts);
    let publish = Command::Publish { record: signed, parts, title: String::new(), draft: None };
    service.command(publish).await.unwrap();
    record
}

#[tokio::test]
async fn nobody_approves_what_was_signed_with_a_key_that_may_be_their_own() {
    let mut world = World::new();
    configure(&world, "tlp = \"AMBER\"");
    world.again().await;
    world.add("kim", &["analyst", "approver"], "red").await;
    world.add("lee", &["approver"], "red").await;
    let key = granted(&world).await;
    let record = signed(&world, &key).await;
    for name in ["kim", "lee"] {
        let service = world.may(name, Right::Approve).await;
        assert_eq!(service.approve(yes(&record)).await.unwrap_err().code, "author-unknown");
    }
    let nobody = world.nobody();
    let status = nobody.status().await.unwrap();
    assert_eq!(
        (status.approvers, status.waiting_for_nobody, status.unclaimed_keys),
        (Some(2), 1, 1)
    );
    let line = nobody.approvals().await.unwrap().waiting.remove(0);
    assert_eq!((line.unclaimed, line.approvers.len()), (Some(key.id().to_string()), 0));
    let unclaimed = nobody.unclaimed_keys().await.unwrap();
    assert_eq!((&*unclaimed[0].key, unclaimed[0].signed), (&*key.id().to_string(), 1));

    // Whose word counts is for the root to say, and nobody who has a key of their own is somebody else.
    let asked = |key: String, dry_run, root_passphrase| {
        let name = "kim".to_owned();
        RecogniseRequest { key, name, dry_run, root_passphrase }
    };
    let wrong = Some(RootPassphrase::new("guess".to_owned()));
    let front = key.id().short();
    nobody.recognise_key(asked(front.clone(), false, wrong)).await.unwrap_err();
    let lees = world.may("lee", Right::Approve).await.signer().unwrap().id().short();
    for other in ["", "x", &*lees] {
        let refused = nobody.recognise_key(asked(other.to_owned(), false, root())).await;
        assert!(["no-key", "ambiguous-key"].contains(&refused.unwrap_err().code));
    }
    let would = nobody.recognise_key(asked(front.clone(), true, None)).await.unwrap();
    assert_eq!((would.signed, would.keyring, would.known.len()), (1, None, 0));
    let slip = RecogniseRequest { name: "kin".to_owned(), ..asked(front.clone(), true, None) };
    assert_eq!(nobody.recognise_key(slip).await.unwrap().known, ["kim", "lee"]);
    assert_eq!(nobody.status().await.unwrap().unclaimed_keys, 1);
    let done = nobody.recognise_key(asked(front.clone(), false, root())).await.unwrap();
    assert!(done.keyring.is_some());
    let again = nobody.recognise_key(asked(front, false, root())).await.unwrap_err();
    assert_eq!(again.code, "no-key");
    drop(nobody);

    world.again().await;
    let status = world.nobody().status().await.unwrap();
    assert_eq!((status.waiting_for_nobody, status.unclaimed_keys), (0, 0));
    let line = world.nobody().approvals().await.unwrap().waiting.remove(0);
    assert_eq!((&*line.author, &*line.approvers), ("kim", ["lee".to_owned()].as_slice()));
    let kim = world.may("kim", Right::Approve).await;
    assert_eq!(kim.approve(yes(&record)).await.unwrap_err().code, "own-record");
    let lee = world.may("lee", Right::Approve).await;
    assert_eq!(lee.approve(yes(&record)).await.unwrap().line.said.unwrap().by, "lee");
}

/// A key that had ended already, of somebody who is not here any more, is recognised as well.
#[tokio::test]
async fn a_key_that_ended_is_recognised_by_the_root_as_well() {
    let world = World::new();
    let key = granted(&world).await;
    let revoke = crate::api::RevokeRequest {
        key: key.id().to_string(),
        root_passphrase: root(),
        ..crate::api::RevokeRequest::default()
    };
    world.nobody().revoke_key(revoke).await.unwrap();
    assert_eq!(world.nobody().status().await.unwrap().unclaimed_keys, 0);
    assert!(world.nobody().unclaimed_keys().await.unwrap()[0].ended);
    let asked = |root_passphrase| RecogniseRequest {
        key: key.id().to_string(),
        name: "ana".to_owned(),
        dry_run: false,
        root_passphrase,
    };
    world.nobody().recognise_key(asked(None)).await.unwrap_err();
    let done = world.nobody().recognise_key(asked(root())).await.unwrap();
    assert_eq!(done.keyring, None);
    assert!(world.nobody().unclaimed_keys().await.unwrap().is_empty());
    assert!(world.nobody().staff().await.unwrap().is_empty(), "ana is nobody here");
}
