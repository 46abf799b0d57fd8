//! The text of a key file in, keyed pseudonyms out: addresses by the construction of Crypto-PAn
//! (Xu, Fan, Ammar, Moon: "Prefix-preserving IP address anonymization", 2002), everything else by
//! HKDF-SHA256. Two addresses whose pseudonyms share n bits share n bits. Never makes a key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aes_gcm::aead::AeadInOut;
use aes_gcm::aes::Aes128;
use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use data_encoding::{BASE32_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use hkdf::Hkdf;
use sha2::Sha256;

/// A key of redaction: 32 random bytes, written as 64 hex digits.
#[derive(Clone)]
pub struct Key {
    derived: Hkdf<Sha256>,
    addresses: CryptoPan,
}

impl Key {
    /// Reads a key; `None` for what is not 64 hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let secret = HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok().filter(|bytes| bytes.len() == 32)?;
        let derived = Hkdf::<Sha256>::new(Some(b"flowaudit redaction 1"), &secret);
        let mut key = [0; 32];
        derived.expand(b"addresses", &mut key).ok()?;
        Some(Self { addresses: CryptoPan::new(&key)?, derived })
    }

    /// What names the key without giving it away: 8 hex digits.
    #[must_use]
    pub fn id(&self) -> String {
        HEXLOWER.encode(&self.bytes::<4>("id", b""))
    }

    /// Bytes that only the holder of the key can tell for `value`; each `purpose` has its own.
    pub(super) fn bytes<const N: usize>(&self, purpose: &str, value: &[u8]) -> [u8; N] {
        let mut bytes = [0; N];
        // HKDF refuses more than 255 hashes at once; no pseudonym is longer than one.
        let _ = self.derived.expand_multi_info(&[purpose.as_bytes(), &[0], value], &mut bytes);
        bytes
    }

    /// `x` and seven letters and digits: a host label, and no word of anybody.
    pub(super) fn word(&self, purpose: &str, value: &str) -> String {
        let text = BASE32_NOPAD.encode(&self.bytes::<5>(purpose, value.as_bytes())).to_ascii_lowercase();
        format!("x{}", text.get(..7).unwrap_or_default())
    }

    /// The pseudonym of the first `length` bits of an address; the other bits are 0.
    pub(super) fn address(&self, address: IpAddr, length: u8) -> IpAddr {
        self.addresses.turned(address, length, Turn::Hide)
    }

    /// The address behind a pseudonym.
    pub(super) fn revealed(&self, address: IpAddr, length: u8) -> IpAddr {
        self.addresses.turned(address, length, Turn::Reveal)
    }

    /// `text` for the holder of the key alone. The same text gives the same bytes: the nonce is
    /// drawn from key and text, so that no two texts share one.
    pub(super) fn seal(&self, text: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; 12] = self.bytes("nonce", text);
        let mut sealed = text.to_vec();
        let tag = self.cipher().encrypt_inout_detached(&Nonce::from(nonce), &[], sealed.as_mut_slice().into()).ok()?;
        Some([&nonce, tag.as_slice(), &sealed].concat())
    }

    /// The text behind `sealed`; `None` for another key, and for bytes that were changed.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<12>()?;
        let (tag, text) = rest.split_first_chunk::<16>()?;
        let mut text = text.to_vec();
        let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
        self.cipher().decrypt_inout_detached(&nonce, &[], text.as_mut_slice().into(), &tag).ok()?;
        Some(text)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.bytes::<32>("seal", b"").into())
    }
}

/// Which way an address is turned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Hide,
    Reveal,
}

/// Bit n of a pseudonym is bit n of the address, flipped as the bits before it and the key say.
#[derive(Clone)]
struct CryptoPan {
    cipher: Aes128,
    pad: u128,
}

impl CryptoPan {
    fn new(key: &[u8; 32]) -> Option<Self> {
        let (key, pad) = key.split_first_chunk::<16>()?;
        let cipher = Aes128::new(key.into());
        let mut pad = aes_gcm::aes::Block::from(*pad.first_chunk::<16>()?);
        cipher.encrypt_block(&mut pad);
        Some(Self { cipher, pad: u128::from_be_bytes(pad.into()) })
    }

