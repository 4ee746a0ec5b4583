//! A file that comes with a call: its name and its bytes, checked.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::error::ToolError;

/// Models leave the padding out or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The name of a file, without a folder.
pub(crate) fn filename(argument: &str, text: &str) -> Result<String, ToolError> {
    let name = text.trim();
    if name.is_empty() || name.len() > 255 || matches!(name, "." | "..") {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be a file name of at most 255 bytes."
        )));
    }
    if name.contains(char::is_control) {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be one line without control characters."
        )));
    }
    if name.contains(['/', '\\']) {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` must be a name without a folder."
        )));
    }
    Ok(name.to_owned())
}

/// Decodes base64 of either alphabet (RFC 4648 §4 and §5), with or without padding and line breaks.
pub(crate) fn decode(argument: &str, text: &str) -> Result<Vec<u8>, ToolError> {
    let bytes = BASE64
        .decode(text)
        .or_else(|_| BASE64.decode(standard_alphabet(text)))
        .map_err(|_| {
            ToolError::invalid_arguments(format!(
                "`{argument}` is not base64: give the bytes alone, without a prefix such as data:."
            ))
        })?;
    if bytes.is_empty() {
        return Err(ToolError::invalid_arguments(format!(
            "`{argument}` is empty."
        )));
    }
    Ok(bytes)
}

fn standard_alphabet(text: &str) -> Vec<u8> {
    text.bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect()
}
