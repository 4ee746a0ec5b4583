//! `ToUnicode`: which characters the codes of a font stand for (ISO 32000-1 §9.10.3).

use std::collections::HashMap;

use super::syntax::{Object, Syntax};

/// More characters than that no font has.
const MOST_CODES: usize = 70_000;

/// The codes and their characters.
pub(super) type CMap = HashMap<u32, String>;

/// Reads the `bfchar` and `bfrange` sections; what is damaged is left out. Says how many codes were
/// read, also those that came again.
pub(super) fn read(bytes: &[u8]) -> (CMap, usize) {
    let mut reading = Reading {
        map: CMap::new(),
        left: MOST_CODES,
    };
    let mut syntax = Syntax::new(bytes, 0, 4 * MOST_CODES);
    let mut operands: Vec<Object> = Vec::new();
    while let Some(object) = syntax.object() {
        match object {
            Object::Word(word) => {
                match word.as_slice() {
                    b"endbfchar" => operands.chunks_exact(2).for_each(|pair| {
                        if let [Object::Text(code), Object::Text(text)] = pair {
                            reading.add(number(code), &units(text));
                        }
                    }),
                    b"endbfrange" => {
                        let mut ranges = operands.chunks_exact(3);
                        ranges.by_ref().for_each(|three| reading.range(three));
                    }
                    _ => {}
                }
                operands.clear();
            }
            operand => operands.push(operand),
        }
    }
    (reading.map, MOST_CODES - reading.left)
}

struct Reading {
    map: CMap,
    left: usize,
}

impl Reading {
    fn range(&mut self, three: &[Object]) {
        let [Object::Text(first), Object::Text(last), to] = three else {
            return;
        };
        let codes = number(first)..=number(last);
        match to {
            Object::Text(text) => {
                let mut units = units(text);
                for code in codes.take(self.left) {
                    self.add(code, &units);
                    if let Some(unit) = units.last_mut() {
                        *unit = unit.wrapping_add(1);
                    }
                }
            }
            Object::Array(texts) => {
                for (code, text) in codes.zip(texts) {
                    if let Object::Text(text) = text {
                        self.add(code, &units(text));
                    }
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, code: u32, units: &[u16]) {
        if self.left > 0 {
            self.left -= 1;
            self.map.insert(code, String::from_utf16_lossy(units));
        }
    }
}

/// A code of one to four bytes.
pub(super) fn number(code: &[u8]) -> u32 {
    code.iter()
        .take(4)
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A ligature has a few characters; more is no character.
fn units(text: &[u8]) -> Vec<u16> {
    match text {
        [one] => vec![u16::from(*one)],
        text => text
            .chunks_exact(2)
            .take(8)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect(),
    }
}
