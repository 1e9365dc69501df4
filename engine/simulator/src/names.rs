//! The texts of a run: each one is interned once, so that requests, the auditor and stories hold it as a plain copy.
//!
//! The vocabulary is small and the same for every seed (`r17`, `ann`, `big3`), so what is interned stays bounded over
//! any number of runs. Each thread keeps its own.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// A text of a run.
pub(crate) type Name = &'static str;

thread_local! {
    static NAMES: RefCell<BTreeSet<Name>> = const { RefCell::new(BTreeSet::new()) };
}

/// The one name of this text.
pub(crate) fn name(text: &str) -> Name {
    NAMES.with_borrow_mut(|names| {
        if let Some(known) = names.get(text) {
            return *known;
        }
        let kept: Name = Box::leak(text.into());
        names.insert(kept);
        kept
    })
}
