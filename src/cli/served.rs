//! The files that `serve` decides by: which they are, when they change, and what is in them.

use std::fs;
use std::hash::{Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use weighbridge_router::Ppm;
use xxhash_rust::xxh3::Xxh3;

use super::args::{CatalogArgs, RoleArgs};
use super::args_serve::ServeArgs;
use super::exit::{Failure, wrong_call};
use super::load;
use crate::catalog::Catalog;
use crate::policy::{Policy, Roles, SolveOptions};
use crate::serve::{Active, Canary, Loaded, Source};

/// The files of a call of `serve`.
pub(super) struct Served {
    main: PathBuf,
    canary: Option<(PathBuf, Ppm)>,
    shadow: Option<PathBuf>,
    explore: Ppm,
    catalog: CatalogArgs,
    roles: RoleArgs,
}

impl Served {
    pub(super) fn new(args: &ServeArgs) -> Self {
        let record = &args.record;
        Self {
            main: args.router.clone(),
            canary: record.canary.clone().zip(record.canary_share),
            shadow: record.shadow.clone(),
            explore: record.explore,
            catalog: args.catalog.clone(),
            roles: args.roles.clone(),
        }
    }

    /// All of them, loaded and verified; policies are compiled.
    pub(super) fn active(&self) -> Result<Active, Failure> {
        for path in self.paths() {
            match load::regular(&path) {
                // Whether it must be there is for its reader to say; a folder's files stand before it.
                Ok(_) => {}
                Err(_) if path.is_dir() || !path.exists() => {}
                Err(error) => return Err(wrong_call(format!("{}: {error}", path.display()))),
            }
        }
        let catalog = load::catalog(&self.catalog)?;
        let roles = load::roles(&self.roles, None);
        let main = loaded(&self.main, &catalog, &roles)?;
        let second = |path: &Path| {
            let loaded = loaded(path, &catalog, &roles)?;
            // Traces tell the two apart by their names.
            let name = if loaded.name == main.name {
                path.display().to_string()
            } else {
                loaded.name
            };
            Ok::<_, Failure>(Loaded { name, ..loaded })
        };
        let canary = self.canary.as_ref().map(|(path, share)| {
            let loaded = second(path)?;
            Ok::<_, Failure>(Canary {
                loaded,
                share: *share,
            })
        });
        Ok(Active {
            canary: canary.transpose()?,
            shadow: self.shadow.as_deref().map(second).transpose()?,
            explore: self.explore,
            main,
        })
    }

    /// Every file that [`Self::active`] reads, as far as that is known.
    fn paths(&self) -> Vec<PathBuf> {
        let canary = self.canary.as_ref().map(|(path, _)| path);
        let mut paths = Vec::new();
        for path in [Some(&self.main), canary, self.shadow.as_ref()]
            .into_iter()
            .flatten()
        {
            paths.extend(rests_on(path));
            paths.push(path.clone());
        }
        for path in &self.catalog.catalog {
            paths.extend(load::files_in(path, "toml").unwrap_or_default());
            paths.push(path.clone());
        }
        paths
    }
}

impl Source for Served {
    fn stamp(&self) -> u64 {
        let mut hasher = Xxh3::new();
        for path in self.paths() {
            path.hash(&mut hasher);
            mark(&path, &mut hasher);
        }
        hasher.finish()
    }

    fn load(&self) -> Result<Active, String> {
        self.active().map_err(|failure| failure.message)
    }
}

/// A file that decides.
fn loaded(path: &Path, catalog: &Catalog, roles: &Roles) -> Result<Loaded, Failure> {
    let candidate = load::candidate(path, catalog, roles, &[], &SolveOptions::default())?;
    Ok(Loaded {
        name: candidate.name,
        router: candidate.router,
    })
}

/// The trained router that a policy rests on.
fn rests_on(path: &Path) -> Option<PathBuf> {
    if path.extension().is_some_and(|ending| ending == "json") {
        return None;
    }
    let text = io::read_to_string(load::regular(path).ok()?).ok()?;
    let policy = Policy::parse(&path.display().to_string(), &text).ok()?;
    let folder = path.parent().unwrap_or(Path::new("."));
    Some(folder.join(policy.router_file?.path))
}

/// What tells a file from the one that was there before: where links lead, its place on the disk,
/// its length and its time. Folders that are swapped whole behind a link, as Kubernetes does it,
/// change the first two.
fn mark(path: &Path, hasher: &mut Xxh3) {
    let Ok(found) = fs::metadata(path) else {
        return hasher.write_u8(0);
    };
    fs::canonicalize(path).ok().hash(hasher);
    found.len().hash(hasher);
    let modified = found.modified().ok();
    let since = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.hash(hasher);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (found.dev(), found.ino()).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(path: &Path) -> u64 {
        let served = Served {
            main: path.to_owned(),
            canary: None,
            shadow: None,
            explore: Ppm(0),
            catalog: CatalogArgs::default(),
            roles: RoleArgs::default(),
        };
        served.stamp()
    }

    #[test]
    fn a_stamp_changes_with_the_file_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.router.json");
        let absent = stamp(&path);
        fs::write(&path, "one").unwrap();
        let one = stamp(&path);
        assert_ne!(absent, one);
        assert_eq!(stamp(&path), one);
        // Another file of the same length under the same name.
        let other = folder.path().join("b");
        fs::write(&other, "two").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_ne!(stamp(&path), one);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_swapped_behind_a_link_changes_the_stamp() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for version in ["v1", "v2"] {
            fs::create_dir(at(version)).unwrap();
        }
        fs::write(at("v1").join("r.json"), "x").unwrap();
        // The same file, so that only the link tells.
        fs::hard_link(at("v1").join("r.json"), at("v2").join("r.json")).unwrap();
        symlink("v1", at("..data")).unwrap();
        symlink("..data/r.json", at("r.json")).unwrap();
        let before = stamp(&at("r.json"));
        symlink("v2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert_ne!(stamp(&at("r.json")), before);
    }

    #[test]
    fn the_router_that_a_policy_rests_on_counts_too() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let policy = "format = \"weighbridge.policy/1\"\n[choose]\nkind = \"router\"\n\
                      file = \"r.router.json\"\n[choose.trade]\nvalue_usd = 2.0\n";
        fs::write(at("p.toml"), policy).unwrap();
        let before = stamp(&at("p.toml"));
        fs::write(at("r.router.json"), "x").unwrap();
        assert_ne!(stamp(&at("p.toml")), before);
    }
}
