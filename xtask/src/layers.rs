//! Which file may name which: imports run downward only, between crates and inside each crate.
//!
//! The ranks are in `table`; `tests/layers.rs` fails on every fault that `faults` finds, and the diagram of
//! docs/architecture.md is printed from the same table. Knows file names and imports, not what the code does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::imports;

mod table;

/// One crate of the workspace and the ranks of its modules.
#[derive(Debug)]
struct Crate {
    package: &'static str,
    /// The package's folder, from the root of the repository.
    folder: &'static str,
    /// The workspace's crates that it may use.
    uses: &'static [Use],
    /// From the top down. `lib.rs` and `main.rs` stand above them all and have no rank.
    layers: &'static [Layer],
}

/// Modules of one rank: they do not know each other, and name only what stands below.
#[derive(Debug)]
struct Layer {
    about: &'static str,
    /// Module paths without `crate::`; one entry covers its submodules that have no entry of their own.
    modules: &'static [&'static str],
}

/// A crate that another may use.
#[derive(Debug)]
struct Use {
    package: &'static str,
    /// The only modules that may, or empty where all of them may.
    only_from: &'static [&'static str],
}

/// Two modules of one layer that may name each other, which no other two may.
#[derive(Debug)]
struct Pair {
    package: &'static str,
    modules: [&'static str; 2],
    why: &'static str,
}

/// Everything that breaks the ranks, as sentences that say where and what to do.
///
/// # Errors
/// When a source file cannot be read or is not Rust.
pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for folder in members(root)? {
        if !table::CRATES.iter().any(|ranked| ranked.folder == folder) {
            faults.push(format!("the crate in {folder}/ has no layers; add it to xtask/src/layers/table.rs"));
        }
    }
    for ranked in table::CRATES {
        ranked.check(root, &mut faults)?;
    }
    Ok(faults)
}

/// The folders of the workspace's crates, as its `Cargo.toml` lists them.
fn members(root: &Path) -> Result<Vec<String>> {
    let manifest =
        fs::read_to_string(root.join("Cargo.toml")).context("reading the workspace's Cargo.toml")?;
    let list = manifest.split_once("members = [").and_then(|(_, rest)| rest.split_once(']'));
    let (list, _) = list.context("the workspace's Cargo.toml has a `members` list")?;
    Ok(list
        .split(',')
        .map(|folder| folder.trim().trim_matches('"').to_owned())
        .filter(|it| !it.is_empty())
        .collect())
}

