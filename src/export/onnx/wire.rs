//! The wire format of protocol buffers, as far as an ONNX file needs it: whole numbers, floats,
//! texts and messages inside messages, written in the order that they are given.
//!
//! Knows nothing of ONNX; field numbers come from the caller.

/// How a value stands behind its field number.
const VARINT: u64 = 0;
const DELIMITED: u64 = 2;

/// A message that grows field by field.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A whole number (`int32`, `int64` or an enumeration).
    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, VARINT);
        self.varint(value.cast_unsigned());
        self
    }

    /// A `string`.
    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    /// `bytes`.
    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    /// A message inside this one.
    pub(super) fn nest(self, field: u32, message: &Self) -> Self {
        self.bytes(field, &message.0)
    }

    /// Each of several messages inside this one.
    pub(super) fn nest_all<'m>(
        self,
        field: u32,
        messages: impl IntoIterator<Item = &'m Self>,
    ) -> Self {
        messages
            .into_iter()
            .fold(self, |message, nested| message.nest(field, nested))
    }

    /// A list of whole numbers, packed.
    pub(super) fn ints(self, field: u32, values: impl IntoIterator<Item = i64>) -> Self {
        let mut packed = Self::new();
        for value in values {
            packed.varint(value.cast_unsigned());
        }
        self.nest(field, &packed)
    }

    /// A list of `float`s, packed.
    pub(super) fn floats(self, field: u32, values: &[f32]) -> Self {
        self.bytes(field, &little_endian(values))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u32, kind: u64) {
        self.varint(u64::from(field) << 3 | kind);
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    fn varint(&mut self, mut value: u64) {
        loop {
            let low = value.to_le_bytes()[0] & 0x7f;
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }
}

/// The bytes of 32-bit floats as files hold them.
pub(super) fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_format_says() {
        // The examples of the format's own description: 150 as field 1, `testing` as field 2, a
        // message as field 3, and 3, 270, 86942 packed as field 6.
        let one = Message::new().int(1, 150);
        assert_eq!(one.clone().into_bytes(), [0x08, 0x96, 0x01]);
        let two = Message::new().text(2, "testing").into_bytes();
        assert_eq!(two, *b"\x12\x07testing");
        let three = Message::new().nest(3, &one).into_bytes();
        assert_eq!(three, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let packed = Message::new().ints(6, [3, 270, 86_942]).into_bytes();
        assert_eq!(packed, [0x32, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05]);
    }

    #[test]
    fn negative_numbers_take_ten_bytes_and_floats_their_four() {
        let minus = Message::new().int(1, -2).into_bytes();
        assert_eq!(
            minus,
            [
                0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01
            ]
        );
        assert_eq!(
            Message::new().floats(7, &[-2.0]).into_bytes(),
            [0x3a, 4, 0, 0, 0, 0xc0]
        );
    }
}
