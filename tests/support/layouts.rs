//! Healthy hosts of other layouts, made from the base hosts: versions between theirs, the other family of
//! distributions, and containers.

use std::fs;
use std::path::Path;

use ar_doctor::host::capture::CaptureHost;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::base_path;

/// A family of distributions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// dpkg, AppArmor.
    Debian,
    /// rpm, SELinux.
    Rhel,
}

/// One layout.
#[derive(Clone, Debug)]
pub struct Layout {
    /// `agent` or `manager`.
    pub role: &'static str,
    /// Without a `v`.
    pub version: &'static str,
    /// Whose packages.
    pub family: Family,
    /// In a container, as the official images and Compose files have it, and let
    /// near the firewall of the host.
    pub is_container: bool,
}

const VERSIONS: [&str; 7] = ["4.2.5", "4.3.11", "4.7.5", "4.9.2", "4.12.0", "4.14.2", "5.0.0"];

/// Of both roles, all versions, families and kinds of host.
pub fn layouts() -> impl Iterator<Item = Layout> {
    let families = [Family::Debian, Family::Rhel];
    let kinds = families.into_iter().flat_map(|family| [(family, false), (family, true)]);
    let kinds: Vec<(Family, bool)> = kinds.collect();
    ["agent", "manager"].into_iter().flat_map(move |role| {
        let kinds = kinds.clone();
        VERSIONS.into_iter().flat_map(move |version| {
            kinds.clone().into_iter().map(move |(family, is_container)| Layout {
                role,
                version,
                family,
                is_container,
            })
        })
    })
}

impl Layout {
    /// As tests name it.
    pub fn name(&self) -> String {
        let kind = if self.is_container { "container" } else { "systemd" };
        format!("{} {} {:?} {kind}", self.role, self.version, self.family)
    }

    /// The base host that is nearest to it.
    fn base(&self) -> String {
        let minor: u32 = self.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
        let nearest = match (self.version.starts_with('5'), minor, self.family) {
            (true, ..) => "5.0-debian",
            (_, 2, _) => "4.2-debian",
            (_, _, Family::Rhel) => "4.9-rhel",
            (_, 3..=7, _) => "4.2-debian",
            _ => "4.14-debian",
        };
        format!("{}-{nearest}", self.role)
    }

    /// The host, and the directory its files are read from.
    pub fn host(&self) -> (TempDir, CaptureHost) {
        let base = self.base();
        let from = base_path(&base);
        let text = fs::read_to_string(from.join("host.json")).unwrap_or_else(|error| panic!("{error}"));
        let mut host: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{base}: {error}"));
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        copy(&from.join("files"), &directory.path().join("files"));

        if self.family == Family::Rhel && !base.ends_with("rhel") {
            to_rhel(&mut host, &directory.path().join("files"));
        }
        if base.contains("4.2") && self.version != "4.2.5" {
            // `ossec` is `wazuh` since 4.3.
            let renamed = host.to_string().replace("\"ossec\"", "\"wazuh\"");
            host = serde_json::from_str(&renamed).unwrap_or_else(|error| panic!("{base}: {error}"));
        }
        self.set_version(&mut host, directory.path());
        if self.is_container {
            self.to_container(&mut host);
        }
        prune(&host, &directory.path().join("files"));
        fs::write(directory.path().join("host.json"), host.to_string())
            .unwrap_or_else(|error| panic!("{error}"));
        let host = CaptureHost::open(directory.path());
        let host = host.unwrap_or_else(|error| panic!("{}: {error}", self.name()));
        (directory, host)
    }

