//! The types of Arrow columns, by the formats of the C data interface.

/// The type of a column, as far as somebody here reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    /// Bytes of a number, and whether it has a sign.
    Int(u8, bool),
    Float(u8),
    /// Whether offsets have 64 bits, and whether it is text.
    Bytes(bool, bool),
    View(bool),
    /// Ticks a second.
    Time(i64),
    Days,
    List(bool, Box<Field>),
    Dictionary(Box<Kind>, Box<Kind>),
    /// A type that nobody here reads, by its format.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

impl Kind {
    pub(crate) fn of(format: &str) -> Self {
        match format {
            "n" => Self::Null,
            "b" => Self::Bool,
            "c" | "s" | "i" | "l" => Self::Int(width(format), true),
            "C" | "S" | "I" | "L" => Self::Int(width(&format.to_lowercase()), false),
            "f" => Self::Float(4),
            "g" => Self::Float(8),
            "u" | "U" => Self::Bytes(format == "U", true),
            "z" | "Z" => Self::Bytes(format == "Z", false),
            "vu" | "vz" => Self::View(format == "vu"),
            "tdD" => Self::Days,
            "tdm" => Self::Time(1_000),
            _ => match format.get(..4) {
                Some("tss:") => Self::Time(1),
                Some("tsm:") => Self::Time(1_000),
                Some("tsu:") => Self::Time(1_000_000),
                Some("tsn:") => Self::Time(1_000_000_000),
                _ => Self::Other(format.to_owned()),
            },
        }
    }

    /// How many buffers the interface has for it, at least.
    pub(crate) fn buffers(&self) -> i64 {
        match self {
            Self::Null | Self::Other(_) => 0,
            Self::Bytes(..) | Self::View(_) => 3,
            Self::Dictionary(index, _) => index.buffers(),
            _ => 2,
        }
    }
}

fn width(format: &str) -> u8 {
    match format {
        "c" => 1,
        "s" => 2,
        "i" => 4,
        _ => 8,
    }
}
