//! The layers named in the crate's header: a file uses only what stands before it.

use std::fs;
use std::path::Path;

/// Lowest first. Files of one entry may use each other.
const LAYERS: &[&[&str]] = &[
    &["slot", "clock", "wake", "counters"],
    &["outbox", "run"],
    &["config", "inbox", "journal"],
    &["shard"],
    &["engine", "client"],
];

fn layer(file: &str) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&file));
    found.unwrap_or_else(|| panic!("{file} has no layer: name it in the crate's header and here"))
}

#[test]
fn a_file_uses_only_its_own_layer_and_lower_ones() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for entry in fs::read_dir(sources).expect("the sources are here") {
        let path = entry.expect("the sources can be listed").path();
        let file = path.file_stem().and_then(|stem| stem.to_str()).expect("file names are ASCII").to_owned();
        if file == "lib" {
            continue;
        }
        seen += 1;
        let source = fs::read_to_string(&path).expect("sources are text");
        for used in source.lines().filter_map(|line| line.strip_prefix("use crate::")) {
            let used = used.split("::").next().expect("a path has a first part");
            assert!(layer(used) <= layer(&file), "{file} uses {used}, which stands above it");
        }
    }
    assert_eq!(seen, LAYERS.iter().map(|layer| layer.len()).sum::<usize>(), "every file is ranked");
}
