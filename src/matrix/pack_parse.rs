//! The text of a pack in, a [`Pack`] or every one of its faults out. Never stops at the first
//! fault, and hands out no pack that has one.

use std::collections::HashSet;
use std::ops::Range;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use toml::de::DeValue;

use super::addresses::{Player, parse_name};
use super::diagnostics::{Faults, Source, did_you_mean, quoted};
use super::model::{Direction, Need, Severity};
use super::pack::{DEFAULT_WINDOW, DefaultPlayers, Pack, PackFeature, PackRole, PackRow};
use super::reader::{Reader, Table, Word, duration};
use super::services::Service;

/// Reads a pack in TOML.
///
/// # Errors
/// Every fault of the text, in the order of their places.
pub(super) fn parse(path: &str, text: &str) -> Result<Pack, Faults> {
    let source = Source::new(path, text);
    let mut pack = Pack {
        id: String::new(),
        title: String::new(),
        version: String::new(),
        reference: String::new(),
        subject: String::new(),
        roles: Vec::new(),
        features: Vec::new(),
        rows: Vec::new(),
        sha256: sha256(text),
        source: source.clone(),
    };
    let (mut reader, document) = Reader::parse(&source);
    let table = document.get_ref();
    reader.known_keys(table, &["pack", "roles", "features", "row"], "a pack");
    read_roles(&mut reader, table, &mut pack);
    read_features(&mut reader, table, &mut pack);
    read_head(&mut reader, table, &mut pack);
    read_rows(&mut reader, table, &mut pack);
    reader.faults.or(pack)
}

/// SHA-256 of a text in lower-case hex.
pub(super) fn sha256(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))
}

fn read_head(reader: &mut Reader<'_>, table: &Table<'_>, pack: &mut Pack) {
    let Some((head, span)) = reader.table(table, "pack") else {
        if table.get("pack").is_none() {
            let help = "begin with [pack] and the keys id, title, version and subject".to_owned();
            reader.fault(0..0, "the pack has no [pack] table", Some(help));
        }
        return;
    };
    reader.known_keys(head, &["id", "title", "version", "reference", "subject"], "[pack]");
    if let Some(id) = reader.required(head, "id", span.clone()) {
        identifier(reader, &id);
        pack.id = id.into_inner();
    }
    let text = |word: Option<Word>| word.map(Word::into_inner).unwrap_or_default();
    pack.title = text(reader.required(head, "title", span));
    pack.version = text(reader.string(head, "version"));
    pack.reference = text(reader.string(head, "reference"));
    if let Some(subject) = reader.string(head, "subject") {
        known_role(reader, &subject, pack);
        pack.subject = subject.into_inner();
    }
}

fn read_roles(reader: &mut Reader<'_>, table: &Table<'_>, pack: &mut Pack) {
    let Some((roles, _)) = reader.table(table, "roles") else { return };
    let mut defaults = Vec::new();
    for (key, value) in roles {
        let id = Word::new(key.span(), key.get_ref().clone().into_owned());
        identifier(reader, &id);
        if id.get_ref() == "any" || id.get_ref() == "mirror" {
            let message = format!("{} has a meaning of its own and cannot be a role", quoted(id.get_ref()));
            reader.fault(id.span(), message, None);
        }
        let DeValue::Table(role) = value.get_ref() else {
            reader.shape(value.span(), id.get_ref(), "a table", value.get_ref());
            continue;
        };
        reader.known_keys(role, &["title", "default", "names", "addresses"], "a role");
        let title = reader.string(role, "title").map_or_else(|| id.get_ref().clone(), Word::into_inner);
        let default = reader.string(role, "default");
        let players = read_players(reader, role);
        defaults.push(default.clone());
        let default = match default.map(Word::into_inner) {
            None => DefaultPlayers::Nobody,
            Some(all) if all == "*" => DefaultPlayers::AllPlayers,
            Some(all) if all == "broadcast" => DefaultPlayers::Broadcasts,
            Some(role) => DefaultPlayers::Role(role),
        };
        pack.roles.push(PackRole { id: id.get_ref().clone(), title, players, default, span: id.span() });
    }
    let computed = |default: &Word| matches!(default.get_ref().as_str(), "*" | "broadcast");
    for default in defaults.into_iter().flatten().filter(|default| !computed(default)) {
        known_role(reader, &default, pack);
    }
    // The parser sorts keys; the document's order is that of their places.
    pack.roles.sort_by_key(|role| role.span.start);
    let limit = MOST_ROLES;
    if pack.roles.len() > limit {
        reader.fault(0..0, format!("the pack has more than {limit} roles"), None);
    }
}

