//! A table of traffic flows as people publish it in, a pack and the list of what had to be guessed
//! out. Guesses nothing silently: whatever the table does not say in so many words is in the list.

use std::ops::Range;

use super::addresses::{Player, parse_name};
use super::diagnostics::{Fault, Faults, Source, quoted};
use super::model::{Direction, Need};
use super::pack::{DEFAULT_WINDOW, DefaultPlayers, Pack, PackFeature, PackRole, PackRow};
use super::phrases::Phrases;
use super::services::{PortTerm, Service, has_ports, parse_ports};
use super::table_cells::{self, Cells};
use crate::wire::Transport;

/// In which form a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A Markdown document with one or more such tables.
    Markdown,
    /// Comma-separated values with a header line.
    Csv,
}

impl Form {
    /// The form of a file by its ending; `None` when it is no table.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())?;
        match ending.as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// A table turned into a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The pack.
    pub pack: Pack,
    /// What the table did not say.
    pub guesses: Vec<Guess>,
}

/// Something that the table did not say in so many words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// Line of the table, from 1.
    pub line: usize,
    /// What was assumed, one sentence.
    pub text: String,
}

/// Turns a table into a pack.
///
/// # Errors
/// Every cell that cannot be read, or that there is no table.
pub fn import(path: &str, text: &str, form: Form) -> Result<Imported, Faults> {
    let source = Source::new(path, text);
    let rows = table_cells::read(&source, form)?;
    let mut importer = Importer {
        source: &source,
        phrases: Phrases::shipped()?,
        faults: Faults::default(),
        guesses: Vec::new(),
        pack: empty_pack(path, &source),
        prefix: String::new(),
    };
    for row in &rows {
        importer.row(row);
    }
    importer.name_it(path);
    let Importer { faults, pack, guesses, .. } = importer;
    faults.or(Imported { pack, guesses })
}

fn empty_pack(path: &str, source: &Source) -> Pack {
    Pack {
        id: String::new(),
        title: format!("Imported from {}", file_name(path)),
        version: String::new(),
        reference: String::new(),
        subject: String::new(),
        roles: Vec::new(),
        features: Vec::new(),
        rows: Vec::new(),
        sha256: super::pack_parse::sha256(&source.text),
        source: source.clone(),
    }
}

struct Importer<'source> {
    source: &'source Source,
    phrases: Phrases,
    faults: Faults,
    guesses: Vec<Guess>,
    pack: Pack,
    prefix: String,
}