    fn turned(&self, address: IpAddr, length: u8, turn: Turn) -> IpAddr {
        match address {
            IpAddr::V4(address) => {
                let bits = u128::from(u32::from(address)) << 96;
                let turned = self.bits(bits, length.min(32), turn) >> 96;
                IpAddr::V4(Ipv4Addr::from(u32::try_from(turned).unwrap_or(0)))
            }
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(self.bits(u128::from(address), length.min(128), turn))),
        }
    }

    /// `bits` hold the address from the top; only the first `length` of them are turned and kept.
    fn bits(&self, bits: u128, length: u8, turn: Turn) -> u128 {
        let (mut plain, mut turned) = (0u128, 0u128);
        for place in 0..u32::from(length) {
            let bit = 1u128 << 127u32.saturating_sub(place);
            let known = !(u128::MAX >> place);
            let mut block = aes_gcm::aes::Block::from((plain & known | self.pad & !known).to_be_bytes());
            self.cipher.encrypt_block(&mut block);
            let flip = (u128::from_be_bytes(block.into()) >> 127) << 127u32.saturating_sub(place);
            let out = (bits & bit) ^ flip;
            turned |= out;
            plain |= if turn == Turn::Hide { bits & bit } else { out };
        }
        turned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key and addresses of the sample that Crypto-PAn is published with.
    const SAMPLE: [u8; 32] = [
        21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143, 131, 121, 121, 101, 39,
        98, 87, 76, 45, 42, 132, 34, 2,
    ];

    fn check(address: &str, hidden: &str) {
        let pan = CryptoPan::new(&SAMPLE).unwrap();
        let (address, hidden): (IpAddr, IpAddr) = (address.parse().unwrap(), hidden.parse().unwrap());
        assert_eq!(pan.turned(address, 128, Turn::Hide), hidden);
        assert_eq!(pan.turned(hidden, 128, Turn::Reveal), address);
    }

    #[test]
    fn addresses_are_those_of_the_published_sample() {
        check("128.11.68.132", "135.242.180.132");
        check("129.118.74.4", "134.136.186.123");
        check("130.132.252.244", "133.68.164.234");
        check("141.223.7.43", "141.167.8.160");
        check("24.0.250.221", "100.15.198.226");
    }

    fn key() -> Key {
        Key::parse(&"0123456789abcdef".repeat(4)).unwrap()
    }

    #[test]
    fn prefixes_stay_prefixes() {
        let key = key();
        for (one, other, shared) in [
            ("10.77.10.5", "10.77.10.4", 31),
            ("10.77.10.5", "10.77.20.5", 19),
            ("10.0.0.1", "192.168.0.1", 0),
            ("fd77:10::5", "fd77:20::5", 26),
            ("fd77::1", "fd77::2", 126),
        ] {
            let [one, other]: [IpAddr; 2] = [one, other].map(|address| address.parse().unwrap());
            let hidden = [one, other].map(|address| key.address(address, 128));
            let bits = |address: IpAddr| match address {
                IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
                IpAddr::V6(address) => u128::from(address),
            };
            let [first, second] = hidden.map(bits);
            assert_eq!((first ^ second).leading_zeros(), shared, "{one} {other}");
            assert_eq!(hidden.map(|address| key.revealed(address, 128)), [one, other]);
            assert_ne!(hidden, [one, other]);
        }
        let network = key.address("10.78.0.0".parse().unwrap(), 20);
        assert_eq!(key.revealed(network, 20), "10.78.0.0".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn only_the_key_opens_what_it_sealed() {
        let (key, other) = (key(), Key::parse(&"f".repeat(64)).unwrap());
        let sealed = key.seal(b"text").unwrap();
        assert_eq!(key.open(&sealed).unwrap(), b"text");
        assert_eq!(key.seal(b"text").unwrap(), sealed);
        assert!(other.open(&sealed).is_none() && key.open(b"").is_none());
        assert_ne!(key.id(), other.id());
        assert_ne!(key.word("name", "corp"), other.word("name", "corp"));
        for wrong in ["", "12", "zz", &"0".repeat(63), &"0".repeat(66)] {
            assert!(Key::parse(wrong).is_none(), "{wrong}");
        }
    }
}
