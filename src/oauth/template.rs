//! `{{name}}` in the parameters of an entry.

/// Replaces each `{{name}}` by its value. In one pass: a value is never looked into. Names without a
/// value become empty; the configuration refuses names that are not known.
pub(super) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, template)) = rest.split_once("{{") {
        let Some((name, after)) = template.split_once("}}") else {
            break;
        };
        filled.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_looks_like_a_template_stays_as_it_is() {
        let values = [("a", "{{b}}"), ("b", "secret")];
        assert_eq!(fill("x {{a}} y {{b}}{{c}}", &values), "x {{b}} y secret");
        assert_eq!(fill("{{a", &values), "{{a");
    }
}
