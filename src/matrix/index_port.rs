//! Rows in, port classes out: for a protocol and a destination port, the rows that have an atom
//! for it. Knows no addresses and no names.

use std::collections::BTreeMap;

use super::model::{Ports, Row};

/// Which rows list a port.
#[derive(Clone, Debug, Default)]
pub(super) struct PortClasses {
    protocols: BTreeMap<u8, Protocol>,
}

/// The ports of one IP protocol.
#[derive(Clone, Debug)]
struct Protocol {
    /// Class of every port; empty when all ports are of class 0.
    table: Vec<u16>,
    /// Per class the rows that list it, ascending.
    rows: Vec<Vec<u32>>,
    /// Rows that span very many classes, ascending: kept once instead of in every class.
    wide: Vec<u32>,
}

impl PortClasses {
    /// Cuts the ports of every protocol at every border of every row.
    pub fn new(rows: &[Row]) -> Self {
        let mut spans: BTreeMap<u8, Vec<Span>> = BTreeMap::new();
        for (number, row) in (0u32..).zip(rows) {
            for atom in &row.atoms {
                let entry = spans.entry(atom.transport.0).or_default();
                match &atom.ports {
                    Ports::Any => entry.push((0, u16::MAX, number)),
                    Ports::Ranges(ranges) => {
                        entry.extend(ranges.iter().map(|range| (*range.start(), *range.end(), number)));
                    }
                }
            }
        }
        Self { protocols: spans.into_iter().map(|(protocol, spans)| (protocol, Protocol::new(&spans))).collect() }
    }

    /// Rows for this port: two ascending lists that together hold each of them.
    pub fn rows(&self, protocol: u8, port: u16) -> (&[u32], &[u32]) {
        let Some(protocol) = self.protocols.get(&protocol) else { return (&[], &[]) };
        let class = protocol.table.get(usize::from(port)).copied().unwrap_or_default();
        (protocol.rows.get(usize::from(class)).map(Vec::as_slice).unwrap_or_default(), &protocol.wide)
    }
}

/// First port, last port, row.
type Span = (u16, u16, u32);

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
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); starts.len()];
        let mut wide = Vec::new();
        for (first, last, row) in spans.iter().filter(|(first, last, _)| first <= last) {
            let (low, high) = (class_of(*first), class_of(*last));
            if high.saturating_sub(low) >= WIDE {
                push_once(&mut wide, *row);
            } else {
                rows.get_mut(low..=high).into_iter().flatten().for_each(|list| push_once(list, *row));
            }
        }
        let class = |port: u16| u16::try_from(class_of(port)).unwrap_or_default();
        let table = if starts.len() > 1 { (0..=u16::MAX).map(class).collect() } else { Vec::new() };
        Self { table, rows, wide }
    }
}

/// Rows come in ascending order, so a repetition is always the last entry.
fn push_once(list: &mut Vec<u32>, row: u32) {
    if list.last() != Some(&row) {
        list.push(row);
    }
}

/// A span over this many classes is kept aside: 10,000 overlapping ranges would otherwise fill
/// every class with every row.
const WIDE: usize = 256;
