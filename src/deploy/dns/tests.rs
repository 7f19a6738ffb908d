//! Moving traffic, with a stand-in for the AWS command line.

use super::*;
use crate::{deploy::process::Logs, model::chain};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Mutex, atomic::AtomicU32},
};
use tokio_util::sync::CancellationToken;

/// Answers from files, takes changes in, and says twice that they spread.
const AWS: &str = r#"#!/bin/sh
dir=$(dirname "$0")
echo "$*" | sed "s,file://[^ ]*/,file://," >> "$dir/asked"
case $2 in
  get-hosted-zone) cat "$dir/zone.json" ;;
  list-resource-record-sets) cat "$dir/records.json" ;;
  change-resource-record-sets)
    if [ -e "$dir/refusal" ]; then cat "$dir/refusal" >&2; exit 254; fi
    cp "${6#file://}" "$dir/batch.json"
    echo '{"ChangeInfo":{"Id":"/change/C1","Status":"PENDING"}}' ;;
  get-change)
    if [ -e "$dir/waited" ]; then status=INSYNC; else status=PENDING; fi
    touch "$dir/waited"
    echo "{\"ChangeInfo\":{\"Id\":\"/change/C1\",\"Status\":\"$status\"}}" ;;
esac
"#;

/// A place with a zone, and what a step said there.
struct Bench {
    dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
    stop: CancellationToken,
    number: AtomicU32,
    heard: Mutex<Vec<String>>,
}

#[async_trait]
impl crate::deploy::Tell for Bench {
    async fn begins(&self, phase: Phase) -> Result<(), DeployError> {
        self.heard.lock().unwrap().push(format!("{} begins", phase.word()));
        Ok(())
    }

    fn ends(&self, phase: Phase, ok: bool) {
        let how = if ok { "ends" } else { "fails" };
        self.heard.lock().unwrap().push(format!("{} {how}", phase.word()));
    }

