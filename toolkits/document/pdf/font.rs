//! From the codes in a text to its characters, and how far each goes (ISO 32000-1 §9.6 to §9.10).

use std::collections::HashMap;
use std::rc::Rc;

use mail_parser::decoders::charsets::map::charset_decoder;

use super::cmap::{self, CMap};
use super::file::File;
use super::glyph;
use super::syntax::{Dict, Object, whole};

/// How many fonts are kept for the pages that follow; each may be a megabyte.
const KEPT: usize = 32;

/// How far a character goes whose font does not say, in thousandths of its height.
const USUAL_WIDTH: f64 = 500.0;

pub(super) struct Font {
    unicode: CMap,
    /// By the code, of a font of single bytes.
    differences: HashMap<u32, String>,
    charset: &'static [u8],
    /// Two bytes a code (§9.7).
    composite: bool,
    /// The codes are UTF-16 themselves.
    utf16: bool,
    widths: HashMap<u32, f64>,
    usual_width: f64,
}

/// The fonts of the pages, by the number of their object.
#[derive(Default)]
pub(super) struct Fonts {
    known: HashMap<u32, Rc<Font>>,
}

impl Fonts {
    /// The font of a name in these resources.
    pub(super) fn get(
        &mut self,
        file: &File<'_>,
        resources: &Dict,
        name: &[u8],
    ) -> Option<Rc<Font>> {
        let fonts = file.dict(resources, b"Font")?;
        let font = fonts.get(name)?;
        if let Object::Ref(id) = font
            && let Some(known) = self.known.get(id)
        {
            return Some(known.clone());
        }
        let Object::Dict(dict) = file.resolve(font) else {
            return None;
        };
        let read = Rc::new(Font::read(file, &dict));
        if let Object::Ref(id) = font {
            if self.known.len() >= KEPT {
                self.known.clear();
            }
            self.known.insert(*id, read.clone());
        }
        Some(read)
    }
}

impl Font {
    fn read(file: &File<'_>, dict: &Dict) -> Self {
        let unicode = file.stream(&file.entry(dict, b"ToUnicode"));
        let (unicode, codes) = unicode.map(|text| cmap::read(&text)).unwrap_or_default();
        // A short text may name many codes, and many fonts the same text.
        file.spend(8 * codes);
        let composite = file.entry(dict, b"Subtype").name() == b"Type0";
        let encoding = file.entry(dict, b"Encoding");
        let base = match &encoding {
            Object::Dict(encoding) => file.entry(encoding, b"BaseEncoding"),
            other => other.clone(),
        };
        let mut font = Self {
            unicode,
            differences: HashMap::new(),
            // The standard encoding is that of Windows as far as most texts go.
            charset: match base.name() {
                b"MacRomanEncoding" => b"macintosh",
                _ => b"windows-1252",
            },
            composite,
            utf16: base
                .name()
                .windows(4)
                .any(|some| some == b"UCS2" || some == b"UTF1"),
            widths: HashMap::new(),
            usual_width: USUAL_WIDTH,
        };
        if composite {
            font.composite_widths(file, dict);
        } else {
            font.simple_widths(file, dict);
            if let Object::Dict(encoding) = &encoding {
                font.read_differences(&file.entry(encoding, b"Differences"));
            }
        }
        font
    }

    fn read_differences(&mut self, differences: &Object) {
        let Object::Array(differences) = differences else {
            return;
        };
        let mut code = 0_u32;
        for entry in differences {
            match entry {
                Object::Number(number) => code = whole(*number).unwrap_or(0),
                Object::Name(name) => {
                    if let Some(text) = glyph::characters(name) {
                        self.differences.insert(code, text);
                    }
                    code = code.saturating_add(1);
                }
                _ => {}
            }
        }
    }

    fn simple_widths(&mut self, file: &File<'_>, dict: &Dict) {
        let first = file
            .entry(dict, b"FirstChar")
            .number()
            .and_then(whole)
            .unwrap_or(0);
        if let Object::Array(widths) = file.entry(dict, b"Widths") {
            for (code, width) in (first..).zip(&widths).take(256) {
                if let Some(width) = file.resolve(width).number() {
                    self.widths.insert(code, width);
                }
            }
        }
        // The glyphs of Type 3 have a measure of their own.
        let scale = match file.entry(dict, b"FontMatrix") {
            Object::Array(matrix) => matrix.first().and_then(Object::number),
            _ => None,
        };
        if let Some(scale) = scale {
            self.widths
                .values_mut()
                .for_each(|width| *width *= 1000.0 * scale);
        }
    }

    /// `W` (§9.7.4.3): `[first [width width] first last width]`.
    fn composite_widths(&mut self, file: &File<'_>, dict: &Dict) {
        let below = match file.entry(dict, b"DescendantFonts") {
            Object::Array(below) => below.first().map(|font| file.resolve(font)),
            other => Some(other),
        };
        let Some(Object::Dict(below)) = below else {
            return;
        };
        self.usual_width = file.entry(&below, b"DW").number().unwrap_or(1000.0);
        let Object::Array(widths) = file.entry(&below, b"W") else {
            return;
        };
        let mut rest = widths.as_slice();
        while let [first, second, after @ ..] = rest {
            let Some(first) = first.number().and_then(whole) else {
                return;
            };
            rest = after;
            match (file.resolve(second), after) {
                (Object::Array(list), _) => {
                    for (code, width) in (first..).zip(list.iter().filter_map(Object::number)) {
                        self.widths.insert(code, width);
                    }
                }
                (Object::Number(last), [Object::Number(width), after @ ..]) => {
                    let last = whole(last).unwrap_or(0).min(0xffff);
                    if !file.spend(last.saturating_sub(first) as usize) {
                        return;
                    }
                    for code in first..=last {
                        self.widths.insert(code, *width);
                    }
                    rest = after;
                }
                _ => return,
            }
        }
    }

    /// The characters of a text, and how far it goes in units of the font's size; `extra` is what
    /// goes between two characters.
    pub(super) fn read_text(&self, codes: &[u8], extra: f64, out: &mut String) -> f64 {
        let mut width = 0.0;
        for code in codes.chunks(if self.composite { 2 } else { 1 }) {
            let number = cmap::number(code);
            width += self.widths.get(&number).unwrap_or(&self.usual_width) / 1000.0 + extra;
            self.character(code, number, out);
        }
        width
    }

    fn character(&self, code: &[u8], number: u32, out: &mut String) {
        if let Some(text) = self
            .unicode
            .get(&number)
            .or_else(|| self.differences.get(&number))
        {
            out.extend(text.chars().filter(|c| !c.is_control() || *c == '\t'));
        } else if self.composite {
            let character = char::from_u32(number).filter(|c| self.utf16 && !c.is_control());
            out.push(character.unwrap_or(char::REPLACEMENT_CHARACTER));
        } else if let [byte] = code
            && !byte.is_ascii_control()
        {
            match charset_decoder(self.charset) {
                Some(decode) if !byte.is_ascii() => out.push_str(&decode(code)),
                _ => out.push(char::from(*byte)),
            }
        }
    }
}
