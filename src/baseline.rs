//! An earlier report of the same host, to compare today's state with: the file
//! that `check --format json` wrote and `check --baseline` reads.
//!
//! Only what is compared is kept: the scripts, the definitions of responses, and the
//! findings; a field more here, and one more reason to refuse in [`Baseline::read`], is
//! all that another comparison needs.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The newest version of the report's format that is read: the one that is written.
pub const SCHEMA_VERSION: u32 = 2;

/// Title of the schema that has to be read, as users know it.
const MAKE_ONE: &str = "make one with `ar-doctor check --format json`";

/// What is recorded of an executable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    /// Path on the host.
    pub path: String,
    /// Whether a file is there; none when that was not seen.
    pub present: Option<bool>,
    /// Bytes.
    pub size: Option<u64>,
    /// Permission bits in octal (`0750`).
    pub mode: Option<String>,
    /// `root:wazuh`; numbers where there is no name.
    pub owner: Option<String>,
    /// Last change of the content.
    pub mtime: Option<String>,
    /// SHA-256 of the content, in lower case.
    pub sha256: Option<String>,
}

impl Recorded {
    /// The differences that matter, as `what was -> is`: none where one side was not seen.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        if self.present != Some(true) || now.present != Some(true) {
            return Vec::new();
        }
        let mut all = Vec::new();
        let mut differ = |what: &str, was: Option<String>, is: Option<String>| {
            if let (Some(was), Some(is)) = (was, is)
                && was != is
            {
                all.push(format!("{what} {was} -> {is}"));
            }
        };
        let short = |sum: &Option<String>| sum.as_ref().map(|sum| sum.chars().take(16).collect());
        differ("mode", self.mode.clone(), now.mode.clone());
        differ("owner", self.owner.clone(), now.owner.clone());
        differ("size", self.size.map(|size| size.to_string()), now.size.map(|size| size.to_string()));
        differ("SHA-256", short(&self.sha256), short(&now.sha256));
        all
    }

    /// All that is recorded, in one line.
    pub fn told(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.mode.as_ref().map(|mode| format!("mode {mode}")));
        parts.extend(self.owner.as_ref().map(|owner| format!("owner {owner}")));
        parts.extend(self.size.map(|size| format!("{size} bytes")));
        parts.extend(self.sha256.as_ref().map(|sum| format!("SHA-256 {sum}")));
        parts.extend(self.mtime.as_ref().map(|mtime| format!("written {mtime}")));
        parts.join(", ")
    }
}

/// What is recorded of a response.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Definition {
    /// File and block, or line.
    pub id: String,
    /// Its name.
    pub name: String,
    /// SHA-256 of its definition without comments and blanks; none where it has none.
    #[serde(default)]
    pub definition_sha256: Option<String>,
    /// Its executable.
    pub executable: Option<String>,
}

/// Which host a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct About {
    /// Host name.
    #[serde(default)]
    pub name: Option<String>,
    /// The host's clock.
    #[serde(default)]
    pub clock: Option<String>,
    /// The Wazuh directory.
    pub home: Option<String>,
    /// `manager`, `worker`, `agent`, `local`.
    pub role: Option<String>,
    /// Version of Wazuh.
    pub wazuh_version: Option<String>,
}

/// A finding of an earlier report.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Earlier {
    /// Its name over time.
    pub fingerprint: String,
    /// Id of its check.
    pub id: String,
    /// Slug of its check.
    pub slug: String,
    /// What it did: `error`, `warning`, `advice`.
    pub severity: String,
    /// What did not work, in a sentence.
    pub title: String,
    /// Ids of the responses it stopped or bent.
    #[serde(default)]
    pub responses: Vec<String>,
    /// Place of the list of these ids in [`Baseline::response_sets`], since format 2.
    #[serde(default)]
    pub response_set: Option<usize>,
}

/// What became of the findings since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Fingerprints that both reports have.
    pub same: BTreeSet<String>,
    /// Findings that only the earlier one has.
    pub gone: Vec<Gone>,
}

/// A finding that only the earlier report has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What it was.
    pub was: Earlier,
    /// Its check could be made for everything today, so that it is mended; else it was not seen.
    pub examined: bool,
}

/// An earlier report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The file as the user named it.
    pub shown: String,
    /// Which host it is about.
    pub about: About,
    /// Its scripts.
    pub executables: Vec<Recorded>,
    /// Its responses.
    pub responses: Vec<Definition>,
    /// Lists of ids of responses that several findings have.
    pub response_sets: Vec<Vec<String>>,
    /// Its findings, in its order.
    pub findings: Vec<Earlier>,
}

