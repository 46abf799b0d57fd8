//! One word of a role in, an address range or a canonical name out; many ranges in, sorted and
//! disjoint ones out. Asks no resolver and knows no role.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::diagnostics::quoted;

/// An inclusive range of addresses of one family.
pub type AddressRange = RangeInclusive<IpAddr>;

/// Who plays a role, as a site or a pack writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Player {
    /// Everyone in this range.
    Addresses(AddressRange),
    /// Whoever bears this name; `*.` stands for one label, `**.` for one or more.
    Name(String),
}

impl Player {
    /// Reads `10.0.0.5`, `10.0.0.0/24`, `10.0.0.5-10.0.0.9`, their IPv6 kin, `host.example`,
    /// `*.example` or `**.example`.
    ///
    /// # Errors
    /// What is wrong and what was expected, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match parse_range(text) {
            Some(range) => range.map(Self::Addresses),
            None => parse_name(text).map(Self::Name),
        }
    }
}

impl std::fmt::Display for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Addresses(range) => write_range(f, range),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn write_range(f: &mut std::fmt::Formatter<'_>, range: &AddressRange) -> std::fmt::Result {
    let (start, end) = (range.start(), range.end());
    if start == end {
        return write!(f, "{start}");
    }
    let width = if start.is_ipv4() { 32 } else { 128 };
    let network = (0..width).find_map(|prefix| {
        let network = IpNet::new(*start, prefix).ok()?;
        (network.network() == *start && network.broadcast() == *end).then_some(network)
    });
    match network {
        Some(network) => write!(f, "{network}"),
        None => write!(f, "{start}-{end}"),
    }
}

/// `None` when this is no attempt at an address.
fn parse_range(text: &str) -> Option<Result<AddressRange, String>> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(Ok(address..=address));
    }
    if let Ok(network) = text.parse::<IpNet>() {
        let whole = network.trunc();
        if whole != network {
            let found = quoted(text);
            return Some(Err(format!("{found} has bits behind its prefix: write {whole} or {}", network.addr())));
        }
        return Some(Ok(whole.network()..=whole.broadcast()));
    }
    if let Some((first, last)) = text.split_once('-') {
        if let (Ok(first), Ok(last)) = (first.trim().parse::<IpAddr>(), last.trim().parse::<IpAddr>()) {
            return Some(ordered(first, last));
        }
    }
    let numeric = text.contains(['/', ':']) || text.ends_with(|last: char| last.is_ascii_digit() || last == '.');
    let numeric = numeric && text.starts_with(|first: char| first.is_ascii_hexdigit() || first == ':');
    let only_address = text.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '/' | '-'));
    (numeric && only_address && text.contains(['.', ':', '/']) && !looks_like_name(text))
        .then(|| Err(format!("{} is no address, prefix (10.0.0.0/24) or range (10.0.0.5-10.0.0.9)", quoted(text))))
}

/// A name of hexadecimal letters such as `cafe.de`: its last label begins with a letter.
fn looks_like_name(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    !text.contains([':', '/']) && last.starts_with(|first: char| first.is_ascii_alphabetic())
}

fn ordered(first: IpAddr, last: IpAddr) -> Result<AddressRange, String> {
    if first.is_ipv4() != last.is_ipv4() {
        return Err(format!("{first} and {last} are of different address families"));
    }
    if first > last {
        return Err(format!("the range ends before it begins: write {last}-{first}"));
    }
    Ok(first..=last)
}

/// A host name in its canonical form: lower case, no final dot.
///
/// # Errors
/// What is wrong with it.
pub fn parse_name(text: &str) -> Result<String, String> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let plain = name.strip_prefix("**.").or_else(|| name.strip_prefix("*.")).unwrap_or(&name);
    let expected = "an address, prefix, range, host name, `*.domain` or `**.domain`";
    if !plain.is_ascii() {
        return Err(format!("{} is not ASCII: write the name in its xn-- form", quoted(text)));
    }
    if plain.contains('*') {
        return Err(format!("{}: a wildcard stands only as the whole first label", quoted(text)));
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(letter);
    if plain.len() > 253 || !plain.split('.').all(label) {
        return Err(format!("{} is not {expected}", quoted(text)));
    }
    Ok(name)
}

