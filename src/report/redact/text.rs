//! Sentences in, the same sentences with every address, range, hardware address and name replaced
//! out, and back again. A piece that looks like an address or a dotted name is replaced whether it is
//! known or not; names of one label have to be known. Words of ours stay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::key::Key;

/// What is replaced beside addresses and dotted names.
pub(super) struct Hider<'key> {
    key: &'key Key,
    /// Names that nothing but knowing them tells from other words.
    names: BTreeSet<String>,
    /// Whole phrases and what stands for them.
    phrases: BTreeMap<String, String>,
    /// How long the phrases are.
    lengths: BTreeSet<usize>,
    /// What stands in the redacted text, and what it stands for. Addresses need no table.
    table: BTreeMap<String, String>,
}

impl<'key> Hider<'key> {
    pub(super) const fn new(key: &'key Key) -> Self {
        Self { key, names: BTreeSet::new(), phrases: BTreeMap::new(), lengths: BTreeSet::new(), table: BTreeMap::new() }
    }

    /// A name that sentences may hold.
    pub(super) fn knows(&mut self, name: &str) {
        if !name.chars().all(is_part) {
            let hidden = self.name(name);
            self.phrase(name, hidden);
        } else if !name.is_empty() && name.parse::<IpAddr>().is_err() {
            self.names.insert(name.to_owned());
        }
    }

    /// A phrase that stands as `shown` wherever it occurs as a whole.
    pub(super) fn phrase(&mut self, phrase: &str, shown: String) {
        if !phrase.is_empty() {
            self.lengths.insert(phrase.len());
            self.phrases.entry(phrase.to_owned()).or_insert(shown);
        }
    }

    pub(super) fn table(&self) -> &BTreeMap<String, String> {
        &self.table
    }

    /// `hidden` stands for `plain`.
    pub(super) fn note(&mut self, hidden: String, plain: &str) -> String {
        self.table.entry(hidden.clone()).or_insert_with(|| plain.to_owned());
        hidden
    }

    /// A word that tells nothing, for a text that is replaced as a whole.
    pub(super) fn word(&mut self, purpose: &str, plain: &str) -> String {
        if plain.is_empty() {
            return String::new();
        }
        let hidden = self.key.word(purpose, plain);
        if self.table.get(&hidden).is_none_or(|known| known == plain) {
            return self.note(hidden, plain);
        }
        // Two texts of one audit share 35 bits: both stay apart by twice as many.
        let longer = format!("{hidden}{}", self.key.word("second", plain));
        self.note(longer, plain)
    }

    /// A file name: its directories go, an ending that captures have stays.
    pub(super) fn path(&mut self, path: &str) -> String {
        if path.is_empty() || path == "-" {
            return path.to_owned();
        }
        let lower = path.to_ascii_lowercase();
        let ending = ENDINGS.iter().find(|ending| lower.ends_with(**ending)).copied().unwrap_or_default();
        let hidden = format!("{}{ending}", self.key.word("path", path));
        self.note(hidden, path)
    }

    /// A name, label by label: equal labels stay equal. A star stays a star.
    pub(super) fn name(&mut self, name: &str) -> String {
        let labels: Vec<String> = name
            .split('.')
            .map(|label| if label.is_empty() || label == "*" { label.to_owned() } else { self.word("label", label) })
            .collect();
        labels.join(".")
    }

