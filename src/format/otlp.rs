//! Traces of OpenTelemetry in OTLP's JSON encoding, as a collector takes them over HTTP.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>: names in lowerCamelCase, ids
//! in hexadecimal, 64-bit integers as text, enumerations as numbers.

use crate::model::text::hex;
use serde::Serialize;
use serde_json::{Value, json};

/// A stretch of time with a name.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Which it is, among those of its trace; never all zero.
    pub id: [u8; 8],
    /// The one that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// Its name.
    pub name: String,
    /// When it began, in nanoseconds since 1970.
    pub began_ns: u64,
    /// When it ended, in nanoseconds since 1970.
    pub ended_ns: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Moments in it with a name, in nanoseconds since 1970.
    pub events: Vec<(u64, String)>,
    /// How it ended.
    pub status: Status,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody can say.
    Unset,
    /// Well.
    Ok,
    /// Not well, and why.
    Error(String),
}

/// Returns the spans of one trace as an `ExportTraceServiceRequest`.
pub fn to_json(
    trace: [u8; 16],
    version: &str,
    resource: &[(&'static str, Attribute)],
    spans: &[Span],
) -> Value {
    #[derive(Serialize)]
    struct Request {
        #[serde(rename = "resourceSpans")]
        resource_spans: [Value; 1],
    }
    let spans: Vec<Value> = spans.iter().map(|span| span.json(trace)).collect();
    let scope = json!({ "name": "drctl", "version": version });
    let of_resource = json!({
        "resource": { "attributes": attributes(resource) },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    });
    json!(Request { resource_spans: [of_resource] })
}

impl Span {
    fn json(&self, trace: [u8; 16]) -> Value {
        // SPAN_KIND_INTERNAL of opentelemetry/proto/trace/v1/trace.proto.
        const INTERNAL: u8 = 1;
        let events = self
            .events
            .iter()
            .map(|(at_ns, name)| json!({ "timeUnixNano": at_ns.to_string(), "name": name }));
        json!({
            "traceId": hex(&trace),
            "spanId": hex(&self.id),
            "parentSpanId": self.parent.map(|parent| hex(&parent)).unwrap_or_default(),
            "name": self.name,
            "kind": INTERNAL,
            "startTimeUnixNano": self.began_ns.to_string(),
            "endTimeUnixNano": self.ended_ns.to_string(),
            "attributes": attributes(&self.attributes),
            "events": events.collect::<Vec<_>>(),
            // STATUS_CODE_UNSET, _OK and _ERROR.
            "status": match &self.status {
                Status::Unset => json!({ "code": 0 }),
                Status::Ok => json!({ "code": 1 }),
                Status::Error(why) => json!({ "code": 2, "message": why }),
            },
        })
    }
}

fn attributes(all: &[(&'static str, Attribute)]) -> Vec<Value> {
    let value = |attribute: &Attribute| match attribute {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Int(number) => json!({ "intValue": number.to_string() }),
        Attribute::Bool(truth) => json!({ "boolValue": truth }),
    };
    all.iter().map(|(key, of)| json!({ "key": key, "value": value(of) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_what_the_encoding_wants() {
        let span = Span {
            id: [0, 1, 2, 3, 4, 5, 6, 7],
            parent: None,
            name: "failover".into(),
            began_ns: 1_700_000_000_000_000_001,
            ended_ns: 1_700_000_000_000_000_002,
            attributes: vec![("a", Attribute::Int(-1)), ("b", Attribute::Bool(true))],
            events: vec![(1_700_000_000_000_000_001, "declared".into())],
            status: Status::Error("no quota".into()),
        };
        let resource = [("service.name", Attribute::Text("drctl".into()))];
        let request = to_json([0xab; 16], "0.1.0", &resource, &[span]);
        insta::assert_snapshot!(format!("{request:#}"), @r#"
        {
          "resourceSpans": [
            {
              "resource": {
                "attributes": [
                  {
                    "key": "service.name",
                    "value": {
                      "stringValue": "drctl"
                    }
                  }
                ]
              },
              "scopeSpans": [
                {
                  "scope": {
                    "name": "drctl",
                    "version": "0.1.0"
                  },
                  "spans": [
                    {
                      "attributes": [
                        {
                          "key": "a",
                          "value": {
                            "intValue": "-1"
                          }
                        },
                        {
                          "key": "b",
                          "value": {
                            "boolValue": true
                          }
                        }
                      ],
                      "endTimeUnixNano": "1700000000000000002",
                      "events": [
                        {
                          "name": "declared",
                          "timeUnixNano": "1700000000000000001"
                        }
                      ],
                      "kind": 1,
                      "name": "failover",
                      "parentSpanId": "",
                      "spanId": "0001020304050607",
                      "startTimeUnixNano": "1700000000000000001",
                      "status": {
                        "code": 2,
                        "message": "no quota"
                      },
                      "traceId": "abababababababababababababababab"
                    }
                  ]
                }
              ]
            }
          ]
        }
        "#);
    }
}
