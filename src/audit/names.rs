//! Names that peers bear: DNS answers that bind, claims that a flow makes itself, and what the two
//! say together (the strength table). Nothing is resolved by asking, a claim alone is never proof,
//! and another client's answer teaches nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::declared::Declared;
use super::grade::{Grade, Graded};
use super::model::Kind;
use super::verdict::Case;
use super::{payload, words};
use crate::dissect::{Application, Claim, ClaimSource};
use crate::flow::Conversation;
use crate::ledger::{Binding, NameGap, Observation, Resolution, ResolutionResult};
use crate::matrix::{Basis, Facts, Matrix, Peer, Standing};
use crate::wire::{Timestamp, Transport};

/// Every binding that counts, by client and address and by client and name.
#[derive(Default)]
pub(super) struct Names<'audit> {
    by_address: BTreeMap<(IpAddr, IpAddr), Vec<&'audit Binding>>,
    by_name: BTreeMap<(IpAddr, &'audit str), Vec<&'audit Binding>>,
    races: BTreeMap<(IpAddr, &'audit str), &'audit Resolution>,
    /// At a mirror, what resolvers told anybody, by address: a claim may be checked against it.
    told: BTreeMap<IpAddr, Vec<&'audit Binding>>,
    /// At a mirror, names for which contradicting answers came to anybody.
    raced: BTreeMap<&'audit str, &'audit Resolution>,
    /// Names of hosts that the site lists: they play no role by them.
    of_listed: Vec<&'audit Binding>,
    /// Answers of servers that the site does not let the client ask.
    refused: Vec<&'audit Binding>,
    /// Times of which not every answer was kept.
    gaps: &'audit [NameGap],
    /// By client, what was asked for and answered, where the capture cut the answer.
    cut: BTreeMap<IpAddr, Vec<&'audit Resolution>>,
    /// What the user says, and whom he trusts to say.
    pub(super) declared: Declared<'audit>,
}

/// What is known of the names of one flow's responder.
pub(super) struct Borne<'audit> {
    /// Bindings that hold at the flow's start, one for each name, by name.
    pub(super) bound: Vec<&'audit Binding>,
    /// Strong claims: server name, host, CONNECT target; no address literals.
    pub(super) claims: Vec<&'audit Claim>,
    /// Server names of a hello with several, which may have only one: each may be what the peer read.
    pub(super) rivals: Vec<&'audit Claim>,
    /// Bindings of other clients, at a mirror: they can support a claim, and never stand for one.
    pub(super) told: Vec<&'audit Binding>,
    /// Bindings that had to make room for others before the flow began, and that nothing replaced.
    pushed_out: Vec<&'audit Binding>,
    /// Names that are only declared.
    declared: Vec<&'audit str>,
}

impl<'audit> Names<'audit> {
    /// Sorts out which bindings count: from an allowed resolver, to an address that is nobody else's.
    pub(super) fn new(observation: &'audit Observation, matrix: &'audit Matrix) -> Self {
        let mut allowed = BTreeMap::new();
        let declared = Declared::new(observation, matrix);
        let mut names = Self { gaps: &observation.name_gaps, declared, ..Self::default() };
        let mirror = matrix.vantage.is_none();
        for binding in &observation.bindings {
            let pair = (binding.client, binding.resolver);
            let answers = *allowed.entry(pair).or_insert_with(|| may_resolve(matrix, pair.0, pair.1));
            if !answers {
                names.refused.push(binding);
            } else if matrix.lists_host(binding.address) {
                names.of_listed.push(binding);
            } else {
                // No DNS answer renames a host that the site lists; a named peer may well live in a network.
                names.by_address.entry((binding.client, binding.address)).or_default().push(binding);
                names.by_name.entry((binding.client, &binding.name)).or_default().push(binding);
                if mirror {
                    names.told.entry(binding.address).or_default().push(binding);
                }
            }
        }
        let refused = std::iter::once(&mut names.refused);
        for list in names.by_address.values_mut().chain(names.by_name.values_mut()).chain(refused) {
            list.sort_by(|a, b| (&a.name, a.from, a.answer, a.address).cmp(&(&b.name, b.from, b.answer, b.address)));
        }
        for race in observation.resolutions.iter().filter(|r| r.result == ResolutionResult::Conflicting) {
            names.races.entry((race.client, &race.name)).or_insert(race);
            if mirror {
                names.raced.entry(&race.name).or_insert(race);
            }
        }
        for asked in observation.resolutions.iter().filter(|asked| asked.result == ResolutionResult::Cut) {
            names.cut.entry(asked.client).or_default().push(asked);
        }
        names
    }

