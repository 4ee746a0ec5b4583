//! The objects of a PDF file as they are written (ISO 32000-1 §7.2 and §7.3).

use std::collections::HashMap;
use std::ops::Range;

pub(super) type Dict = HashMap<Vec<u8>, Object>;

/// How deep objects may be within each other.
const DEEPEST: usize = 30;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    /// Also what is not there, or `true` and `false`, which mean nothing to a text.
    Null,
    Number(f64),
    Name(Vec<u8>),
    Text(Vec<u8>),
    Array(Vec<Object>),
    Dict(Dict),
    /// The object of that number.
    Ref(u32),
    /// A dictionary, and where the bytes are in the file.
    Stream(Dict, Range<usize>),
    /// A word of a content stream, or of the file's structure.
    Word(Vec<u8>),
}

impl Object {
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Of how many parts it is.
    pub(super) fn parts(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::parts).sum::<usize>(),
            Self::Dict(dict) | Self::Stream(dict, _) => {
                1 + dict.values().map(Self::parts).sum::<usize>()
            }
            Self::Text(text) => 1 + text.len() / 16,
            _ => 1,
        }
    }

    pub(super) fn name(&self) -> &[u8] {
        match self {
            Self::Name(name) => name,
            _ => b"",
        }
    }
}

/// Reads objects one after the other.
pub(super) struct Syntax<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    /// How many more objects it makes.
    pub(super) left: usize,
}

impl<'a> Syntax<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, left: usize) -> Self {
        Self { bytes, at, left }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                while self
                    .peek()
                    .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'))
                {
                    self.at += 1;
                }
            } else if is_space(byte) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// The next object; none at the end, or when too many were made.
    pub(super) fn object(&mut self) -> Option<Object> {
        self.nested(0)
    }

    fn nested(&mut self, depth: usize) -> Option<Object> {
        // Long ones count for more: reading them again and again would take for ever.
        let start = self.at;
        self.skip_space();
        let object = self.one(depth);
        if !matches!(object, Some(Object::Array(_) | Object::Dict(_))) {
            self.left = self.left.saturating_sub((self.at - start) / 16);
        }
        object
    }

    fn one(&mut self, depth: usize) -> Option<Object> {
        self.left = self.left.checked_sub(1)?;
        let first = self.peek()?;
        self.at += 1;
        match first {
            b'/' => Some(Object::Name(self.name())),
            b'(' => Some(Object::Text(self.literal())),
            b'<' if self.peek() == Some(b'<') => {
                self.at += 1;
                self.dict(depth)
            }
            b'<' => Some(Object::Text(self.hexadecimal())),
            b'[' => {
                if depth >= DEEPEST {
                    return None;
                }
                let mut items = Vec::new();
                loop {
                    match self.nested(depth + 1)? {
                        Object::Word(word) if word == b"]" => return Some(Object::Array(items)),
                        Object::Word(word) if word == b"R" => refer(&mut items),
                        Object::Word(word) if word == b">>" || word == b"endobj" => return None,
                        item => items.push(item),
                    }
                }
            }
            b'>' if self.peek() == Some(b'>') => {
                self.at += 1;
                Some(Object::Word(b">>".to_vec()))
            }
            b']' | b'{' | b'}' | b')' | b'>' => Some(Object::Word(vec![first])),
            _ => {
                let start = self.at - 1;
                while self.peek().is_some_and(|byte| !is_end(byte)) {
                    self.at += 1;
                }
                let word = &self.bytes[start..self.at];
                Some(match first {
                    b'0'..=b'9' | b'+' | b'-' | b'.' => Object::Number(number(word)),
                    _ if [&b"null"[..], b"true", b"false"].contains(&word) => Object::Null,
                    _ => Object::Word(word.iter().copied().take(20).collect()),
                })
            }
        }
    }

    fn dict(&mut self, depth: usize) -> Option<Object> {
        if depth >= DEEPEST {
            return None;
        }
        let mut dict = Dict::new();
        let mut items: Vec<Object> = Vec::new();
        loop {
            match self.nested(depth + 1)? {
                Object::Word(word) if word == b"R" => refer(&mut items),
                Object::Word(word) if word == b">>" => break,
                Object::Word(word) if word == b"endobj" || word == b"stream" => return None,
                item => items.push(item),
            }
        }
        let mut items = items.into_iter().peekable();
        while let Some(key) = items.next() {
            let Object::Name(key) = key else { continue };
            let value = items.next().unwrap_or(Object::Null);
            dict.insert(key, value);
        }
        Some(Object::Dict(dict))
    }

    fn name(&mut self) -> Vec<u8> {
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| !is_end(*byte)) {
            self.at += 1;
            let digits = self.bytes.get(self.at..self.at + 2);
            let escaped =
                digits.and_then(|digits| Some(16 * digit(digits[0])? + digit(digits[1])?));
            match escaped {
                Some(value) if byte == b'#' => {
                    self.at += 2;
                    name.push(value);
                }
                _ => name.push(byte),
            }
        }
        name
    }

    fn literal(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut open = 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => open += 1,
                b')' => open -= 1,
                b'\\' => {
                    self.escape(&mut text);
                    continue;
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            text.push(byte);
        }
        text
    }

    fn escape(&mut self, text: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        match byte {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'0'..=b'7' => {
                let mut value = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(next @ b'0'..=b'7') = self.peek() else {
                        break;
                    };
                    self.at += 1;
                    value = 8 * value + u32::from(next - b'0');
                }
                text.push(value.to_le_bytes()[0]);
            }
            // A line that goes on.
            b'\r' if self.peek() == Some(b'\n') => self.at += 1,
            b'\r' | b'\n' => {}
            other => text.push(other),
        }
    }

    fn hexadecimal(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let mut half = None;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match (digit(byte), half) {
                (None, _) if byte == b'>' => break,
                (None, _) => {}
                (Some(value), None) => half = Some(value),
                (Some(value), Some(high)) => {
                    text.push(16 * high + value);
                    half = None;
                }
            }
        }
        text.extend(half.map(|high| 16 * high));
        text
    }
}

/// `12 0 R`: the two numbers become a reference.
fn refer(items: &mut Vec<Object>) {
    if let [.., Object::Number(id), Object::Number(_)] = items[..] {
        items.truncate(items.len() - 2);
        items.push(Object::Ref(whole(id).unwrap_or(0)));
    }
}

/// A number that is one of an object, an offset or a code.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the range of the type, by the line before"
)]
pub(super) fn whole(number: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX))
        .contains(&number)
        .then_some(number as u32)
}

fn number(word: &[u8]) -> f64 {
    let text = std::str::from_utf8(word).unwrap_or_default();
    let number = text.parse().unwrap_or(0.0);
    if f64::is_finite(number) { number } else { 0.0 }
}

pub(super) fn digit(byte: u8) -> Option<u8> {
    let value = char::from(byte).to_digit(16)?;
    u8::try_from(value).ok()
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

fn is_end(byte: u8) -> bool {
    is_space(byte) || b"()<>[]{}/%".contains(&byte)
}
