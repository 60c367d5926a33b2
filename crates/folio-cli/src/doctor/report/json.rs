//! The report as one JSON object.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;

use serde_json::{Map, Value, json};

use super::super::experiment::{Finding, Unable};
use super::super::subject::VERDICTS;
use super::super::verdict::Ruling;
use super::super::{Answer, Outcome};
use super::{Header, Report, Summary};

/// The report as JSON; it is written at the end.
#[derive(Debug)]
pub(in super::super) struct Json<W> {
    out: W,
    object: Map<String, Value>,
    findings: Vec<Value>,
    failures: Vec<Value>,
    verdicts: Vec<Value>,
}

impl<W: Write> Json<W> {
    pub(in super::super) fn new(out: W) -> Self {
        Self {
            out,
            object: Map::new(),
            findings: Vec::new(),
            failures: Vec::new(),
            verdicts: Vec::new(),
        }
    }
}

impl<W: Write> Report for Json<W> {
    fn begin(&mut self, header: &Header) -> io::Result<()> {
        let Header { dir, file_system, no_files, kernel: [system, release, machine], page_size } =
            header;
        let mut place = json!({
            "dir": dir.to_string_lossy(),
            "file_system": file_system.name,
            "magic": file_system.magic,
            "options": file_system.options,
            "no_files": no_files,
            "page_size": page_size,
        });
        if dir.to_str().is_none() {
            let bytes = dir.as_os_str().as_bytes();
            place["dir_hex"] =
                bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        }
        self.object.insert("place".into(), place);
        let kernel = json!({ "system": system, "release": release, "machine": machine });
        self.object.insert("kernel".into(), kernel);
        Ok(())
    }

    fn outcome(&mut self, outcome: &Outcome) -> io::Result<()> {
        let (group, name) = (outcome.group, outcome.experiment.name);
        match &outcome.result {
            Ok(findings) => {
                self.findings.extend(findings.iter().map(|finding| object(group, name, finding)));
            }
            Err(Unable::NotHere { why, means }) => {
                let finding = Finding::not_here(outcome.experiment.about, why, means);
                self.findings.push(object(group, name, &finding));
            }
            Err(Unable::Failed { what, why }) => self
                .failures
                .push(json!({ "group": group, "experiment": name, "what": what, "why": why })),
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let Answer { question, result, against } = answer;
        match result {
            Ok(Ruling { fit, uses, why, measured }) => self.verdicts.push(json!({
                "for": question.label,
                "verdict": fit,
                "uses": uses,
                "why": why,
                "rests_on": question.rests_on,
                "against": against,
                "measured": numbers(measured),
            })),
            Err(unable) => self.failures.extend(failure(VERDICTS, question.name, unable)),
        }
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        let Summary { ok, differs, not_here, failed, took } = summary;
        self.object.insert("findings".into(), std::mem::take(&mut self.findings).into());
        self.object.insert("verdicts".into(), std::mem::take(&mut self.verdicts).into());
        self.object.insert("failures".into(), std::mem::take(&mut self.failures).into());
        self.object.insert("summary".into(), json!({ "ok": ok, "differs": differs, "not_here": not_here, "failed": failed, "seconds": took.as_secs_f64() }));
        let object = Value::Object(std::mem::take(&mut self.object));
        self.out.write_all(format!("{object:#}\n").as_bytes())
    }
}

fn object(group: &str, experiment: &str, finding: &Finding) -> Value {
    json!({
        "group": group,
        "experiment": experiment,
        "part": finding.part,
        "verdict": finding.verdict,
        "promised": finding.promised,
        "seen": finding.seen,
        "means": finding.means,
        "as_root": finding.as_root,
        "measured": numbers(&finding.measured),
    })
}

fn failure(group: &str, experiment: &str, unable: &Unable) -> Option<Value> {
    match unable {
        Unable::NotHere { .. } => None,
        Unable::Failed { what, why } => {
            Some(json!({ "group": group, "experiment": experiment, "what": what, "why": why }))
        }
    }
}

fn numbers(measured: &[(String, f64)]) -> Map<String, Value> {
    measured.iter().map(|(name, value)| (name.clone(), (*value).into())).collect()
}