    /// Names that this client had asked for by this time, and whose answers the capture cut: any address may
    /// bear them.
    pub(super) fn cut_for(&self, client: IpAddr, at: Timestamp) -> impl Iterator<Item = &'audit str> {
        let asked = self.cut.get(&client).into_iter().flatten().filter(move |asked| asked.asked <= at);
        asked.map(|asked| asked.name.as_str())
    }

    /// Whether nothing gives a name: then a flow has the names that it states, and no other.
    pub(super) fn is_silent(&self) -> bool {
        self.by_address.is_empty() && self.declared.is_silent()
    }

    /// Every binding that counts.
    pub(super) fn believed(&self) -> impl Iterator<Item = &'audit Binding> {
        self.by_name.values().flatten().copied()
    }

    /// Every binding of a host that the site lists, from an allowed resolver.
    pub(super) fn of_listed(&self) -> impl Iterator<Item = &'audit Binding> {
        self.of_listed.iter().copied()
    }

    /// Every binding that does not, because of who answered.
    pub(super) fn refused(&self) -> impl Iterator<Item = &'audit Binding> {
        self.refused.iter().copied()
    }

    /// Names by which `client` knew `address` at this time.
    pub(super) fn known(&self, client: IpAddr, address: IpAddr, at: Timestamp) -> Vec<&'audit Binding> {
        let list = self.by_address.get(&(client, address)).map(Vec::as_slice).unwrap_or_default();
        let mut valid: Vec<&Binding> = list.iter().copied().filter(|b| b.holds(at)).collect();
        valid.dedup_by(|a, b| a.name == b.name);
        valid
    }

    /// At a mirror, what resolvers told anybody of an address, whenever that was: a hint for the reader.
    pub(super) fn heard_of(&self, address: IpAddr) -> impl Iterator<Item = &'audit Binding> {
        self.told.get(&address).into_iter().flatten().copied()
    }

    /// What is known of the responder of this flow.
    pub(super) fn of(&self, flow: &'audit Conversation) -> Borne<'audit> {
        let all = payload::recognised(flow).map(|r| r.claims.as_slice()).unwrap_or_default();
        let claims = all.iter().filter(|claim| is_strong(claim)).collect();
        let rivals = all.iter().filter(|claim| claim.source == ClaimSource::RivalSni).collect();
        let declared = self.declared.names(flow.responder().address).collect();
        if self.by_address.is_empty() {
            return Borne { bound: Vec::new(), claims, rivals, told: Vec::new(), pushed_out: Vec::new(), declared };
        }
        let bound = self.known(flow.originator().address, flow.responder().address, flow.first);
        let heard = self.told.get(&flow.responder().address).map(Vec::as_slice).unwrap_or_default();
        let others = |b: &&Binding| b.client != flow.originator().address && b.holds(flow.first);
        let told = heard.iter().copied().filter(others).collect();
        let list = self.by_address.get(&(flow.originator().address, flow.responder().address));
        let went = list.into_iter().flatten().copied().filter(|b| b.is_pushed_out(flow.first));
        let pushed_out = went.filter(|gone| bound.iter().all(|known| known.name != gone.name)).collect();
        Borne { bound, claims, rivals, told, pushed_out, declared }
    }

    /// What DNS and the flow itself say together about `name`. What had to make room or was not kept could
    /// have supported the row or spoken against it.
    pub(super) fn grade(&self, name: &str, case: &Case<'_>, minimum: Basis) -> Graded {
        let graded = with_certificate(name, case, self.grade_known(name, case, minimum));
        if let Some(gone) = case.borne.pushed_out.iter().find(|gone| gone.name == name) {
            return Graded::undecided(case.pen.write(|| words::pushed_out(name, gone.answer)));
        }
        match graded.grade {
            Grade::Fits(_) if self.is_doubted(name, case) => {
                Graded::undecided(case.pen.write(|| words::names_unread(name)))
            }
            Grade::Fits(_) | Grade::Contradicted(_) | Grade::Undecided | Grade::Absent => graded,
        }
    }

    /// Whether an answer that was not kept could speak against this name. It could not where the flow states
    /// the name, and this client was given it by a look-up of which nothing was lost.
    fn is_doubted(&self, name: &str, case: &Case<'_>) -> bool {
        let (flow, claims) = (case.flow, &case.borne.claims);
        let own = self.by_address.get(&(flow.originator().address, flow.responder().address));
        let given = || own.into_iter().flatten().filter(|given| given.name == name && given.holds(flow.first));
        let stated =
            |gap: &NameGap| claims.iter().any(|claim| claim.name == name) && given().any(|g| gap.spares(g.from));
        self.gaps.iter().any(|gap| gap.reaches(flow.first) && !stated(gap))
    }

    fn grade_known(&self, name: &str, case: &Case<'_>, minimum: Basis) -> Graded {
        let (borne, frame) = (case.borne, words::stated_in(case.flow));
        if borne.rivals.iter().any(|claim| claim.name == name) {
            return Graded::undecided(case.pen.write(|| words::rival_names(&borne.rivals, frame)));
        }
        let bound = borne.bound.iter().find(|binding| binding.name == name);
        let claim = borne.claims.iter().find(|claim| claim.name == name);
        match (bound, claim) {
            (Some(bound), Some(claim)) => {
                let reason = case.pen.write(|| words::agreed(name, bound.answer, claim.source, frame));
                Graded::at_least(minimum, Basis::Agreed, reason)
            }
            (Some(bound), None) => unclaimed(bound, case, minimum),
            (None, Some(claim)) => self.unbound(claim, case, minimum),
            (None, None) => self.declared.alone(name, case, minimum),
        }
    }

    /// The flow claims a name that DNS did not give to this client for this address.
    fn unbound(&self, claim: &Claim, case: &Case<'_>, minimum: Basis) -> Graded {
        let (flow, borne, pen) = (case.flow, case.borne, case.pen);
        let (client, frame) = (flow.originator().address, words::stated_in(flow));
        let own = self.races.get(&(client, claim.name.as_str()));
        let race = own.or_else(|| self.raced.get(claim.name.as_str())).filter(|race| race.asked <= flow.first);
        if let Some(race) = race {
            let reason = pen.write(|| words::dns_race(&claim.name, race.question, frame));
            return Graded::against(Kind::WrongName, reason);
        }
        // What resolvers told others is one body of knowledge with what they told this client:
        // otherwise the loss of the client's own answer could turn a contradiction into a match.
        if let Some(told) = borne.told.iter().find(|binding| binding.name == claim.name) {
            let reason = pen.write(|| words::told_another(claim, told.client, told.answer, frame));
            return Graded::at_least(minimum, Basis::Dns, reason);
        }
        if let Some(other) = borne.bound.first() {
            let reason = pen.write(|| words::claim_against_dns(claim, &other.name, other.answer, frame));
            return Graded::against(Kind::WrongName, reason);
        }
        let given = self.by_name.get(&(client, claim.name.as_str())).map(Vec::as_slice).unwrap_or_default();
        if let Some(stale) = given.iter().rev().find(|b| b.address == flow.responder().address && b.from <= flow.first)
        {
            let reason = pen.write(|| words::stale(claim, flow.first.since(stale.until), stale.answer));
            return self.declared.weigh(claim, case, minimum, Graded::at_least(minimum, Basis::Sni, reason));
        }
        // This client knew the name by other addresses at this very time: the claim is not cold cache.
        if let Some(elsewhere) = given.iter().find(|binding| binding.holds(flow.first)) {
            let reason = pen.write(|| words::claim_elsewhere(claim, elsewhere.address, elsewhere.answer, frame));
            return Graded::against(Kind::WrongName, reason);
        }
        let claimed = Graded::at_least(minimum, Basis::Sni, pen.write(|| words::claim_only(claim, frame)));
        self.declared.weigh(claim, case, minimum, claimed)
    }
}

