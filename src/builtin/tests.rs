use serde_json::{Value, json};

use super::{AnyTool, BuiltIn};

fn ours() -> impl Iterator<Item = AnyTool<'static>> {
    BuiltIn::ALL.into_iter().map(AnyTool::BuiltIn)
}

#[test]
fn our_tools_cost_a_model_less_than_500_tokens() {
    let length: usize = ours()
        .map(|tool| {
            let schema = serde_json::to_string(&*tool.input_schema()).unwrap();
            tool.name().len() + tool.title().len() + tool.description().len() + schema.len()
        })
        .sum();
    assert!(length / 4 < 500, "{}", length / 4);
}

#[test]
fn our_schemas_are_closed_plain_and_described() {
    for tool in ours() {
        let name = tool.name();
        let input = Value::Object((*tool.input_schema()).clone());
        let output = tool.output_schema().map(|schema| (*schema).clone());
        for schema in [Some(input.clone()), output.map(Value::Object)] {
            let Some(schema) = schema else { continue };
            jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(schema["additionalProperties"], false, "{name}");
        }
        for (argument, schema) in input["properties"].as_object().unwrap() {
            let words = schema["description"].as_str().unwrap();
            assert!(words.ends_with('.'), "{name}.{argument}");
        }
        let names = AnyTool::BuiltIn(BuiltIn::ResultRead).input_schema();
        assert_eq!(names["required"], json!(["handle"]));
    }
}
