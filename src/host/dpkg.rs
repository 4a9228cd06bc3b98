//! What dpkg remembers of a package: its stanza in the status file, and the
//! checksums of its files. Formats: deb-control(5), dpkg-query(1), md5sum(1).

use memchr::memmem;

/// Where dpkg keeps the state of all packages.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Where dpkg keeps the lists of files of a package.
pub const INFO: &str = "/var/lib/dpkg/info";

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, with epoch and revision (`4.14.2-1`).
    pub version: String,
    /// What is wanted (`install`, `hold`, `deinstall`).
    pub wanted: String,
    /// `ok`, or `reinstreq` when it has to be installed again.
    pub flag: String,
    /// How far it is (`installed`, `half-configured`, `config-files`).
    pub state: String,
}

impl Package {
    /// Whether dpkg began to install it and did not come to the end. Triggers that
    /// are still to be run leave a package that works.
    pub fn is_half_installed(&self) -> bool {
        self.flag == "reinstreq"
            || matches!(self.state.as_str(), "half-installed" | "unpacked" | "half-configured")
    }

    /// Whether its files are there, as far as dpkg knows.
    pub fn is_installed(&self) -> bool {
        matches!(
            self.state.as_str(),
            "installed" | "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending"
        )
    }

    /// The version of what is packaged: without epoch and revision.
    pub fn upstream(&self) -> &str {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, version)| version);
        version.rsplit_once('-').map_or(version, |(version, _)| version)
    }
}

/// The stanza of a package in the status file.
pub fn package(status: &[u8], name: &str) -> Option<Package> {
    let head = format!("Package: {name}\n");
    let start = if status.starts_with(head.as_bytes()) {
        0
    } else {
        memmem::find(status, format!("\n{head}").as_bytes())? + 1
    };
    let stanza = status.get(start..)?;
    let stanza = stanza.get(..memmem::find(stanza, b"\n\n").unwrap_or(stanza.len()))?;
    let field = |field: &str| {
        stanza.split(|&byte| byte == b'\n').find_map(|line| {
            let value = line.strip_prefix(field.as_bytes())?.strip_prefix(b":")?;
            Some(String::from_utf8_lossy(value).trim().to_owned())
        })
    };
    let status = field("Status")?;
    let mut words = status.split_whitespace().map(str::to_owned);
    Some(Package {
        name: name.to_owned(),
        wanted: words.next()?,
        flag: words.next()?,
        state: words.next()?,
        // A package that was never unpacked has none.
        version: field("Version").unwrap_or_default(),
    })
}

/// The MD5 of a file in the checksums of a package, in lower case. Paths there have
/// no `/` in front.
pub fn md5_of<'a>(sums: &'a [u8], path: &[u8]) -> Option<&'a str> {
    let path = path.strip_prefix(b"/").unwrap_or(path);
    sums.split(|&byte| byte == b'\n').find_map(|line| {
        let (sum, rest) = line.split_at_checked(32)?;
        let sum = std::str::from_utf8(sum)
            .ok()
            .filter(|sum| sum.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)))?;
        let name = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" *"))?;
        (name == path).then_some(sum)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"Package: wazuh-agent-dbg\nStatus: install ok installed\nVersion: 1\n\n\
        Package: wazuh-agent\nStatus: install reinstreq half-installed\nVersion: 1:4.14.2-1\nDescription: x\n Package: no\n\n\
        Package: last\nStatus: deinstall ok config-files\nVersion: 2";

    #[test]
    fn a_stanza_is_found_by_its_whole_name() {
        let found = package(TEXT, "wazuh-agent").unwrap();
        assert_eq!((found.state.as_str(), found.version.as_str()), ("half-installed", "1:4.14.2-1"));
        assert_eq!(found.upstream(), "4.14.2");
        assert!(found.is_half_installed() && !found.is_installed());
        assert_eq!(package(TEXT, "wazuh-agent-dbg").unwrap().version, "1");
        let last = package(TEXT, "last").unwrap();
        assert!(!last.is_half_installed() && !last.is_installed());
        assert_eq!(package(TEXT, "no"), None);
        assert_eq!(package(b"Package: x\nVersion: 1\n", "x"), None);
    }

    #[test]
    fn states_of_dpkg() {
        for (status, half, installed) in [
            ("install ok installed", false, true),
            ("hold ok installed", false, true),
            ("install ok unpacked", true, true),
            ("install ok half-configured", true, true),
            ("install ok triggers-pending", false, true),
            ("install reinstreq installed", true, true),
            ("deinstall ok config-files", false, false),
            ("purge ok not-installed", false, false),
        ] {
            let text = format!("Package: p\nStatus: {status}\nVersion: 1-1\n");
            let found = package(text.as_bytes(), "p").unwrap();
            assert_eq!((found.is_half_installed(), found.is_installed()), (half, installed), "{status}");
        }
    }

    #[test]
    fn checksums_are_found_by_path() {
        let sums = b"0123456789abcdef0123456789abcdef  var/ossec/a b\nxyz\n\
                     ffffffffffffffffffffffffffffffff *var/ossec/c\nG123456789abcdef0123456789abcdef  var/d\n";
        assert_eq!(md5_of(sums, b"/var/ossec/a b"), Some("0123456789abcdef0123456789abcdef"));
        assert_eq!(md5_of(sums, b"var/ossec/c"), Some("ffffffffffffffffffffffffffffffff"));
        assert_eq!(md5_of(sums, b"/var/d"), None);
        assert_eq!(md5_of(sums, b"/var/ossec/a"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(text: Vec<u8>, name in "[a-z-]{0,12}") {
            let _ = package(&text, &name).map(|found| found.upstream().len());
            let _ = md5_of(&text, name.as_bytes());
        }
    }
}
