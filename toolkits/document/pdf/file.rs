//! Where the objects of a file are.
//!
//! The cross-reference table is not read: every `12 0 obj` is found by reading the file once, and a
//! later one replaces an earlier, which is what an update of a file means (ISO 32000-1 §7.5.6). So a
//! file with a wrong table, or with one made to lead in circles, is read like any other.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::Range;

use super::super::MOST_DECODED;
use super::filter;
use super::syntax::{Dict, Object, Syntax, is_space, whole};

/// How many objects a file may have.
const MOST_OBJECTS: usize = 500_000;

/// How many parts one object may have. A large font has about 20,000.
const MOST_PARTS: usize = 100_000;

/// How much is decoded of one file in all, in bytes.
const MOST_WORK: usize = 128 << 20;

/// How many parts of objects are made for one file in all.
const MOST_STEPS: usize = 20_000_000;

/// What making a decoder counts for among the steps.
const DECODER: usize = 500;

enum Place {
    /// In the file; and the bytes of its stream.
    At(usize, Option<Range<usize>>),
    /// In an object stream, of those decoded.
    Within(usize, usize),
}

pub(super) struct File<'a> {
    bytes: &'a [u8],
    places: HashMap<u32, Place>,
    /// The decoded object streams, [`MOST_DECODED`] bytes at most together.
    streams: Vec<Vec<u8>>,
    /// What the trailers name as the catalog, and what looks like one.
    roots: Vec<u32>,
    catalog: Option<u32>,
    pub(super) encrypted: bool,
    work: Cell<usize>,
    steps: Cell<usize>,
}

