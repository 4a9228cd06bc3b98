//! What the responses of this host ask of the kernel: from the table of what Wazuh's own programs
//! call, and from the programs that the text of a script calls.

use std::path::Path;

use super::{Executable, Facts};
use crate::findings::Evidence;
use crate::host::FileType;
use crate::host::capability::{self, Program, Reach};
use crate::wazuh::stock::{self, FIREWALL_CMD, IPTABLES, ROUTE};
use crate::wazuh::xml::Span;

/// One thing that a response calls, and what that asks.
#[derive(Clone, Debug)]
pub struct Demand<'f> {
    /// The response's executable.
    pub executable: &'f Executable,
    /// What it calls, or the file it writes.
    pub by: String,
    /// What the called program asks.
    pub capabilities: Vec<u32>,
    /// Families of sockets.
    pub families: &'static [&'static str],
    /// What it has to do with the network.
    pub reaches: Reach,
    /// Paths that are written.
    pub writes: Vec<String>,
    /// It needs its set-user-ID bit unless root starts it.
    pub is_setuid: bool,
    /// It makes code at run time.
    pub makes_code: bool,
    /// Where the program lies, when it is known.
    pub program: Option<String>,
    /// Not on every run.
    pub optional: bool,
    /// It is one of Wazuh's own programs: what it does is known.
    pub shipped: bool,
    /// Where a script calls it.
    pub evidence: Option<Evidence>,
}

impl<'f> Demand<'f> {
    fn of(executable: &'f Executable, by: impl Into<String>, program: &Program) -> Self {
        Self {
            executable,
            by: by.into(),
            capabilities: program.capabilities.to_vec(),
            families: program.families,
            reaches: program.reaches,
            writes: program.writes.iter().map(|path| (*path).to_owned()).collect(),
            is_setuid: program.is_setuid,
            makes_code: program.makes_code,
            program: None,
            optional: false,
            shipped: true,
            evidence: None,
        }
    }
}

impl Facts<'_> {
    /// What all responses of this host ask.
    pub fn demands(&self) -> Vec<Demand<'_>> {
        let mut demands = Vec::new();
        for executable in self.executables() {
            if executable.file().is_none() {
                continue;
            }
            if executable.elf.get().is_some() {
                self.shipped_demands(executable, &mut demands);
            } else {
                self.script_demands(executable, &mut demands);
            }
        }
        demands
    }

    fn shipped_demands<'f>(&'f self, executable: &'f Executable, demands: &mut Vec<Demand<'f>>) {
        let is_shipped = stock::program_named(&executable.name)
            .is_some_and(|program| program.contracts.contains(&self.contract()));
        if !is_shipped {
            return;
        }
        let hosts_deny = || {
            let mut demand =
                Demand::of(executable, String::from_utf8_lossy(&executable.name), &capability::PLAIN);
            demand.writes = vec!["/etc/hosts.deny".to_owned()];
            demand
        };
        match executable.name.as_slice() {
            b"firewall-drop" => demands.extend(self.iptables(executable)),
            b"route-null" => demands.extend(self.route(executable)),
            b"host-deny" => demands.push(hosts_deny()),
            b"disable-account" => {
                if let Some(passwd) = capability::program("passwd") {
                    let mut demand = Demand::of(executable, "passwd", passwd);
                    // The new file gets the group of the old one, and root may read it.
                    let shadow = self.resolve(Path::new("/etc/shadow"));
                    if let Some(shadow) = shadow.get() {
                        if shadow.meta.gid != 0 {
                            demand.capabilities.push(capability::CHOWN);
                        }
                        if shadow.meta.mode & 0o600 != 0o600 {
                            demand.capabilities.push(capability::DAC_OVERRIDE);
                        }
                    }
                    demands.push(demand);
                }
            }
            b"wazuh-slack" => {
                if let Some(curl) = capability::program("curl") {
                    demands.push(Demand::of(executable, "curl", curl));
                }
            }
            // The first way that is there counts; firewalld does its work in another process.
            b"block-ip" => {
                let is_there = |tool: &stock::Tool| self.find_tool(tool).get().is_some();
                if is_there(&FIREWALL_CMD) {
                } else if is_there(&IPTABLES) {
                    demands.extend(self.iptables(executable));
                } else if self.resolve(Path::new("/etc/hosts.deny")).get().is_some() {
                    demands.push(hosts_deny());
                } else {
                    demands.extend(self.route(executable));
                }
            }
            _ => {}
        }
    }

    /// iptables, of the kind that is there; none where there is none, which is another fault.
    fn iptables<'f>(&self, executable: &'f Executable) -> Option<Demand<'f>> {
        let found = self.find_tool(&IPTABLES);
        let (_, target) = found.get()?;
        let is_legacy = target.path.to_string_lossy().contains("legacy");
        let program = if is_legacy { &capability::LEGACY } else { capability::program("iptables")? };
        let mut demand = Demand::of(executable, "iptables", program);
        demand.program = Some(target.path.display().to_string());
        Some(demand)
    }

    fn route<'f>(&self, executable: &'f Executable) -> Option<Demand<'f>> {
        let found = self.find_tool(&ROUTE);
        let (_, target) = found.get()?;
        let mut demand = Demand::of(executable, "route", capability::program("route")?);
        demand.program = Some(target.path.display().to_string());
        Some(demand)
    }

    fn script_demands<'f>(&'f self, executable: &'f Executable, demands: &mut Vec<Demand<'f>>) {
        let file = self.script(executable);
        let text = file.bytes.get().map_or(&[][..], Vec::as_slice);
        for tool in self.calls(executable) {
            let known = capability::program(&tool.name);
            let program = known.unwrap_or(&capability::PLAIN);
            let line = text.get(tool.span.start..).unwrap_or_default();
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let line = String::from_utf8_lossy(line);
            let says = |word: &&str| {
                if word.chars().all(char::is_alphanumeric) {
                    line.split(|letter: char| !letter.is_alphanumeric()).any(|part| part == *word)
                } else {
                    line.contains(*word)
                }
            };
            let changes = program.words.is_empty() || program.words.iter().any(says);
            let mut demand =
                Demand::of(executable, tool.name.clone(), if changes { program } else { &capability::PLAIN });
            demand.shipped = false;
            demand.optional = tool.optional;
            demand.program = self.place_of(&tool.name);
            if known.is_some_and(|program| program.name == "iptables" || program.name == "ip6tables")
                && demand.program.as_ref().is_some_and(|place| place.contains("legacy"))
            {
                demand = Demand { capabilities: capability::LEGACY.capabilities.to_vec(), ..demand };
                demand.families = capability::LEGACY.families;
            }
            let span = Span { start: tool.span.start, end: tool.span.end };
            demand.evidence = Some(file.excerpt(span, "called here"));
            demands.push(demand);
        }
    }

    /// Where a program of a script lies without links; none when it is not found.
    fn place_of(&self, name: &str) -> Option<String> {
        let target = if name.starts_with('/') {
            self.resolve(Path::new(name)).get()?.clone()
        } else {
            let (path, _) = self.execd_path();
            let found = self.find_in_path(&path, name.as_bytes());
            self.resolve(found.get()?).get()?.clone()
        };
        (target.meta.file_type == FileType::Regular).then(|| target.path.display().to_string())
    }
}
