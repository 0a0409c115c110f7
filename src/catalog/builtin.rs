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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_equals_the_folder_and_is_sorted() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/models/catalog");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".toml"))
            .map(|name| format!("models/catalog/{name}"))
            .collect();
        names.sort();
        assert_eq!(FILES.map(|file| file.name.to_owned()).to_vec(), names);
    }
}
