//! What was seen and what was thought of it in, one line per flow out, in order of first packet, so
//! that anyone can check us against Zeek, tshark or a spreadsheet. Never leaves a flow out.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{community, escape, json, words};
use crate::audit::{FlowVerdict, PerFlow};
use crate::dissect::{ClaimSource, Payload};
use crate::flow::{Conversation, Outcome};
use crate::ledger::{Binding, Observation};
use crate::matrix::{Declared, Matrix, name_matches};
use crate::wire::Transport;

/// In which form the flow log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A table with a header line.
    Csv,
    /// One JSON object per line.
    JsonLines,
}

/// The columns, in order, in both forms.
pub const COLUMNS: [&str; 25] = [
    "flow",
    "first",
    "last",
    "transport",
    "originator",
    "originator_port",
    "responder",
    "responder_port",
    "vlan",
    "direction_basis",
    "originator_packets",
    "originator_bytes",
    "responder_packets",
    "responder_bytes",
    "outcome",
    "application",
    "name",
    "basis",
    "verdict",
    "kind",
    "rows",
    "nearest",
    "file",
    "first_frame",
    "community_id",
];

/// Writes the flow log. `verdicts` is parallel to the flows of `seen`.
///
/// # Errors
/// Whatever `out` met.
pub fn write(
    out: &mut dyn Write,
    form: Form,
    seen: &Observation,
    verdicts: &PerFlow<FlowVerdict>,
    matrix: &Matrix,
) -> io::Result<()> {
    write_header(out, form)?;
    write_lines(out, form, seen, verdicts, matrix, (1..).zip(0..seen.flows.len()))
}

/// Writes what stands above the lines.
///
/// # Errors
/// Whatever `out` met.
pub fn write_header(out: &mut dyn Write, form: Form) -> io::Result<()> {
    match form {
        Form::Csv => write_csv(out, std::iter::once(COLUMNS)),
        Form::JsonLines => Ok(()),
    }
}

/// Writes the lines of some flows: each with its number in the log and its index among those of `seen`.
///
/// # Errors
/// Whatever `out` met.
pub fn write_lines(
    out: &mut dyn Write,
    form: Form,
    seen: &Observation,
    verdicts: &PerFlow<FlowVerdict>,
    matrix: &Matrix,
    which: impl Iterator<Item = (u64, usize)>,
) -> io::Result<()> {
    let names = Names::of(seen);
    let around = Surroundings { seen, matrix, names: &names };
    let lines =
        which.filter_map(|(number, index)| Some(cells(number, seen.flows.get(index)?, verdicts.get(index)?, &around)));
    match form {
        Form::Csv => write_csv(out, lines.map(|line| line.map(|cell| csv_cell(&cell)))),
        Form::JsonLines => lines.map(Line).try_for_each(|line| json::write_line(out, &line)),
    }
}

/// What a flow's line needs beside the flow.
struct Surroundings<'log> {
    seen: &'log Observation,
    matrix: &'log Matrix,
    names: &'log Names<'log>,
}

/// One cell; an absent one is empty in CSV and `null` in JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cell {
    Text(String),
    Number(u64),
    Absent,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn option(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Absent, Self::text)
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Absent => serializer.serialize_none(),
        }
    }
}

struct Line([Cell; COLUMNS.len()]);

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (column, cell) in COLUMNS.iter().zip(&self.0) {
            map.serialize_entry(column, cell)?;
        }
        map.end()
    }
}

fn cells(number: u64, flow: &Conversation, verdict: &FlowVerdict, around: &Surroundings<'_>) -> [Cell; COLUMNS.len()] {
    let place = flow.first_frame;
    let input = usize::try_from(place.input).ok().and_then(|index| around.seen.inputs.get(index));
    let nearest = verdict.nearest.and_then(|row| around.matrix.row(row));
    [
        Cell::Number(number),
        Cell::Text(words::time(flow.first)),
        Cell::Text(words::time(flow.last)),
        Cell::Text(flow.transport.to_string()),
        Cell::Text(flow.originator().address.to_string()),
        Cell::Number(flow.originator().port.into()),
        Cell::Text(flow.responder().address.to_string()),
        Cell::Number(flow.responder().port.into()),
        flow.vlan().map_or(Cell::Absent, |vlan| Cell::Number(vlan.into())),
        Cell::text(flow.direction_basis.name()),
        Cell::Number(flow.sent.packets),
        Cell::Number(flow.sent.bytes),
        Cell::Number(flow.received.packets),
        Cell::Number(flow.received.bytes),
        Cell::text(flow.outcome.name()),
        Cell::option(application(flow)),
        Cell::option(around.names.of_flow(flow).or_else(|| declared(flow, verdict, around))),
        Cell::option(verdict.basis.map(crate::matrix::Basis::name)),
        Cell::text(verdict.verdict.name()),
        Cell::option(verdict.kind.map(crate::audit::Kind::name)),
        Cell::Text(row_ids(verdict, around.matrix)),
        Cell::option(nearest.map(|row| row.id.as_str())),
        Cell::option(input.map(|input| input.path.as_str())),
        Cell::Number(place.number.into()),
        community_id(flow),
    ]
}