#[derive(Deserialize)]
struct Tool {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Head {
    schema_version: u32,
    tool: Tool,
}

#[derive(Deserialize)]
struct Document {
    host: About,
    responses: Vec<Definition>,
    #[serde(default)]
    response_sets: Vec<Vec<String>>,
    /// Only `check` writes them.
    headline: serde_json::Value,
    #[serde(default)]
    executables: Option<Vec<Recorded>>,
    findings: Vec<Earlier>,
}

/// Why a file cannot be compared with. Each message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It is no JSON.
    #[error("it is no JSON ({0}); {MAKE_ONE}")]
    NotJson(serde_json::Error),
    /// It is JSON of something else.
    #[error("it is no report of `ar-doctor check`; {MAKE_ONE}")]
    NotAReport,
    /// Its format is of the future.
    #[error(
        "it is of format {found}, written by ar-doctor {by}, and this program reads formats up to {SCHEMA_VERSION}; use that version or a newer one"
    )]
    TooNew {
        /// Its format.
        found: u32,
        /// What wrote it.
        by: String,
    },
    /// It was written before scripts were recorded.
    #[error("ar-doctor {by}, which wrote it, did not record the scripts; {MAKE_ONE}")]
    TooOld {
        /// What wrote it.
        by: String,
    },
    /// It is about another host.
    #[error("it is about another host: {what} is {was} there and {is} here; name a report of this one")]
    OtherHost {
        /// What differs.
        what: &'static str,
        /// There.
        was: String,
        /// Here.
        is: String,
    },
}

