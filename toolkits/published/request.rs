//! A request's path by its template.

/// The parameters of `path`, decoded, if it is of `template`. A last `{path}` or `{ref}` takes all
/// that is left, be it nothing, as GitHub's do.
pub(super) fn parameters_of(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut segments = path.trim_start_matches('/').split('/');
    let mut parts = template.trim_start_matches('/').split('/').peekable();
    let mut found = Vec::new();
    while let Some(part) = parts.next() {
        let name = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        let last = parts.peek().is_none();
        match name {
            Some(name @ ("path" | "ref")) if last => {
                let rest: Vec<&str> = segments.by_ref().collect();
                found.push((name.to_owned(), decoded(&rest.join("/"))));
            }
            Some(name) => found.push((name.to_owned(), decoded(segments.next()?))),
            None if segments.next()? == part => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(found)
}

fn decoded(segment: &str) -> String {
    // The only decoder at hand is that of forms, which takes `+` for a space.
    let form = format!("x={}", segment.replace('+', "%2B"));
    let (_, value) = url::form_urlencoded::parse(form.as_bytes()).next().unwrap();
    value.into_owned()
}

#[test]
fn a_path_is_of_its_template_only() {
    let found = |template, path| parameters_of(template, path);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found("/a/{id}/b", "/a/x%2Fy+/b"),
        Some(vec![pair("id", "x/y+")])
    );
    assert_eq!(
        found("/a/{path}", "/a/x/y"),
        Some(vec![pair("path", "x/y")])
    );
    assert_eq!(found("/a/{path}", "/a"), Some(vec![pair("path", "")]));
    assert_eq!(found("/a/{id}", "/a/x/y"), None);
    assert_eq!(found("/a/{id}/b", "/a/x"), None);
    assert_eq!(found("/a/b", "/a/c"), None);
}