/// A flow that stands for many has no identifier of its own.
fn community_id(flow: &Conversation) -> Cell {
    let (from, to) = (flow.originator(), flow.responder());
    match (flow.folded(), flow.transport, flow.outcome) {
        (1.., _, _) => Cell::Absent,
        // A flow does not keep its ICMP type. What is asked and answered in ICMPv4 is echo, type 8
        // and code 0; other messages go by ports of 0.
        (0, Transport::ICMP, Outcome::Answered) => {
            Cell::Text(community::icmp_id(flow.transport, from.address, to.address, (8, 0)))
        }
        (0, _, _) => Cell::Text(community::id(flow.transport, from, to)),
    }
}

fn application(flow: &Conversation) -> Option<&'static str> {
    match &*flow.payload {
        Payload::Recognised(recognised) => recognised.application.map(crate::dissect::Application::name),
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
    }
}

/// The declared name by which a row fits a flow that nothing else names.
fn declared<'a>(flow: &Conversation, verdict: &FlowVerdict, around: &Surroundings<'a>) -> Option<&'a str> {
    if verdict.basis != Some(crate::matrix::Basis::Declared) {
        return None;
    }
    let Declared { hosts, trusts_captures } = &around.matrix.declared;
    let given = hosts.iter().flat_map(|hosts| &hosts.names).map(|(address, name)| (*address, name.as_str()));
    let inputs = around.seen.inputs.iter().filter(|_| *trusts_captures).flat_map(|input| &input.declared);
    let all = given.chain(inputs.map(|one| (one.address, one.name.as_str())));
    let means = |name: &str| {
        let rows = verdict.atoms.iter().filter_map(|atom| around.matrix.row(atom.row));
        let mut roles = rows.flat_map(|row| &row.to).filter_map(|role| around.matrix.role(*role));
        roles.any(|role| role.names.iter().any(|pattern| name_matches(pattern, name)))
    };
    all.filter(|(address, _)| *address == flow.responder().address).map(|(_, name)| name).find(|name| means(name))
}

/// The ids of all rows that fit, each once, in document order.
fn row_ids(verdict: &FlowVerdict, matrix: &Matrix) -> String {
    let mut rows: Vec<_> = verdict.atoms.iter().map(|atom| atom.row).collect();
    rows.dedup();
    let ids: Vec<&str> = rows.into_iter().filter_map(|row| matrix.row(row)).map(|row| row.id.as_str()).collect();
    ids.join(" ")
}

/// What each client was told that an address is called.
struct Names<'seen>(BTreeMap<(IpAddr, IpAddr), Vec<&'seen Binding>>);

impl<'seen> Names<'seen> {
    fn of(seen: &'seen Observation) -> Self {
        let mut names: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for binding in &seen.bindings {
            names.entry((binding.client, binding.address)).or_default().push(binding);
        }
        Self(names)
    }

    /// What the flow says itself, else the last name that its originator was given for the responder.
    fn of_flow<'a>(&'a self, flow: &'a Conversation) -> Option<&'a str> {
        let given = || {
            let bindings = self.0.get(&(flow.originator().address, flow.responder().address))?;
            let holds = |binding: &&&Binding| binding.holds(flow.first);
            bindings.iter().rev().find(holds).map(|binding| binding.name.as_str())
        };
        claimed(flow).or_else(given)
    }
}

fn claimed(flow: &Conversation) -> Option<&str> {
    let Payload::Recognised(recognised) = &*flow.payload else { return None };
    let rank = |source: ClaimSource| match source {
        ClaimSource::Sni | ClaimSource::RivalSni => 0u8,
        ClaimSource::Connect(_) => 1,
        ClaimSource::Host => 2,
        ClaimSource::OuterSni => 3,
        ClaimSource::Certificate => 4,
        ClaimSource::RootDse | ClaimSource::CatalogRootDse => 5,
    };
    recognised.claims.iter().min_by_key(|claim| rank(claim.source)).map(|claim| claim.name.as_str())
}

