//! The text of a DOCX file: `word/document.xml` of a ZIP archive (ECMA-376, part 1, §17).

use std::io::{BufRead, BufReader};

use flate2::bufread::DeflateDecoder;
use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};
use rawzip::{CompressionMethod, ZipArchive};

use super::{CUT, MOST_DECODED, MOST_TEXT, Unreadable};

/// The first files of the archive; the text is among them in those that a program wrote.
const ENTRIES: usize = 10_000;

/// Reads the paragraphs, headings and tables. Deleted and hidden text is left out, as in what a
/// person sees.
pub(super) fn text(bytes: &[u8]) -> Result<String, Unreadable> {
    let archive = ZipArchive::from_slice(bytes).map_err(|_| Unreadable::Other)?;
    let mut entries = archive.entries();
    for _ in 0..ENTRIES {
        let Ok(Some(entry)) = entries.next_entry() else {
            break;
        };
        if entry.file_path().as_ref() != b"word/document.xml" {
            continue;
        }
        if entry.flags().is_encrypted() {
            return Err(Unreadable::Encrypted);
        }
        let method = entry.compression_method();
        let found = archive.get_entry(entry.wayfinder());
        let data = found.map_err(|_| Unreadable::Broken)?.data();
        return match method {
            CompressionMethod::STORE => paragraphs(data),
            CompressionMethod::DEFLATE => paragraphs(BufReader::new(DeflateDecoder::new(data))),
            _ => Err(Unreadable::Broken),
        };
    }
    Err(Unreadable::Other)
}

fn paragraphs(xml: impl BufRead) -> Result<String, Unreadable> {
    let mut xml = Reader::from_reader(xml.take(MOST_DECODED as u64));
    xml.config_mut().check_end_names = false;
    let mut reading = Reading::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => reading.open(&tag),
            Ok(Event::Empty(tag)) => {
                reading.open(&tag);
                reading.close(tag.local_name().as_ref());
            }
            Ok(Event::End(tag)) => reading.close(tag.local_name().as_ref()),
            Ok(Event::Text(text)) => reading.write(&text),
            Ok(Event::CData(text)) => reading.write(&text),
            Ok(Event::GeneralRef(entity)) => match entity.resolve_char_ref() {
                Ok(Some(c)) => reading.write(c.encode_utf8(&mut [0; 4])),
                _ => reading.write(resolve_xml_entity(&entity).unwrap_or_default()),
            },
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) if xml.get_ref().limit() == 0 => break,
            Err(_) => return Err(Unreadable::Broken),
        }
        if reading.text.len() > MOST_TEXT {
            reading.text.push_str(CUT);
            return Ok(reading.text);
        }
    }
    if xml.get_ref().limit() == 0 {
        if reading.text.trim().is_empty() {
            return Err(Unreadable::TooLarge);
        }
        reading.text.push_str(CUT);
    }
    if reading.text.trim().is_empty() {
        return Err(Unreadable::NoText);
    }
    Ok(reading.text)
}

#[derive(Default)]
struct Reading {
    text: String,
    /// Within `w:t`, the one element whose characters are text.
    in_text: bool,
    /// Within `w:rPr`, the properties of a run.
    in_properties: bool,
    hidden: bool,
    /// How many table cells are around.
    cells: usize,
    /// How many `mc:Fallback` are around: they say again what `mc:Choice` says.
    fallbacks: usize,
}

impl Reading {
    fn open(&mut self, tag: &BytesStart<'_>) {
        let value = || {
            let mut attributes = tag.attributes();
            let attributes = attributes.with_checks(false).flatten();
            let mut values = attributes.filter(|a| a.key.local_name().as_ref() == "val");
            values.next().map(|value| value.value.into_owned())
        };
        match tag.local_name().as_ref() {
            "t" => self.in_text = true,
            "r" => self.hidden = false,
            "rPr" => self.in_properties = true,
            "vanish" if self.in_properties => {
                self.hidden = !matches!(value().as_deref(), Some("0" | "false" | "off"));
            }
            "pStyle" => {
                let style = value().unwrap_or_default().to_ascii_lowercase();
                let level = style.strip_prefix("heading").map(str::parse::<usize>);
                match level {
                    Some(Ok(level @ 1..=9)) => self.sign(&format!("{} ", "#".repeat(level))),
                    _ if style == "title" => self.sign("# "),
                    _ => {}
                }
            }
            "numPr" => self.sign("- "),
            "tab" if !self.in_properties => self.sign("\t"),
            "br" | "cr" => self.sign("\n"),
            "noBreakHyphen" => self.sign("-"),
            "tc" => self.cells += 1,
            "Fallback" => self.fallbacks += 1,
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "t" => self.in_text = false,
            "rPr" => self.in_properties = false,
            "r" => self.hidden = false,
            "p" if self.cells == 0 => self.sign("\n"),
            "p" => self.sign(" "),
            "tc" => {
                self.cells = self.cells.saturating_sub(1);
                self.sign("| ");
            }
            "tr" => {
                let end = self.text.trim_end_matches([' ', '|']).len();
                self.text.truncate(end);
                self.sign("\n");
            }
            "Fallback" => self.fallbacks = self.fallbacks.saturating_sub(1),
            _ => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.in_text && !self.hidden {
            self.sign(text);
        }
    }

    fn sign(&mut self, text: &str) {
        if self.fallbacks == 0 {
            self.text.push_str(text);
        }
    }
}
