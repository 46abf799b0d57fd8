//! One value for each flow, in the order of the flows, where few values serve many flows: each is stored once, since
//! a million of them would take as much memory as the flows themselves.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// Values parallel to [`Observation::flows`](crate::ledger::Observation::flows).
#[derive(Clone)]
pub struct PerFlow<T> {
    /// For each flow the place of its value.
    places: Vec<u32>,
    values: Vec<T>,
    /// The place of the first value with a hash; another value with the same hash is not found again.
    by_hash: HashMap<u64, u32, RandomState>,
}

impl<T> PerFlow<T> {
    /// The value of the flow at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&T> {
        self.at(*self.places.get(index)?)
    }

    /// The value of the last flow.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.at(*self.places.last()?)
    }

    /// The values of all flows in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { places: self.places.iter(), values: &self.values }
    }

    fn at(&self, place: u32) -> Option<&T> {
        self.values.get(usize::try_from(place).ok()?)
    }

    /// What `of` makes of each value.
    pub(super) fn map<U>(self, of: impl FnMut(T) -> U) -> PerFlow<U> {
        let values = self.values.into_iter().map(of).collect();
        PerFlow { places: self.places, values, by_hash: HashMap::default() }
    }
}

impl<T: Hash + Eq> FromIterator<T> for PerFlow<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut all = Self { places: Vec::new(), values: Vec::new(), by_hash: HashMap::default() };
        all.places = values.into_iter().map(|value| all.place(value)).collect();
        all
    }
}

impl<T: Hash + Eq> PerFlow<T> {
    /// Gives the flow at `index` another value.
    pub(super) fn replace(&mut self, index: usize, value: T) {
        let place = self.place(value);
        if let Some(held) = self.places.get_mut(index) {
            *held = place;
        }
    }

    /// Where `value` lies from now on. There are fewer values than flows, whose number fits.
    fn place(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let known = *self.by_hash.entry(self.by_hash.hasher().hash_one(&value)).or_insert(next);
        if self.at(known) == Some(&value) {
            return known;
        }
        self.values.push(value);
        next
    }
}

impl<'values, T> IntoIterator for &'values PerFlow<T> {
    type Item = &'values T;
    type IntoIter = Iter<'values, T>;

    fn into_iter(self) -> Iter<'values, T> {
        self.iter()
    }
}

/// The values of all flows in order.
#[derive(Clone, Debug)]
pub struct Iter<'values, T> {
    places: std::slice::Iter<'values, u32>,
    values: &'values [T],
}

impl<'values, T> Iterator for Iter<'values, T> {
    type Item = &'values T;

    #[inline]
    fn next(&mut self) -> Option<&'values T> {
        self.values.get(usize::try_from(*self.places.next()?).ok()?)
    }
}

impl<T: PartialEq> PartialEq for PerFlow<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other)
    }
}

impl<T: Eq> Eq for PerFlow<T> {}

impl<T: fmt::Debug> fmt::Debug for PerFlow<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PerFlow;

    proptest! {
        /// Against a list of all values.
        #[test]
        fn is_a_list(
            values in prop::collection::vec(0_u8..9, 0..200),
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..9), 0..20),
        ) {
            let mut shared: PerFlow<u8> = values.iter().copied().collect();
            let mut list = values;
            for (index, value) in changes {
                let index = index.index(list.len() + 1);
                shared.replace(index, value);
                list.get_mut(index).into_iter().for_each(|held| *held = value);
            }
            prop_assert!(shared.values.len() <= 9);
            prop_assert!(shared.iter().eq(&list));
            prop_assert_eq!((shared.last(), shared.get(7)), (list.last(), list.get(7)));
            prop_assert!(shared.map(u16::from).iter().eq(&list.iter().copied().map(u16::from).collect::<Vec<_>>()));
        }
    }
}
