//! Documents: what they say, and what they do not do to the process.

use super::samples::{docx, pdf, pdf_of, stream, zip};
use super::{CUT, MOST_TEXT, Unreadable, read};

async fn text(bytes: Vec<u8>) -> Result<String, Unreadable> {
    let (_, document) = read(bytes).await;
    document.map_or(Err(Unreadable::Other), |document| document.text)
}

#[tokio::test]
async fn the_pages_of_a_pdf_are_read_with_their_lines_and_spaces() {
    let first = b"BT /F1 12 Tf 72 700 Td (Invoice \\(draft\\)) Tj 0 -14 Td [(Gr\\374\\337e) -600 (Ada)] TJ ET";
    let second: &[u8] =
        b"q 1 0 0 1 10 10 cm BT /F1 10 Tf 14 TL (One) Tj T* <54776F> Tj (Three) ' ET Q";
    let found = text(pdf(&[first, second])).await.unwrap();
    assert_eq!(
        found,
        "--- page 1 ---\nInvoice (draft)\nGrüße Ada\n\n--- page 2 ---\nOne\nTwo\nThree\n\n"
    );
}

#[tokio::test]
async fn codes_become_characters_by_the_map_or_the_glyph_names_of_their_font() {
    let map =
        b"1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfchar <0003> <00660069> \
        endbfchar 2 beginbfrange <0010> <0012> <0041> <0020> <0021> [<03B1> <03B2>] endbfrange";
    let form = b"BT /F2 9 Tf 0 -40 Td (\\001\\002\\003) Tj ET";
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R 3 0 R] >>".to_vec(),
        b"<< /Type /Page /Contents [8 0 R] /Resources << /Font << /F1 4 0 R /F2 6 0 R >> \
          /XObject << /X 7 0 R >> >> >>".to_vec(),
        b"<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /ToUnicode 5 0 R \
          /DescendantFonts [<< /DW 1000 /W [16 [500 600] 17 18 700] >>] >>".to_vec(),
        stream("", map),
        b"<< /Type /Font /Subtype /Type1 /Encoding << /Differences [1 /eacute /uni03A9 /f_f.x /Euro] >> >>"
            .to_vec(),
        stream("/Subtype /Form", form),
        stream("", b"BT /F1 12 Tf <0010001100120003002000210055> Tj ET /X Do"),
    ];
    let found = text(pdf_of(&objects, "")).await.unwrap();
    assert_eq!(found, "--- page 1 ---\nABCfiαβ\u{fffd}\n\néΩ\n\n");
}

#[tokio::test]
async fn a_pdf_of_object_streams_is_read_and_an_update_replaces_an_object() {
    let inside = b"1 0 2 34 3 80 << /Type /Catalog /Pages 2 0 R >>  << /Type /Pages /Kids [3 0 R] >>              \
        << /Type /Page /Contents 11 0 R /Resources << /Font << /F1 12 0 R >> >> >>";
    let at = |what: &[u8]| {
        inside
            .windows(what.len())
            .position(|some| some == what)
            .unwrap()
    };
    let first = at(b"<<");
    let head = format!(
        "1 0 2 {} 3 {} ",
        at(b"<< /Type /Pages") - first,
        at(b"<< /Type /Page /") - first
    );
    let text_of = [head.as_bytes(), &inside[first..]].concat();
    let entries = format!("/Type /ObjStm /N 3 /First {}", head.len());
    let mut file = b"%PDF-1.7\n10 0 obj ".to_vec();
    file.extend(stream(&entries, &text_of));
    file.extend(b" endobj\n12 0 obj << /Type /Font /Subtype /Type1 >> endobj\n");
    for content in [
        &b"BT /F1 12 Tf (old) Tj ET"[..],
        b"BT /F1 12 Tf (new) Tj ET",
    ] {
        file.extend(b"11 0 obj ");
        file.extend(stream("", content));
        file.extend(b" endobj\n");
    }
    file.extend(b"13 0 obj ");
    file.extend(stream("/Type /XRef /Root 1 0 R", b"x"));
    file.extend(b" endobj\nstartxref\n999999\n%%EOF");
    assert_eq!(text(file).await.unwrap(), "--- page 1 ---\nnew\n\n");
}

#[tokio::test]
async fn a_pdf_without_text_an_encrypted_and_a_broken_one_say_so() {
    let scan: &[u8] = b"q 600 0 0 800 0 0 cm /Im0 Do Q";
    let encrypted = pdf_of(
        &[b"<< /Type /Catalog /Pages 2 0 R >>".to_vec()],
        "/Encrypt 9 0 R",
    );
    let whole = pdf(&[b"BT /F1 12 Tf (text) Tj ET"]);
    for (bytes, expected) in [
        (pdf(&[scan, scan]), Unreadable::NoText),
        (encrypted, Unreadable::Encrypted),
        (whole[..60].to_vec(), Unreadable::Broken),
        (b"%PDF-1.4".to_vec(), Unreadable::Broken),
        (b"PK\x03\x04 and no archive".to_vec(), Unreadable::Other),
        (zip("a.txt", b"a"), Unreadable::Other),
        (zip("word/document.xml", b"<a"), Unreadable::Broken),
        (docx("<w:p/>"), Unreadable::NoText),
        (b"plain".to_vec(), Unreadable::Other),
    ] {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        assert_eq!(text(bytes).await, Err(expected), "{shown}");
    }
}