    /// Where Wazuh is.
    fn home(&self) -> &'static str {
        if self.version.starts_with('5') && self.role == "manager" {
            "/var/wazuh-manager"
        } else {
            "/var/ossec"
        }
    }

    fn set_version(&self, host: &mut Value, directory: &Path) {
        let home = directory.join("files").join(&self.home()[1..]);
        let old = ["4.2.5", "4.9.2", "4.14.2", "5.0.0"];
        let replace = |path: &Path| {
            let Ok(text) = fs::read_to_string(path) else { return };
            let text = old.iter().fold(text, |text, old| text.replace(old, self.version));
            fs::write(path, text).unwrap_or_else(|error| panic!("{error}"));
        };
        replace(&home.join("bin/wazuh-control"));
        replace(&home.join("VERSION.json"));
        replace(&directory.join("files/var/lib/dpkg/status"));
        // 4.12 is the first with this file.
        let minor: u32 = self.version.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(0);
        let has = self.version.starts_with('5') || minor >= 12;
        let path = format!("{}/VERSION.json", self.home());
        if has && !files(host).contains_key(&path) {
            let text = format!("{{\"version\": \"{}\", \"stage\": \"rc1\"}}\n", self.version);
            files(host).insert(path, json!({"mode": "0440", "text": text}));
        } else if !has {
            files(host).remove(&path);
        }
    }

    fn to_container(&self, host: &mut Value) {
        for gone in
            ["/usr/lib/systemd/system/wazuh-agent.service", "/usr/lib/systemd/system/wazuh-manager.service"]
        {
            files(host).remove(gone);
        }
        files(host).insert("/.dockerenv".to_owned(), json!({"mode": "0755", "text": ""}));
        // What the runtime hides.
        hide(host, &["/sys/fs/selinux", "/sys/kernel/security/apparmor", "/sys/module/apparmor"]);
        let home = self.home();
        let volume = |target: String| {
            json!({"target": target, "source": "/dev/sda1", "type": "ext4", "options": "rw,relatime",
                   "super_options": "rw", "root": format!("/var/lib/docker/volumes/{}/_data", target.replace('/', "_"))})
        };
        let mut mounts = vec![
            json!({"target": "/", "source": "overlay", "type": "overlay", "options": "rw,relatime",
                   "super_options": "rw,lowerdir=/l/A:/l/B,upperdir=/o/diff,workdir=/o/work"}),
            json!({"target": "/proc", "source": "proc", "type": "proc", "options": "rw,nosuid,nodev,noexec,relatime", "super_options": "rw"}),
            json!({"target": "/dev/shm", "source": "shm", "type": "tmpfs", "options": "rw,nosuid,nodev,noexec,relatime", "super_options": "rw,size=65536k"}),
            json!({"target": "/etc/hostname", "source": "/dev/sda1", "type": "ext4", "options": "rw,relatime",
                   "super_options": "rw", "root": "/var/lib/docker/containers/c0ffee/hostname"}),
        ];
        // All volumes lie on the disk that the container lies on.
        let disk = host["space"]["/"].clone();
        let mut space = json!({"/": disk, "/dev/shm": host["space"]["/tmp"]});
        for below in ["etc", "logs", "queue", "active-response/bin"] {
            let target = format!("{home}/{below}");
            if files(host).keys().any(|path| path.starts_with(&target)) {
                space[&target] = disk.clone();
                mounts.push(volume(target));
            }
        }
        host["mounts"] = Value::Array(mounts);
        host["space"] = space;
        if let Some(sockets) = host["unix_sockets"].as_array_mut() {
            sockets.retain(|socket| socket["path"] != "/run/systemd/private");
        }
        let init = "/package/admin/s6-2.11.3.2/command/s6-svscan";
        if let Some(first) = host["processes"].get_mut(0) {
            first["comm"] = json!("s6-svscan");
            first["exe"] = json!(init);
            first["detail"]["cgroup"] = json!("/");
            first["detail"]["descriptors"] = json!([]);
        }
        // What Docker leaves, and NET_ADMIN, which the responses need.
        let left = "00000000a80435fb";
        let defaults = &mut host["process_defaults"];
        defaults["cgroup"] = json!("/");
        defaults["seccomp"] = json!("filter");
        defaults["capabilities"] = json!({"permitted": left, "effective": left, "bounding": left});
        defaults["label"] = json!(match self.family {
            Family::Debian => "docker-default (enforce)",
            Family::Rhel => "system_u:system_r:spc_t:s0",
        });
        for process in host["processes"].as_array_mut().into_iter().flatten() {
            if let Some(own) = process.pointer_mut("/detail/capabilities/bounding") {
                *own = json!(left);
            }
        }
    }
}

fn files(host: &mut Value) -> &mut Map<String, Value> {
    host["files"].as_object_mut().unwrap_or_else(|| panic!("a capture has files"))
}

/// Takes trees away: known to be absent.
fn hide(host: &mut Value, trees: &[&str]) {
    for tree in trees {
        files(host).retain(|path, _| !Path::new(path).starts_with(tree));
        if let Some(absent) = host["absent"].as_array_mut()
            && !absent.iter().any(|one| one == tree)
        {
            absent.push(json!(tree));
        }
    }
}

/// A Debian host as Red Hat's would be: no dpkg, no AppArmor, SELinux enforcing.
fn to_rhel(host: &mut Value, contents: &Path) {
    let text = fs::read_to_string(base_path("agent-4.9-rhel").join("host.json"));
    let text = text.unwrap_or_else(|error| panic!("{error}"));
    let model: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    hide(
        host,
        &["/var/lib/dpkg", "/sys/module/apparmor", "/sys/kernel/security/apparmor", "/etc/apparmor.d"],
    );
    if let Some(absent) = host["absent"].as_array_mut() {
        absent.retain(|one| one != "/sys/fs/selinux");
    }
    let mut defaults = model["defaults"].clone();
    let label = defaults["/var/ossec"]["selinux"].clone();
    if let Some(defaults) = defaults.as_object_mut() {
        defaults.remove("/var/ossec");
    }
    for (path, own) in host["defaults"].as_object().into_iter().flatten() {
        if path != "/" {
            defaults[path] = own.clone();
            defaults[path]["selinux"] = label.clone();
        }
    }
    host["defaults"] = defaults;
    host["process_defaults"]["label"] = model["process_defaults"]["label"].clone();
    for (path, file) in model["files"].as_object().into_iter().flatten() {
        let of_selinux = ["/etc/selinux", "/sys/fs/selinux", "/var/log/audit"];
        if of_selinux.iter().any(|tree| path.starts_with(tree)) {
            files(host).insert(path.clone(), file.clone());
            let content = base_path("agent-4.9-rhel").join("files").join(&path[1..]);
            if content.is_file() {
                let target = contents.join(&path[1..]);
                fs::create_dir_all(target.parent().unwrap_or(contents))
                    .and_then(|()| fs::copy(content, target))
                    .unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        } else if let (Some(label), Some(own)) = (file.get("selinux"), files(host).get_mut(path)) {
            own["selinux"] = label.clone();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("{error}"));
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{error}")) {
        let entry = entry.unwrap_or_else(|error| panic!("{error}"));
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// Removes contents of files the host no longer has.
fn prune(host: &Value, contents: &Path) {
    fn below(directory: &Path, root: &Path, host: &Value) {
        for entry in fs::read_dir(directory).unwrap_or_else(|error| panic!("{error}")) {
            let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
            if path.is_dir() {
                below(&path, root, host);
                continue;
            }
            let inside = Path::new("/").join(path.strip_prefix(root).unwrap_or(&path));
            if host["files"].get(inside.to_string_lossy().as_ref()).is_none() {
                fs::remove_file(&path).unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }
    below(contents, contents, host);
}
