//! Packet time in, text out: RFC 3339 in UTC with nine decimals. Nothing else in this floor
//! formats a time.

use crate::wire::Timestamp;

/// `2026-11-22T01:34:31.372000000Z`.
pub(super) fn text(at: Timestamp) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(at.nanoseconds())).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.9}")
}

/// The day of an instant, `2027-03-31`.
pub(super) fn day(at: Timestamp) -> String {
    text(at).chars().take_while(|c| *c != 'T').collect()
}

/// A span in nanoseconds as decimal seconds with nine decimals.
pub(super) fn seconds(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let whole = nanoseconds.unsigned_abs();
    format!("{sign}{}.{:09}", whole / 1_000_000_000, whole % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z", "1970-01-01", "0.000000000"),
            (1_795_354_471_372_000_001, "2026-11-22T13:34:31.372000001Z", "2026-11-22", "1795354471.372000001"),
            (-1, "1969-12-31T23:59:59.999999999Z", "1969-12-31", "-0.000000001"),
        ];
        for (nanoseconds, moment, date, span) in cases {
            let at = Timestamp::from_nanoseconds(nanoseconds);
            assert_eq!((text(at).as_str(), day(at).as_str(), seconds(nanoseconds).as_str()), (moment, date, span));
        }
    }
}
