//! A hosts file (the format of `/etc/hosts`, hosts(5)) in, the names that it gives to addresses out, with
//! every fault at once. Its author is the user, so it is trusted; what it says of the host itself and of
//! nobody (loopback, link-local, multicast and unspecified addresses) names no peer and is passed over.

use std::net::IpAddr;
use std::ops::Range;

use super::diagnostics::{Fault, Faults, Source};
use super::pack_parse::sha256;
use super::shipped;
use crate::dissect::name;

/// Names of one file; more are a list for another purpose.
const MOST_NAMES: usize = 262_144;

/// A hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts {
    /// Its path, as reports name it.
    pub path: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// Its text.
    pub source: Source,
    /// Addresses and the canonical names that they bear, in the order of the file.
    pub names: Vec<(IpAddr, String)>,
}

impl Hosts {
    /// Reads the hosts file at `path`.
    ///
    /// # Errors
    /// Every fault of the file, or that it cannot be read.
    pub fn load(path: &str) -> Result<Self, Faults> {
        Self::parse(path, &shipped::read_text(path)?)
    }

    /// Reads a hosts file. `path` is what faults will call it.
    ///
    /// # Errors
    /// Every fault of the text, in the order of their places.
    pub fn parse(path: &str, text: &str) -> Result<Self, Faults> {
        let source = Source::new(path, text);
        let (mut names, mut faults) = (Vec::new(), Faults::default());
        let mut start: usize = 0;
        for line in text.split('\n') {
            read_line(&source, line, start, &mut names).into_iter().for_each(|fault| faults.push(fault));
            start = start.saturating_add(line.len()).saturating_add(1);
        }
        if names.len() > MOST_NAMES {
            faults.push(Fault::whole(path, format!("the file gives more than {MOST_NAMES} names")));
        }
        faults.or(Self { path: path.to_owned(), sha256: sha256(text), source, names })
    }
}

/// Whether an address can be a peer's: of itself and of nobody a host says what it likes.
#[must_use]
pub const fn names_a_peer(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast() || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(local || address.is_loopback() || address.is_multicast() || address.is_unspecified())
}

/// Takes the names of one line, which begins at `start`; gives what is wrong with it.
fn read_line(source: &Source, line: &str, start: usize, names: &mut Vec<(IpAddr, String)>) -> Vec<Fault> {
    let said = line.split('#').next().unwrap_or_default();
    let mut words = words(said, start);
    let Some((first, place)) = words.next() else { return Vec::new() };
    // Systems of BSD write the interface of a link-local address behind it.
    let Ok(address) = first.split('%').next().unwrap_or_default().parse::<IpAddr>() else {
        let fault = Fault::at(source, place, format!("`{first}` is no address"));
        return vec![fault.help("a line is an address and the names that it bears: `10.0.0.9 sts.example sts`")];
    };
    let (mut faults, mut some) = (Vec::new(), false);
    for (word, place) in words {
        some = true;
        match name::from_text(word.as_bytes()) {
            Some(_) if !names_a_peer(address) => {}
            Some(name) => names.push((address, name)),
            None => faults.push(Fault::at(source, place, format!("`{word}` is no name of a host"))),
        }
    }
    if !some {
        faults.push(Fault::at(source, place, format!("{address} has no name")));
    }
    faults
}

/// The words of a line, and where each stands in the text.
fn words(line: &str, start: usize) -> impl Iterator<Item = (&str, Range<usize>)> {
    let mut from: usize = 0;
    line.split_inclusive(char::is_whitespace).filter_map(move |piece| {
        let at = start.saturating_add(from);
        from = from.saturating_add(piece.len());
        let word = piece.trim_end();
        (!word.is_empty()).then(|| (word, at..at.saturating_add(word.len())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let hosts = Hosts::parse("hosts", text).unwrap_or_else(|faults| panic!("{faults}"));
        let found: Vec<(String, &str)> = hosts.names.iter().map(|(at, name)| (at.to_string(), &**name)).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(at, name)| (&**at, *name)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn names_are_canonical_and_of_peers() {
        check("", &[]);
        check("# nothing\n\n \t\r\n", &[]);
        check("10.0.0.9\tSTS.Example. sts # ours\r\n", &[("10.0.0.9", "sts.example"), ("10.0.0.9", "sts")]);
        check("fd00::9 sts.example", &[("fd00::9", "sts.example")]);
        check("127.0.0.1 localhost\n::1 localhost\nff02::1 all\n0.0.0.0 ads.example\nfe80::1%lo0 localhost\n", &[]);
    }

    #[test]
    fn every_fault_has_its_place() {
        let faults = Hosts::parse("hosts", "10.0.0.300 a\n10.0.0.1\n10.0.0.2  ok a..b 10.0.0.3\n").unwrap_err();
        let places: Vec<String> =
            faults.iter().map(|fault| format!("{}:{} {}", fault.line, fault.column, fault.message)).collect();
        let expected = [
            "1:1 `10.0.0.300` is no address",
            "2:1 10.0.0.1 has no name",
            "3:14 `a..b` is no name of a host",
            "3:19 `10.0.0.3` is no name of a host",
        ];
        assert_eq!(places, expected);
    }
}
