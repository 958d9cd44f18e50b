//! Which parts of a record are meant by what people call them.

use comity_core::policy::PartFacts;
use comity_core::{PartDigest, Section};

use crate::api::{PartName, is_front};
use crate::error::ServiceError;
use crate::state::Held;

/// The digests of the parts that are named.
pub(super) fn named(held: &Held, names: &[PartName]) -> Result<Vec<PartDigest>, ServiceError> {
    names.iter().map(|name| Ok(part(held, name)?.digest)).collect()
}

/// What screens call a part: its section, with its number where several parts have it.
pub(super) fn called(held: &Held, digest: &PartDigest) -> Option<String> {
    let number = held.parts.iter().position(|part| part.digest == *digest)?;
    let section = held.parts.get(number)?.counts_as;
    let alike = held.parts.iter().filter(|part| part.counts_as == section).count();
    let one = alike == 1 || section == Section::Addressee;
    let number = number.saturating_add(1);
    Some(if one { section.to_string() } else { format!("{section}({number})") })
}

/// The number of a part, from 1.
pub(super) fn number(held: &Held, name: &PartName) -> Result<usize, ServiceError> {
    let digest = part(held, name)?.digest;
    let place = held.parts.iter().position(|part| part.digest == digest);
    Ok(place.unwrap_or_default().saturating_add(1))
}

/// One part. A section of which several are here names none of them.
pub(super) fn part<'a>(held: &'a Held, name: &PartName) -> Result<&'a PartFacts, ServiceError> {
    let (reference, many) = (&held.reference, held.parts.len());
    let show = format!("comity show {reference}");
    match name {
        PartName::Number(number) => {
            let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
            place.and_then(|place| held.parts.get(place)).ok_or_else(|| {
                let message = format!("there is no part {number}: {many} of {reference} are here");
                ServiceError::no_input("no-part", message).next(show)
            })
        }
        PartName::Section(section) => {
            let of = |is: &dyn Fn(&PartFacts) -> bool| -> Vec<(usize, &'a PartFacts)> {
                (1..).zip(&held.parts).filter(|(_, part)| is(part)).collect()
            };
            // As screens call it: a translation counts as what it translates.
            let mut found = of(&|part| part.counts_as.to_string() == *section);
            if found.is_empty() {
                found = of(&|part| part.section.to_string() == *section);
            }
            if found.is_empty() && is_front(section) {
                found = of(&|part| part.digest.to_string().starts_with(section.as_str()));
            }
            match found[..] {
                [(_, part)] => Ok(part),
                [] => {
                    let message = format!("there is no part `{section}` of {reference} here");
                    Err(ServiceError::no_input("no-part", message).next(show))
                }
                [..] => {
                    let front = |part: &PartFacts| part.digest.short();
                    let numbers: Vec<_> = found
                        .iter()
                        .map(|(number, part)| format!("{number} ({})", front(part)))
                        .collect();
                    let message = format!(
                        "several parts of {reference} are `{section}`: {}",
                        numbers.join(" and ")
                    );
                    Err(ServiceError::usage("several-parts", message).next(
                        "name the number of one of them, or what stands behind it, which is the same at every node",
                    ))
                }
            }
        }
    }
}
