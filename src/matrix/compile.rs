//! Packs and a site in, a [`Matrix`] or every fault out. Roles get their players, variables their
//! ports, and every row its standing. Knows no packets and no clock.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::compiled::{Matrix, MatrixParts};
use super::diagnostics::{Fault, Faults, did_you_mean, quoted};
use super::model::{Atom, Need, PackInfo, Ports, Role, RoleId, Row, Severity, Standing};
use super::pack::{Pack, PackRow};
use super::roles::{Cast, PROXY};
use super::services::{PortTerm, Service, has_ports, ports_text};
use super::shipped::{load_pack, shipped};
use super::site::{Setting, Site};
use super::waiver::{joined_ports, resolve_all};

impl Matrix {
    /// Reads the packs that the site names, and compiles them.
    ///
    /// # Errors
    /// Every fault of every pack and of the site.
    pub fn load(site: &Site) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut read = |names: &[String]| -> Vec<Pack> {
            let packs = names.iter().map(|name| load_pack(name));
            packs.filter_map(|pack| pack.map_err(|more| faults.append(more)).ok()).collect()
        };
        let (audited, baseline) = (read(&site.packs), read(&site.baseline));
        faults.or(())?;
        Self::compile(&audited, &baseline, site)
    }

    /// Resolves packs against a site. The subject is that of the first audited pack.
    ///
    /// # Errors
    /// Every fault at once: unknown roles, features and variables of the site, roles that default
    /// to each other in a circle, variables without a value, packs given twice.
    pub fn compile(audited: &[Pack], baseline: &[Pack], site: &Site) -> Result<Self, Faults> {
        let mut compiler = Compiler::new(audited, baseline, site);
        compiler.check_packs();
        compiler.check_site();
        let roles = compiler.cast.resolve(site, &mut compiler.faults);
        let features = compiler.features();
        let subject = compiler.subject();
        let vantage = compiler.vantage(subject);
        let rows = compiler.rows(&roles, &features, vantage);
        let waivers = resolve_all(site, &roles, &mut compiler.faults);
        compiler.warn(&roles, &rows, subject);
        let packs = compiler.packs.iter().map(|(pack, audited)| pack_info(pack, *audited)).collect();
        let parts = MatrixParts {
            packs,
            roles,
            rows,
            subject,
            vantage,
            minimum: site.basis,
            waivers,
            site: site.name.clone(),
            site_file: site.file.clone(),
            features,
        };
        compiler
            .faults
            .or(())
            .map(|()| Self::from_parts(parts).with_warnings(compiler.warnings).with_declared(site.declared.clone()))
    }
}

struct Compiler<'site> {
    packs: Vec<(&'site Pack, bool)>,
    site: &'site Site,
    cast: Cast<'site>,
    faults: Faults,
    warnings: Vec<String>,
}

impl<'site> Compiler<'site> {
    fn new(audited: &'site [Pack], baseline: &'site [Pack], site: &'site Site) -> Self {
        let packs: Vec<(&Pack, bool)> =
            audited.iter().map(|pack| (pack, true)).chain(baseline.iter().map(|pack| (pack, false))).collect();
        let cast = Cast::new(&packs);
        Self { packs, site, cast, faults: Faults::default(), warnings: Vec::new() }
    }

    fn check_packs(&mut self) {
        if !self.packs.iter().any(|(_, audited)| *audited) {
            self.faults.push(Fault::whole("site", "no pack is audited").help("name one under `packs`, or with --pack"));
        }
        let (mut ids, mut rows) = (HashSet::new(), HashSet::new());
        for (pack, _) in &self.packs {
            if !ids.insert(&pack.id) {
                let message = format!("the pack {} is used twice", quoted(&pack.id));
                self.faults.push(Fault::whole(&pack.source.path, message));
                continue;
            }
            for row in pack.rows.iter().filter(|row| !rows.insert(&row.id)) {
                let message = format!("the row id {} stands in two packs", quoted(&row.id));
                let help = "row ids appear in reports without their pack: choose others";
                self.faults.push(Fault::at(&pack.source, row.span.clone(), message).help(help));
            }
        }
    }

