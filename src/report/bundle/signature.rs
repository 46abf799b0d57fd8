//! Keys and bytes in, minisign signatures out, and whether one holds. Only ever uses keys that it
//! was given. Signatures are read strictly: a byte that the signature does not cover has no choice.

use std::io::{self, Cursor};

use data_encoding::BASE64;

/// A key that signs.
pub struct SecretKey(minisign::SecretKey);

/// A key that verifies.
pub struct VerifyingKey(minisign::PublicKey);

/// A signature that has the form which minisign writes.
pub struct Signature {
    read: minisign::SignatureBox,
    /// What the signature vouches for beside the bytes: when it was made.
    pub comment: String,
}

impl SecretKey {
    /// Reads the text of a secret key file. `password` is asked for only if the key is encrypted.
    ///
    /// # Errors
    /// It is no key, or the password does not fit.
    pub fn parse(text: &str, password: impl FnOnce() -> io::Result<String>) -> io::Result<Self> {
        let read = || minisign::SecretKeyBox::from_string(text).map_err(io::Error::other);
        let key = if is_encrypted(text) {
            read()?.into_secret_key(Some(password()?))
        } else {
            read()?.into_unencrypted_secret_key()
        };
        key.map(Self).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault.to_string()))
    }

    /// The signature over `bytes` and `comment`, as it stands in a file.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn sign(&self, bytes: &[u8], comment: &str) -> io::Result<String> {
        let signature = minisign::sign(None, &self.0, Cursor::new(bytes), Some(comment), Some(UNTRUSTED));
        signature.map(minisign::SignatureBox::into_string).map_err(|fault| io::Error::other(fault.to_string()))
    }
}

impl VerifyingKey {
    /// Reads a public key: its line alone, or the text of its file.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
        minisign::PublicKey::from_base64(line).ok().map(Self)
    }

    /// Whether `signature` over `bytes` is by this key.
    #[must_use]
    pub fn verifies(&self, signature: &Signature, bytes: &[u8]) -> bool {
        minisign::verify(&self.0, &signature.read, Cursor::new(bytes), true, false, false).is_ok()
    }
}

impl Signature {
    /// Reads a signature; `None` when any byte is not where minisign would have put it. The first
    /// line is covered by nothing, so only the words that we and minisign write are accepted there.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (first, signed, comment, global) = (lines.next()?, lines.next()?, lines.next()?, lines.next()?);
        let untrusted = first.strip_prefix("untrusted comment: ")?;
        let comment = comment.strip_prefix("trusted comment: ")?;
        let decoded = |line: &str| BASE64.decode(line.as_bytes()).ok().map(|bytes| bytes.len());
        let formed = decoded(signed) == Some(SIGNED) && decoded(global) == Some(GLOBAL) && lines.next().is_none();
        // minisign itself puts a tab between the parts of its comment.
        let readable = comment.chars().all(|c| !c.is_control() || c == '\t') && comment.trim() == comment;
        if !formed || !readable || ![UNTRUSTED, MINISIGN].contains(&untrusted) {
            return None;
        }
        let read = minisign::SignatureBox::from_string(text).ok()?;
        Some(Self { read, comment: comment.to_owned() })
    }
}

/// Bytes 2 and 3 of a secret key name the way in which it is encrypted; 0 and 0 is none.
fn is_encrypted(text: &str) -> bool {
    let line = text.lines().nth(1).unwrap_or_default().trim();
    BASE64.decode(line.as_bytes()).is_ok_and(|key| key.get(2..4).is_some_and(|kdf| kdf != [0, 0]))
}

const UNTRUSTED: &str = "signature from flowaudit";
const MINISIGN: &str = "signature from minisign secret key";
/// Algorithm, key number and signature.
const SIGNED: usize = 74;
const GLOBAL: usize = 64;
