//! A pack in, a text of it out: TOML, Markdown, CSV or JSON. Pure; terminal tables are made by the
//! reports. The Markdown and CSV forms are the four-column tables that `matrix import` reads.

use super::Player;
use super::model::{Direction, Need, Severity};
use super::pack::{DEFAULT_WINDOW, DefaultPlayers, Pack, PackRole, PackRow};
use super::reader::duration_text;
use super::services::{PortTerm, Service};
use crate::dissect::Application;

/// The pack as TOML that [`Pack::parse`] reads back.
#[must_use]
pub fn toml(pack: &Pack) -> String {
    let mut out = String::from("[pack]\n");
    pair(&mut out, "id", &pack.id);
    pair(&mut out, "title", &pack.title);
    for (key, value) in [("version", &pack.version), ("reference", &pack.reference), ("subject", &pack.subject)] {
        if !value.is_empty() {
            pair(&mut out, key, value);
        }
    }
    pack.roles.iter().for_each(|role| toml_role(&mut out, role));
    for feature in &pack.features {
        out.push_str(&format!("\n[features.{}]\n", key(&feature.id)));
        pair(&mut out, "title", &feature.title);
        out.push_str(&format!("default = {}\n", feature.default));
    }
    pack.rows.iter().for_each(|row| toml_row(&mut out, row));
    out
}

fn toml_role(out: &mut String, role: &PackRole) {
    out.push_str(&format!("\n[roles.{}]\n", key(&role.id)));
    pair(out, "title", &role.title);
    match &role.default {
        DefaultPlayers::Nobody => {}
        DefaultPlayers::Role(other) => pair(out, "default", other),
        DefaultPlayers::AllPlayers => pair(out, "default", "*"),
        DefaultPlayers::Broadcasts => pair(out, "default", "broadcast"),
    }
    let is_name = |player: &&Player| matches!(player, Player::Name(_));
    let names: Vec<String> = role.players.iter().filter(is_name).map(ToString::to_string).collect();
    let addresses: Vec<String> =
        role.players.iter().filter(|player| !is_name(player)).map(ToString::to_string).collect();
    list(out, "names", &names);
    list(out, "addresses", &addresses);
}

fn toml_row(out: &mut String, row: &PackRow) {
    out.push_str("\n[[row]]\n");
    pair(out, "id", &row.id);
    for (key, roles) in [("from", &row.from), ("to", &row.to)] {
        match roles.as_slice() {
            [] => pair(out, key, "any"),
            [role] => pair(out, key, role),
            _ => list(out, key, roles),
        }
    }
    if row.direction == Direction::Either {
        pair(out, "direction", "either");
    }
    list(out, "services", &row.services.iter().map(ToString::to_string).collect::<Vec<_>>());
    pair(out, "purpose", &row.purpose);
    if row.need == Need::Optional {
        pair(out, "need", "optional");
    }
    list(out, "when", &row.when);
    if row.window != DEFAULT_WINDOW {
        pair(out, "window", &duration_text(row.window));
    }
    list(out, "vantage", &row.vantage);
    if let Some(severity) = row.severity {
        pair(out, "severity", severity_word(severity));
    }
    for (key, value) in [("reference", &row.reference), ("phase", &row.phase)] {
        if !value.is_empty() {
            pair(out, key, value);
        }
    }
}

fn pair(out: &mut String, key: &str, value: &str) {
    out.push_str(&format!("{key} = {}\n", basic_string(value)));
}

fn list(out: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        let values: Vec<String> = values.iter().map(|value| basic_string(value)).collect();
        out.push_str(&format!("{key} = [{}]\n", values.join(", ")));
    }
}

/// An id with a dot is a quoted key, else TOML takes it for a path.
fn key(id: &str) -> String {
    if id.contains('.') { basic_string(id) } else { id.to_owned() }
}

/// A TOML basic string.
fn basic_string(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The word of packs for a severity.
#[must_use]
pub const fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}

/// Source, destination, destination ports and description of every row, in document order.
#[must_use]
pub fn cells(pack: &Pack) -> Vec<[String; 4]> {
    let rows = pack.rows.iter();
    rows.map(|row| [ends(pack, &row.from), ends(pack, &row.to), ports(row), description(row)]).collect()
}

/// The pack as a Markdown table of four columns.
#[must_use]
pub fn markdown(pack: &Pack) -> String {
    let cell = |text: &str| text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ");
    let mut out = format!("# {}\n\n", cell(&pack.title));
    out.push_str("| Source | Destination | Destination ports | Description |\n| --- | --- | --- | --- |\n");
    for row in cells(pack) {
        out.push_str(&format!("| {} |\n", row.map(|text| cell(&text)).join(" | ")));
    }
    out
}

