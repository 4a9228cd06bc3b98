use super::super::ar_conf;
use super::*;

/// The tables of the observations, with a configuration of our own around each row.
const COMMAND: &str =
    "<command><name>fd</name><executable>fd</executable><timeout_allowed>yes</timeout_allowed></command>";

fn response(inside: &str) -> String {
    format!("<active-response>{inside}</active-response>")
}

fn local(inside: &str) -> String {
    response(&format!("<command>fd</command><location>local</location>{inside}"))
}

fn root(inside: &str) -> String {
    format!("<ossec_config>{inside}</ossec_config>")
}

fn manager(text: &str) -> Configuration {
    read(text.as_bytes(), Role::Manager, None)
}

fn agent(text: &str) -> Configuration {
    read(text.as_bytes(), Role::Agent, None)
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn logs(conf: &Configuration, daemon: &str) -> Vec<String> {
    conf.daemon(daemon)
        .unwrap()
        .logs
        .iter()
        .map(|log| format!("{}: {}", log.level.word(), utf8(&log.text)))
        .collect()
}

/// ar.conf without the lines that are always there.
fn added(conf: &Configuration) -> String {
    let whole = utf8(&conf.ar_conf);
    whole.strip_prefix(&utf8(&ar_conf::builtin_text(None))).unwrap().to_owned()
}

const FAILS: [&str; 2] = [
    "ERROR: (1202): Configuration error at 'etc/ossec.conf'.",
    "CRITICAL: (1202): Configuration error at 'etc/ossec.conf'.",
];

/// One row: the configuration, what analysisd says before its 1202 lines, whether it starts,
/// and what stands in ar.conf.
fn row(id: &str, xml: &str, said: &str, starts: bool, lines: &str) {
    let conf = manager(xml);
    let mut wanted = said.lines().map(str::to_owned).collect::<Vec<_>>();
    if !starts && said.starts_with("ERROR: (1226)") {
        // The logger's exit is the only message.
    } else if !starts {
        wanted.extend(FAILS.map(str::to_owned));
    }
    assert_eq!(logs(&conf, "wazuh-analysisd"), wanted, "{id}");
    assert_eq!(conf.daemon("wazuh-analysisd").unwrap().starts, starts, "{id}");
    assert_eq!(added(&conf), lines, "{id}");
}

fn invalid(name: &str) -> String {
    format!("ERROR: (1230): Invalid element in the configuration: '{name}'.")
}

fn value(element: &str, text: &str) -> String {
    format!("ERROR: (1235): Invalid value for element '{element}': {text}.")
}

const MISSING_COMMAND: &str =
    "ERROR: (1280): Missing command options. You must specify a 'name' and 'executable'.";
const MISSING_OPTION: &str = "ERROR: (1281): Missing options in the active response configuration. ";
const NOT_ALLOWED: &str = "INFO: (1305): Timeout not allowed for command: 'fd'.";
const NO_AGENT: &str = "WARNING: (1306): Invalid agent ID. Use location=server to run AR on the manager.";
const UNREADABLE: &str = "ERROR: (1226): Error reading XML file 'etc/ossec.conf':  (line 0).";
const SIXTY: &str = "fd60 - fd - 60\n";
const ZERO: &str = "fd0 - fd - 0\n";

#[test]
fn observed_command_blocks() {
    let sixty = local("<rules_id>5710</rules_id><timeout>60</timeout>");
    let with = |command: &str| root(&format!("{command}{sixty}"));
    let name = "<name>fd</name>";
    let exe = "<executable>fd</executable>";
    let may = "<timeout_allowed>yes</timeout_allowed>";
    let block = |inside: &str| with(&format!("<command>{inside}</command>"));
    row("c01", &block(&format!("{name}{exe}<timeout>1</timeout>")), &invalid("timeout"), false, "");
    row("c02", &block(exe), MISSING_COMMAND, false, "");
    row("c03", &block(name), MISSING_COMMAND, false, "");
    for (id, empty) in [("c04", "<name></name>"), ("c04b", "<name/>")] {
        row(id, &root(&format!("<command>{empty}{exe}</command>")), "", true, "");
    }
    row("c05", &block(&format!("{name}<executable></executable>")), NOT_ALLOWED, true, "fd0 -  - 0\n");
    for (id, word) in [("c06", "true"), ("c06b", "Yes")] {
        let xml = block(&format!("{name}{exe}<timeout_allowed>{word}</timeout_allowed>"));
        row(id, &xml, &value("timeout_allowed", word), false, "");
    }
    row("c06c", &block(&format!("{name}{exe}")), NOT_ALLOWED, true, ZERO);
    row("c07", &block(&format!("<name>!fw</name>{exe}{may}")), &value("name", "!fw"), false, "");
    let undefined = "ERROR: (1303): Invalid command 'fd' in the active response.";
    row("c08", &block(&format!("<name> fd </name>{exe}{may}")), undefined, false, "");
    row("c08b", &block(&format!("<name>\nfd\n</name>{exe}{may}")), undefined, false, "");
    row("c09", &block(&format!("{name}<executable> fd </executable>{may}")), "", true, "fd60 -  fd  - 60\n");
    for (id, path) in [("c10", "../x.sh"), ("c10b", "/usr/bin/true"), ("c10c", "doesnotexist.sh")] {
        let xml = block(&format!("{name}<executable>{path}</executable>"));
        row(id, &xml, NOT_ALLOWED, true, &format!("fd0 - {path} - 0\n"));
    }
    row("c11", &block(&format!("{name}{exe}{may}<expect>srcip</expect>")), "", true, SIXTY);
    row("c12", &block(&format!("<name>other</name>{name}{exe}{may}")), "", true, SIXTY);
    row(
        "c13",
        &block(&format!("{name}{exe}<executable>b.sh</executable>{may}")),
        "",
        true,
        "fd60 - b.sh - 60\n",
    );
    let twin = format!("{COMMAND}<command>{name}<executable>b.sh</executable>{may}</command>");
    row("c14", &with(&twin), "", true, SIXTY);
    row("c15", &with(&format!("<command></command>{COMMAND}")), &invalid("command"), false, "");
    row("c15b", &with(&format!("<command/>{COMMAND}")), &invalid("command"), false, "");
    row("c16", &block(&format!("<Name>fd</Name>{exe}{may}")), &invalid("Name"), false, "");
    let upper = format!("<COMMAND>{name}{exe}</COMMAND>");
    row("c16b", &with(&upper), &invalid("COMMAND"), false, "");
    row("c17", &with(&COMMAND.replace("<command>", "<command a=\"b\">")), "", true, SIXTY);
    row("c18", &root(COMMAND), "", true, "");
    row("c19", &root(&format!("<command><name>a - b</name>{exe}</command>")), "", true, "");
}

#[test]
fn observed_response_blocks() {
    let with = |blocks: &str| root(&format!("{COMMAND}{blocks}"));
    let sixty = |inside: &str| local(&format!("{inside}<timeout>60</timeout>"));
    for (id, name) in [("a01", "foo"), ("a01b", "rule_id"), ("a01c", "rules_ids")] {
        row(id, &with(&sixty(&format!("<{name}>1</{name}>"))), &invalid(name), false, "");
    }
    let undefined = |name: &str| format!("ERROR: (1303): Invalid command '{name}' in the active response.");
    row("a02", &root(&format!("{}{COMMAND}", sixty(""))), &undefined("fd"), false, "");
    row("a02b", &format!("{}{}", root(&sixty("")), root(COMMAND)), &undefined("fd"), false, "");
    row("a02c", &format!("{}{}", root(COMMAND), root(&sixty(""))), "", true, SIXTY);
    for (id, name) in [("a03", "nosuch"), ("a03b", "Fd"), ("a19", "fd-exe")] {
        let block = response(&format!("<command>{name}</command><location>local</location>"));
        row(id, &with(&block), &undefined(name), false, "");
    }
    for (id, inside) in [
        ("a04", "<command>fd</command>"),
        ("a04b", "<location>local</location>"),
        ("a04c", "<command>fd</command><location></location>"),
        ("a15", "<disabled>no</disabled>"),
    ] {
        row(id, &with(&response(inside)), MISSING_OPTION, false, "");
    }
    row(
        "a15g",
        &with(&format!("{}{}", response("<disabled>no</disabled>"), sixty(""))),
        MISSING_OPTION,
        false,
        "",
    );
    row("a15b", &with(&response("<disabled>yes</disabled>")), "", true, "");
    let agents_own = "<disabled>no</disabled><ca_store>x</ca_store><ca_verification>yes</ca_verification>";
    row("a15c", &with(&response(agents_own)), &invalid("ca_verification"), false, "");
    row("a15d", &with(&response("<repeated_offenders>1,5</repeated_offenders>")), "", true, "");
    row("a15e", &with(&response("<disabled>true</disabled>")), &value("disabled", "true"), false, "");
    let two = format!("{}{}", sixty("<disabled>yes</disabled>"), local("<timeout>120</timeout>"));
    row("a15f", &with(&two), "", true, "fd120 - fd - 120\n");
    for (id, block, name) in [
        ("a16", "<active-response></active-response>", "active-response"),
        ("a16b", "<active-response/>", "active-response"),
        ("a16c", "<Active-Response><command>fd</command></Active-Response>", "Active-Response"),
        ("a16d", "<active_response><command>fd</command></active_response>", "active_response"),
    ] {
        row(id, &with(block), &invalid(name), false, "");
    }
    row("a17", &with(&sixty("").repeat(2)), "", true, &SIXTY.repeat(2));
    let apart = format!("{}{}", sixty(""), local("<timeout>600</timeout>"));
    row("a17b", &with(&apart), "", true, "fd60 - fd - 60\nfd600 - fd - 600\n");
    let rules = format!("{}{}", sixty("<rules_id>1</rules_id>"), sixty("<rules_id>2</rules_id>"));
    row("a17c", &with(&rules), "", true, &SIXTY.repeat(2));
    let many = (100..170).map(|at| local(&format!("<timeout>{at}</timeout>"))).collect::<String>();
    let lines = (100..170).map(|at| format!("fd{at} - fd - {at}\n")).collect::<String>();
    let full = "WARNING: (1307): Defined 72 active response commands, more than the maximum of 64. The exceeding entries of 'etc/shared/ar.conf' may not be loaded by the agents.";
    row("a18", &with(&many), full, true, &lines);
    row("a20", &with(&sixty("<repeated_offenders>1,5</repeated_offenders>")), "", true, SIXTY);
    row("a21", &with(&local("<rules_id>57<!-- -->10</rules_id>")), "", true, ZERO);
    row("a22", &with(&local("<rules_id>57<b></b>10</rules_id>")), "", true, ZERO);
}

#[test]
fn observed_locations() {
    let place = |word: &str, more: &str| {
        root(&format!(
            "{COMMAND}{}",
            response(&format!("<command>fd</command><location>{word}</location><timeout>60</timeout>{more}"))
        ))
    };
    let own = true;
    for (word, dispatch) in [
        ("LOCAL", Dispatch::Sender),
        ("Local", Dispatch::Sender),
        ("local,server", Dispatch::Manager),
        ("locale", Dispatch::Sender),
        (" local ", Dispatch::Sender),
        ("server", Dispatch::Manager),
        ("analysisd", Dispatch::Manager),
        ("all", Dispatch::AllAgents { own_events_on_manager: false }),
        ("any", Dispatch::AllAgents { own_events_on_manager: false }),
        ("ALL", Dispatch::AllAgents { own_events_on_manager: false }),
        // `firewall` and `install` hold `all`.
        ("firewall", Dispatch::AllAgents { own_events_on_manager: false }),
        ("many", Dispatch::AllAgents { own_events_on_manager: false }),
        ("local,all", Dispatch::AllAgents { own_events_on_manager: own }),
        ("base", Dispatch::Manager),
        ("last", Dispatch::Manager),
        ("server,all", Dispatch::Manager),
        ("localhost", Dispatch::Sender),
        ("local server", Dispatch::Manager),
    ] {
        row(word, &place(word, ""), "", true, SIXTY);
        assert_eq!(manager(&place(word, "")).responses[0].dispatch, dispatch, "{word}");
    }
    for word in ["everywhere", "agent", "remote", "manager", "none", "001"] {
        let said = format!("ERROR: (1302): Invalid active response location: '{word}'.");
        row(word, &place(word, ""), &said, false, "");
    }
    for word in ["defined-agent", "defined-agents"] {
        row(word, &place(word, ""), "ERROR: (1304): No agent defined for response.", false, "");
    }
    for (id, number) in
        [("001", 1), ("1", 1), ("001,002", 1), ("3web", 3), ("-1", -1), ("99999999999", 1_215_752_191)]
    {
        let xml = place("defined-agent", &format!("<agent_id>{id}</agent_id>"));
        row(id, &xml, "", true, SIXTY);
        let block = manager(&xml).responses.remove(0);
        assert_eq!(block.dispatch, Dispatch::Agent { id: number, own_events_on_manager: false }, "{id}");
    }
    for id in ["000", "0", "abc", ""] {
        let xml = place("defined-agent", &format!("<agent_id>{id}</agent_id>"));
        row(id, &xml, NO_AGENT, true, "");
        let conf = manager(&xml);
        assert_eq!(conf.responses[0].outcome, Outcome::DroppedInvalidAgent, "{id}");
        let old = read(xml.as_bytes(), Role::Manager, Some(Version::new(4, 2, 7)));
        assert_eq!(old.responses[0].outcome, Outcome::CrashesWhenFired, "{id}");
    }
    row("a14", &place("local", "<agent_id>001</agent_id>"), "", true, SIXTY);
}

#[test]
fn observed_numbers() {
    let with = |inside: &str| root(&format!("{COMMAND}{}", local(inside)));
    for (text, level) in [
        ("5", Some(5)),
        ("15", Some(15)),
        ("17", Some(17)),
        ("20", Some(20)),
        ("", None),
        ("007", Some(7)),
        ("0", None),
    ] {
        let xml = with(&format!("<level>{text}</level>"));
        row(text, &xml, "", true, ZERO);
        assert_eq!(manager(&xml).responses[0].level_in_force, level, "{text}");
    }
    for text in ["21", "-1", "abc", "5,6", " 5", "5 ", "5.5"] {
        row(text, &with(&format!("<level>{text}</level>")), &value("level", text), false, "");
    }
    for (text, timeout) in [
        ("abc", 0),
        ("10m", 10),
        ("600s", 600),
        ("-5", -5),
        ("", 0),
        (" 600", 600),
        ("1,5", 1),
        ("99999999999", 1_215_752_191),
        ("0", 0),
        ("0x10", 0),
        ("1.5", 1),
    ] {
        let line = format!("fd{timeout} - fd - {timeout}\n");
        row(text, &with(&format!("<timeout>{text}</timeout>")), "", true, &line);
    }
    for (text, ids, cut) in [
        ("5710, 5711", &[5710, 5711][..], &[][..]),
        ("5710 5711", &[5710], &["5711"]),
        ("abc", &[], &["abc"]),
        ("5710-5720", &[5710], &["-5720"]),
        ("5710;5711", &[5710], &[";5711"]),
        ("", &[], &[]),
        ("999999", &[999_999], &[]),
        (",5710", &[5710], &[]),
        ("5710,", &[5710], &[]),
        ("5710|5711", &[5710], &["|5711"]),
        ("05710", &[5710], &[]),
        ("57 10", &[57], &["10"]),
        ("5711,\n5710", &[5711], &["5710"]),
        ("101 ,100", &[101, 100], &[]),
        ("101;5,100", &[101, 100], &[";5"]),
        ("101,\t100", &[101], &["100"]),
        ("57<!-- x -->10;<!-- y -->5", &[5710], &[";<!-- y -->5"]),
        ("57<b></b>10 11", &[10], &["11"]),
        ("\n  5710\n", &[], &["5710"]),
        ("5710\n", &[5710], &[]),
    ] {
        let xml = with(&format!("<rules_id>{text}</rules_id>"));
        row(text, &xml, "", true, ZERO);
        let block = manager(&xml).responses.remove(0);
        assert_eq!(block.rule_ids, ids, "{text}");
        let cuts = block.rule_id_cuts.iter().map(|span| &xml[span.start..span.end]).collect::<Vec<_>>();
        assert_eq!(cuts, cut, "{text}");
    }
    for text in ["sshd", "sshd,", "a|b", "", "(", "sshd, "] {
        let xml = with(&format!("<rules_group>{text}</rules_group>"));
        row(text, &xml, "", true, ZERO);
        assert!(manager(&xml).responses[0].has_trigger());
    }
    row("a10", &with(""), "", true, ZERO);
    assert!(!manager(&with("")).responses[0].has_trigger());
    let all = "<level>10</level><rules_id>1</rules_id><rules_group>g</rules_group>";
    row("a11", &with(all), "", true, ZERO);
}

#[test]
fn observed_xml() {
    let block = local("<timeout>60</timeout>");
    let good = root(&format!("{COMMAND}{block}"));
    let swap = |from: &str, to: &str| {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        changed
    };
    for (id, xml) in [
        ("x04", swap("60</timeout>", "60")),
        ("x04b", swap("</ossec_config>", "")),
        ("x04c", swap("</timeout>", "</timeouts>")),
        ("x04d", swap("</timeout>", "</Timeout>")),
        ("x04e", swap(COMMAND, &format!("{COMMAND}</command>"))),
        ("x04f", format!("{good}</ossec_config>")),
        ("x04i", swap("</location>", "</location")),
        ("x04j", swap("<location>", "<location")),
        ("x05", swap("60", "a <b")),
        ("x11", swap("<ossec_config>", "<ossec_config a=b>")),
        ("x11b", swap("<ossec_config>", "<ossec_config a>")),
        ("x11e", swap("<ossec_config>", "<ossec_config a=\"b\" a=\"b\">")),
        ("x11h-", swap("<ossec_config>", "<ossec_config a =\"b\">")),
        ("x13", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{good}")),
        ("x13b", format!("<!DOCTYPE x>{good}")),
        ("x13c", swap("60", "<![CDATA[60]]>")),
        ("x15", swap("<timeout>", "< timeout>")),
        ("x15b", swap("</timeout>", "</timeout >")),
        ("x15d", swap("</timeout>", "</ timeout>")),
        ("x17", swap("<active-response>", "\\<active-response>")),
        ("x17b", swap("60", "60\\")),
        ("x18", format!("<ossec_config>{good}")),
        ("x22", swap(COMMAND, &format!("<!-- x \u{2014}>{COMMAND}"))),
        ("x07", swap("60", &"6".repeat(20_480))),
        ("x07d", swap(COMMAND, &format!("{}{COMMAND}", " ".repeat(100_000)))),
        ("x07e", root(&format!("{}{}", "<a>".repeat(1_100), "</a>".repeat(1_100)))),
    ] {
        row(id, &xml, UNREADABLE, false, "");
        let conf = manager(&xml);
        assert!(conf.daemons.iter().all(|outcome| !outcome.starts && outcome.logs.len() == 1), "{id}");
        assert_eq!(conf.problems[0].kind, ProblemKind::UnreadableXml, "{id}");
    }
    for (id, xml) in [
        ("x05c", swap("60", "60\\<")),
        ("x07b", swap("60", &format!("60{}", " ".repeat(19_000)))),
        ("x08", swap("<timeout>", "\t<timeout>")),
        ("x08b", swap("<timeout>", "<timeout\t>")),
        ("x09", format!("\u{feff}{good}")),
        ("x10", good.replace("><", ">\r\n<")),
        ("x10b", good.replace("><", ">\r<")),
        ("x10c", swap("60", "60\r\n")),
        ("x11d", swap("<ossec_config>", "<ossec_config a='b'>")),
        ("x11h", swap("<ossec_config>", "<ossec_config a= \"b\">")),
        ("x14", format!("text {good}")),
        ("x14b", format!("{good} text")),
        ("x14c", swap("<timeout>", "text<timeout>")),
        ("x14d", swap("<timeout>", "> <timeout>")),
        ("x15c", swap("<timeout>", "<timeout >")),
        ("x16c", swap(COMMAND, &format!("<!-- \u{e9} -->{COMMAND}"))),
        ("x16d", swap("<timeout>", "\u{a0}<timeout>")),
        ("x20", format!("\n{good}")),
        ("x23", swap("<timeout>", "text<timeout>")),
        ("x25", swap("</location>", "</location>>")),
    ] {
        row(id, &xml, "", true, SIXTY);
    }
    for (id, xml) in [("x06", ""), ("x06b", " \n "), ("x06c", "<!-- x -->"), ("x06d", "text")] {
        row(id, xml, "", true, "");
    }
    for (id, name, xml) in [
        ("x18b", "ossec_config", root(&good)),
        ("x19", "foo", root(&format!("<foo><a>1</a></foo>{COMMAND}"))),
        ("x19b", "foo", root(&format!("<foo></foo>{COMMAND}"))),
    ] {
        row(id, &xml, &invalid(name), false, "");
    }
    // A root is refused without the 1202 of its own.
    for (id, name, xml, lines) in [
        ("x12", "OSSEC_CONFIG", good.replace("ossec_config", "OSSEC_CONFIG"), ""),
        ("x12b", "wazuh_config", good.replace("ossec_config", "wazuh_config"), ""),
        ("x12c", "foo", format!("{good}<foo></foo>"), SIXTY),
        ("x12d", "agent_config", format!("{good}<agent_config></agent_config>"), SIXTY),
        ("x19c", "active-response", format!("{block}{good}"), ""),
        ("x19d", "command", format!("{COMMAND}{good}"), ""),
    ] {
        let conf = manager(&xml);
        assert_eq!(logs(&conf, "wazuh-analysisd"), [invalid(name), FAILS[1].to_owned()], "{id}");
        assert_eq!(added(&conf), lines, "{id}");
        assert!(conf.daemon("wazuh-execd").unwrap().starts, "{id}");
    }
    let var = root(&format!("<var name=\"C\">fd</var>{COMMAND}{}", block.replace(">fd<", ">$C<")));
    row("x21", &var, "ERROR: (1303): Invalid command '$C' in the active response.", false, "");
    for (id, from) in [("x24", "<timeout/>"), ("x24b", "<timeout />")] {
        row(id, &swap("<timeout>60</timeout>", from), "", true, ZERO);
    }
    row("x24c", &swap("<timeout>60</timeout>", "<disabled/>"), &value("disabled", ""), false, "");
    let nul = [good.as_bytes(), b"<!-- \0 -->"].concat();
    assert_eq!(added(&read(&nul, Role::Manager, None)), SIXTY, "x16");
    let invalid = good.replace(">fd<", ">f\u{e9}<").into_bytes();
    let invalid = invalid.into_iter().filter(|&byte| byte != 0xa9).collect::<Vec<_>>();
    let conf = read(&invalid, Role::Manager, None);
    assert!(conf.ar_conf.ends_with(b"f\xc360 - f\xc3 - 60\n"), "x16b");
}

#[test]
fn every_fault_is_listed_but_only_the_first_is_logged() {
    let xml = root(&format!(
        "<command><name>a</name><executable>x</executable><timeout_allowed>true</timeout_allowed></command>\n{COMMAND}\n{}{}{}{}<global><white_list>010.0.0.1</white_list></global>",
        response("<command>a</command><location>local</location>"),
        local("<level>21</level><foo>x</foo>"),
        response("<command>nosuch</command><location>here</location>"),
        local("<timeout>5</timeout>"),
    ));
    let conf = manager(&xml);
    let numbers = conf.problems.iter().map(|problem| problem.number).collect::<Vec<_>>();
    let remoted = Some("wazuh-remoted");
    assert_eq!(numbers, [1235, 1303, 1235, 1230, 1303, 1302, 1237].map(Some));
    assert_eq!(conf.problems[1].consequence_of, Some(0));
    assert_eq!(conf.responses[0].outcome, Outcome::Refused(1));
    assert_eq!(conf.responses[1].outcome, Outcome::Refused(2));
    assert_eq!(conf.responses[1].problems, [2, 3]);
    assert_eq!(conf.responses[3].outcome, Outcome::Active);
    assert_eq!(conf.responses[3].name.as_deref(), Some(&b"fd5"[..]));
    let analysisd = conf.daemon("wazuh-analysisd").unwrap();
    assert_eq!((analysisd.first_problem, analysisd.end), (Some(0), End::Exits));
    assert_eq!(logs(&conf, "wazuh-analysisd").len(), 3);
    // remoted and monitord see what analysisd hides.
    assert_eq!(logs(&conf, "wazuh-remoted")[0], "ERROR: (1237): Invalid ip address: '010.0.0.1'.");
    assert_eq!(
        conf.problems[6].fatal_for,
        ["wazuh-analysisd", "wazuh-remoted", "wazuh-monitord", "wazuh-maild"]
    );
    assert_eq!(conf.problems[6].logged_by.get(1).copied(), remoted);
    assert_eq!(added(&conf), "");
    for problem in &conf.problems {
        assert!(!xml[problem.span.start..problem.span.end].is_empty());
    }
}

#[test]
fn a_missing_option_is_not_reported_beside_its_misspelling() {
    let xml = root(&format!("{COMMAND}{}", response("<command>fd</command><locations>local</locations>")));
    let conf = manager(&xml);
    assert_eq!(conf.problems.iter().filter(|problem| problem.number == Some(1281)).count(), 0);
    assert_eq!(conf.problems[0].kind, ProblemKind::UnknownElement { section: "active-response" });
}

#[test]
fn a_disabled_block_takes_the_queues_of_those_before_it() {
    let place =
        |word: &str, more: &str| response(&format!("<command>fd</command><location>{word}</location>{more}"));
    let off = "<disabled>yes</disabled>";
    let xml = root(&format!("{COMMAND}{}{}{}", place("local", ""), place("local", off), place("server", "")));
    let conf = manager(&xml);
    assert_eq!(conf.ar_flag, ArFlag { local: true, remote: false });
    assert_eq!(conf.responses[0].queues, ArFlag { local: true, remote: false });
    assert_eq!(conf.responses[0].erased_by, Some(2));
    assert_eq!(conf.responses[2].queues, conf.responses[2].needs);
    assert_eq!(conf.responses[2].erased_by, None);
    let last = manager(&root(&format!("{COMMAND}{}{}", place("all", ""), response(off))));
    assert!(last.ar_flag.is_empty() && last.responses[0].queues.is_empty());
    // `no` behind `yes` does not help.
    let both = manager(&root(&format!(
        "{COMMAND}{}",
        place("all", "<disabled>yes</disabled><disabled>no</disabled>")
    )));
    assert_eq!(both.responses[0].outcome, Outcome::Disabled);
    assert_eq!(both.execd.disabled.as_ref().map(|(_, off)| *off), Some(Ok(true)));
}

#[test]
fn execd_reads_for_itself() {
    let first = |inside: &str| manager(&root(&response(inside)));
    for (word, reading, end) in [
        ("yes", Ok(true), End::Accepted),
        ("no", Ok(false), End::Accepted),
        ("YES", Err(()), End::Exits),
        (" yes ", Err(()), End::Exits),
        ("", Err(()), End::Exits),
    ] {
        let conf = first(&format!("<disabled>{word}</disabled>"));
        assert_eq!(conf.execd.disabled.as_ref().map(|(_, off)| *off), Some(reading), "{word}");
        assert_eq!(conf.daemon("wazuh-execd").unwrap().end, end, "{word}");
    }
    assert_eq!(
        logs(&first("<disabled>x</disabled>"), "wazuh-execd"),
        [value("disabled", "x"), "ERROR: (1202): Configuration error at 'etc/ossec.conf'.".to_owned()]
    );
    assert_eq!(
        logs(&first("<disabled>yes</disabled>"), "wazuh-execd"),
        ["INFO: (1350): Active response disabled."]
    );
    // Only the first block of a root.
    let second = format!("{}{}", response("<ca_store>x</ca_store>"), response("<disabled>yes</disabled>"));
    assert_eq!(agent(&root(&second)).execd.disabled, None);
    let other = format!(
        "{}{}",
        root(&response("<ca_store>x</ca_store>")),
        root(&response("<disabled>yes</disabled>"))
    );
    assert!(agent(&other).execd.disabled.is_some());
    for (text, minutes, in_force, dropped) in [
        ("1,2", &[1, 2][..], &[1, 2][..], &[][..]),
        ("abc", &[0], &[], &["abc"]),
        ("0,5", &[0, 5], &[], &[]),
        ("-1", &[-1], &[-1], &[]),
        ("1;2", &[1], &[1], &[";2"]),
        ("1,2,3,4,5,6,7", &[1, 2, 3, 4, 5], &[1, 2, 3, 4, 5], &["6", "7"]),
        ("", &[], &[], &[]),
        ("99999999999", &[1_215_752_191], &[1_215_752_191], &[]),
        (" 1, ,2", &[1, 2], &[1, 2], &[]),
    ] {
        let conf = first(&format!("<repeated_offenders>{text}</repeated_offenders>"));
        let (_, read) = conf.execd.repeated_offenders.unwrap();
        assert_eq!(read, minutes, "{text}");
        assert_eq!(conf.execd.offenders_in_force, in_force, "{text}");
        assert_eq!(conf.execd.dropped.iter().map(|text| utf8(text)).collect::<Vec<_>>(), dropped, "{text}");
    }
    let conf = first("<repeated_offenders>5,10</repeated_offenders>");
    assert_eq!(
        logs(&conf, "wazuh-execd"),
        ["INFO: Adding offenders timeout: 5 (for #1)", "INFO: Adding offenders timeout: 10 (for #2)"]
    );
}

#[test]
fn the_logger_comes_first() {
    for (text, plain, json, invalid) in [
        ("plain", true, false, None),
        ("json", false, true, None),
        ("plain,json", true, true, None),
        (" plain , json ", true, true, None),
        ("", true, false, None),
        ("Plain", true, false, Some("Plain")),
        ("plain,", true, false, Some("")),
        ("plain,json,plain", true, false, Some("json,plain")),
        ("plain\\,json", true, false, Some("plain,json")),
    ] {
        let conf = manager(&root(&format!("<logging><log_format>{text}</log_format></logging>")));
        assert_eq!((conf.logging.plain, conf.logging.json), (plain, json), "{text}");
        assert_eq!(conf.logging.invalid.as_deref().map(utf8).as_deref(), invalid, "{text}");
        if let Some(part) = invalid {
            assert!(conf.daemons.iter().all(|outcome| !outcome.starts));
            assert_eq!(logs(&conf, "wazuh-db"), [value("log_format", part)]);
            assert_eq!(conf.problems[0].fatal_for.len(), conf.daemons.len());
        }
    }
    // The first message ends analysisd before it has written the response.
    let xml = root(&format!(
        "<logging><log_format>x</log_format></logging>{}{}{}",
        COMMAND.replace("yes", "no"),
        local(""),
        local("<timeout>5</timeout>"),
    ));
    assert_eq!(added(&manager(&xml)), ZERO);
    assert!(manager(&root("<logging/>")).daemon("wazuh-authd").unwrap().starts);
}

#[test]
fn sections_without_children() {
    for name in
        ["global", "alerts", "remote", "localfile", "ruleset", "command", "cluster", "client", "labels"]
    {
        let conf = manager(&root(&format!("<{name}></{name}>")));
        assert_eq!(conf.problems[0].kind, ProblemKind::EmptySection, "{name}");
        assert_eq!(logs(&conf, "wazuh-logcollector")[0], invalid(name));
        assert!(conf.daemon("wazuh-execd").unwrap().starts, "{name}");
        let syscheckd = conf.daemon("wazuh-syscheckd").unwrap();
        assert_eq!((syscheckd.starts, syscheckd.end), (true, End::Degraded), "{name}");
    }
    for name in ["logging", "syscheck", "rootcheck", "auth", "sca", "client_buffer", "indexer"] {
        let conf = manager(&root(&format!("<{name}></{name}>")));
        assert!(conf.problems.iter().all(|problem| problem.kind == ProblemKind::NoRemote), "{name}");
    }
}

#[test]
fn names_follow_version_and_platform() {
    let kinds = |xml: &str, role, version: Option<Version>, platform| {
        read_on(root(xml).as_bytes(), role, version, platform)
            .problems
            .into_iter()
            .map(|problem| problem.kind)
            .filter(|kind| !matches!(kind, ProblemKind::NoRemote | ProblemKind::NoServerAddress))
            .collect::<Vec<_>>()
    };
    let (linux, old) = (Platform::Linux, Some(Version::new(4, 2, 7)));
    let github = "<github><a>1</a></github>";
    assert_eq!(kinds(github, Role::Manager, None, linux), []);
    assert_eq!(kinds(github, Role::Manager, old, linux), [ProblemKind::UnknownSection]);
    assert_eq!(kinds(github, Role::Agent, None, Platform::OtherUnix), [ProblemKind::UnknownSection]);
    let reports = "<reports><a>1</a></reports>";
    assert_eq!(kinds(reports, Role::Agent, None, linux), []);
    assert_eq!(kinds(reports, Role::Agent, None, Platform::Windows), [ProblemKind::UnknownSection]);
    assert_eq!(kinds("<indexer/>", Role::Agent, None, linux), [ProblemKind::IgnoredSection]);
    let five = Some(Version::new(5, 0, 0));
    assert_eq!(kinds(COMMAND, Role::Agent, five, linux), [ProblemKind::UnknownSection]);
    assert_eq!(kinds(&local(""), Role::Agent, five, linux), []);
    assert_eq!(kinds("<active-response/>", Role::Agent, five, linux), []);
    let conf = read(root(COMMAND).as_bytes(), Role::Manager, five);
    assert_eq!(conf.problems[0].kind, ProblemKind::WrongRoot);
    assert!(conf.ar_conf.is_empty());
    let old_names = read(root("<foo/>").as_bytes(), Role::Agent, Some(Version::new(4, 1, 5)));
    assert_eq!(old_names.daemons[0].daemon, "ossec-agentd");
    assert_eq!(old_names.daemon("wazuh-agentd"), Some(&old_names.daemons[0]));
    assert_eq!(old_names.daemons[0].logs.last().unwrap().level, LogLevel::Critical);
    let two = read(root("").as_bytes(), Role::Manager, Some(Version::new(4, 1, 5)));
    assert_eq!(two.ar_conf.iter().filter(|&&byte| byte == b'\n').count(), 2);
}

#[test]
fn older_versions_read_empty_texts() {
    let xml = root(&format!(
        "<command><name></name><executable>x</executable></command>{}",
        response("<command></command><location>local</location>")
    ));
    let before = read(xml.as_bytes(), Role::Manager, Some(Version::new(4, 3, 11)));
    assert_eq!(before.responses[0].outcome, Outcome::Active);
    assert_eq!(before.responses[0].name.as_deref(), Some(&b"0"[..]));
    let now = manager(&xml);
    assert_eq!(now.problems[0].kind, ProblemKind::MissingCommand);
    let expect =
        root("<command><name>a</name><executable>b</executable><expect>srcip, User</expect></command>");
    let command = read(expect.as_bytes(), Role::Manager, Some(Version::new(4, 1, 5))).commands.remove(0);
    let wanted = Expected { user: true, srcip: true, filename: false };
    assert_eq!(command.expected(Some(Version::new(4, 1, 5))), wanted);
    assert_eq!(command.expected(None), Expected::default());
}

#[test]
fn agents() {
    let server = |address: &str| format!("<client><server><address>{address}</address></server></client>");
    let with = |xml: &str| agent(&root(xml));
    let said = |xml: &str| logs(&with(xml), "wazuh-agentd");
    let no_client = "ERROR: (1215): No client configured. Exiting.".to_owned();
    assert_eq!(said(&server("10.0.0.1")), Vec::<String>::new());
    assert_eq!(said(""), ["ERROR: (4105): No valid server IP found.".to_owned(), no_client.clone()]);
    for placeholder in ["MANAGER_IP", "0.0.0.0", ""] {
        let text = format!("ERROR: (4112): Invalid server address found: '{placeholder}'");
        assert_eq!(said(&server(placeholder)), [text, no_client.clone()], "{placeholder}");
        let conf = with(&server(placeholder));
        assert_eq!(conf.problems[0].kind, ProblemKind::PlaceholderAddress);
        assert_eq!(conf.problems[0].fatal_for, ["wazuh-agentd"]);
    }
    assert_eq!(said(&format!("{}{}", server("MANAGER_IP"), server("h"))), Vec::<String>::new());
    assert_eq!(with(&server("fe80::1")).problems.len(), 2);
    // Its own response blocks are not read as such, whatever is in them.
    let conf = with(&format!(
        "{}{COMMAND}{}",
        server("h"),
        response("<level>x</level><disabled>no</disabled><foo>1</foo>")
    ));
    assert_eq!(conf.problems, []);
    assert_eq!((conf.responses[0].outcome, conf.commands.len()), (Outcome::NotRead, 1));
    assert!(conf.ar_conf.is_empty() && conf.ar_flag.is_empty());
    // An empty one stops them all the same.
    let conf = with(&format!("{}<active-response/>", server("h")));
    assert_eq!(conf.problems[0].fatal_for, ["wazuh-agentd", "wazuh-logcollector", "wazuh-modulesd"]);
    let ca = with(&format!("{}{}", server("h"), response("<ca_verification>maybe</ca_verification>")));
    assert_eq!(logs(&ca, "wazuh-modulesd"), ["ERROR: Invalid content for tag <ca_verification>: 'maybe'"]);
    let off = with("<client><disable-active-response>yes</disable-active-response></client>");
    assert!(off.client.disable_active_response.unwrap().1);
    // A manager's section in an agent's file is nobody's business.
    let conf =
        with(&format!("{}<global><white_list>010.0.0.1</white_list><foo>1</foo></global>", server("h")));
    assert_eq!(conf.problems, []);
}

#[test]
fn managers_remotes() {
    let with = |xml: &str| manager(&root(xml));
    let said = |xml: &str| logs(&with(xml), "wazuh-remoted");
    let secure = "<remote><connection>secure</connection></remote>";
    assert_eq!(said(secure), Vec::<String>::new());
    assert_eq!(said(""), ["CRITICAL: Remoted connection is not configured."]);
    assert_eq!(said(&secure.repeat(2))[0], "ERROR: (1244): Can't add more than one secure connection.");
    assert_eq!(
        said("<remote><port>1514</port></remote>")[0],
        "ERROR: (1201): No remote connection configured."
    );
    assert_eq!(with(secure).remotes[0].port, 1514);
    let syslog = with("<remote><connection>syslog</connection><protocol>tcp,udp</protocol></remote>");
    assert_eq!((syslog.remotes[0].port, syslog.remotes[0].tcp, syslog.remotes[0].udp), (514, true, false));
    // The reader does not step over an empty <agents>.
    let hang = with("<remote><connection>secure</connection><agents></agents></remote>");
    assert_eq!(hang.daemon("wazuh-remoted").unwrap().end, End::Hangs);
    assert_eq!(hang.problems[0].kind, ProblemKind::EndlessLoop { element: "agents" });
    assert_eq!(hang.problems[0].fatal_for, ["wazuh-remoted"]);
    let crash = with("<wodle><a>1</a></wodle>");
    assert_eq!(crash.daemon("wazuh-analysisd").unwrap().end, End::Crashes);
    assert!(crash.daemon("wazuh-execd").unwrap().starts);
}

#[test]
fn white_list_entries() {
    let conf = manager(&root(
        "<global><white_list>10.0.0.0/8</white_list><white_list>^localhost$</white_list><white_list></white_list><white_list>::1</white_list><white_list>010.0.0.1</white_list></global>",
    ));
    let kinds = conf.white_list.iter().map(|entry| &entry.kind).collect::<Vec<_>>();
    assert!(matches!(kinds[0], WhiteListKind::Ip(ip) if ip.prefix() == Some(8)));
    assert!(matches!(kinds[2], WhiteListKind::Pattern(pattern) if pattern.matches_everything()));
    assert!(matches!(kinds[3], WhiteListKind::Pattern(pattern) if pattern.can_match_an_address()));
    assert_eq!(kinds[4], &WhiteListKind::Invalid);
    assert_eq!(conf.problems[0].kind, ProblemKind::BadIp);
}

#[test]
fn localfiles_rules_and_cluster() {
    let conf = manager(&root(
        "<localfile><log_format>syslog</log_format><location>/a</location></localfile>\
         <localfile><location>/b</location></localfile>\
         <localfile><log_format>syslog</log_format><location>/c</location><label key=\"_x\">1</label></localfile>\
         <ruleset><rule_dir>a</rule_dir><rule_dir pattern=\"x\">b</rule_dir><list>c</list></ruleset>\
         <cluster>\n<node_type>worker</node_type><disabled>no</disabled>\n</cluster>",
    ));
    assert_eq!(conf.localfiles.iter().map(|file| file.accepted).collect::<Vec<_>>(), [true, false, false]);
    let kinds = conf.problems.iter().map(|problem| problem.kind).collect::<Vec<_>>();
    assert!(kinds.contains(&ProblemKind::MissingLogFormat));
    assert!(kinds.contains(&ProblemKind::EndlessLoop { element: "label" }));
    let patterns = conf.ruleset.iter().map(|entry| entry.pattern.as_deref()).collect::<Vec<_>>();
    assert_eq!(patterns, [Some(&b".xml$"[..]), Some(b"x"), None]);
    assert!(conf.cluster.is_worker);
    assert!(
        !manager("<ossec_config><cluster><node_type>worker</node_type></cluster></ossec_config>")
            .cluster
            .is_worker
    );
}

#[test]
fn blocks_in_comments() {
    let xml = "<ossec_config>\n<!--\n  <active-response>\n    <command>fd</command>\n    <location>local</location>\n  </active-response>\n<command><name>a</name></command> <command>ref</command>\n-->\n<!-- <active-response> active-response options here </active-response> <active-response>\n<disabled>no</disabled></active-response> <command> -->\n</ossec_config>";
    let found = manager(xml).commented_blocks;
    let seen = found
        .iter()
        .map(|block| (block.kind, block.line, block.command_name.as_deref().map(utf8), block.complete))
        .collect::<Vec<_>>();
    assert_eq!(
        seen,
        [
            (BlockKind::ActiveResponse, 3, Some("fd".to_owned()), true),
            (BlockKind::Command, 7, Some("a".to_owned()), false),
            (BlockKind::ActiveResponse, 9, None, false),
        ]
    );
    assert!(xml[found[0].span.start..found[0].span.end].starts_with("<active-response>"));
    assert!(xml[found[0].span.start..found[0].span.end].ends_with("</active-response>"));
}

#[test]
fn agent_conf() {
    let conf = read_agent_conf(
        b"<agent_config os=\"Linux\" foo=\"x\"><active-response><command>fd</command></active-response><command/></agent_config><ossec_config></ossec_config>",
    );
    assert_eq!(
        conf.blocks.iter().map(|block| (block.kind, block.empty)).collect::<Vec<_>>(),
        [(BlockKind::ActiveResponse, false), (BlockKind::Command, true)]
    );
    assert_eq!(conf.blocks[0].command_name.as_deref(), Some(&b"fd"[..]));
    assert_eq!(conf.wrong_roots[0].0, b"ossec_config");
    assert_eq!(conf.unknown_attributes[0].0, b"foo");
    assert!(read_agent_conf(b"<a>").xml.is_err());
}

#[test]
fn a_healthy_file_has_no_problems() {
    let conf = manager(
        "<ossec_config>\n<global><jsonout_output>yes</jsonout_output><white_list>127.0.0.1</white_list><white_list>^localhost.localdomain$</white_list></global>\n<alerts><log_alert_level>3</log_alert_level></alerts>\n<remote><connection>secure</connection><port>1514</port><protocol>tcp</protocol><queue_size>131072</queue_size></remote>\n<command><name>firewall-drop</name><executable>firewall-drop</executable><timeout_allowed>yes</timeout_allowed></command>\n<active-response><command>firewall-drop</command><location>local</location><rules_id>5763</rules_id><timeout>180</timeout></active-response>\n<cluster><name>wazuh</name><node_type>master</node_type><disabled>yes</disabled></cluster>\n</ossec_config>\n",
    );
    assert_eq!(conf.problems, []);
    assert!(conf.daemons.iter().all(|outcome| outcome.starts && outcome.logs.is_empty()));
    assert_eq!(conf.log_alert_level.unwrap().1, 3);
    assert_eq!(conf.responses[0].queues, conf.responses[0].needs);
    assert_eq!(added(&manager("")), "");
}

#[test]
fn a_command_that_comes_too_late_is_found() {
    let conf = manager(&root(&format!("{}{COMMAND}", local(""))));
    assert_eq!(conf.defined_later(&conf.responses[0]), Some(0));
    let conf = manager(&root(&format!("{COMMAND}{}", local(""))));
    assert_eq!(conf.defined_later(&conf.responses[0]), None);
}

#[test]
fn much_is_read_in_little_time() {
    let blocks =
        format!("{COMMAND}{}", local("<rules_id>1 2,x</rules_id><level>x</level><foo>1</foo>")).repeat(5_000);
    let remotes = "<remote><connection>syslog</connection></remote>".repeat(5_000);
    let comments = "<!-- <active-response> <command> <active-response> -->".repeat(5_000);
    let conf = manager(&root(&format!("{blocks}{remotes}{comments}")));
    assert_eq!(conf.responses.len(), 5_000);
    assert_eq!(conf.problems.len(), 10_000);
    let fat = format!("<command><name>a</name><executable>{}</executable></command>", "x".repeat(20_000));
    let uses = response("<command>a</command><location>all</location>").repeat(5_000);
    let conf = manager(&root(&format!("{fat}{uses}")));
    assert!(conf.ar_conf.len() <= responses::MAX_AR_CONF + 1_000);
}

mod random {
    use super::*;
    use proptest::prelude::*;

    fn scrap() -> impl Strategy<Value = String> {
        let words = [
            "<ossec_config>",
            "</ossec_config>",
            "<command>",
            "</command>",
            "<active-response>",
            "</active-response>",
            "<name>",
            "</name>",
            "<executable>",
            "</executable>",
            "<location>",
            "</location>",
            "<disabled>yes</disabled>",
            "<level>",
            "</level>",
            "<rules_id>",
            "</rules_id>",
            "<timeout>",
            "</timeout>",
            "<global>",
            "</global>",
            "<white_list>",
            "</white_list>",
            "<remote>",
            "</remote>",
            "<client>",
            "</client>",
            "<server>",
            "</server>",
            "<address>",
            "</address>",
            "<localfile>",
            "</localfile>",
            "<cluster>",
            "</cluster>",
            "<haproxy_helper>",
            "</haproxy_helper>",
            "<repeated_offenders>",
            "</repeated_offenders>",
            "<log_format>",
            "</log_format>",
            "<logging>",
            "</logging>",
            "<!--",
            "-->",
            "yes",
            "no",
            "fd",
            "local",
            "1,2;3",
            "\\,",
            " ",
            "\n",
            "\0",
            "5710",
            "<agent_config>",
            "</agent_config>",
            "<var>",
            "</var>",
            "<a/>",
            "-",
            "99999999999999999999",
        ];
        proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..40)
            .prop_map(|words| words.concat())
    }

    fn tree() -> impl Strategy<Value = String> {
        let leaf = (
            "[a-z_]{1,6}|name|command|location|level|disabled|rules_id|timeout|agent_id|executable",
            "[a-z0-9 ,;!-]{0,9}|local|yes|no|fd",
        )
            .prop_map(|(name, text)| format!("<{name}>{text}</{name}>"));
        let section = (
            "command|active-response|global|remote|client|alerts|cluster|localfile|ruleset|logging|[a-z]{1,5}",
            proptest::collection::vec(leaf, 0..6),
        )
            .prop_map(|(name, inside)| format!("<{name}>{}</{name}>", inside.concat()));
        proptest::collection::vec(section, 0..8).prop_map(|sections| root(&sections.concat()))
    }

    fn versions() -> impl Strategy<Value = Option<Version>> {
        proptest::sample::select(vec![
            None,
            Some(Version::new(3, 13, 6)),
            Some(Version::new(4, 1, 5)),
            Some(Version::new(4, 2, 0)),
            Some(Version::new(4, 3, 11)),
            Some(Version::new(4, 5, 4)),
            Some(Version::new(4, 14, 7)),
            Some(Version::new(5, 0, 0)),
        ])
    }

    fn sound(bytes: &[u8], version: Option<Version>) {
        for role in [Role::Manager, Role::Agent] {
            let conf = read(bytes, role, version);
            assert_eq!(conf, read(bytes, role, version));
            for problem in &conf.problems {
                assert!(problem.span.start <= problem.span.end && problem.span.end <= bytes.len());
                assert!(!problem.logged_by.is_empty() || !problem.fatal_for.is_empty());
                assert!(problem.consequence_of.is_none_or(|index| index < conf.problems.len()));
                for name in &problem.fatal_for {
                    let outcome = conf.daemon(name).unwrap();
                    assert!(outcome.end != End::Accepted, "{name}");
                }
            }
            let placed = conf.problems.iter().filter(|problem| problem.span.end > 0);
            assert!(placed.map(|problem| problem.span.start).is_sorted());
            for outcome in &conf.daemons {
                assert_eq!(outcome.first_problem.is_some(), outcome.end != End::Accepted);
                assert!(outcome.starts == matches!(outcome.end, End::Accepted | End::Degraded));
                if let Some(index) = outcome.first_problem
                    && outcome.end != End::Degraded
                {
                    assert!(conf.problems[index].fatal_for.contains(&outcome.daemon));
                }
            }
            for response in &conf.responses {
                for span in &response.rule_id_cuts {
                    assert!(span.start < span.end && span.end <= bytes.len());
                }
                if let Outcome::Refused(index) = response.outcome {
                    assert!(conf.problems[index].level == LogLevel::Error);
                }
            }
            if !conf.ar_conf.is_empty() {
                let lines = ar_conf::read(&conf.ar_conf, version);
                assert!(lines.lines.len() >= ar_conf::builtin(version).len());
            }
        }
        let _ = read_agent_conf(bytes);
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in versions()) {
            sound(&bytes, version);
        }

        #[test]
        fn any_scraps(text in scrap(), version in versions()) {
            sound(text.as_bytes(), version);
            sound(root(&text).as_bytes(), version);
        }

        #[test]
        fn any_tree(text in tree(), version in versions()) {
            sound(text.as_bytes(), version);
        }
    }
}
