//! Exported folders on disk: written whole or not at all, and read back to be checked.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::exit::{Failure, says_no, wrong_call};
use crate::export::{Bundle, Held, MANIFEST, Manifest, held, verify_folder};

/// More than any manifest has.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// More than any exported folder has; one with more is something else.
const MAX_FILES: usize = 10_000;

/// Write a bundle as a folder: into a temporary one beside it, which takes its name only when all
/// is written. An earlier export is replaced, unless somebody has changed it.
pub(super) fn write(bundle: &Bundle, path: &Path) -> Result<(), Failure> {
    let fail =
        |error: io::Error| says_no(format!("{}: cannot be written: {error}", path.display()));
    // A link stays a link: the folder that it points to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    replaceable(path, &target)?;
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(fail)?;
    let work = tempfile::Builder::new()
        .prefix(".weighbridge-export-")
        .tempdir_in(parent)
        .map_err(fail)?;
    let fresh = work.path().join("new");
    fill(bundle, &fresh).map_err(fail)?;
    if !target.exists() {
        return fs::rename(&fresh, &target).map_err(fail);
    }
    let former = work.path().join("former");
    fs::rename(&target, &former).map_err(fail)?;
    fs::rename(&fresh, &target).map_err(|error| {
        // The former one is as good as it was; should it not go back, the error below says enough.
        let _ = fs::rename(&former, &target);
        fail(error)
    })
}

fn fill(bundle: &Bundle, folder: &Path) -> io::Result<()> {
    fs::create_dir(folder)?;
    for (path, content) in &bundle.files {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, content)?;
        fs::File::open(&file)?.sync_all()?;
    }
    Ok(())
}

/// Whether a folder may be written there: nothing would be lost.
fn replaceable(shown: &Path, target: &Path) -> Result<(), Failure> {
    let shown = shown.display();
    if !target.exists() {
        return Ok(());
    }
    if !target.is_dir() {
        return Err(wrong_call(format!(
            "{shown}: this is a file; --output names a folder"
        )));
    }
    let unreadable = |error: io::Error| wrong_call(format!("{shown}: {error}"));
    if fs::read_dir(target).map_err(unreadable)?.next().is_none() {
        return Ok(());
    }
    if !target.join(MANIFEST).is_file() {
        return Err(wrong_call(format!(
            "{shown}: this folder is not empty and no earlier export (it has no {MANIFEST}); name another, or empty it"
        )));
    }
    let (manifest, found) = read(target)?;
    let check = verify_folder(&manifest, &found);
    match check.changed.iter().chain(&check.unknown).next() {
        None => Ok(()),
        Some(file) => Err(wrong_call(format!(
            "{shown}: `{file}` was changed or added since this folder was exported, and would be lost; move it away, or name another folder"
        ))),
    }
}

/// The manifest of a folder, and the files that are there.
pub(super) fn read(folder: &Path) -> Result<(Manifest, Vec<Held>), Failure> {
    let path = folder.join(MANIFEST);
    let size = path.metadata().map(|held| held.len()).map_err(|_| {
        wrong_call(format!(
            "{}: no {MANIFEST} in this folder; `weighbridge export` makes one",
            folder.display()
        ))
    })?;
    let fault = |what: String| says_no(format!("{}: {what}", path.display()));
    if size > MAX_MANIFEST_BYTES {
        return Err(fault(format!("longer than {MAX_MANIFEST_BYTES} bytes")));
    }
    let text = fs::read(&path).map_err(|error| fault(error.to_string()))?;
    let manifest = Manifest::parse(&text).map_err(fault)?;
    let mut found = Vec::new();
    gather(folder, "", &mut found)
        .map_err(|error| says_no(format!("{}: {error}", folder.display())))?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((manifest, found))
}

fn gather(folder: &Path, below: &str, found: &mut Vec<Held>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{below}{}", entry.file_name().to_string_lossy());
        if found.len() >= MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            gather(&entry.path(), &format!("{path}/"), found)?;
        } else if !(kind.is_symlink() && entry.path().is_dir()) {
            // Linked files are read, as a mounted volume has them; linked folders may go in circles.
            found.push(held(&path, &fs::read(entry.path())?));
        }
    }
    Ok(())
}
