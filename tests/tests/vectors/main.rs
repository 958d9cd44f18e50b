//! The conformance vectors under `tests/vectors/`, checked against the library.
//!
//! They are frozen: `cargo test -p comity-tests --test vectors -- --ignored` writes those that are new and
//! refuses to change one that is there.

mod agreements;
mod approvals;
mod bad_cbor;
mod bad_forms;
mod bad_parts;
mod bad_records;
mod base;
mod cbor;
mod consents;
mod curve;
mod good;
mod groups;
mod heads;
mod vector;
mod withdrawals;

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use comity_core::KeyId;
use comity_core::consent::ConsentBody;
use comity_core::control::{AcknowledgementBody, AgreementBody, ApprovalBody, WithdrawalBody};
use comity_core::group::{GroupBody, RosterBody};
use comity_core::keyring::SignedHead;
use comity_core::record::{Part, RecordError, parse};
use comity_core::sign::PublicKey;

use vector::{Of, PartVector, Vector};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors/index.json")
}

fn frozen() -> Vec<Vector> {
    serde_json::from_slice(&std::fs::read(path()).expect("the index is there")).expect("it is read")
}

fn generated() -> Vec<Vector> {
    [
        good::all(),
        bad_cbor::all(),
        bad_forms::all(),
        bad_records::all(),
        bad_parts::all(),
        curve::all(),
        groups::all(),
        consents::all(),
        withdrawals::all(),
        approvals::all(),
        agreements::all(),
        heads::all(),
    ]
    .concat()
}

/// What the library says of a vector, in the vector's own terms.
fn judge(vector: &Vector) -> Vector {
    let mut said = Vector { expect: String::new(), ..vector.clone() };
    (said.id, said.digest, said.unknown) = (None, None, None);
    let bytes = vector.bytes.to_vec();
    match vector.of {
        Of::Record => match parse(&bytes).and_then(|record| record.verify()) {
            Ok(record) => {
                said.id = Some(record.id().to_string());
                said.unknown = Some(record.manifest().unknown);
                said.parts = vector
                    .parts
                    .iter()
                    .map(|part| said_of(part, record.check_part(part.bytes.to_vec().into())))
                    .collect();
                "ok".clone_into(&mut said.expect);
            }
            Err(error) => error.code().clone_into(&mut said.expect),
        },
        Of::Part => {
            let part = PartVector { bytes: vector.bytes.clone(), ..PartVector::default() };
            let part = said_of(&part, Part::decode(Bytes::from(bytes)));
            (said.expect, said.digest, said.unknown) = (part.expect, part.digest, part.unknown);
        }
        Of::Key => {
            let key = KeyId(bytes.try_into().expect("a key is 32 bytes"));
            said.expect =
                PublicKey::from_id(key).map_or_else(|fault| fault.code(), |_| "ok").into();
        }
        Of::GroupBody => {
            let read = GroupBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::ConsentBody => {
            let read = ConsentBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::RosterBody => {
            let read = RosterBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::ApprovalBody => {
            let read = ApprovalBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::AgreementBody => {
            let read = AgreementBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::Head => {
            let read = SignedHead::check(&bytes);
            said.expect = read.map_or_else(|fault| fault.code(), |_| "ok").into();
        }
        Of::WithdrawalBody => {
            let read = WithdrawalBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
        Of::AcknowledgementBody => {
            let read = AcknowledgementBody::decode(&bytes);
            said.expect = read.map_or_else(|fault| fault.problem.code(), |_| "ok").into();
        }
    }
    said
}

fn said_of(vector: &PartVector, part: Result<Part, RecordError>) -> PartVector {
    let bytes = vector.bytes.clone();
    match part {
        Ok(part) => PartVector {
            bytes,
            expect: "ok".to_owned(),
            digest: Some(part.digest.to_string()),
            unknown: Some(part.header.unknown),
        },
        Err(error) => {
            PartVector { bytes, expect: error.code().to_owned(), ..PartVector::default() }
        }
    }
}

#[test]
fn every_vector_is_judged_as_expected() {
    let wrong: Vec<String> = frozen()
        .iter()
        .filter_map(|vector| {
            let said = judge(vector);
            (said != *vector).then(|| {
                format!("{}: {}, expected {}", vector.name, said.verdict(), vector.verdict())
            })
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn there_are_enough_and_each_is_named_once() {
    let vectors = frozen();
    let names: BTreeSet<&str> = vectors.iter().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), vectors.len());
    let bad = vectors.iter().filter(|vector| !vector.is_good()).count();
    assert!(bad >= 60, "{bad} bad vectors");
    assert!(vectors.len() - bad >= 20, "{} good vectors", vectors.len() - bad);
}

#[test]
fn the_generator_still_makes_what_is_frozen() {
    assert_eq!(generated(), frozen());
}

#[test]
#[ignore = "writes vectors that are new; those that are there never change"]
fn write_new_vectors() {
    let before = if path().exists() { frozen() } else { Vec::new() };
    let now = generated();
    for old in &before {
        assert!(now.contains(old), "`{}` is frozen: give the new case a new name", old.name);
    }
    let lines: Vec<String> =
        now.iter().map(|vector| serde_json::to_string(vector).expect("it is written")).collect();
    std::fs::write(path(), format!("[\n{}\n]\n", lines.join(",\n"))).expect("the index is written");
}
