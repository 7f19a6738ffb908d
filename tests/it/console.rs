//! What expressions come to, asked of the real `terraform console`.

use base64::{Engine, engine::general_purpose::STANDARD};
use drctl::config::{
    eval::{Facts, Inputs, Modules, Scope, Value},
    file::SourceFile,
    module::{Module, Resource},
};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// `EXPRESSION => JSON`, or `=> error` for what Terraform refuses while it evaluates, or
/// `=> refused` for what no `try` saves from. Lines of `#` are comments.
const TABLE: &str = include_str!("console/table.txt");
const MAIN: &str = include_str!("console/main.tf");
const BETWEEN: &str = " => ";

struct Nothing;

impl Modules for Nothing {
    fn module(&self, _: &Path) -> Option<&Module> {
        None
    }
}

impl Facts for Nothing {
    fn attribute(&self, _: &str, _: &Resource, _: &[String]) -> Option<Value> {
        None
    }
}

fn table() -> Vec<(&'static str, &'static str)> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(BETWEEN).unwrap()).collect()
}

/// Returns what drctl has for each expression: JSON as Terraform writes it, or `None` when it is
/// not wholly known.
fn answers(expressions: &[&str]) -> Vec<Option<String>> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("main.tf"), MAIN).unwrap();
    let module = Module::read(dir.path(), Path::new(""), None).unwrap();
    assert_eq!(module.unparsed, []);
    let workspace = Some("default".to_owned());
    let inputs = Inputs { variables: BTreeMap::new(), workspace, facts: &Nothing };
    let scope = Scope::root(&module, &Nothing, inputs);
    let answer = |expression: &&str| {
        let text = format!("a = {expression}\nb = jsonencode({expression})\n");
        let file = SourceFile::parse("main.tf", text.as_bytes(), None).ok()?;
        let known = scope.value(file.body().expr("a").unwrap()).is_known();
        let json = scope.value(file.body().expr("b").unwrap());
        assert_eq!(json.text().is_some(), known, "{expression}");
        json.text().map(str::to_owned)
    };
    expressions.iter().map(answer).collect()
}

#[test]
fn every_value_that_is_known_is_the_one_that_terraform_has() {
    let table = table();
    let expressions: Vec<&str> = table.iter().map(|(expression, _)| *expression).collect();
    let (mut valid, mut known, mut wrong) = (0, 0, Vec::new());
    let mut unknown = Vec::new();
    for ((expression, expected), answer) in table.iter().zip(answers(&expressions)) {
        let refused = matches!(*expected, "error" | "refused");
        valid += usize::from(!refused);
        match answer {
            Some(answer) if answer == *expected && !refused => known += 1,
            Some(answer) => wrong.push(format!("{expression}: {answer}, not {expected}")),
            None if refused => {}
            None => unknown.push(*expression),
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    let share = known * 100 / valid;
    assert!(share >= 85, "{known} of {valid} are known, but not:\n{}", unknown.join("\n"));
    if std::env::var_os("DRCTL_TEST_SHOW_UNKNOWN").is_some() {
        panic!("{known} of {valid} are known, but not:\n{}", unknown.join("\n"));
    }
}

#[test]
fn the_table_is_what_terraform_console_says() {
    let dir = tempfile::tempdir().unwrap();
    let asked: Vec<_> = table().into_iter().filter(|(_, answer)| *answer != "refused").collect();
    let mut questions = String::from("locals {\n");
    for (at, (expression, _)) in asked.iter().enumerate() {
        questions += &format!("  q{at} = try(jsonencode({expression}), \"error\")\n");
    }
    questions += "}\n";
    fs::write(dir.path().join("main.tf"), MAIN).unwrap();
    fs::write(dir.path().join("questions.tf"), questions).unwrap();
    let names: Vec<String> = (0..asked.len()).map(|at| format!("local.q{at}")).collect();
    // The console prints only what the last line comes to, so that there is one.
    // It also quotes in its own way, so that nothing is to be quoted.
    let question = format!("base64encode(jsonencode([{}]))\n", names.join(", "));
    let said = STANDARD.decode(console(dir.path(), &question).trim().trim_matches('"')).unwrap();
    let said: Vec<String> = serde_json::from_slice(&said).unwrap();
    let mut wrong = Vec::new();
    for ((expression, expected), answer) in asked.iter().zip(&said) {
        if answer != expected {
            wrong.push(format!("{expression}: {answer}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn console(dir: &Path, input: &str) -> String {
    fs::write(dir.join("cli.tfrc"), "").unwrap();
    let mut child = Command::new("terraform")
        .args(["console", "-no-color"])
        .current_dir(dir)
        .env("TF_CLI_CONFIG_FILE", dir.join("cli.tfrc"))
        .env("CHECKPOINT_DISABLE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}
