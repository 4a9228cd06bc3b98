//! Each kind in each place, and what must stay.

#![allow(clippy::unwrap_used)]

use super::*;
use forms::{FORMS, planted};

#[path = "../../tests/support/forms.rs"]
mod forms;

#[test]
fn an_element_is_hidden_where_it_stands_and_elsewhere() {
    let redactor = Redactor::new();
    let config = b"<cluster><key>\n fd3350b86d239654e34866ab3c4988a8 </key></cluster><key></key>";
    let spans = redactor.mark(config);
    assert_eq!(spans.len(), 1);
    assert_eq!(&config[spans[0].clone()], b"fd3350b86d239654e34866ab3c4988a8");
    let elsewhere = redactor.text("see fd3350b86d239654e34866ab3c4988a8!");
    assert_eq!(elsewhere.as_str(), "see ********************************!");
}

#[test]
fn formats_are_hidden_without_having_been_read() {
    let redactor = Redactor::new();
    for (text, secret) in [
        ("https://hooks.slack.com/services/T000/B000/XXXXYYYY", "T000/B000"),
        ("https://user:hunter22@example.test/x", "hunter22"),
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("password=swordfish1", "swordfish1"),
        ("DB_PASSWORD=swordfish1", "swordfish1"),
        ("AWS_SECRET_ACCESS_KEY=swordfish1", "swordfish1"),
        (r#"{\"client_secret\":\"swordfish1\"}"#, "swordfish1"),
        (r#"{\\\"access_token\\\": \\\"swordfish1\\\"}"#, "swordfish1"),
        (r#""hook_url":"swordfish1""#, "swordfish1"),
        (r#"--set 'data.api_token:="swordfish1"'"#, "swordfish1"),
        ("003 web-01 any 0123456789abcdef0123456789abcdef0123456789abcdef", "0123456789abcdef01"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJzdWIi"),
    ] {
        let out = redactor.text(text);
        assert!(!out.as_str().contains(secret), "{text} -> {out}");
        assert_eq!(out.as_str().len(), text.len());
    }
}

#[test]
fn a_broken_element_hides_its_secret_too() {
    for text in [
        "<key>SECRETA1<key>",
        "<key>SECRETA1",
        "<key>\n SECRETA1\n<other>",
        "< key>SECRETA1</key>",
        "key>SECRETA1</key>",
        "<key SECRETA1</key>",
        "<key><!-- SECRETA1 --></key>",
        "<!-- <password>SECRETA1</password> -->",
        "<KEY>SECRETA1</KEY>",
        "<extra_args>--token SECRETA1 -v</extra_args>",
        "#!/usr/bin/curl -u admin:SECRETA1",
        "x.sh -p SECRETA1 y",
    ] {
        let redactor = Redactor::new();
        assert!(!redactor.text(text).as_str().contains("SECRET"), "{}", redactor.text(text));
        redactor.mark(text.as_bytes());
        let said = redactor.text("Attribute 'SECRETA1<' has no value.");
        assert!(!said.as_str().contains("SECRETA1"), "{text} -> {said}");
    }
}

#[test]
fn ordinary_text_is_left_alone() {
    let redactor = Redactor::new();
    for text in [
        "<name>firewall-drop</name>",
        "rules_id 5712, 5763",
        "#!/bin/bash\r",
        "10.0.0.0/8",
        "<key></key>\n  <port>1516</port>",
        "<key>\n  <port>1516</port>",
        "mkdir -p /var/ossec/logs",
        "stat -c '%a %U:%G' x",
        "</key>\nfurther lines",
        "unexpected token `)'",
    ] {
        assert_eq!(redactor.text(text).as_str(), text);
    }
}

proptest::proptest! {
    #[test]
    fn a_planted_secret_never_leaves(secret in "[A-Za-z0-9]{8,40}", before in ".{0,40}", after in ".{0,40}") {
        let redactor = Redactor::new();
        redactor.remember(Kind::Token, secret.as_bytes());
        let out = redactor.text(format!("{before}{secret}{after}"));
        proptest::prop_assert!(!out.as_str().contains(&secret));
    }
}

/// Not of any word, with digits and letters.
const SECRET: &str = "Zq7Wk4Vt9Lp2xQ8Rm3Hc6Yd1Nb5Gf0Js";

#[test]
fn every_form_hides_its_secret_there_and_elsewhere() {
    let mut wrong = Vec::new();
    for (kind, form) in FORMS {
        let text = planted(form, SECRET);
        let redactor = Redactor::new();
        let hidden = redactor.hide(text.as_bytes());
        let shown = String::from_utf8_lossy(&hidden);
        if hidden.len() != text.len() || shown.contains(SECRET) || shown.contains("Zq7Wk4Vt") {
            wrong.push(format!("{kind}: {form}\n    -> {shown}"));
            continue;
        }
        if shown.matches('\n').count() != text.matches('\n').count() {
            wrong.push(format!("{kind}: {form} loses a line"));
        }
        redactor.mark(text.as_bytes());
        let elsewhere = redactor.text(format!("said {SECRET}!"));
        if elsewhere.as_str().contains(SECRET) {
            wrong.push(format!("{kind}: {form} is not remembered"));
        }
        let path = Path::new("somewhere/file.txt");
        redactor.file(path, text.as_bytes());
        if !redactor.ledger().iter().any(|entry| entry.kind.name() == *kind) {
            wrong.push(format!("{kind}: {form} is entered as {:?}", redactor.ledger()));
        }
        // A second time nothing is left to hide.
        let again = Redactor::new();
        if again.file(path, &hidden) != hidden || !again.is_empty() {
            wrong.push(format!(
                "{kind}: {form} changes again:\n    {}",
                String::from_utf8_lossy(&again.file(path, &hidden))
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), FORMS.len(), wrong.join("\n"));
}

/// What is left of a text when its secrets are hidden, as if it stood in a file of this name.
fn shown(path: &str, text: &str) -> String {
    String::from_utf8(Redactor::new().file(Path::new(path), text.as_bytes())).unwrap()
}

#[test]
fn an_element_is_hidden_up_to_its_end_and_stays_one() {
    for (text, left) in [
        ("<api_key>ab<KEYa1b2c3d4</api_key>", "<api_key>**<***********</api_key>"),
        ("<api_key>ab<K a1=\"b2\">c3</api_key>", "<api_key>**<* **=\"**\">**</api_key>"),
        ("<api_key>ab\\<a1b2c3d4</api_key>", "<api_key>**\\<********</api_key>"),
        (r"<api_key>C:\a1b2\</api_key>", r"<api_key>*******\</api_key>"),
        (
            "<hook_url><![CDATA[https://h.corp/x?k=1]]></hook_url>",
            "<hook_url><![CDATA[********************]]></hook_url>",
        ),
        ("<api_key><!-- new -->a1b2c3d4</api_key>", "<api_key><!-- *** -->********</api_key>"),
        ("<api_key><!-- new -->a1b2c3d4\n</integration>", "<api_key><!-- *** -->********\n</integration>"),
        ("<api_key>a1</b2c3</api_key>", "<api_key>**</****</api_key>"),
        ("<key>a1b2<name>web</name></key>", "<key>****<name>web</name></key>"),
        ("<key>a1b2c3\n<key>d4", "<key>******\n<key>**"),
        (
            "<key>a1b2c3</kye>\n  <port>1516</port>\n</cluster>",
            "<key>******</kye>\n  <port>1516</port>\n</cluster>",
        ),
        ("<account_key>a1b2c3==</account_key>", "<account_key>********</account_key>"),
        ("<application_key>a1b2c3</application_key>", "<application_key>******</application_key>"),
        ("<secret_value>a1b2c3</secret_value>", "<secret_value>******</secret_value>"),
        ("<db_password>a1b2c3</db_password>", "<db_password>******</db_password>"),
        ("<smtp.pass>a1b2c3</smtp.pass>", "<smtp.pass>******</smtp.pass>"),
        ("<accessToken>a1b2c3</accessToken>", "<accessToken>******</accessToken>"),
        ("<misp_key>a1b2c3d4</misp_key>", "<misp_key>********</misp_key>"),
        (
            "<extra_args>--key Zx81kQpL0vTnE4sW -v</extra_args>",
            "<extra_args>--key **************** -v</extra_args>",
        ),
        ("<extra_args>Zx81kQpL0vTnE4sW</extra_args>", "<extra_args>****************</extra_args>"),
        ("<extra_args>--key s3cr3tK3y</extra_args>", "<extra_args>--key *********</extra_args>"),
        (
            r#"{\"extra_args\":[\"-x\",\"Zx81kQpL0vTnE4sW\"]}"#,
            r#"{\"extra_args\":[\"-x\",\"****************\"]}"#,
        ),
    ] {
        assert_eq!(shown("etc/ossec.conf", text), left);
        assert_eq!(shown("etc/ossec.conf", left), left, "a second time");
    }
    for text in [
        "<use_password>yes</use_password>",
        "<authorization_pass_path>etc/authd.pass</authorization_pass_path>",
        "<ssl_manager_key>etc/sslmanager.key</ssl_manager_key>",
        "<ssl_manager_key>/var/ossec/etc/sslmanager.key</ssl_manager_key>",
        "<registry_key>HKEY_LOCAL_MACHINE\\Software\\x1</registry_key>",
        "<public_key>a1b2c3d4e5</public_key>",
        "<monkey>a1b2c3d4</monkey>",
        "<bypass>a1b2c3d4</bypass>",
        "a list of <my-token> and more text that is long\nand goes on",
        "<extra_args>--zone wan-eth0-2024 --set firewall_drop_v2 203.0.113.5 12345678901234567890</extra_args>",
        "<extra_args>-t /var/ossec/etc/lists/black-list-2024.cdb</extra_args>",
    ] {
        assert_eq!(shown("etc/ossec.conf", text), text);
    }
    // What the reader of Wazuh says of such an element.
    let redactor = Redactor::new();
    redactor.mark(b"<api_key>ab<a1b2c3d4e5f6</api_key>");
    assert_eq!(
        redactor.text("Element 'a1b2c3d4e5f6</api_key' not closed.").as_str(),
        "Element '************</api_key' not closed."
    );
}

#[test]
fn a_script_of_a_shell_keeps_its_syntax() {
    for (text, left) in [
        ("PASSWORD=s3cr3tK3y;read -r A;sleep 1000", "PASSWORD=*********;read -r A;sleep 1000"),
        ("(PASSWORD=s3cr3tK3y)|cat", "(PASSWORD=*********)|cat"),
        ("TOKEN=s3cr3tK3y&read X", "TOKEN=*********&read X"),
        ("TOKEN=s3cr3tK3y>/dev/null", "TOKEN=*********>/dev/null"),
        ("TOKEN=\"s3cr3tK3y$(cat)\"", "TOKEN=\"*********$(cat)\""),
        ("TOKEN=s3cr3tK3y`cat`x9", "TOKEN=*********`cat`**"),
        ("TOKEN=\"s3cr3tK3y${HOME}\"; read X", "TOKEN=\"*********${HOME}\"; read X"),
        ("TOKEN=ab\"s3cr3tK3y$(cat x)\"'ef'; x", "TOKEN=**\"*********$(cat x)\"'**'; x"),
        ("TOKEN='pa$(x)s3cr3t'; read X", "TOKEN='************'; read X"),
        ("PASSWORD=\"pa$$w0rd19\"", "PASSWORD=\"**********\""),
        ("TOKEN=\"${TOKEN:-s3cr3tK3y}\"", "TOKEN=\"${TOKEN:-*********}\""),
        ("TOKEN=${TOKEN:-s3cr3tK3y}; read", "TOKEN=${TOKEN:-*********}; read"),
        (
            "curl -d '{\"password\":\"s3cr3tK3y\",\"a\":1}' u; read X",
            "curl -d '{\"password\":\"*********\",\"a\":1}' u; read X",
        ),
        (
            "curl -d \"token=s3cr3tK3y&ip=$(jq -r .srcip)\" u \"$X\"",
            "curl -d \"token=*********&ip=$(jq -r .srcip)\" u \"$X\"",
        ),
        (
            "curl -d \"token=s3cr3tK3y\" https://x \"y\"; read -r Z",
            "curl -d \"token=*********\" https://x \"y\"; read -r Z",
        ),
        ("curl -u \"admin:s3cr3tK3y$(cat)\" u", "curl -u \"admin:*********$(cat)\" u"),
        ("case $x in --password=s3cr3tK3y) read x;; esac", "case $x in --password=*********) read x;; esac"),
    ] {
        assert_eq!(shown("bin/x", &format!("#!/bin/sh\n{text}\n")), format!("#!/bin/sh\n{left}\n"));
        assert_eq!(shown("bin/x.sh", text), left);
        assert_eq!(shown("bin/x.sh", left), left, "a second time");
    }
}

#[test]
fn secrets_are_known_as_scripts_and_logs_write_them() {
    const KEY: &str = "Zx81kQpL0vTnE4sWbR7u";
    for text in [
        "curl -su a:KEY https://x",
        "curl -sku \"a:KEY\" https://x",
        "curl -uadmin:KEY https://x",
        "curl -X POST \\\n  -Uadmin:KEY https://x",
        "[\"curl\",\"-sSu\",\"a:KEY\"]",
        r"/usr/bin/curl\u0000-ku\u0000a:KEY\u0000x",
        "curl -b 'session=KEY' https://x",
        "curl --oauth2-bearer KEY https://x",
        "api_key = f\"KEY\"",
        "api_key = rb'KEY'",
        "SECRET_KEY = \"\"\"KEY\"\"\"",
        "api_key = (\"KEY\")",
        "API_KEY = os.getenv(\"API_KEY\", \"KEY\")",
        "k = os.environ.get('API_KEY', 'KEY')",
        "token = cfg.get('x', 'token', fallback='KEY')",
        "H = {\n  \"X-Api-Key\":\n     \"KEY\",\n}",
        "requests.get(u, auth=(\"svc\", \"KEY\"))",
        "requests.get(u, auth=HTTPBasicAuth(user, 'KEY'))",
        "smtp.login('svc', 'KEY')",
        "MISP_KEY=KEY",
        "export ABUSEIPDB_KEY='KEY'",
        "PW=KEY",
        "a0=\"curl\" a1=\"-u\" a2=\"adm:KEY\"",
        "a0=\"x\" a1=\"--token\" a2=\"KEY\"",
        "Environment=\"DB_PASS=ab cd KEY\"",
        "Environment=\"A=1\" \"DB_PASS=ab cd KEY\"",
        "Environment=MISP_KEY=KEY",
        "docker run -e \"DB_PASS=ab cd KEY\" x",
        "-H \"Authorization: Splunk KEY\"",
        "Authorization: GenieKey 8f14e45f-KEY",
        "'Authorization': 'SSWS KEY'",
        "{\"Authorization\": \"Bot KEY\"}",
        "{\"Authorization\": f\"Bot KEY\"}",
        "Authorization: AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=KEY",
        "GET /x?redirect=%3Ftoken%3DKEY%26a HTTP/1.1",
        "%22password%22%3A%22KEY%22",
        r#"{"url":"https://x?token\u003dKEY\u0026a=1"}"#,
        "https://api.telegram.org/file/bot12345678:KEY/x",
        "https://hooks.slack-gov.com/services/T0/B0/KEY",
        "https://chat.corp.org/hooks/64f0a/KEY",
        "aws_secret_access_key KEYKEY",
        "the bot 123456789:AAFKEYABCDEFGHIJKL is",
    ] {
        for path in ["x.log", "x.py", "x.sh"] {
            let out = shown(
                path,
                &text
                    .replace("KEY", KEY)
                    .replace(&format!("_{KEY}"), "_KEY")
                    .replace(&format!("A_{KEY}"), "A_KEY"),
            );
            let is_of = match path {
                "x.py" => !text.starts_with("Environment=\"") && !text.starts_with("docker"),
                "x.sh" => {
                    !text.contains('(') && !text.starts_with("SECRET_KEY") && !text.starts_with("api_key =")
                }
                _ => true,
            };
            assert!(!is_of || !out.contains("kQpL0vTn"), "{path}: {out}");
        }
    }
    for text in [
        "docker run -u 1000:group x",
        "docker run -u 1000:1000 x",
        "docker exec --user web:staff x",
        "chown -u user:name x",
        "curl -su user https://x:443/a",
        "curl -b cookies.txt -o x:y https://x",
        "curl -sk https://x/a:b",
        "rsync -au host:path x",
        "token = cfg.get('token', 'default')",
        "x = cfg.get('section', 'password')",
        "os.getenv('API_KEY', '')",
        "auth = (user, password)",
        "logging.basicConfig(level='x', format='y1y2y3y4')",
        "public_key = a1b2c3d4e5f6a7b8c9",
        "cache_key: a1b2c3d4e5f6a7b8c9d0e1f2",
        "Authorization: access denied for user",
        "authorization=no --other-thing yes",
        "authorization: required by the policy of 2024",
        "pw = pwd.getpwnam(name)",
        "\"full_log\":\"token=abc and the rest of a line\"",
        "https://x/hooks/on/after-install",
        "at 12:34:56:AA and 10:20:AA:BB:CC",
        "redirect=%3Fpage%3D12",
        "the token is short",
        "def f(auth=('a', 'b')): pass",
    ] {
        let out = shown("x.log", text);
        assert!(
            out == text
                || text.contains("token=abc") && out.ends_with("and the rest of a line\"")
                || text.contains("def f"),
            "{out}"
        );
    }
}

/// Secrets that are known by what they look like.
#[test]
fn tokens_are_known_by_how_they_begin() {
    let letters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a1B2c3D4e5F6g7H8";
    let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    for token in [
        format!("ghp_{}", &letters[..36]),
        format!("github_pat_{}", &letters[..30]),
        format!("glpat-{}", &letters[..20]),
        format!("xoxb-123456789012-{}", &letters[..24]),
        format!("xapp-1-{}", &letters[..24]),
        format!("sk-{}", &letters[..48]),
        format!("sk-ant-{}", &letters[..48]),
        format!("sk_live_{}", &letters[..24]),
        format!("SG.{}.{}", &letters[..22], &letters[..43]),
        format!("AIza{}", &letters[..35]),
        format!("npm_{}", &letters[..36]),
        format!("hvs.{}", &letters[..24]),
        format!("dop_v1_{hex}"),
        format!("shpat_{}", &hex[..32]),
        format!("glsa_{}", &letters[..32]),
        "AKIAABCDEFGHIJKLMNOP".to_owned(),
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc".to_owned(),
        format!("$6$rounds=5000$saltsalt${}", letters.get(..68).unwrap()),
        format!("$y$j9T$abcdefgh${}", &letters[..43]),
        format!("$2y$10${}", &letters[..53]),
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub".to_owned(),
        format!("{{SSHA}}{}", &letters[..32]),
        format!("003 web-01 any {hex}"),
        format!("x\n004 db 10.0.0.4 {hex}"),
    ] {
        let out = Redactor::new().text(format!("{token} said"));
        let tail = &token[token.len() - 3..];
        assert!(out.as_str().contains("***") && !out.as_str().contains(tail), "{out}");
    }
}

#[test]
fn ordinary_text_stays() {
    let mut wrong = Vec::new();
    for text in [
        "unexpected token `)'",
        "syntax error near unexpected token: then what",
        "Invalid token: the one of yesterday",
        "Wrong password: it was not accepted",
        "password: required",
        "basic authentication is off",
        "Bearer authentication failed",
        "the secret of success",
        "key: value",
        "key: the one of the cluster",
        "\"key\":\"HKEY_LOCAL_MACHINE\\\\Software\"",
        "for key in a b; do echo x > /dev/null; done <in",
        "if key>5: pass",
        "<key></key>",
        "<key/>",
        "<key />",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  /usr/bin/x",
        "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
        "d41d8cd98f00b204e9800998ecf8427e  var/ossec/bin/wazuh-execd",
        "550e8400-e29b-41d4-a716-446655440000",
        "<if_sid>5712</if_sid>",
        "rules_id 5712, 5763",
        "sudo: alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/bin/ls",
        "pwd=$(pwd)",
        "TOKEN=$(cat /etc/token)",
        "token=${TOKEN:-}",
        "PASSWORD=\"$1\"",
        "token = args.token",
        "token = data[\"token\"]",
        "password = getpass.getpass()",
        "def f(token: str, password: Optional[str] = None):",
        "if token == expected:",
        "password_file: /etc/x",
        "<authorization_pass_path>etc/authd.pass</authorization_pass_path>",
        "ssl_key = /etc/ssl/private/x.pem",
        "private_key: /etc/ssl/private/x.pem",
        "docker run -u 1000:1000 x",
        "install -o root -g wazuh -m 750",
        "iptables -I INPUT -p icmpv6 -j DROP",
        "iptables -p tcp --dport 22",
        "ssh -p 2222 host",
        "ps -p 1234567 -o args",
        "mkdir -p /var/ossec/logs",
        "https://documentation.wazuh.com:443/current/x@y",
        "http://127.0.0.1:9200/index?x=a@b",
        "mailto:ops@example.com",
        "user@host:/path",
        "awk '{print $1$2$3}'",
        "echo \"$1$2/etc/passwd/somewhere\"",
        "grep -q '-----BEGIN PRIVATE KEY-----' f && echo yes",
        "sed -n '/-----BEGIN PRIVATE KEY-----/,/-----END PRIVATE KEY-----/p' f",
        "sk-something-ordinary-goes-here-too",
        "task-force_ghp_x",
        "cookie: yes",
        "community edition",
        "the community: everybody is welcome",
        "root:x:0:0:root:/root:/bin/bash",
        "\"token\":null,\"password\":true",
        "--token -v",
        "set password for the user",
        "Accepted password for root from 203.0.113.9 port 51122 ssh2",
        "Failed password for invalid user bob from 203.0.113.9",
        "2026/11/20 14:05:11 wazuh-authd: INFO: Using password specified on file: etc/authd.pass",
        "003 web-01 any",
        "100 packets from 10.0.0.5 lost",
        "Wazuh v4.14.2",
        "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9",
        "%wheel ALL=(ALL) NOPASSWD: ALL",
    ] {
        for mode in [Mode::Text, Mode::Code] {
            let found = formats::find(text.as_bytes(), mode);
            if let Some(found) = found.first() {
                wrong.push(format!("{text}: {} {:?}", found.kind, text.get(found.range.clone())));
            }
        }
        let redactor = Redactor::new();
        if redactor.file(Path::new("logs/ossec.log"), text.as_bytes()) != text.as_bytes() {
            wrong.push(text.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_known_by_their_names() {
    for (path, text, shown) in [
        (
            "etc/client.keys",
            "001 web any abc\n002 !db 10.0.0.4 0123 4567\n# x y z w\n003 cut\n",
            "001 web any ***\n002 !db 10.0.0.4 *********\n# x y z w\n003 cut\n",
        ),
        ("backup/client.keys.2026", "001 web any k3y\r\n", "001 web any ***\r\n"),
        ("etc/authd.pass", "open sesame\n\nsecond\n", "***********\n\n******\n"),
        (
            "etc/shadow",
            "root:$6$x$yyyyyyyy:1:\nbin:*:1:\nlocked:!:1:\n",
            "root:*************:1:\nbin:*:1:\nlocked:!:1:\n",
        ),
        ("root/.pgpass", "db:5432:x:y:open sesame\n", "db:5432:x:y:***********\n"),
        ("agentless/.passlist", "root@10.0.0.1|first|second\n", "root@10.0.0.1|************\n"),
        ("etc/x.p12", "0\u{1}binary\n", "********\n"),
        ("etc/x.key", "raw bytes of a key", "******************"),
        ("api/x.yml", "password: open sesame # old\nname: web\n", "password: *********** # old\nname: web\n"),
        (
            "bin/x.py",
            "token = args\npassword = pw_of(user)\nkey = 'plain'\ntoken = 'abcdef'\n",
            "token = args\npassword = pw_of(user)\nkey = 'plain'\ntoken = '******'\n",
        ),
        ("alerts.json", r#"{"data":{"token":123456,"pin":"x"}}"#, r#"{"data":{"token":111111,"pin":"x"}}"#),
    ] {
        let redactor = Redactor::new();
        let out = redactor.file(Path::new(path), text.as_bytes());
        assert_eq!(String::from_utf8_lossy(&out), shown, "{path}");
        assert_eq!(redactor.file(Path::new(path), &out), out, "{path}: a second time");
    }
    let packed = Redactor::new().file(Path::new("a.log"), b"\x1f\x8b\x08\x00packed");
    assert_eq!(packed, b"\x1f\x8b*\x00******", "what it is stays");
}

/// A secret with `secret` in it, as other files may write it.
#[test]
fn other_spellings_of_a_secret_are_hidden() {
    let redactor = Redactor::new();
    redactor.remember(Kind::Password, br#"pa"ss\wo/rd&<9>"#);
    for text in [
        r#"pa"ss\wo/rd&<9>"#,
        r#"pa\"ss\\wo/rd&<9>"#,
        r#"pa\\\"ss\\\\wo/rd&<9>"#,
        r#"pa\"ss\\wo\/rd&<9>"#,
        "pa&quot;ss\\wo/rd&amp;&lt;9&gt;",
        "pa%22ss%5Cwo%2Frd%26%3C9%3E",
    ] {
        assert_eq!(
            redactor.text(format!("a {text} b")).as_str(),
            format!("a {} b", "*".repeat(text.len())),
            "{text}"
        );
    }
    let listed = Redactor::new().text(r"x\u0000--password\u0000Sw0rdfish1\u0000y");
    assert_eq!(listed.as_str(), r"x\u0000--password\u0000**********\u0000y");
    let redactor = Redactor::new();
    redactor.mark(b"curl https://admin:Sw0rdfish@x.example/");
    redactor.mark(br#"{"full_log":"{\"password\":\"it's \\\\ here\"}"}"#);
    redactor.mark(b"TOKEN=first\\\nsecond1\nexport X");
    for text in ["YWRtaW46U3cwcmRmaXNo", "it's \\ here", "firstsecond1"] {
        assert!(!redactor.text(format!("x {text}")).as_str().contains(text), "{text}");
    }
    let redactor = Redactor::new();
    redactor.mark(b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\n  BAQEFAASCBKcwggSjAgEA\n-----END PRIVATE KEY-----");
    assert!(!redactor.text("line BAQEFAASCBKcwggSjAgEA alone").as_str().contains("BAQEF"));
    redactor.mark(b"Authorization: Basic YWRtaW46U3cwcmRmaXNo");
    assert!(!redactor.text("Sw0rdfish").as_str().contains("Sw0rd"));
}

#[test]
fn an_escape_is_not_torn() {
    let redactor = Redactor::new();
    redactor.remember(Kind::Token, b"nabcdefgh");
    let out = redactor.text(r#"{"a":"x\nabcdefgh"}"#);
    assert!(serde_json::from_str::<serde_json::Value>(out.as_str()).is_ok(), "{out}");
}

#[test]
fn variables_are_known_by_their_names() {
    let redactor = Redactor::new();
    for (name, value) in [
        ("SMTP_AUTH", "one-auth-1"),
        ("X_KEY", "two-key-22"),
        ("SSH_AUTH_SOCK", "/run/agent-3"),
        ("PATH", "four-four"),
        ("DBPASS", "five-five5"),
        ("TURKEY", "six-six-six"),
        ("SSHKEY", "$HOME"),
    ] {
        redactor.variable(name.as_bytes(), value.as_bytes());
    }
    assert_eq!(
        redactor.text("one-auth-1 two-key-22 /run/agent-3 four-four five-five5 six-six-six $HOME").as_str(),
        "********** ********** /run/agent-3 four-four ********** six-six-six $HOME"
    );
}

#[test]
fn the_scanner_finds_what_blocks_cut() {
    let redactor = Redactor::new();
    redactor.remember(Kind::ApiKey, b"0123456789abcdef");
    redactor.remember(Kind::Token, b"short7");
    let text = b"xxxxx0123456789abcdefyyyy short7".as_slice();
    for size in 1..text.len() {
        let mut scanner = redactor.scanner();
        let leaks: Vec<Leak> = text.chunks(size).filter_map(|block| scanner.feed(block)).collect();
        assert_eq!(leaks, [Leak { kind: Kind::ApiKey, offset: 5 }], "blocks of {size}");
    }
    let mut scanner = redactor.scanner();
    assert_eq!(scanner.feed(b"0123456"), None);
    scanner.restart();
    assert_eq!(scanner.feed(b"789abcdef"), None, "two streams");
}

#[test]
fn names_of_files_hosts_and_arguments_are_no_secrets() {
    let redactor = Redactor::new();
    for text in [
        "<ssl><key>/etc/filebeat/certs/filebeat-key.pem</key></ssl>",
        "parser.add_argument('-k', '--secret_key', dest='secret_key')",
        "{'Key': 'AWSLogs/166157441623/elasticloadbalancing/us-west-1/2021/12/21'}",
    ] {
        assert_eq!(redactor.text(text).as_str(), text);
    }
    redactor.mark(b"<hook_url>https://api.example.com</hook_url>");
    redactor.mark(b"<hook_url>https://n8n-01.example.com/hooks/Zx81Zx81Zx81</hook_url>");
    for text in ["see https://api.example.com/ip", "https://n8n-01.example.com/health"] {
        assert_eq!(redactor.text(text).as_str(), text);
    }
}

#[test]
fn what_is_left_of_a_secret_is_hidden() {
    let redactor = Redactor::new();
    redactor.mark(b"password: 'Zx81Zx81Zx81Zx81Zx81'\ntoken = 'Qs5iXJA44Ly8\"/S7ABj40l4'\n");
    redactor.mark(b"Cookie: session=In3o5By0S%3D4IrZhfcj; theme=1");
    for text in [
        "it was Zx81Zx81Z…",
        "it was Zx81Zx81Z",
        "Zx81Zx81Zx81Zx81Z and",
        "bin/S7ABj40l4 is",
        "In3o5By0S=4IrZhfcj",
    ] {
        assert!(redactor.text(text).as_str().contains("********"), "{text}");
    }
    for text in [
        "curl -u 'admin:Xr0xCw6S2\\W6XAl7J81\"Qx' u",
        "sshpass -p 'Xr0xCw6S2\"W6XAl7J81' ssh",
        "mysql -p'Xr0xCw6S2' x",
    ] {
        let out = Redactor::new().text(text);
        assert!(!out.as_str().contains("J81") && !out.as_str().contains("S2"), "{out}");
    }
}

/// A sign of a shell, of XML or of a path cuts a secret where it is shown in parts.
#[test]
fn parts_of_a_secret_are_hidden_unless_they_are_words() {
    let redactor = Redactor::new();
    redactor.mark(b"password: 'Fr6x91Tex8&TSHACdlZ;qLwErTyU|s5pTfhhw<Qzfkbcde/readable'");
    redactor.mark(br#"password: "Fa6843glNIfs\"%ySNotHdxnaDL""#);
    redactor.mark(b"<hook_url>https://x.example/Zk4Vt9Lp2xQ8Rm3H/IncomingWebhook/WEBHOOKS</hook_url>");
    redactor.mark(b"<hook_url>https://x.example/Gp521C9UQh%5C%25LQxcQvdP</hook_url>");
    redactor.mark(b"x:$6$5Ay6PShq$40GQKWh9G4n21EtWH3lw/p36vaIjwWKX/AItES.jvKaYWb.:1");
    redactor.mark(b"x:$6$IIL20bAx$LgLOI3M0VzZhi.CD8Zr41hSwJE.i3A.2qrCsA5G./Gu8.4f63s60sN67/.i7Xhfs:1");
    for part in [
        "TSHACdlZ",
        "qLwErTyU",
        "s5pTfhhw",
        "Fr6x91Tex8",
        "Qzfkbcde",
        "%ySNotHdxnaDL",
        "Zk4Vt9Lp2xQ8Rm3H",
        r"Gp521C9UQh\\%LQxcQvdP",
        "AItES.jvKaYWb.",
        "/.i7Xhfs",
    ] {
        let said = redactor.text(format!("{part}: not found"));
        assert_eq!(said.as_str().trim_start_matches('*'), ": not found");
    }
    for word in ["IncomingWebhook", "WEBHOOKS", "readable"] {
        assert_eq!(redactor.text(word).as_str(), word);
    }
}

/// Nobody has to be kept from stars.
#[test]
fn blanks_and_nuls_are_no_secret() {
    for text in
        [&b"<key \r\0\0\0\0\0\0\0"[..], b"<password>\0\0\0\0\0\0\0\0</password>", b"<key> \n\0\0\0\0\0\0\0\0"]
    {
        assert!(secrets(text).is_empty(), "{}", text.escape_ascii());
    }
}

#[test]
fn what_was_hidden_is_no_secret() {
    let redactor = Redactor::new();
    for text in [r#"["--password", "'********************'"]"#, "password: '********\\\"********'"] {
        redactor.mark(text.as_bytes());
        assert_eq!((redactor.len(), redactor.text(text).as_str()), (0, text));
    }
}

#[test]
fn the_ledger_counts_and_tells_no_value() {
    let redactor = Redactor::new();
    let path = Path::new("etc/ossec.conf");
    redactor
        .file(path, b"<key>0123456789abcdef0123</key> 0123456789abcdef0123 <password>swordfish1</password>");
    redactor.file(Path::new("logs/x.log"), b"swordfish1 and swordfish1");
    let ledger: Vec<(String, Kind, u64)> = redactor
        .ledger()
        .into_iter()
        .map(|entry| (entry.place.to_string(), entry.kind, entry.count))
        .collect();
    assert_eq!(
        ledger,
        [
            ("etc/ossec.conf".to_owned(), Kind::ClusterKey, 2),
            ("etc/ossec.conf".to_owned(), Kind::Password, 1),
            ("logs/x.log".to_owned(), Kind::Password, 2),
        ]
    );
}

#[test]
fn secrets_in_json_are_known_as_those_outside() {
    const KEY: &str = "Zx81kQpL0vTnE4sWbR7u";
    for text in [
        "api_key = f\"KEY\"",
        "api_key = (\"KEY\")",
        "HTTPBasicAuth(\"svc\", \"KEY\")",
        "requests.get(u, auth=('svc', \"KEY\"))",
        "Environment=\"DB_PASS=KEY\"",
        "Environment=\"DB_PASS=a b KEY\"",
        "Environment=\"DB_PASS=x\\\"y<KEY\\\"KEY\"",
        "docker run -e \"DB_PASS=ab cd KEY\" x",
        "curl -sku \"a:KEY\" https://x",
        "-H \"Authorization: Splunk KEY\"",
        "smtp.login(\"svc\", \"KEY\")",
    ] {
        let line = serde_json::json!({ "full_log": text.replace("KEY", KEY), "location": "x" }).to_string();
        let out = shown("logs/alerts/alerts.json", &line);
        assert!(!out.contains(KEY) && out.ends_with("\"location\":\"x\"}"), "{out}");
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
    }
}

#[test]
fn arguments_that_are_keys_are_hidden_as_a_whole() {
    let text =
        "<extra_args>it was Bc72o16HWnjG=IC599cyBeK+xr944QV7 --key=Zx81kQpL0vTnE4sWbR7u -v</extra_args>";
    let left =
        "<extra_args>it was ******************************** --key=******************** -v</extra_args>";
    assert_eq!(shown("etc/ossec.conf", text), left);
}

#[test]
fn parts_of_what_a_log_tells_are_hidden_when_they_are_no_words() {
    let redactor = Redactor::new();
    let log = "<password>Lp7N7Gk7r/vlrFnegwcY</password>\n$6$lk0YjKzp$eca/gzq.C4k..glq9qlu6O67m8TC1kAe0mzASb6HWLmzqQ1yTvyo2MM86LJwioTCCLGrb2MQXC70e2/Xc8Tdwp\n\
        token=Ab1cdefgh2/IncomingWebhook/processes\n";
    redactor.learn(Path::new("/var/ossec/logs/ossec.log"), log.as_bytes());
    assert_eq!(
        redactor.text("bin/vlrFnegwcY bin/Xc8Tdwp bin/processes bin/IncomingWebhook").as_str(),
        "bin/********** bin******** bin/processes bin/IncomingWebhook"
    );
}

#[test]
fn a_key_in_the_name_of_a_response_is_no_word_of_it() {
    let redactor = Redactor::new();
    redactor
        .spare(["it-was-Zx81kQpL0vTnE4sWbR7u-then", "x-a\"b1cdefgh-y", "edge-block600"].map(str::as_bytes));
    for secret in ["Zx81kQpL0vTnE4sWbR7u", "a\"b1cdefgh", "block600"] {
        redactor.remember(Kind::Password, secret.as_bytes());
    }
    assert_eq!(
        redactor.text("it-was-Zx81kQpL0vTnE4sWbR7u-then x-a\"b1cdefgh-y edge-block600").as_str(),
        "it-was-********************-then x-**********-y edge-block600"
    );
}

// ---- identities ----

fn with_identities() -> Redactor {
    let redactor = Redactor::new();
    redactor.redact_identities([5; 32]);
    redactor
}

const HOST: &str = r#"{"machine":{"arch":"x86_64","hostname":"siem-01.acme.example"},"users":{"root":0,"wazuh":998,"alice":1001,"deploybot":{"uid":1002}},"processes":[{"user":"alice"}]}"#;

#[test]
fn names_have_one_pseudonym_everywhere() {
    let redactor = with_identities();
    redactor.learn(Path::new("host.json"), HOST.as_bytes());
    redactor
        .learn(Path::new("etc/client.keys"), b"003 web-01 any 00112233\n004 !db-old 10.20.7.4 00112233\n");
    redactor.learn(
        Path::new("etc/ossec.conf"),
        b"<email_to>Ops.Team@acme.example</email_to><address>siem-02.acme.example</address>",
    );
    let out = redactor.text(
        "siem-01.acme.example siem-01 SIEM-01 acme.example alice deploybot root wazuh web-01 web-01->/var/log/x (web-01) db-old \
         ops.team@acme.example webs-01 web-012 malice siem-02 alice.smith",
    );
    let words: Vec<&str> = out.as_str().split(' ').collect();
    for name in ["siem-01", "SIEM-01", "acme", "deploybot", "db-old", "ops.team", "siem-02"] {
        assert!(!out.as_str().contains(name), "{name} in {out}");
    }
    assert!(
        words[0].starts_with("host-") && words[0].starts_with(words[1]) && words[0].ends_with(words[3]),
        "{out}"
    );
    assert_eq!(words[2], words[1].to_uppercase());
    assert!(words[4].starts_with("user-") && words[6..8] == ["root", "wazuh"], "{out}");
    assert!(
        words[8].starts_with("agent-")
            && words[9] == format!("{}->/var/log/x", words[8])
            && words[10] == format!("({})", words[8])
    );
    assert!(words[12].starts_with("mail-") && words[12].ends_with("@example.invalid"), "{out}");
    assert_eq!(words[13..16], ["webs-01", "web-012", "malice"]);
    let map = redactor.map();
    let pseudonyms: std::collections::BTreeSet<_> = map.iter().map(|pair| &pair.pseudonym).collect();
    assert_eq!(pseudonyms.len(), map.len(), "{map:?}");
    assert!(
        map.iter().any(|pair| pair.original == "web-01"
            && pair.what == Identity::Agent
            && pair.pseudonym == words[8])
    );
    assert_eq!(redactor.path(Path::new("queue/web-01/x")), Path::new(&format!("queue/{}/x", words[8])));
    // Another capture has other names.
    let other = Redactor::new();
    other.redact_identities([6; 32]);
    other.learn(Path::new("etc/client.keys"), b"003 web-01 any 00112233\n");
    assert_ne!(other.text("web-01").as_str(), words[8]);
}

#[test]
fn joins_of_alerts_keys_and_lists_hold() {
    let redactor = with_identities();
    let keys = String::from_utf8(redactor.file(Path::new("etc/client.keys"), b"003 web-01 10.20.7.4 0011\n"))
        .unwrap();
    let alert = r#"{"agent":{"id":"003","name":"web-01","ip":"10.20.7.4"},"manager":{"name":"siem-01"},"predecoder":{"hostname":"web-01"},"decoder":{"name":"sshd"},"data":{"srcip":"93.184.216.34","srcuser":"mallory","dstuser":"root"},"full_log":"Nov 20 14:09:57 web-01 sshd[1]: Failed password for invalid user mallory from 93.184.216.34 port 22","location":"/var/log/auth.log"}"#;
    let alert =
        String::from_utf8(redactor.file(Path::new("logs/alerts/alerts.json"), alert.as_bytes())).unwrap();
    let alert: serde_json::Value = serde_json::from_str(&alert).unwrap();
    let fields: Vec<&str> = keys.split(' ').collect();
    assert_eq!(alert["agent"]["name"], fields[1]);
    assert_eq!(alert["agent"]["ip"], fields[2]);
    assert_eq!(alert["predecoder"]["hostname"], fields[1]);
    assert_eq!(alert["decoder"]["name"], "sshd");
    assert_eq!(alert["data"]["dstuser"], "root");
    assert_eq!(alert["location"], "/var/log/auth.log");
    let (ip, user) = (alert["data"]["srcip"].as_str().unwrap(), alert["data"]["srcuser"].as_str().unwrap());
    assert!(user.starts_with("user-") && ip != "93.184.216.34");
    let log = alert["full_log"].as_str().unwrap();
    assert!(log.contains(&format!("user {user} from {ip} port")) && log.contains(fields[1]), "{log}");
    let config = "<white_list>93.184.0.0/16</white_list><white_list>^93.184.</white_list><white_list>127.0.0.1</white_list>";
    let config = redactor.text(config).to_string();
    let start = ip.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
    assert_eq!(
        config,
        format!(
            "<white_list>{start}.0.0/16</white_list><white_list>^{start}.</white_list><white_list>127.0.0.1</white_list>"
        )
    );
}

#[test]
fn names_that_mean_something_stay() {
    let redactor = with_identities();
    redactor.keep(["edge-block"]);
    for name in [
        "any",
        "server",
        "log",
        "root",
        "firewall-drop",
        "edge-block",
        "10.0.0.5",
        "12345",
        "db",
        "wazuh-agent",
    ] {
        redactor.learn(Path::new("etc/client.keys"), format!("001 {name} any 0011\n").as_bytes());
    }
    for text in [
        "<location>server</location>",
        "/var/log/x",
        "edge-block600 edge-block",
        "firewall-drop",
        "12345",
        "Wazuh wazuh-agent",
        "queue/db",
    ] {
        assert_eq!(redactor.text(text).as_str(), text);
    }
    // Who logs in as this changes nothing elsewhere.
    let log = b"Nov 20 14:09:57 web-07 sshd[1]: Invalid user edge-unblock from 93.184.216.34 port 22\n";
    let out = redactor.file(Path::new("var/log/syslog"), log);
    assert!(!String::from_utf8_lossy(&out).contains("edge-unblock"), "{}", String::from_utf8_lossy(&out));
    assert_eq!(redactor.text("edge-unblock is a script").as_str(), "edge-unblock is a script");
    assert_eq!(redactor.file(Path::new("/var/lib/dpkg/status"), b"Version: 4.14.2.1"), b"Version: 4.14.2.1");
}

#[test]
fn mail_and_machines_are_known_by_their_fields() {
    let redactor = with_identities();
    let host = r#"{"users":{"carol":1001},"groups":{"webteam":1005,"ssl-cert":110},"mounts":[
        {"target":"/a","source":"nas7:/export","type":"nfs4"},{"target":"/b","source":"//filer2/share","type":"cifs"},
        {"target":"/c","source":"10.0.0.9:/x","type":"nfs"},{"target":"/d","source":"/dev/sda1","type":"ext4"}]}"#;
    let config = "<email_to>ann@acme.example, dave@acme.example</email_to>\n<email_to>Bob &lt;bob@acme.example&gt;</email_to>\n\
        <hosts>\n<host>https://idx4.acme.example:9200</host>\n</hosts><server>collector9</server>\n";
    redactor.learn(Path::new("host.json"), host.as_bytes());
    redactor.learn(Path::new("etc/ossec.conf"), config.as_bytes());
    let config = String::from_utf8(redactor.file(Path::new("etc/ossec.conf"), config.as_bytes())).unwrap();
    let log = "carol.danvers@acme.example nas7 filer2 webteam idx4 collector9 <x@mail.acme.example>";
    let all = [config, redactor.text(log).to_string(), redactor.text(host).to_string()].concat();
    for name in [
        "ann",
        "dave",
        "bob",
        "carol",
        "danvers",
        "idx4",
        "collector9",
        "nas7",
        "filer2",
        "webteam",
        "x@mail",
    ] {
        assert!(!all.contains(name), "{name}: {all}");
    }
    let told = redactor.text("ann@acme.example Ann@acme.example").to_string();
    let (one, other) = told.split_once(' ').unwrap();
    assert!(one.starts_with("mail-") && one.eq_ignore_ascii_case(other), "{told}");
    // Units, keys of SSH, addresses of services and paths are no mail.
    for text in [
        "getty@tty1.service",
        "user@1000.service",
        "/run/x@y.example",
        "https://u@h.example/",
        "@foo.bar",
        "/dev/sda1",
    ] {
        assert!(!redactor.text(text).as_str().contains("mail-"), "{text}");
    }
}

#[test]
fn agents_that_ask_for_a_key_are_hidden_in_their_lines_alone() {
    let redactor = with_identities();
    let log = "wazuh-authd: INFO: Received request for a new agent (web-99) from: 192.0.2.7\n\
        wazuh-authd: INFO: Agent key generated for 'web-99' (requested by any)\n\
        wazuh-authd: INFO: Agent key generated for agent 'processes' (requested locally)\n\
        wazuh-authd: WARNING: Duplicate name 'web-99', rejecting enrollment. \n\
        wazuh-authd: INFO: Removing old agent 'web-98' (id '007').\n\
        wazuh-authd: INFO: Agent '007' (web-98) deleted (requested locally)\n";
    let path = Path::new("logs/ossec.log");
    redactor.learn(path, log.as_bytes());
    let out = String::from_utf8(redactor.file(path, log.as_bytes())).unwrap();
    assert!(!out.contains("web-9") && !out.contains("processes") && out.contains("'007'"), "{out}");
    let names: Vec<&str> =
        out.split(['(', ')', '\'', ' ']).filter(|word| word.starts_with("agent-")).collect();
    assert!(names.len() == 6 && names[0] == names[1] && names[4] == names[5], "{names:?}");
    assert_eq!(redactor.text("\"processes\": []").as_str(), "\"processes\": []");
}

#[test]
fn patterns_that_match_others_are_named() {
    let redactor = with_identities();
    let config = "<x/>\n<white_list>192.0.2.0/24</white_list>\n<white_list>.34$</white_list>\n<white_list>^10.|93.18</white_list>\n";
    redactor.file(Path::new("/var/ossec/etc/ossec.conf"), config.as_bytes());
    redactor.file(Path::new("/var/ossec/logs/x.log"), config.as_bytes());
    let places = redactor.changed_patterns();
    assert_eq!(places, [3, 4].map(|line| ("/var/ossec/etc/ossec.conf".into(), line)));
}

#[test]
fn every_pattern_of_identities_compiles() {
    assert_eq!(identities::broken_patterns(), [""; 0]);
}

proptest::proptest! {
    /// Twice is as good as once: what matched still matches, and no secret comes back.
    #[test]
    fn a_second_redaction_changes_no_meaning(name in "[a-z]{5,9}-[0-9]{2}", user in "[a-z]{6,9}") {
        let redactor = with_identities();
        let keys = format!("003 {name} 93.184.216.34 0011\n");
        let log = format!("{name} {user} 93.184.216.34 {name}\n");
        redactor.learn(Path::new("client.keys"), keys.as_bytes());
        let once = (redactor.file(Path::new("client.keys"), keys.as_bytes()), redactor.file(Path::new("x.log"), log.as_bytes()));
        let again = Redactor::new();
        again.redact_identities([8; 32]);
        again.learn(Path::new("client.keys"), &once.0);
        let twice = (again.file(Path::new("client.keys"), &once.0), again.file(Path::new("x.log"), &once.1));
        for (keys, log) in [once, twice] {
            let (keys, log) = (String::from_utf8(keys).unwrap(), String::from_utf8(log).unwrap());
            let (keys, log): (Vec<&str>, Vec<&str>) = (keys.split(' ').collect(), log.trim().split(' ').collect());
            proptest::prop_assert_eq!(keys[1], log[0]);
            proptest::prop_assert_eq!(keys[1], log[3]);
            proptest::prop_assert_eq!(keys[2], log[2]);
            proptest::prop_assert_eq!(keys[3], "****\n");
            proptest::prop_assert!(keys[1].starts_with("agent-") && keys[1].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>, path in "(client.keys|host.json|x.yml|x.py|alerts.json|etc/lists/x|shadow)") {
        let redactor = with_identities();
        let plain = Redactor::new();
        redactor.learn(Path::new(&path), &bytes);
        redactor.file(Path::new(&path), &bytes);
        let out = plain.file(Path::new(&path), &bytes);
        proptest::prop_assert_eq!(out.len(), bytes.len());
        for (before, after) in bytes.iter().zip(&out) {
            proptest::prop_assert_eq!(*before == b'\n', *after == b'\n');
        }
    }
}
