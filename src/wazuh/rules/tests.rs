//! Loading: the order of files, single rules files with what is logged, the stock rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::ossec_conf::{self, Configuration, Role};
use super::files::{Files, files};
use super::*;

/// A manager's configuration around some sections.
pub(super) fn manager(sections: &str) -> Configuration {
    ossec_conf::read(format!("<ossec_config>{sections}</ossec_config>").as_bytes(), Role::Manager, None)
}

pub(super) fn load_texts(texts: &[&str], around: &Surroundings<'_>) -> Ruleset {
    let names = (0..texts.len()).map(|index| format!("r{index}.xml")).collect::<Vec<_>>();
    let sources = texts.iter().zip(&names);
    let sources = sources
        .map(|(text, name)| SourceFile { path: name.as_bytes(), content: Content::Bytes(text.as_bytes()) })
        .collect::<Vec<_>>();
    load(&sources, around)
}

/// The root of category syslog and some rules in a group `g,`.
fn with_root(rules: &str) -> Ruleset {
    let text = format!(
        "<group name=\"syslog,\"><rule id=\"1\" level=\"0\" noalert=\"1\"><category>syslog</category>\
         <description>root</description></rule></group><group name=\"g,\">{rules}</group>"
    );
    load_texts(&[&text], &Surroundings::default())
}

fn rule(id: u32, level: u32, body: &str) -> String {
    format!("<rule id=\"{id}\" level=\"{level}\">{body}<description>d</description></rule>")
}

/// Numbers of the messages, 0 for those without; a `!` says that analysisd exits.
fn said(set: &Ruleset) -> String {
    let words = set.messages.iter().filter(|message| message.logged).map(|message| {
        let end = if message.number == Some(1220) { "!" } else { "" };
        format!("{}{end}", message.number.unwrap_or(0))
    });
    words.collect::<Vec<_>>().join(" ")
}

fn ids(set: &Ruleset, rules: &[usize]) -> Vec<u32> {
    rules.iter().map(|&rule| set.rules[rule].id).collect()
}

/// The tree as text: `1(100(101) 102)`.
fn tree(set: &Ruleset) -> String {
    fn node(set: &Ruleset, at: usize) -> String {
        let own = set.rules[set.nodes[at].rule].id;
        let below = set.nodes[at].children.iter().map(|&child| node(set, child)).collect::<Vec<_>>();
        if below.is_empty() { own.to_string() } else { format!("{own}({})", below.join(" ")) }
    }
    set.roots.iter().map(|&root| node(set, root)).collect::<Vec<_>>().join(" ")
}

#[test]
fn trees() {
    for (rules, wanted, messages) in [
        (rule(100, 3, ""), "1(100)", ""),
        (rule(100, 3, "") + &rule(101, 5, ""), "1(101 100)", ""),
        (rule(100, 3, "") + &rule(101, 0, "") + &rule(102, 16, ""), "1(101 102 100)", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100</if_sid>"), "1(100(101))", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100, 1</if_sid>"), "1(100(101) 101)", ""),
        // A comma at the end is one number more, and 0 means the category.
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100,</if_sid>"), "1(100(101) 101)", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100 </if_sid>"), "1(100(101) 101)", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid> 100</if_sid>"), "1(100(101))", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100\n</if_sid>"), "1(100(101))", "7607"),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>\n100</if_sid>"), "1(100)", "7618"),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100;1</if_sid>"), "1(100)", "7618"),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid></if_sid>"), "1(100)", "7618"),
        (rule(100, 3, "") + &rule(101, 3, "<if_sid>100,999</if_sid>"), "1(100(101))", "7617"),
        (rule(100, 3, "<if_sid>1,100</if_sid>"), "1(100(100))", ""),
        (rule(100, 3, "<if_sid>100,1</if_sid>"), "1(100)", "7617"),
        (rule(101, 3, "<if_sid>999</if_sid>"), "1", "7617 7619"),
        (rule(101, 3, "<if_sid>998 999</if_sid>"), "1", "7617 7617 7619"),
        // Later rules cannot be parents.
        (rule(101, 3, "<if_sid>100</if_sid>") + &rule(100, 3, ""), "1(100)", "7617 7619"),
        (rule(100, 3, "") + &rule(100, 4, ""), "1(100)", "7612"),
        // The number is free again when the first was dropped.
        (rule(100, 3, "<if_sid>9</if_sid>") + &rule(100, 4, ""), "1(100)", "7617 7619"),
        (rule(100, 3, "") + &rule(101, 3, "<if_group>^g</if_group>"), "1(100(101))", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_group>syslog|G,</if_group>"), "1(100(101) 101)", ""),
        (rule(101, 3, "<if_group>none</if_group>"), "1", "7610"),
        // Level 0 counts as the highest.
        (rule(100, 3, "") + &rule(101, 3, "<if_level>4</if_level>"), "1(100 101)", ""),
        (rule(100, 3, "") + &rule(101, 3, "<if_level>3</if_level>"), "1(100(101) 101)", ""),
        (rule(101, 3, "<if_level>0</if_level>"), "1", "7609"),
        (rule(101, 3, "<if_level>x</if_level>"), "1", "7609"),
        (rule(101, 3, "<if_level>100</if_level>"), "1", "7608"),
        (rule(101, 3, "<category>ids</category>"), "1", "7611"),
        (rule(100, 3, "") + &rule(101, 3, "<if_matched_sid>100</if_matched_sid>"), "1(100(101))", ""),
        (rule(101, 3, "<if_matched_sid>100</if_matched_sid>"), "1", "7620"),
        (
            rule(100, 3, "") + &rule(101, 3, "<if_sid>999,100</if_sid><if_matched_sid>100</if_matched_sid>"),
            "1(100)",
            "7620",
        ),
        (rule(101, 3, "<if_matched_sid>1x</if_matched_sid>"), "1", "7615"),
        (rule(100, 3, "") + &rule(101, 3, "<if_matched_group>^g,</if_matched_group>"), "1(100(101))", ""),
        // Two parents, and a child below each of the two nodes.
        (
            rule(100, 3, "")
                + &rule(101, 3, "")
                + &rule(102, 3, "<if_sid>100,101</if_sid>")
                + &rule(103, 3, "<if_sid>102</if_sid>"),
            "1(100(102(103)) 101(102(103)))",
            "",
        ),
        // The search ends with the first of a row, so the second of two twins gets no child.
        (
            rule(100, 3, "")
                + &rule(102, 3, "<if_sid>100,100</if_sid>")
                + &rule(103, 3, "<if_sid>102</if_sid>"),
            "1(100(102(103) 102))",
            "",
        ),
        // 102 hangs below 1 and below 101, which stands behind it: only the first is found.
        (
            rule(101, 2, "")
                + &rule(102, 3, "<if_sid>1,101</if_sid>")
                + &rule(103, 3, "<if_sid>102</if_sid>"),
            "1(102(103) 101(102))",
            "",
        ),
    ] {
        let set = with_root(&rules);
        assert_eq!((tree(&set).as_str(), said(&set).as_str()), (wanted, messages), "{rules}");
    }
}

