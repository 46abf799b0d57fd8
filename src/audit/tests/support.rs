//! Builders of the tests: a small matrix, and observations written as lines of text.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::dissect::{Application, Claim, ClaimSource, Payload, Recognised};
use crate::flow::{Conversation, Counts, DirectionBasis, Endpoint, IcmpError, Marks, Outcome};
use crate::ledger::{
    Announcement, Announcer, Binding, CardSign, Counters, Input, Observation, Resolution, ResolutionResult,
};
use crate::matrix::{
    Atom, Direction, Follows, Matrix, MatrixParts, MinimumBasis, Need, PackInfo, Ports, Role, RoleId, Row, Severity,
    Standing, Waiver,
};
use crate::wire::{FrameRef, Timestamp, Transport};

const SECOND: i64 = 1_000_000_000;

/// Role ids of the test matrix, with addresses and names.
const ROLES: &[(&str, &str, &[&str])] = &[
    ("ams", "10.0.0.5", &[]),
    ("dcs", "10.0.0.11-10.0.0.12", &[]),
    ("graph", "", &["graph.example"]),
    ("login", "", &["login.example"]),
    ("sql", "10.0.40.20", &[]),
    ("agents", "10.0.20.0-10.0.20.255", &[]),
    ("users", "10.0.30.0-10.0.30.255", &[]),
    ("idp", "", &[]),
    ("pool", "", &["*.pool.example"]),
];

/// Rows of the test matrix: id, pack, from, to, services, flags.
type RowLine = (&'static str, usize, &'static str, &'static str, &'static [&'static str], &'static str);
const ROWS: &[RowLine] = &[
    ("A-01", 0, "ams", "pool", &["https tcp/443"], "optional"),
    ("A-02", 0, "ams", "graph", &["https tcp/443"], ""),
    ("A-03", 0, "ams", "login", &["https tcp/443"], ""),
    ("A-05", 0, "ams", "dcs", &["ldap tcp/389", "cldap udp/389"], ""),
    ("A-07", 0, "ams", "dcs", &["epm tcp/135", "dcerpc tcp/49152-65535 announced"], ""),
    ("A-08", 0, "ams", "dcs", &["dns udp/53"], ""),
    ("A-09", 0, "ams", "sql", &["tds tcp/1433"], ""),
    ("A-11", 0, "agents", "ams", &["https tcp/443"], ""),
    ("A-12", 0, "agents users", "ams", &["http tcp/80 optional", "https tcp/443"], ""),
    ("A-13", 0, "users", "graph", &["https tcp/443"], "unseen"),
    ("A-14", 0, "ams", "sql", &["ssh tcp/22"], "off"),
    ("A-15", 0, "ams", "idp", &["any tcp/9443"], "unbound=idp"),
    ("A-16", 0, "ams", "sql", &["any tcp/5671 group=bus", "any tcp/5672 group=bus"], ""),
    ("B-01", 1, "ams", "dcs", &["kerberos tcp/88", "kerberos udp/88"], ""),
    ("B-02", 1, "ams agents users", "dcs", &["smb tcp/445"], ""),
];

/// The test matrix, taken at the subject itself.
pub(super) fn matrix() -> Matrix {
    let role = |name: &str| ROLES.iter().position(|(id, ..)| *id == name).map(|i| RoleId(i as u32)).unwrap();
    let pack = |id: &str, audited| PackInfo {
        id: id.into(),
        title: id.into(),
        version: "1".into(),
        reference: "https://docs.example/ports".into(),
        sha256: String::new(),
        audited,
    };
    let roles = ROLES.iter().map(|(id, addresses, names)| Role {
        id: (*id).into(),
        title: format!("the {id}"),
        addresses: if addresses.is_empty() { Vec::new() } else { vec![range(addresses)] },
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        follows: Follows::Nobody,
    });
    let rows = ROWS.iter().map(|(id, pack, from, to, services, flags)| Row {
        id: (*id).into(),
        pack: *pack,
        from: from.split(' ').map(role).collect(),
        to: to.split(' ').map(role).collect(),
        direction: Direction::Forward,
        atoms: services.iter().map(|service| atom(service)).collect(),
        purpose: format!("purpose of {id}"),
        need: if flags.contains("optional") { Need::Optional } else { Need::Required },
        window: 60 * SECOND,
        severity: Severity::High,
        standing: match *flags {
            "off" => Standing::NotApplicable,
            "unseen" => Standing::NotObservable,
            "unbound=idp" => Standing::Unbound(role("idp")),
            _ => Standing::Live,
        },
    });
    Matrix::from_parts(MatrixParts {
        packs: vec![pack("a", true), pack("b", false)],
        roles: roles.collect(),
        rows: rows.collect(),
        subject: role("ams"),
        vantage: Some(role("ams")),
        minimum: MinimumBasis::default(),
        waivers: Vec::new(),
        site: "test".into(),
        site_file: None,
        features: vec![("ssh".into(), false)],
    })
}

fn range(text: &str) -> RangeInclusive<IpAddr> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    start.parse().unwrap()..=end.parse().unwrap()
}

