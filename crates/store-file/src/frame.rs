//! The frame around everything that is stored: what it is, of which format, and that every bit is still there.
//!
//! ```text
//! magic  4   what the file is
//! format 1   how the body is laid out
//! body   …
//! digest 32  SHA-256 of all that comes before it
//! ```
//!
//! The digest finds what a failing disk, a torn write or a hand in the file has changed. It keeps nobody out: that is
//! what sealing is for. Magic, format and digest stay where they are in every format to come, so that a file of a newer
//! format can be told from a damaged one.

use sha2::{Digest as _, Sha256};

const DIGEST: usize = 32;
const HEAD: usize = 5;

/// How many bytes the frame adds to a body.
pub(crate) const OVERHEAD: usize = HEAD + DIGEST;

/// Why there is no body in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unreadable {
    /// It is not as it was written.
    Damaged,
    /// A newer version of this crate wrote it.
    Newer { format: u8 },
}

pub(crate) fn frame(magic: [u8; 4], format: u8, body: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(body.len() + OVERHEAD);
    framed.extend(magic);
    framed.push(format);
    framed.extend(body);
    framed.extend(Sha256::digest(&framed));
    framed
}

/// The body, if the file is whole, and of `format`.
pub(crate) fn unframe(magic: [u8; 4], format: u8, framed: &[u8]) -> Result<&[u8], Unreadable> {
    let (content, digest) = framed.split_last_chunk::<DIGEST>().ok_or(Unreadable::Damaged)?;
    if Sha256::digest(content)[..] != digest[..] {
        return Err(Unreadable::Damaged);
    }
    match content.split_first_chunk::<HEAD>() {
        Some(([a, b, c, d, found], body)) if [*a, *b, *c, *d] == magic => {
            if *found == format {
                Ok(body)
            } else {
                Err(Unreadable::Newer { format: *found })
            }
        }
        _ => Err(Unreadable::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_opened_by_what_it_was_made_with_only() {
        let framed = frame(*b"TEST", 1, b"body");
        assert_eq!(unframe(*b"TEST", 1, &framed), Ok(&b"body"[..]));
        assert_eq!(unframe(*b"ELSE", 1, &framed), Err(Unreadable::Damaged));
        assert_eq!(unframe(*b"TEST", 2, &framed), Err(Unreadable::Newer { format: 1 }));
        assert_eq!(framed.len(), 4 + OVERHEAD);
    }

    #[test]
    fn no_bit_can_be_flipped_and_no_byte_be_missing_or_added() {
        let framed = frame(*b"TEST", 1, b"body");
        for index in 0..framed.len() {
            for bit in 0..8 {
                let mut flipped = framed.clone();
                flipped[index] ^= 1 << bit;
                assert_eq!(unframe(*b"TEST", 1, &flipped), Err(Unreadable::Damaged));
            }
            assert_eq!(unframe(*b"TEST", 1, &framed[..index]), Err(Unreadable::Damaged));
        }
        assert_eq!(unframe(*b"TEST", 1, &[&framed[..], b"\0"].concat()), Err(Unreadable::Damaged));
    }
}