#[test]
fn overwrites() {
    let over = |attributes: &str, body: &str| {
        format!("<rule id=\"100\" overwrite=\"yes\" {attributes}>{body}<description>new</description></rule>")
    };
    let base = rule(100, 3, "<match>a</match><group>x,</group>") + &rule(101, 2, "");
    for (new, wanted, messages) in [
        (over("level=\"9\"", ""), "1(100 101)", ""),
        // It keeps its place: level 1 stays before level 2.
        (over("level=\"1\"", ""), "1(100 101)", ""),
        (over("level=\"1\"", "<if_sid>101</if_sid>"), "1(100 101)", "7605"),
        (over("level=\"1\"", "<if_group>syslog</if_group>"), "1(100 101)", "7605"),
        (over("level=\"1\"", "<if_level>2</if_level>"), "1(100 101)", "7605"),
        (over("level=\"1\"", "<if_matched_sid>101</if_matched_sid>"), "1(100 101)", "7605"),
        (over("level=\"1\"", "<if_matched_group>g</if_matched_group>"), "1(100 101)", "7605"),
        (over("level=\"1\"", "<if_sid>1;</if_sid>"), "1(100 101)", "7618"),
    ] {
        let set = with_root(&(base.clone() + &new));
        assert_eq!((tree(&set).as_str(), said(&set).as_str()), (wanted, messages), "{new}");
    }
    let set = with_root(&(base.clone() + &over("level=\"9\" noalert=\"1\"", "<options>no_ar</options>")));
    let rule = set.rule(100).unwrap();
    assert_eq!((rule.level, rule.noalert, rule.no_ar), (9, true, true));
    assert_eq!((rule.group.as_slice(), rule.conditions.len()), (&b"g,"[..], 0));
    assert_eq!((rule.description.as_slice(), rule.overwrites.len()), (&b"new"[..], 1));
    assert!(rule.place_in_force().span.start > rule.place.span.start);
    let set = with_root(&over("level=\"9\"", ""));
    assert_eq!((tree(&set).as_str(), said(&set).as_str()), ("1(100)", "7613"));
    // Overwriting with if_matched_... gives a rule nothing to search with.
    let set = with_root(&(base + &over("level=\"1\"", "<if_matched_sid>101</if_matched_sid>")));
    assert!(set.rule(100).unwrap().composite && set.rule(100).unwrap().is_unconditional());
}

