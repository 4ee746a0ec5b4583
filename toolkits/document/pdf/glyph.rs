//! The characters of glyph names: those of Latin texts in the Adobe Glyph List, and the names that
//! say their number (<https://github.com/adobe-type-tools/agl-specification>).

/// Names that are no letter, and what they stand for.
const NAMES: &[(&str, &str)] = &[
    ("space", " "),
    ("exclam", "!"),
    ("quotedbl", "\""),
    ("numbersign", "#"),
    ("dollar", "$"),
    ("percent", "%"),
    ("ampersand", "&"),
    ("quotesingle", "'"),
    ("parenleft", "("),
    ("parenright", ")"),
    ("asterisk", "*"),
    ("plus", "+"),
    ("comma", ","),
    ("hyphen", "-"),
    ("minus", "−"),
    ("period", "."),
    ("slash", "/"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("colon", ":"),
    ("semicolon", ";"),
    ("less", "<"),
    ("equal", "="),
    ("greater", ">"),
    ("question", "?"),
    ("at", "@"),
    ("bracketleft", "["),
    ("backslash", "\\"),
    ("bracketright", "]"),
    ("asciicircum", "^"),
    ("underscore", "_"),
    ("grave", "`"),
    ("braceleft", "{"),
    ("bar", "|"),
    ("braceright", "}"),
    ("asciitilde", "~"),
    ("bullet", "•"),
    ("endash", "–"),
    ("emdash", "—"),
    ("ellipsis", "…"),
    ("quoteleft", "‘"),
    ("quoteright", "’"),
    ("quotedblleft", "“"),
    ("quotedblright", "”"),
    ("quotesinglbase", "‚"),
    ("quotedblbase", "„"),
    ("guillemotleft", "«"),
    ("guillemotright", "»"),
    ("guilsinglleft", "‹"),
    ("guilsinglright", "›"),
    ("fi", "fi"),
    ("fl", "fl"),
    ("ff", "ff"),
    ("ffi", "ffi"),
    ("ffl", "ffl"),
    ("dagger", "†"),
    ("daggerdbl", "‡"),
    ("section", "§"),
    ("paragraph", "¶"),
    ("copyright", "©"),
    ("registered", "®"),
    ("trademark", "™"),
    ("degree", "°"),
    ("plusminus", "±"),
    ("multiply", "×"),
    ("divide", "÷"),
    ("mu", "µ"),
    ("Euro", "€"),
    ("cent", "¢"),
    ("sterling", "£"),
    ("yen", "¥"),
    ("florin", "ƒ"),
    ("currency", "¤"),
    ("exclamdown", "¡"),
    ("questiondown", "¿"),
    ("ordfeminine", "ª"),
    ("ordmasculine", "º"),
    ("onehalf", "½"),
    ("onequarter", "¼"),
    ("threequarters", "¾"),
    ("periodcentered", "·"),
    ("fraction", "⁄"),
    ("germandbls", "ß"),
    ("ae", "æ"),
    ("AE", "Æ"),
    ("oe", "œ"),
    ("OE", "Œ"),
    ("oslash", "ø"),
    ("Oslash", "Ø"),
    ("eth", "ð"),
    ("Eth", "Ð"),
    ("thorn", "þ"),
    ("Thorn", "Þ"),
    ("dotlessi", "ı"),
    ("lslash", "ł"),
    ("Lslash", "Ł"),
    ("nbspace", " "),
    ("sfthyphen", "-"),
    ("onesuperior", "¹"),
    ("twosuperior", "²"),
    ("threesuperior", "³"),
    ("brokenbar", "¦"),
    ("logicalnot", "¬"),
    ("perthousand", "‰"),
    ("dcroat", "đ"),
    ("Dcroat", "Đ"),
];

/// The letters with a sign, by the name of the sign.
const SIGNS: &[(&str, &str)] = &[
    ("acute", "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝcćCĆnńNŃsśSŚzźZŹ"),
    ("grave", "aàeèiìoòuùAÀEÈIÌOÒUÙ"),
    ("circumflex", "aâeêiîoôuûAÂEÊIÎOÔUÛ"),
    ("dieresis", "aäeëiïoöuüyÿAÄEËIÏOÖUÜYŸ"),
    ("tilde", "aãnñoõAÃNÑOÕ"),
    ("ring", "aåAÅuůUŮ"),
    ("cedilla", "cçCÇsşSŞ"),
    ("caron", "cčCČsšSŠzžZŽeěEĚrřRŘnňNŇdďDĎtťTŤ"),
    ("ogonek", "aąAĄeęEĘ"),
    ("dotaccent", "zżZŻIİ"),
    ("hungarumlaut", "oőOŐuűUŰ"),
    ("breve", "gğGĞaăAĂ"),
];

/// The characters of a glyph; none where its name says nothing.
pub(super) fn characters(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let name = name.split('.').next().filter(|base| !base.is_empty())?;
    if name.len() == 1 && name.as_bytes()[0].is_ascii_alphabetic() {
        return Some(name.to_owned());
    }
    if let Some((_, text)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some((*text).to_owned());
    }
    let number = name.strip_prefix("uni").or_else(|| name.strip_prefix('u'));
    let number = number.filter(|digits| (4..=6).contains(&digits.len()));
    if let Some(c) = number.and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
        return char::from_u32(c).map(String::from);
    }
    let letter = name.chars().next()?;
    let (_, letters) = SIGNS
        .iter()
        .find(|(sign, _)| *sign == &name[letter.len_utf8()..])?;
    let letters: Vec<char> = letters.chars().collect();
    let found = letters.chunks(2).find(|pair| pair[0] == letter)?;
    Some(found[1].to_string())
}