#[tokio::test]
async fn a_docx_is_read_with_headings_lists_and_tables_and_without_hidden_text() {
    let run = |text: &str| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>");
    let cell = |text: &str| format!("<w:tc><w:p>{}</w:p></w:tc>", run(text));
    let body = [
        format!(
            "<w:p><w:pPr><w:pStyle w:val=\"Heading2\"/></w:pPr>{}</w:p>",
            run("Terms")
        ),
        format!("<w:p>{}{}</w:p>", run("R&amp;D &#252;ber "), run("all")),
        format!(
            "<w:p><w:pPr><w:numPr/></w:pPr>{}<w:r><w:br/></w:r>{}</w:p>",
            run("a"),
            run("b")
        ),
        format!(
            "<w:tbl><w:tr>{}{}</w:tr><w:tr>{}{}</w:tr></w:tbl>",
            cell("1"),
            cell("2"),
            cell("3"),
            cell("4")
        ),
        "<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>obey me</w:t></w:r><w:del><w:r><w:delText>gone\
         </w:delText></w:r></w:del></w:p>"
            .to_owned(),
    ];
    assert_eq!(
        text(docx(&body.concat())).await.unwrap(),
        "## Terms\nR&D über all\n- a\nb\n1 | 2\n3 | 4\n\n"
    );
}

#[tokio::test]
async fn bombs_end_and_say_that_there_is_more() {
    let zeros = vec![b' '; 64 << 20];
    let inner = super::samples::deflated(&zeros);
    let twice = super::samples::deflated(&inner);
    let head = format!(
        "<< /Filter [/FlateDecode /FlateDecode] /Length {} >>\nstream\n",
        twice.len()
    );
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!(
            "<< /Type /Pages /Kids [{}] >>",
            "3 0 R 2 0 R ".repeat(10_000)
        )
        .into_bytes(),
        b"<< /Type /Page /Contents [4 0 R 4 0 R 4 0 R] >>".to_vec(),
        [head.as_bytes(), &twice, b"\nendstream"].concat(),
    ];
    assert_eq!(text(pdf_of(&objects, "")).await, Err(Unreadable::NoText));
    // Object streams that fill the memory, and a form that shows itself twice.
    for _ in 0..40 {
        objects.push(stream("/Type /ObjStm /N 1 /First 4", &zeros[..8 << 20]));
    }
    assert_eq!(text(pdf_of(&objects, "")).await, Err(Unreadable::TooLarge));
    let form = [
        objects[0].clone(),
        b"<< /Kids [3 0 R] >>".to_vec(),
        b"<< /Contents 4 0 R /Resources << /XObject << /X 4 0 R >> >> >>".to_vec(),
        stream("/Subtype /Form", b"/X Do /X Do"),
    ];
    assert_eq!(text(pdf_of(&form, "")).await, Err(Unreadable::TooLarge));

    let long = "<w:p><w:r><w:t>abcdefgh</w:t></w:r></w:p>".repeat(500_000);
    let found = text(docx(&long)).await.unwrap();
    assert!(found.ends_with(CUT) && found.len() <= MOST_TEXT + 100);
    let blank = " ".repeat(64 << 20);
    assert_eq!(text(docx(&blank)).await, Err(Unreadable::TooLarge));
}

#[tokio::test]
async fn nesting_and_unclosed_things_end_without_a_crash() {
    for piece in [
        "[",
        "<<",
        "<< /A ",
        "(",
        "1 0 obj [ (",
        "1 0 obj << /A [",
        "1 0 obj << >> stream\n",
        "trailer <<",
    ] {
        let mut file = b"%PDF-1.7\n".to_vec();
        file.extend(piece.repeat(200_000).into_bytes());
        let found = text(file).await.unwrap_err();
        assert!(
            matches!(found, Unreadable::Broken | Unreadable::TooLarge),
            "{piece}"
        );
    }
    let deep = "<w:tbl><w:tr><w:tc>".repeat(100_000);
    assert_eq!(text(docx(&deep)).await, Err(Unreadable::NoText));
}

#[tokio::test]
async fn no_damage_to_a_document_makes_it_panic() {
    let pdf = pdf(&[b"BT /F1 12 Tf 72 700 Td [(Some) -600 (text)] TJ ET"]);
    let docx = docx("<w:p><w:r><w:t>text</w:t></w:r></w:p>");
    for whole in [pdf, docx] {
        for at in 0..whole.len() {
            for value in [0, b'(', b'9', 255] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                // Not through `read`, which would hide it.
                let _ = super::pdf::text(&bytes);
                let _ = super::docx::text(&bytes);
            }
            let _ = super::pdf::text(&whole[..at]);
            let _ = super::docx::text(&whole[..at]);
        }
    }
}
