//! A lock in a declared backend is taken away when a dead Terraform of the run left it, and never else.

use crate::support::Env;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, thread::sleep, time::Duration};

/// A real Terraform over a backend whose locks are as S3's: a file that outlives its holder, told of in
/// the words of Terraform 1.11.4.
const TERRAFORM: &str = r#"#!/bin/sh
lock=$SITE/lock
case "$1" in
plan)
  if test -e $lock; then
    printf '{"@timestamp":"%s","type":"diagnostic","diagnostic":{"severity":"error","summary":"Error acquiring the state lock","detail":"Error message: operation error S3: PutObject, https response error StatusCode: 412, PreconditionFailed\\nLock Info:\\n  ID:        27d0\\n  Path:      dr/data\\n  Operation: OperationTypeApply\\n  Who:       %s\\n  Version:   1.11.4\\n  Created:   %s\\n  Info:      \\n\\n\\nTerraform acquires a state lock."}}\n' "$(date -u +%Y-%m-%dT%H:%M:%S.%6NZ)" "$(cat $SITE/who)" "$(cat $lock)"
    exit 1
  fi ;;
apply) date -u '+%Y-%m-%d %H:%M:%S.%N +0000 UTC' > $lock ;;
force-unlock)
  case "$*" in *' -force 27d0') ;; *) exit 1 ;; esac
  rm $lock
  exit ;;
esac
terraform "$@"
code=$?
test "$1" != apply || rm -f $lock
exit $code
"#;

/// Fails over, and kills drctl and Terraform in the middle of the apply.
fn killed() -> (Env, PathBuf) {
    let env = Env::new();
    let site = env.root().join("site");
    fs::create_dir(&site).unwrap();
    let dir = site.display();
    let main = format!(
        "resource \"terraform_data\" \"main\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {dir}/begun; while test -e {dir}/wait; do sleep 0.05; done\"\n  }}\n}}\n"
    );
    let runbook = format!(
        "service \"shop\" {{\n  rto = \"30m\"\n}}\nregion \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{dir}/${{stack}}.tfstate\"\n  }}\n}}\nstack \"data\" {{\n  path = \"data\"\n}}\nprobe \"command\" \"front\" {{\n  run      = [\"true\"]\n  interval = \"50ms\"\n}}\n"
    );
    env.commit(&[("drctl.hcl", &runbook), ("data/main.tf", &main)]);
    fs::write(site.join("wait"), "").unwrap();
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::current()).unwrap().unwrap().name;
    fs::write(site.join("who"), format!("{user}@{}", host.trim())).unwrap();
    let terraform = env.root().join("terraform");
    fs::write(&terraform, TERRAFORM.replace("$SITE", site.to_str().unwrap())).unwrap();
    fs::set_permissions(&terraform, fs::Permissions::from_mode(0o755)).unwrap();

    let args = env.failover_args(&["--terraform", terraform.to_str().unwrap()]);
    let mut child = env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    while !site.join("begun").exists() {
        sleep(Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    for process in entries {
        let cwd = fs::read_link(process.path().join("cwd"));
        if cwd.is_ok_and(|cwd| cwd.starts_with(env.home())) {
            let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
            let group = fields.split(' ').nth(2).and_then(|group| group.parse().ok());
            let _ = group.map(|group| killpg(Pid::from_raw(group), Signal::SIGKILL));
        }
    }
    fs::remove_file(site.join("wait")).unwrap();
    (env, site)
}

#[test]
fn the_lock_of_a_dead_terraform_of_the_run_is_taken_away() {
    let (env, site) = killed();
    assert!(site.join("lock").exists());
    let output = env.run(&["resume", "--yes"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stderr.contains("the lock `27d0` on the state is taken away"), "{output}");
    assert!(!site.join("lock").exists());
}

#[test]
fn a_lock_of_somebody_else_is_told_and_left() {
    let (env, site) = killed();
    fs::write(site.join("who"), "eve@ci-7").unwrap();
    let output = env.run(&["resume", "--yes"]);
    assert_eq!(output.code, Some(3), "{output}");
    for part in ["Ask eve@ci-7, who holds it since 20", "`terraform force-unlock 27d0`"] {
        assert!(output.stderr.contains(part) || output.stdout.contains(part), "{part}: {output}");
    }
    assert!(site.join("lock").exists());
    // The same user, but at a time when this run held nothing.
    let who = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    fs::write(site.join("who"), format!("root@{}", who.trim())).unwrap();
    fs::write(site.join("lock"), "2026-01-02 03:04:05.6 +0000 UTC\n").unwrap();
    assert_eq!(env.run(&["resume", "--yes"]).code, Some(3));
    assert!(site.join("lock").exists());
}