#[test]
fn what_ends_analysisd_and_what_does_not() {
    let one = |attributes: &str, body: &str| {
        format!("<rule {attributes}>{body}<description>d</description></rule>")
    };
    for (rules, messages) in [
        (one("id=\"1000000\" level=\"3\"", ""), "0 0 1220!"),
        (one("id=\"x\" level=\"3\"", ""), "0 0 1220!"),
        (one("id=\"\" level=\"3\"", ""), "0 1220!"),
        (one("id=\"100\"", ""), "0 1220!"),
        (one("id=\"100\" level=\"17\"", ""), "0 0 1220!"),
        (one("id=\"100\" level=\"x\"", ""), "0 1220!"),
        (one("id=\"100\" level=\"\"", ""), ""),
        (one("ID=\"100\" Level=\"3\"", ""), ""),
        (one("id=\"100\" level=\"3\" frequency=\"1\"", ""), "0 0 1220!"),
        (one("id=\"100\" level=\"3\" frequency=\"2\"", ""), ""),
        (one("id=\"100\" level=\"3\" frequency=\"3\"", ""), "0 1220!"),
        (one("id=\"100\" level=\"3\" noalert=\"yes\"", ""), "0"),
        (one("id=\"100\" level=\"3\" overwrite=\"1\"", ""), "0 0 1220!"),
        (one("id=\"100\" level=\"3\" name=\"x\"", ""), "0 0 1220!"),
        (one("id=\"100\" level=\"3\"", "<nosuch>x</nosuch>"), "0 1220!"),
        (one("id=\"100\" level=\"3\"", "<MATCH>x</MATCH>"), ""),
        (one("id=\"100\" level=\"3\"", "<regex>\\q</regex>"), "5107 1220!"),
        (one("id=\"100\" level=\"3\"", "<regex type=\"pcre2\">\\q</regex>"), ""),
        (one("id=\"100\" level=\"3\"", "<match type=\"x\">a</match>"), "7600"),
        (one("id=\"100\" level=\"3\"", "<match negate=\"x\">a</match>"), "7600"),
        (one("id=\"100\" level=\"3\"", "<field name=\"a\">\\q</field>"), "5107 1220!"),
        (one("id=\"100\" level=\"3\"", "<field name=\"srcip\">a</field>"), "0 1220!"),
        (one("id=\"100\" level=\"3\"", "<field>a</field>"), "1220!"),
        (one("id=\"100\" level=\"3\"", "<srcip>300.1.1.1</srcip>"), "1237 1220!"),
        (one("id=\"100\" level=\"3\"", "<srcip>!10.0.0.0/8</srcip>"), ""),
        (one("id=\"100\" level=\"3\"", "<time>25-26</time>"), "1274 1220!"),
        (one("id=\"100\" level=\"3\"", "<weekday>!monday</weekday>"), "1241 1274 1220!"),
        (one("id=\"100\" level=\"3\"", "<category>x</category>"), "1273 1220!"),
        (one("id=\"100\" level=\"3\"", "<options>no-ar</options>"), "1235 0 1220!"),
        (one("id=\"100\" level=\"3\"", "<options> no_ar</options>"), "1235 0 1220!"),
        (one("id=\"100\" level=\"3\"", "<compiled_rule>x</compiled_rule>"), "0 1274 1220!"),
        (one("id=\"100\" level=\"3\"", "<same_source_ip />"), "0 1220!"),
        (one("id=\"100\" level=\"3\"", "<SAME_ID />"), "0 1220!"),
        (one("id=\"100\" level=\"3\"", "<same_agent />"), "0"),
        (one("id=\"100\" level=\"3\"", "<list field=\"user\">etc/lists/x</list>"), ""),
        (one("id=\"100\" level=\"3\"", "<list>etc/lists/x</list>"), "0 1274 1220!"),
        (one("id=\"100\" level=\"3\"", "<ignore>user,,id</ignore>"), "0 1220!"),
        (one("id=\"100\" level=\"3\"", "<mitre></mitre>"), "0"),
        ("<rule id=\"100\" level=\"3\"></rule>".to_owned(), "0 1220!"),
        ("<rule id=\"100\" level=\"3\"><match>x</match></rule>".to_owned(), "0 1220!"),
        ("<rule><match>x</match></rule>".to_owned(), "0 1220!"),
        ("<x id=\"1\"><match>x</match></x>".to_owned(), "0 1220!"),
        // A rule that is skipped is not read to its end.
        (one("id=\"100\" level=\"3\"", "<if_level>x</if_level><nosuch/>"), "7609"),
        (one("id=\"100\" level=\"3\"", &format!("<match>{}</match>", "x".repeat(2048))), "1104"),
    ] {
        assert_eq!(said(&with_root(&rules)), messages, "{rules}");
    }
    for (file, messages) in [
        ("", ""),
        (" ", "1202 1220!"),
        ("<!-- x -->", "1202 1220!"),
        ("<group>", "1226 1220!"),
        ("<group name=\"x\"></group>", "0 1220!"),
        ("<rules></rules>", "0 1220!"),
        ("<group></group>", "0 1220!"),
        ("<group name=\"x\" id=\"1\"></group>", "0 1220!"),
        ("<var name=\"A\">1</var><group name=\"$B,\"></group>", "1227 1220!"),
    ] {
        let set = load_texts(&[file], &Surroundings::default());
        assert_eq!(said(&set), messages, "{file}");
        assert_eq!(set.is_fatal(), messages.contains('!'), "{file}");
    }
    let missing =
        SourceFile { path: b"etc/rules/x.xml", content: Content::Missing(2, "No such file or directory") };
    let set = load(&[missing], &Surroundings::default());
    assert_eq!(
        set.messages[0].text,
        b"(1103): Could not open file 'etc/rules/x.xml' due to [(2)-(No such file or directory)]."
    );
    let unknown = SourceFile { path: b"x", content: Content::Unknown };
    assert!(!load(&[unknown], &Surroundings::default()).is_complete());
}