fn write_csv<T: AsRef<[u8]>>(
    out: &mut dyn Write,
    mut lines: impl Iterator<Item = [T; COLUMNS.len()]>,
) -> io::Result<()> {
    let mut table = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::NonNumeric).from_writer(out);
    lines.try_for_each(|line| table.write_record(line))?;
    table.flush()
}

fn csv_cell(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => escape::csv(text).into_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Absent => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::{Fitting, Kind, Verdict};
    use crate::dissect::{Application, Claim, Recognised};
    use crate::flow::{Counts, DirectionBasis, Endpoint};
    use crate::ledger::Input;
    use crate::matrix::{Basis, MatrixParts, MinimumBasis, RoleId};
    use crate::wire::{FrameRef, Timestamp};

    fn seen(name: &str) -> Observation {
        let end = |address: &str, port| Endpoint { address: address.parse().unwrap(), port };
        let claims = vec![Claim { source: ClaimSource::Sni, name: name.to_owned() }];
        let payload = Recognised { application: Some(Application::Https), claims, ..Recognised::default() };
        let payload = Arc::new(Payload::Recognised(payload));
        let mut flow = Conversation::new(end("10.0.0.1", 50_000), end("10.0.0.2", 443), Transport::TCP, payload);
        flow.direction_basis = DirectionBasis::Syn;
        flow.outcome = Outcome::Established;
        flow.first = Timestamp::from_nanoseconds(1);
        flow.last = Timestamp::from_nanoseconds(2_000_000_000);
        flow.sent = Counts { packets: 3, bytes: 400, payload: 200 };
        flow.received = Counts { packets: 2, bytes: 300, payload: 100 };
        flow.first_frame = FrameRef { input: 0, number: 9 };
        flow.set_vlan(Some(7));
        let inputs = vec![Input { path: "a.pcap".into(), ..Input::default() }];
        Observation { flows: vec![flow], inputs, ..Observation::default() }
    }

    fn matrix() -> Matrix {
        Matrix::from_parts(MatrixParts {
            packs: Vec::new(),
            roles: Vec::new(),
            rows: Vec::new(),
            subject: RoleId(0),
            vantage: None,
            minimum: MinimumBasis::default(),
            waivers: Vec::new(),
            site: String::new(),
            site_file: None,
            features: Vec::new(),
        })
    }

    fn check(form: Form, name: &str, expected: &str) {
        let verdict = FlowVerdict {
            verdict: Verdict::Unexpected,
            kind: Some(Kind::UnlistedPeer),
            basis: Some(Basis::Sni),
            atoms: Fitting::NONE,
            nearest: None,
        };
        let mut written = Vec::new();
        write(&mut written, form, &seen(name), &[verdict].into_iter().collect(), &matrix()).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert_eq!(written.lines().last().unwrap(), expected);
        if form == Form::Csv {
            assert_eq!(written.lines().next().unwrap().replace('"', ""), COLUMNS.join(","));
        }
    }

    #[test]
    fn one_flow_is_one_line() {
        check(
            Form::Csv,
            "x.example",
            r#"1,"1970-01-01T00:00:00.000000001Z","1970-01-01T00:00:02.000000000Z","tcp","10.0.0.1",50000,"10.0.0.2",443,7,"syn",3,400,2,300,"established","https","x.example","sni","unexpected","unlisted peer","","","a.pcap",9,"1:B4H0bMN0Rih3qr9C82AA7esBYLM=""#,
        );
        check(
            Form::JsonLines,
            "=\x1b[2J",
            r#"{"flow":1,"first":"1970-01-01T00:00:00.000000001Z","last":"1970-01-01T00:00:02.000000000Z","transport":"tcp","originator":"10.0.0.1","originator_port":50000,"responder":"10.0.0.2","responder_port":443,"vlan":7,"direction_basis":"syn","originator_packets":3,"originator_bytes":400,"responder_packets":2,"responder_bytes":300,"outcome":"established","application":"https","name":"=\u001b[2J","basis":"sni","verdict":"unexpected","kind":"unlisted peer","rows":"","nearest":null,"file":"a.pcap","first_frame":9,"community_id":"1:B4H0bMN0Rih3qr9C82AA7esBYLM="}"#,
        );
    }

    #[test]
    fn formulas_are_defused() {
        let mut written = Vec::new();
        let lines = std::iter::once(std::array::from_fn(|_| Cell::text("=1+1\x1b")));
        write_csv(&mut written, lines.map(|line| line.map(|cell| csv_cell(&cell)))).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.lines().last().unwrap().split(',').all(|cell| cell == r#""'=1+1\x1b""#), "{written}");
    }
}
