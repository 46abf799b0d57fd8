//! A judged audit in, a bundle out that a third party can check and run again: the audit, the flow
//! log, the reports, packs and site as used, the packets behind the findings, digests, manifest and
//! signature. Reads the clock for the signature alone; never makes a key.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::args::{AuditArguments, OutputArguments, SiteArguments};
use super::audit::capture_options;
use super::exit::Failure;
use super::packets;
use crate::audit::{Audit, Judged};
use crate::capture::Inputs;
use crate::ledger::{Input, MAX_FLOWS, Observation};
use crate::matrix::{Matrix, Site, shipped};
use crate::report::bundle::{Builder, Digest, InputSubject, PackMember, Predicate, SecretKey, SiteMember};
use crate::report::flows::{self, Form};
use crate::report::terminal::{Detail, Look};
use crate::report::{csv, html, json, junit, markdown, oscal, sarif, terminal};

/// The member that a second run must equal byte for byte, and the one beside it.
pub const AUDIT: &str = "audit.json";
/// The flow log.
pub const FLOWS: &str = "flows.csv";

/// Evidence that others can check.
#[derive(Debug, Args)]
pub struct EvidenceArguments {
    /// The packets behind the findings as pcapng, each with a comment that names its finding
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// A bundle that a third party can check and run again, in a new directory
    #[arg(long = "evidence", value_name = "DIR")]
    pub bundle: Option<PathBuf>,
    /// Secret key of minisign that signs the bundle; FLOWAUDIT_PASSWORD holds its password
    #[arg(long, value_name = "KEYFILE", requires = "bundle")]
    pub sign: Option<PathBuf>,
}

/// What a bundle is made of.
pub struct Made<'audit> {
    /// The command line.
    pub arguments: &'audit AuditArguments,
    /// The captures, still open.
    pub inputs: &'audit Inputs,
    /// The texts of its packs, as [`texts`] gives them.
    pub packs: &'audit [(String, String)],
    /// The site as used.
    pub site: &'audit Site,
    /// Packs and site, compiled.
    pub matrix: &'audit Matrix,
    /// What was seen.
    pub seen: &'audit Observation,
    /// What was thought of it.
    pub judged: &'audit Judged,
}

/// Refuses, before an hour of reading, what could not be written after it; gives the key that will
/// sign.
///
/// # Errors
/// A capture can be read only once, something stands where the bundle should, or the key is none.
pub fn ready(arguments: &EvidenceArguments, captures: &[PathBuf]) -> Result<Option<SecretKey>, Failure> {
    if arguments.write.is_some() {
        packets::check_files(captures, "-w")?;
    }
    if let Some(target) = &arguments.bundle {
        packets::check_files(captures, "--evidence")?;
        // Begun and dropped: nothing of it stays.
        let begun = Builder::new(target);
        begun.map_err(|fault| Failure::plain(format!("--evidence {}: {fault}", target.display())))?;
    }
    arguments.sign.as_deref().map(key).transpose()
}

fn key(path: &Path) -> Result<SecretKey, Failure> {
    let fault = |fault: io::Error| {
        Failure::plain(format!("--sign {}: {fault}; give a secret key that `minisign -G` wrote", path.display()))
    };
    let text = fs::read_to_string(path).map_err(fault)?;
    SecretKey::parse(&text, password).map_err(fault)
}

