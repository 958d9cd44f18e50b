//! Numbers as people read them.

use std::time::Duration;

/// `12,480`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 record`, `12,480 records`.
pub(crate) fn counted(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(value), if value == 1 { one } else { many })
}

/// `512 B`, `1.9 MB`: powers of 1000, at most three digits that count.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut scale = 1000;
    let mut names = UNITS.iter();
    let mut name = names.next();
    // 999.5 of a unit would be rounded up to 1000 of it.
    while bytes >= scale / 2 * 1_999 && names.len() > 0 {
        scale *= 1000;
        name = names.next();
    }
    let name = name.copied().unwrap_or_default();
    let tenths = bytes.saturating_add(scale / 20) / (scale / 10);
    if tenths < 1000 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", count(bytes.saturating_add(scale / 2) / scale))
    }
}

/// `4.1 ms`, `11.8 s`, `3 min 20 s`, `2 h 5 min`, `6 days`: two units at most.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros < 1_000 {
        return format!("{micros} us");
    }
    if micros < 1_000_000 {
        return format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100);
    }
    if duration.as_secs() < 60 {
        return format!("{}.{} s", duration.as_secs(), duration.subsec_millis() / 100);
    }
    let seconds = duration.as_secs();
    let two = |large: u64, large_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{large} {large_name}"),
        small => format!("{large} {large_name} {small} {small_name}"),
    };
    match seconds {
        ..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => counted(seconds / 86_400, "day", "days"),
    }
}

/// What is said of several, each saying once with all of whom it is said, in the order of the first.
pub(crate) fn grouped<'a>(
    said: impl Iterator<Item = (String, &'a str)>,
) -> Vec<(String, Vec<&'a str>)> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (words, of) in said {
        match groups.iter_mut().find(|(before, _)| *before == words) {
            Some((_, all)) => all.push(of),
            None => groups.push((words, vec![of])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(12_480), "12,480");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "record", "records"), "1 record");
        assert_eq!(counted(0, "record", "records"), "0 records");
    }

    #[test]
    fn sizes_have_three_digits() {
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(1_949_000), "1.9 MB");
        assert_eq!(size(123_456_789), "123 MB");
        assert_eq!(size(999_999), "1.0 MB");
        assert_eq!(size(u64::MAX), "18,446,744 TB");
    }

    #[test]
    fn durations_have_two_units() {
        assert_eq!(duration(Duration::from_micros(12)), "12 us");
        assert_eq!(duration(Duration::from_micros(4_150)), "4.1 ms");
        assert_eq!(duration(Duration::from_millis(11_870)), "11.8 s");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7_500)), "2 h 5 min");
        assert_eq!(duration(Duration::from_secs(86_400 * 6 + 5)), "6 days");
    }
}
