//! Times of which not everything that DNS said was kept. Such a gap ends where messages are kept again,
//! and what was lost in it speaks against a name as long as the lost answers could have held.

use super::{GRACE, SECOND, TIME_TO_LIVE};
use crate::wire::Timestamp;

/// Gaps that are told apart; of more, those that lie closest together become one.
const MOST: usize = 64;
/// A look-up that began so long ago is over: none of its repeats and answers lies before.
const OVER: i64 = 60 * SECOND;

/// A time of which not everything that DNS said is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameGap {
    /// Time of the earliest answer that was lost.
    pub from: Timestamp,
    /// Until when one of them could hold.
    pub until: Timestamp,
    /// Time of the latest message that was lost; none where what was let go had been paired before, so
    /// that no answer that contradicts another is among it.
    pub unpaired: Option<Timestamp>,
}

impl NameGap {
    /// A message that was not kept.
    pub(in crate::ledger) fn of_message(at: Timestamp) -> Self {
        let longest = i64::from(TIME_TO_LIVE.1).saturating_mul(SECOND).saturating_add(GRACE);
        Self { from: at, until: at.plus(longest), unpaired: Some(at) }
    }

    /// A binding that was let go.
    pub(in crate::ledger) const fn of_binding(from: Timestamp, until: Timestamp) -> Self {
        Self { from, until, unpaired: None }
    }

    /// Whether something that was lost could hold when a flow starts at `start`.
    #[must_use]
    pub fn reaches(&self, start: Timestamp) -> bool {
        self.from <= start && start <= self.until
    }

    /// Whether nothing that was lost can belong to the look-up that was answered at this time.
    #[must_use]
    pub fn spares(&self, answered: Timestamp) -> bool {
        self.unpaired.is_none_or(|last| last < answered.plus(-OVER))
    }

    /// Whether messages were lost between these times.
    pub(in crate::ledger) fn falls_between(&self, from: Timestamp, until: Timestamp) -> bool {
        self.from <= until && self.unpaired.is_some_and(|last| from <= last)
    }

    pub(in crate::ledger) fn joined(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
            unpaired: self.unpaired.max(other.unpaired),
        }
    }

    /// The time at which the losses end.
    fn end(&self) -> Timestamp {
        self.unpaired.unwrap_or(self.until)
    }
}

/// In order, those of one sort that overlap joined, and no more than there is room for.
pub(in crate::ledger) fn in_order(mut gaps: Vec<NameGap>) -> Vec<NameGap> {
    gaps.sort_by_key(|gap| (gap.unpaired.is_some(), *gap));
    let mut joined: Vec<NameGap> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match joined.last_mut() {
            Some(last) if last.unpaired.is_some() == gap.unpaired.is_some() && gap.from <= last.end() => {
                *last = last.joined(gap);
            }
            Some(_) | None => joined.push(gap),
        }
    }
    joined.sort_unstable();
    while joined.len() > MOST {
        let neighbours = joined.iter().zip(joined.iter().skip(1)).enumerate();
        let closest = neighbours.min_by_key(|(_, (gap, next))| next.from.since(gap.end())).map(|(place, _)| place);
        let Some(place) = closest else { break };
        let next = joined.remove(place.saturating_add(1));
        if let Some(gap) = joined.get_mut(place) {
            *gap = gap.joined(next);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: i64 = 86_400 + 300;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanoseconds(second * SECOND)
    }

    fn gap(from: i64, until: i64) -> NameGap {
        NameGap::of_message(at(from)).joined(NameGap::of_message(at(until)))
    }

    #[test]
    fn gaps_are_few_and_cover_what_was_lost() {
        assert_eq!(in_order(vec![gap(5, 9), gap(1, 2), gap(2, 6)]), [gap(1, 9)]);
        assert_eq!(in_order(vec![gap(5, 9), gap(1, 2)]), [gap(1, 2), gap(5, 9)]);
        let let_go = NameGap::of_binding(at(3), at(400));
        assert_eq!(in_order(vec![gap(5, 9), let_go]), [let_go, gap(5, 9)]);
        // The two that lie closest together become one.
        let mut many: Vec<NameGap> = (0..65).map(|place| gap(place * 100, place * 100 + 1)).collect();
        many[40] = gap(4000, 4050);
        let found = in_order(many);
        assert_eq!((found.len(), found[40]), (64, gap(4000, 4101)));
    }

    #[test]
    fn what_was_lost_counts_until_it_cannot_hold() {
        let lost = gap(100, 200);
        for (start, reached) in [(99, false), (100, true), (200 + LONGEST, true), (201 + LONGEST, false)] {
            assert_eq!(lost.reaches(at(start)), reached, "{start}");
        }
        for (answered, spared) in [(50, false), (260, false), (261, true)] {
            assert_eq!(lost.spares(at(answered)), spared, "{answered}");
        }
        let let_go = NameGap::of_binding(at(100), at(200));
        assert!(let_go.spares(at(150)) && let_go.reaches(at(200)) && !let_go.reaches(at(201)));
    }
}
