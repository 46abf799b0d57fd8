//! Packet time: nanoseconds since 1970-01-01T00:00:00Z. Never read from a clock.

/// A point in packet time, in nanoseconds since the Unix epoch (UTC). Covers 1677 to 2262;
/// readers saturate what lies outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `nanoseconds` after the Unix epoch.
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to `self`; negative when `self` came first. Saturates.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time moved by `nanoseconds`, saturating at the ends of the range.
    #[must_use]
    pub const fn plus(self, nanoseconds: i64) -> Self {
        Self(self.0.saturating_add(nanoseconds))
    }
}
