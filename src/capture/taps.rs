//! Interfaces of inputs in, tap numbers out. An input that begins after another has ended takes
//! over the number of the interface that it continues; inputs that overlap never share one.

use std::collections::BTreeMap;

use super::reader::Interface;
use crate::ledger::TapInfo;
use crate::wire::LinkType;

/// How an interface is known again in a later file: by its name, or by its place if it has none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Name(String, u16),
    Place(usize, u16),
}

/// The taps of all inputs so far.
#[derive(Debug, Default)]
pub(super) struct Taps {
    infos: Vec<TapInfo>,
    /// Taps whose input has ended, the latest last.
    free: BTreeMap<Key, Vec<u32>>,
}

impl Taps {
    /// The number for interface `place` of `input`.
    pub(super) fn take(&mut self, input: u32, place: usize, interface: &Interface) -> u32 {
        if let Some(tap) = self.free.get_mut(&key(place, interface)).and_then(Vec::pop) {
            if let Some(info) = self.infos.get_mut(tap as usize) {
                let known = &mut info.addresses;
                let new = interface.addresses.iter().filter(|address| !known.contains(address)).copied();
                let new = new.collect::<Vec<_>>();
                known.extend(new);
                info.card = info.card.or(interface.card);
            }
            return tap;
        }
        let tap = u32::try_from(self.infos.len()).unwrap_or(u32::MAX);
        self.infos.push(TapInfo {
            input,
            name: interface.name.clone(),
            link: LinkType(interface.link),
            snap_length: interface.snap_length,
            addresses: interface.addresses.clone(),
            card: interface.card,
        });
        tap
    }

    /// Gives the numbers of an input that has ended to those that continue it.
    pub(super) fn release(&mut self, taps: &[u32], interfaces: &[Interface]) {
        // Reversed, so that of two interfaces with one name the first is taken first again.
        for (place, (tap, interface)) in taps.iter().zip(interfaces).enumerate().rev() {
            self.free.entry(key(place, interface)).or_default().push(*tap);
        }
    }

    /// All taps, by number.
    pub(super) fn finish(self) -> Vec<TapInfo> {
        self.infos
    }
}

fn key(place: usize, interface: &Interface) -> Key {
    if interface.name.is_empty() {
        Key::Place(place, interface.link)
    } else {
        Key::Name(interface.name.clone(), interface.link)
    }
}
