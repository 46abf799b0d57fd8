//! Marshalled RPC arguments in, integers and octets out, aligned as NDR (C706 chapter 14) or NDR64
//! (MS-RPCE section 2.2.5) wants it. Counts from the wire are handed out and never trusted here.

/// A reader that keeps track of alignment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ndr<'b> {
    bytes: &'b [u8],
    at: usize,
    little: bool,
    wide: bool,
}

impl<'b> Ndr<'b> {
    /// `wide` for NDR64.
    pub(super) const fn new(bytes: &'b [u8], little: bool, wide: bool) -> Self {
        Self { bytes, at: 0, little, wide }
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    pub(super) fn int32(&mut self) -> Option<u32> {
        self.align(4)?;
        let bytes = self.take(4)?.first_chunk::<4>()?;
        Some(if self.little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) })
    }

    /// The referent of a pointer, 0 for none.
    pub(super) fn pointer(&mut self) -> Option<u64> {
        self.count()
    }

    /// A count of an array: four bytes, eight in NDR64.
    pub(super) fn count(&mut self) -> Option<u64> {
        if !self.wide {
            return self.int32().map(u64::from);
        }
        self.align(8)?;
        let bytes = self.take(8)?.first_chunk::<8>()?;
        Some(if self.little { u64::from_le_bytes(*bytes) } else { u64::from_be_bytes(*bytes) })
    }

    fn align(&mut self, to: usize) -> Option<()> {
        self.at = self.at.checked_next_multiple_of(to)?;
        (self.at <= self.bytes.len()).then_some(())
    }
}
