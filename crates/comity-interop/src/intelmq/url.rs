//! URLs: what points at a machine goes, what may point at a person stays.
//!
//! Before the host of a URL there may be a user and a password; after its path, whatever a form asked
//! for: in a phishing link, often the address of whoever was to be caught. The host and the path say
//! which page on which machine it is.

/// A URL without user, password, parameters, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shortened {
    /// There is nothing in it to be cut.
    Whole,
    /// What is left.
    Cut(String),
    /// What is left might still name a person.
    Nothing,
}

/// What goes on of a URL, or of the path of one.
pub(super) fn shortened(url: &str) -> Shortened {
    let (scheme, rest) = match url.find("://") {
        Some(at) if url.get(..at).is_some_and(is_scheme) => url.split_at(at + "://".len()),
        Some(_) | None => ("", url),
    };
    let end = rest.find(['?', '#', ';']).unwrap_or(rest.len());
    let kept = rest.get(..end).unwrap_or_default();
    let path = kept.find(['/', '\\']).unwrap_or(kept.len());
    let (authority, path) = kept.split_at(path);
    // Without a scheme there is no telling a user before a host from an address of mail.
    let host = if scheme.is_empty() { authority } else { after_user(authority) };
    if names_somebody(host) || names_somebody(path) {
        return Shortened::Nothing;
    }
    let left = format!("{scheme}{host}{path}");
    if left == url { Shortened::Whole } else { Shortened::Cut(left) }
}

/// Whether a link to a description is that and nothing more. Cut, it would lead elsewhere.
pub(super) fn is_plain(link: &str) -> bool {
    // A fragment is a place on the page.
    let page = link.split('#').next().unwrap_or_default();
    shortened(page) == Shortened::Whole && !names_somebody(link)
}

/// RFC 3986, section 3.1. What else stands before `://` is a path or a query with another URL in it.
fn is_scheme(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}

fn after_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// An address of mail has this sign, written out or not.
fn names_somebody(text: &str) -> bool {
    text.contains('@') || text.to_ascii_lowercase().contains("%40")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(shortened(url), Shortened::Cut(expected.to_owned()), "{url}");
        assert_eq!(shortened(expected), Shortened::Whole, "{expected}");
    }

    #[test]
    fn user_query_and_fragment_are_cut() {
        check("http://u:p@h.example/?email=bob@x.org", "http://h.example/");
        check("ftp://bob@h.example:2121/a/b.exe", "ftp://h.example:2121/a/b.exe");
        check("http://a@b@h.example/", "http://h.example/");
        check("https://h.example?bob", "https://h.example");
        check("https://h.example/a#bob@x.org", "https://h.example/a");
        check("https://h.example/a;jsessionid=7?x", "https://h.example/a");
        check("/login.php?user=bob", "/login.php");
        check("http://[2001:db8::1]:80/x?y", "http://[2001:db8::1]:80/x");
        // Where a form sends whoever has filled it in.
        check("/login.php?email=bob@x.org&next=http://bank.example/", "/login.php");
        check("h.example/?u=bob@x.org&r=http://y/", "h.example/");
        check("h.example/report;id=7;u=http://y", "h.example/report");
    }

    #[test]
    fn a_url_of_host_and_path_is_as_it_was() {
        for url in ["http://h.example/a.exe", "/a/b", "h.example/a", "", "http://", "%%%", "::"] {
            assert_eq!(shortened(url), Shortened::Whole, "{url}");
        }
    }

    #[test]
    fn what_may_still_name_somebody_stays() {
        for url in [
            "http://h.example/unsubscribe/bob@x.org",
            "http://h.example/unsubscribe/bob%40x.org/1",
            "mailto:bob@x.org",
            "bob@x.org",
            "/u/bob@x.org?x",
        ] {
            assert_eq!(shortened(url), Shortened::Nothing, "{url}");
        }
    }

    #[test]
    fn a_link_that_is_more_than_a_page_is_not_plain() {
        assert!(is_plain("https://h.example/docs/feed.html#columns"));
        for link in [
            "https://h.example/report?id=7",
            "https://u:p@h.example/report",
            "https://h.example/report#bob@x.org",
        ] {
            assert!(!is_plain(link), "{link}");
        }
    }
}