    /// A sentence.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = None;
        while let Some(next) = rest.chars().next() {
            let free = !before.is_some_and(is_part) || !is_part(next);
            if let Some((length, phrase)) = self.phrase_at(rest).filter(|_| free) {
                shown.push_str(&phrase);
                before = rest.get(..length).and_then(|phrase| phrase.chars().next_back());
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            let length = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
            if length == 0 {
                shown.push(next);
                before = Some(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
                continue;
            }
            let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            let (hidden, after) = self.token(token, after);
            shown.push_str(&hidden);
            before = Some('a');
            rest = after;
        }
        shown
    }

    fn phrase_at(&self, rest: &str) -> Option<(usize, String)> {
        let whole = |phrase: &str| {
            let after = rest.strip_prefix(phrase)?;
            let joined = phrase.chars().next_back().is_some_and(is_part) && {
                let mut next = after.chars();
                // A dot that ends a sentence belongs to no word.
                next.next().is_some_and(|next| is_part(next) && !"._:-".contains(next))
                    || after.starts_with(['.', '_', ':', '-']) && after.chars().nth(1).is_some_and(is_part)
            };
            (!joined).then_some(phrase.len())
        };
        // The longest first: a phrase may begin with another.
        let known = self.lengths.iter().rev().filter_map(|length| rest.get(..*length));
        let mut known = known.filter_map(|phrase| self.phrases.get_key_value(phrase));
        known.find_map(|(phrase, shown)| Some((whole(phrase)?, shown.clone())))
    }

    /// One run of characters of which addresses and names are made, and what follows it.
    fn token<'text>(&mut self, token: &str, after: &'text str) -> (String, &'text str) {
        if let Some((hidden, after)) = self.address(token, after) {
            return (hidden, after);
        }
        // Stops of the sentence may be part of a name: what is known decides, the longest first.
        let ends = (0..=token.len()).rev().filter_map(|end| token.split_at_checked(end));
        let stops = |(_, ending): &(&str, &str)| ending.chars().all(|stop| STOPS.contains(&stop));
        let known = ends.take_while(stops).find(|(name, _)| self.names.contains(*name));
        let core = token.trim_end_matches(STOPS);
        let core = if core.is_empty() { token } else { core };
        let (name, ending) = known.unwrap_or_else(|| token.split_at_checked(core.len()).unwrap_or((token, "")));
        if known.is_some() {
            return (format!("{}{ending}", self.name(name)), after);
        }
        // What follows a stop is no prefix length: the token ended before it.
        let hidden = if ending.is_empty() { None } else { self.address(name, "") };
        let hidden = hidden.map_or_else(|| self.piece(name), |(hidden, _)| hidden);
        (format!("{hidden}{ending}"), after)
    }

    /// An address, with the prefix length behind it if there is one.
    fn address<'text>(&mut self, token: &str, after: &'text str) -> Option<(String, &'text str)> {
        let address: IpAddr = token.parse().ok()?;
        let digits = after.strip_prefix('/').map(|rest| {
            let length = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at_checked(length).unwrap_or((rest, ""))
        });
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = digits.and_then(|(digits, rest)| Some((digits.parse::<u8>().ok().filter(|n| *n <= most)?, rest)));
        let hidden = match prefix {
            Some((length, rest)) => (format!("{}/{length}", self.key.address(address, length)), rest),
            None => (self.key.address(address, most).to_string(), after),
        };
        // What is not written in the one way that addresses are written cannot be told from it.
        if prefix.is_none() && address.to_string() != token {
            self.note(hidden.0.clone(), token);
        }
        Some(hidden)
    }

    fn piece(&mut self, token: &str) -> String {
        if let Ok(socket) = token.parse::<SocketAddr>() {
            let address = self.key.address(socket.ip(), 128);
            return SocketAddr::new(address, socket.port()).to_string();
        }
        for (at, _) in token.match_indices('-') {
            let ends = token.split_at_checked(at).and_then(|(from, to)| Some((from, to.strip_prefix('-')?)));
            let Some((from, to)) = ends else { continue };
            if let (Ok(from), Ok(to)) = (from.parse::<IpAddr>(), to.parse::<IpAddr>()) {
                return format!("{}-{}", self.key.address(from, 128), self.key.address(to, 128));
            }
        }
        if let Some(role) = token.strip_prefix(ROLES) {
            return format!("{ROLES}{}", self.piece(role));
        }
        if let Some(address) = token.strip_prefix(HOST).and_then(dashed) {
            let hidden = self.key.address(address, 128).to_string().replace(['.', ':'], "-");
            return format!("{HOST}{hidden}");
        }
        if is_hardware(token) {
            return self.word("hardware", token);
        }
        let (name, port) = token.split_once(':').map_or((token, None), |(name, port)| (name, Some(port)));
        let is_name = self.names.contains(name) || is_dotted(name);
        match port {
            None if is_name => self.name(name),
            Some(port) if is_name && port.parse::<u16>().is_ok() => format!("{}:{port}", self.name(name)),
            None | Some(_) => token.to_owned(),
        }
    }
}

