//! The rules of the ranks, on a small crate of their own.

use super::{Crate, Layer, Rank, SourceFile, Use};

const SHOP: Crate = Crate {
    package: "shop",
    folder: "shop",
    uses: &[Use { package: "stampede-engine", only_from: &["till::demo"] }],
    layers: &[
        Layer { about: "takes the money", modules: &["till", "ledger"] },
        Layer { about: "what is on a shelf", modules: &["shelf"] },
        Layer { about: "one product", modules: &["shelf::product"] },
    ],
};

/// The faults of one file of the shop, each without its place.
#[track_caller]
fn check(module: &str, source: &str, expected: &[&str]) {
    let file = SourceFile {
        shown: "shop/src/file.rs".to_owned(),
        module: module.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect(),
    };
    let mut faults = Vec::new();
    SHOP.check_file(&file, SHOP.rank(&file.module), source, &mut faults).expect("the source is Rust");
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (fault, expected) in faults.iter().zip(expected) {
        assert!(fault.contains(expected), "expected `{expected}` in: {fault}");
    }
}

#[test]
fn an_import_downward_is_free() {
    check("till", "use crate::shelf::{Shelf, product::Product};", &[]);
    check("shelf", "use crate::shelf::product::Product; use super::shelf::product;", &[]);
    check("", "use crate::till::Till; use crate::shelf::Shelf;", &[]);
}

#[test]
fn an_import_upward_is_a_fault_with_its_line() {
    check("shelf", "\nuse crate::till::Till;", &["file.rs:2: `shelf` names `till`, which stands above it"]);
    check("shelf::product", "use super::Shelf;", &["names `shelf`, which stands above it"]);
}

#[test]
fn modules_of_one_layer_do_not_know_each_other() {
    check("till", "fn f() { crate::ledger::post(); }", &["names `ledger`, which stands beside it"]);
}

#[test]
fn submodules_without_a_rank_belong_to_their_parent() {
    check("till::coins", "use super::Till; use crate::till::notes::Note;", &[]);
    assert_eq!(SHOP.rank(&["till".to_owned(), "coins".to_owned()]), Some(Rank { entry: "till", depth: 0 }));
    assert_eq!(SHOP.rank(&["tills".to_owned()]), None);
}

#[test]
fn an_item_is_named_by_its_module_not_through_lib_rs() {
    check("shelf", "use crate::Till;", &["goes through lib.rs"]);
}

#[test]
fn another_crate_is_used_only_where_the_table_allows() {
    check("till::demo", "use stampede_engine::Engine;", &[]);
    check("shelf", "use stampede_engine::Engine;", &["only till::demo may use `stampede_engine`"]);
    check("till", "use stampede_core::Machine;", &["shop must not use `stampede_core`"]);
}

#[test]
fn only_a_pair_of_the_table_may_name_each_other() {
    let engine =
        super::table::CRATES.iter().find(|known| known.package == "stampede-engine").expect("it is ranked");
    let rank = |module: &str| engine.rank(&[module.to_owned()]).expect("it is ranked");
    assert!(engine.are_paired(rank("run"), rank("outbox")));
    assert!(!engine.are_paired(rank("clock"), rank("wake")));
}