#[test]
fn messages_are_word_for_word() {
    let set = with_root(&(rule(100, 3, "") + &rule(100, 3, "") + &rule(101, 3, "<if_sid>999</if_sid>")));
    let texts = set.messages.iter().map(|one| String::from_utf8(one.text.clone()).unwrap());
    assert_eq!(
        texts.collect::<Vec<_>>(),
        [
            "(7612): Rule ID '100' is duplicated. Only the first occurrence will be considered.",
            "(7617): Signature ID '999' was not found and will be ignored in the 'if_sid' option of rule '101'.",
            "(7619): Empty 'if_sid' value. Rule '101' will be ignored.",
        ]
    );
    assert_eq!(set.dropped(101).count(), 1);
    let many = rule(100, 3, "").repeat(60);
    let set = with_root(&many);
    let logged = set.messages.iter().filter(|message| message.logged).count();
    assert_eq!((set.messages.len(), logged), (59, MAX_MESSAGES));
}

#[test]
fn older_versions_are_stricter() {
    let around = |text: &str| Surroundings { version: Version::parse(text), ..Surroundings::default() };
    let root = "<group name=\"s,\">".to_owned() + &rule(1, 0, "<category>syslog</category>");
    let two = root.clone() + &rule(100, 3, "") + &rule(100, 3, "") + "</group>";
    assert!(load_texts(&[&two], &around("4.2.7")).is_fatal());
    assert!(!load_texts(&[&two], &around("4.3.0")).is_fatal());
    let partial = root.clone() + &rule(100, 3, "<if_sid>1,999</if_sid>") + "</group>";
    assert!(load_texts(&[&partial], &around("4.2.7")).is_fatal());
    let old = load_texts(&[&partial], &around("4.3.7"));
    assert!(old.rule(100).is_none());
    assert_eq!(said(&old), "7606");
    assert!(load_texts(&[&partial], &around("4.3.8")).rule(100).is_some());
    // A line end behind the numbers.
    let end = root.clone() + &rule(100, 3, "<if_sid>1\n</if_sid>") + "</group>";
    let old = load_texts(&[&end], &around("4.3.7"));
    assert_eq!((old.rule(100).is_none(), said(&old).as_str()), (true, "7607"));
    assert!(load_texts(&[&end], &around("4.3.8")).rule(100).is_some());
    let odd = root.clone() + &rule(100, 3, "<if_sid>1;2</if_sid>") + "</group>";
    for (version, number) in [("4.3.0", "7607"), ("4.3.7", "7607"), ("4.3.8", "7618"), ("4.14.2", "7618")] {
        let set = load_texts(&[&odd], &around(version));
        assert_eq!((set.rule(100).is_none(), said(&set).as_str()), (true, number), "{version}");
    }
    let source = root.clone() + &rule(100, 3, "<if_matched_sid>999</if_matched_sid>") + "</group>";
    for (version, number) in [("4.3.7", "7606"), ("4.3.8", "7620")] {
        assert_eq!(said(&load_texts(&[&source], &around(version))), number, "{version}");
    }
    let over = root
        + &rule(100, 3, "")
        + "<rule id=\"100\" level=\"9\" overwrite=\"yes\"><if_sid>1</if_sid><description>d</description></rule></group>";
    for (version, level, messages) in [("4.2.7", 9, ""), ("4.3.0", 3, "7605"), ("4.3.1", 9, "7605")] {
        let set = load_texts(&[&over], &around(version));
        assert_eq!((set.rule(100).unwrap().level, said(&set).as_str()), (level, messages), "{version}");
    }
    for (version, group) in [("4.13.1", &b"s,a,\nb,"[..]), ("4.14.0", b"s,a,b,")] {
        let text = "<group name=\"s,\">".to_owned()
            + &rule(1, 0, "<category>syslog</category><group>a,\nb,</group>")
            + "</group>";
        assert_eq!(load_texts(&[&text], &around(version)).rule(1).unwrap().group, group, "{version}");
    }
}

/// Differences between versions are asked of rows with their source, never compared here.
#[test]
fn no_version_is_compared_outside_of_behavior() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wazuh");
    let mut files = vec![own.join("rules.rs")];
    files.extend(std::fs::read_dir(own.join("rules")).unwrap().map(|entry| entry.unwrap().path()));
    let mut asked = BTreeSet::new();
    for file in files {
        if file.file_name().is_some_and(|name| name == "tests.rs" || name == "cases.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for word in ["Version::new", "at_least(", ".major", ".minor"] {
            assert!(!text.contains(word), "{} compares versions: {word}", file.display());
        }
        let rows = text.split("behavior::").skip(1);
        asked.extend(
            rows.filter_map(|rest| rest.split(|c: char| !(c.is_ascii_uppercase() || c == '_')).next())
                .map(str::to_owned),
        );
    }
    asked.remove("");
    assert_eq!(asked.len(), 7, "{asked:?}");
    for name in asked {
        let id = name.to_ascii_lowercase().replace('_', "-");
        let row = crate::wazuh::behavior::ALL.iter().find(|row| row.id == id);
        let row = row.unwrap_or_else(|| panic!("no row {id}"));
        assert!(row.source.contains(".c "), "{id}: {}", row.source);
    }
}

