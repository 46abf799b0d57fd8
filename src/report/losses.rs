//! When something was lost and when nothing could be seen, one short phrase for each time: the same in
//! every form for people.

use super::words;
use crate::audit::{LossWindow, OutageEntry, Quality};

/// A phrase for each time of loss, outage and set clock, in this order.
#[must_use]
pub fn phrases(quality: &Quality) -> Vec<String> {
    let outages = quality.outages.iter().map(outage);
    let steps = quality
        .clock_steps
        .iter()
        .map(|step| format!("{}: clock set by {} s to {}", moment(&step.before), step.seconds, moment(&step.after)));
    quality.losses.iter().map(window).chain(outages).chain(steps).collect()
}

fn window(window: &LossWindow) -> String {
    let parts = [
        (window.kernel_drops, words::count(window.kernel_drops, "packet") + " lost by the kernel"),
        (window.interface_drops, words::count(window.interface_drops, "packet") + " lost by the interface"),
        (window.missed_bytes, words::count(window.missed_bytes, "acknowledged byte") + " unseen"),
    ];
    let lost: Vec<String> = parts.into_iter().filter(|(number, _)| *number > 0).map(|(_, phrase)| phrase).collect();
    format!("{}: {}", span(&window.from, Some(&window.until)), lost.join(", "))
}

fn outage(outage: &OutageEntry) -> String {
    format!("{}: {} down", span(&outage.from, outage.until.as_deref()), outage.interface)
}

/// `2026-11-22 10:02:00 to 10:03:00`; the day stands once where it is one.
fn span(from: &str, until: Option<&str>) -> String {
    match until {
        Some(until) if words::date(from) == words::date(until) => {
            format!("{} to {}", moment(from), words::clock(until))
        }
        Some(until) => format!("{} to {}", moment(from), moment(until)),
        None => format!("since {}", moment(from)),
    }
}

fn moment(time: &str) -> String {
    format!("{} {}", words::date(time), words::clock(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ClockStepEntry;

    #[test]
    fn each_time_is_one_phrase() {
        let at = |text: &str| format!("{text}.000000000Z");
        let window = LossWindow {
            from: at("2026-11-22T10:02:00"),
            until: at("2026-11-22T10:03:00"),
            kernel_drops: 1200,
            interface_drops: 0,
            missed_bytes: 1,
        };
        let outage = OutageEntry { interface: "eth0".to_owned(), from: at("2026-11-22T23:59:59"), until: None };
        let ended = OutageEntry { until: Some(at("2026-11-23T00:00:01")), ..outage.clone() };
        let step = ClockStepEntry {
            before: at("2026-11-22T10:02:00"),
            after: at("2026-11-22T09:02:00"),
            seconds: "-3600.000000000".to_owned(),
        };
        let quality = Quality {
            losses: vec![window],
            outages: vec![ended, outage],
            clock_steps: vec![step],
            ..Quality::default()
        };
        let expected = [
            "2026-11-22 10:02:00 to 10:03:00: 1,200 packets lost by the kernel, 1 acknowledged byte unseen",
            "2026-11-22 23:59:59 to 2026-11-23 00:00:01: eth0 down",
            "since 2026-11-22 23:59:59: eth0 down",
            "2026-11-22 10:02:00: clock set by -3600.000000000 s to 2026-11-22 09:02:00",
        ];
        assert_eq!(phrases(&quality), expected);
    }
}
