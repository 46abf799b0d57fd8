//! The clock of a pcapng interface: ticks in, packet time out. Resolutions are powers of ten or of
//! two (`if_tsresol`), and the count may start later than 1970 (`if_tsoffset`).

use crate::wire::Timestamp;

const NANOSECONDS: u64 = 1_000_000_000;

/// How the ticks of an interface become nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    scale: Scale,
    /// Nanoseconds to add.
    offset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// Ticks of so many nanoseconds.
    Coarse(i64),
    /// So many ticks in a nanosecond.
    Fine(u64),
    /// Two to this power ticks in a second.
    Binary(u8),
}

/// Without `if_tsresol` a tick is a microsecond.
impl Default for Clock {
    fn default() -> Self {
        Self { scale: Scale::Coarse(1000), offset: 0 }
    }
}

impl Clock {
    /// Takes `if_tsresol`: the negative power of ten, or of two if the highest bit is set.
    pub(super) fn set_resolution(&mut self, resolution: u8) {
        let power = resolution & 0x7f;
        self.scale = if resolution & 0x80 != 0 {
            Scale::Binary(power)
        } else if let Some(coarse) = 9_u32.checked_sub(u32::from(power)) {
            Scale::Coarse(10_i64.saturating_pow(coarse))
        } else {
            Scale::Fine(10_u64.saturating_pow(u32::from(power).saturating_sub(9)))
        };
    }

    /// Takes `if_tsoffset`, in seconds.
    pub(super) const fn set_offset(&mut self, seconds: i64) {
        self.offset = seconds.saturating_mul(NANOSECONDS.cast_signed());
    }

    /// The time of `ticks`, saturating at the ends of what a time stamp can say.
    #[inline]
    pub(super) fn at(&self, ticks: u64) -> Timestamp {
        let nanoseconds = match self.scale {
            Scale::Coarse(factor) => i64::try_from(ticks).unwrap_or(i64::MAX).saturating_mul(factor),
            Scale::Fine(divisor) => i64::try_from(ticks.checked_div(divisor).unwrap_or(0)).unwrap_or(i64::MAX),
            Scale::Binary(power) => {
                let scaled = u128::from(ticks).saturating_mul(u128::from(NANOSECONDS)) >> power;
                i64::try_from(scaled).unwrap_or(i64::MAX)
            }
        };
        Timestamp::from_nanoseconds(nanoseconds).plus(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(resolution: u8, offset: i64, ticks: u64, expected: i64) {
        let mut clock = Clock::default();
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        assert_eq!(clock.at(ticks).nanoseconds(), expected, "{resolution:#x} {offset} {ticks}");
    }

    #[test]
    fn ticks_become_nanoseconds() {
        let cases = [
            (6, 0, 1, 1000),
            (0, 0, 7, 7_000_000_000),
            (9, 0, 1_600_000_000_123_456_789, 1_600_000_000_123_456_789),
            (12, 0, 1999, 1),
            (127, 0, u64::MAX >> 1, 0),
            (0x80, 0, 5, 5_000_000_000),
            (0x8a, 0, 1024 + 512, 1_500_000_000),
            (0xff, 0, u64::MAX, 0),
            (0xa0, 0, 3 << 31, 1_500_000_000),
            (6, 10, 1_000_000, 11_000_000_000),
            (6, -1, 1_000_000, 0),
            (6, i64::MIN, 0, i64::MIN),
            (0, 0, u64::MAX, i64::MAX),
        ];
        for (resolution, offset, ticks, expected) in cases {
            check(resolution, offset, ticks, expected);
        }
    }
}