/// The crates and their layers as Markdown, from the top down.
pub fn diagram() -> String {
    let mut text = String::from("```\n");
    for ranked in table::CRATES {
        let below: Vec<String> = ranked.uses.iter().map(Use::to_text).collect();
        let uses = if below.is_empty() { "no other crate of ours".to_owned() } else { below.join(", ") };
        text.extend([ranked.package, " (", ranked.folder, "/) uses ", &uses, "\n"]);
        let width = ranked.layers.iter().map(|layer| layer.modules_text().len()).max().unwrap_or(0).min(48);
        for layer in ranked.layers {
            text.extend(["  ", &format!("{:<width$}", layer.modules_text()), "  ", layer.about, "\n"]);
        }
        for Pair { modules: [one, other], why, .. } in ranked.pairs() {
            text.extend(["  ", one, " and ", other, " know each other: ", why, "\n"]);
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n```\n");
    text
}

impl Use {
    fn to_text(&self) -> String {
        if self.only_from.is_empty() {
            self.package.to_owned()
        } else {
            format!("{} in {} alone", self.package, self.only_from.join(", "))
        }
    }
}

impl Layer {
    fn modules_text(&self) -> String {
        self.modules.join(" · ")
    }
}

/// A module's entry in the table and the number of its layer, counted from the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rank {
    entry: &'static str,
    depth: usize,
}

/// The file being checked: where it is and which module it is.
struct SourceFile {
    shown: String,
    module: Vec<String>,
}

impl Crate {
    fn check(&self, root: &Path, faults: &mut Vec<String>) -> Result<()> {
        self.check_manifest(root, faults)?;
        let source = root.join(self.folder).join("src");
        let (mut found, mut unranked) = (Vec::new(), BTreeSet::new());
        for path in rust_files(&source)? {
            let file = SourceFile::new(&path, &source, root)?;
            if file.is_tests() {
                continue;
            }
            let rank = self.rank(&file.module);
            found.extend(rank.map(|rank| rank.entry));
            if rank.is_none() && !file.module.is_empty() {
                // One sentence per module says it; its submodules would only repeat it.
                if unranked.insert(file.module[0].clone()) {
                    faults.push(self.unranked(&file));
                }
                continue;
            }
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", file.shown))?;
            self.check_file(&file, rank, &text, faults).with_context(|| file.shown.clone())?;
        }
        for entry in self.layers.iter().flat_map(|layer| layer.modules).filter(|entry| !found.contains(entry))
        {
            faults.push(format!(
                "xtask/src/layers/table.rs ranks `{entry}` in {}, and no file is that module; remove the entry",
                self.package
            ));
        }
        Ok(())
    }

    fn check_file(
        &self,
        file: &SourceFile,
        rank: Option<Rank>,
        text: &str,
        faults: &mut Vec<String>,
    ) -> Result<()> {
        let foreign: Vec<String> = table::CRATES.iter().map(|known| library_name(known.package)).collect();
        let roots: Vec<&str> =
            ["crate", "super"].into_iter().chain(foreign.iter().map(String::as_str)).collect();
        for import in imports::in_source(text, &roots)? {
            let fault = match import.segments[0].as_str() {
                "crate" => self.inner_fault(file, rank, &import.segments[1..]),
                "super" => file.above(&import.segments).and_then(|path| self.inner_fault(file, rank, &path)),
                other => self.outer_fault(file, other),
            };
            let fault = fault.map(|fault| format!("{}:{}: {fault}", file.shown, import.line));
            // The branches of one `use` tree often share a fault.
            if fault.as_ref() != faults.last() {
                faults.extend(fault);
            }
        }
        Ok(())
    }

    /// What is wrong with naming a path of the same crate, if anything.
    fn inner_fault(&self, file: &SourceFile, rank: Option<Rank>, path: &[String]) -> Option<String> {
        // `lib.rs` and `main.rs` stand above every layer; `crate::a_macro!` has no module to name.
        let own = rank?;
        let shown = path.join("::");
        let Some(target) = self.rank(path) else {
            let is_module = path.first().is_some_and(|first| {
                first.chars().all(|c| c.is_lowercase() || c.is_ascii_digit() || c == '_')
            });
            return (!is_module).then(|| {
                format!(
                    "`crate::{shown}` goes through lib.rs, which stands above; name the item's own module"
                )
            });
        };
        if target.entry == own.entry || target.depth > own.depth || self.are_paired(own, target) {
            return None;
        }
        let relation = if target.depth == own.depth { "stands beside it" } else { "stands above it" };
        Some(format!(
            "`{}` names `{}`, which {relation} in {}; imports run downward only: move the item down, or rank \
             the modules anew in xtask/src/layers/table.rs",
            file.module.join("::"),
            target.entry,
            self.package,
        ))
    }

    fn are_paired(&self, one: Rank, other: Rank) -> bool {
        one.depth == other.depth
            && self
                .pairs()
                .any(|pair| pair.modules.contains(&one.entry) && pair.modules.contains(&other.entry))
    }

    fn pairs(&self) -> impl Iterator<Item = &'static Pair> {
        table::PAIRS.iter().filter(|pair| pair.package == self.package)
    }

    /// What is wrong with naming another crate of the workspace, if anything.
    fn outer_fault(&self, file: &SourceFile, library: &str) -> Option<String> {
        if library == library_name(self.package) {
            return None;
        }
        let Some(known) = self.uses.iter().find(|known| library_name(known.package) == library) else {
            return Some(format!("{} must not use `{library}`", self.package));
        };
        let module = file.module.join("::");
        let is_allowed =
            known.only_from.is_empty() || known.only_from.iter().any(|only| covers(only, &module));
        (!is_allowed).then(|| format!("only {} may use `{library}`", known.only_from.join(", ")))
    }

    fn check_manifest(&self, root: &Path, faults: &mut Vec<String>) -> Result<()> {
        let path = root.join(self.folder).join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let dependencies = text.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
        for line in dependencies.take_while(|line| !line.starts_with('[')) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            let is_ours = table::CRATES.iter().any(|known| known.package == name);
            if is_ours && !self.uses.iter().any(|known| known.package == name) {
                faults
                    .push(format!("{}/Cargo.toml: {} must not depend on {name}", self.folder, self.package));
            }
        }
        Ok(())
    }

    /// The rank of a path: that of the longest entry that it begins with.
    fn rank(&self, path: &[String]) -> Option<Rank> {
        let path = path.join("::");
        let ranks = self
            .layers
            .iter()
            .enumerate()
            .flat_map(|(depth, layer)| layer.modules.iter().map(move |entry| Rank { entry, depth }));
        ranks.filter(|rank| covers(rank.entry, &path)).max_by_key(|rank| rank.entry.len())
    }

    fn unranked(&self, file: &SourceFile) -> String {
        format!(
            "{}: the module `{}` has no rank; put it into the layers of {} in xtask/src/layers/table.rs, above \
             everything that it names and below everything that names it",
            file.shown, file.module[0], self.package
        )
    }
}

impl SourceFile {
    fn new(path: &Path, source: &Path, root: &Path) -> Result<Self> {
        let shown = path.strip_prefix(root).context("inside the repository")?.display().to_string();
        let inside = path.strip_prefix(source).context("inside src/")?.with_extension("");
        let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.len() == 1 && matches!(module[0].as_str(), "lib" | "main") {
            module.clear();
        }
        Ok(Self { shown, module })
    }

    /// Tests stand in files of their own and may name anything.
    fn is_tests(&self) -> bool {
        self.module.iter().any(|part| part == "tests")
    }

    /// The path that `super::…` means here; none where it leads out of the crate.
    fn above(&self, segments: &[String]) -> Option<Vec<String>> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let kept = self.module.len().checked_sub(ups)?;
        Some(self.module[..kept].iter().chain(&segments[ups..]).cloned().collect())
    }
}

/// Whether a path is an entry's module or something inside it.
fn covers(entry: &str, path: &str) -> bool {
    path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn library_name(package: &str) -> String {
    package.replace('-', "_")
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
