//! The connection identifier of a client's first packet in, the keys of its Initial packets out
//! (RFC 9001 section 5.2, RFC 9369 section 3.3). These keys are no secret: anyone who sees the
//! identifier has them. No other packet of a connection can be opened here.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;

/// What differs between versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    number: u32,
    /// Long packet type of an Initial.
    pub(super) initial: u8,
    salt: [u8; 20],
    labels: [&'static str; 3],
}

impl Version {
    /// The version with this number on the wire.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        // Drafts 29 to 32 share their keys, and 33 and 34 have those of version 1.
        let keys = match number {
            0xff00_001d..=0xff00_0020 => DRAFT,
            0xff00_0021..=0xff00_0022 => 1,
            other => other,
        };
        VERSIONS.iter().copied().find(|version| version.number == keys)
    }
}

/// Draft 29 is what older captures hold; it differs from version 1 in its salt alone.
const DRAFT: u32 = 0xff00_001d;
const LABELS: [&str; 3] = ["quic key", "quic iv", "quic hp"];
const VERSIONS: [Version; 3] = [
    Version {
        number: 1,
        initial: 0,
        salt: *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
        labels: LABELS,
    },
    Version {
        number: 0x6b33_43cf,
        initial: 1,
        salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        labels: ["quicv2 key", "quicv2 iv", "quicv2 hp"],
    },
    Version {
        number: DRAFT,
        initial: 0,
        salt: *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
        labels: LABELS,
    },
];

/// Keys of a client's Initial packets.
pub(super) struct Keys {
    payload: Aes128Gcm,
    header: Aes128,
    iv: [u8; 12],
}

impl Keys {
    /// The keys that belong to a destination connection identifier.
    pub(super) fn new(version: Version, identifier: &[u8]) -> Option<Self> {
        let (_, initial) = Hkdf::<Sha256>::extract(Some(&version.salt), identifier);
        let client: [u8; 32] = expand(&initial, "client in")?;
        let client = Hkdf::<Sha256>::from_prk(&client).ok()?;
        let [key, iv, header] = version.labels;
        let (key, header): ([u8; 16], [u8; 16]) = (expand(&client, key)?, expand(&client, header)?);
        let iv = expand(&client, iv)?;
        Some(Self { payload: Aes128Gcm::new(&key.into()), header: Aes128::new(&header.into()), iv })
    }

    /// The mask that hides first byte and packet number (RFC 9001 section 5.4.3).
    pub(super) fn mask(&self, sample: [u8; 16]) -> [u8; 5] {
        let mut block = sample.into();
        self.header.encrypt_block(&mut block);
        let [a, b, c, d, e, ..] = <[u8; 16]>::from(block);
        [a, b, c, d, e]
    }

    /// Opens a payload in place; false when the tag does not fit (RFC 9001 section 5.3).
    pub(super) fn open(&self, number: u32, header: &[u8], payload: &mut [u8], tag: [u8; 16]) -> bool {
        let mut nonce = self.iv;
        for (byte, part) in nonce.iter_mut().rev().zip(number.to_be_bytes().into_iter().rev()) {
            *byte ^= part;
        }
        let (nonce, tag): (Nonce<_>, Tag) = (nonce.into(), tag.into());
        self.payload.decrypt_inout_detached(&nonce, header, payload.into(), &tag).is_ok()
    }
}

/// HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446 section 7.1).
fn expand<const N: usize>(key: &Hkdf<Sha256>, label: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let wanted = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = u8::try_from(label.len()).ok()?.checked_add(6)?;
    let info = [&wanted[..], &[label_length], b"tls13 ", label.as_bytes(), &[0]].concat();
    key.expand(&info, &mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9001 appendix A.1 and A.2 and of RFC 9369 appendix A.1 and A.2.
    #[test]
    fn masks_of_the_examples() {
        let identifier = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
        let check = |number, sample: &[u8; 16], expected: [u8; 5]| {
            let keys = Keys::new(Version::from_number(number).unwrap(), identifier).unwrap();
            assert_eq!(keys.mask(*sample), expected);
        };
        let first = b"\xd1\xb1\xc9\x8d\xd7\x68\x9f\xb8\xec\x11\xd2\x42\xb1\x23\xdc\x9b";
        check(1, first, [0x43, 0x7b, 0x9a, 0xec, 0x36]);
        let second = b"\xff\xe6\x7b\x6a\xbc\xdb\x42\x98\xb4\x85\xdd\x04\xde\x80\x60\x71";
        check(0x6b33_43cf, second, [0x94, 0xa0, 0xc9, 0x5e, 0x80]);
    }
}
