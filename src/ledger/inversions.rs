//! Time stamps of one input in, how often time ran backwards out. A piece that others precede keeps
//! its rising stamps, so that a merge can count those which an earlier piece had already passed.

use std::collections::BTreeMap;

use super::continuity::ClockStep;
use crate::wire::{Tally, Timestamp};

/// Rising stamps kept: time that runs backwards further than that is counted from here on only.
const KEPT: usize = 4096;

/// The time of every input. That of the input which is being read stands apart, since each frame asks
/// for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Clocks {
    current: Option<(u32, Inversions)>,
    others: BTreeMap<u32, Inversions>,
}

impl Clocks {
    /// Takes the `stamps` of a batch that comes to `tally`, each with its input.
    #[inline]
    pub(super) fn follow(&mut self, tally: &Tally, stamps: impl Iterator<Item = (u32, Timestamp)> + Clone) {
        if let Some((current, inversions)) = &mut self.current
            && let Some((first, last)) = tally.rising()
            && stamps.clone().next().is_some_and(|(input, _)| input == *current)
            && inversions.latest.is_some_and(|latest| latest <= first)
        {
            inversions.latest = Some(last);
        } else {
            stamps.for_each(|(input, at)| self.observe(input, at, false));
        }
    }

    /// Takes the next stamp of `input`.
    #[inline]
    pub(super) fn observe(&mut self, input: u32, at: Timestamp, keep: bool) {
        match &mut self.current {
            Some((current, inversions)) if *current == input => inversions.observe(at, keep),
            Some(_) | None => self.of(input).observe(at, keep),
        }
    }

    /// Frames of all inputs that lie before a frame already read.
    pub(super) fn count(&self) -> u64 {
        let current = self.current.iter().map(|(_, inversions)| inversions);
        self.others.values().chain(current).fold(0, |sum, input| sum.saturating_add(input.count))
    }

    /// The furthest that time ran backwards in each input.
    pub(super) fn furthest(&self) -> impl Iterator<Item = (u32, ClockStep)> {
        let current = self.current.iter().map(|(input, inversions)| (*input, inversions));
        let others = self.others.iter().map(|(input, inversions)| (*input, inversions));
        others.chain(current).filter_map(|(input, inversions)| Some((input, inversions.furthest?)))
    }

    /// Adds the time of the following piece.
    pub(super) fn merge(&mut self, later: Self, keep: bool) {
        for (input, inversions) in later.others.into_iter().chain(later.current) {
            self.of(input).merge(inversions, keep);
        }
    }

    #[cold]
    fn of(&mut self, input: u32) -> &mut Inversions {
        if let Some((before, inversions)) = self.current.take() {
            self.others.insert(before, inversions);
        }
        let inversions = self.others.remove(&input).unwrap_or_default();
        &mut self.current.insert((input, inversions)).1
    }
}

/// The time of one input.
#[derive(Clone, Debug, Default)]
struct Inversions {
    latest: Option<Timestamp>,
    /// Each new maximum and the frames that stood at it.
    rising: Vec<(Timestamp, u64)>,
    /// Frames that lie before a frame already read.
    count: u64,
    /// The earliest stamp.
    lowest: Option<Timestamp>,
    /// The furthest that a frame lies before one already read.
    furthest: Option<ClockStep>,
}

impl Inversions {
    /// Takes the next stamp.
    #[inline]
    fn observe(&mut self, at: Timestamp, keep: bool) {
        match self.latest {
            Some(latest) if at < latest => {
                self.count = self.count.saturating_add(1);
                self.back(ClockStep { before: latest, after: at });
                return;
            }
            Some(_) => {}
            None => self.lowest = Some(at),
        }
        self.latest = Some(at);
        if keep {
            self.rise(at, 1);
        }
    }

    /// A frame lies before one already read.
    #[cold]
    fn back(&mut self, step: ClockStep) {
        self.lowest = self.lowest.min(Some(step.after));
        let further = |step: &ClockStep| (step.before.since(step.after), *step);
        self.furthest = self.furthest.into_iter().chain([step]).max_by_key(further);
    }

    fn rise(&mut self, at: Timestamp, frames: u64) {
        if let Some((_, known)) = self.rising.last_mut().filter(|(last, _)| *last == at) {
            *known = known.saturating_add(frames);
        } else if self.rising.len() < KEPT {
            self.rising.push((at, frames));
        }
    }

    /// Adds the time of the following piece.
    fn merge(&mut self, later: Self, keep: bool) {
        let Some(latest) = self.latest else {
            *self = later;
            return;
        };
        let passed = later.rising.iter().filter(|(at, _)| *at < latest).map(|(_, frames)| *frames);
        self.count = passed.fold(self.count, u64::saturating_add).saturating_add(later.count);
        let over_the_cut = later.lowest.filter(|lowest| *lowest < latest);
        let over_the_cut = over_the_cut.map(|after| ClockStep { before: latest, after });
        later.furthest.into_iter().chain(over_the_cut).for_each(|step| self.back(step));
        self.lowest = self.lowest.min(later.lowest);
        if keep {
            for (at, frames) in later.rising.into_iter().filter(|(at, _)| *at >= latest) {
                self.rise(at, frames);
            }
        }
        self.latest = self.latest.max(later.latest);
    }
}