fn atom(text: &str) -> Atom {
    let mut words = text.split(' ');
    let application = Application::from_name(words.next().unwrap());
    let service = words.next().unwrap();
    let flags: Vec<&str> = words.collect();
    let (transport, ports) = service.split_once('/').unwrap();
    let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
    Atom {
        service: service.into(),
        transport: Transport::from_name(transport).unwrap(),
        ports: Ports::Ranges(vec![low.parse().unwrap()..=high.parse().unwrap()]),
        application,
        optional: flags.contains(&"optional"),
        announced: flags.contains(&"announced"),
        group: flags.iter().find_map(|flag| flag.strip_prefix("group=")).map(str::to_owned),
    }
}

/// A waiver `FROM TO TRANSPORT/PORT UNTIL-SECONDS` (`-` for never).
pub(super) fn waiver(text: &str) -> Waiver {
    let words: Vec<&str> = text.split(' ').collect();
    let (transport, port) = words[2].split_once('/').unwrap();
    Waiver {
        text: text.into(),
        from: vec![range(words[0])],
        to: vec![range(words[1])],
        to_names: Vec::new(),
        transport: Transport::from_name(transport).unwrap(),
        ports: Ports::Ranges(vec![port.parse().unwrap()..=port.parse().unwrap()]),
        reason: "change 4711".into(),
        owner: "platform".into(),
        until: words[3].parse().ok().map(at),
    }
}

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanoseconds(seconds * SECOND)
}

/// An observation of `seconds`, written line by line:
/// `flow ORIG RESP:PORT TRANSPORT OUTCOME [word…]`, `dns CLIENT RESOLVER NAME ADDRESS FROM UNTIL`,
/// `ask CLIENT RESOLVER NAME RESULT AT`, `epm CLIENT SERVER PORT AT [host=NAME]`, `card ADDRESS…`.
pub(super) fn observation(lines: &str, seconds: i64) -> Observation {
    let mut seen = Observation {
        inputs: vec![Input { path: "test.pcap".into(), ..Input::default() }],
        counters: Counters { frames: 100, decoded: 100, ..Counters::default() },
        first: Some(at(0)),
        last: Some(at(seconds)),
        ..Observation::default()
    };
    for (number, line) in (1u32..).zip(lines.lines().map(str::trim).filter(|line| !line.is_empty())) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "flow" => seen.flows.push(flow(&words[1..], number)),
            "dns" => seen.bindings.push(binding(&words[1..], number)),
            "ask" => seen.resolutions.push(question(&words[1..], number)),
            "card" => seen.cards.push(CardSign {
                addresses: words[1..].iter().map(|word| (word.parse().unwrap(), frame(number))).collect(),
            }),
            "epm" => seen.announcements.push(announcement(&words[1..], number)),
            other => panic!("{other}"),
        }
    }
    seen
}

fn frame(number: u32) -> FrameRef {
    FrameRef { input: 0, number }
}

