//! What a new record takes the place of.

use comity_core::RecordId;
use comity_core::limits::SUPERSEDES;

use super::records::found;
use crate::error::ServiceError;
use crate::state::State;

/// A record of ours that another may take the place of.
pub(super) fn replaceable(state: &State, text: &str) -> Result<RecordId, ServiceError> {
    let (id, held) = found(state, text)?;
    let reference = &held.reference;
    let (code, message, next) = if held.facts.origin != state.us() {
        let origin = state.name_of(&held.facts.origin);
        ("not-ours", format!("{reference} is of {origin}: only its origin replaces it"), None)
    } else if held.facts.kind.is_control() {
        let message = format!("{reference} is of kind {}: no record replaces it", held.facts.kind);
        ("not-replaceable", message, Some(format!("comity show {reference}")))
    } else if state.is_unsent(&id) {
        let message = format!("{reference} is unsent: nobody knows of it who could be told");
        ("unsent", message, Some("the same without it".to_owned()))
    } else {
        return Ok(id);
    };
    let error = ServiceError::data(code, message);
    Err(match next {
        Some(next) => error.next(next),
        None => error,
    })
}

/// What stands in the place of another already is to be named as well: otherwise both would stand.
pub(super) fn replaces_the_last(state: &State, named: &[RecordId]) -> Result<(), ServiceError> {
    for id in named {
        let others = state.stand_for(id);
        let Some(by) = others.iter().find(|by| !named.contains(by)) else { continue };
        let (reference, by) = (state.called(id), state.called(by));
        let message = format!("{reference} is replaced by {by} already, and both would stand");
        return Err(ServiceError::data("replaced-already", message)
            .next(format!("name {by}: what it took the place of is replaced with it")));
    }
    Ok(())
}

/// Some records of ours, and what they have replaced in their turn, as long as there is room: whoever has
/// not seen the one may hold the other.
pub(super) fn with_replaced(state: &State, named: Vec<RecordId>) -> Vec<RecordId> {
    let mut replaced = named;
    let mut next = 0;
    while let Some(id) = replaced.get(next).copied() {
        next = next.saturating_add(1);
        let before = state.record(&id).map(|held| held.supersedes.clone()).unwrap_or_default();
        for one in before {
            let ours = state.record(&one).is_none_or(|held| {
                held.facts.origin == state.us() && !held.facts.kind.is_control()
            });
            let more = ours && !state.is_unsent(&one) && !replaced.contains(&one);
            if more && replaced.len() < SUPERSEDES {
                replaced.push(one);
            }
        }
    }
    replaced.sort_unstable();
    replaced.dedup();
    replaced
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::key_tests::{founded, note, revoke, stop};
    use super::*;
    use crate::api::PublishRequest;
    use crate::keyfile::Seal;
    use crate::{Mode, Node};

    /// Whoever never saw the second version learns from the third that the first no longer stands.
    #[tokio::test]
    async fn a_correction_of_a_correction_replaces_both() {
        let folder = tempfile::tempdir().unwrap();
        let path = founded(folder.path(), Seal::Plain);
        let node = Node::start(&path, None, Mode::Offline).unwrap();
        let service = node.service();
        let mut versions: Vec<RecordId> = Vec::new();
        for _ in 0..3 {
            let last = versions.last().map(ToString::to_string);
            let request = PublishRequest { supersedes: last.into_iter().collect(), ..note() };
            let published = service.publish(request).await.unwrap();
            let id = service.look(move |state, _, _| state.find_record(&published.record));
            versions.push(id.await.unwrap().unwrap());
            let (id, before) = (versions[versions.len() - 1], versions.clone());
            let replaced =
                service.look(move |state, _, _| state.record(&id).unwrap().supersedes.clone());
            let replaced: BTreeSet<_> = replaced.await.unwrap().into_iter().collect();
            assert_eq!(replaced, before[..before.len() - 1].iter().copied().collect());
        }
        // One that is replaced already is not replaced beside what stands for it.
        let (first, last) = (versions[0].to_string(), versions[2].to_string());
        let beside = PublishRequest { supersedes: vec![first.clone()], ..note() };
        assert_eq!(service.publish(beside).await.unwrap_err().code, "replaced-already");
        let both = PublishRequest { supersedes: vec![first, last], ..note() };
        service.publish(both).await.unwrap();
        service.revoke_key(revoke(None)).await.unwrap();
        let keyring = service.look(|state, _, _| {
            let mut records = state.records();
            records.find(|(_, held)| held.facts.kind.is_control()).unwrap().1.reference.clone()
        });
        let control = keyring.await.unwrap();
        let request = PublishRequest { supersedes: vec![control], ..note() };
        assert_eq!(service.publish(request).await.unwrap_err().code, "not-replaceable");
        drop(service);
        stop(node).await;
    }
}