#[test]
fn groups_and_levels() {
    let set = with_root(
        &(rule(100, 3, "<group>a,\nb</group><group>c,</group>")
            + "<rule id=\"101\" level=\"12\" accuracy=\"0\"><description>d</description></rule>"
            + "<rule id=\"102\" level=\"0\" accuracy=\"0\"><description>d</description></rule>"),
    );
    assert_eq!(set.rule(100).unwrap().group, b"g,a,bc,");
    let of = |id| {
        let rule = set.rule(id).unwrap();
        (rule.level, rule.response_level)
    };
    assert_eq!((of(100), of(101), of(102)), ((3, 3), (12, 0), (99, 0)));
    assert_eq!(tree(&set), "1(100 102 101)");
}

#[test]
fn lists_and_decoders() {
    let list = files::cdb_list(b"etc/lists/x.cdb", 0);
    assert_eq!((list.text.as_slice(), list.cdb.as_slice()), (&b"etc/lists/x"[..], &b"etc/lists/x.cdb"[..]));
    assert_eq!(files::cdb_list(b"x", 0).text, b"ruleset/rules/x");
    let decoders = BTreeSet::from([b"sshd".to_vec()]);
    let lists = [list];
    let around = Surroundings { decoders: Some(&decoders), lists: Some(&lists), ..Surroundings::default() };
    for (body, messages) in [
        ("<decoded_as>sshd</decoded_as>", ""),
        ("<decoded_as>windows_eventchannel</decoded_as>", ""),
        ("<decoded_as>SSHD</decoded_as>", "0 1220!"),
        ("<list field=\"user\">etc/lists/x</list>", ""),
        ("<list field=\"user\">etc/lists/y</list>", "7616"),
    ] {
        let text = format!(
            "<group name=\"g\">{}{}</group>",
            rule(1, 0, "<category>syslog</category>"),
            rule(100, 3, body)
        );
        assert_eq!(said(&load_texts(&[&text], &around)), messages, "{body}");
    }
    let names = decoder_names(&Parsed::of(
        b"<decoder name=\"a\"></decoder><decoder name=\"b\"><parent>a</parent></decoder>",
    ));
    assert_eq!(names.unwrap().len(), 2);
}

fn listed(sections: &str) -> Files {
    let conf = manager(sections);
    files(&conf, &|path| {
        let names: &[&str] = match path {
            b"ruleset/rules" => &["0020-b.xml", "0010-a.xml", "x.txt", ".", ".."],
            b"etc/rules" => &["local_rules.xml", "0015-c.xml", "UP.XML", "y.xml.bak"],
            b"ruleset/decoders" => &["0005-d.xml"],
            b"empty" => &[],
            _ => return None,
        };
        Some(names.iter().map(|name| name.as_bytes().to_vec()).collect())
    })
}

#[test]
fn files_come_in_analysisd_order() {
    let stock = "<rule_dir>ruleset/rules</rule_dir><rule_dir>etc/rules</rule_dir>";
    for (ruleset, wanted) in [
        ("", "ruleset/rules/0010-a.xml ruleset/rules/0020-b.xml"),
        (
            stock,
            "ruleset/rules/0010-a.xml etc/rules/0015-c.xml ruleset/rules/0020-b.xml etc/rules/UP.XML etc/rules/local_rules.xml",
        ),
        (
            "<rule_dir>ruleset/rules</rule_dir><rule_exclude>0020-b.xml</rule_exclude>",
            "ruleset/rules/0010-a.xml",
        ),
        (
            "<rule_dir>ruleset/rules</rule_dir><rule_exclude>ruleset/rules/0020-b.xml</rule_exclude>",
            "ruleset/rules/0010-a.xml",
        ),
        (
            "<rule_dir>ruleset/rules</rule_dir><rule_exclude>/ruleset/rules/0020-b.xml</rule_exclude>",
            "ruleset/rules/0010-a.xml ruleset/rules/0020-b.xml",
        ),
        // An exclusion does not touch what is included by name.
        (
            "<rule_include>0020-b.xml</rule_include><rule_dir>empty</rule_dir><rule_exclude>0020-b.xml</rule_exclude>",
            "ruleset/rules/0020-b.xml",
        ),
        ("<rule_include>etc/z.xml</rule_include><rule_dir>empty</rule_dir>", "etc/z.xml"),
        (
            "<rule_dir pattern=\"0015\">etc/rules</rule_dir><rule_dir>nosuch</rule_dir>",
            "etc/rules/0015-c.xml",
        ),
        // The same directory in two spellings is read twice.
        (
            "<rule_dir pattern=\"0015\">etc/rules</rule_dir><rule_dir pattern=\"0015\">etc/rules</rule_dir>",
            "etc/rules/0015-c.xml",
        ),
    ] {
        let files = listed(&format!("<ruleset>{ruleset}<list>x</list></ruleset>"));
        let got = files.rules.iter().map(|file| String::from_utf8_lossy(&file.path).into_owned());
        assert_eq!(got.collect::<Vec<_>>().join(" "), wanted, "{ruleset}");
        assert_eq!(files.fault, None);
    }
    let bad = listed("<ruleset><rule_dir pattern=\"\\q\">etc/rules</rule_dir></ruleset>");
    assert_eq!(bad.fault.unwrap().option, "rules_dir");
    let bad = listed("<ruleset><decoder_dir name=\"x\">etc/rules</decoder_dir></ruleset>");
    assert_eq!(bad.fault.unwrap().option, "decoder_dir");
    let gone = listed("<ruleset><rule_dir>nosuch</rule_dir></ruleset>");
    assert_eq!((gone.missing_directories.len(), gone.rules.len()), (1, 2));
    let idle = listed("<ruleset><rule_exclude>nosuch.xml</rule_exclude></ruleset>");
    assert_eq!(idle.idle_exclusions, [0]);
}

