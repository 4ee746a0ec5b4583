//! The text of a PDF file (ISO 32000-1), page by page.
//!
//! In reading order: [`syntax`] (objects), [`filter`] (streams), [`file`] (where the objects are),
//! [`font`] with [`cmap`] and [`glyph`] (from codes to characters), [`content`] (a page's text).

use std::collections::HashSet;
use std::fmt::Write as _;

use self::content::Page;
use self::file::File;
use self::syntax::Object;
use super::{CUT, MOST_TEXT, Unreadable};

mod cmap;
mod content;
mod file;
mod filter;
mod font;
mod glyph;
mod syntax;

const MOST_PAGES: usize = 5_000;

/// How deep a tree of pages or a form within forms may be.
const DEEPEST: usize = 40;

/// Reads the text of every page, each under its number.
pub(super) fn text(bytes: &[u8]) -> Result<String, Unreadable> {
    let file = File::open(bytes);
    if file.encrypted {
        return Err(Unreadable::Encrypted);
    }
    let mut pages = Vec::new();
    if let Some(Object::Ref(tree)) = file
        .root()
        .as_ref()
        .and_then(|root| root.get(&b"Pages"[..]))
    {
        collect(&file, *tree, None, 0, &mut HashSet::new(), &mut pages);
    }
    if pages.is_empty() {
        return Err(if file.exhausted() {
            Unreadable::TooLarge
        } else {
            Unreadable::Broken
        });
    }
    let mut fonts = font::Fonts::default();
    let mut text = String::new();
    let mut letters = false;
    for (number, (page, owner)) in pages.iter().enumerate() {
        let resources = owner.and_then(|owner| match file.object(owner) {
            Object::Dict(owner) => file.dict(&owner, b"Resources"),
            _ => None,
        });
        let resources = resources.unwrap_or_default();
        let most = MOST_TEXT.saturating_sub(text.len());
        let shown = Page::read(&file, &mut fonts, *page, &resources, most);
        letters |= shown.chars().any(char::is_alphanumeric);
        writeln!(text, "--- page {} ---", number + 1).expect("a string takes every write");
        text.push_str(shown.trim_end());
        text.push_str("\n\n");
        if text.len() >= MOST_TEXT || file.exhausted() {
            break;
        }
    }
    if !letters {
        return Err(if file.exhausted() {
            Unreadable::TooLarge
        } else {
            Unreadable::NoText
        });
    }
    if text.len() >= MOST_TEXT || file.exhausted() || pages.len() >= MOST_PAGES {
        text.push_str(CUT);
    }
    Ok(text)
}

/// The pages below a node of the page tree, each with the node whose resources are its own: itself,
/// or one above it. Only numbers are kept, for a file may have many large nodes.
fn collect(
    file: &File<'_>,
    id: u32,
    inherited: Option<u32>,
    depth: usize,
    seen: &mut HashSet<u32>,
    into: &mut Vec<(u32, Option<u32>)>,
) {
    if depth > DEEPEST || into.len() >= MOST_PAGES || !seen.insert(id) {
        return;
    }
    let Object::Dict(node) = file.object(id) else {
        return;
    };
    let own = node.contains_key(&b"Resources"[..]).then_some(id);
    let resources = own.or(inherited);
    let Object::Array(kids) = file.entry(&node, b"Kids") else {
        into.push((id, resources));
        return;
    };
    let refers = |kid: &Object| match kid {
        Object::Ref(id) => Some(*id),
        _ => None,
    };
    let kids: Vec<u32> = kids.iter().filter_map(refers).collect();
    drop(node);
    for kid in kids {
        collect(file, kid, resources, depth + 1, seen, into);
    }
}
