//! An audit and a key in, the same audit under pseudonyms out, before any form of it is written; and
//! back again for the holder of the key. Addresses keep their common prefixes, names their common
//! labels; paths and the site's own words become one word each; ids of findings are keyed, because a
//! plain one could be guessed from addresses. Verdicts, counts, times and the words of packs stay.

mod key;
mod text;
mod walk;

pub use key::Key;

use std::collections::BTreeMap;

use data_encoding::BASE64;

use self::text::Hider;
use self::walk::{Class, walk};
use crate::audit::{Audit, Judged, Redaction};
use crate::dissect::Payload;
use crate::flow::{Conversation, Endpoint};
use crate::ledger::{Announcer, Observation};
use crate::matrix::shipped;

/// The scheme of this program, as a redacted audit names it.
pub const SCHEME: &str = "flowaudit/redaction/1";

/// The audit under pseudonyms. `seen` tells every name that its sentences may hold; without it the
/// audit itself has to. `None` when it is redacted already.
#[must_use]
pub fn redact(key: &Key, audit: &Audit, seen: Option<&Observation>) -> Option<Audit> {
    if audit.redaction.is_some() {
        return None;
    }
    let mut hider = Hider::new(key);
    learn(&mut hider, audit, seen);
    let mut redacted = walk(audit, &mut |class, text| match class {
        Class::Sentence => hider.text(text),
        Class::Player => hide_player(&mut hider, text),
        Class::Name => hider.name(text),
        Class::Path => hider.path(text),
        Class::Whole => hider.word("text", text),
        Class::Finding => hide_id(&mut hider, key, text),
        Class::Digest => hide_digest(&mut hider, key, text),
    });
    let table = serde_json::to_vec(hider.table()).ok()?;
    let sealed = BASE64.encode(&key.seal(&table)?);
    redacted.redaction = Some(Redaction { scheme: SCHEME.to_owned(), key: key.id(), sealed });
    Some(redacted)
}

/// The audit as it was before [`redact`]; `None` when it is not redacted, or by another key.
#[must_use]
pub fn reveal(key: &Key, audit: &Audit) -> Option<Audit> {
    let redaction = audit.redaction.as_ref().filter(|redaction| redaction.scheme == SCHEME)?;
    let table = key.open(&BASE64.decode(redaction.sealed.as_bytes()).ok()?)?;
    let table: BTreeMap<String, String> = serde_json::from_slice(&table).ok()?;
    let mut plain = walk(audit, &mut |_, text| text::reveal(text, key, &table));
    plain.redaction = None;
    Some(plain)
}

/// What the flow log is written from, under the pseudonyms of the redacted audit.
#[must_use]
pub fn observation(key: &Key, seen: &Observation) -> Observation {
    let mut hider = Hider::new(key);
    let whole = |address| key.address(address, 128);
    let hidden = |end: Endpoint| Endpoint { address: whole(end.address), ..end };
    let hide = |flow: &Conversation| {
        let mut flow = flow.clone().between(hidden(flow.originator()), hidden(flow.responder()));
        flow.set_icmp(None);
        if let Some(found) = flow.recognised_mut() {
            found.claims.iter_mut().for_each(|claim| claim.name = hider.name(&claim.name));
        }
        flow
    };
    let flows = seen.flows.iter().map(hide).collect();
    let mut bindings = seen.bindings.clone();
    for binding in &mut bindings {
        (binding.client, binding.address) = (whole(binding.client), whole(binding.address));
        binding.name = hider.name(&binding.name);
        binding.aliases.clear();
    }
    let mut inputs = seen.inputs.clone();
    for input in &mut inputs {
        input.path = hider.path(&input.path);
        input.declared.clear();
    }
    Observation { flows, bindings, inputs, first: seen.first, last: seen.last, ..Observation::default() }
}

/// The judged audit under pseudonyms; the verdicts on flows hold none.
#[must_use]
pub fn judged(key: &Key, judged: &Judged, seen: &Observation) -> Option<Judged> {
    let audit = redact(key, &judged.audit, Some(seen))?;
    Some(Judged { audit, flows: judged.flows.clone(), concerned: judged.concerned.clone() })
}

