//! How it is said who stands behind what several records say.

use std::collections::{BTreeMap, BTreeSet};

use comity_core::EconomyId;
use comity_core::corroboration::{Document, Origins, WebAddress};

use crate::api::{ImportLine, ImportedLine, OriginLine};
use crate::limits::CORROBORATING;

/// Who stands behind what was counted: economies first, each as it is called here.
pub(super) fn counted(
    names: &BTreeMap<EconomyId, String>,
    origins: &Origins,
    documents: &BTreeMap<Document, ImportLine>,
) -> Vec<OriginLine> {
    let name = |economy: &EconomyId| names.get(economy).cloned().unwrap_or_default();
    let economies = origins
        .economies
        .keys()
        .map(|economy| OriginLine { economy: Some(name(economy)), ..OriginLine::default() });
    let mut by_publisher: BTreeMap<&WebAddress, Vec<(&Document, &BTreeSet<EconomyId>)>> =
        BTreeMap::new();
    for (document, by) in &origins.documents {
        by_publisher.entry(document.publisher()).or_default().push((document, by));
    }
    let publishers = origins.publishers.iter().map(|publishers| {
        let theirs: Vec<_> =
            publishers.iter().filter_map(|one| by_publisher.get(one)).flatten().collect();
        let more_documents = theirs.len().saturating_sub(CORROBORATING) as u64;
        let documents = theirs.into_iter().take(CORROBORATING).map(|(document, by)| ImportedLine {
            document: documents.get(document).cloned().unwrap_or_default(),
            imported_by: by.iter().map(name).collect(),
        });
        OriginLine {
            publishers: publishers.iter().map(|one| one.as_str().to_owned()).collect(),
            documents: documents.collect(),
            more_documents,
            ..OriginLine::default()
        }
    });
    let mut counted: Vec<_> = economies.collect();
    counted.sort_by(|one, other| one.economy.cmp(&other.economy));
    counted.extend(publishers);
    counted
}

/// Documents, and economies, that the words name of one list.
const NAMED: usize = 3;

/// `3 records, 2 origins: JP; the document CISA ICSA-24-030-02 imported by FJ and KR`.
pub(super) fn in_words(
    (records, beyond): (u64, u64),
    counted: &[OriginLine],
    signers: &[String],
) -> String {
    let number = |many: u64, one: &str, more: &str| match many {
        1 => format!("1 {one}"),
        many => format!("{many} {more}"),
    };
    let origins = counted.len() as u64;
    let of = counted.iter().map(|origin| match &origin.economy {
        Some(economy) => economy.clone(),
        None => imported(&origin.documents, origin.more_documents),
    });
    let of = of.collect::<Vec<_>>().join("; ");
    let least = if beyond > 0 { "at least " } else { "" };
    let (records, origins_said) =
        (number(records, "record", "records"), number(origins, "origin", "origins"));
    if counted.is_empty() {
        return format!("{least}{records}, {origins_said}");
    }
    // What publishers say is here by the word of whoever imported it.
    let word = if (signers.len() as u64) < origins {
        let alone = if signers.len() == 1 { " alone" } else { "" };
        format!(" (all by the word of {}{alone})", listed(signers))
    } else {
        String::new()
    };
    format!("{least}{records}, {origins_said}: {of}{word}")
}

/// `the document CISA ICSA-24-030-02 imported by FJ and KR`.
fn imported(documents: &[ImportedLine], beyond: u64) -> String {
    let name = |one: &ImportedLine| {
        let ImportLine { publisher, namespace, id, .. } = &one.document;
        let by = if publisher.is_empty() { namespace } else { publisher };
        format!("{} imported by {}", unmistakable(format!("{by} {id}")), listed(&one.imported_by))
    };
    let named: Vec<_> = documents.iter().take(NAMED).map(name).collect();
    let more = beyond.saturating_add(documents.len().saturating_sub(NAMED) as u64);
    let more = match more {
        0 => String::new(),
        more => format!(", and {more} more of the same publisher"),
    };
    let what = if documents.len() == 1 { "the document" } else { "the documents" };
    format!("{what} {}{more}", named.join(", "))
}

/// A name that somebody else chose, so that it does not read as further origins.
fn unmistakable(name: String) -> String {
    let reads_on = name.contains(';') || name.contains(" imported by ");
    if reads_on { format!("\"{}\"", name.replace('"', "'")) } else { name }
}

/// `FJ, JP and KR`.
fn listed(names: &[String]) -> String {
    let mut names: Vec<_> = names.to_vec();
    names.sort_unstable();
    let more = names.len().saturating_sub(NAMED.saturating_add(1));
    if more > 0 {
        names.truncate(NAMED);
        names.push(format!("{} more", more.saturating_add(1)));
    }
    match names.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, front)) => format!("{} and {last}", front.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(publisher: &str, id: &str, by: &[&str]) -> ImportedLine {
        let (publisher, id) = (publisher.to_owned(), id.to_owned());
        ImportedLine {
            document: ImportLine { publisher, id, ..ImportLine::default() },
            imported_by: by.iter().map(|by| (*by).to_owned()).collect(),
        }
    }

    fn said(
        records: u64,
        economies: &[&str],
        documents: &[&[ImportedLine]],
        by: &[&str],
    ) -> String {
        let economies = economies
            .iter()
            .map(|one| OriginLine { economy: Some((*one).to_owned()), ..OriginLine::default() });
        let documents = documents
            .iter()
            .map(|some| OriginLine { documents: some.to_vec(), ..OriginLine::default() });
        let counted: Vec<_> = economies.chain(documents).collect();
        let by: Vec<_> = by.iter().map(|by| (*by).to_owned()).collect();
        in_words((records, 0), &counted, &by)
    }

    #[test]
    fn the_words_say_how_it_was_counted() {
        let cisa = document("CISA", "ICSA-24-030-02", &["KR", "FJ"]);
        assert_eq!(
            said(3, &["JP"], &[std::slice::from_ref(&cisa)], &["JP", "KR", "FJ"]),
            "3 records, 2 origins: JP; the document CISA ICSA-24-030-02 imported by FJ and KR"
        );
        assert_eq!(said(1, &["JP"], &[], &["JP"]), "1 record, 1 origin: JP");
        assert_eq!(in_words((7, 1), &[], &[]), "at least 7 records, 0 origins");
        let reads_on = document("A", "1 imported by KR; FJ", &["JP"]);
        assert_eq!(
            said(1, &[], &[std::slice::from_ref(&reads_on)], &["JP"]),
            "1 record, 1 origin: the document \"A 1 imported by KR; FJ\" imported by JP"
        );
        assert_eq!(said(0, &[], &[], &[]), "0 records, 0 origins");
        let made_up = ["A", "B"].map(|name| document(name, "1", &["JP"]));
        let [one, other] = &made_up;
        assert_eq!(
            said(2, &[], &[std::slice::from_ref(one), std::slice::from_ref(other)], &["JP"]),
            "2 records, 2 origins: the document A 1 imported by JP; the document B 1 imported by JP (all by the word of JP alone)"
        );
        let many: Vec<_> = (0..5).map(|id| document("CISA", &id.to_string(), &["KR"])).collect();
        assert_eq!(
            said(5, &[], &[&many], &["KR"]),
            "5 records, 1 origin: the documents CISA 0 imported by KR, CISA 1 imported by KR, CISA 2 imported by KR, and 2 more of the same publisher"
        );
        let names = ["E", "D", "C", "B", "A"].map(str::to_owned);
        assert_eq!(listed(&names), "A, B, C and 2 more");
        assert_eq!(listed(&names[1..]), "A, B, C and D");
    }
}
