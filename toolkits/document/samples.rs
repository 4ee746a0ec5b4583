//! Documents for tests, made here.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};

pub(crate) fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file of these objects, numbered from 1, of which the first is the catalog.
pub(crate) fn pdf_of(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    for (number, object) in objects.iter().enumerate() {
        file.extend(format!("{} 0 obj\n", number + 1).into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    file.extend(format!("trailer\n<< /Root 1 0 R {trailer} >>\n%%EOF\n").into_bytes());
    file
}

/// A stream that was deflated.
pub(crate) fn stream(entries: &str, bytes: &[u8]) -> Vec<u8> {
    let bytes = deflated(bytes);
    let head = format!(
        "<< {entries} /Filter /FlateDecode /Length {} >>\nstream\n",
        bytes.len()
    );
    [head.as_bytes(), &bytes, b"\nendstream"].concat()
}

/// A file with a page for each of these contents, and one font, `F1`.
pub(crate) fn pdf(contents: &[&[u8]]) -> Vec<u8> {
    let pages = contents.len();
    let kids: Vec<String> = (0..pages).map(|at| format!("{} 0 R", 4 + 2 * at)).collect();
    let kids = kids.join(" ");
    let resources = "/Resources << /Font << /F1 3 0 R >> >>";
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count {pages} /Kids [{kids}] {resources} >>").into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_vec(),
    ];
    for (at, content) in contents.iter().enumerate() {
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>",
            5 + 2 * at
        );
        objects.push(page.into_bytes());
        objects.push(stream("", content));
    }
    pdf_of(&objects, "")
}

/// A DOCX whose body is this.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    let xml = format!(
        "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/\
         wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
    );
    zip("word/document.xml", xml.as_bytes())
}

/// An archive of one file.
pub(crate) fn zip(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut output);
    let entry = archive
        .new_file(name)
        .compression_method(CompressionMethod::DEFLATE);
    let (mut entry, config) = entry.start().unwrap();
    let encoder = flate2::write::DeflateEncoder::new(&mut entry, Compression::best());
    let mut writer = config.wrap(encoder);
    writer.write_all(bytes).unwrap();
    let (encoder, descriptor) = writer.finish().unwrap();
    encoder.finish().unwrap();
    entry.finish(descriptor).unwrap();
    archive.finish().unwrap();
    output
}
