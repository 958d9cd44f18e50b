//! Cuts the bytes of a stream into frames.

use bytes::{Buf as _, Bytes, BytesMut};

use crate::fault::Fault;

/// The bytes of one stream that are not a whole frame yet.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: BytesMut,
}

impl Splitter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that wait for the rest of their frame.
    pub(crate) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole frame, without its length. After an error the stream has no more frames.
    pub(crate) fn next(&mut self, limit: usize) -> Result<Option<Bytes>, Fault> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if length > limit {
            return Err(Fault::FrameTooLong(length));
        }
        if self.buffer.len().saturating_sub(4) < length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}
