//! Short-lived tests, long-lived names: every text of a test is interned once, so that requests, the twin and
//! expectations can all hold it as a plain copyable name.
//!
//! Called by the scenario runner, the twin and the property tests. Keeps: one text, one name.

use stampede_core::{Request, Text};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// A text of a test.
pub(crate) type Name = &'static str;

static NAMES: Mutex<BTreeSet<Name>> = Mutex::new(BTreeSet::new());

/// The one name of this text. The few distinct texts of a test run are kept until it ends.
pub(crate) fn name(text: &str) -> Name {
    let mut names = NAMES.lock().expect("no test panics while it interns a name");
    if let Some(known) = names.get(text) {
        return known;
    }
    let kept: Name = Box::leak(text.into());
    names.insert(kept);
    kept
}

/// The request as the machine reads it.
pub(crate) fn texts(request: &Request<Name>) -> Request<Text<'static>> {
    request.clone().map(|name| Text::stored(name.as_bytes()))
}