/// The pack as comma-separated values of four columns (RFC 4180).
#[must_use]
pub fn csv(pack: &Pack) -> String {
    // A cell that begins like a formula is defused, as in every table that leaves the house.
    let defused = |text: String| if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text };
    let cell = |text: String| {
        let text = defused(text);
        if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let mut out = String::from("Source,Destination,Destination ports,Description\n");
    for row in cells(pack) {
        out.push_str(&row.map(cell).join(","));
        out.push('\n');
    }
    out
}

/// The pack as JSON, one object.
#[must_use]
pub fn json(pack: &Pack) -> serde_json::Value {
    let roles = pack.roles.iter().map(|role| {
        let default = match &role.default {
            DefaultPlayers::Nobody => serde_json::Value::Null,
            DefaultPlayers::Role(other) => other.as_str().into(),
            DefaultPlayers::AllPlayers => "*".into(),
            DefaultPlayers::Broadcasts => "broadcast".into(),
        };
        let players: Vec<String> = role.players.iter().map(ToString::to_string).collect();
        serde_json::json!({"id": role.id, "title": role.title, "default": default, "players": players})
    });
    let features = pack.features.iter();
    let features = features.map(|f| serde_json::json!({"id": f.id, "title": f.title, "default": f.default}));
    serde_json::json!({
        "schema": "flowaudit.pack/1",
        "id": pack.id,
        "title": pack.title,
        "version": pack.version,
        "reference": pack.reference,
        "subject": pack.subject,
        "sha256": pack.sha256,
        "roles": roles.collect::<Vec<_>>(),
        "features": features.collect::<Vec<_>>(),
        "rows": pack.rows.iter().map(json_row).collect::<Vec<_>>(),
    })
}

fn json_row(row: &PackRow) -> serde_json::Value {
    serde_json::json!({
        "id": row.id,
        "from": row.from,
        "to": row.to,
        "direction": match row.direction { Direction::Forward => "forward", Direction::Either => "either" },
        "services": row.services.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "purpose": row.purpose,
        "need": match row.need { Need::Required => "required", Need::Optional => "optional" },
        "when": row.when,
        "window": duration_text(row.window),
        "vantage": row.vantage,
        "severity": row.severity.map(severity_word),
        "reference": row.reference,
        "phase": row.phase,
    })
}

fn ends(pack: &Pack, roles: &[String]) -> String {
    let title = |id: &String| pack.role(id).map_or_else(|| id.clone(), |role| role.title.clone());
    if roles.is_empty() { "any".to_owned() } else { roles.iter().map(title).collect::<Vec<_>>().join(" / ") }
}

fn ports(row: &PackRow) -> String {
    let service = |service: &Service| {
        let label = service.application.map_or("", Application::name);
        let transport = service.transport.to_string();
        let terms: Vec<String> = match &service.ports {
            None => vec![transport.to_uppercase()],
            Some(terms) => {
                terms.iter().map(|term| format!("{} {}", transport.to_uppercase(), default_ports(term))).collect()
            }
        };
        let named = terms.iter().map(|term| format!("{} {term}", label.to_uppercase()).trim().to_owned());
        let same = label == transport;
        if same { terms.join(", ") } else { named.collect::<Vec<_>>().join(", ") }
    };
    row.services.iter().map(service).collect::<Vec<_>>().join(", ")
}

/// The services of a row as the document gives them, one text each: variables stand for their
/// defaults.
#[must_use]
pub fn services(row: &PackRow) -> Vec<String> {
    let filled = |service: &Service| {
        let mut service = service.clone();
        for term in service.ports.iter_mut().flatten() {
            if let PortTerm::Variable { default: Some(range), .. } = term {
                *term = PortTerm::Range(range.clone());
            }
        }
        service.to_string()
    };
    row.services.iter().map(filled).collect()
}

/// The ports as the document gives them: a variable stands for its default.
fn default_ports(term: &PortTerm) -> String {
    match term {
        PortTerm::Variable { default: Some(range), .. } => super::services::ports_text(range),
        PortTerm::Range(_) | PortTerm::Variable { default: None, .. } => term.to_string(),
    }
}

fn description(row: &PackRow) -> String {
    let optional = if row.need == Need::Optional { " (optional)" } else { "" };
    format!("{}{optional}", row.purpose)
}