impl Importer<'_> {
    fn guess(&mut self, line: usize, text: String) {
        self.guesses.push(Guess { line, text });
    }

    fn row(&mut self, row: &Cells) {
        let [from, to, ports, description] = &row.cells;
        let (from, to) = (self.role(row.line, from), self.role(row.line, to));
        let services = self.services(row.line, ports);
        let text = description.0.trim().to_owned();
        let need = if self.phrases.is_optional(&text) { Need::Optional } else { Need::Required };
        if need == Need::Optional {
            self.guess(row.line, "optional, because the description says so".to_owned());
        }
        let when = self.features(row.line, &text, &[from.as_str(), to.as_str()]);
        let ends = |role: String| if role.is_empty() { Vec::new() } else { vec![role] };
        self.pack.rows.push(PackRow {
            id: String::new(),
            from: ends(from),
            to: ends(to),
            direction: Direction::Forward,
            services,
            purpose: text,
            need,
            when,
            window: DEFAULT_WINDOW,
            vantage: Vec::new(),
            severity: None,
            reference: String::new(),
            phase: String::new(),
            span: ports.1.clone(),
        });
    }

    /// The role of a cell; empty for anybody.
    fn role(&mut self, line: usize, (cell, span): &(String, Range<usize>)) -> String {
        let text = cell.trim();
        if text.is_empty() {
            self.faults.push(Fault::at(self.source, span.clone(), "the cell is empty").help("write `any` for anybody"));
            return String::new();
        }
        if matches!(text.to_lowercase().as_str(), "any" | "*" | "all") {
            return String::new();
        }
        let name = parse_name(text).ok().filter(|name| name.contains('.'));
        let (id, title, default) = match self.phrases.role(text) {
            Some(phrase) => (phrase.meaning.clone(), phrase.title.clone(), phrase.default.clone()),
            None => (slug(text), text.to_owned(), String::new()),
        };
        if self.pack.role(&id).is_some() {
            return id;
        }
        let players: Vec<Player> = name.into_iter().map(Player::Name).collect();
        let how = if players.is_empty() { "" } else { ", bound to that host name" };
        self.guess(line, format!("{} is the role `{id}`{how}", quoted(text)));
        let default = if default.is_empty() { DefaultPlayers::Nobody } else { DefaultPlayers::Role(default) };
        self.pack.roles.push(PackRole { id: id.clone(), title, players, default, span: span.clone() });
        id
    }

    fn services(&mut self, line: usize, (cell, span): &(String, Range<usize>)) -> Vec<Service> {
        let mut services: Vec<Service> = Vec::new();
        for part in cell.split([',', ';']).flat_map(|part| part.split(" or ")).map(str::trim) {
            if part.is_empty() {
                continue;
            }
            let before = services.last().map(|service| service.transport);
            match self.service(line, part, before) {
                Ok(found) => services.extend(found),
                Err(message) => {
                    let help = "expected `LABEL TCP 443`, `UDP 53` or `TCP 49152-65535`, separated by commas";
                    self.faults.push(Fault::at(self.source, span.clone(), message).help(help));
                }
            }
        }
        if services.is_empty() && cell.trim().is_empty() {
            self.faults.push(Fault::at(self.source, span.clone(), "the cell names no port"));
        }
        services
    }

    /// `[label words] [TCP|UDP|TCP/UDP] port[-port]`, or a protocol without ports.
    fn service(&mut self, line: usize, part: &str, before: Option<Transport>) -> Result<Vec<Service>, String> {
        let mut words: Vec<&str> = part.split_whitespace().collect();
        let last = words.last().copied().unwrap_or_default();
        if let Some(transport) = Transport::from_name(&last.to_lowercase()).filter(|transport| !has_ports(*transport)) {
            return Service::parse(&transport.to_string()).map(|service| vec![service]).map_err(|fault| fault.message);
        }
        let ports = parse_ports(last).map_err(|message| format!("in {}: {message}", quoted(part)))?;
        words.pop();
        let named = words.last().and_then(|word| transports(word));
        if named.is_some() {
            words.pop();
        }
        let label = words.join(" ");
        let transports = named.unwrap_or_else(|| {
            let transport = before.unwrap_or(Transport::TCP);
            let why = if before.is_some() { "as the port before it" } else { "as most services are" };
            self.guess(line, format!("{} names no transport: {transport}, {why}", quoted(part)));
            vec![transport]
        });
        Ok(transports.into_iter().map(|transport| self.labelled(line, &label, transport, &ports)).collect())
    }

    fn labelled(
        &mut self,
        line: usize,
        label: &str,
        transport: Transport,
        ports: &std::ops::RangeInclusive<u16>,
    ) -> Service {
        let (application, announced) = match self.phrases.label(label) {
            Some((application, announced)) => (Some(application), announced),
            None => (self.phrases.port(&format!("{transport}/{}", ports.start())), false),
        };
        let ports = Some(vec![PortTerm::Range(ports.clone())]);
        let service = Service { application, transport, ports, optional: false, announced, group: None };
        match application {
            Some(application) if label.to_lowercase() != application.name() => {
                let found = if label.is_empty() { service.protocol() } else { label.to_owned() };
                self.guess(line, format!("{} speaks {}", quoted(&found), application.name()));
            }
            None if !label.is_empty() => self.guess(line, format!("{} may speak anything", quoted(label))),
            _ => {}
        }
        service
    }

    fn features(&mut self, line: usize, description: &str, roles: &[&str]) -> Vec<String> {
        let mut when = Vec::new();
        let mut guesses = Vec::new();
        for feature in self.phrases.features(description, roles) {
            let id = feature.meaning.clone();
            guesses.push(format!("only with the feature `{id}`"));
            if !self.pack.features.iter().any(|known| known.id == id) {
                let title = feature.title.clone();
                self.pack.features.push(PackFeature { id: id.clone(), title, default: feature.on, span: 0..0 });
            }
            when.push(id);
        }
        guesses.into_iter().for_each(|text| self.guess(line, text));
        when
    }

    /// The subject is the role that most rows speak of; it may know the pack's id.
    fn name_it(&mut self, path: &str) {
        let count = |role: &PackRole| {
            self.pack.rows.iter().filter(|row| row.from.contains(&role.id) || row.to.contains(&role.id)).count()
        };
        let subject = self.pack.roles.iter().rev().max_by_key(|role| count(role)).map(|role| role.id.clone());
        self.pack.subject = subject.unwrap_or_default();
        self.guess(0, format!("the audit is about `{}`, of which most rows speak", self.pack.subject));
        let title = self.pack.role(&self.pack.subject).map(|role| role.title.clone()).unwrap_or_default();
        let known = self.phrases.role(&title).map(|phrase| phrase.pack.clone()).filter(|pack| !pack.is_empty());
        self.prefix = known.as_deref().unwrap_or("row").to_uppercase();
        let stem = file_name(path).rsplit_once('.').map_or(path, |(stem, _)| stem);
        self.pack.id = known.unwrap_or_else(|| slug(stem));
        for (number, row) in (1usize..).zip(&mut self.pack.rows) {
            row.id = format!("{}-{number:02}", self.prefix);
        }
        // A default that points at a role of which no row speaks would be a fault of the pack.
        let ids: Vec<String> = self.pack.roles.iter().map(|role| role.id.clone()).collect();
        for role in &mut self.pack.roles {
            if matches!(&role.default, DefaultPlayers::Role(other) if !ids.contains(other)) {
                role.default = DefaultPlayers::Nobody;
            }
        }
    }
}

fn transports(word: &str) -> Option<Vec<Transport>> {
    let one = |name: &str| Transport::from_name(name).filter(|transport| has_ports(*transport));
    word.to_lowercase().split(['/', '+', '&']).map(one).collect()
}

/// An id made of a cell: lower-case words joined by hyphens.
fn slug(text: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let words: String = text.chars().map(kept).collect();
    let id: String = words.split_whitespace().collect::<Vec<_>>().join("-").chars().take(64).collect();
    let id = id.trim_end_matches('-');
    if id.is_empty() { "unnamed".to_owned() } else { id.to_owned() }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
