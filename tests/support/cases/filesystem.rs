//! Rows about what the file system forbids although modes allow it: space, attributes, access control
//! lists, mounts.

use ar_doctor::findings::checks;
use ar_doctor::host::acl::Acl;
use ar_doctor::host::capture::{CaptureHost, EditError};
use ar_doctor::host::{Attributes, Fact, Host as _, Mount, Space, Value};

use super::{AGENT, AR_CONF, CONF, Case, MANAGER, fault, near, replace};

const AGENT_42: &str = "agent-4.2-debian";
const RHEL: &str = "agent-4.9-rhel";
const HOME: &str = "/var/ossec";
const BIN: &str = "/var/ossec/active-response/bin";
const SCRIPT: &str = "/var/ossec/active-response/bin/edge-block.sh";
const DROP: &str = "/var/ossec/active-response/bin/firewall-drop";
const LOG: &str = "/var/ossec/logs/active-responses.log";
const LOGS: &str = "/var/ossec/logs";
const SHARED: &str = "/var/ossec/etc/shared";
const HOSTS_DENY: &str = "/etc/hosts.deny";
const EXECD: u32 = 811;
const NOT_SPACE: &str = "how full a tree is says nothing of its host";
const NOT_MOUNTS: &str = "the options are those of a kernel in trouble, or of a process";

type Done = Result<(), EditError>;

fn immutable(host: &mut CaptureHost, path: &str) -> Done {
    host.set_attributes(path, Value::Known(Attributes { immutable: true, append_only: false }))?;
    Ok(())
}

fn append_only(host: &mut CaptureHost, path: &str) -> Done {
    host.set_attributes(path, Value::Known(Attributes { immutable: false, append_only: true }))?;
    Ok(())
}

fn list(host: &mut CaptureHost, path: &str, text: &str) -> Done {
    let acl = Acl::from_text(text.split(',')).unwrap_or_else(|error| panic!("{text}: {error}"));
    host.set_acl(path, &acl)?;
    Ok(())
}

/// A mount with options of its own and of the file system.
fn mounted(target: &str, fstype: &str, options: &str, of_all: &str) -> Mount {
    let split = |text: &str| text.split(',').map(str::to_owned).collect();
    Mount {
        target: target.into(),
        source: "/dev/sdb1".into(),
        fstype: fstype.into(),
        options: split(options),
        super_options: split(of_all),
        ..Mount::default()
    }
}

fn mount(host: &mut CaptureHost, target: &str, fstype: &str, options: &str, of_all: &str) {
    host.add_mount(mounted(target, fstype, options, of_all));
}

/// Half full.
const ROOM: Space = Space {
    block_size: 4096,
    blocks: 500_000,
    blocks_free: 250_000,
    blocks_available: 225_000,
    inodes: 100_000,
    inodes_free: 60_000,
    read_only: false,
};

const NO_BLOCK: Space = Space { blocks_free: 0, blocks_available: 0, ..ROOM };
const NO_INODE: Space = Space { inodes_free: 0, ..ROOM };

/// A file system of its own, as full as that.
fn full(host: &mut CaptureHost, target: &str, fstype: &str, space: Space) -> Done {
    mount(host, target, fstype, "rw,relatime", "rw");
    host.set_space(target, space);
    Ok(())
}

fn uses_host_deny(host: &mut CaptureHost, timeout: u32) -> Done {
    let line = format!("host-deny{timeout} - host-deny - {timeout}\n");
    replace(host, AR_CONF, "firewall-drop600 - firewall-drop - 600\n", &line)
}

/// execd has these mounts beside those of the host.
fn execd_has(host: &mut CaptureHost, more: Mount) -> Done {
    let mut mounts = host.mounts().get().cloned().unwrap_or_default();
    mounts.push(Mount { id: 900, parent: 1, root: "/".into(), ..more });
    host.change_process(EXECD, |detail| {
        detail.mounts = Fact::known("/proc/811/mountinfo", mounts);
        if let Value::Known(namespaces) = &mut detail.namespaces.value {
            namespaces.others.insert("mnt".to_owned());
        }
    })?;
    Ok(())
}

