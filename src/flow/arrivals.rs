//! The packets that a run keeps for recognition, one behind the other in one stretch of memory, or in two: nearly
//! always they are few and short, and lie where the rest about the run lies. Knows nothing of what they say.

use super::key::End;
use super::prefix::{Arrival, Mark};
use crate::wire::{FrameRef, Timestamp};

/// Bytes that need no memory of their own.
const FEW: usize = 103;
/// What an arrival takes beside its payload: eight words.
const HEAD: usize = 32;

/// Packets in the order in which they came.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    few: [u8; FEW],
    /// Bytes of `few` in use.
    used: u8,
    /// Those for which `few` had no room, and all behind them.
    many: Vec<u8>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { few: [0; FEW], used: 0, many: Vec::new() }
    }
}

impl Arrivals {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.used == 0 && self.many.is_empty()
    }

    /// Bytes that were asked of the allocator.
    pub(super) const fn allocated(&self) -> usize {
        self.many.capacity()
    }

    /// Forgets all of them and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.many.clear();
    }

    /// Adds one. What it holds is within the budget of a direction, for which 16 bits are enough.
    pub(super) fn push(&mut self, arrival: &Arrival<'_>) {
        let used = usize::from(self.used);
        let taken = HEAD.saturating_add(arrival.bytes.len());
        let behind = used.saturating_add(taken);
        if self.many.is_empty()
            && let Ok(now) = u8::try_from(behind)
            && let Some((head, payload)) = self.few.get_mut(used..behind).and_then(<[u8]>::split_first_chunk_mut)
        {
            *head = written(arrival);
            payload.copy_from_slice(arrival.bytes);
            self.used = now;
            return;
        }
        if self.many.capacity() < self.many.len().saturating_add(taken) {
            // Most hold two or three, so that twice as much would be too much.
            self.many.reserve_exact(taken.max(self.many.len() / 2));
        }
        self.many.extend_from_slice(&written(arrival));
        self.many.extend_from_slice(arrival.bytes);
    }

    /// The packets in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Arrival<'_>> + Clone {
        let few = self.few.get(..usize::from(self.used)).unwrap_or_default();
        let (mut rest, mut then) = (few, self.many.as_slice());
        std::iter::from_fn(move || {
            if rest.is_empty() {
                rest = std::mem::take(&mut then);
            }
            let (arrival, behind) = read(rest)?;
            rest = behind;
            Some(arrival)
        })
    }

    /// Puts an acknowledgement in the place of the one that its sender sent last, where none but
    /// acknowledgements came since; says whether there is such a one. Neither has payload.
    pub(super) fn renew(&mut self, arrival: &Arrival<'_>) -> bool {
        let (mut last, mut place) = (None, 0usize);
        for held in self.iter() {
            match (held.mark == Mark::Acknowledgement, held.from == arrival.from) {
                (true, true) => last = Some(place),
                (true, false) => {}
                (false, _) => last = None,
            }
            place = place.saturating_add(HEAD).saturating_add(held.bytes.len());
        }
        let head = last.and_then(|place| {
            let bytes = match place.checked_sub(usize::from(self.used)) {
                None => self.few.get_mut(place..)?,
                Some(place) => self.many.get_mut(place..)?,
            };
            bytes.first_chunk_mut()
        });
        let is_renewed = head.is_some();
        if let Some(head) = head {
            *head = written(arrival);
        }
        is_renewed
    }
}

/// All of an arrival but its payload.
fn written(arrival: &Arrival<'_>) -> [u8; HEAD] {
    let at = arrival.at.nanoseconds().cast_unsigned();
    let [a, b, c, d, e, f, g, h] = at.to_be_bytes();
    let [high, low] = u16::try_from(arrival.bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    let words = [
        u32::from_be_bytes([high, low, arrival.from as u8, arrival.mark as u8]),
        arrival.sequence,
        arrival.acknowledgement,
        arrival.length,
        arrival.frame.input,
        arrival.frame.number,
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    ];
    let mut head = [0; HEAD];
    for (place, word) in head.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_ne_bytes();
    }
    head
}

/// The first arrival, and what lies behind it.
fn read(bytes: &[u8]) -> Option<(Arrival<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    let words: &[[u8; 4]; HEAD / 4] = head.as_chunks().0.first_chunk()?;
    let [kind, sequence, acknowledgement, length, input, number, upper, lower] = words.map(u32::from_ne_bytes);
    let [high, low, from, mark] = kind.to_be_bytes();
    let (bytes, behind) = rest.split_at_checked(u16::from_be_bytes([high, low]).into())?;
    let arrival = Arrival {
        from: if from == End::Low as u8 { End::Low } else { End::High },
        mark: Mark::ALL.into_iter().find(|known| *known as u8 == mark)?,
        sequence,
        acknowledgement,
        bytes,
        length,
        frame: FrameRef { input, number },
        at: Timestamp::from_nanoseconds((u64::from(upper) << 32 | u64::from(lower)).cast_signed()),
    };
    Some((arrival, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(from: End, mark: Mark, number: u32, bytes: &[u8]) -> Arrival<'_> {
        let at = Timestamp::from_nanoseconds(i64::from(number) - 5);
        let frame = FrameRef { input: 3, number };
        let length = u32::try_from(bytes.len()).unwrap() + number;
        Arrival { from, mark, sequence: 7 * number, acknowledgement: u32::MAX - number, bytes, length, frame, at }
    }

    fn shown<'held>(arrivals: impl Iterator<Item = Arrival<'held>>) -> Vec<String> {
        arrivals.map(|arrival| format!("{arrival:?}")).collect()
    }

    /// Few and many, short and long: what comes out is what went in.
    #[test]
    fn keeps_what_it_is_given() {
        let payload: Vec<u8> = (0..=255).cycle().take(3000).collect();
        let (mut held, mut given) = (Arrivals::default(), Vec::new());
        for (number, length) in (1..).zip([0, 5, 60, 0, 1440, 3000, 1]) {
            let from = if number % 2 == 0 { End::Low } else { End::High };
            let mark = Mark::ALL[number as usize % Mark::ALL.len()];
            given.push(arrival(from, mark, number, &payload[..length]));
            held.push(given.last().unwrap());
            assert_eq!(shown(held.iter()), shown(given.iter().copied()), "{number}");
            assert!(!held.is_empty());
        }
        held.clear();
        assert_eq!((held.iter().count(), held.is_empty()), (0, true));
        held.push(&given[1]);
        assert_eq!(shown(held.iter()), shown(given[1..2].iter().copied()));
    }

    /// Of acknowledgements with nothing else between them the last of each end is kept, in its first place.
    #[test]
    fn an_acknowledgement_is_renewed() {
        for filled in [0, 200] {
            let bytes = vec![9; filled];
            let mut held = Arrivals::default();
            held.push(&arrival(End::Low, Mark::Acknowledgement, 1, b""));
            held.push(&arrival(End::Low, Mark::Payload, 2, &bytes));
            assert!(!held.renew(&arrival(End::Low, Mark::Acknowledgement, 3, b"")));
            held.push(&arrival(End::Low, Mark::Acknowledgement, 3, b""));
            held.push(&arrival(End::High, Mark::Acknowledgement, 4, b""));
            assert!(held.renew(&arrival(End::Low, Mark::Acknowledgement, 5, b"")));
            assert_eq!(held.iter().map(|held| held.frame.number).collect::<Vec<_>>(), [1, 2, 5, 4]);
        }
    }
}
