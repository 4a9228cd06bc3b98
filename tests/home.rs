//! Which installation is found on a host, and what it is.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use ar_doctor::facts::install::{self, Install, NotFound};
use ar_doctor::host::Host as _;
use ar_doctor::host::capture::CaptureHost;
use ar_doctor::wazuh::install::Kind;
use ar_doctor::wazuh::version::{Contract, Version};

const UNIT: &str = "/usr/lib/systemd/system/wazuh-agent.service";

fn find(host: &CaptureHost) -> Result<Install, NotFound> {
    install::find(host, None)
}

/// The agent, moved to another directory.
fn moved(to: &str) -> CaptureHost {
    let mut host = support::base("agent-4.14-debian");
    host.rename("/var/ossec", to).expect("the home is there");
    host
}

#[test]
fn the_default_home_and_the_one_of_a_unit_file() {
    let host = support::base("agent-4.14-debian");
    assert_eq!(find(&host).expect("a home").home, Path::new("/var/ossec"));

    let mut host = moved("/srv/siem/ossec");
    host.write(UNIT, "[Service]\nExecStart=/usr/bin/env /srv/siem/ossec/bin/wazuh-control start\n")
        .expect("a unit");
    let install = find(&host).expect("a home");
    assert_eq!(install.home, Path::new("/srv/siem/ossec"));
    assert_eq!(install.named_by, UNIT);
}

#[test]
fn the_home_of_ossec_init_conf() {
    let mut host = moved("/srv/ossec");
    host.remove(UNIT).expect("the unit is there");
    assert!(matches!(find(&host), Err(NotFound::None { .. })));
    host.write("/etc/ossec-init.conf", "DIRECTORY=\"/srv/ossec\"\nVERSION=\"v4.1.5\"\nTYPE=\"agent\"\n")
        .expect("a file");
    let install = find(&host).expect("a home");
    assert_eq!(install.home, Path::new("/srv/ossec"));
}

#[test]
fn version_and_contract_from_what_is_on_the_disk() {
    let mut host = support::base("agent-4.14-debian");
    let version = |host: &CaptureHost| {
        let install = find(host).expect("a home");
        (install.version.get().copied(), install.contract(), install.group())
    };
    assert_eq!(version(&host), (Some(Version::new(4, 14, 2)), Contract::Json4, "wazuh"));
    host.write("/var/ossec/VERSION.json", "{\"version\": broken").expect("the file is there");
    assert_eq!(version(&host).0, Some(Version::new(4, 14, 2)), "the control script says it too");
    host.remove("/var/ossec/VERSION.json").expect("the file is there");
    host.write("/var/ossec/bin/wazuh-control", "VERSION=\"v4.2.5\"\nTYPE=\"agent\"\n")
        .expect("the file is there");
    assert_eq!(version(&host), (Some(Version::new(4, 2, 5)), Contract::Json4, "ossec"));
    host.write("/var/ossec/bin/wazuh-control", "TYPE=\"agent\"\n").expect("the file is there");
    assert_eq!(
        version(&host),
        (None, Contract::Json4, "wazuh"),
        "an unknown version counts as the newest 4.x"
    );
    // Up to 4.1 only ossec-init.conf names the version.
    host.rename("/var/ossec/bin/wazuh-control", "/var/ossec/bin/ossec-control").expect("the file is there");
    host.write("/etc/ossec-init.conf", "DIRECTORY=\"/var/ossec\"\nVERSION=\"v4.1.5\"\nTYPE=\"agent\"\n")
        .expect("a file");
    assert_eq!(version(&host), (Some(Version::new(4, 1, 5)), Contract::Args, "ossec"));
}

#[test]
fn the_kind_from_the_control_script_or_the_programs() {
    for (base, kind) in [("agent-4.14-debian", Kind::Agent), ("manager-4.14-debian", Kind::Server)] {
        let mut host = support::base(base);
        assert_eq!(find(&host).expect("a home").kind.get(), Some(&kind), "{base}");
        host.write("/var/ossec/bin/wazuh-control", "VERSION=\"v4.14.2\"\n").expect("the file is there");
        assert_eq!(find(&host).expect("a home").kind.get(), Some(&kind), "{base} by its programs");
    }
}

#[test]
fn an_agent_beside_a_manager_has_to_be_chosen() {
    let mut host = support::base("agent-4.14-debian");
    host.write("/var/wazuh-manager/etc/wazuh-manager.conf", "<wazuh_config></wazuh_config>\n")
        .expect("a file");
    match find(&host) {
        Err(NotFound::Several { homes, .. }) => assert_eq!(homes.len(), 2, "{homes:?}"),
        other => panic!("{other:?}"),
    }
    let install = install::find(&host, Some(Path::new("/var/wazuh-manager"))).expect("a home");
    assert_eq!(install.contract(), Contract::Json5);
    assert!(matches!(install::find(&host, Some(Path::new("/tmp"))), Err(NotFound::NotAHome { .. })));
}

#[test]
fn a_link_to_the_home_is_no_second_one() {
    let mut host = moved("/data/ossec");
    host.symlink("/var/ossec", "/data/ossec").expect("a link");
    assert!(host.entry("/var/ossec".as_ref()).get().is_some());
    host.write(UNIT, "[Service]\nExecStart=/usr/bin/env /data/ossec/bin/wazuh-control start\n")
        .expect("a unit");
    assert_eq!(find(&host).expect("one home").home, Path::new("/data/ossec"));
}

#[test]
fn an_identity_without_its_key() {
    let install = find(&support::base("agent-4.14-debian")).expect("a home");
    let identity = install.identity.get().expect("an identity");
    assert_eq!((identity.id.as_str(), identity.name.as_str()), ("003", "web-01"));
    assert!(!format!("{install:?}").contains("0123456789abcdef"));
}
