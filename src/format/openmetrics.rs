//! OpenMetrics text, which Prometheus, its push gateway and the node exporter's text-file folder read.
//!
//! Only gauges: the push gateway and the node exporter take the older text format of Prometheus,
//! which knows no other of OpenMetrics' types but counters, and reads the rest of this as comments
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use std::fmt::Write as _;

/// A metric with all its samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Family {
    /// Its name, which ends in its unit: `drctl_recovery_time_seconds`.
    pub name: &'static str,
    /// What it is, in one line.
    pub help: &'static str,
    /// Its unit, when it has one: `seconds`.
    pub unit: Option<&'static str>,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// A value with what it is of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Names and values that tell it from the others.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Returns the families as one document; one without a sample is left out.
pub fn to_text(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        let Family { name, help, unit, samples } = family;
        let _ = writeln!(text, "# TYPE {name} gauge");
        if let Some(unit) = unit {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name} {}", escaped(help));
        for Sample { labels, value } in samples {
            let labels: Vec<_> =
                labels.iter().map(|(label, of)| format!("{label}=\"{}\"", escaped(of))).collect();
            let _ = match labels.as_slice() {
                [] => writeln!(text, "{name} {value}"),
                labels => writeln!(text, "{name}{{{}}} {value}", labels.join(",")),
            };
        }
    }
    text + "# EOF\n"
}

/// As the format wants it: `\\`, `\"` and `\n` for a backslash, a quote and a line feed.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_ends_with_its_mark_and_escapes_what_it_must() {
        let families = [
            Family {
                name: "drctl_took_seconds",
                help: "How long \"it\" took",
                unit: Some("seconds"),
                samples: vec![
                    Sample { labels: vec![("step", "a\\b\"c\nd".into())], value: 1.5 },
                    Sample { labels: vec![], value: 3.0 },
                ],
            },
            Family { name: "drctl_none", ..Family::default() },
        ];
        insta::assert_snapshot!(to_text(&families), @r#"
        # TYPE drctl_took_seconds gauge
        # UNIT drctl_took_seconds seconds
        # HELP drctl_took_seconds How long \"it\" took
        drctl_took_seconds{step="a\\b\"c\nd"} 1.5
        drctl_took_seconds 3
        # EOF
        "#);
        assert_eq!(to_text(&[]), "# EOF\n");
    }
}
