//! The text that the operators of a page show (ISO 32000-1 §9.4), in the order in which they show it,
//! with spaces and line ends where it moves on.

use std::collections::HashMap;
use std::rc::Rc;

use super::DEEPEST;
use super::file::File;
use super::font::{Font, Fonts};
use super::syntax::{Dict, Object, Syntax, is_space};

/// How many operands an operator has, at most.
const MOST_OPERANDS: usize = 64;

/// How many states may be kept at a time.
const MOST_STATES: usize = 256;

/// How many parts one page's operators have, at most.
const MOST_PARTS: usize = 3_000_000;

type Matrix = [f64; 6];
const SAME: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// The text is reached through `one` and then `two`.
fn through(one: &Matrix, two: &Matrix) -> Matrix {
    [
        one[0] * two[0] + one[1] * two[2],
        one[0] * two[1] + one[1] * two[3],
        one[2] * two[0] + one[3] * two[2],
        one[2] * two[1] + one[3] * two[3],
        one[4] * two[0] + one[5] * two[2] + two[4],
        one[4] * two[1] + one[5] * two[3] + two[5],
    ]
}

#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    leading: f64,
    between: f64,
}

pub(super) struct Page<'a> {
    file: &'a File<'a>,
    fonts: &'a mut Fonts,
    state: State,
    kept: Vec<State>,
    /// The fonts that these operators named so far.
    named: HashMap<Vec<u8>, Rc<Font>>,
    text: Matrix,
    line: Matrix,
    /// Where the last text ended, on the page.
    end: Option<(f64, f64)>,
    out: String,
    most: usize,
}

impl<'a> Page<'a> {
    /// The text of a page, about `most` bytes of it at most.
    pub(super) fn read(
        file: &'a File<'a>,
        fonts: &'a mut Fonts,
        page: u32,
        resources: &Dict,
        most: usize,
    ) -> String {
        let Object::Dict(page) = file.object(page) else {
            return String::new();
        };
        let contents = match file.entry(&page, b"Contents") {
            Object::Array(parts) => parts,
            one => vec![one],
        };
        // An operator may begin in one part and end in the next.
        let mut bytes = Vec::new();
        for part in &contents {
            let part = file.stream(&file.resolve(part)).unwrap_or_default();
            if bytes.len() + part.len() > super::super::MOST_DECODED {
                break;
            }
            bytes.extend(part);
            bytes.push(b'\n');
        }
        let mut reading = Self {
            file,
            fonts,
            state: State {
                matrix: SAME,
                font: None,
                size: 1.0,
                leading: 0.0,
                between: 0.0,
            },
            kept: Vec::new(),
            named: HashMap::new(),
            text: SAME,
            line: SAME,
            end: None,
            out: String::new(),
            most,
        };
        reading.run(&bytes, resources, 0);
        reading.out
    }

    fn run(&mut self, bytes: &[u8], resources: &Dict, depth: usize) {
        let mut syntax = Syntax::new(bytes, 0, MOST_PARTS);
        let mut operands: Vec<Object> = Vec::new();
        let mut left = syntax.left;
        while let Some(object) = syntax.object() {
            if self.out.len() >= self.most || !self.file.spend(left - syntax.left) {
                return;
            }
            left = syntax.left;
            match object {
                Object::Word(word) => {
                    if word == b"ID" {
                        skip_image(&mut syntax);
                    }
                    self.operator(&word, &operands, resources, depth);
                    operands.clear();
                }
                operand if operands.len() < MOST_OPERANDS => operands.push(operand),
                _ => {}
            }
        }
    }

    fn operator(&mut self, word: &[u8], operands: &[Object], resources: &Dict, depth: usize) {
        let numbers: Vec<f64> = operands.iter().filter_map(Object::number).collect();
        match (word, operands, numbers.as_slice()) {
            (b"q", ..) if self.kept.len() < MOST_STATES => self.kept.push(self.state.clone()),
            (b"Q", ..) => self.state = self.kept.pop().unwrap_or_else(|| self.state.clone()),
            (b"cm", ..) => {
                if let Ok(matrix) = Matrix::try_from(numbers.as_slice()) {
                    self.state.matrix = through(&matrix, &self.state.matrix);
                }
            }
            (b"BT", ..) => (self.text, self.line) = (SAME, SAME),
            (b"Tf", [Object::Name(name), ..], [size]) => {
                self.state.font = self.font(name, resources);
                self.state.size = *size;
            }
            (b"TL", _, [leading]) => self.state.leading = *leading,
            (b"Tc", _, [between]) => self.state.between = *between,
            (b"Td", _, [x, y]) => self.next_line(*x, *y),
            (b"TD", _, [x, y]) => {
                self.state.leading = -*y;
                self.next_line(*x, *y);
            }
            (b"Tm", ..) => {
                if let Ok(matrix) = Matrix::try_from(numbers.as_slice()) {
                    (self.line, self.text) = (matrix, matrix);
                }
            }
            (b"T*", ..) => self.next_line(0.0, -self.state.leading),
            (b"Tj", [Object::Text(text)], _) => self.show(text),
            (b"'", [Object::Text(text)], _) | (b"\"", [_, _, Object::Text(text)], _) => {
                self.next_line(0.0, -self.state.leading);
                self.show(text);
            }
            (b"TJ", [Object::Array(parts)], _) => {
                for part in parts {
                    match part {
                        Object::Text(text) => self.show(text),
                        Object::Number(back) => self.advance(-back / 1000.0 * self.state.size),
                        _ => {}
                    }
                }
            }
            (b"Do", [Object::Name(name)], _) if depth < DEEPEST => {
                self.form(name, resources, depth);
            }
            _ => {}
        }
    }

