//! The look-up of a small matrix: the rows at whose ends a class of addresses may stand are bits of
//! one word, so that one intersection answers for all of them.

use super::compiled::Match;
use super::index::{End, Ends, Query, as_index};
use super::index_address::Intervals;
use super::index_port::{Atoms, Listed};
use super::model::{AtomId, Binding, Direction, RoleId, Row};

/// Sets of rows by who stands at their ends.
#[derive(Clone, Debug)]
pub(super) struct Few {
    by_class: Vec<Sets>,
    by_role: Vec<Sets>,
    /// Rows that either end may start.
    either: u128,
}

/// Rows as bits: those that somebody may stand at the `from` end of, and at the `to` end.
#[derive(Clone, Copy, Debug, Default)]
struct Sets {
    from: u128,
    to: u128,
}

impl Sets {
    const fn or(self, other: Self) -> Self {
        Self { from: self.from | other.from, to: self.to | other.to }
    }
}

impl Few {
    /// As many rows as a word has bits.
    pub const MOST_ROWS: usize = 128;

    /// Builds the sets.
    pub fn new(rows: &[Row], roles: usize, intervals: &Intervals) -> Self {
        let mut few = Self { by_class: Vec::new(), by_role: vec![Sets::default(); roles], either: 0 };
        let mut anybody = Sets::default();
        for (number, row) in (0u32..).zip(rows) {
            let bit = 1u128.wrapping_shl(number);
            few.either |= if row.direction == Direction::Either { bit } else { 0 };
            for role in &row.from {
                few.set(*role, Sets { from: bit, to: 0 });
            }
            for role in &row.to {
                few.set(*role, Sets { from: 0, to: bit });
            }
            anybody = anybody.or(Sets {
                from: if row.from.is_empty() { bit } else { 0 },
                to: if row.to.is_empty() { bit } else { 0 },
            });
        }
        let of_class = |roles: &[RoleId]| roles.iter().fold(anybody, |sets, role| sets.or(few.of_role(*role)));
        few.by_class = intervals.classes().map(of_class).collect();
        few
    }

    fn set(&mut self, role: RoleId, sets: Sets) {
        self.by_role.get_mut(as_index(role.0)).into_iter().for_each(|known| *known = known.or(sets));
    }

    fn of_role(&self, role: RoleId) -> Sets {
        self.by_role.get(as_index(role.0)).copied().unwrap_or_default()
    }

    #[inline]
    fn of_class(&self, class: u32) -> Sets {
        self.by_class.get(as_index(class)).copied().unwrap_or_default()
    }

    #[inline]
    fn of(&self, end: &End<'_>) -> Sets {
        let sets = self.of_class(end.class);
        if end.by_name.is_empty() {
            return sets;
        }
        end.by_name.iter().fold(sets, |sets, (role, _)| sets.or(self.of_role(role)))
    }

    /// The rows at whose ends these two may stand.
    #[inline]
    const fn rows(&self, starts: Sets, answers: Sets) -> u128 {
        starts.from & answers.to | starts.to & answers.from & self.either
    }

    /// Appends every atom that fits addresses of these classes.
    #[inline]
    pub fn by_address(&self, originator: u32, responder: u32, listed: Atoms<'_>, found: &mut Vec<Match>) {
        let rows = self.rows(self.of_class(originator), self.of_class(responder));
        if rows == 0 {
            return;
        }
        let (originator, responder) = (Binding::Address, Binding::Address);
        visit(rows, listed, |atom| found.push(Match { atom, originator, responder }));
        in_order(listed, found);
    }

    /// Appends every atom that fits.
    #[inline]
    pub fn matches(&self, ends: &Ends, query: &Query<'_>, found: &mut Vec<Match>) {
        let rows = self.rows(self.of(&query.originator), self.of(&query.responder));
        if rows == 0 {
            return;
        }
        visit(rows, query.listed, |atom| {
            let bound = ends.of(atom.row.0, query);
            found.extend(bound.map(|(originator, responder)| Match { atom, originator, responder }));
        });
        in_order(query.listed, found);
    }
}

/// Shows the listed atoms of some rows.
#[inline]
fn visit(rows: u128, listed: Atoms<'_>, mut show: impl FnMut(AtomId)) {
    for list in [listed.list, listed.wide] {
        for Listed { atom, .. } in list {
            if rows.wrapping_shr(atom.row.0) & 1 != 0 {
                show(*atom);
            }
        }
    }
}

/// Brings what two lists gave into order.
#[inline]
fn in_order(listed: Atoms<'_>, found: &mut Vec<Match>) {
    if !listed.wide.is_empty() {
        found.sort_unstable();
        found.dedup();
    }
}
