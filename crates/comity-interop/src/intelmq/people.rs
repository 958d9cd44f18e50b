//! Names of columns that are about people, or about what they prove themselves with.

/// Words that make a column one about people, or about what they prove themselves with.
const PEOPLE: [&str; 58] = [
    "account",
    "accounts",
    "apikey",
    "birthdate",
    "birthday",
    "contact",
    "contacts",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "dob",
    "email",
    "emails",
    "firstname",
    "fullname",
    "imei",
    "imsi",
    "lastname",
    "login",
    "logins",
    "logon",
    "mailbox",
    "mailboxes",
    "mobile",
    "msisdn",
    "nickname",
    "pass",
    "passcode",
    "passphrase",
    "passphrases",
    "passport",
    "passports",
    "passwd",
    "password",
    "passwords",
    "people",
    "person",
    "persons",
    "phone",
    "phones",
    "pin",
    "pwd",
    "realname",
    "recipient",
    "recipients",
    "reporter",
    "reporters",
    "secret",
    "secrets",
    "sender",
    "sessionid",
    "surname",
    "telephone",
    "token",
    "tokens",
    "username",
    "usernames",
];

/// Parts of names that are about people as a whole: `user` is, `user_agent` is not.
const PEOPLE_NAMES: [&str; 22] = [
    "contactname",
    "displayname",
    "emailaddress",
    "familyname",
    "givenname",
    "loginname",
    "mail",
    "mailaddress",
    "mailfrom",
    "mailto",
    "ownername",
    "personname",
    "reportedby",
    "reportername",
    "rcptto",
    "user",
    "userid",
    "userlogin",
    "usermail",
    "users",
    "victimname",
    "whoreported",
];

/// Whether a part of a name (between dots) is about people: taken apart into words at whatever is no
/// letter and at a change to upper case, whatever the case. `user` is, `user_agent` is not.
pub(super) fn names_people(part: &str) -> bool {
    let words = words(part);
    let whole = words.concat();
    words.iter().any(|word| PEOPLE.contains(&word.as_str()))
        || PEOPLE.contains(&whole.as_str())
        || PEOPLE_NAMES.contains(&whole.as_str())
        || words.windows(2).any(|pair| *pair == ["e", "mail"])
}

/// `victimEmail_2` is `victim`, `email`.
fn words(part: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for character in part.chars() {
        let new_word = !character.is_alphabetic() || (character.is_uppercase() && lower_before);
        if new_word && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| character.is_alphabetic()) {
            word.extend(character.to_lowercase());
        }
        lower_before = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_name_is_looked_at_word_by_word() {
        for part in ["personality", "accounting", "compass", "raw_size", "mail_server", "pinned"] {
            assert!(!names_people(part), "{part}");
        }
    }
}
