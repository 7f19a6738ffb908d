//! A folder of Terraform code as a company has it, made up: roots that are applied, the modules that
//! they call, and one root of nothing but what Terraform has built in.
//!
//! Each kind of file is a text of `code/`, repeated under other names until it is as long as files
//! are on average in public repositories of live roots.

use std::{fs, path::Path};

/// The root that Terraform can validate without a provider.
pub(crate) const BUILTIN: &str = "live/builtin";

/// What a file has on average: 35 MB in 13,000 files.
const FILE: usize = 2_700;
/// Files of a root.
const ROOT: usize = 25;
/// One module for so many roots.
const SHARED: usize = 3;
/// Files of the builtin root: 60 resources in the code, 160 when they are made.
const BUILTIN_FILES: usize = 15;

/// What the files of a root repeat. One in nine is written for one region.
const KINDS: [(&str, &str); 9] = [
    ("network", include_str!("code/network.tf")),
    ("access", include_str!("code/access.tf")),
    ("storage", include_str!("code/storage.tf")),
    ("database", include_str!("code/database.tf")),
    ("service", include_str!("code/service.tf")),
    ("alarms", include_str!("code/alarms.tf")),
    ("calls", include_str!("code/calls.tf")),
    ("events", include_str!("code/service.tf")),
    ("fixed", include_str!("code/fixed.tf")),
];

/// Writes `files` files below `dir`, the same ones every time, and returns how many bytes they have.
pub(crate) fn write(dir: &Path, files: usize) -> usize {
    let (mut written, mut bytes) = (0, 0);
    let mut put = |path: String, text: String| {
        if written < files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
            fs::write(path, &text).expect("a file");
            written += 1;
            bytes += text.len();
        }
        written < files
    };
    for n in 0..BUILTIN_FILES {
        let mut text = repeated(include_str!("code/builtin.tf"), n);
        if n == 0 {
            // What has a backend is applied.
            text += "terraform {\n  backend \"local\" {}\n}\n\nlocals {\n  region = \"ap-northeast-1\"\n}\n";
        }
        put(format!("{BUILTIN}/part{n}.tf"), text);
    }
    let mut root = 0;
    loop {
        let module = root / SHARED;
        if root % SHARED == 0 {
            let text =
                include_str!("code/module.tf").replace("module0", &format!("module{module}"));
            put(format!("modules/module{module}/main.tf"), text);
        }
        let name = format!("live/root{root}");
        put(
            format!("{name}/main.tf"),
            include_str!("code/root.tf").replace("svc0", &format!("root{root}")),
        );
        for n in 0..ROOT - 1 {
            let (kind, text) = KINDS[n % KINDS.len()];
            let text = repeated(text, n).replace("module0", &format!("module{module}"));
            if !put(format!("{name}/{kind}{n}.tf"), text) {
                return bytes;
            }
        }
        root += 1;
    }
}

/// Repeats a text under other names until it is as long as a file.
fn repeated(text: &str, file: usize) -> String {
    let mut whole = String::new();
    let mut n = 0;
    while n == 0 || whole.len() + text.len() / 2 < FILE {
        whole += &text.replace("svc0", &format!("part{file}_{n}"));
        n += 1;
    }
    whole
}