/// The same directory of the same disk, with other options.
fn again(target: &str, options: &str) -> Mount {
    Mount { source: "/dev/sda1".into(), ..mounted(target, "ext4", options, "rw") }
}

pub(super) const CASES: &[Case] = &[
    // --- access control lists --------------------------------------------------------------
    fault(checks::SCRIPT_NOT_EXECUTABLE, "the mask of a list takes x away", AGENT, |host| {
        list(host, SCRIPT, "user::rw-,user:998:r-x,group::r-x,mask::r--,other::---")
    }),
    fault(checks::SCRIPT_NOT_EXECUTABLE, "the mask of a list takes x away from a program", RHEL, |host| {
        list(host, DROP, "user::rw-,group::r-x,mask::---,other::---")
    }),
    near(checks::SCRIPT_NOT_EXECUTABLE, "x for a named user alone", AGENT, |host| {
        list(host, SCRIPT, "user::rw-,user:998:r-x,group::r--,mask::r-x,other::---")
    }),
    near(
        checks::SCRIPT_NOT_EXECUTABLE,
        "x for the owner, and a mask that takes it from all others",
        AGENT,
        |host| list(host, SCRIPT, "user::rwx,user:998:r-x,group::r-x,mask::---,other::---"),
    ),
    fault(checks::EXECUTABLE_WRITABLE, "a named user may write", AGENT, |host| {
        list(host, SCRIPT, "user::rwx,user:65534:rwx,group::r-x,mask::rwx,other::---")
    }),
    near(checks::EXECUTABLE_WRITABLE, "a mask with w, and nobody who has it", AGENT, |host| {
        list(host, SCRIPT, "user::rwx,user:998:r-x,group::r-x,mask::rwx,other::---")
    }),
    fault(checks::DIRECTORY_WRITABLE, "a named user may write to the directory", AGENT, |host| {
        list(host, BIN, "user::rwx,user:65534:rwx,group::r-x,mask::rwx,other::---")
    }),
    near(checks::DIRECTORY_WRITABLE, "a mask that takes w away", AGENT, |host| {
        list(host, BIN, "user::rwx,user:65534:rwx,group::rwx,mask::r-x,other::---")
    }),
    fault(
        checks::DIRECTORY_NOT_SEARCHABLE,
        "a named entry shuts user wazuh out of the home",
        AGENT,
        |host| list(host, HOME, "user::rwx,user:998:---,group::r-x,mask::r-x,other::---"),
    ),
    near(
        checks::DIRECTORY_NOT_SEARCHABLE,
        "a named entry lets user wazuh in, and the mode does not",
        AGENT,
        |host| {
            host.set_owner(HOME, 0, 0)?;
            list(host, HOME, "user::rwx,user:998:r-x,group::---,mask::r-x,other::---")
        },
    ),
    // --- the lock and the log --------------------------------------------------------------
    fault(checks::BIN_READ_ONLY, "an immutable directory", AGENT, |host| immutable(host, BIN)),
    fault(checks::BIN_READ_ONLY, "an append-only directory", AGENT, |host| append_only(host, BIN)),
    near(checks::BIN_READ_ONLY, "an immutable program", AGENT, |host| immutable(host, DROP)),
    fault(checks::AR_LOG_UNWRITABLE, "an immutable log", AGENT, |host| immutable(host, LOG)),
    fault(checks::AR_LOG_UNWRITABLE, "no log, and an immutable directory", AGENT, |host| {
        host.remove(LOG)?;
        immutable(host, LOGS)
    }),
    near(checks::AR_LOG_UNWRITABLE, "an append-only log", AGENT, |host| append_only(host, LOG)),
    near(checks::AR_LOG_UNWRITABLE, "an immutable directory with the log in it", AGENT, |host| {
        immutable(host, LOGS)
    }),
    // --- space -----------------------------------------------------------------------------
    fault(checks::DISK_FULL, "no inode left", AGENT, |host| {
        host.set_space("/", NO_INODE);
        Ok(())
    })
    .not_on_a_tree(NOT_SPACE),
    fault(checks::DISK_FULL, "no block left", RHEL, |host| {
        host.set_space("/", NO_BLOCK);
        Ok(())
    })
    .not_on_a_tree(NOT_SPACE),
    fault(checks::DISK_FULL, "the file system of the logs has no block left", AGENT, |host| {
        full(host, LOGS, "ext4", NO_BLOCK)
    })
    .not_on_a_tree(NOT_SPACE),
    fault(checks::DISK_FULL, "no log, and no inode to make one", AGENT, |host| {
        host.remove(LOG)?;
        full(host, LOGS, "tmpfs", NO_INODE)
    })
    .not_on_a_tree(NOT_SPACE),
    fault(checks::DISK_FULL, "hosts.deny takes no line any more", AGENT, |host| {
        uses_host_deny(host, 600)?;
        full(host, HOSTS_DENY, "ext4", NO_BLOCK)
    })
    .not_on_a_tree(NOT_SPACE),
    near(checks::DISK_FULL, "only what is reserved for root is left", AGENT, |host| {
        host.set_space("/", Space { blocks_free: 2000, ..NO_BLOCK });
        Ok(())
    })
    .not_on_a_tree(NOT_SPACE),
    near(checks::DISK_FULL, "a file system that counts no inodes", AGENT, |host| {
        host.set_space("/", Space { inodes: 0, inodes_free: 0, ..ROOM });
        Ok(())
    })
    .not_on_a_tree(NOT_SPACE),
    near(checks::DISK_FULL, "a lock directory in memory takes no block", AGENT, |host| {
        full(host, BIN, "tmpfs", NO_BLOCK)
    })
    .not_on_a_tree(NOT_SPACE),
    near(checks::DISK_FULL, "no inode, where the log is there already", AGENT, |host| {
        full(host, LOGS, "ext4", NO_INODE)
    })
    .not_on_a_tree(NOT_SPACE),
    // --- failed file systems ---------------------------------------------------------------
    fault(checks::FILE_SYSTEM_FAILED, "read-only after an error", AGENT, |host| {
        mount(host, HOME, "ext4", "relatime,ro,errors=remount-ro", "ro,errors=remount-ro");
        host.set_space(HOME, Space { read_only: true, ..ROOM });
        Ok(())
    })
    .not_on_a_tree(NOT_MOUNTS),
    fault(checks::FILE_SYSTEM_FAILED, "the kernel says that it stopped writing the logs", AGENT, |host| {
        mount(host, LOGS, "ext4", "rw,relatime,emergency_ro", "rw,emergency_ro");
        host.set_space(LOGS, ROOM);
        Ok(())
    })
    .not_on_a_tree(NOT_MOUNTS),
    near(checks::FILE_SYSTEM_FAILED, "where nothing is written", AGENT, |host| {
        mount(host, "/var/ossec/ruleset", "ext4", "relatime,ro,errors=remount-ro", "ro,errors=remount-ro");
        Ok(())
    })
    .not_on_a_tree(NOT_MOUNTS),
    // --- ar.conf ---------------------------------------------------------------------------
    fault(checks::AR_CONF_FROZEN, "an immutable ar.conf", AGENT, |host| immutable(host, AR_CONF)),
    fault(checks::AR_CONF_FROZEN, "an immutable ar.conf that has fallen behind", AGENT, |host| {
        let merged = "/var/ossec/etc/shared/merged.mg";
        let list = super::text(host, AR_CONF) + "door-watch0 - edge-block.sh - 0\n";
        host.write(merged, format!("#default\n!{} ar.conf\n{list}", list.len()))?;
        immutable(host, AR_CONF)
    }),
    fault(checks::AR_CONF_FROZEN, "an append-only directory", AGENT, |host| append_only(host, SHARED)),
    fault(checks::AR_CONF_FROZEN, "an immutable merged.mg", AGENT_42, |host| {
        immutable(host, "/var/ossec/etc/shared/merged.mg")
    }),
    fault(checks::AR_CONF_FROZEN, "a mask takes w away from the group", AGENT, |host| {
        list(host, SHARED, "user::rwx,user:65534:r-x,group::rwx,mask::r-x,other::---")
    }),
    fault(checks::AR_CONF_FROZEN, "a directory that the group may not write to", AGENT, |host| {
        host.set_mode(SHARED, 0o750)?;
        Ok(())
    }),
    fault(checks::AR_CONF_FROZEN, "a read-only mount", AGENT, |host| {
        mount(host, SHARED, "ext4", "ro,relatime", "ro");
        Ok(())
    })
    .mounted(SHARED, "ro"),
    near(checks::AR_CONF_FROZEN, "an ar.conf that only root may write", AGENT, |host| {
        host.set_owner(AR_CONF, 0, 0)?.set_mode(AR_CONF, 0o444)?;
        Ok(())
    }),
    near(
        checks::AR_CONF_FROZEN,
        "a named entry lets user wazuh write, and the mode of the group does not",
        AGENT,
        |host| {
            host.set_owner(SHARED, 0, 0)?;
            list(host, SHARED, "user::rwx,user:998:rwx,group::r-x,mask::rwx,other::---")
        },
    ),
    near(checks::AR_CONF_FROZEN, "an immutable ossec.conf", AGENT, |host| immutable(host, CONF)),
    // --- hosts.deny ------------------------------------------------------------------------
    fault(checks::HOSTS_DENY_UNWRITABLE, "immutable", AGENT, |host| {
        uses_host_deny(host, 600)?;
        immutable(host, HOSTS_DENY)
    }),
    fault(checks::HOSTS_DENY_UNWRITABLE, "append-only, and there is a timeout", AGENT, |host| {
        uses_host_deny(host, 600)?;
        append_only(host, HOSTS_DENY)
    }),
    fault(checks::HOSTS_DENY_UNWRITABLE, "on a read-only mount", AGENT, |host| {
        uses_host_deny(host, 600)?;
        mount(host, "/etc", "ext4", "ro,relatime", "ro");
        Ok(())
    })
    .mounted("/etc", "ro"),
    fault(checks::HOSTS_DENY_UNWRITABLE, "read-only where execd lives", AGENT, |host| {
        uses_host_deny(host, 600)?;
        execd_has(host, again("/etc", "ro,relatime"))?;
        same_directory(host, "/etc")
    })
    .not_on_a_tree(NOT_MOUNTS),
    near(
        checks::HOSTS_DENY_UNWRITABLE,
        "read-only where execd lives, and no response uses it",
        AGENT,
        |host| {
            execd_has(host, again("/etc", "ro,relatime"))?;
            same_directory(host, "/etc")
        },
    )
    .not_on_a_tree(NOT_MOUNTS),
    near(checks::HOSTS_DENY_UNWRITABLE, "append-only, and nothing is undone", AGENT, |host| {
        uses_host_deny(host, 0)?;
        append_only(host, HOSTS_DENY)
    }),
    near(checks::HOSTS_DENY_UNWRITABLE, "immutable, and no response uses it", AGENT, |host| {
        immutable(host, HOSTS_DENY)
    }),
    // --- starting again --------------------------------------------------------------------
    fault(checks::START_BLOCKED, "an immutable directory of the socket", AGENT, |host| {
        immutable(host, "/var/ossec/queue/alerts")
    }),
    fault(checks::START_BLOCKED, "an append-only directory of the socket", AGENT_42, |host| {
        append_only(host, "/var/ossec/queue/alerts")
    }),
    fault(checks::START_BLOCKED, "an immutable directory of pid files, and no execd", AGENT, |host| {
        host.remove_process(EXECD)?;
        immutable(host, "/var/ossec/var/run")
    })
    .not_on_a_tree("trees have no processes"),
    fault(checks::START_BLOCKED, "an immutable ar.conf of a manager", MANAGER, |host| {
        immutable(host, AR_CONF)
    }),
    fault(checks::START_BLOCKED, "the directory of pid files is read-only", AGENT, |host| {
        mount(host, "/var/ossec/var/run", "tmpfs", "ro,relatime", "ro");
        Ok(())
    })
    .mounted("/var/ossec/var/run", "ro"),
    near(checks::START_BLOCKED, "an append-only directory of pid files", AGENT, |host| {
        append_only(host, "/var/ossec/var/run")
    }),
    // --- other mounts ----------------------------------------------------------------------
    fault(checks::EXECD_OTHER_MOUNTS, "noexec where execd lives", AGENT, |host| {
        execd_has(host, again(HOME, "rw,relatime,noexec"))?;
        same_directory(host, HOME)
    })
    .not_on_a_tree(NOT_MOUNTS),
    fault(checks::EXECD_OTHER_MOUNTS, "read-only where execd lives", AGENT, |host| {
        execd_has(host, again(HOME, "ro,relatime"))?;
        same_directory(host, HOME)
    })
    .not_on_a_tree(NOT_MOUNTS),
    fault(checks::EXECD_OTHER_MOUNTS, "another file system where execd lives", AGENT, |host| {
        execd_has(host, mounted(BIN, "overlay", "rw,relatime", "rw"))
    })
    .not_on_a_tree(NOT_MOUNTS),
    near(checks::EXECD_OTHER_MOUNTS, "another /tmp where execd lives", AGENT, |host| {
        execd_has(host, mounted("/tmp", "ext4", "rw,noexec", "rw"))
    })
    .not_on_a_tree(NOT_MOUNTS),
    near(checks::EXECD_OTHER_MOUNTS, "the same directory, mounted on itself", AGENT, |host| {
        execd_has(host, again(HOME, "rw,relatime"))?;
        same_directory(host, HOME)
    })
    .not_on_a_tree(NOT_MOUNTS),
    fault(checks::BIN_HIDDEN, "a mount without the shipped programs", AGENT, |host| {
        let names = host.list(BIN.as_ref());
        for name in names.get().into_iter().flatten().filter(|name| *name != "edge-block.sh") {
            host.remove(std::path::Path::new(BIN).join(name))?;
        }
        mount(host, BIN, "ext4", "rw,relatime", "rw");
        host.set_space(BIN, ROOM);
        Ok(())
    })
    .mounted(BIN, "rw"),
    near(checks::BIN_HIDDEN, "a mount with the shipped programs", AGENT, |host| {
        full(host, BIN, "ext4", ROOM)
    })
    .mounted(BIN, "rw"),
    fault(checks::FUSE_WITHOUT_ROOT, "sshfs of a user", AGENT, |host| {
        mount(host, BIN, "fuse.sshfs", "rw,nosuid,nodev", "rw,user_id=1000,group_id=1000");
        Ok(())
    })
    .not_on_a_tree("it needs a FUSE server"),
    near(checks::FUSE_WITHOUT_ROOT, "sshfs of a user that lets others in", AGENT, |host| {
        mount(host, BIN, "fuse.sshfs", "rw,nosuid,nodev", "rw,user_id=1000,group_id=1000,allow_other");
        Ok(())
    })
    .not_on_a_tree("it needs a FUSE server"),
];

/// The last mount of execd is a directory of the disk it lies on, not the disk's first one.
fn same_directory(host: &mut CaptureHost, directory: &str) -> Done {
    host.change_process(EXECD, |detail| {
        if let Value::Known(mounts) = &mut detail.mounts.value
            && let Some(last) = mounts.last_mut()
        {
            last.root = directory.into();
        }
    })?;
    Ok(())
}