/// Whether addresses and names may hold it.
fn is_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || "._:*\\-".contains(character)
}

/// A name of several labels: not a number, not a version, not a time.
fn is_dotted(token: &str) -> bool {
    let mut labels = token.split('.');
    let last = labels.next_back().unwrap_or_default();
    token.contains('.')
        && !token.contains(':')
        && last.chars().any(|character| !character.is_ascii_digit())
        && token.split('.').all(|label| !label.is_empty())
}

/// The address in a role that was named after one: `10-77-50-66`, `fd77-10--5`.
fn dashed(text: &str) -> Option<IpAddr> {
    text.replace('-', ".").parse().or_else(|_| text.replace('-', ":").parse()).ok()
}

fn is_hardware(token: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.chars().all(|digit| digit.is_ascii_hexdigit());
    [':', '-'].iter().any(|gap| token.split(*gap).count() == 6 && token.split(*gap).all(pair))
}

/// A sentence of a redacted audit as it was.
pub(super) fn reveal(text: &str, key: &Key, table: &BTreeMap<String, String>) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let length = rest.find(|character| !is_part(character)).unwrap_or(rest.len());
        if length == 0 {
            shown.push(next);
            rest = rest.get(next.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = after;
        let core = token.trim_end_matches(STOPS);
        let (core, ending) = if token.parse::<IpAddr>().is_ok() || core.is_empty() {
            (token, "")
        } else {
            (core, token.get(core.len()..).unwrap_or_default())
        };
        if let (Ok(address), Some(behind)) = (core.parse::<IpAddr>(), after.strip_prefix('/')) {
            let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
            if let Some(length) = behind.get(..digits).and_then(|digits| digits.parse::<u8>().ok()) {
                shown.push_str(&format!("{}/{length}", key.revealed(address, length)));
                rest = behind.get(digits..).unwrap_or_default();
                continue;
            }
        }
        shown.push_str(&reveal_token(core, key, table));
        shown.push_str(ending);
    }
    shown
}

fn reveal_token(token: &str, key: &Key, table: &BTreeMap<String, String>) -> String {
    if let Some(plain) = table.get(token) {
        return plain.clone();
    }
    if let Ok(address) = token.parse::<IpAddr>() {
        return key.revealed(address, 128).to_string();
    }
    if let Ok(socket) = token.parse::<SocketAddr>() {
        return SocketAddr::new(key.revealed(socket.ip(), 128), socket.port()).to_string();
    }
    for (at, _) in token.match_indices('-') {
        let ends = token.split_at_checked(at).and_then(|(from, to)| Some((from, to.strip_prefix('-')?)));
        let Some((from, to)) = ends else { continue };
        if let (Ok(from), Ok(to)) = (from.parse::<IpAddr>(), to.parse::<IpAddr>()) {
            return format!("{}-{}", key.revealed(from, 128), key.revealed(to, 128));
        }
    }
    if let Some(role) = token.strip_prefix(ROLES) {
        return format!("{ROLES}{}", reveal_token(role, key, table));
    }
    if let Some(address) = token.strip_prefix(HOST).and_then(dashed) {
        return format!("{HOST}{}", key.revealed(address, 128).to_string().replace(['.', ':'], "-"));
    }
    let (name, port) = token.split_once(':').map_or((token, None), |(name, port)| (name, Some(port)));
    let label = |label| if matches!(label, "" | "*") { Some(label) } else { table.get(label).map(String::as_str) };
    match (name.split('.').map(label).collect::<Option<Vec<&str>>>(), port) {
        (Some(labels), None) => labels.join("."),
        (Some(labels), Some(port)) => format!("{}:{port}", labels.join(".")),
        (None, _) => token.to_owned(),
    }
}