    fn font(&mut self, name: &[u8], resources: &Dict) -> Option<Rc<Font>> {
        if let Some(font) = self.named.get(name) {
            return Some(font.clone());
        }
        let font = self.fonts.get(self.file, resources, name)?;
        self.named.insert(name.to_vec(), font.clone());
        Some(font)
    }

    /// A form shows operators of its own (§8.10); an image has no text.
    fn form(&mut self, name: &[u8], resources: &Dict, depth: usize) {
        let named = self.file.dict(resources, b"XObject");
        let found = named.and_then(|named| named.get(name).map(|one| self.file.resolve(one)));
        let Some(Object::Stream(dict, data)) = found else {
            return;
        };
        if self.file.entry(&dict, b"Subtype").name() != b"Form" {
            return;
        }
        let own = self.file.dict(&dict, b"Resources");
        let matrix = self.file.entry(&dict, b"Matrix");
        let Some(bytes) = self.file.stream(&Object::Stream(dict, data)) else {
            return;
        };
        let before = (self.state.clone(), self.kept.len(), self.text, self.line);
        if let Object::Array(matrix) = matrix {
            let matrix: Vec<f64> = matrix.iter().filter_map(Object::number).collect();
            if let Ok(matrix) = Matrix::try_from(matrix) {
                self.state.matrix = through(&matrix, &self.state.matrix);
            }
        }
        self.named.clear();
        self.run(&bytes, own.as_ref().unwrap_or(resources), depth + 1);
        self.named.clear();
        self.kept.truncate(before.1);
        (self.state, self.text, self.line) = (before.0, before.2, before.3);
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.line = through(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    fn advance(&mut self, x: f64) {
        self.text = through(&[1.0, 0.0, 0.0, 1.0, x, 0.0], &self.text);
    }

    fn show(&mut self, codes: &[u8]) {
        let Some(font) = self.state.font.clone() else {
            return;
        };
        let size = self.state.size;
        let at = through(&self.text, &self.state.matrix);
        let height = (at[2].hypot(at[3]) * size).abs().max(0.01);
        let mut text = String::new();
        let between = if size == 0.0 {
            0.0
        } else {
            self.state.between / size
        };
        let width = font.read_text(codes, between, &mut text);
        self.separate(&at, height, &text);
        self.out.push_str(&text);
        self.advance(width * size);
        let end = through(&self.text, &self.state.matrix);
        self.end = Some((end[4], end[5]));
    }

    /// What stands between the last text and this one.
    fn separate(&mut self, at: &Matrix, height: f64, text: &str) {
        let Some((x, y)) = self.end else { return };
        let (across, up) = (at[4] - x, at[5] - y);
        // Turned text goes on along its own line.
        let long = at[0].hypot(at[1]).max(f64::MIN_POSITIVE);
        let (cos, sin) = (at[0] / long, at[1] / long);
        let (along, off) = (across * cos + up * sin, up * cos - across * sin);
        if off.abs() > 0.5 * height || along < -2.0 * height {
            let lines = if off.abs() > 2.2 * height {
                "\n\n"
            } else {
                "\n"
            };
            self.out.truncate(self.out.trim_end_matches(' ').len());
            self.out.push_str(lines);
        } else if along > 0.18 * height
            && !self.out.ends_with([' ', '\n'])
            && !text.starts_with(' ')
        {
            self.out.push(' ');
        }
    }
}

/// An image within the operators: its bytes end at the word `EI`.
fn skip_image(syntax: &mut Syntax<'_>) {
    let rest = &syntax.bytes[syntax.at..];
    let ends = |some: &[u8]| is_space(some[0]) && &some[1..3] == b"EI" && is_space(some[3]);
    let end = rest.windows(4).position(ends);
    syntax.at += end.map_or(rest.len(), |end| end + 3);
}
