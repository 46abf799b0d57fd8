//! The text of a site in, a [`Site`] or every one of its faults out. Whether its roles, features
//! and variables exist is for the compiler to say, which knows the packs.

use std::ops::{Range, RangeInclusive};

use toml::de::DeValue;

use super::addresses::Player;
use super::diagnostics::{Faults, Source};
use super::model::{Basis, MinimumBasis};
use super::pack_parse::sha256;
use super::reader::{Reader, Table, Value, Word, duration};
use super::services::parse_ports;
use super::site::{Setting, Site, SiteRole};
use super::waiver;

/// Reads a site in TOML.
///
/// # Errors
/// Every fault of the text, in the order of their places.
pub(super) fn parse(path: &str, text: &str) -> Result<Site, Faults> {
    let source = Source::new(path, text);
    let file = Some((path.to_owned(), sha256(text)));
    let mut site = Site { source: source.clone(), file, ..Site::default() };
    let (mut reader, document) = Reader::parse(&source);
    let table = document.get_ref();
    reader.known_keys(table, &["site", "roles", "features", "variables", "waiver"], "a site");
    read_head(&mut reader, table, &mut site);
    read_roles(&mut reader, table, &mut site);
    read_features(&mut reader, table, &mut site);
    read_variables(&mut reader, table, &mut site);
    for (entry, span) in reader.tables(table, "waiver") {
        site.waivers.extend(waiver::read(&mut reader, entry, span));
    }
    reader.faults.or(site)
}

fn read_head(reader: &mut Reader<'_>, table: &Table<'_>, site: &mut Site) {
    let Some((head, _)) = reader.table(table, "site") else { return };
    reader.known_keys(head, &["draft", "name", "packs", "baseline", "vantage", "basis", "window"], "[site]");
    site.name = reader.string(head, "name").map(Word::into_inner).unwrap_or_default();
    if reader.boolean(head, "draft") == Some(true) {
        let place = head.keys().find(|key| key.get_ref() == "draft").map(toml::Spanned::span);
        site.draft = Some(Setting { text: "draft".to_owned(), place });
    }
    let names = |words: Vec<Word>| words.into_iter().map(Word::into_inner).collect();
    if let Some(packs) = reader.strings(head, "packs") {
        site.packs = names(packs);
    }
    if let Some(baseline) = reader.strings(head, "baseline") {
        site.baseline = names(baseline);
    }
    site.vantage = reader.string(head, "vantage").map(setting);
    if let Some((basis, _)) = reader.table(head, "basis") {
        site.basis = read_basis(reader, basis);
    }
    if let Some(window) = reader.string(head, "window") {
        match duration(window.get_ref()) {
            Ok(window) => site.window = Some(window),
            Err(message) => reader.fault(window.span(), message, None),
        }
    }
}

fn read_basis(reader: &mut Reader<'_>, basis: &Table<'_>) -> MinimumBasis {
    reader.known_keys(basis, &["name", "rpc", "address"], "`basis`");
    let default = MinimumBasis::default();
    let mut choose = |key: &str, bases: &[Basis], default: Basis| {
        let choices: Vec<(&str, Basis)> = bases.iter().map(|basis| (basis.name(), *basis)).collect();
        reader.choice(basis, key, &choices).unwrap_or(default)
    };
    MinimumBasis {
        name: choose("name", &[Basis::Agreed, Basis::Dns, Basis::Declared, Basis::Sni], default.name),
        rpc: choose("rpc", &[Basis::Bind, Basis::Announced, Basis::Range], default.rpc),
        address: choose("address", &[Basis::Payload, Basis::Address], default.address),
    }
}

fn read_roles(reader: &mut Reader<'_>, table: &Table<'_>, site: &mut Site) {
    let Some((roles, _)) = reader.table(table, "roles") else { return };
    let mut entries: usize = 0;
    for (key, value) in roles {
        let words = reader.words(value, key.get_ref());
        entries = entries.saturating_add(words.len());
        if entries > MOST_ADDRESSES {
            reader.fault(key.span(), format!("the site lists more than {MOST_ADDRESSES} addresses"), None);
            return;
        }
        let players = words.iter().filter_map(|word| read_player(reader, word)).collect();
        let id = Setting { text: key.get_ref().clone().into_owned(), place: Some(key.span()) };
        site.roles.push(SiteRole { id, players });
    }
}