fn flow(words: &[&str], number: u32) -> Conversation {
    let (responder, port) = words[1].rsplit_once(':').unwrap();
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let when = at(option("at=").map_or(30, |text| text.parse().unwrap()));
    let outcome = Outcome::ALL.iter().copied().find(|outcome| outcome.name() == words[3]).unwrap();
    let payload = payload(words);
    let bytes = if payload == Payload::None { 0 } else { 100 };
    let counts = |payload| Counts { packets: 5, bytes: 500, payload };
    let basis = if words.contains(&"first") { DirectionBasis::First } else { DirectionBasis::Syn };
    let originator = Endpoint { address: words[0].parse().unwrap(), port: 50000 };
    let responder = Endpoint { address: responder.parse().unwrap(), port: port.parse().unwrap() };
    let transport = Transport::from_name(words[2]).unwrap();
    let marks = [
        Marks::AMBIGUOUS.when(words.contains(&"ambiguous")),
        Marks::TRUNCATED.when(words.contains(&"cut-short")),
        Marks::UNHELD.when(words.contains(&"unheld")),
        Marks::VOICED.when(bytes > 0 || words.contains(&"unsaid")),
    ];
    let mut flow = Conversation::new(originator, responder, transport, Arc::new(payload));
    flow.direction_basis = if outcome == Outcome::Midstream { DirectionBasis::Port } else { basis };
    flow.outcome = outcome;
    (flow.first, flow.last, flow.first_frame) = (when, when.plus(SECOND), frame(number));
    flow.sent = counts(bytes);
    flow.received = if words.contains(&"one-way") { Counts::default() } else { counts(bytes) };
    flow.marks = marks.into_iter().fold(Marks::default(), Marks::and);
    flow.set_missed(option("missed=").map_or(0, |text| text.parse().unwrap()));
    flow.set_icmp(option("icmp-from=").map(|from| IcmpError {
        from: from.parse().unwrap(),
        transport: Transport::ICMP,
        kind: 3,
        code: 13,
        frame: frame(number + 1000),
        at: when,
    }));
    flow
}

fn payload(words: &[&str]) -> Payload {
    if words.contains(&"raw") {
        return Payload::NotRecognised;
    }
    if words.contains(&"cut-short") || words.contains(&"lost") || words.contains(&"unheld") {
        return Payload::NotCaptured;
    }
    let option = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    let Some(application) = option("app=") else { return Payload::None };
    let sources = [("sni=", ClaimSource::Sni), ("host=", ClaimSource::Host), ("outer=", ClaimSource::OuterSni)];
    let claims = sources
        .iter()
        .filter_map(|(key, source)| option(key).map(|name| Claim { source: *source, name: name.to_owned() }));
    Payload::Recognised(Recognised {
        application: Some(Application::from_name(application).unwrap()),
        claims: claims.collect(),
        interfaces: option("bind=").map(|accepted| ("0b1c2170".to_owned(), accepted == "yes")).into_iter().collect(),
        ..Recognised::default()
    })
}

fn binding(words: &[&str], number: u32) -> Binding {
    Binding {
        client: words[0].parse().unwrap(),
        resolver: words[1].parse().unwrap(),
        name: words[2].to_owned(),
        address: words[3].parse().unwrap(),
        aliases: Vec::new(),
        from: at(words[4].parse().unwrap()),
        until: at(words[5].parse().unwrap()),
        pushed_out: None,
        question: frame(number),
        answer: frame(number),
    }
}

fn question(words: &[&str], number: u32) -> Resolution {
    Resolution {
        client: words[0].parse().unwrap(),
        resolver: words[1].parse().unwrap(),
        name: words[2].to_owned(),
        kind: 1,
        asked: at(words[4].parse().unwrap()),
        question: frame(number),
        answer: None,
        result: match words[3] {
            "resolved" => ResolutionResult::Resolved,
            "empty" => ResolutionResult::Empty,
            "unanswered" => ResolutionResult::Unanswered,
            "conflicting" => ResolutionResult::Conflicting,
            code => ResolutionResult::Failed(code.parse().unwrap()),
        },
    }
}

fn announcement(words: &[&str], number: u32) -> Announcement {
    Announcement {
        client: words[0].parse().unwrap(),
        server: words[1].parse().unwrap(),
        elsewhere: None,
        host: words.iter().find_map(|word| word.strip_prefix("host=")).map(str::to_owned),
        port: words[2].parse().unwrap(),
        by: match () {
            () if words.contains(&"browser") => Announcer::Browser,
            () if words.iter().any(|word| word.starts_with("host=")) => Announcer::Activation,
            () => Announcer::EndpointMapper,
        },
        interface: "0b1c2170".to_owned(),
        at: at(words[3].parse().unwrap()),
        frame: frame(number),
    }
}
