//! Answers that have gone wrong in every way that a seed can find: for the tests of this crate, and
//! of the server's OAuth side, which includes this file.

use serde_json::{Value, json};

/// Stands in every text that is put into an answer; no text of ours has it.
pub(crate) const MARK: char = '¤';

/// An error may quote at most so much of a provider's text.
pub(crate) const QUOTED: usize = 200;

/// Pseudo-random numbers (xorshift64), the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.below(2);
        random
    }

    /// A number from 0 to below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).expect("31 bits");
        high % end
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// How many answers are garbled in all, in this crate's tests and the server's together.
pub(crate) const CASES: usize = 100_000;

/// What becomes of a body on a bad day. Half of them are left as they
/// are, for most tools read several.
pub(crate) fn garbled(random: &mut Random, real: &Value) -> Vec<u8> {
    match random.below(14) {
        0 => no_json(random),
        1 => {
            let mut bytes = real.to_string().into_bytes();
            bytes.truncate(random.below(bytes.len() + 1));
            bytes
        }
        2 => {
            let mut bytes = real.to_string().into_bytes();
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            bytes
        }
        3..=6 => {
            let mut value = real.clone();
            for _ in 0..=random.below(4) {
                let count = places(&value);
                let at = random.below(count);
                *place(&mut value, &mut { at }).expect("one of those counted") = wrong(random);
            }
            value.to_string().into_bytes()
        }
        _ => real.to_string().into_bytes(),
    }
}

/// A body that was never JSON, or not of this century.
fn no_json(random: &mut Random) -> Vec<u8> {
    let long = MARK.to_string().repeat(random.below(3_000));
    match random.below(8) {
        0 => Vec::new(),
        1 => format!("<!DOCTYPE html><title>502</title><p>{long}</p>").into_bytes(),
        2 => vec![0xff; random.below(100)],
        3 => [b"{\"error\":\"".as_slice(), &[0xc3, 0x28], b"\"}"].concat(),
        4 => "[".repeat(random.below(20_000)).into_bytes(),
        5 => "{\"a\":".repeat(random.below(20_000)).into_bytes(),
        6 => format!("error={long}&error_description={long}").into_bytes(),
        _ => long.into_bytes(),
    }
}

/// A value that is not what a program hopes for.
fn wrong(random: &mut Random) -> Value {
    const TEXTS: [&str; 12] = [
        "",
        "null",
        "¤\u{0}¤",
        "¤\u{202e}¤",
        "¤\r\n¤: ¤",
        "-1",
        "¤<script>¤",
        "<!--¤",
        "=?utf-8?B?¤?=",
        "9999-99-99T99:99:99Z",
        "https://¤.example/¤?¤#¤",
        "¤\u{1b}]0;¤\u{7}",
    ];
    match random.below(14) {
        0 => Value::Null,
        1 => Value::Bool(random.below(2) == 0),
        2 => json!([]),
        3 => json!({}),
        4 => json!(-1),
        5 => json!(u64::MAX),
        6 => json!(i64::MIN),
        7 => json!(1e308),
        8 => json!(random.below(1_000_000_000)),
        9 => {
            let mut deep = json!("¤");
            for _ in 0..random.below(100) {
                deep = if random.below(2) == 0 {
                    json!([deep])
                } else {
                    json!({ "¤": deep })
                };
            }
            deep
        }
        10 => Value::String(MARK.to_string().repeat(random.below(3_000))),
        11 => json!(vec![MARK.to_string(); random.below(40)]),
        _ => json!(random.one_of(&TEXTS)),
    }
}

fn places(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(places).sum(),
        Value::Object(fields) => fields.values().map(places).sum::<usize>(),
        _ => 0,
    }
}

/// The `nth` value within `value`, itself first.
fn place<'a>(value: &'a mut Value, nth: &mut usize) -> Option<&'a mut Value> {
    if *nth == 0 {
        return Some(value);
    }
    *nth -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| place(item, nth)),
        Value::Object(fields) => fields.values_mut().find_map(|field| place(field, nth)),
        _ => None,
    }
}