fn read_players(reader: &mut Reader<'_>, role: &Table<'_>) -> Vec<Player> {
    let mut players = Vec::new();
    for word in reader.strings(role, "names").unwrap_or_default() {
        match parse_name(word.get_ref()) {
            Ok(name) => players.push(Player::Name(name)),
            Err(message) => reader.fault(word.span(), message, None),
        }
    }
    for word in reader.strings(role, "addresses").unwrap_or_default() {
        match Player::parse(word.get_ref()) {
            Ok(player @ Player::Addresses(_)) => players.push(player),
            Ok(Player::Name(name)) => {
                let help = Some("names stand in the list `names`".to_owned());
                reader.fault(word.span(), format!("{} is no address", quoted(&name)), help);
            }
            Err(message) => reader.fault(word.span(), message, None),
        }
    }
    players
}

fn read_features(reader: &mut Reader<'_>, table: &Table<'_>, pack: &mut Pack) {
    let Some((features, _)) = reader.table(table, "features") else { return };
    for (key, value) in features {
        let id = Word::new(key.span(), key.get_ref().clone().into_owned());
        identifier(reader, &id);
        let DeValue::Table(feature) = value.get_ref() else {
            reader.shape(value.span(), id.get_ref(), "a table", value.get_ref());
            continue;
        };
        reader.known_keys(feature, &["title", "default"], "a feature");
        let title = reader.string(feature, "title").map_or_else(|| id.get_ref().clone(), Word::into_inner);
        let default = reader.boolean(feature, "default").unwrap_or(false);
        pack.features.push(PackFeature { id: id.get_ref().clone(), title, default, span: id.span() });
    }
    pack.features.sort_by_key(|feature| feature.span.start);
}

fn read_rows(reader: &mut Reader<'_>, table: &Table<'_>, pack: &mut Pack) {
    let rows = reader.tables(table, "row");
    if rows.is_empty() && table.get("row").is_none() {
        reader.fault(0..0, "the pack has no rows", Some("add a [[row]]".to_owned()));
    }
    if let Some((_, span)) = rows.get(MOST_ROWS) {
        reader.fault(span.clone(), format!("the pack has more than {MOST_ROWS} rows"), None);
    }
    let mut ids = HashSet::new();
    for (row, span) in rows.into_iter().take(MOST_ROWS) {
        let row = read_row(reader, row, span, pack);
        if !row.id.is_empty() && !ids.insert(row.id.clone()) {
            reader.fault(row.span.clone(), format!("the row id {} stands twice", quoted(&row.id)), None);
        }
        pack.rows.push(row);
    }
}