    /// Every role, feature and variable of the site must be known. Those of shipped packs that are
    /// not used now are known too: one site serves an audit with and without the baseline.
    fn check_site(&mut self) {
        let words = Words::new(&self.packs);
        let site = self.site;
        let roles = site.roles.iter().map(|role| (&role.id, "role", &words.roles));
        let features = site.features.iter().map(|(id, _)| (id, "feature", &words.features));
        let variables = site.variables.iter().map(|(id, _)| (id, "variable", &words.variables));
        for (setting, kind, known) in roles.chain(features).chain(variables) {
            if !known.contains(&setting.text) {
                self.unknown(setting, kind, known);
            }
        }
    }

    fn unknown(&mut self, setting: &Setting, kind: &str, known: &[String]) {
        let help = did_you_mean(&setting.text, known.iter().map(String::as_str));
        let help = help.or_else(|| Some(format!("the {kind}s of these packs are {}", known.join(", "))));
        self.faults.push(self.site.fault(setting, format!("unknown {kind} {}", quoted(&setting.text)), help));
    }

    fn features(&self) -> Vec<(String, bool)> {
        let mut features: Vec<(String, bool)> = Vec::new();
        for feature in self.packs.iter().flat_map(|(pack, _)| &pack.features) {
            if !features.iter().any(|(id, _)| *id == feature.id) {
                let set = self.site.features.iter().find(|(setting, _)| setting.text == feature.id);
                features.push((feature.id.clone(), set.map_or(feature.default, |(_, on)| *on)));
            }
        }
        features
    }

    fn subject(&mut self) -> RoleId {
        let audited: Vec<&Pack> = self.packs.iter().filter(|(_, audited)| *audited).map(|(pack, _)| *pack).collect();
        let Some(first) = audited.first() else { return RoleId(0) };
        for pack in audited.iter().filter(|pack| pack.subject != first.subject) {
            self.warnings
                .push(format!("pack {} is about {}, but the audit is about {}", pack.id, pack.subject, first.subject));
        }
        self.cast.id(&first.subject).unwrap_or_else(|| {
            let help = "add `subject = \"role\"` under [pack]";
            self.faults.push(Fault::whole(&first.source.path, "the audited pack names no subject").help(help));
            RoleId(0)
        })
    }

    fn vantage(&mut self, subject: RoleId) -> Option<RoleId> {
        let Some(setting) = &self.site.vantage else { return Some(subject) };
        if setting.text == "mirror" {
            return None;
        }
        let role = self.cast.id(&setting.text);
        if role.is_none() {
            let known: Vec<&str> = self.cast.ids().chain(["mirror"]).collect();
            let help = did_you_mean(&setting.text, known.iter().copied());
            let help = help.or_else(|| Some("the vantage is a role, or `mirror`".to_owned()));
            self.faults.push(self.site.fault(setting, format!("unknown vantage {}", quoted(&setting.text)), help));
        }
        role
    }

    fn rows(&mut self, roles: &[Role], features: &[(String, bool)], vantage: Option<RoleId>) -> Vec<Row> {
        let mut rows = Vec::new();
        let packs = self.packs.clone();
        for (number, (pack, audited)) in packs.into_iter().enumerate() {
            for row in &pack.rows {
                let (from, to) = (self.role_ids(&row.from), self.role_ids(&row.to));
                let seen_at = self.role_ids(&row.vantage);
                let standing = if !row.when.iter().all(|id| features.iter().any(|(known, on)| known == id && *on)) {
                    Standing::NotApplicable
                } else if !observable(vantage, &seen_at, &from, &to) {
                    Standing::NotObservable
                } else {
                    unplayed(roles, (&from, &to)).map_or(Standing::Live, Standing::Unbound)
                };
                rows.push(Row {
                    id: row.id.clone(),
                    pack: number,
                    from,
                    to,
                    direction: row.direction,
                    atoms: row.services.iter().map(|service| self.atom(pack, row, service)).collect(),
                    purpose: row.purpose.clone(),
                    need: row.need,
                    window: self.site.window.unwrap_or(row.window),
                    severity: row.severity.unwrap_or_else(|| severity(row.need, audited)),
                    standing,
                });
            }
        }
        rows
    }

    fn role_ids(&self, ids: &[String]) -> Vec<RoleId> {
        ids.iter().filter_map(|id| self.cast.id(id)).collect()
    }

    fn atom(&mut self, pack: &Pack, row: &PackRow, service: &Service) -> Atom {
        let ports = match &service.ports {
            None => Ports::Any,
            Some(terms) => {
                let ranges = terms.iter().flat_map(|term| self.ports(pack, row, term)).collect();
                Ports::Ranges(joined_ports(ranges))
            }
        };
        Atom {
            service: service_text(service, &ports),
            transport: service.transport,
            ports,
            application: service.application,
            optional: service.optional,
            announced: service.announced,
            group: service.group.clone(),
        }
    }

