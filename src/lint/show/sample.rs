//! A small report with one of everything, for the tests of the formats.

use super::super::report::{Report, RootSummary};
use crate::model::finding::{
    Extent, Finding, Fix, Place, Related, RuleText, Severity, Splice, Values,
};
use std::path::{Path, PathBuf};

const MAIN: &str = r#"resource "aws_db_instance" "this" {
  kms_key_id = "arn:aws:kms:ap-northeast-1:1:key/x"

  lifecycle {
    create_before_destroy = true
    prevent_destroy       = true
    ignore_changes        = []
    # It must not be lost.
    replace_triggered_by  = []
  }
}
"#;
const NET: &str = "data \"aws_vpc\" \"main\" {\n\tdefault = true\n}\n";
const NASTY: &str = "name 서울: \u{1b}[2J = \"a|b\"\n";
const NASTY_PATH: &str = "live/서울 a/b|c<d>.tf";

static RULES: [RuleText; 4] = [
    RuleText {
        code: "DR004",
        name: "arn-names-region",
        title: "an ARN names a region",
        severity: Severity::Error,
        page: "# DR004\n\nAn ARN with a region\nis of that region.\n\n## Instead\n\nBuild it.\n",
    },
    RuleText {
        code: "DR012",
        name: "prevent-destroy",
        title: "a rehearsal cannot remove it",
        severity: Severity::Warning,
        page: "# DR012\n\nIt stays.\n",
    },
    RuleText {
        code: "DR020",
        name: "never-hit",
        title: "a rule that finds nothing here",
        severity: Severity::Error,
        page: "# DR020\n\nNothing.\n",
    },
    RuleText {
        code: "DR031",
        name: "default-vpc",
        title: "the default VPC of a region is not that of another",
        severity: Severity::Info,
        page: "# DR031\n\nIt differs.\n",
    },
];

/// Returns the text of a file of the sample.
pub(super) fn source(path: &Path) -> Option<String> {
    let text = match path.to_str()? {
        "live/db/main.tf" => MAIN,
        "modules/net/main.tf" => NET,
        NASTY_PATH => NASTY,
        _ => return None,
    };
    Some(text.to_owned())
}

/// Returns an error with values and a fix, a warning of more than one line, an
/// information with another place, and one that is nasty in every way.
pub(super) fn report() -> Report {
    let root = |dir: &str, primary: &str| RootSummary {
        dir: dir.into(),
        primary: Some(primary.to_owned()),
        fallback: Some("ap-northeast-2".to_owned()),
        resources: 3,
    };
    Report {
        findings: vec![arn(), kept(), vpc(), nasty()],
        rules: RULES.iter().collect(),
        roots: vec![root("live/db", "ap-northeast-1"), root("live/web", "ap-northeast-1")],
        files: 17,
        suppressed: 1,
        known: 4,
        notes: vec!["The lock file of `live/web` was not read: 100% \u{1b}gone.".to_owned()],
    }
}

fn arn() -> Finding {
    let at = at("live/db/main.tf", MAIN, "\"arn:aws:kms:ap-northeast-1:1:key/x\"");
    let text = "\"arn:aws:kms:${var.region}:1:key/x\"".to_owned();
    Finding {
        code: "DR004",
        severity: Severity::Error,
        message: "the key of `aws_db_instance.this` is in ap-northeast-1 in either region".into(),
        hint: "Put the region of the provider in its place.".into(),
        subject: "aws_db_instance.this".into(),
        roots: vec!["live/db".into()],
        values: Some(Values {
            primary: "arn:aws:kms:ap-northeast-1:1:key/x".into(),
            fallback: "arn:aws:kms:ap-northeast-1:1:key/x".into(),
        }),
        related: Vec::new(),
        fix: Some(Fix {
            title: "Put `var.region` in its place".into(),
            splices: vec![Splice { at: at.clone(), text }],
        }),
        at,
    }
}

fn kept() -> Finding {
    let start = MAIN.find("lifecycle").unwrap();
    Finding {
        code: "DR012",
        severity: Severity::Warning,
        at: at("live/db/main.tf", MAIN, &MAIN[start..MAIN.len() - 3]),
        message: "`aws_db_instance.this` cannot be removed after a rehearsal".into(),
        hint: "Set `prevent_destroy` where the service is built for good.".into(),
        subject: "aws_db_instance.this".into(),
        roots: vec!["live/db".into(), "live/web".into()],
        values: None,
        related: Vec::new(),
        fix: None,
    }
}

fn vpc() -> Finding {
    Finding {
        code: "DR031",
        severity: Severity::Info,
        at: at("modules/net/main.tf", NET, "default"),
        message: "`data.aws_vpc.main` is another VPC in the fallback".into(),
        hint: "Name it by a tag.".into(),
        subject: "module.net.data.aws_vpc.main".into(),
        roots: vec!["live/web".into()],
        values: None,
        related: vec![Related {
            at: at("live/db/main.tf", MAIN, "aws_db_instance"),
            message: "is in its subnets".into(),
        }],
        fix: None,
    }
}

fn nasty() -> Finding {
    Finding {
        code: "DR004",
        severity: Severity::Error,
        at: at(NASTY_PATH, NASTY, "\u{1b}[2J = \"a|b\""),
        message: "a|b is 100% `<b>x</b>`,\nand \u{1b}[31mred*_".into(),
        hint: "Write \"a\\|b\": it's <safe> & sound.".into(),
        subject: "local.서울".into(),
        roots: Vec::new(),
        values: Some(Values { primary: "a`|b\\\nc".into(), fallback: "\u{202e}".into() }),
        related: Vec::new(),
        fix: None,
    }
}

/// Returns the extent of the first `part` of a file.
fn at(file: &str, text: &str, part: &str) -> Extent {
    let start = text.find(part).unwrap();
    let bytes = start..start + part.len();
    let place = |byte: usize| {
        let before = &text[..byte];
        let line = before.rsplit('\n').next().unwrap();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    };
    let ((line, column), (end_line, end_column)) = (place(bytes.start), place(bytes.end));
    let start = Place { file: PathBuf::from(file), line, column };
    Extent { start, end_line, end_column, bytes }
}