/// What may stand behind a word and not be part of it.
const STOPS: [char; 3] = ['.', ':', '-'];
/// What stands before a role in a pack.
const ROLES: &str = "roles.";
/// What the smallest rule calls a role that nobody has defined.
const HOST: &str = "host-";
/// Endings of captures, longest first where one ends with another.
const ENDINGS: &[&str] = &[
    ".pcapng.gz",
    ".pcapng.zst",
    ".pcapng.xz",
    ".pcap.gz",
    ".pcap.zst",
    ".pcap.xz",
    ".pcapng",
    ".pcap",
    ".cap",
    ".toml",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(plain: &str, gone: &[&str], stays: &[&str]) {
        let key = Key::parse(&"0123456789abcdef".repeat(4)).unwrap();
        let mut hider = Hider::new(&key);
        hider.knows("printer");
        ["web.10", "odd-", "two..dots", "new line\u{202e}"].iter().for_each(|name| hider.knows(name));
        let path = hider.path("my captures/a b.pcap");
        hider.phrase("my captures/a b.pcap", path);
        let word = hider.word("text", "the team (Ops)");
        hider.phrase("the team (Ops)", word);
        hider.phrase("https://docs.lithnet.io/ams", "https://docs.lithnet.io/ams".to_owned());
        let hidden = hider.text(plain);
        for gone in gone {
            assert!(!hidden.contains(gone), "{gone} in {hidden}");
        }
        for stays in stays {
            assert!(hidden.contains(stays), "{stays} not in {hidden}");
        }
        assert_eq!(reveal(&hidden, &key, hider.table()), plain, "{hidden}");
    }

    #[test]
    fn sentences_lose_what_is_theirs_and_come_back() {
        check("10.77.10.5 -> 10.77.50.66 tcp/389: unlisted peer.", &["10.77"], &[" -> ", " tcp/389: unlisted peer."]);
        check("SNI says a.b-c.example (flow from frame 12), but", &["example"], &["(flow from frame 12), but"]);
        check("It is fd77:10::5, or fd77:: or ::1.", &["fd77", "::1"], &["It is ", "."]);
        check("10.78.0.0/28 and fd77::/16, 10.0.0.1-10.0.0.9.", &["10.78", "fd77", "10.0.0"], &["/28", "/16", "."]);
        check("source 10.0.0.1:443; [fd77::1]:53.", &["10.0.0.1", "fd77"], &[":443", "]:53"]);
        check("my captures/a b.pcap breaks off: cut at 12.", &["captures", "a b"], &[".pcap breaks off"]);
        check("Waiver: x (the team (Ops)).", &["team", "Ops"], &["Waiver: x ("]);
        check("Ask printer about printers: printer.", &[" printer "], &["printers"]);
        check("02:42:ac:11:00:02 spoke", &["42:ac"], &[" spoke"]);
        check("Version 3.0 took 1.5 s at 2026-11-22T10:00:00.5Z.", &[], &["3.0 took 1.5 s at 2026-11-22T10:00:00.5Z."]);
        check("Reference: https://docs.lithnet.io/ams", &[], &["https://docs.lithnet.io/ams"]);
        check("[roles.ams-server]", &[], &["[roles.ams-server]"]);
        check("[roles.host-10-77-50-66]\n\"fd77-10--5\"", &["10-77"], &["host-"]);
        check("*.example.com and _ldap._tcp.corp.test; a\\x2eb.c", &["example", "corp", "x2e"], &["*."]);
        check("SNI says web.10, and odd-. Also two..dots.", &["web", "odd", "dots"], &["SNI says ", ". Also "]);
        check(
            "At new line\u{202e}, dc1.corp.test:445 or printer:9100.",
            &["new line", "dc1", "printer"],
            &[":445", ":9100."],
        );
        check("", &[], &[]);
    }
}