impl Baseline {
    /// Reads a report of `check`.
    ///
    /// # Errors
    ///
    /// When it is none, or one that this program cannot read.
    pub fn read(shown: impl Into<String>, bytes: &[u8]) -> Result<Self, Unfit> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(Unfit::NotJson)?;
        let head = Head::deserialize(&value).map_err(|_| Unfit::NotAReport)?;
        if head.tool.name != "ar-doctor" {
            return Err(Unfit::NotAReport);
        }
        if head.schema_version > SCHEMA_VERSION {
            return Err(Unfit::TooNew { found: head.schema_version, by: head.tool.version });
        }
        let document = Document::deserialize(&value).map_err(|_| Unfit::NotAReport)?;
        if !(document.headline.is_null() || document.headline.is_string()) {
            return Err(Unfit::NotAReport);
        }
        let executables = document.executables.ok_or(Unfit::TooOld { by: head.tool.version })?;
        Ok(Self {
            shown: shown.into(),
            about: document.host,
            executables,
            responses: document.responses,
            response_sets: document.response_sets,
            findings: document.findings,
        })
    }

    /// Whether it is about this host. What one of both does not say is no difference.
    ///
    /// # Errors
    ///
    /// When it is about another one.
    pub fn fits(&self, here: &About) -> Result<(), Unfit> {
        let was = &self.about;
        let manager = |role: &Option<String>| role.as_ref().map(|role| (role == "agent").to_string());
        for (what, there, present, differs) in [
            ("its name", &was.name, &here.name, was.name != here.name),
            ("the Wazuh directory", &was.home, &here.home, was.home != here.home),
            ("the role", &was.role, &here.role, manager(&was.role) != manager(&here.role)),
        ] {
            if let (Some(there), Some(present), true) = (there, present, differs) {
                return Err(Unfit::OtherHost { what, was: there.clone(), is: present.clone() });
            }
        }
        Ok(())
    }

    /// What became of its findings. `today` are the fingerprints of today's, `unknown` says whether
    /// a check could not be made today for everything, `is_asked` whether today's report is about
    /// one of these responses.
    pub fn compare(
        &self,
        today: &BTreeSet<String>,
        unknown: impl Fn(&str) -> bool,
        is_asked: impl Fn(&[String]) -> bool,
    ) -> Comparison {
        let (same, gone): (Vec<&Earlier>, Vec<&Earlier>) =
            self.findings.iter().partition(|was| today.contains(&was.fingerprint));
        Comparison {
            same: same.into_iter().map(|was| was.fingerprint.clone()).collect(),
            gone: gone
                .into_iter()
                .filter(|was| is_asked(self.responses_of(was)))
                .map(|was| Gone { was: was.clone(), examined: !unknown(&was.id) })
                .collect(),
        }
    }

    /// Ids of the responses that a finding stopped or bent.
    fn responses_of<'a>(&'a self, finding: &'a Earlier) -> &'a [String] {
        let set = finding.response_set.and_then(|set| self.response_sets.get(set));
        set.unwrap_or(&finding.responses)
    }

    /// Its name in evidence, with its time where that is known.
    pub fn told(&self) -> String {
        match &self.about.clock {
            Some(clock) => format!("{} of {clock}", self.shown),
            None => self.shown.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const REPORT: &str = r#"{"schema_version":1,"tool":{"name":"ar-doctor","version":"9"},"headline":null,
        "host":{"name":"web","home":"/var/ossec","role":"agent","wazuh_version":"4.9.2","new":1},
        "responses":[{"id":"a","name":"b","executable":"c","definition_sha256":null}],
        "executables":[{"path":"/p","present":true,"size":3,"mode":"0750","owner":"root:wazuh","mtime":"t","sha256":"aa"}],
        "findings":[{"fingerprint":"AR034:file:/p","id":"AR034","slug":"s","severity":"error","title":"t","responses":["a"]},
        {"fingerprint":"AR041:file:/p","id":"AR041","slug":"s","severity":"error","title":"t","responses":["a"],"new":1}]}"#;

    fn said(text: &str) -> String {
        Baseline::read("f", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_report_is_read_and_others_are_refused() {
        let read = Baseline::read("f", REPORT.as_bytes()).unwrap();
        assert_eq!((read.executables.len(), read.responses.len()), (1, 1));
        assert!(said("{").contains("no JSON"));
        assert!(said("[]").contains("no report"));
        assert!(said("{\"schema_version\":1}").contains("no report"));
        assert!(said(&REPORT.replace("ar-doctor", "other")).contains("no report"));
        assert!(
            said(&REPORT.replace("_version\":1", "_version\":7"))
                .contains("format 7, written by ar-doctor 9")
        );
        assert!(said(&REPORT.replace("\"executables\"", "\"other\"")).contains("did not record"));
        // `show` writes no headline.
        assert!(said(&REPORT.replace("\"headline\":null,", "")).contains("no report"));
    }

    #[test]
    fn only_the_same_host_fits() {
        let read = Baseline::read("f", REPORT.as_bytes()).unwrap();
        let here = |name: Option<&str>, home: &str, role: &str| About {
            name: name.map(str::to_owned),
            home: Some(home.to_owned()),
            role: Some(role.to_owned()),
            ..About::default()
        };
        assert!(read.fits(&here(Some("web"), "/var/ossec", "agent")).is_ok());
        assert!(read.fits(&here(None, "/var/ossec", "agent")).is_ok());
        assert!(read.fits(&here(Some("db"), "/var/ossec", "agent")).is_err());
        assert!(read.fits(&here(Some("web"), "/opt/ossec", "agent")).is_err());
        assert!(read.fits(&here(Some("web"), "/var/ossec", "worker")).is_err());
        // A manager may have become a worker.
        let manager = REPORT.replace("\"agent\"", "\"manager\"");
        let read = Baseline::read("f", manager.as_bytes()).unwrap();
        assert!(read.fits(&here(Some("web"), "/var/ossec", "worker")).is_ok());
    }

    #[test]
    fn only_what_both_saw_differs() {
        let was = Recorded {
            path: "/p".into(),
            present: Some(true),
            mode: Some("0750".into()),
            sha256: Some("aa".into()),
            ..Recorded::default()
        };
        let mut now = Recorded { mtime: Some("later".into()), ..was.clone() };
        assert!(was.differences(&now).is_empty());
        now.mode = Some("0640".into());
        now.sha256 = None;
        assert_eq!(was.differences(&now), ["mode 0750 -> 0640"]);
        now.present = None;
        assert!(was.differences(&now).is_empty());
    }

    #[test]
    fn findings_are_new_same_gone_or_not_examined() {
        let read = Baseline::read("f", REPORT.as_bytes()).unwrap();
        let today: BTreeSet<String> = ["AR034:file:/p", "AR110:file:/p"].map(str::to_owned).into();
        let compared = read.compare(&today, |_| false, |_| true);
        assert_eq!(compared.same, BTreeSet::from(["AR034:file:/p".to_owned()]));
        assert_eq!(compared.gone.len(), 1);
        assert!(compared.gone[0].was.id == "AR041" && compared.gone[0].examined);
        assert!(!read.compare(&today, |id| id == "AR041", |_| true).gone[0].examined);
        assert!(read.compare(&today, |_| false, |ids| ids != ["a"]).gone.is_empty());
        let findings = REPORT.replace(r#""responses":["a"]"#, r#""responses":[],"response_set":0"#);
        let sets = findings.replace("\"headline\"", r#""response_sets":[["a"]],"headline""#);
        let read = Baseline::read("f", sets.as_bytes()).unwrap();
        assert!(read.compare(&today, |_| false, |ids| ids != ["a"]).gone.is_empty());
        assert_eq!(read.compare(&today, |_| false, |ids| ids == ["a"]).gone.len(), 1);
        // One that is cut short by hand.
        let read = Baseline::read("f", findings.as_bytes()).unwrap();
        assert_eq!(read.compare(&today, |_| false, <[String]>::is_empty).gone.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes: Vec<u8>) {
            let _ = Baseline::read("f", &bytes);
        }
    }
}