    fn say(&self, news: News) {
        let said = match news {
            News::Note(note) => note,
            News::Object(seen) => format!("{}: {}: {}", seen.object, seen.state, seen.detail),
            News::Traffic(moved) => {
                format!("{:?} -> {:?}, {} ms", moved.before, moved.after, moved.ttl_ms)
            }
            other => format!("{other:?}"),
        };
        self.heard.lock().unwrap().push(said);
    }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let aws = dir.path().join("aws");
        fs::write(&aws, AWS).unwrap();
        fs::set_permissions(&aws, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
        let bench = Self {
            dir,
            env: [("PATH".to_owned(), path)].into(),
            stop: CancellationToken::new(),
            number: AtomicU32::new(1),
            heard: Mutex::default(),
        };
        bench.zone(&json!({ "HostedZone": { "Name": "example.com.", "Config": {} } }));
        bench
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn zone(&self, zone: &Value) {
        fs::write(self.file("zone.json"), zone.to_string()).unwrap();
    }

    /// Two weighted records, of which the first has a weight of `tokyo`.
    fn records(&self, tokyo: u8, seoul: u8) {
        let record = |id: &str, weight: u8, value: &str| {
            json!({ "Name": "shop.example.com.", "Type": "A", "SetIdentifier": id, "TTL": 30,
                "Weight": weight, "ResourceRecords": [{ "Value": value }] })
        };
        let all = [record("tokyo", tokyo, "192.0.2.1"), record("seoul", seoul, "192.0.2.2")];
        let all = json!({ "ResourceRecordSets": all });
        fs::write(self.file("records.json"), all.to_string()).unwrap();
    }

    async fn with_job<T>(&self, act: impl AsyncFnOnce(&Job<'_>) -> T) -> T {
        let memory = self.file("memory.json");
        act(&Job {
            step: "cutover",
            service: "shop",
            run: "brave-otter",
            region: "ap-northeast-2",
            root: self.dir.path(),
            env: &self.env,
            scratch: self.dir.path(),
            memory: &memory,
            logs: self.dir.path(),
            next_log: &self.number,
            stop: &self.stop,
            tell: self,
        })
        .await
    }

    /// What was said since this was last asked for.
    fn heard(&self) -> String {
        self.heard.lock().unwrap().drain(..).collect::<Vec<_>>().join("\n")
    }

    /// The commands of Route 53 since this was last asked for, without what never differs.
    fn asked(&self) -> String {
        let asked = fs::read_to_string(self.file("asked")).unwrap_or_default();
        let _ = fs::remove_file(self.file("asked"));
        let mut words: Vec<_> =
            asked.lines().map(|line| line.split(' ').nth(1).unwrap_or_default()).collect();
        // Two are asked at once.
        if let Some(first) = words.get_mut(..2) {
            first.sort_unstable();
        }
        words.join(" ")
    }

    /// The actions of the last change batch.
    fn batch(&self) -> String {
        let batch: Value =
            serde_json::from_slice(&fs::read(self.file("batch.json")).unwrap()).unwrap();
        let changes = batch["Changes"].as_array().unwrap().iter();
        let line = |change: &Value| {
            let set = &change["ResourceRecordSet"];
            format!("{} {} {}", change["Action"], set["SetIdentifier"], set["Weight"])
        };
        changes.map(line).collect::<Vec<_>>().join("\n")
    }
}

fn dns() -> Dns {
    Dns {
        zone: "Z1".to_owned(),
        record: "shop.example.com".to_owned(),
        kind: None,
        way: Way::Weights([("tokyo".to_owned(), 0), ("seoul".to_owned(), 100)].into()),
        resolve: false,
        server: None,
        endpoint: None,
        region: "ap-northeast-2".to_owned(),
        limit: Duration::from_secs(60),
    }
}

fn said(error: &DeployError) -> String {
    format!("{}\n  {}", chain(error).join("\n  "), error.hint().unwrap_or_default())
}

#[test]
fn the_commands_are_those_that_will_run() {
    insta::assert_snapshot!(dns().commands().join("\n"), @r"
    aws route53 get-hosted-zone --id Z1 --region ap-northeast-2 --output json
    aws route53 list-resource-record-sets --hosted-zone-id Z1 --start-record-name shop.example.com --max-items 300 --region ap-northeast-2 --output json
    aws route53 change-resource-record-sets --hosted-zone-id Z1 --change-batch file://CHANGES --region ap-northeast-2 --output json
    aws route53 get-change --id CHANGE --region ap-northeast-2 --output json
    ");
}

#[tokio::test]
async fn weights_move_once_and_go_back() {
    let bench = Bench::new();
    let dns = dns();
    bench.records(100, 0);
    bench.with_job(async |job| dns.bring_up(job).await).await.unwrap();
    insta::assert_snapshot!(bench.heard(), @r#"
    run begins
    dns/shop.example.com: waiting: Route 53 tells its servers
    ["192.0.2.1"] -> ["192.0.2.2"], 30000 ms
    run ends
    "#);
    insta::assert_snapshot!(bench.asked(), @"get-hosted-zone list-resource-record-sets change-resource-record-sets get-change get-change");
    insta::assert_snapshot!(bench.batch(), @r#"
    "UPSERT" "tokyo" 0
    "UPSERT" "seoul" 100
    "#);

    // drctl was killed after that, and begins once more.
    bench.records(0, 100);
    bench.with_job(async |job| dns.bring_up(job).await).await.unwrap();
    insta::assert_snapshot!(bench.heard(), @r#"
    run begins
    `shop.example.com` leads to 192.0.2.2 already
    ["192.0.2.1"] -> ["192.0.2.2"], 30000 ms
    run ends
    "#);
    insta::assert_snapshot!(bench.asked(), @"get-hosted-zone list-resource-record-sets");

    bench.with_job(async |job| dns.take_back(job).await).await.unwrap();
    insta::assert_snapshot!(bench.batch(), @r#"
    "UPSERT" "tokyo" 100
    "UPSERT" "seoul" 0
    "#);
    assert!(!bench.file("memory.json").exists());

    // There is nothing to take back any more.
    bench.asked();
    bench.with_job(async |job| dns.take_back(job).await).await.unwrap();
    assert_eq!(bench.asked(), "");
}

#[tokio::test]
async fn what_somebody_else_changed_is_left_and_said() {
    let bench = Bench::new();
    let dns = dns();
    bench.records(100, 0);
    bench.with_job(async |job| dns.bring_up(job).await).await.unwrap();
    bench.records(0, 50);
    let error = bench.with_job(async |job| dns.take_back(job).await).await.unwrap_err();
    insta::assert_snapshot!(said(&error), @r"
    somebody else has changed `A shop.example.com (seoul)` since, which is left as it is
      Look at who changed it, and put it back by hand where that is still wanted
    ");
    insta::assert_snapshot!(bench.batch(), @r#""UPSERT" "tokyo" 100"#);
}

#[tokio::test]
async fn what_cannot_be_done_changes_nothing() {
    let bench = Bench::new();
    bench.records(100, 0);
    let mut told = Vec::new();
    let mut other = dns();
    other.record = "shop.example.org".to_owned();
    told.push(said(&bench.with_job(async |job| other.prepare(job).await).await.unwrap_err()));
    let resolved = Dns { resolve: true, ..dns() };
    told.push(said(&bench.with_job(async |job| resolved.bring_up(job).await).await.unwrap_err()));
    bench.zone(
        &json!({ "HostedZone": { "Name": "example.com.", "Config": { "PrivateZone": true } } }),
    );
    told.push(said(&bench.with_job(async |job| resolved.prepare(job).await).await.unwrap_err()));
    bench.zone(&json!({ "Zone": {} }));
    told.push(said(&bench.with_job(async |job| dns().prepare(job).await).await.unwrap_err()));
    insta::assert_snapshot!(told.join("\n"), @r"
    `shop.example.org` is not in the zone `example.com`
      Set `record` to the whole name, and `zone` to the zone that holds it
    Route 53 names no server for the zone `Z1`
      Set `server` to one that answers for it here, or `resolve = false` to trust Route 53 alone
    the name servers of the private zone `Z1` cannot be asked from here
      Set `server` to one that answers for it here, or `resolve = false` to trust Route 53 alone
    `aws route53 get-hosted-zone` printed something else than expected: missing field `HostedZone` at line 1 column 11
      Look at the version of `aws`, and at what stands before it on the PATH: `aws --version`
    ");
    assert!(!bench.file("memory.json").exists() && !bench.file("batch.json").exists());
}

#[tokio::test]
async fn what_the_command_line_says_is_told_with_advice() {
    let bench = Bench::new();
    bench.records(100, 0);
    let refuse = |text: &str| fs::write(bench.file("refusal"), text).unwrap();
    let mut told = Vec::new();
    for text in [
        "An error occurred (NoSuchHostedZone) when calling the ChangeResourceRecordSets operation: none",
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
        "An error occurred (AccessDenied) when calling the ChangeResourceRecordSets operation: no",
        "Could not connect to the endpoint URL: \"https://route53.amazonaws.com/\"",
    ] {
        refuse(text);
        let error = bench.with_job(async |job| dns().bring_up(job).await).await.unwrap_err();
        told.push(said(&error));
    }
    let mut alone = Bench::new();
    fs::remove_file(alone.file("aws")).unwrap();
    alone.env.insert("PATH".to_owned(), "/nowhere".to_owned());
    let error = alone.with_job(async |job| dns().prepare(job).await).await.unwrap_err();
    told.push(said(&error));
    insta::assert_snapshot!(told.join("\n"), @r#"
    there is no hosted zone `Z1`
      `aws` failed with exit code 254
      An error occurred (NoSuchHostedZone) when calling the ChangeResourceRecordSets operation: none
      Look for the zone's identity, in the account of these credentials: `aws route53 list-hosted-zones`
    Route 53 did not answer `change-resource-record-sets`
      `aws` failed with exit code 254
      Unable to locate credentials. You can configure credentials by running "aws configure".
      Give `aws` credentials that are good now: `aws sts get-caller-identity`
    Route 53 did not answer `change-resource-record-sets`
      `aws` failed with exit code 254
      An error occurred (AccessDenied) when calling the ChangeResourceRecordSets operation: no
      Allow route53:GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets and GetChange on the zone
    Route 53 did not answer `change-resource-record-sets`
      `aws` failed with exit code 254
      Could not connect to the endpoint URL: "https://route53.amazonaws.com/"
      Look whether Route 53 can be reached from here: its control plane is in us-east-1
    `aws` was not found: Route 53 is asked through the AWS command line
      Install the AWS command line: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html
    "#);
}

#[tokio::test]
async fn a_stopped_run_waits_no_longer() {
    let bench = Bench::new();
    bench.records(100, 0);
    bench.stop.cancel();
    let error = bench.with_job(async |job| dns().bring_up(job).await).await.unwrap_err();
    assert!(matches!(error, DeployError::Stopped { .. }), "{error}");
    let logs: Logs = bench.with_job(async |job| job.logs("get-change")).await;
    assert!(!logs.stdout.exists());
}
