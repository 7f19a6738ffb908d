//! Repositories of somebody who wants the machine that looks at them: none may write outside of drctl's own
//! folder, run a program, or steer the terminal.

use crate::support::{Env, Output};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

/// A trick: what it is called, files, links (from, to), and which commands see it. `OUT` stands for the
/// folder that must stay as it is; a file called `*.sh` can be executed.
struct Trick {
    name: &'static str,
    files: &'static [(&'static str, &'static str)],
    links: &'static [(&'static str, &'static str)],
}

const fn files(name: &'static str, files: &'static [(&'static str, &'static str)]) -> Trick {
    Trick { name, files, links: &[] }
}

const fn links(name: &'static str, links: &'static [(&'static str, &'static str)]) -> Trick {
    Trick { name, files: &[], links }
}

const RUNBOOK: &str = "service \"shop\" {\n  rto     = \"4h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"app\" {\n  path = \"app\"\n}\n";
const APP: &str = "terraform {\n  required_providers {\n    aws = {\n      source = \"hashicorp/aws\"\n    }\n  }\n}\nprovider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nresource \"aws_vpc\" \"main\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n";

const TRICKS: &[Trick] = &[
    files(
        "provisioners",
        &[(
            "app/x.tf",
            "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"touch OUT/made\"\n  }\n  provisioner \"local-exec\" {\n    when    = destroy\n    command = \"touch OUT/made\"\n  }\n}\n",
        )],
    ),
    files(
        "a provisioner in JSON",
        &[(
            "app/x.tf.json",
            r#"{"resource":{"terraform_data":{"x":{"\u0070rovisioner":[{"local-exec":{"command":"touch OUT/made"}}]}}}}"#,
        )],
    ),
    files(
        "a provisioner in an override",
        &[
            ("app/x.tf", "resource \"terraform_data\" \"x\" {}\n"),
            (
                "app/zzzz_override.tf",
                "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"touch OUT/made\"\n  }\n}\n",
            ),
        ],
    ),
    files(
        "a provisioner in an earlier override",
        &[
            ("app/x.tf", "resource \"terraform_data\" \"x\" {}\n"),
            (
                "app/a_override.tf",
                "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"touch OUT/made\"\n  }\n}\n",
            ),
        ],
    ),
    files(
        "a provisioner that reaches a host",
        &[(
            "app/x.tf",
            "resource \"terraform_data\" \"x\" {\n  connection {\n    type = \"ssh\"\n    host = \"127.0.0.1\"\n    port = 1\n  }\n  provisioner \"remote-exec\" {\n    inline = [\"touch OUT/made\"]\n  }\n  provisioner \"file\" {\n    content     = \"x\"\n    destination = \"OUT/made\"\n  }\n}\n",
        )],
    ),
    files(
        "an external program",
        &[(
            "app/x.tf",
            "data \"external\" \"x\" {\n  program = [\"sh\", \"-c\", \"touch OUT/made; echo {}\"]\n}\noutput \"x\" {\n  value = data.external.x.result\n}\n",
        )],
    ),
    files(
        "files that providers write",
        &[(
            "app/x.tf",
            "resource \"local_file\" \"a\" {\n  filename = \"OUT/made\"\n  content  = \"x\"\n}\nresource \"local_sensitive_file\" \"b\" {\n  filename = \"../../../../../outside/made\"\n  content  = \"x\"\n}\ndata \"archive_file\" \"c\" {\n  type        = \"zip\"\n  output_path = \"OUT/made.zip\"\n  source_dir  = \"OUT\"\n}\n",
        )],
    ),
    files(
        "a module at an absolute path",
        &[("app/x.tf", "module \"x\" {\n  source = \"OUT/module\"\n}\n")],
    ),
    files(
        "a module above the repository",
        &[("app/x.tf", "module \"x\" {\n  source = \"../../../../../outside/module\"\n}\n")],
    ),
    files(
        "a hidden module",
        &[
            ("app/x.tf", "module \"x\" {\n  source = \"./.hidden\"\n}\n"),
            (
                "app/.hidden/main.tf",
                "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"touch OUT/made\"\n  }\n}\n",
            ),
        ],
    ),
    files(
        "a module that git runs a program for",
        &[("app/x.tf", "module \"x\" {\n  source = \"git::ext::sh -c touch%20OUT/made\"\n}\n")],
    ),
    files(
        "a provider in the repository",
        &[
            (
                "app/x.tf",
                "terraform {\n  required_providers {\n    evil = {\n      source = \"evil/evil\"\n    }\n  }\n}\nresource \"evil_thing\" \"x\" {}\n",
            ),
            (
                "app/terraform.d/plugins/registry.terraform.io/evil/evil/1.0.0/linux_amd64/terraform-provider-evil_v1.0.0.sh",
                "#!/bin/sh\ntouch OUT/made\n",
            ),
        ],
    ),
    files(
        "settings of Terraform in the repository",
        &[
            (
                ".terraformrc",
                "provider_installation {\n  dev_overrides {\n    \"hashicorp/aws\" = \"OUT\"\n  }\n}\n",
            ),
            ("app/.terraformrc", "plugin_cache_dir = \"OUT\"\n"),
        ],
    ),
    files(
        "credentials that a program gives",
        &[(
            "app/x.tf",
            "provider \"aws\" {\n  alias               = \"x\"\n  region              = \"ap-northeast-1\"\n  profile             = \"evil\"\n  shared_config_files = [\"OUT/aws-config\"]\n}\nresource \"aws_vpc\" \"x\" {\n  provider   = aws.x\n  cidr_block = \"10.0.0.0/16\"\n}\n",
        )],
    ),
    files(
        "a state in a cloud",
        &[(
            "app/x.tf",
            "terraform {\n  cloud {\n    organization = \"evil\"\n    hostname     = \"127.0.0.1:1\"\n    workspaces {\n      name = \"x\"\n    }\n  }\n}\n",
        )],
    ),
    files(
        "a state in a file outside",
        &[(
            "app/x.tf",
            "terraform {\n  backend \"local\" {\n    path = \"OUT/made.tfstate\"\n  }\n}\n",
        )],
    ),
    files(
        "steps that are paths",
        &[(
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"4h\"\n}\nstack \"../../up\" {\n  path = \"../../../../../outside/module\"\n}\ncommand \"a/../../b\" {\n  run = [\"touch\", \"OUT/made\"]\n}\n",
        )],
    ),
    files(
        "a stack at an absolute path",
        &[(
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"4h\"\n}\nstack \"app\" {\n  path      = \"OUT/module\"\n  var_files = [\"OUT/secret\"]\n}\n",
        )],
    ),
    files(
        "names that steer a terminal",
        &[
            (
                "app/x\u{1b}]0;x\u{7}.tf",
                "resource \"terraform_data\" \"\u{1b}[31m\" {\n  input = \u{1b}[2J\n}\n",
            ),
            (
                "app/y.tf",
                "variable \"v\" {\n  description = \"\u{1b}[2J\u{9b}31m\u{202e}\"\n  validation {\n    condition     = false\n    error_message = \"gone \u{1b}[2J\u{7} wrong \u{202e}.\"\n  }\n  default = \"\u{1b}[2J\"\n}\noutput \"o\" {\n  value = var.v\n}\n",
            ),
        ],
    ),
    files(
        "messages that steer a terminal",
        &[(
            "app/y.tf",
            "resource \"terraform_data\" \"x\" {\n  for_each = toset([\"\u{1b}[2J\u{7}\\u001b]0;x\\u0007\"])\n  lifecycle {\n    precondition {\n      condition     = length(each.value) == 0\n      error_message = \"\u{1b}[2J gone \\u001b[2J\\u202e wrong.\"\n    }\n  }\n}\n",
        )],
    ),
    files(
        "a runbook that steers a terminal",
        &[(
            "drctl.hcl",
            "service \"sh\u{1b}[2Jop\" {\n  rto = \"4h\u{1b}[2J\"\n  x\u{1b}y = 1\n}\nstack \"\u{1b}[2J\" {\n  path = \"\\u001b[2J\"\n}\n",
        )],
    ),
    links(
        "override files that are links",
        &[
            ("app/zz_drctl_override.tf.json", "OUT/object.json"),
            ("app/zz_drctl.tf.json", "OUT/object.json"),
        ],
    ),
    links(
        "files of Terraform that are links",
        &[
            ("app/.terraform", "OUT/module"),
            ("app/.terraform.lock.hcl", "OUT/secret"),
            ("app/terraform.tfstate", "OUT/secret"),
            ("app/terraform.tfstate.d", "OUT"),
            ("app/errored.tfstate", "OUT/object.json"),
            (".drctl-modules", "OUT"),
        ],
    ),
    links("configuration that is a link", &[("app/x.tf", "OUT/module/main.tf")]),
    links("a runbook that is a link", &[("drctl.hcl", "OUT/secret")]),
    links(
        "files without an end",
        &[
            ("app/x.tf", "/dev/zero"),
            ("app/terraform.tfvars", "/dev/zero"),
            ("app/.terraform.lock.hcl", "/dev/zero"),
            ("app/terragrunt.hcl", "/dev/zero"),
            ("app/x.tftest.hcl", "/dev/zero"),
        ],
    ),
    Trick { name: "a runbook without an end", files: &[], links: &[("drctl.hcl", "/dev/zero")] },
    Trick {
        name: "a folder that is a link",
        files: &[(
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"4h\"\n}\nstack \"app\" {\n  path      = \"link/module\"\n  var_files = [\"link/secret\"]\n}\n",
        )],
        links: &[("link", "OUT")],
    },
    Trick {
        name: "a module in a folder that is a link",
        files: &[("app/x.tf", "module \"x\" {\n  source = \"./link\"\n}\n")],
        links: &[("app/link", "OUT/module")],
    },
];

