//! QUIC hellos that fill more than a few datagrams, sealed here by RFC 9001 and sent in every order: the
//! name in them is found, nothing is held longer than it is wanted, and what never becomes whole names
//! nobody.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests {
    use aes_gcm::aead::AeadInOut;
    use aes_gcm::aes::Aes128;
    use aes_gcm::aes::cipher::{BlockCipherEncrypt, KeyInit};
    use aes_gcm::{Aes128Gcm, Nonce};
    use flowaudit::dissect::{Application, Payload};
    use flowaudit::ledger::{Ledger, Options};
    use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};
    use hkdf::Hkdf;
    use sha2::Sha256;

    const IDENTIFIER: &[u8] = b"\x83\x94\xc8\xf0\x3e\x51\x57\x08";
    const NAME: &str = "login.example.com";
    /// Bytes of the hello in one datagram.
    const PIECE: usize = 1100;

    fn expand<const N: usize>(key: &Hkdf<Sha256>, label: &str) -> [u8; N] {
        let length = u8::try_from(label.len() + 6).unwrap();
        let info = [&[0, u8::try_from(N).unwrap(), length][..], b"tls13 ", label.as_bytes(), &[0]].concat();
        let mut out = [0; N];
        key.expand(&info, &mut out).unwrap();
        out
    }

    /// An Initial of version 1 with these CRYPTO bytes, filled up to 1,200 bytes.
    fn initial(number: u32, offset: usize, crypto: &[u8]) -> Vec<u8> {
        let salt = b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a";
        let (_, secret) = Hkdf::<Sha256>::extract(Some(salt), IDENTIFIER);
        let secret = Hkdf::from_prk(&expand::<32>(&secret, "client in")).unwrap();
        let two = |value: usize| (u16::try_from(value).unwrap() | 0x4000).to_be_bytes();
        let mut payload = [&[6], &two(offset)[..], &two(crypto.len()), crypto].concat();
        payload.resize(1150, 0);
        let head = [&[0xc3, 0, 0, 0, 1, 8], IDENTIFIER, &[0, 0], &two(payload.len() + 20)].concat();
        let header = [&head[..], &number.to_be_bytes()].concat();
        let mut nonce: [u8; 12] = expand(&secret, "quic iv");
        nonce.iter_mut().rev().zip(number.to_be_bytes().iter().rev()).for_each(|(byte, part)| *byte ^= part);
        let key: [u8; 16] = expand(&secret, "quic key");
        let cipher = Aes128Gcm::new(&key.into());
        let nonce: Nonce<_> = nonce.into();
        let tag = cipher.encrypt_inout_detached(&nonce, &header, payload.as_mut_slice().into()).unwrap();
        payload.extend(tag);
        let hide: [u8; 16] = expand(&secret, "quic hp");
        let sample: [u8; 16] = payload[..16].try_into().unwrap();
        let mut mask = sample.into();
        Aes128::new(&hide.into()).encrypt_block(&mut mask);
        let mut packet = [header, payload].concat();
        packet[0] ^= mask[0] & 0x0f;
        (0..4).for_each(|byte| packet[head.len() + byte] ^= mask[byte + 1]);
        packet
    }

    /// A hello so long that it fills `datagrams`; key shares first, and the name at its end.
    fn hello(datagrams: usize) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
        let name = [&[0, 0, u8::try_from(NAME.len()).unwrap()], NAME.as_bytes()].concat();
        let name = [&length(&name)[..], &name].concat();
        let name = [&[0, 0], &length(&name)[..], &name].concat();
        let share = vec![0x5a; datagrams * PIECE - name.len() - 60];
        let extensions = [&[0, 51], &length(&share)[..], &share, &name].concat();
        let body = [&[3, 3], &[9; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &length(&extensions), &extensions].concat();
        [&[1, 0], &length(&body)[..], &body].concat()
    }

    fn datagrams(count: usize) -> Vec<Vec<u8>> {
        let hello = hello(count);
        let pieces = hello.chunks(PIECE).enumerate();
        let sealed = pieces.map(|(index, piece)| initial(u32::try_from(index).unwrap(), index * PIECE, piece));
        let sealed: Vec<Vec<u8>> = sealed.collect();
        assert_eq!(sealed.len(), count);
        sealed
    }

    /// What the flow of these datagrams is, and the names in it.
    fn seen<'d>(sent: impl Iterator<Item = &'d Vec<u8>>) -> (Option<Application>, Vec<String>) {
        let mut ledger = Ledger::new(Options::default());
        for (number, payload) in (1..).zip(sent) {
            let length = u16::try_from(payload.len() + 8).unwrap();
            let udp = [50_000, 443, length, 0].map(u16::to_be_bytes).concat();
            let ip = [&[0x45, 0], &(length + 20).to_be_bytes()[..], &[0, 1, 0, 0, 64, 17, 0, 0]].concat();
            let bytes = [&ip[..], &[10, 0, 0, 5, 192, 0, 2, 1], &udp, payload].concat();
            ledger.observe(&Frame {
                at: Timestamp::from_nanoseconds(i64::from(number) * 1_000_000),
                link: LinkType(101),
                tap: 0,
                place: FrameRef { input: 0, number },
                bytes: &bytes,
                wire_length: u32::try_from(bytes.len()).unwrap(),
                course: Course::Unknown,
                packet_id: None,
                dropped: false,
            });
        }
        match &*ledger.settle().flows[0].payload {
            Payload::Recognised(known) => {
                (known.application, known.claims.iter().map(|claim| claim.name.clone()).collect())
            }
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => (None, Vec::new()),
        }
    }

    #[test]
    fn a_hello_of_up_to_ten_datagrams_is_read() {
        let whole = (Some(Application::Quic), vec![NAME.to_owned()]);
        for count in 1..=10 {
            let sealed = datagrams(count);
            assert_eq!(seen(sealed.iter()), whole, "{count} in order");
            assert_eq!(seen(sealed.iter().rev()), whole, "{count} the wrong way round");
            for lost in (0..count).filter(|_| count > 1) {
                let again = sealed.iter().enumerate().filter(|(index, _)| *index != lost).map(|(_, bytes)| bytes);
                assert_eq!(seen(again.clone().chain([&sealed[lost]])), whole, "{count}, {lost} later");
                let (application, names) = seen(again);
                assert!(names.is_empty() && application == Some(Application::Quic), "{count}, {lost} never");
            }
        }
    }

    #[test]
    fn a_longer_hello_names_nobody() {
        assert_eq!(seen(datagrams(11).iter()), (Some(Application::Quic), Vec::new()));
    }
}
