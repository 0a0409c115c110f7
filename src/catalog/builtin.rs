//! The catalog files that the tool carries inside itself.

use super::lookup::SourceFile;

macro_rules! shipped {
    ($($name:literal),+ $(,)?) => {
        [$(SourceFile {
            name: concat!("models/catalog/", $name),
            text: include_str!(concat!("../../models/catalog/", $name)),
        }),+]
    };
}

/// All of `models/catalog/`.
pub(super) const FILES: [SourceFile<'static>; 3] =
    shipped!["comparators.toml", "deepseek.toml", "mmlu.toml"];