fn read_row(reader: &mut Reader<'_>, row: &Table<'_>, span: Range<usize>, pack: &Pack) -> PackRow {
    reader.known_keys(row, ROW_KEYS, "a row");
    let id = reader.required(row, "id", span.clone());
    let span = id.as_ref().map_or(span, Word::span);
    if let Some(id) = &id {
        identifier(reader, id);
    }
    let text = |word: Option<Word>| word.map(Word::into_inner).unwrap_or_default();
    PackRow {
        id: text(id),
        from: read_ends(reader, row, "from", &span, pack),
        to: read_ends(reader, row, "to", &span, pack),
        direction: reader
            .choice(row, "direction", &[("forward", Direction::Forward), ("either", Direction::Either)])
            .unwrap_or_default(),
        services: read_services(reader, row, &span),
        purpose: text(reader.string(row, "purpose")),
        need: reader
            .choice(row, "need", &[("required", Need::Required), ("optional", Need::Optional)])
            .unwrap_or_default(),
        when: read_when(reader, row, pack),
        window: read_window(reader, row).unwrap_or(DEFAULT_WINDOW),
        vantage: read_vantage(reader, row, pack),
        severity: reader.choice(
            row,
            "severity",
            &[("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High)],
        ),
        reference: text(reader.string(row, "reference")),
        phase: text(reader.string(row, "phase")),
        span,
    }
}

/// The roles of one end; `any` gives none, which means anybody.
fn read_ends(reader: &mut Reader<'_>, row: &Table<'_>, key: &str, span: &Range<usize>, pack: &Pack) -> Vec<String> {
    let Some(words) = reader.strings(row, key) else {
        let help = Some(format!("add a line `{key} = \"role\"`, or `{key} = \"any\"`"));
        reader.fault(span.clone(), format!("`{key}` is missing"), help);
        return Vec::new();
    };
    let place = row.get(key).map_or(span.clone(), toml::Spanned::span);
    if words.is_empty() {
        reader.fault(place, format!("`{key}` names nobody"), Some("write `any` for anybody".to_owned()));
        return Vec::new();
    }
    if matches!(words.as_slice(), [word] if word.get_ref() == "any") {
        return Vec::new();
    }
    words.iter().for_each(|word| known_role(reader, word, pack));
    words.into_iter().map(Word::into_inner).collect()
}

fn read_services(reader: &mut Reader<'_>, row: &Table<'_>, span: &Range<usize>) -> Vec<Service> {
    let Some(words) = reader.strings(row, "services") else {
        let help = Some("add a line `services = [\"ldap tcp/389\"]`".to_owned());
        reader.fault(span.clone(), "`services` is missing", help);
        return Vec::new();
    };
    if words.is_empty() {
        let place = row.get("services").map_or(span.clone(), toml::Spanned::span);
        reader.fault(place, "`services` is empty", Some("a row has at least one service".to_owned()));
    }
    if words.len() > MOST_SERVICES {
        reader.fault(span.clone(), format!("the row has more than {MOST_SERVICES} services"), None);
    }
    let label = read_any_of(reader, row);
    let mut services = Vec::with_capacity(words.len());
    for word in words.iter().take(MOST_SERVICES) {
        match Service::parse(word.get_ref()) {
            Ok(mut service) => {
                service.group = service.group.or_else(|| label.clone());
                services.push(service);
            }
            Err(fault) => {
                let place = reader.inside(word, fault.span);
                reader.fault(place, fault.message, fault.help);
            }
        }
    }
    services
}

/// `any-of = true` makes all services of a row stand for each other; a string names their group.
fn read_any_of(reader: &mut Reader<'_>, row: &Table<'_>) -> Option<String> {
    let value = row.get("any-of")?;
    match value.get_ref() {
        DeValue::Boolean(on) => on.then(|| "any-of".to_owned()),
        DeValue::String(label) if !label.is_empty() && !label.contains(char::is_whitespace) => {
            Some(label.clone().into_owned())
        }
        other => {
            reader.shape(value.span(), "any-of", "true, or one word that names the group", other);
            None
        }
    }
}

fn read_when(reader: &mut Reader<'_>, row: &Table<'_>, pack: &Pack) -> Vec<String> {
    let words = reader.strings(row, "when").unwrap_or_default();
    for word in &words {
        if !pack.features.iter().any(|feature| feature.id == *word.get_ref()) {
            let help = did_you_mean(word.get_ref(), pack.features.iter().map(|feature| feature.id.as_str()));
            let help = help.or_else(|| Some(format!("add [features.{}]", word.get_ref())));
            reader.fault(word.span(), format!("unknown feature {}", quoted(word.get_ref())), help);
        }
    }
    words.into_iter().map(Word::into_inner).collect()
}

fn read_window(reader: &mut Reader<'_>, row: &Table<'_>) -> Option<i64> {
    let word = reader.string(row, "window")?;
    match duration(word.get_ref()) {
        Ok(window) => Some(window),
        Err(message) => {
            reader.fault(word.span(), message, None);
            None
        }
    }
}

fn read_vantage(reader: &mut Reader<'_>, row: &Table<'_>, pack: &Pack) -> Vec<String> {
    let words = reader.strings(row, "vantage").unwrap_or_default();
    words.iter().for_each(|word| known_role(reader, word, pack));
    words.into_iter().map(Word::into_inner).collect()
}

fn known_role(reader: &mut Reader<'_>, word: &Word, pack: &Pack) {
    if pack.role(word.get_ref()).is_none() {
        let help = did_you_mean(word.get_ref(), pack.roles.iter().map(|role| role.id.as_str()));
        let help = help.or_else(|| Some(format!("add [roles.{}]", word.get_ref())));
        reader.fault(word.span(), format!("unknown role {}", quoted(word.get_ref())), help);
    }
}

/// Ids stand in reports, file names and command lines, separated by spaces and commas.
fn identifier(reader: &mut Reader<'_>, word: &Word) {
    let id = word.get_ref();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=64).contains(&id.len()) || !id.bytes().all(plain) {
        let help = Some("an id has 1 to 64 letters, digits, hyphens, dots and underscores".to_owned());
        reader.fault(word.span(), format!("{} is no id", quoted(id)), help);
    }
}

const ROW_KEYS: &[&str] = &[
    "id",
    "from",
    "to",
    "direction",
    "services",
    "any-of",
    "purpose",
    "need",
    "when",
    "window",
    "vantage",
    "severity",
    "reference",
    "phase",
];
/// Most rows of a pack (reliability: the matrix bomb).
const MOST_ROWS: usize = 10_000;
/// Most services of a row.
const MOST_SERVICES: usize = 64;
/// Most roles of a pack.
const MOST_ROLES: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[pack]\nid = 'p'\ntitle = 'P'\n[roles.a]\n[roles.b]\ndefault = 'a'\n[features.f]\n";

    fn check(row: &str, expected: &[&str]) {
        let found = match parse("p.toml", &format!("{GOOD}{row}")) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.message)).collect(),
        };
        assert_eq!(found, expected, "{row}");
    }

    #[test]
    fn rows() {
        check("[[row]]\nid='x'\nfrom='a'\nto=['a','b']\nservices='icmp'\nwhen='f'\nany-of=true", &[]);
        check("[[row]]\nid='x'\nfrom='any'\nto='any'\nservices=['any udp/*']\nwindow='1d'", &[]);
        check("", &["1:1 the pack has no rows"]);
        check(
            "[[row]]",
            &["8:1 `from` is missing", "8:1 `id` is missing", "8:1 `services` is missing", "8:1 `to` is missing"],
        );
        check(
            "[[row]]\nid='x'\nfrom='q'\nto=[]\nservices=['ldap tcp/44e', 'lap tcp/1']\nwhen='g'\nneed='requird'\nwindow='5'\nvantage=7\nfoo=1",
            &[
                "10:6 unknown role `q`",
                "11:4 `to` names nobody",
                "12:17 `44e` is not a port: expected a number from 1 to 65535",
                "12:29 unknown application `lap`",
                "13:6 unknown feature `g`",
                "14:6 `requird` is no `need`",
                "15:8 `5` is no duration: expected a number with s, m, h or d, such as 15m",
                "16:9 `vantage` is a integer",
                "17:1 unknown key `foo` in a row",
            ],
        );
        let row = "[[row]]\nid='x'\nfrom='a'\nto='b'\nservices='icmp'\n";
        check(&format!("{row}{row}"), &["14:4 the row id `x` stands twice"]);
        check("[[row]]\nid='x'\nfrom='a'\nto='b'\nservices='icmp'\nbroken", &["13:7 key with no value, expected `=`"]);
    }

    #[test]
    fn all_faults_come_at_once_and_with_a_suggestion() {
        let faults = parse("p.toml", "[pack]\nidd = 'p'\n[roles.a]\ntitel='x'\ndefault='b'\n[row]\n").unwrap_err();
        let text = faults.to_string();
        for expected in ["p.toml:2:1", "did you mean `id`?", "did you mean `title`?", "unknown role `b`", "[[row]]"] {
            assert!(text.contains(expected), "{expected} not in:\n{text}");
        }
    }
}