#[test]
fn the_last_ruleset_block_replaces_the_others() {
    let first =
        "<ruleset><rule_dir>etc/rules</rule_dir><rule_exclude>UP.XML</rule_exclude><list>a</list></ruleset>";
    let second = "<ruleset><decoder_dir>ruleset/decoders</decoder_dir></ruleset>";
    let both = listed(&format!("{first}{second}"));
    let paths = both.rules.iter().map(|file| file.path.as_slice()).collect::<Vec<_>>();
    assert_eq!(paths, [&b"ruleset/rules/0010-a.xml"[..], b"ruleset/rules/0020-b.xml"]);
    assert_eq!(both.lists.len(), 1);
    assert_eq!(both.replaced, [0, 1]);
    // A block that finds nothing leaves the one before.
    let both = listed(&format!("{first}<ruleset><rule_dir>empty</rule_dir><list>b</list></ruleset>"));
    assert_eq!(both.rules.len(), 2);
    assert_eq!(both.replaced, [2]);
}

#[test]
fn rules_that_cannot_win() {
    let attributed = |attributes: &str, body: &str| {
        format!("<rule {attributes}>{body}<description>d</description></rule>")
    };
    let parent = rule(100, 3, "<match>a</match>");
    for (rules, wanted) in [
        (parent.clone(), None),
        (parent.clone() + &rule(101, 3, "<if_sid>100</if_sid>"), Some(Never::ChildTakesAll { child: 101 })),
        (parent.clone() + &rule(101, 0, "<if_sid>100</if_sid>"), Some(Never::ChildTakesAll { child: 101 })),
        (parent.clone() + &rule(101, 3, "<if_sid>100</if_sid><match>b</match>"), None),
        (parent.clone() + &rule(101, 3, "<if_sid>100</if_sid><if_fts/>"), None),
        (parent.clone() + &rule(101, 3, "<if_sid>100</if_sid><decoded_as>x</decoded_as>"), None),
        (parent.clone() + &rule(101, 3, "<if_sid>100</if_sid><time>8-9</time>"), None),
        (parent.clone() + &attributed("id=\"101\" level=\"3\" maxsize=\"9\"", "<if_sid>100</if_sid>"), None),
        // The child steps back for a while: then 100 is the one that alerts.
        (parent.clone() + &attributed("id=\"101\" level=\"3\" ignore=\"60\"", "<if_sid>100</if_sid>"), None),
        (parent.clone() + &attributed("id=\"101\" level=\"3\" noalert=\"1\"", "<if_sid>100</if_sid>"), None),
        (
            parent.clone()
                + &attributed("id=\"101\" level=\"3\" noalert=\"1\"", "<if_sid>100</if_sid>")
                + &rule(102, 3, "<if_sid>101</if_sid>"),
            Some(Never::ChildTakesAll { child: 101 }),
        ),
        (attributed("id=\"100\" level=\"3\" noalert=\"1\"", "<match>a</match>"), Some(Never::NoAlert)),
        (rule(99, 5, "") + &parent, Some(Never::SiblingTakesAll { sibling: 99, instead_of: 100 })),
        (parent.clone() + &rule(99, 3, ""), None),
        (
            rule(98, 3, "<match>a</match>") + &rule(97, 9, "") + &rule(100, 3, "<if_sid>98</if_sid>"),
            Some(Never::SiblingTakesAll { sibling: 97, instead_of: 98 }),
        ),
        // One of two ways is open.
        (
            rule(98, 3, "<match>a</match>")
                + &rule(97, 9, "<match>b</match>")
                + &rule(96, 9, "<if_sid>98</if_sid>")
                + &rule(100, 3, "<if_sid>98,97</if_sid>"),
            None,
        ),
        (
            rule(98, 3, "<match>a</match>")
                + &rule(100, 3, "<if_sid>98</if_sid><if_matched_sid>777</if_matched_sid>"),
            Some(Never::NothingToCount),
        ),
        (
            rule(98, 0, "<match>a</match>") + &rule(100, 3, "<if_matched_sid>98</if_matched_sid>"),
            Some(Never::CountsSilent { source: 98 }),
        ),
        (rule(98, 3, "<match>a</match>") + &rule(100, 3, "<if_matched_sid>98</if_matched_sid>"), None),
        (
            rule(98, 0, "<match>a</match>")
                + &rule(99, 3, "<if_matched_sid>98</if_matched_sid>")
                + &rule(100, 3, "<if_sid>99</if_sid>"),
            Some(Never::Unreachable { ancestor: 99 }),
        ),
    ] {
        let set = with_root(&rules);
        assert_eq!(said(&set), "", "{rules}");
        assert_eq!(set.never_final(set.index(100).unwrap()), wanted, "{rules}");
    }
}