    fn ports(&mut self, pack: &Pack, row: &PackRow, term: &PortTerm) -> Vec<RangeInclusive<u16>> {
        let (name, default) = match term {
            PortTerm::Range(range) => return vec![range.clone()],
            PortTerm::Variable { name, default } => (name, default),
        };
        if let Some((_, ports)) = self.site.variables.iter().find(|(setting, _)| setting.text == *name) {
            return ports.clone();
        }
        if default.is_none() {
            let message = format!("the variable {} of row {} has no value", quoted(name), quoted(&row.id));
            let fault = Fault::at(&pack.source, row.span.clone(), message);
            self.faults.push(fault.help(format!("set `{name}` under [variables] in the site")));
        }
        default.iter().cloned().collect()
    }

    fn warn(&mut self, roles: &[Role], rows: &[Row], subject: RoleId) {
        let subject = self.cast.declared(subject).unwrap_or_default();
        for bound in &self.site.roles {
            if bound.id.text == subject && bound.players.is_empty() {
                self.warnings.push(format!("nobody plays the subject {subject}: no flow can be held against it"));
            }
        }
        self.warnings.extend(super::roles::listed_twice(self.site));
        for (number, role) in (0u32..).map(RoleId).zip(roles) {
            let here = self.site.roles.iter().any(|bound| bound.id.text == role.id && !bound.players.is_empty());
            let speaks = |row: &&Row| row.from.contains(&number) || row.to.contains(&number);
            let mut about = rows.iter().filter(speaks).peekable();
            if here && about.peek().is_some() && about.all(|row| row.standing == Standing::NotApplicable) {
                self.warnings.push(format!("{} has players, but the features that its rows need are off", role.id));
            }
        }
    }
}

/// Words that a site may use.
struct Words {
    roles: Vec<String>,
    features: Vec<String>,
    variables: Vec<String>,
}

impl Words {
    fn new(packs: &[(&Pack, bool)]) -> Self {
        let mut words = Self { roles: Vec::new(), features: Vec::new(), variables: Vec::new() };
        packs.iter().for_each(|(pack, _)| words.take(pack));
        words.roles.push(PROXY.to_owned());
        for (id, text) in shipped() {
            // A shipped pack that is used now was read already, or was replaced by a file.
            if !packs.iter().any(|(pack, _)| pack.id == id) {
                Pack::parse(id, text).iter().for_each(|pack| words.take(pack));
            }
        }
        words
    }

    fn take(&mut self, pack: &Pack) {
        let fresh = |list: &mut Vec<String>, word: &String| {
            if !list.contains(word) {
                list.push(word.clone());
            }
        };
        pack.roles.iter().for_each(|role| fresh(&mut self.roles, &role.id));
        pack.features.iter().for_each(|feature| fresh(&mut self.features, &feature.id));
        for term in pack.rows.iter().flat_map(|row| &row.services).flat_map(|service| service.ports.iter().flatten()) {
            if let PortTerm::Variable { name, .. } = term {
                fresh(&mut self.variables, name);
            }
        }
    }
}

/// Whether a vantage sees a row: a mirror sees all, a row that says nothing is seen at both ends.
fn observable(vantage: Option<RoleId>, seen_at: &[RoleId], from: &[RoleId], to: &[RoleId]) -> bool {
    let Some(vantage) = vantage else { return true };
    if !seen_at.is_empty() {
        return seen_at.contains(&vantage);
    }
    from.is_empty() || to.is_empty() || from.contains(&vantage) || to.contains(&vantage)
}

/// The role to name when nobody plays any role of one of these ends.
pub(super) fn unplayed(roles: &[Role], (from, to): (&[RoleId], &[RoleId])) -> Option<RoleId> {
    nobody(roles, from).or_else(|| nobody(roles, to))
}

fn nobody(roles: &[Role], end: &[RoleId]) -> Option<RoleId> {
    let bound = |id: &RoleId| roles.get(super::index::as_index(id.0)).is_some_and(Role::is_bound);
    if end.iter().any(bound) { None } else { end.first().copied() }
}

