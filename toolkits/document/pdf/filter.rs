//! The filters of streams that hold text, fonts and objects (ISO 32000-1 §7.4). Those of images are
//! not needed, and LZW is no longer written.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::syntax::{digit, is_space};

/// Undoes one filter, as far as `most` bytes; none where it is unknown. A damaged stream gives what
/// stands before the damage.
pub(super) fn decode(filter: &[u8], bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    match filter {
        b"FlateDecode" | b"Fl" => {
            let text = inflate(ZlibDecoder::new(bytes), most);
            // Some writers leave the header out.
            if text.is_empty() {
                return Some(inflate(DeflateDecoder::new(bytes), most));
            }
            Some(text)
        }
        b"ASCII85Decode" | b"A85" => Some(ascii85(bytes)),
        b"ASCIIHexDecode" | b"AHx" => Some(ascii_hex(bytes)),
        b"RunLengthDecode" | b"RL" => Some(run_length(bytes, most)),
        _ => None,
    }
}

fn inflate(decoder: impl Read, most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    // An error leaves what was read before it.
    let _damage = decoder.take(most as u64).read_to_end(&mut text);
    text
}

fn ascii85(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() / 5 * 4);
    let mut group = [0_u8; 5];
    let mut length = 0;
    let flush = |group: [u8; 5], length: usize, text: &mut Vec<u8>| {
        let value = group
            .iter()
            .enumerate()
            .map(|(at, byte)| if at < length { *byte } else { 84 })
            .fold(0_u32, |value, byte| {
                value.wrapping_mul(85).wrapping_add(byte.into())
            });
        text.extend_from_slice(&value.to_be_bytes()[..length - 1]);
    };
    for byte in bytes.iter().copied().filter(|byte| !is_space(*byte)) {
        match byte {
            b'z' if length == 0 => text.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                group[length] = byte - b'!';
                length += 1;
                if length == 5 {
                    flush(group, 5, &mut text);
                    length = 0;
                }
            }
            _ => break,
        }
    }
    if length > 1 {
        flush(group, length, &mut text);
    }
    text
}

fn ascii_hex(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes
        .iter()
        .take_while(|b| **b != b'>')
        .filter_map(|b| digit(*b))
        .collect();
    digits
        .chunks(2)
        .map(|pair| 16 * pair[0] + pair.get(1).unwrap_or(&0))
        .collect()
}

fn run_length(bytes: &[u8], most: usize) -> Vec<u8> {
    let mut text = Vec::new();
    let mut rest = bytes;
    while let [length, after @ ..] = rest {
        let length = usize::from(*length);
        if text.len() >= most || length == 128 {
            break;
        }
        if length < 128 {
            let (run, left) = after.split_at(after.len().min(length + 1));
            text.extend_from_slice(run);
            rest = left;
        } else {
            let [byte, left @ ..] = after else { break };
            text.extend(std::iter::repeat_n(*byte, 257 - length));
            rest = left;
        }
    }
    text
}
