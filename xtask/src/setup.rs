//! Prepares a machine for the real-client tests: redis-tools, redis-py, node-redis and ioredis.
//!
//! Installs only what is missing: Debian packages by apt-get (as root), the rest below `target/`. Versions are
//! pinned beside the client scripts. `suite` and `cargo xtask setup` call it; a second run does nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::tree::Tree;

/// A program that must be there, how to ask for it, and the Debian package that brings it.
struct Tool {
    program: &'static str,
    probe: &'static [&'static str],
    package: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool { program: "redis-cli", probe: &["--version"], package: "redis-tools" },
    Tool { program: "redis-benchmark", probe: &["--version"], package: "redis-tools" },
    // Debian's Python comes without the part of `venv` that brings pip.
    Tool { program: "python3", probe: &["-c", "import venv, ensurepip"], package: "python3-venv" },
    Tool { program: "node", probe: &["--version"], package: "nodejs" },
    Tool { program: "npm", probe: &["--version"], package: "npm" },
];

/// Installs whatever the real clients need and this machine lacks.
///
/// # Errors
/// When something is missing and cannot be installed; the message says which package to install.
pub fn prepare(tree: &Tree) -> Result<()> {
    install_rust_components()?;
    install_tools()?;
    install_python_client(tree)?;
    install_node_clients(tree)
}

/// The Python that has redis-py.
pub fn python(tree: &Tree) -> PathBuf {
    tree.workshop().join("python/bin/python")
}

/// The folder with `node_modules` and, beside it, copies of the Node scripts.
pub fn node_folder(tree: &Tree) -> PathBuf {
    tree.workshop().join("node")
}

fn install_rust_components() -> Result<()> {
    for (component, probe) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if !process::is_installed("cargo", &[probe, "--version"]) {
            println!("installing the Rust component {component}");
            process::run(Command::new("rustup").args(["component", "add", component])).with_context(
                || format!("`cargo {probe}` is missing; install it with your Rust toolchain"),
            )?;
        }
    }
    Ok(())
}

fn install_tools() -> Result<()> {
    let packages = missing_packages();
    if packages.is_empty() {
        return Ok(());
    }
    let by_hand = format!("install by hand: apt-get install {}", packages.join(" "));
    if !process::is_installed("apt-get", &["--version"]) {
        bail!("programs are missing and there is no apt-get here; {by_hand}");
    }
    let user = Command::new("id").arg("-u").output().context("asking for the user id")?;
    if user.stdout.trim_ascii() != b"0" {
        bail!("programs are missing and only root can install them; {by_hand}");
    }
    println!("installing {}", packages.join(" "));
    process::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive")).context(by_hand)?;
    let still_missing = missing_packages();
    if !still_missing.is_empty() {
        bail!("apt-get installed {}, yet a program of it cannot be started", still_missing.join(" "));
    }
    Ok(())
}

/// The Debian packages that bring what cannot be started here.
fn missing_packages() -> Vec<&'static str> {
    let missing = TOOLS.iter().filter(|tool| !process::is_installed(tool.program, tool.probe));
    let mut packages: Vec<&str> = missing.map(|tool| tool.package).collect();
    packages.dedup();
    packages
}

fn install_python_client(tree: &Tree) -> Result<()> {
    let folder = tree.workshop().join("python");
    let wanted = tree.client_scripts().join("requirements.txt");
    let stamp = folder.join("installed.txt");
    if is_same(&wanted, &stamp) {
        return Ok(());
    }
    println!("installing redis-py below {}", folder.display());
    process::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut install = Command::new(python(tree));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&wanted);
    process::run(&mut install)?;
    copy(&wanted, &stamp)
}

fn install_node_clients(tree: &Tree) -> Result<()> {
    let (from, folder) = (tree.client_scripts(), node_folder(tree));
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    // Node looks for packages beside the script, so the scripts go where the packages are.
    for entry in fs::read_dir(&from).with_context(|| format!("listing {}", from.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "mjs") {
            copy(&path, &folder.join(path.file_name().unwrap_or_default()))?;
        }
    }
    let (wanted, stamp) = (from.join("package-lock.json"), folder.join("installed.json"));
    if is_same(&wanted, &stamp) && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    println!("installing node-redis and ioredis below {}", folder.display());
    copy(&from.join("package.json"), &folder.join("package.json"))?;
    copy(&wanted, &folder.join("package-lock.json"))?;
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    process::run(install.current_dir(&folder))?;
    copy(&wanted, &stamp)
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    Ok(())
}