fn read_player(reader: &mut Reader<'_>, word: &Word) -> Option<Player> {
    match Player::parse(word.get_ref()) {
        Ok(player) => Some(player),
        Err(message) => {
            reader.fault(word.span(), message, None);
            None
        }
    }
}

fn read_features(reader: &mut Reader<'_>, table: &Table<'_>, site: &mut Site) {
    let Some((features, _)) = reader.table(table, "features") else { return };
    for key in features.keys() {
        if let Some(on) = reader.boolean(features, key.get_ref()) {
            let id = Setting { text: key.get_ref().clone().into_owned(), place: Some(key.span()) };
            site.features.push((id, on));
        }
    }
}

fn read_variables(reader: &mut Reader<'_>, table: &Table<'_>, site: &mut Site) {
    let Some((variables, _)) = reader.table(table, "variables") else { return };
    for (key, value) in variables {
        let ports = read_ports(reader, value, key.get_ref());
        let id = Setting { text: key.get_ref().clone().into_owned(), place: Some(key.span()) };
        site.variables.push((id, ports));
    }
}

/// Ports of a variable: `1433`, `"1433,1434"`, `"11000-11999"` or a list of these.
fn read_ports(reader: &mut Reader<'_>, value: &Value<'_>, what: &str) -> Vec<RangeInclusive<u16>> {
    match value.get_ref() {
        DeValue::Integer(number) => parse_list(reader, &value.span(), number.as_str()),
        DeValue::String(text) => parse_list(reader, &value.span(), text),
        DeValue::Array(values) => values
            .iter()
            .flat_map(|value| match value.get_ref() {
                DeValue::Array(_) => {
                    reader.shape(value.span(), what, "a port", value.get_ref());
                    Vec::new()
                }
                _ => read_ports(reader, value, what),
            })
            .collect(),
        other => {
            reader.shape(value.span(), what, "a port, a string of ports, or a list of them", other);
            Vec::new()
        }
    }
}

fn parse_list(reader: &mut Reader<'_>, span: &Range<usize>, text: &str) -> Vec<RangeInclusive<u16>> {
    let mut ports = Vec::new();
    for part in text.split(',') {
        match parse_ports(part) {
            Ok(range) => ports.push(range),
            Err(message) => reader.fault(span.clone(), message, None),
        }
    }
    ports
}

/// A word of the file with its place.
pub(super) fn setting(word: Word) -> Setting {
    Setting { place: Some(word.span()), text: word.into_inner() }
}

/// Most addresses, prefixes, ranges and names of a site (reliability: the matrix bomb).
const MOST_ADDRESSES: usize = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = match parse("s.toml", text) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.message)).collect(),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn sites() {
        check("", &[]);
        check("[site]\nname='x'\nwindow='0s'\nbasis={name='sni',rpc='bind',address='payload'}\n", &[]);
        check("[site]\ndraft=true\n", &[]);
        check("[roles]\na=['10.0.0.0/8','fd00::/8','*.x.example']\nb='10.0.0.1'\nc=[]\n", &[]);
        check("[variables]\np=1433\nq='1-5,9'\nr=[1,'2-3']\n", &[]);
        check(
            "[[waiver]]\nfrom='10.0.0.1'\nto='any'\nservice='tcp/9997'\nreason='r'\nowner='o'\nexpires=2027-03-31\n",
            &[],
        );
        check(
            "[site]\nwindo='0s'\nbasis={name='announced'}\n",
            &["2:1 unknown key `windo` in [site]", "3:13 `announced` is no `name`"],
        );
        check(
            "[roles]\na=['10.1.2.3/8', 7]\n",
            &["2:4 `10.1.2.3/8` has bits behind its prefix: write 10.0.0.0/8 or 10.1.2.3", "2:18 `a` is an integer"],
        );
        check(
            "[features]\nf='yes'\n[variables]\np=70000\nq=[[1]]\n",
            &[
                "2:3 `f` is a string",
                "4:3 `70000` is not a port: expected a number from 1 to 65535",
                "5:4 `q` is an array",
            ],
        );
        check(
            "[[waiver]]\nfrom='10.0.0.1'\nto='10.0.0.2'\nservice='tcp'\nexpires='soon'\n",
            &[
                "1:1 `owner` is missing",
                "1:1 `reason` is missing",
                "4:9 `tcp` lacks its ports",
                "5:9 `soon` is no date: expected a day such as 2027-03-31",
            ],
        );
    }
}
