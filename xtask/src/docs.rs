//! `cargo xtask docs`: keeps the generated sections of the docs equal to what the code says.
//!
//! A section stands between `<!-- generated:NAME by cargo xtask docs -->` and `<!-- end:NAME -->`, each alone on its
//! line, in README.md or below docs/. `layers` comes from the layer table here, every other one from
//! `stampede docs NAME`. A section that stands nowhere is a fault too: it cannot be kept true.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::layers;
use crate::programs;
use crate::tree::Tree;

/// The sections that the server prints.
const PRINTED_BY_SERVER: &[&str] = &["commands", "statuses", "config", "offer-fields"];
const OPENING: (&str, &str) = ("<!-- generated:", " by cargo xtask docs -->");
const CLOSING: (&str, &str) = ("<!-- end:", " -->");

type Sections = BTreeMap<String, String>;

/// Fails where a generated section differs from the code, and names the file.
pub fn check(tree: &Tree) -> Result<()> {
    let stale: Vec<String> = changes(tree)?.into_iter().map(|(path, _)| path.display().to_string()).collect();
    if !stale.is_empty() {
        bail!("generated sections are out of date in {}; run `cargo xtask docs`", stale.join(", "));
    }
    Ok(())
}

/// Rewrites every generated section that differs.
pub fn rewrite(tree: &Tree) -> Result<()> {
    for (path, text) in changes(tree)? {
        println!("rewriting {}", path.display());
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The files whose sections are out of date, with their new text.
fn changes(tree: &Tree) -> Result<Vec<(PathBuf, String)>> {
    let sections = generate(tree)?;
    let mut unplaced: Vec<&String> = sections.keys().collect();
    let mut changed = Vec::new();
    for path in pages(tree)? {
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let (fresh, placed) = fill(&text, &sections).with_context(|| path.display().to_string())?;
        unplaced.retain(|name| !placed.contains(name));
        if fresh != text {
            changed.push((path, fresh));
        }
    }
    if let Some(name) = unplaced.first() {
        let (open, close) = (mark(OPENING, name), mark(CLOSING, name));
        bail!("no page of the docs has the generated section `{name}`; put `{open}` and `{close}` into one");
    }
    Ok(changed)
}

fn generate(tree: &Tree) -> Result<Sections> {
    let mut sections = Sections::from([("layers".to_owned(), layers::diagram())]);
    programs::build(tree)?;
    for name in PRINTED_BY_SERVER {
        let mut print = Command::new(tree.built("stampede"));
        let output = print.args(["docs", name]).output().context("starting `stampede docs`")?;
        if !output.status.success() {
            bail!("`stampede docs {name}` failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8(output.stdout).context("`stampede docs` prints text")?;
        if text.trim().is_empty() {
            bail!("`stampede docs {name}` prints nothing");
        }
        sections.insert((*name).to_owned(), text);
    }
    Ok(sections)
}

/// README.md and every Markdown file below docs/.
fn pages(tree: &Tree) -> Result<Vec<PathBuf>> {
    let mut pages = vec![tree.root().join("README.md")];
    pages.retain(|page| page.is_file());
    let mut folders = vec![tree.root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

fn mark(sides: (&str, &str), name: &str) -> String {
    format!("{}{name}{}", sides.0, sides.1)
}

fn marked(line: &str, sides: (&str, &str)) -> Option<String> {
    Some(line.trim().strip_prefix(sides.0)?.strip_suffix(sides.1)?.to_owned())
}

/// The page with its sections filled in, and the names of those that it has.
fn fill(text: &str, sections: &Sections) -> Result<(String, Vec<String>)> {
    let (mut fresh, mut placed) = (String::new(), Vec::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        fresh.push_str(line);
        fresh.push('\n');
        let Some(name) = marked(line, OPENING) else { continue };
        let section = sections.get(&name).with_context(|| unknown_section(&name, sections))?;
        let end = mark(CLOSING, &name);
        if !lines.by_ref().any(|line| line.trim() == end) {
            bail!("the generated section `{name}` has no closing line `{end}`");
        }
        fresh.extend(["\n", section.trim(), "\n\n", &end, "\n"]);
        placed.push(name);
    }
    Ok((fresh, placed))
}

fn unknown_section(name: &str, sections: &Sections) -> String {
    let known: Vec<&str> = sections.keys().map(String::as_str).collect();
    format!("there is no generated section `{name}`; there is: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{Sections, fill};

    fn sections() -> Sections {
        Sections::from([("layers".to_owned(), "the table\n".to_owned())])
    }

    #[test]
    fn a_section_is_replaced_and_the_rest_stays() {
        let page = "a\n<!-- generated:layers by cargo xtask docs -->\nold\n<!-- end:layers -->\nb\n";
        let (fresh, placed) = fill(page, &sections()).expect("the page is well formed");
        let expected =
            "a\n<!-- generated:layers by cargo xtask docs -->\n\nthe table\n\n<!-- end:layers -->\nb\n";
        assert_eq!(fresh, expected);
        assert_eq!(placed, ["layers"]);
        assert_eq!(fill(&fresh, &sections()).expect("still well formed").0, fresh);
    }

    #[test]
    fn an_unknown_or_open_section_is_an_error() {
        assert!(fill("<!-- generated:layer by cargo xtask docs -->\n", &sections()).is_err());
        assert!(fill("<!-- generated:layers by cargo xtask docs -->\nno end\n", &sections()).is_err());
    }
}