impl<'a> File<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Self {
        let mut file = Self {
            bytes,
            places: HashMap::new(),
            streams: Vec::new(),
            roots: Vec::new(),
            catalog: None,
            encrypted: false,
            work: Cell::new(MOST_WORK),
            steps: Cell::new(MOST_STEPS),
        };
        file.scan();
        file
    }

    /// Whether some of the file was left out because it takes too much work.
    pub(super) fn exhausted(&self) -> bool {
        self.work.get() == 0 || self.steps.get() == 0
    }

    fn scan(&mut self) {
        let mut at = 0;
        let mut streams_end = true;
        while let Some(offset) = self.bytes[at..]
            .iter()
            .position(|byte| matches!(byte, b'o' | b't'))
        {
            at += offset;
            let rest = &self.bytes[at..];
            if rest.starts_with(b"trailer") {
                at += 7;
                if let (Some(Object::Dict(trailer)), end) = self.parse(self.bytes, at) {
                    self.note_trailer(&trailer);
                    at = end;
                }
            } else if let Some(id) = rest
                .starts_with(b"obj")
                .then(|| self.id_before(at))
                .flatten()
            {
                at += 3;
                if self.places.len() >= MOST_OBJECTS || self.exhausted() {
                    return;
                }
                let start = at;
                let (object, end) = self.parse(self.bytes, at);
                let Some(object) = object else {
                    // One that cannot be read hides no other.
                    continue;
                };
                at = end;
                let mut data = None;
                if let Object::Dict(dict) = object {
                    if let Some(from) = data_start(self.bytes, at) {
                        let range = self.data(&dict, from, &mut streams_end);
                        at = range.end;
                        data = Some(range);
                    }
                    self.note(id, &dict, data.clone());
                }
                self.places.insert(id, Place::At(start, data));
            } else {
                at += 1;
            }
        }
    }

    /// What the scan learns from an object.
    fn note(&mut self, id: u32, dict: &Dict, data: Option<Range<usize>>) {
        match (dict.get(&b"Type"[..]).map(Object::name), data) {
            (Some(b"Catalog"), _) => self.catalog = Some(id),
            (Some(b"XRef"), Some(_)) => self.note_trailer(dict),
            (Some(b"ObjStm"), Some(data)) => self.open_stream(dict, data),
            _ => {}
        }
    }

    fn note_trailer(&mut self, trailer: &Dict) {
        self.encrypted |= trailer.contains_key(&b"Encrypt"[..]);
        if let Some(Object::Ref(root)) = trailer.get(&b"Root"[..]) {
            self.roots.push(*root);
        }
    }

    /// Notes the objects of an object stream (§7.5.7).
    fn open_stream(&mut self, dict: &Dict, data: Range<usize>) {
        let so_far: usize = self.streams.iter().map(Vec::len).sum();
        let most = MOST_DECODED.saturating_sub(so_far);
        let Some(text) = self.decode(dict, &self.bytes[data], most) else {
            return;
        };
        if text.len() >= most {
            self.work.set(0);
            return;
        }
        let first = dict
            .get(&b"First"[..])
            .and_then(Object::number)
            .and_then(whole)
            .unwrap_or(0);
        let mut head = Syntax::new(&text, 0, MOST_PARTS);
        let mut found = Vec::new();
        while head.at < first as usize
            && let (Some(Object::Number(id)), Some(Object::Number(offset))) =
                (head.object(), head.object())
        {
            let (Some(id), Some(offset)) = (whole(id), whole(offset)) else {
                break;
            };
            found.push((id, first as usize + offset as usize));
        }
        let stream = self.streams.len();
        for (id, at) in found {
            if self.places.len() >= MOST_OBJECTS {
                break;
            }
            self.places.insert(id, Place::Within(stream, at));
        }
        // A catalog may be in here; it is asked for only when no trailer names one.
        self.streams.push(text);
    }

    /// The number in `12 0 obj`, of which `obj` is at `at`.
    fn id_before(&self, at: usize) -> Option<u32> {
        let before = &self.bytes[at.saturating_sub(24)..at];
        let mut words = before
            .split(|byte| is_space(*byte))
            .rev()
            .filter(|word| !word.is_empty());
        let generation = words.next()?;
        let number = words.next()?;
        let digits = number
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let number = &number[number.len() - digits..];
        generation.iter().all(u8::is_ascii_digit).then_some(())?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    /// Where the bytes of a stream are.
    fn data(&self, dict: &Dict, from: usize, streams_end: &mut bool) -> Range<usize> {
        let length = dict
            .get(&b"Length"[..])
            .and_then(Object::number)
            .and_then(whole);
        if let Some(length) = length {
            let to = from.saturating_add(length as usize);
            let after = self.bytes.get(to..).unwrap_or_default();
            let space = after
                .iter()
                .take(4)
                .take_while(|byte| is_space(**byte))
                .count();
            if after[space..].starts_with(b"endstream") {
                return from..to;
            }
        }
        // Once one has no end, none after it has.
        let mark = b"endstream";
        let end = streams_end
            .then(|| {
                self.bytes[from..]
                    .windows(mark.len())
                    .position(|some| some == mark)
            })
            .flatten();
        *streams_end = end.is_some();
        from..end.map_or(self.bytes.len(), |end| from + end)
    }

    /// One object, and where it ends.
    fn parse(&self, bytes: &[u8], at: usize) -> (Option<Object>, usize) {
        let most = MOST_PARTS.min(self.steps.get());
        let mut syntax = Syntax::new(bytes, at, most);
        let object = syntax.object();
        self.spend(most - syntax.left);
        (object, syntax.at)
    }

    /// Counts steps; false when there are no more.
    pub(super) fn spend(&self, steps: usize) -> bool {
        self.steps.set(self.steps.get().saturating_sub(steps));
        self.steps.get() > 0
    }

    /// The object of a number; null where there is none.
    pub(super) fn object(&self, id: u32) -> Object {
        match self.places.get(&id) {
            None => Object::Null,
            Some(Place::At(at, data)) => match (self.parse(self.bytes, *at).0, data) {
                (Some(Object::Dict(dict)), Some(data)) => Object::Stream(dict, data.clone()),
                (object, _) => object.unwrap_or(Object::Null),
            },
            Some(Place::Within(stream, at)) => self
                .parse(&self.streams[*stream], *at)
                .0
                .unwrap_or(Object::Null),
        }
    }

    /// What an object is, or the one that it refers to.
    pub(super) fn resolve(&self, object: &Object) -> Object {
        let Object::Ref(id) = object else {
            // A copy is work, too.
            return if self.spend(object.parts()) {
                object.clone()
            } else {
                Object::Null
            };
        };
        let mut id = *id;
        for _ in 0..8 {
            match self.object(id) {
                Object::Ref(next) => id = next,
                object => return object,
            }
        }
        Object::Null
    }

    /// An entry of a dictionary.
    pub(super) fn entry(&self, dict: &Dict, key: &[u8]) -> Object {
        dict.get(key)
            .map_or(Object::Null, |object| self.resolve(object))
    }

    /// An entry that is a dictionary, or the one of a stream.
    pub(super) fn dict(&self, dict: &Dict, key: &[u8]) -> Option<Dict> {
        match self.entry(dict, key) {
            Object::Dict(dict) | Object::Stream(dict, _) => Some(dict),
            _ => None,
        }
    }

    /// The catalog of the document.
    pub(super) fn root(&self) -> Option<Dict> {
        let roots = self.roots.iter().rev().take(8).chain(&self.catalog);
        roots.copied().find_map(|root| match self.object(root) {
            Object::Dict(root) if root.contains_key(&b"Pages"[..]) => Some(root),
            _ => None,
        })
    }

    /// The decoded bytes of a stream; none where they are of a filter that is not read here.
    pub(super) fn stream(&self, object: &Object) -> Option<Vec<u8>> {
        match object {
            Object::Stream(dict, data) => {
                self.decode(dict, &self.bytes[data.clone()], MOST_DECODED)
            }
            _ => None,
        }
    }

    fn decode(&self, dict: &Dict, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        // A decoder is made for even the shortest stream.
        if !self.spend(DECODER) {
            return None;
        }
        let filters = match self.entry(dict, b"Filter") {
            Object::Array(filters) => filters,
            Object::Null => Vec::new(),
            one => vec![one],
        };
        let mut text = None;
        for filter in filters.iter().take(5) {
            let most = most.min(self.work.get());
            let input = text.as_deref().unwrap_or(bytes);
            let decoded = filter::decode(self.resolve(filter).name(), input, most)?;
            self.work.set(
                self.work
                    .get()
                    .saturating_sub(decoded.len() + input.len() / 8),
            );
            text = Some(decoded);
        }
        if text.is_none() {
            self.work.set(self.work.get().saturating_sub(bytes.len()));
        }
        Some(text.unwrap_or_else(|| bytes[..bytes.len().min(most)].to_vec()))
    }
}

/// Where the bytes begin after the word `stream`, if that is next.
fn data_start(bytes: &[u8], at: usize) -> Option<usize> {
    let mut syntax = Syntax::new(bytes, at, 1);
    syntax.skip_space();
    let rest = bytes[syntax.at..].strip_prefix(b"stream")?;
    let line = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    Some(bytes.len() - rest.len() + line)
}
