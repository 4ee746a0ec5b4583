//! A frame: four bytes of length, big-endian, and as many of JSON.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The longest request.
pub(super) const REQUEST_LIMIT: usize = 64 * 1024;

/// The longest answer.
pub(super) const RESPONSE_LIMIT: usize = 1024 * 1024;

/// How long a frame may take from its first byte to its last.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads the next frame; none at the end of the stream. Waits for its first byte as long as it
/// takes. A frame that is too long, too slow or not what was expected ends the connection.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    limit: usize,
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    if from.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    let rest = async {
        from.read_exact(&mut length[1..]).await?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > limit {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = Zeroizing::new(vec![0; length]);
        from.read_exact(&mut bytes).await?;
        // serde_json's error would quote what it found.
        serde_json::from_slice(&bytes).map_err(|_| io::ErrorKind::InvalidData.into())
    };
    timeout(PATIENCE, rest).await?.map(Some)
}

/// The frame of a message; none if it is longer than `limit`.
pub(super) fn encode(message: &impl Serialize, limit: usize) -> Option<Zeroizing<Vec<u8>>> {
    // With room for most from the start, few copies of a token stay behind in memory.
    let mut frame = Zeroizing::new(Vec::with_capacity(4 * 1024));
    frame.extend_from_slice(&[0; 4]);
    serde_json::to_writer(&mut *frame, message).expect("messages have JSON forms");
    let length = frame.len() - 4;
    let header = u32::try_from(length).ok().filter(|_| length <= limit)?;
    frame[..4].copy_from_slice(&header.to_be_bytes());
    Some(frame)
}

/// Writes a frame.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    timeout(PATIENCE, to.write_all(frame)).await?
}
