//! The rule of the architecture: imports run downward only.

use std::path::Path;

#[test]
fn imports_run_downward_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the repository");
    let faults = xtask::layers::faults(root).expect("the sources can be read");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