/// Sorted, disjoint and joined: IPv4 before IPv6.
#[must_use]
pub fn joined(mut ranges: Vec<AddressRange>) -> Vec<AddressRange> {
    ranges.sort_by_key(|range| (*range.start(), *range.end()));
    let mut out: Vec<AddressRange> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if touches(last.end(), range.start()) => {
                *last = *last.start()..=(*last.end()).max(*range.end());
            }
            _ => out.push(range),
        }
    }
    out
}

/// Whether a range that ends at `end` reaches or borders one that starts at `start`, given that it
/// starts no later.
fn touches(end: &IpAddr, start: &IpAddr) -> bool {
    match (end, start) {
        (IpAddr::V4(end), IpAddr::V4(start)) => end.to_bits().saturating_add(1) >= start.to_bits(),
        (IpAddr::V6(end), IpAddr::V6(start)) => end.to_bits().saturating_add(1) >= start.to_bits(),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// Every address there is.
#[must_use]
pub fn everybody() -> Vec<AddressRange> {
    let v4 = IpAddr::V4(Ipv4Addr::UNSPECIFIED)..=IpAddr::V4(Ipv4Addr::BROADCAST);
    let v6 = IpAddr::V6(Ipv6Addr::UNSPECIFIED)..=IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));
    vec![v4, v6]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match Player::parse(text) {
            Ok(Player::Name(name)) => format!("name {name}"),
            Ok(player) => player.to_string(),
            Err(fault) => format!("! {fault}"),
        };
        assert!(
            found == expected || (expected.ends_with('…') && found.starts_with(expected.trim_end_matches('…'))),
            "{text}: {found}"
        );
    }

    #[test]
    fn players() {
        check("10.77.10.5", "10.77.10.5");
        check(" 10.78.0.0/28 ", "10.78.0.0/28");
        check("10.77.10.11-10.77.10.12", "10.77.10.11-10.77.10.12");
        check("10.0.0.0-10.0.0.255", "10.0.0.0/24");
        check("fd77:10::5", "fd77:10::5");
        check("fd77::/16", "fd77::/16");
        check("fd77::1-fd77::9", "fd77::1-fd77::9");
        check("0.0.0.0/0", "0.0.0.0/0");
        check("10.1.2.3/8", "! `10.1.2.3/8` has bits behind its prefix: write 10.0.0.0/8 or 10.1.2.3");
        check("10.0.0.9-10.0.0.5", "! the range ends before it begins: write 10.0.0.5-10.0.0.9");
        check("10.0.0.9-fd77::1", "! 10.0.0.9 and fd77::1 are of different address families");
        check("10.0.0.256", "! `10.0.0.256` is no address…");
        check("10.0.0", "! `10.0.0` is no address…");
        check("10.0.0.0/33", "! `10.0.0.0/33` is no address…");
        check("fd77::zz", "! `fd77::zz` is not an address…");
        check("SQL1.corp.Example.", "name sql1.corp.example");
        check("cafe.de", "name cafe.de");
        check("10-0-0-1.example", "name 10-0-0-1.example");
        check("*.windowsupdate.com", "name *.windowsupdate.com");
        check("**.servicebus.windows.net", "name **.servicebus.windows.net");
        check("a*.example.com", "! `a*.example.com`: a wildcard stands only as the whole first label");
        check("bücher.example", "! `bücher.example` is not ASCII…");
        check("", "! `` is not an address…");
        check("a b.example", "! `a b.example` is not an address…");
    }

    #[test]
    fn ranges_join() {
        let parse = |text: &str| match Player::parse(text) {
            Ok(Player::Addresses(range)) => range,
            other => panic!("{other:?}"),
        };
        let all = ["10.0.0.2", "fd77::1", "10.0.0.0/31", "10.0.0.9", "255.255.255.255", "::"].map(parse).to_vec();
        let shown: Vec<String> = joined(all).into_iter().map(|range| Player::Addresses(range).to_string()).collect();
        assert_eq!(shown, ["10.0.0.0-10.0.0.2", "10.0.0.9", "255.255.255.255", "::", "fd77::1"]);
    }
}
