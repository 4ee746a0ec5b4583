//! One form for all arguments that mean the same.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// SHA-256 of the arguments in a form that does not depend on the order of their names, nor on how
/// a whole number is written: a client may parse the arguments and write them again.
pub fn digest(arguments: &Map<String, Value>) -> [u8; 32] {
    let mut canonical = Vec::new();
    write_object(arguments, &mut canonical);
    Sha256::digest(canonical).into()
}

/// JSON with sorted keys and whole numbers without a fraction.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => write_object(members, out),
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                write(item, out);
                out.push(b',');
            }
            out.push(b']');
        }
        Value::Number(number) => match number.as_f64() {
            // Beyond 2^53 the neighbours of a float are not told apart, so its text is kept.
            Some(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
                // Adding zero takes the sign off a negative zero.
                out.extend(format!("{:.0}", float + 0.0).bytes());
            }
            _ => out.extend(number.to_string().bytes()),
        },
        simple => out.extend(simple.to_string().bytes()),
    }
}

fn write_object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    out.push(b'{');
    for (name, value) in members {
        out.extend(Value::from(name.as_str()).to_string().bytes());
        out.push(b':');
        write(value, out);
        out.push(b',');
    }
    out.push(b'}');
}