struct Hostile {
    env: Env,
}

impl Hostile {
    fn new(trick: &Trick) -> Self {
        let env = Env::new();
        let outside = env.root().join("outside");
        fs::create_dir_all(outside.join("module")).unwrap();
        fs::create_dir(env.root().join("tmp")).unwrap();
        let hostile = Self { env };
        let out = |text: &str| text.replace("OUT", &outside.display().to_string());
        let program = "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"touch OUT/made\"\n  }\n}\n";
        for (name, text) in [
            ("secret", "t0p-secret = {\n"),
            ("object.json", "{}"),
            ("module/main.tf", program),
            ("aws-config", "[profile evil]\ncredential_process = touch OUT/made\n"),
        ] {
            fs::write(outside.join(name), out(text)).unwrap();
        }
        hostile.env.commit(&[("drctl.hcl", RUNBOOK), ("app/main.tf", APP)]);
        let repo = hostile.env.repo();
        for (name, text) in trick.files {
            let path = repo.join(name.strip_suffix(".sh").unwrap_or(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, out(text)).unwrap();
            if name.ends_with(".sh") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        for (from, to) in trick.links {
            let _ = fs::remove_file(repo.join(from));
            symlink(out(to), repo.join(from)).unwrap();
        }
        // What an archive with a `.git` of its own could bring along.
        for hook in ["post-checkout", "pre-commit", "reference-transaction", "fsmonitor-watchman"] {
            let path = repo.join(".git/hooks").join(hook);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, out("#!/bin/sh\ntouch OUT/made\n")).unwrap();
        }
        hostile.env.git(&["add", "-A", "-f"]);
        hostile.env.git(&["commit", "-q", "--allow-empty", "--no-verify", "-m", "evil"]);
        for hook in fs::read_dir(repo.join(".git/hooks")).unwrap().flatten() {
            fs::set_permissions(hook.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let config = "\n[core]\n  fsmonitor = touch OUT/made\n  sshCommand = touch OUT/made\n[filter \"evil\"]\n  smudge = touch OUT/made\n  clean = touch OUT/made\n  required = true\n[credential]\n  helper = !touch OUT/made\n";
        let path = repo.join(".git/config");
        let known = fs::read_to_string(&path).unwrap();
        fs::write(&path, known + &out(config)).unwrap();
        fs::write(repo.join(".git/info/attributes"), "* filter=evil\n").unwrap();
        hostile
    }

    /// Takes the traps of git's own settings away, to commit something more.
    fn commits(&self, files: &[(&str, &str)]) {
        let git = self.env.repo().join(".git");
        for trap in ["info/attributes", "hooks/pre-commit", "hooks/reference-transaction"] {
            fs::remove_file(git.join(trap)).unwrap();
        }
        self.env.git(&["config", "--unset", "core.fsmonitor"]);
        self.env.commit(files);
    }

    /// All but drctl's own folder: what there is, and when it was changed.
    fn world(&self) -> BTreeMap<String, (u64, i64, i64)> {
        let mut world = BTreeMap::new();
        look(self.env.root(), &mut |path| {
            let below = path.strip_prefix(self.env.root()).unwrap();
            // Access to the index is git's way to remember when it looked.
            if !below.starts_with("home")
                && !below.starts_with("tmp")
                && below.file_name() != Some("index".as_ref())
            {
                let there = fs::symlink_metadata(path).unwrap();
                let changed =
                    if there.is_dir() { (0, 0) } else { (there.mtime(), there.mtime_nsec()) };
                world.insert(
                    below.display().to_string(),
                    (there.len() * u64::from(!there.is_dir()), changed.0, changed.1),
                );
            }
        });
        world
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = self.env.command(args);
        command.env("TMPDIR", self.env.root().join("tmp"));
        self.env.output(command.output().unwrap())
    }

    /// Runs a command, and looks at what it did.
    fn survives(&self, trick: &str, args: &[&str]) {
        let before = self.world();
        let output = self.run(args);
        let what = format!("{trick}: drctl {}:\n{output}", args.join(" "));
        assert!(output.code.is_some_and(|code| code < 100), "{what}");
        assert!(!output.stderr.contains("panicked"), "{what}");
        assert_eq!(self.world(), before, "{what}");
        for text in [&output.stdout, &output.stderr] {
            let steers = |c: char| c != '\n' && drctl::model::text::is_harmful(c);
            let at = text.find(steers);
            assert_eq!(
                at.map(|at| text[at..].escape_unicode().take(40).collect::<String>()),
                None,
                "{what}"
            );
            assert!(!text.contains("t0p-secret"), "{what}");
        }
    }
}

fn look(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        see(&entry.path());
        if entry.file_type().unwrap().is_dir() {
            look(&entry.path(), see);
        }
    }
}

const INTO: [&str; 2] = ["--region", "ap-northeast-2"];

fn nothing_happens(part: usize) {
    for trick in TRICKS.iter().skip(part).step_by(3) {
        let hostile = Hostile::new(trick);
        hostile.survives(trick.name, &["validate"]);
        for format in ["markdown", "sarif", "junit", "json"] {
            hostile.survives(trick.name, &["validate", "--format", format]);
        }
        for command in [
            &["plan"][..],
            &["failover", "--dry-run"],
            &["forecast"],
            &["rehearse", "--time-scale", "1000"],
        ] {
            hostile.survives(trick.name, &[command, &INTO].concat());
        }
        for format in ["text", "markdown", "json"] {
            hostile.survives(trick.name, &["report", "--format", format]);
        }
    }
}

#[test]
fn a_hostile_repository_does_nothing_to_the_machine_1() {
    nothing_happens(0);
}

#[test]
fn a_hostile_repository_does_nothing_to_the_machine_2() {
    nothing_happens(1);
}

#[test]
fn a_hostile_repository_does_nothing_to_the_machine_3() {
    nothing_happens(2);
}

#[test]
fn what_a_repository_would_do_it_does_without_drctl() {
    // Or the table would prove nothing.
    let hostile = Hostile::new(&TRICKS[0]);
    let app = hostile.env.repo().join("app");
    fs::remove_file(app.join("main.tf")).unwrap();
    let terraform = |args: &[&str]| {
        let mut command = std::process::Command::new("terraform");
        assert!(command.args(args).current_dir(&app).output().unwrap().status.success());
    };
    terraform(&["init"]);
    terraform(&["apply", "-auto-approve"]);
    assert!(hostile.env.root().join("outside/made").exists());
}

#[test]
fn what_is_too_large_or_too_deep_is_said() {
    let deep = |open: &str, inner: &str, close: &str| {
        format!("locals {{\n  deep = {}{inner}{}\n}}\n", open.repeat(50_000), close.repeat(50_000))
    };
    let many = "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : [for d in range(1000) : \"${a}${b}${c}${d}\"]]]]";
    let bomb = format!(
        "locals {{\n  many = {many}\n  twice = join(\"\", [for x in local.many : jsonencode(x)])\n}}\nresource \"aws_vpc\" \"many\" {{\n  for_each   = toset(flatten(local.many))\n  cidr_block = each.key\n}}\n"
    );
    let grows: String = (1..60)
        .map(|n| format!("  g{n} = \"${{local.g{m}}}${{local.g{m}}}\"\n", m = n - 1))
        .collect();
    let grows = format!(
        "locals {{\n  g0 = \"x\"\n{grows}}}\nresource \"aws_vpc\" \"g\" {{\n  cidr_block = local.g59\n}}\n"
    );
    for (name, text) in [
        ("parentheses", deep("(", "1", ")")),
        ("lists", deep("[", "1", "]")),
        ("objects", deep("{a=", "1", "}")),
        ("templates", deep("\"${", "1", "}\"")),
        ("negations", deep("!", "true", "")),
        ("conditions", deep("true ? 1 : ", "1", "")),
        ("loops", bomb),
        ("doubling", grows),
    ] {
        let hostile = Hostile::new(&files("", &[]));
        hostile.commits(&[("app/x.tf", &text)]);
        for command in [
            &["validate"][..],
            &["plan", "--region", "ap-northeast-2"],
            &["forecast", "--region", "ap-northeast-2"],
        ] {
            hostile.survives(name, command);
        }
    }
    let hostile = Hostile::new(&files("", &[]));
    // Sparse: it takes no room on the disk.
    for name in ["huge.tf", "terraform.tfvars", ".terraform.lock.hcl"] {
        File::create(hostile.env.repo().join("app").join(name)).unwrap().set_len(5 << 30).unwrap();
    }
    hostile.survives("huge files", &["validate"]);
}

#[test]
fn submodules_lead_to_no_program_and_no_file_of_the_machine() {
    for url in [
        "ext::sh -c 'touch OUT/made'",
        "file://OUT/secret",
        "--upload-pack=touch OUT/made",
        "ssh://-oProxyCommand=touch%20OUT/x/y",
    ] {
        let hostile = Hostile::new(&files("", &[]));
        let outside = hostile.env.root().join("outside").display().to_string();
        let url = url.replace("OUT", &outside);
        fs::write(hostile.env.repo().join(".gitmodules"), format!("[submodule \"s\"]\n  path = sub\n  url = {url}\n[submodule \"../../up\"]\n  path = ../../up\n  url = {url}\n")).unwrap();
        hostile.commits(&[("note", "x")]);
        let head = hostile.env.git(&["rev-parse", "HEAD"]);
        let link = format!("160000,{},sub", head.trim());
        hostile.env.git(&["update-index", "--add", "--cacheinfo", &link]);
        hostile.env.git(&["commit", "-q", "--no-verify", "-m", "sub"]);
        for command in [&["plan"][..], &["rehearse", "--time-scale", "1000"]] {
            hostile.survives(&url, &[command, &INTO].concat());
        }
    }
}