/// Tells the hider which names and phrases the sentences of an audit may hold.
fn learn(hider: &mut Hider<'_>, audit: &Audit, seen: Option<&Observation>) {
    for input in &audit.inputs {
        let hidden = hider.path(&input.path);
        hider.phrase(&input.path, hidden);
    }
    for waiver in &audit.waivers {
        for words in [&waiver.reason, &waiver.owner] {
            let hidden = hider.word("text", words);
            hider.phrase(words, hidden);
        }
    }
    let known = shipped();
    for pack in &audit.packs {
        let is_ours = known.iter().any(|(id, text)| *id == pack.id && digest(text) == pack.sha256);
        // Where a document of the world stands says nothing about a site; where another one does may.
        let hidden = if is_ours { pack.reference.clone() } else { hider.word("text", &pack.reference) };
        hider.phrase(&pack.reference, hidden);
    }
    audit.site.roles.values().flatten().for_each(|player| hider.knows(player));
    if let Some(seen) = seen {
        names(seen).for_each(|name| hider.knows(name));
        // Interfaces of DCE/RPC are the same in all the world; instances of a SQL Server have names.
        let instances = seen.announcements.iter().filter(|told| told.by == Announcer::Browser);
        instances.for_each(|told| hider.knows(&told.interface));
        seen.taps.iter().for_each(|tap| hider.knows(&tap.name));
    }
    audit.names.iter().for_each(|entry| hider.knows(&entry.name));
    let sentences = audit.rows.iter().map(|row| &row.reason);
    let sentences = sentences.chain(audit.findings.iter().flat_map(|finding| [&finding.summary, &finding.detail]));
    for sentence in sentences {
        for before in BEFORE_NAMES {
            let names = sentence.split(before).skip(1).filter_map(|rest| rest.split([' ', ',', ';']).next());
            names
                .map(|name| name.trim_end_matches('.'))
                .filter(|name| *name != "it")
                .for_each(|name| hider.knows(name));
        }
    }
}

fn names(seen: &Observation) -> impl Iterator<Item = &str> {
    let claims = seen.flows.iter().flat_map(|flow| match &*flow.payload {
        Payload::Recognised(found) => found.claims.as_slice(),
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => &[],
    });
    let claimed = claims.map(|claim| claim.name.as_str());
    let asked = seen.resolutions.iter().map(|question| question.name.as_str());
    let given = seen.bindings.iter().flat_map(|binding| binding.aliases.iter().chain([&binding.name]));
    let announced = seen.announcements.iter().filter_map(|told| told.host.as_deref());
    claimed.chain(asked).chain(given.map(String::as_str)).chain(announced)
}

/// Who plays a role: an address, a range of them, or a name.
fn hide_player(hider: &mut Hider<'_>, player: &str) -> String {
    let hidden = hider.text(player);
    if hidden == player { hider.name(player) } else { hidden }
}

/// A plain id is a digest of addresses, and whoever guesses them can tell.
fn hide_id(hider: &mut Hider<'_>, key: &Key, id: &str) -> String {
    let hidden: String = key.bytes::<4>("finding", id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    hider.note(format!("F-{hidden}"), id)
}

/// A site file is short and can be guessed; its digest is replaced by one that needs the key.
fn hide_digest(hider: &mut Hider<'_>, key: &Key, digest: &str) -> String {
    if shipped().iter().any(|(_, text)| self::digest(text) == digest) {
        return digest.to_owned();
    }
    let hidden = data_encoding::HEXLOWER.encode(&key.bytes::<32>("digest", digest.as_bytes()));
    hider.note(hidden, digest)
}

fn digest(text: &str) -> String {
    use sha2::Digest as _;
    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text))
}

/// What stands before a name in the sentences of an audit.
const BEFORE_NAMES: &[&str] = &["says ", "both say ", "instance ", "goes by ", "this address for ", "DNS answers for "];
