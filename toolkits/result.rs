//! What holds for every result of a tool: it fits its output schema, and the text has the facts of
//! the structure, for some hosts show the model only one of the two.

use serde_json::Value;

use crate::output::Output;
use crate::tool::Tool;

/// Fields whose value the text says in other words.
const IN_WORDS: [&str; 2] = ["kind", "order"];

pub(crate) fn check(tool: &Tool, output: &Output) {
    check_schema(tool, output);
    let Some(structured) = &output.structured else {
        assert!(output.text.starts_with("Account: "), "{}", tool.name);
        return;
    };
    // Lines of a text after its first may be set off.
    let text = output.text.replace("\n  | ", "\n");
    let structured = Value::Object(structured.clone());
    let mut facts = Vec::new();
    collect(&structured, &mut facts);
    for fact in facts {
        let found = match fact {
            Value::Number(number) => has_number(&text, &number.to_string()),
            Value::String(fact) => text.contains(fact),
            _ => true,
        };
        assert!(found, "{}: {fact} is not in the text:\n{text}", tool.name);
    }
}

/// A tool has a schema if and only if it returns a structure, which is valid against it.
pub(crate) fn check_schema(tool: &Tool, output: &Output) {
    let (schema, structured) = match (&tool.output_schema, &output.structured) {
        (Some(schema), Some(structured)) => (schema, structured),
        (None, None) => return,
        _ => panic!("{}: a schema and a structure come together", tool.name),
    };
    let schema = Value::Object((**schema).clone());
    let structured = Value::Object(structured.clone());
    if let Err(misfit) = jsonschema::validate(&schema, &structured) {
        panic!("{}: {misfit}\n{structured:#}", tool.name);
    }
}

/// Every string and number within a value. Booleans and null are said in words, or by silence; so is
/// that nothing is returned or that there is no more.
fn collect<'a>(value: &'a Value, facts: &mut Vec<&'a Value>) {
    match value {
        Value::String(_) | Value::Number(_) => facts.push(value),
        Value::Array(items) => items.iter().for_each(|item| collect(item, facts)),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| {
                let none = **value == 0 && (*name == "returned" || name.ends_with("_more"));
                !none && !IN_WORDS.contains(&name.as_str())
            })
            .for_each(|(_, value)| collect(value, facts)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Whether a number is in a text, not as a part of another.
fn has_number(text: &str, number: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit();
    text.match_indices(number).any(|(at, _)| {
        !text[..at].ends_with(digit) && !text[at + number.len()..].starts_with(digit)
    })
}

#[test]
fn a_number_is_found_whole_only() {
    assert!(has_number("12 of 120.", "120") && has_number("12", "12"));
    assert!(!has_number("112 of 120", "12"));
}
