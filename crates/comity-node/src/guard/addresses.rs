//! Addresses in texts, and the networks that they belong to.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Characters of an address at most.
const LONGEST: usize = 45;

/// Networks, each with its rule.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    v4: HashMap<(u8, u32), u32>,
    v6: HashMap<(u8, u128), u32>,
    lengths: BTreeSet<(bool, u8)>,
}

impl Prefixes {
    pub(super) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Keeps a network such as `203.0.113.0/24`, or one address.
    pub(super) fn insert(&mut self, text: &str, rule: u32) -> Result<(), String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_no_address| "no address, or network such as 203.0.113.0/24".to_owned())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => most,
            Some(length) => length
                .parse::<u8>()
                .ok()
                .filter(|length| *length <= most)
                .ok_or_else(|| format!("the length of the network is none of 0 to {most}"))?,
        };
        let outside = || "bits are set beyond the length of the network".to_owned();
        match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                if masked_v4(bits, length) != bits {
                    return Err(outside());
                }
                self.v4.entry((length, bits)).or_insert(rule);
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                if masked_v6(bits, length) != bits {
                    return Err(outside());
                }
                self.v6.entry((length, bits)).or_insert(rule);
            }
        }
        self.lengths.insert((address.is_ipv4(), length));
        Ok(())
    }

    /// The rules of all networks that an address belongs to. One of IPv4 in the clothes of IPv6 counts as
    /// IPv4.
    pub(super) fn of(&self, address: IpAddr) -> impl Iterator<Item = u32> {
        let address = address.to_canonical();
        let lengths = self.lengths.iter().filter(move |(v4, _)| *v4 == address.is_ipv4());
        lengths.filter_map(move |(_, length)| match address {
            IpAddr::V4(one) => self.v4.get(&(*length, masked_v4(one.to_bits(), *length))).copied(),
            IpAddr::V6(one) => self.v6.get(&(*length, masked_v6(one.to_bits(), *length))).copied(),
        })
    }
}

fn masked_v4(bits: u32, length: u8) -> u32 {
    let rest = 32_u32.saturating_sub(u32::from(length));
    u32::MAX.checked_shl(rest).unwrap_or(0) & bits
}

fn masked_v6(bits: u128, length: u8) -> u128 {
    let rest = 128_u32.saturating_sub(u32::from(length));
    u128::MAX.checked_shl(rest).unwrap_or(0) & bits
}

/// Every address that stands in a text, each as often as it does.
pub(super) fn addresses(text: &[u8], mut each: impl FnMut(IpAddr)) {
    let within = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    for token in text.split(|byte| !within(byte)) {
        if token.iter().filter(|byte| **byte == b':').count() >= 2 {
            v6(token, &mut each);
        }
        for digits in token.split(|byte| !(byte.is_ascii_digit() || *byte == b'.')) {
            v4(digits, &mut each);
        }
    }
}

/// Four numbers in a row: `1.10.0.0.7` has two readings, and both count.
fn v4(digits: &[u8], each: &mut impl FnMut(IpAddr)) {
    let number = |digits: &[u8]| -> Option<u8> {
        let text = std::str::from_utf8(digits).ok().filter(|text| (1..=3).contains(&text.len()))?;
        text.parse().ok()
    };
    let numbers: Vec<Option<u8>> = digits.split(|byte| *byte == b'.').map(number).collect();
    for four in numbers.windows(4) {
        if let [Some(a), Some(b), Some(c), Some(d)] = *four {
            each(IpAddr::V4(Ipv4Addr::new(a, b, c, d)));
        }
    }
}

fn v6(token: &[u8], each: &mut impl FnMut(IpAddr)) {
    let Ok(text) = std::str::from_utf8(token) else { return };
    let mut text = text.trim_matches('.');
    // What stands before and after it: `address:2001:db8::1`, a sentence's colon.
    if text.ends_with(':') && !text.ends_with("::") {
        text = text.strip_suffix(':').unwrap_or(text);
    }
    if text.starts_with(':') && !text.starts_with("::") {
        text = text.strip_prefix(':').unwrap_or(text);
    }
    if text.len() <= LONGEST
        && let Ok(address) = text.parse::<Ipv6Addr>()
    {
        each(IpAddr::V6(address));
    }
}

/// What keeps an address from being clicked on, and what it stands for.
const FANGS: [(&[u8], u8); 8] = [
    (b"[.]", b'.'),
    (b"(.)", b'.'),
    (b"{.}", b'.'),
    (b"[dot]", b'.'),
    (b"(dot)", b'.'),
    (b"[:]", b':'),
    (b"[at]", b'@'),
    (b"[@]", b'@'),
];

/// The text without that; `None` where it has none.
pub(super) fn refanged(text: &[u8]) -> Option<Vec<u8>> {
    let opens = |byte: &u8| matches!(byte, b'[' | b'(' | b'{');
    let fang = |rest: &[u8]| {
        FANGS.iter().find(|(fang, _)| {
            rest.get(..fang.len()).is_some_and(|front| front.eq_ignore_ascii_case(fang))
        })
    };
    // No copy is made of what has none.
    let mut openings = text.iter().enumerate().filter(|(_, byte)| opens(byte));
    openings.find(|(at, _)| text.get(*at..).is_some_and(|rest| fang(rest).is_some()))?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(opens) {
        let (before, from) = rest.split_at_checked(at)?;
        plain.extend_from_slice(before);
        let (taken, length) = match fang(from) {
            Some((fang, meant)) => (*meant, fang.len()),
            None => (from.first().copied()?, 1),
        };
        plain.push(taken);
        rest = from.get(length..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
    Some(plain)
}