impl<'audit> Borne<'audit> {
    /// Every name borne or claimed, sorted.
    pub(super) fn names(&self) -> Vec<&'audit str> {
        // As of nearly every flow.
        if self.is_nameless() && self.declared.is_empty() {
            return Vec::new();
        }
        let known = self.bound.iter().chain(&self.pushed_out);
        let bound = known.map(|binding| binding.name.as_str()).chain(self.declared.iter().copied());
        let stated = self.claims.iter().chain(&self.rivals).map(|claim| claim.name.as_str());
        let mut names: Vec<&str> = bound.chain(stated).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether neither DNS nor the flow itself gives a name; one that is only declared may be another's.
    pub(super) fn is_nameless(&self) -> bool {
        self.bound.is_empty() && self.pushed_out.is_empty() && self.claims.is_empty() && self.rivals.is_empty()
    }

    /// Names that DNS gave to the address and that prove nothing: to others, or so long ago that they went.
    pub(super) fn heard(&self) -> impl Iterator<Item = &'audit str> {
        self.told.iter().chain(&self.pushed_out).map(|binding| binding.name.as_str())
    }
}

/// Adds what the server's certificate says of the name. Nobody checked who signed it, and a server that does not
/// know a name shows the certificate of another, so it proves nothing and speaks against nothing: if it did, the
/// loss of its packets could clear the flow.
fn with_certificate(name: &str, case: &Case<'_>, graded: Graded) -> Graded {
    let (Grade::Fits(_) | Grade::Undecided) = graded.grade else { return graded };
    let add = || match payload::certified(case.flow, name) {
        Some((certified, frame)) => format!("{} {}", graded.reason, words::certified(certified, frame)),
        None => graded.reason.clone(),
    };
    Graded { reason: case.pen.write(add), ..graded }
}