#[test]
fn a_tree_that_doubles_with_every_layer_is_cut_off() {
    let mut rules = rule(100, 3, "<match>a</match>") + &rule(101, 3, "<match>b</match>");
    for id in (102..150).step_by(2) {
        let parents = format!("<if_sid>{},{}</if_sid>", id - 2, id - 1);
        rules += &(rule(id, 3, &parents) + &rule(id + 1, 3, &parents));
    }
    let set = with_root(&rules);
    assert!(set.overgrown && !set.is_complete() && set.nodes.len() <= MAX_NODES);
    assert_eq!(set.never_final(set.index(100).unwrap()), None);
}

#[test]
fn relatives() {
    let set = with_root(
        &(rule(100, 3, "<match>a</match>")
            + &rule(101, 3, "<if_sid>100</if_sid><match>b</match>")
            + &rule(102, 3, "<if_sid>101</if_sid><match>c</match>")),
    );
    let at = |id| set.index(id).unwrap();
    assert_eq!(ids(&set, &set.descendants(at(100))), [101, 102]);
    assert_eq!(ids(&set, &set.ancestors(at(102))), [101, 100, 1]);
    assert_eq!(ids(&set, &set.children(at(101))), [102]);
    let silence = |id, level| set.rule(id).unwrap().silence(level);
    assert_eq!(silence(1, 3), Some(Silence::NoAlert));
    assert_eq!(silence(100, 3), None);
    assert_eq!(silence(100, 4), Some(Silence::BelowLogLevel { level: 3, wanted: 4 }));
}

/// The corpus, or nothing with a word about it: it is no part of this project.
fn corpus() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/stock-4.14");
    let path = std::env::var_os("STOCK_RULES").map_or(above, PathBuf::from);
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn xml_files(directory: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_encoded_bytes();
            ([b"ruleset/rules/", name.as_slice()].concat(), std::fs::read(entry.path()).unwrap())
        })
        .collect::<Vec<_>>();
    files.sort();
    files
}

