//! Rows in, port classes out: for a protocol and a destination port, the atoms that list it. Knows
//! no addresses and no names.

use std::collections::BTreeMap;

use super::index_rows::{Signature, signatures};
use super::lists::Lists;
use super::model::{AtomId, Ports, Row, RowId};

/// An atom that lists a port, and who may stand at the ends of its row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// The atom.
    pub atom: AtomId,
    /// Roles that may start it.
    pub starts: Signature,
    /// Roles that may answer it.
    pub answers: Signature,
}

/// The atoms that list one port: two lists, each in order, that together hold each of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Atoms<'index> {
    /// Those of the port's class.
    pub list: &'index [Listed],
    /// Those that list very many ports.
    pub wide: &'index [Listed],
}

/// Which atoms list a port.
#[derive(Clone, Debug)]
pub(super) struct PortClasses {
    /// Place in `protocols` of each IP protocol, counted from 1; 0 where no row names it.
    places: [u16; 256],
    protocols: Vec<Protocol>,
}

/// The ports of one IP protocol.
#[derive(Clone, Debug)]
struct Protocol {
    /// Class of every port; empty when all ports are of class 0.
    table: Vec<u16>,
    /// Per class the atoms that list it, in order.
    atoms: Lists<Listed>,
    /// Atoms that span very many classes, in order: kept once instead of in every class.
    wide: Vec<Listed>,
}

/// First port, last port, atom.
type Span = (u16, u16, Listed);

impl PortClasses {
    /// Cuts the ports of every protocol at every border of every row.
    pub fn new(rows: &[Row]) -> Self {
        let mut spans: BTreeMap<u8, Vec<Span>> = BTreeMap::new();
        for (row, listed) in (0u32..).map(RowId).zip(rows) {
            let (starts, answers) = signatures(listed);
            for (number, atom) in (0u16..).zip(&listed.atoms) {
                let listed = Listed { atom: AtomId { row, atom: number }, starts, answers };
                let entry = spans.entry(atom.transport.0).or_default();
                match &atom.ports {
                    Ports::Any => entry.push((0, u16::MAX, listed)),
                    Ports::Ranges(ranges) => {
                        entry.extend(ranges.iter().map(|range| (*range.start(), *range.end(), listed)));
                    }
                }
            }
        }
        let mut places = [0; 256];
        for (place, protocol) in (1u16..).zip(spans.keys()) {
            places.get_mut(usize::from(*protocol)).into_iter().for_each(|entry| *entry = place);
        }
        Self { places, protocols: spans.into_values().map(|spans| Protocol::new(&spans)).collect() }
    }

    /// The atoms that list this port.
    #[inline]
    pub fn atoms(&self, protocol: u8, port: u16) -> Atoms<'_> {
        let place = self.places.get(usize::from(protocol)).copied().unwrap_or_default();
        let found = usize::from(place).checked_sub(1).and_then(|place| self.protocols.get(place));
        let Some(protocol) = found else { return Atoms::default() };
        let class = protocol.table.get(usize::from(port)).copied().unwrap_or_default();
        Atoms { list: protocol.atoms.get(u32::from(class)), wide: &protocol.wide }
    }

    /// A number that two ports share only when the same atoms list both, whatever the protocol; `None`
    /// where it is not known without asking each.
    #[inline]
    pub fn alike(&self, port: u16) -> Option<u64> {
        let class = |protocol: &Protocol| protocol.table.get(usize::from(port)).copied().unwrap_or_default();
        let telling = || self.protocols.iter().filter(|protocol| !protocol.table.is_empty());
        let known = telling().count() <= 4 && self.protocols.iter().all(|protocol| protocol.wide.is_empty());
        known.then(|| telling().fold(0, |all, protocol| all << 16 | u64::from(class(protocol))))
    }
}

impl Protocol {
    fn new(spans: &[Span]) -> Self {
        let mut starts: Vec<u16> = vec![0];
        for (first, last, _) in spans.iter().filter(|(first, last, _)| first <= last) {
            starts.push(*first);
            starts.extend(last.checked_add(1));
        }
        starts.sort_unstable();
        starts.dedup();
        let class_of = |port: u16| starts.partition_point(|start| *start <= port).saturating_sub(1);
        let mut atoms: Vec<Vec<Listed>> = vec![Vec::new(); starts.len()];
        let mut wide = Vec::new();
        for (first, last, atom) in spans.iter().filter(|(first, last, _)| first <= last) {
            let (low, high) = (class_of(*first), class_of(*last));
            if high.saturating_sub(low) >= WIDE {
                push_once(&mut wide, *atom);
            } else {
                atoms.get_mut(low..=high).into_iter().flatten().for_each(|list| push_once(list, *atom));
            }
        }
        let table = if starts.len() > 1 { classes_by_port(&starts) } else { Vec::new() };
        Self { table, atoms: atoms.into_iter().collect(), wide }
    }
}

fn classes_by_port(starts: &[u16]) -> Vec<u16> {
    let ends = starts.iter().skip(1).copied().map(usize::from).chain([1 << 16]);
    let mut table = Vec::with_capacity(1 << 16);
    (0u16..=u16::MAX).zip(ends).for_each(|(class, end)| table.resize(end, class));
    table
}

/// Atoms come in order, so a repetition is always the last entry.
fn push_once(list: &mut Vec<Listed>, atom: Listed) {
    if list.last().is_none_or(|last| last.atom != atom.atom) {
        list.push(atom);
    }
}

/// A span over this many classes is kept aside: 10,000 overlapping ranges would otherwise fill
/// every class with every row.
const WIDE: usize = 256;
