//! One direction of a connection-oriented DCE/RPC association in, its PDUs out (C706 chapter 12,
//! MS-RPCE section 2.2.2). Both byte orders, versions 5.0 and 5.1. Fragment lengths only bound what
//! is there; sealed bodies are handed out as they are and make no sense to their readers.

mod bind;
mod call;
mod interface;
mod peek;

pub use bind::{Interface, interfaces};
pub use interface::{interface_name, uuid_text};

pub(super) use bind::{Context, contexts};
pub(super) use call::{Request, Response, requests, responses};
pub(super) use interface::{EPM, uuid_from_wire};
pub(super) use peek::peek;

use super::reader::Reader;

/// What a PDU is (C706 section 12.6.4), as far as this auditor tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PduKind {
    /// A call.
    Request,
    /// Its result.
    Response,
    /// Its failure.
    Fault,
    /// First choice of interfaces.
    Bind,
    /// The answer to it.
    BindAck,
    /// Its refusal.
    BindNak,
    /// A later choice of interfaces.
    Alter,
    /// The answer to it.
    AlterAck,
    /// Third leg of authentication.
    Auth3,
    /// Shutdown, cancel, orphaned.
    Control,
}

impl PduKind {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Request,
            2 => Self::Response,
            3 => Self::Fault,
            11 => Self::Bind,
            12 => Self::BindAck,
            13 => Self::BindNak,
            14 => Self::Alter,
            15 => Self::AlterAck,
            16 => Self::Auth3,
            17..=19 => Self::Control,
            _ => return None,
        })
    }
}

/// One PDU.
#[derive(Clone, Copy, Debug)]
pub struct Pdu<'b> {
    /// What it is.
    pub kind: PduKind,
    /// First fragment of its call.
    pub first: bool,
    /// Last fragment of its call.
    pub last: bool,
    /// Whether an object UUID stands in front of the arguments.
    pub object: bool,
    /// Whether integers are little-endian.
    pub little: bool,
    /// Pairs an answer with its call.
    pub call: u32,
    /// What follows the header, without the authentication trailer; shorter when it was cut.
    pub body: &'b [u8],
    /// Where the PDU starts in the direction it was read from.
    pub offset: usize,
    /// Whether all of it was there.
    pub whole: bool,
}

/// Length of the header that all PDUs share.
const HEADER: usize = 16;

impl<'b> Pdu<'b> {
    /// The PDU at the front of `bytes`, and its length on the wire. `None` for anything else.
    fn read(bytes: &'b [u8], offset: usize) -> Option<(Self, usize)> {
        let mut reader = Reader::new(bytes);
        let [version, minor, kind, flags] = reader.array::<4>()?;
        let [order, float, zero, zero_too] = reader.array::<4>()?;
        let kind = PduKind::from_byte(kind)?;
        if version != 5 || minor > 1 || float > 3 || zero != 0 || zero_too != 0 || !matches!(order, 0x10 | 0) {
            return None;
        }
        let little = order == 0x10;
        let (length, trailer) = (integer16(&mut reader, little)?, integer16(&mut reader, little)?);
        let (length, trailer) = (usize::from(length), usize::from(trailer));
        let call = integer32(&mut reader, little)?;
        let held = length.checked_sub(HEADER)?;
        // The trailer has eight bytes of its own in front of the token.
        let kept = if trailer == 0 { held } else { held.checked_sub(trailer.checked_add(8)?)? };
        let whole = reader.left() >= held;
        let body = reader.take_up_to(kept);
        let (first, last, object) = (flags & 1 != 0, flags & 2 != 0, flags & 0x80 != 0);
        Some((Self { kind, first, last, object, little, call, body, offset, whole }, length))
    }

    fn reader(&self) -> Fields<'b> {
        Fields { reader: Reader::new(self.body), little: self.little }
    }
}

/// The PDUs of one direction, from its front, as long as each follows the one before.
#[derive(Clone, Debug)]
pub struct Pdus<'b> {
    bytes: &'b [u8],
    offset: usize,
}

impl<'b> Pdus<'b> {
    /// `bytes` starts at a PDU.
    #[must_use]
    pub const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, offset: 0 }
    }
}

impl<'b> Iterator for Pdus<'b> {
    type Item = Pdu<'b>;

    fn next(&mut self) -> Option<Self::Item> {
        let (pdu, length) = Pdu::read(self.bytes.get(self.offset..)?, self.offset)?;
        self.offset = self.offset.checked_add(length)?;
        Some(pdu)
    }
}

/// A reader that knows the byte order of its PDU.
#[derive(Clone, Copy, Debug)]
struct Fields<'b> {
    reader: Reader<'b>,
    little: bool,
}

impl<'b> Fields<'b> {
    fn byte(&mut self) -> Option<u8> {
        self.reader.byte()
    }

    fn int16(&mut self) -> Option<u16> {
        integer16(&mut self.reader, self.little)
    }

    fn int32(&mut self) -> Option<u32> {
        integer32(&mut self.reader, self.little)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.reader.skip(count)
    }

    /// A UUID with the version behind it, the UUID in the order of its text form.
    fn syntax(&mut self) -> Option<([u8; 16], u16)> {
        let uuid = interface::uuid(self.reader.array()?, self.little);
        let version = self.int32()?;
        Some((uuid, (version & 0xffff) as u16))
    }

    const fn rest(&self) -> &'b [u8] {
        self.reader.rest()
    }
}

fn integer16(reader: &mut Reader<'_>, little: bool) -> Option<u16> {
    if little { reader.le16() } else { reader.be16() }
}

fn integer32(reader: &mut Reader<'_>, little: bool) -> Option<u32> {
    if little { reader.le32() } else { reader.be32() }
}
