//! Bindings in, those marked that have to make room: one client holds so many addresses for a name and
//! so many names for an address, and the one whose last use lies furthest back goes first. An answer
//! is a use, and so is the start of a flow. Only the times of packets decide, so that any order of
//! merging gives the same.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::Binding;
use crate::dissect::{ClaimSource, Payload};
use crate::flow::Conversation;
use crate::wire::{FrameRef, Timestamp};

/// Addresses that one client holds for one name.
const ADDRESSES: usize = 64;
/// Names that one client holds for one address.
const NAMES: usize = 16;

/// Marks the bindings that have to make room; gives how many names or addresses went.
pub(super) fn make(bindings: &mut [Binding], flows: &[Conversation]) -> u64 {
    let crowds = [crowds(bindings, ADDRESSES, by_name), crowds(bindings, NAMES, by_address)];
    if crowds.iter().all(Vec::is_empty) {
        return 0;
    }
    let mut starts: HashMap<(IpAddr, IpAddr), Vec<&Conversation>> = HashMap::new();
    for flow in flows.iter().filter(|flow| flow.folded() == 0) {
        starts.entry((flow.originator().address, flow.responder().address)).or_default().push(flow);
    }
    let mut gone: Vec<(usize, Timestamp)> = Vec::new();
    let mut count = 0_u64;
    for (most, crowds) in [ADDRESSES, NAMES].into_iter().zip(crowds) {
        for crowd in crowds {
            count = count.saturating_add(squeeze(bindings, &crowd, &starts, most, &mut gone));
        }
    }
    for (index, at) in gone {
        if let Some(binding) = bindings.get_mut(index) {
            binding.pushed_out = Some(binding.pushed_out.map_or(at, |known| known.min(at)));
        }
    }
    count
}

/// What a client holds several of one kind for, and that kind.
type Sorted<'names> = ((IpAddr, Held<'names>), Held<'names>);

/// A name or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Held<'names> {
    Name(&'names str),
    Address(IpAddr),
}

fn by_name(binding: &Binding) -> Sorted<'_> {
    ((binding.client, Held::Name(&binding.name)), Held::Address(binding.address))
}

fn by_address(binding: &Binding) -> Sorted<'_> {
    ((binding.client, Held::Address(binding.address)), Held::Name(&binding.name))
}

/// Bindings of one client and of one name or address that are more than `most`.
struct Crowd {
    indices: Vec<usize>,
    sorted: fn(&Binding) -> Sorted<'_>,
}

fn crowds(bindings: &[Binding], most: usize, sorted: fn(&Binding) -> Sorted<'_>) -> Vec<Crowd> {
    if bindings.len() <= most {
        return Vec::new();
    }
    let mut groups: HashMap<(IpAddr, Held<'_>), Vec<usize>> = HashMap::new();
    for (index, binding) in bindings.iter().enumerate() {
        groups.entry(sorted(binding).0).or_default().push(index);
    }
    let mut crowded: Vec<Vec<usize>> = groups.into_values().filter(|indices| indices.len() > most).collect();
    crowded.sort();
    crowded.into_iter().map(|indices| Crowd { indices, sorted }).collect()
}

/// What uses a name or an address. At one time a flow uses what was known before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use<'names> {
    Flow(Held<'names>),
    Answer(usize),
}

/// One that is held: its last use, the end of its validity, and the bindings that gave it.
struct Place {
    used: (Timestamp, FrameRef),
    until: Timestamp,
    given: Vec<usize>,
}

fn squeeze(
    bindings: &[Binding],
    crowd: &Crowd,
    starts: &HashMap<(IpAddr, IpAddr), Vec<&Conversation>>,
    most: usize,
    gone: &mut Vec<(usize, Timestamp)>,
) -> u64 {
    let mut uses: Vec<(Timestamp, FrameRef, Use<'_>)> = Vec::new();
    let mut pairs: Vec<(IpAddr, IpAddr, Held<'_>, &str)> = Vec::new();
    for (index, binding) in crowd.indices.iter().filter_map(|index| Some((*index, bindings.get(*index)?))) {
        uses.push((binding.from, binding.answer, Use::Answer(index)));
        pairs.push((binding.client, binding.address, (crowd.sorted)(binding).1, &binding.name));
    }
    pairs.sort_unstable();
    pairs.dedup();
    for (client, address, held, name) in pairs {
        let flows = starts.get(&(client, address)).into_iter().flatten().filter(|flow| may_mean(flow, name));
        uses.extend(flows.map(|flow| (flow.first, flow.first_frame, Use::Flow(held))));
    }
    uses.sort_unstable();
    let mut places: BTreeMap<Held<'_>, Place> = BTreeMap::new();
    let mut count = 0_u64;
    for (at, frame, event) in uses {
        let index = match event {
            Use::Flow(held) => {
                if let Some(place) = places.get_mut(&held).filter(|place| at < place.until) {
                    place.used = (at, frame);
                }
                continue;
            }
            Use::Answer(index) => index,
        };
        let Some(binding) = bindings.get(index) else { continue };
        let held = (crowd.sorted)(binding).1;
        if !places.contains_key(&held) && places.len() >= most {
            places.retain(|_, place| at < place.until);
            let oldest = places.iter().min_by_key(|(held, place)| (place.used, **held)).map(|(held, _)| *held);
            if let Some(place) = oldest.filter(|_| places.len() >= most).and_then(|oldest| places.remove(&oldest)) {
                gone.extend(place.given.into_iter().map(|index| (index, at)));
                count = count.saturating_add(1);
            }
        }
        let place = places.entry(held).or_insert(Place { used: (at, frame), until: binding.until, given: Vec::new() });
        place.used = (at, frame);
        place.until = place.until.max(binding.until);
        place.given.push(index);
    }
    count
}

/// Whether a flow may go by this name: it states it, or states none.
fn may_mean(flow: &Conversation, name: &str) -> bool {
    let Payload::Recognised(recognised) = &*flow.payload else { return true };
    let stated = |source| {
        matches!(source, ClaimSource::Sni | ClaimSource::RivalSni | ClaimSource::Host | ClaimSource::Connect(_))
    };
    let mut claims = recognised.claims.iter().filter(|claim| stated(claim.source)).peekable();
    claims.peek().is_none() || claims.any(|claim| claim.name == name)
}
