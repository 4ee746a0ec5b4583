//! A YAML document as a tree that knows its places, and the reading of it that goes on after a
//! mistake: whoever writes a toolkit wants to hear of all of them at once.

use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};
use serde_saphyr::{Error, Spanned};

use super::Mistake;
use crate::sanitize::{shorten, visible};

/// A place in the file, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) tree: Tree,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    fn of(spanned: Spanned<Tree>) -> Self {
        Self {
            place: place(&spanned),
            tree: spanned.value,
        }
    }

    /// The value as JSON.
    pub(super) fn json(&self) -> Value {
        match &self.tree {
            Tree::Null => Value::Null,
            Tree::Bool(flag) => Value::Bool(*flag),
            Tree::Number(number) => Value::Number(number.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => items.iter().map(Self::json).collect(),
            Tree::Map(fields) => {
                let fields = fields.iter();
                let fields: Map<_, _> = fields
                    .map(|(key, node)| (key.value.clone(), node.json()))
                    .collect();
                Value::Object(fields)
            }
        }
    }
}

pub(super) fn place<T>(spanned: &Spanned<T>) -> Place {
    Place {
        line: spanned.referenced.line(),
        column: spanned.referenced.column(),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Tree, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("not a JSON number"))?;
        Ok(Tree::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Tree, S::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Tree>>()? {
            list.push(Node::of(item));
        }
        Ok(Tree::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut entries: M) -> Result<Tree, M::Error> {
        let mut map: Vec<(Spanned<String>, Node)> = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Tree>>()? {
            if map.iter().any(|(known, _)| known.value == key.value) {
                return Err(M::Error::custom("a key is here twice"));
            }
            map.push((key, Node::of(value)));
        }
        Ok(Tree::Map(map))
    }
}

/// Reads a document. YAML that is not well-formed is one mistake: nobody knows what follows it.
pub(super) fn parse(text: &str) -> Result<Node, Mistake> {
    let parsed: Result<Spanned<Tree>, Error> = serde_saphyr::from_str(text);
    parsed.map(Node::of).map_err(|error| {
        let at = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
        let place = Place {
            line: at.line().max(1),
            column: at.column().max(1),
        };
        let (problem, fix) = match error.without_snippet() {
            Error::DuplicateMappingKey { .. } => (
                "A key is here for the second time.",
                "Remove one of the two.",
            ),
            Error::MultipleDocuments { .. } => (
                "A second YAML document begins here.",
                "Keep one document in the file.",
            ),
            Error::Budget { .. } => (
                "The YAML is larger or deeper than a toolkit can be.",
                "Split it into several toolkits.",
            ),
            _ => (
                "This is not valid YAML.",
                "Look at the quotes, colons and indentation here; a text with `: ` or that begins \
                 with `{`, `[`, `*`, `&`, `@` or a backquote needs quotes.",
            ),
        };
        Mistake::new(place, problem, fix)
    })
}

/// Collects the mistakes of one file.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) mistakes: Vec<Mistake>,
}

/// The keys of a map, all of them known.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    /// Where the map begins.
    pub(super) place: Place,
    entries: &'a [(Spanned<String>, Node)],
}

impl<'a> Fields<'a> {
    /// The value of a key; `null` counts as not there.
    pub(super) fn get(&self, key: &str) -> Option<&'a Node> {
        let mut entries = self.entries.iter();
        entries
            .find(|(known, _)| known.value == key)
            .map(|(_, node)| node)
            .filter(|node| !matches!(node.tree, Tree::Null))
    }

    /// Where to complain about a key: at its value, or where the map begins.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.get(key).map_or(self.place, |node| node.place)
    }
}

impl Reader {
    pub(super) fn wrong(
        &mut self,
        place: Place,
        problem: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.mistakes.push(Mistake::new(place, problem, fix));
    }

    /// A map with these keys and no others. `what` it is: `a tool`.
    pub(super) fn fields<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'a>> {
        let entries = self.entries(node, what)?;
        for (key, _) in entries {
            if !known.contains(&key.value.as_str()) {
                self.wrong(
                    place(key),
                    format!("The key `{}` is not known in {what}.", quoted(&key.value)),
                    format!("Remove it, or write one of: {}.", known.join(", ")),
                );
            }
        }
        Some(Fields {
            place: node.place,
            entries,
        })
    }

    /// A map with any keys.
    pub(super) fn entries<'a>(
        &mut self,
        node: &'a Node,
        what: &str,
    ) -> Option<&'a [(Spanned<String>, Node)]> {
        if let Tree::Map(entries) = &node.tree {
            return Some(entries);
        }
        let problem = format!("Here must be {what}: keys with values.");
        let fix = "Write `key: value` lines, one below the other.";
        self.wrong(node.place, problem, fix);
        None
    }

    pub(super) fn list<'a>(&mut self, node: &'a Node, what: &str) -> &'a [Node] {
        if let Tree::List(items) = &node.tree {
            return items;
        }
        let problem = format!("Here must be a list of {what}.");
        self.wrong(node.place, problem, "Write `- ` lines, or `[one, two]`.");
        &[]
    }

    /// A text that is not empty.
    pub(super) fn text<'a>(&mut self, node: &'a Node, key: &str) -> Option<&'a str> {
        match &node.tree {
            Tree::Text(text) if !text.trim().is_empty() => Some(text),
            Tree::Text(_) => {
                self.wrong(
                    node.place,
                    format!("`{key}` is empty."),
                    "Give it a value, or remove the key.",
                );
                None
            }
            _ => {
                self.wrong(
                    node.place,
                    format!("`{key}` must be a text."),
                    format!("Put the value in quotes: `{key}: \"…\"`."),
                );
                None
            }
        }
    }

    /// The text of a key that must be there; `fix` says what to write.
    pub(super) fn required<'a>(
        &mut self,
        fields: &Fields<'a>,
        key: &str,
        fix: &str,
    ) -> Option<&'a str> {
        if let Some(node) = fields.get(key) {
            return self.text(node, key);
        }
        self.wrong(fields.place, format!("`{key}` is missing here."), fix);
        None
    }

    pub(super) fn flag(&mut self, fields: &Fields<'_>, key: &str) -> Option<bool> {
        let node = fields.get(key)?;
        if let Tree::Bool(flag) = node.tree {
            return Some(flag);
        }
        self.wrong(
            node.place,
            format!("`{key}` must be true or false."),
            format!("Write `{key}: true` or `{key}: false`, without quotes."),
        );
        None
    }
}

/// A text of the file, short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    shorten(&visible(text).text.replace('\n', " "), 60)
}
