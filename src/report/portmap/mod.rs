//! An audit or a documented matrix in, its port map out: the subject in the middle, who calls it on
//! the left, whom it calls on the right, one line per documented row, and apart from them what
//! nothing documents. Knows who is joined to whom; `draw` knows where that stands on the picture.

use std::collections::BTreeMap;

use super::markup::Markup;
use super::words::{self, RowSums, Tone};
use crate::audit::{Audit, RowResult, RowStatus};
use crate::matrix::{Matrix, RoleId, Row, Standing};

mod draw;
mod marks;

/// The styles that the map needs, for the style block of the document that holds it.
pub const STYLE: &str = include_str!("portmap.css");

/// A port map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortMap {
    title: String,
    description: String,
    subject: String,
    subject_note: String,
    edges: Vec<Edge>,
    strays: Vec<Stray>,
    more_strays: usize,
}

/// One documented row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    id: String,
    from: End,
    to: End,
    services: String,
    status: Option<RowStatus>,
    note: String,
}

/// One end of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    title: String,
    note: String,
}

/// Something that was seen and is not documented.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stray {
    heading: String,
    summary: String,
    tone: Tone,
}

impl PortMap {
    /// The map of an audit, its rows by status, with the undocumented findings below them.
    #[must_use]
    pub fn of_audit(audit: &Audit) -> Self {
        let subject = subject_of(audit).to_owned();
        let players = audit.site.roles.get(&audit.site.subject).map(|players| players.join(", "));
        let strays: Vec<Stray> = audit
            .findings
            .iter()
            .filter(|finding| !is_about_a_row(&finding.kind))
            .take(MOST_STRAYS)
            .map(|finding| Stray {
                heading: format!("{}, {}", finding.kind, words::count(finding.flows, "flow")),
                summary: finding.summary.clone(),
                tone: if finding.severity == "high" { Tone::Bad } else { Tone::Mixed },
            })
            .collect();
        let all = audit.findings.iter().filter(|finding| !is_about_a_row(&finding.kind)).count();
        Self {
            title: format!("Port map: {}", audit.site.name),
            description: description(audit, all),
            subject,
            subject_note: players.unwrap_or_default(),
            edges: audit.rows.iter().take(MOST_EDGES).map(Edge::of_result).collect(),
            more_strays: all.saturating_sub(strays.len()),
            strays,
        }
    }

    /// The map of the documented matrix alone. `with_site`: whether a site says who plays the roles
    /// and what is switched on; without one every row is drawn as it is documented.
    #[must_use]
    pub fn of_matrix(matrix: &Matrix, with_site: bool) -> Self {
        let audited = |row: &&Row| matrix.packs.get(row.pack).is_some_and(|pack| pack.audited);
        let titles: Vec<String> = matrix
            .packs
            .iter()
            .filter(|pack| pack.audited)
            .map(|pack| format!("{} {}", pack.title, pack.version))
            .collect();
        let edges: Vec<Edge> = matrix
            .rows
            .iter()
            .filter(audited)
            .take(MOST_EDGES)
            .map(|row| Edge::of_row(matrix, row, with_site))
            .collect();
        let subject = end_of(matrix, &[matrix.subject], with_site);
        Self {
            title: titles.join(", "),
            description: format!(
                "{}, each an arrow from who starts it to who answers",
                words::count(count(&edges), "documented row")
            ),
            subject: subject.title,
            subject_note: subject.note,
            edges,
            strays: Vec::new(),
            more_strays: 0,
        }
    }

    /// The map as an element of an HTML page; [`STYLE`] has to be in the page's style block.
    pub(super) fn element(&self) -> Markup {
        draw::picture(self, None)
    }

    /// The map as an SVG document of its own.
    #[must_use]
    pub fn document(&self) -> Vec<u8> {
        let mut svg = draw::picture(self, Some(STYLE));
        svg.raw("\n");
        svg.as_bytes().to_vec()
    }
}

impl Edge {
    fn of_result(row: &RowResult) -> Self {
        let mixed = row.atoms.iter().any(|atom| atom.status != row.status);
        let services: Vec<String> = row
            .atoms
            .iter()
            .map(|atom| {
                if mixed { format!("{} {}", Tone::of(atom.status).mark(), atom.service) } else { atom.service.clone() }
            })
            .collect();
        let sums = RowSums::of(row);
        let end = |title: &String| End { title: title.clone(), note: String::new() };
        let note = if sums.flows == 0 {
            String::new()
        } else {
            format!("{}, {}", words::count(sums.flows, "flow"), words::count(sums.peer_count(), "peer"))
        };
        Self {
            id: row.id.clone(),
            from: end(&row.from),
            to: end(&row.to),
            services: services.join(", "),
            status: Some(row.status),
            note,
        }
    }

