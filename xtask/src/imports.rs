//! Reads which modules a Rust source file names: `crate::…`, `super::…` and the workspace's other crates.
//!
//! Works on tokens, so comments, strings and doc links never count, and paths inside macros do. Code under
//! `#[cfg(test)]` is left out: a test may look at anything. `layers` asks; nothing here knows a rank.

use std::str::FromStr as _;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// One path that a file names, as the segments that it was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// For `use crate::wire::{Frame, limits}`: `crate wire Frame` and `crate wire limits`.
    pub segments: Vec<String>,
    /// The line of its first segment, from 1.
    pub line: usize,
}

/// Every path in a source text that starts with one of `roots`.
///
/// # Errors
/// When the text is not Rust.
pub fn in_source(source: &str, roots: &[&str]) -> Result<Vec<Import>> {
    let tokens = TokenStream::from_str(source).map_err(|error| anyhow!("not Rust: {error}"))?;
    let mut imports = Vec::new();
    scan(tokens, roots, &mut imports);
    Ok(imports)
}

fn scan(tokens: TokenStream, roots: &[&str], imports: &mut Vec<Import>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        if is_test_only(&tokens[index..]) {
            index += 2;
            index += item_len(&tokens[index..]);
            continue;
        }
        match token {
            TokenTree::Group(group) => scan(group.stream(), roots, imports),
            TokenTree::Ident(ident) if starts_path(&tokens, index) => {
                let root = ident.to_string();
                if roots.contains(&root.as_str()) && is_colons(&tokens[index + 1..]) {
                    let line = ident.span().start().line;
                    index += 3;
                    index += follow(&tokens[index..], vec![root], line, imports);
                    continue;
                }
            }
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        index += 1;
    }
}

/// Reads on after `root::`, into the braces of a `use` tree; gives back how many tokens it read.
fn follow(tokens: &[TokenTree], mut path: Vec<String>, line: usize, imports: &mut Vec<Import>) -> usize {
    let mut index = 0;
    loop {
        match tokens.get(index) {
            Some(TokenTree::Ident(ident)) => {
                path.push(ident.to_string());
                index += 1;
                if is_colons(&tokens[index..]) {
                    index += 2;
                    continue;
                }
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                follow_branches(group, &path, line, imports);
                return index + 1;
            }
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => index += 1,
            _ => {}
        }
        imports.push(Import { segments: path, line });
        return index;
    }
}

fn follow_branches(group: &Group, path: &[String], line: usize, imports: &mut Vec<Import>) {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    for branch in tokens.split(|token| matches!(token, TokenTree::Punct(comma) if comma.as_char() == ',')) {
        if !branch.is_empty() {
            follow(branch, path.to_vec(), line, imports);
        }
    }
}

/// Whether an identifier is the first of a path and not a later segment of one.
fn starts_path(tokens: &[TokenTree], index: usize) -> bool {
    index < 2 || !is_colons(&tokens[index - 2..])
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let is_colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(p)) if p.as_char() == ':');
    is_colon(tokens.first()) && is_colon(tokens.get(1))
}

/// Whether the tokens begin with `#[cfg(test)]`.
fn is_test_only(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(hash), TokenTree::Group(attribute), ..] if hash.as_char() == '#' => {
            attribute.stream().to_string().replace(' ', "") == "cfg(test)"
        }
        _ => false,
    }
}

/// The length of the item that follows an attribute: to its body, or to its semicolon.
fn item_len(tokens: &[TokenTree]) -> usize {
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    tokens.iter().position(ends).map_or(tokens.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::in_source;

    #[track_caller]
    fn check(source: &str, expected: &[&str]) {
        let imports = in_source(source, &["crate", "super", "stampede_core"]).expect("the source is Rust");
        let found: Vec<String> = imports.iter().map(|import| import.segments.join("::")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn use_trees_are_followed_into_their_branches() {
        check(
            "use crate::a::{B, c::{D, self}, e::*};",
            &["crate::a::B", "crate::a::c::D", "crate::a::c::self", "crate::a::e"],
        );
        check("pub use super::x as y;", &["super::x"]);
    }

    #[test]
    fn paths_in_expressions_and_macros_count() {
        check("fn f() { assert!(crate::clock::now() > 0); }", &["crate::clock::now"]);
        check("fn f(x: &stampede_core::Id) -> other::crate_like::X {}", &["stampede_core::Id"]);
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        check("//! See `crate::a`.\n/* crate::b */ const X: &str = \"crate::c\";", &[]);
        check("#[cfg(test)] mod tests { use crate::top::T; } use crate::low::L;", &["crate::low::L"]);
        check("#[cfg(test)] use crate::top::T; use crate::low::L;", &["crate::low::L"]);
    }
}
