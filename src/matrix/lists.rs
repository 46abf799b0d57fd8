//! Many short lists in one piece of memory: a look-up touches two places instead of chasing a
//! pointer for each list.

use super::index::as_index;

/// Lists by number.
#[derive(Clone, Debug)]
pub(super) struct Lists<T> {
    /// Where each list begins in `items`, and where the last one ends.
    bounds: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { bounds: vec![0], items: Vec::new() }
    }
}

impl<T> Lists<T> {
    /// Appends a list; it gets the next number.
    pub fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.bounds.push(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
    }

    /// Every list, by its number.
    pub fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0u32..).take(self.bounds.len().saturating_sub(1)).map(|number| self.get(number))
    }

    /// The list of this number; an empty one where there is none.
    #[inline]
    pub fn get(&self, number: u32) -> &[T] {
        let number = as_index(number);
        let Some([begin, end]) = self.bounds.get(number..).and_then(<[u32]>::first_chunk::<2>) else { return &[] };
        self.items.get(as_index(*begin)..as_index(*end)).unwrap_or_default()
    }
}

impl<T> FromIterator<Vec<T>> for Lists<T> {
    fn from_iter<I: IntoIterator<Item = Vec<T>>>(lists: I) -> Self {
        let mut all = Self::default();
        lists.into_iter().for_each(|list| all.push(list));
        all.items.shrink_to_fit();
        all
    }
}