#[test]
fn the_stock_rules() {
    let Some(corpus) = corpus() else { return };
    let rules = xml_files(&corpus.join("rules"));
    let decoders = xml_files(&corpus.join("decoders"))
        .iter()
        .flat_map(|(_, bytes)| decoder_names(&Parsed::of(bytes)).unwrap())
        .collect::<BTreeSet<_>>();
    let sources = rules
        .iter()
        .map(|(path, bytes)| SourceFile { path, content: Content::Bytes(bytes) })
        .collect::<Vec<_>>();
    let around = Surroundings { decoders: Some(&decoders), ..Surroundings::default() };
    let set = load(&sources, &around);
    assert_eq!(set.messages, []);
    assert_eq!(set.rules.len(), 4512);
    let unique = set.rules.iter().map(|rule| rule.id).collect::<BTreeSet<_>>();
    assert_eq!(unique.len(), 4512);

    let table = std::fs::read_to_string(corpus.join("rules.csv")).unwrap();
    let mut levels = BTreeMap::new();
    let mut lines = table.lines();
    let head = lines.next().unwrap().split(',').collect::<Vec<_>>();
    assert_eq!(head[..5], ["id", "level", "file", "noalert", "ignore"]);
    for line in lines {
        let fields = line.split(',').collect::<Vec<_>>();
        let rule = set.rule(fields[0].parse().unwrap()).unwrap();
        assert_eq!(rule.level.to_string(), fields[1], "{line}");
        assert_eq!(rule.noalert, fields[3] == "1", "{line}");
        assert_eq!(
            if rule.ignore_time == 0 { String::new() } else { rule.ignore_time.to_string() },
            fields[4],
            "{line}"
        );
        let file = &set.files[rule.place.file];
        assert_eq!(files::base_name(file), fields[2].as_bytes(), "{line}");
        *levels.entry(rule.level).or_insert(0) += 1;
    }
    assert_eq!(levels.values().sum::<i32>(), 4512);
    for (index, rule) in set.rules.iter().enumerate() {
        assert!(!set.nodes_of(index).is_empty(), "{}", rule.id);
        assert!(rule.id < 10 || !set.parents(index).is_empty(), "{}", rule.id);
    }
    // Nothing is claimed of rules that are known to alert.
    for id in [5710, 5712, 5715, 5716, 5763, 31103, 40111, 550, 657, 87105, 100_000] {
        if let Some(index) = set.index(id) {
            assert_eq!(set.never_final(index), None, "{id}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_file_is_read_to_an_end(
        parts in proptest::collection::vec(
            "<group name=\"[a$,]{0,3}\">|</group>|<rule id=\"[0-9]{1,2}\" level=\"[0-9]{1,2}\"( overwrite=\"yes\")?>|</rule>\
             |<(if_sid|if_group|if_level|if_matched_sid|if_matched_group|match|group|time|list|field)>[0-9a,|^$ ]{0,5}\
             |</(if_sid|if_group|if_level|if_matched_sid|if_matched_group|match|group|time|list|field)>\
             |<description>d</description>|<var name=\"[ab]\">|</var>|[$ab ]{0,3}",
            0..30,
        ),
    ) {
        let text = parts.concat();
        let set = load_texts(&[&text], &Surroundings::default());
        for rule in 0..set.rules.len() {
            let _ = (set.never_final(rule), set.descendants(rule), set.ancestors(rule));
        }
    }

    #[test]
    fn any_rules_are_hung_up_somewhere(
        bodies in proptest::collection::vec(
            ("[1-9]|1[0-9]", 0_u32..17, "(<if_sid>(1?[0-9][, ]){1,3}</if_sid>|<if_group>[gs|]{1,3}</if_group>|<if_level>[0-9]</if_level>|<if_matched_sid>1[0-9]</if_matched_sid>|<match>a</match>){0,2}", proptest::bool::ANY),
            1..25,
        ),
    ) {
        let rules = bodies.iter().map(|(id, level, body, over)| {
            let over = if *over { " overwrite=\"yes\"" } else { "" };
            format!("<rule id=\"{id}\" level=\"{level}\"{over}>{body}<description>d</description></rule>")
        });
        let set = with_root(&rules.collect::<String>());
        proptest::prop_assert!(!set.is_fatal());
        for (index, rule) in set.rules.iter().enumerate() {
            proptest::prop_assert!(!set.nodes_of(index).is_empty());
            proptest::prop_assert!(rule.id < 10 || !set.parents(index).is_empty());
            let _ = (set.never_final(index), set.descendants(index), set.ancestors(index));
        }
        for (index, node) in set.nodes.iter().enumerate() {
            let levels = node.children.iter().map(|&child| set.nodes[child].parent);
            proptest::prop_assert!(levels.into_iter().all(|parent| parent == Some(index)));
        }
    }
}

#[test]
fn the_last_words_are_those_of_the_fault_that_ends_it() {
    let rule = |id: u32, more: &str| {
        format!("<rule id=\"{id}\" level=\"3\"><description>x</description>{more}</rule>")
    };
    let words = |rules: &[String]| -> Vec<Option<u32>> {
        let text = format!("<group name=\"a,\">{}</group>", rules.concat());
        let set = load_texts(&[&text], &Surroundings::default());
        assert_eq!(set.refusal().is_some(), set.is_fatal());
        set.last_words().iter().map(|message| message.number).collect()
    };
    let twice = [rule(1, ""), rule(1, "")];
    assert_eq!(words(&twice), []);
    let options = rule(2, "<options>no_log,no_ar</options>");
    assert_eq!(words(std::slice::from_ref(&options)), [Some(1235), None, Some(1220)]);
    // A warning before it is none of them.
    assert_eq!(words(&[&twice[..], &[options]].concat()), [Some(1235), None, Some(1220)]);
    assert_eq!(words(&[rule(2, "<no_such>x</no_such>")]), [None, Some(1220)]);
}

#[test]
fn an_overwrite_that_takes_a_group_out_is_known() {
    let stock = "<group name=\"syslog,\"><rule id=\"1\" level=\"0\"><category>syslog</category><description>x</description></rule><rule id=\"100\" level=\"3\"><match>x</match><description>x</description><group>gone,</group></rule></group>";
    let over = |group: &str| {
        format!(
            "<group name=\"local,\"><rule id=\"100\" level=\"3\" overwrite=\"yes\"><match>x</match><description>x</description>{group}</rule></group>"
        )
    };
    for (overwrites, out) in [
        (&[][..], 0),
        (&[""], 1),
        (&["<group>gone,</group>"], 0),
        (&["<group>other,</group>"], 1),
        // The last one counts, against the first definition.
        (&["", "<group>gone,</group>"], 0),
        (&["<group>gone,</group>", ""], 1),
    ] {
        let texts: Vec<String> = overwrites.iter().map(|group| over(group)).collect();
        let all: Vec<&str> = std::iter::once(stock).chain(texts.iter().map(String::as_str)).collect();
        let set = load_texts(&all, &Surroundings::default());
        assert_eq!(set.rules_taken_out(b"gone").len(), out, "{overwrites:?}");
        assert!(set.rules_taken_out(b"local").is_empty());
    }
}