    fn of_row(matrix: &Matrix, row: &Row, with_site: bool) -> Self {
        let services: Vec<String> = row
            .atoms
            .iter()
            .map(|atom| {
                let application = atom.application.map_or("any", |application| application.name());
                let optional = if atom.optional { " optional" } else { "" };
                format!("{application} {}{optional}", atom.service)
            })
            .collect();
        let status = match row.standing {
            Standing::Live => None,
            Standing::NotApplicable => Some(RowStatus::NotApplicable),
            Standing::Unbound(_) => Some(RowStatus::Unbound),
            Standing::NotObservable => Some(RowStatus::NotObservable),
        };
        Self {
            id: row.id.clone(),
            from: end_of(matrix, &row.from, with_site),
            to: end_of(matrix, &row.to, with_site),
            services: services.join(", "),
            status: status.filter(|_| with_site),
            note: String::new(),
        }
    }
}

/// The roles at one end of a row, and who plays them here.
fn end_of(matrix: &Matrix, roles: &[RoleId], with_site: bool) -> End {
    let roles: Vec<_> = roles.iter().filter_map(|role| matrix.role(*role)).collect();
    let titles: Vec<&str> = roles.iter().map(|role| role.title.as_str()).collect();
    let title = if titles.is_empty() { "anybody".to_owned() } else { titles.join(" or ") };
    let mut players = Vec::new();
    for role in roles.iter().filter(|_| with_site) {
        players.extend(role.addresses.iter().map(|range| match (range.start(), range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }));
        players.extend(role.names.iter().filter(|name| **name != role.title).cloned());
    }
    End { title, note: players.join(", ") }
}

/// The title under which the rows name the subject: the one that is written like its id, else the
/// one that most rows name.
fn subject_of(audit: &Audit) -> &str {
    let mut named: BTreeMap<&str, usize> = BTreeMap::new();
    for title in audit.rows.iter().flat_map(|row| [&row.from, &row.to]) {
        let number = named.entry(title).or_default();
        *number = number.saturating_add(1);
    }
    let like_id = |title: &&str| title.to_lowercase().replace(' ', "-") == audit.site.subject;
    let alike = named.keys().copied().find(like_id);
    let most = named.iter().max_by_key(|(_, number)| **number).map(|(title, _)| *title);
    alike.or(most).unwrap_or(&audit.site.subject)
}

/// What the picture shows, for who cannot see it.
fn description(audit: &Audit, strays: usize) -> String {
    let mut statuses: BTreeMap<String, u64> = BTreeMap::new();
    for row in &audit.rows {
        let number = statuses.entry(row.status.name().to_owned()).or_default();
        *number = number.saturating_add(1);
    }
    let rows = words::count(count(&audit.rows), "documented row");
    let strays = words::count(u64::try_from(strays).unwrap_or(u64::MAX), "finding");
    format!(
        "{rows}: {}; {strays} about traffic that no row documents. The tables below say the same in words.",
        words::tally(&statuses)
    )
}

fn count<Item>(items: &[Item]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

/// Whether findings of this kind speak of a documented row, and not of a stray flow or a waiver.
pub(super) fn is_about_a_row(kind: &str) -> bool {
    matches!(kind, "partial" | "blocked" | "wrong-protocol" | "name-failed" | "missing" | "expired-waiver")
}

const MOST_EDGES: usize = 300;
const MOST_STRAYS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Site;

    fn check(site: &Site, with_site: bool, parts: &[&str]) {
        let matrix = Matrix::load(site).unwrap();
        let svg = String::from_utf8(PortMap::of_matrix(&matrix, with_site).document()).unwrap();
        for part in parts {
            assert!(svg.contains(part), "{part} is not in\n{svg}");
        }
        assert!(!svg.contains("<script"));
    }

    #[test]
    fn a_matrix_is_drawn_with_and_without_a_site() {
        let mut site = Site::default();
        check(&site, false, &["AMS-13", "epm tcp/135", "SQL database", "xmlns="]);
        site.bind("domain-controllers", "10.77.10.11-10.77.10.12").unwrap();
        check(&site, true, &["10.77.10.11-10.77.10.12", "unbound", "not-applicable"]);
    }
}