/// DNS gave the name, and the flow does not repeat it.
fn unclaimed(bound: &Binding, case: &Case<'_>, minimum: Basis) -> Graded {
    let (flow, borne, pen) = (case.flow, case.borne, case.pen);
    let mut heard = borne.bound.iter().chain(&borne.told);
    let states = |name: &str| borne.claims.iter().chain(&borne.rivals).any(|claim| claim.name == name);
    if heard.any(|other| states(&other.name)) {
        // One address, several names, and the flow says which of the others it means.
        return Graded::absent();
    }
    let mut spoken = borne.claims.iter().chain(&borne.rivals);
    if let Some(claim) = spoken.find(|claim| !matches!(claim.source, ClaimSource::Connect(_))) {
        let reason = pen.write(|| words::claim_against_dns(claim, &bound.name, bound.answer, words::stated_in(flow)));
        return Graded::against(Kind::WrongName, reason);
    }
    if let Some(outer) = payload::outer_name(flow) {
        return by_outer_name(outer, bound, case, minimum);
    }
    if borne.bound.len() > 1 || !borne.pushed_out.is_empty() {
        let known = || borne.bound.iter().chain(&borne.pushed_out);
        let names = || known().map(|binding| binding.name.as_str()).collect::<Vec<_>>();
        return Graded::undecided(pen.write(|| words::shared_address(flow.responder().address, &names())));
    }
    by_dns_alone(bound, case, minimum)
}

fn by_dns_alone(bound: &Binding, case: &Case<'_>, minimum: Basis) -> Graded {
    if payload::is_lossy(case.flow) {
        return Graded::undecided(case.pen.write(|| words::lost(case.flow)));
    }
    if payload::may_name_further(case.flow) && !case.flow.is_truncated() {
        return Graded::undecided(case.pen.write(|| words::name_not_read(case.flow)));
    }
    Graded::at_least(minimum, Basis::Dns, case.pen.write(|| words::dns_only(&bound.name, bound.answer)))
}

/// DNS gave the name, and the flow names another one outside of an encrypted hello, which then should be it too:
/// browsers send such a hello without anything in it. It proves no more than DNS does.
fn by_outer_name(outer: &Claim, bound: &Binding, case: &Case<'_>, minimum: Basis) -> Graded {
    let (flow, borne, pen) = (case.flow, case.borne, case.pen);
    if outer.name == bound.name {
        return by_dns_alone(bound, case, minimum);
    }
    if borne.bound.iter().chain(&borne.pushed_out).chain(&borne.told).any(|known| known.name == outer.name) {
        return Graded::absent();
    }
    let reason = || words::claim_against_dns(outer, &bound.name, bound.answer, words::stated_in(flow));
    Graded::against(Kind::WrongName, pen.write(reason))
}

/// A `Host: 10.1.2.3` is not a name, and an outer server name is the provider's.
fn is_strong(claim: &Claim) -> bool {
    let stated = matches!(claim.source, ClaimSource::Sni | ClaimSource::Host | ClaimSource::Connect(_));
    let literal = claim.name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    stated && !literal && !claim.name.is_empty()
}

/// A resolver is one that this client may ask by the matrix itself.
fn may_resolve(matrix: &Matrix, client: IpAddr, resolver: IpAddr) -> bool {
    let peer = |address| Peer { address, names: &[] };
    let facts = Facts { originator: peer(client), responder: peer(resolver), transport: Transport::UDP, port: 53 };
    super::matches(matrix, &facts).iter().any(|found| {
        let documents_dns = matrix.atom(found.atom).is_some_and(|atom| atom.application == Some(Application::Dns));
        let off = matrix.row(found.atom.row).is_some_and(|row| row.standing == Standing::NotApplicable);
        documents_dns && !off
    })
}