/// Writes the bundle, whole or not at all.
///
/// # Errors
/// Whatever stood in the way.
pub fn write(target: &Path, made: &Made<'_>, key: Option<&SecretKey>) -> io::Result<()> {
    let mut bundle = Builder::new(target)?;
    let audit = &made.judged.audit;
    let asked = asked(&made.arguments.outputs);
    for (name, form) in FORMS.into_iter().filter(|(name, _)| asked.iter().all(|(form, asked)| form != name || *asked)) {
        bundle.add(name, |out| form(out, audit))?;
    }
    bundle.add(FLOWS, |out| flow_log(out, made.seen, made.judged, made.matrix))?;
    let inputs = made.seen.inputs.iter().map(subject).collect();
    let comment = format!("timestamp:{}\tfile:SHA256SUMS\thashed", seconds());
    let signer = key.map(|key| (key, comment.as_str()));
    if let Some(redaction) = &audit.redaction {
        bundle.add(LEFT_OUT, |out| out.write_all(WHY_LEFT_OUT.as_bytes()))?;
        let command = ["flowaudit", "audit", "--redact", "KEYFILE"].map(str::to_owned).to_vec();
        let redaction = Some(redaction.key.clone());
        let predicate = Predicate {
            tool: audit.tool.clone(),
            command,
            inputs,
            packs: Vec::new(),
            site: None,
            hosts: None,
            redaction,
        };
        return bundle.seal(predicate, signer);
    }
    let packs = add_packs(&mut bundle, made)?;
    let site = match &made.site.file {
        Some((path, _)) => {
            bundle.add(SITE, |out| out.write_all(made.site.source.text.as_bytes()))?;
            Some(SiteMember { member: SITE.to_owned(), path: path.clone() })
        }
        None => None,
    };
    let hosts = match &made.site.declared.hosts {
        Some(hosts) => {
            bundle.add(HOSTS, |out| out.write_all(hosts.source.text.as_bytes()))?;
            Some(SiteMember { member: HOSTS.to_owned(), path: hosts.path.clone() })
        }
        None => None,
    };
    let options = capture_options(made.arguments, &Arc::default());
    let again = packets::Again { inputs: made.inputs, options: &options };
    bundle.add(PACKETS, |out| packets::write(out, &again, made.seen, made.judged))?;
    let command = command(made.arguments);
    let predicate = Predicate { tool: audit.tool.clone(), command, inputs, packs, site, hosts, redaction: None };
    bundle.seal(predicate, signer)
}

