//! What the system says of an interface in, whether it is up and what it is called out. Read from files
//! that stay open: once privileges are dropped they could not be opened again. Linux; elsewhere, and
//! for `any`, there are none, and nothing is said.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::loss::number;

/// An interface as the system sees it.
#[derive(Debug)]
pub(super) struct Link {
    flags: File,
    carrier: Option<File>,
    /// How often the carrier went away, where the system counts it.
    falls: Option<(File, u64)>,
    event: Option<File>,
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    /// Packets can come.
    Up,
    /// They can, but could not for a moment since the last look.
    WasDown,
    /// None can come.
    Down,
}

impl Link {
    /// That of `interface`; `None` where the system does not say.
    pub(super) fn open(interface: &str) -> Option<Self> {
        let directory = Path::new("/sys/class/net").join(interface);
        let open = |name: &str| File::open(directory.join(name)).ok();
        let falls = open("carrier_down_count").and_then(|file| {
            let count = number(&file)?;
            Some((file, count))
        });
        Some(Self { flags: open("flags")?, carrier: open("carrier"), falls, event: open("uevent") })
    }

    /// How it is now. An interface that is gone says nothing more: reading it will.
    pub(super) fn state(&mut self) -> Option<LinkState> {
        let text = text(&self.flags)?;
        let flags = u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()?;
        let fallen = self.falls.as_mut().is_some_and(|(file, before)| {
            let now = number(file).unwrap_or(*before);
            std::mem::replace(before, now) < now
        });
        // The carrier of an interface that was set down cannot be read at all.
        let carrier = self.carrier.as_ref().is_none_or(|file| number(file) != Some(0));
        Some(match (flags & UP != 0 && carrier, fallen) {
            (true, false) => LinkState::Up,
            (true, true) => LinkState::WasDown,
            (false, _) => LinkState::Down,
        })
    }

    /// What it is called now.
    pub(super) fn name(&self) -> Option<String> {
        let text = text(self.event.as_ref()?)?;
        text.lines().find_map(|line| line.strip_prefix("INTERFACE=")).map(str::to_owned)
    }
}

fn text(file: &File) -> Option<String> {
    let mut text = [0; 512];
    let length = file.read_at(&mut text, 0).ok()?;
    String::from_utf8(text.get(..length)?.to_vec()).ok()
}

/// `IFF_UP`.
const UP: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_is_up_and_nothing_is_said_of_what_is_not_there() {
        let mut link = Link::open("lo").unwrap();
        assert_eq!((link.state(), link.name().as_deref()), (Some(LinkState::Up), Some("lo")));
        assert!(Link::open("no-such-interface").is_none());
    }
}
