//! The files that the checks look at: what git tracks, and what it would track if added.
//!
//! Refuses: files that are ignored, deleted, binary or not UTF-8; they carry nothing that a check could read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::scan::Scan;

/// One text file; `scan` is there for Rust sources.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the repository, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) scan: Option<Scan>,
}

/// The repository as the checks see it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
    by_path: BTreeMap<String, usize>,
    /// Every path, binary files and folders included.
    paths: BTreeSet<String>,
}

impl Tree {
    /// Reads the repository that this crate lies in.
    ///
    /// # Errors
    /// When git cannot be run or a listed file cannot be read.
    pub(crate) fn of_repository() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let listed = Command::new("git")
            .args(["-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .current_dir(&root)
            .output()
            .context("tidy lists the files with git, which could not be run")?;
        ensure!(listed.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listed.stderr));
        let mut tree = Self::default();
        for path in String::from_utf8(listed.stdout)?.split('\0').filter(|path| !path.is_empty()) {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => tree.add(path, String::from_utf8(bytes).ok()),
                // Deleted or a symbolic link to a folder: nothing to read.
                Err(_) if !root.join(path).is_file() => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
            }
        }
        Ok(tree)
    }

    /// A tree from memory, for tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add(path, Some((*text).to_owned()));
        }
        tree
    }

    fn add(&mut self, path: &str, text: Option<String>) {
        let mut known = path;
        self.paths.insert(path.to_owned());
        while let Some((folder, _)) = known.rsplit_once('/') {
            self.paths.insert(folder.to_owned());
            known = folder;
        }
        // A listed path appears twice when it is both tracked and in conflict.
        if let Some(text) = text.filter(|text| !text.contains('\0') && !self.by_path.contains_key(path)) {
            let scan = is_rust(path).then(|| Scan::of(&text));
            self.by_path.insert(path.to_owned(), self.files.len());
            self.files.push(File { path: path.to_owned(), text, scan });
        }
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.by_path.get(path).and_then(|at| self.files.get(*at))
    }

    /// Whether a file or folder of that path exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Rust sources with their scans.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&File, &Scan)> {
        self.files.iter().filter_map(|file| Some((file, file.scan.as_ref()?)))
    }

    /// Names of the folders in `crates/` that hold a manifest.
    pub(crate) fn crates(&self) -> Vec<&str> {
        let name = |file: &File| -> Option<(usize, usize)> {
            let inner = file.path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
            (!inner.contains('/')).then_some(("crates/".len(), "crates/".len() + inner.len()))
        };
        self.files.iter().filter_map(|file| name(file).map(|(from, to)| &file.path[from..to])).collect()
    }
}

impl File {
    /// The crate in whose folder the file lies.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split_once('/')).map(|(name, _)| name)
    }

    /// Whether the file belongs to tests, benches or examples by its place: there, product rules relax.
    pub(crate) fn is_test_place(&self) -> bool {
        let inner = self
            .crate_name()
            .map_or(self.path.as_str(), |name| &self.path["crates/".len() + name.len() + 1..]);
        let stem = self.path.rsplit('/').next().unwrap_or_default();
        ["tests/", "benches/", "examples/", "fuzz/"].iter().any(|place| inner.starts_with(place))
            || inner.split('/').any(|part| part == "tests")
            || stem == "tests.rs"
            || stem.ends_with("_tests.rs")
    }
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}