/// The reports that a bundle holds only when they were asked for, and whether they were.
fn asked(outputs: &OutputArguments) -> [(&'static str, bool); 4] {
    let OutputArguments { json: _, csv: _, html, markdown: _, junit, sarif, oscal } = outputs;
    [(PAGE, html.is_some()), (CASES, junit.is_some()), (SARIF, sarif.is_some()), (OSCAL, oscal.is_some())]
}

/// Writes the flow log in the form that bundles hold.
///
/// # Errors
/// Whatever `out` met.
pub fn flow_log(out: &mut dyn Write, seen: &Observation, judged: &Judged, matrix: &Matrix) -> io::Result<()> {
    flows::write(out, Form::Csv, seen, &judged.flows, matrix)
}

/// Adds the text of every pack.
fn add_packs(bundle: &mut Builder, made: &Made<'_>) -> io::Result<Vec<PackMember>> {
    let audited = made.site.packs.iter().map(|_| true);
    let baseline = made.site.baseline.iter().map(|_| false);
    let mut packs: Vec<PackMember> = Vec::new();
    for (number, ((file, text), audited)) in (1u32..).zip(made.packs.iter().zip(audited.chain(baseline))) {
        let plain = format!("packs/{file}");
        let taken = packs.iter().any(|pack| pack.member == plain);
        let member = if taken { format!("packs/{number}/{file}") } else { plain };
        bundle.add(&member, |out| out.write_all(text.as_bytes()))?;
        packs.push(PackMember { member, audited });
    }
    Ok(packs)
}

/// File name and text of every pack of a site, read while files may still be opened.
///
/// # Errors
/// A pack cannot be read.
pub fn texts(site: &Site) -> Result<Vec<(String, String)>, Failure> {
    let text = |name: &String| pack_text(name).map_err(|fault| Failure::plain(format!("{name}: {fault}")));
    site.packs.iter().chain(&site.baseline).map(text).collect()
}

fn pack_text(name: &str) -> io::Result<(String, String)> {
    if let Some((id, text)) = shipped().into_iter().find(|(id, _)| *id == name) {
        return Ok((format!("{id}.toml"), text.to_owned()));
    }
    let file = Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((file, fs::read_to_string(name)?))
}

fn subject(input: &Input) -> InputSubject {
    let digest = Digest { sha256: input.sha256.clone() };
    InputSubject { path: input.path.clone(), digest, bytes: input.bytes }
}

/// The command that makes the same audit again. Every option is named here, so that a new one has
/// to say whether it changes the result. Keys and where outputs went are left out.
fn command(arguments: &AuditArguments) -> Vec<String> {
    let AuditArguments {
        captures,
        site,
        filter,
        from,
        to,
        fail_on: _,
        max_flows,
        sandbox: _,
        threads: _,
        flows: _,
        redact: _,
        evidence: _,
        outputs: _,
        look: _,
    } = arguments;
    let SiteArguments { site, role, vantage, pack, baseline, no_baseline, hosts, trust_names } = site;
    let mut words: Vec<String> = vec!["flowaudit".to_owned(), "audit".to_owned()];
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    site.iter().for_each(|site| add("--site", site.display().to_string()));
    role.iter().for_each(|(role, players)| add("--role", format!("{role}={players}")));
    vantage.iter().for_each(|vantage| add("--vantage", vantage.clone()));
    pack.iter().for_each(|pack| add("--pack", pack.clone()));
    baseline.iter().for_each(|pack| add("--baseline", pack.clone()));
    hosts.iter().for_each(|hosts| add("--hosts", hosts.display().to_string()));
    filter.iter().for_each(|filter| add("--filter", filter.clone()));
    from.iter().for_each(|time| add("--from", time.to_string()));
    to.iter().for_each(|time| add("--to", time.to_string()));
    if *max_flows != MAX_FLOWS {
        add("--max-flows", max_flows.to_string());
    }
    if *no_baseline {
        words.push("--no-baseline".to_owned());
    }
    if *trust_names {
        words.push("--trust-names".to_owned());
    }
    words.push("--".to_owned());
    words.extend(captures.iter().map(|path| path.display().to_string()));
    words
}

/// The password of the key: from the environment, else asked for on the terminal.
fn password() -> io::Result<String> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(password),
        Err(_) => rpassword::prompt_password("Password of the signing key: ").map_err(|fault| {
            let reason = format!("it is encrypted, and there is nobody to ask ({fault}): set {PASSWORD}");
            io::Error::new(fault.kind(), reason)
        }),
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The page for people, as wide as a terminal and with nothing cut.
fn page(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    terminal::write(out, audit, Look { width: 100, colour: false, detail: Detail::Full })
}

/// Writes one form of an audit.
pub type Report = fn(&mut dyn Write, &Audit) -> io::Result<()>;

/// The reports of bundles, by the name of their member.
pub const FORMS: [(&str, Report); 8] = [
    (AUDIT, json::write),
    ("findings.csv", csv::write),
    ("report.md", markdown::write),
    ("report.txt", page),
    (PAGE, html::write),
    (CASES, junit::write),
    (SARIF, sarif::write),
    (OSCAL, oscal::write),
];
const PAGE: &str = "report.html";
const CASES: &str = "junit.xml";
const SARIF: &str = "findings.sarif";
const OSCAL: &str = "assessment-results.json";
const LEFT_OUT: &str = "left-out.txt";
const WHY_LEFT_OUT: &str = "\
This bundle is redacted. Left out, because they hold addresses, names and payload: the packets behind
the findings, the packs and the site. The manifest names the captures by the SHA-256 of their bytes.
Whoever holds the key turns the audit back: flowaudit report audit.json --reveal KEYFILE
";
const SITE: &str = "site.toml";
const HOSTS: &str = "hosts";
const PACKETS: &str = "findings.pcapng";
const PASSWORD: &str = "FLOWAUDIT_PASSWORD";