/// What a row's silence or blockage weighs: required rows are the product's own needs.
const fn severity(need: Need, audited: bool) -> Severity {
    match (audited, need) {
        (true, Need::Required) => Severity::High,
        (true, Need::Optional) => Severity::Medium,
        (false, _) => Severity::Low,
    }
}

fn service_text(service: &Service, ports: &Ports) -> String {
    match ports {
        Ports::Any if has_ports(service.transport) => format!("{}/*", service.transport),
        Ports::Any => service.transport.to_string(),
        Ports::Ranges(ranges) => {
            let ranges: Vec<String> = ranges.iter().map(ports_text).collect();
            format!("{}/{}", service.transport, ranges.join(","))
        }
    }
}

fn pack_info(pack: &Pack, audited: bool) -> PackInfo {
    PackInfo {
        id: pack.id.clone(),
        title: pack.title.clone(),
        version: pack.version.clone(),
        reference: pack.reference.clone(),
        sha256: pack.sha256.clone(),
        audited,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = "[pack]\nid='p'\ntitle='P'\nsubject='s'\n[roles.s]\n[roles.a]\n[roles.b]\ndefault='a'\n\
        [roles.all]\ndefault='*'\n[roles.cast]\ndefault='broadcast'\n[features.f]\n\
        [[row]]\nid='P1'\nfrom='s'\nto='b'\nservices=['tds tcp/{x:1433}', 'any udp/*']\n\
        [[row]]\nid='P2'\nfrom='s'\nto='a'\nservices='icmp'\nwhen='f'\n\
        [[row]]\nid='P3'\nfrom='a'\nto='b'\nservices='icmp'\nneed='optional'\n\
        [[row]]\nid='P4'\nfrom=['all','cast']\nto='any'\nservices='icmp'\n";

    /// Per row its services, standing and severity; or the faults.
    fn check(site: &str, expected: &[&str]) {
        let pack = Pack::parse("p.toml", PACK).unwrap_or_else(|faults| panic!("{faults}"));
        let site = Site::parse("s.toml", site).unwrap_or_else(|faults| panic!("{faults}"));
        let found: Vec<String> = match Matrix::compile(&[pack], &[], &site) {
            Ok(matrix) => matrix
                .rows
                .iter()
                .map(|row| {
                    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
                    format!("{} {} {:?} {:?}", row.id, services.join(" "), row.standing, row.severity)
                })
                .chain(matrix.warnings().iter().cloned())
                .collect(),
            Err(faults) => faults
                .iter()
                .map(|f| format!("{}:{} {} {}", f.line, f.column, f.message, brief(f.help.as_deref())))
                .collect(),
        };
        assert_eq!(found, expected, "{:?}", site.source.text);
    }

    /// A hint without its list of words.
    fn brief(help: Option<&str>) -> String {
        let help = help.unwrap_or_default();
        help.split_once(" are ").map_or(help.to_owned(), |(head, _)| format!("{head} are …"))
    }

    #[test]
    fn standings() {
        check(
            "[roles]\ns='10.0.0.1'\na='10.0.1.0/24'\n[variables]\nx='11,10'\n",
            &[
                "P1 tcp/10-11 udp/* Live High",
                "P2 icmp NotApplicable High",
                "P3 icmp NotObservable Medium",
                "P4 icmp Live High",
            ],
        );
        check(
            "[site]\nvantage='mirror'\n[features]\nf=true\n[roles]\na=['x.example','x.example']\n",
            &[
                "P1 tcp/1433 udp/* Unbound(RoleId(0)) High",
                "P2 icmp Unbound(RoleId(0)) High",
                "P3 icmp Live Medium",
                "P4 icmp Live High",
                "the role a lists x.example more than once",
            ],
        );
        check(
            "[site]\nvantage='mirorr'\n[roles]\nq='1.1.1.1'\n[features]\nentr=true\n[variables]\ny=1\n",
            &[
                "2:9 unknown vantage `mirorr` did you mean `mirror`?",
                "4:1 unknown role `q` the roles of these packs are …",
                "6:1 unknown feature `entr` did you mean `entra`?",
                "8:1 unknown variable `y` the variables of these packs are …",
            ],
        );
        let waiver = "[[waiver]]\nto='any'\nservice='tcp/1'\nreason='r'\nowner='o'\n";
        check(&format!("{waiver}from='al'\n"), &["6:6 `al` is no role, address or full name did you mean `all`?"]);
    }
}
