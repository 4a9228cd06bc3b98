//! Where secrets stand in a text, by element, by name and by format.
//!
//! One pass finds the anchors: words and beginnings that every rule has one of. Only where one
//! stands its rules are tried, each from the anchor on. What a rule takes is decided by what
//! stands around it, so that prose, code and paths stay.

use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};
use regex::bytes::Regex;

use super::{Kind, element, pair};

/// How far from its anchor a secret may reach.
pub(super) const REACH: usize = 32 * 1024;

/// A secret that was found by how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where it stands.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
    /// What it is overwritten with: a number of JSON stays one.
    pub(super) fill: u8,
    /// The user in front of a password: both together may stand elsewhere in base64.
    pub(super) user: Option<Range<usize>>,
}

impl Found {
    pub(super) fn new(range: Range<usize>, kind: Kind) -> Self {
        Self { range, kind, fill: b'*', user: None }
    }

    /// What was looked at, and is none.
    pub(super) fn vain(range: Range<usize>, kind: Kind) -> Self {
        Self { fill: 0, ..Self::new(range, kind) }
    }

    pub(super) fn is_vain(&self) -> bool {
        self.fill == 0
    }
}

/// How a text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Anything.
    Text,
    /// A program: what stands without quotes is no text.
    Code,
    /// A file of settings: a value goes to the end of its line.
    Settings,
    /// A program of a shell: its signs end a value, and what it expands stays.
    Shell,
}

impl Mode {
    /// What the first line says.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let languages: [&[u8]; 7] = [b"python", b"perl", b"ruby", b"node", b"php", b"pwsh", b"lua"];
        let names = |language: &[u8]| memchr::memmem::find(line, language).is_some();
        if !line.starts_with(b"#!") {
            return Self::Text;
        }
        if languages.iter().any(|language| names(language)) {
            return Self::Code;
        }
        let words = line.split(|byte| byte.is_ascii_whitespace() || b"/!".contains(byte));
        let shells: [&[u8]; 8] = [b"sh", b"bash", b"dash", b"ksh", b"zsh", b"ash", b"busybox", b"rbash"];
        if words.into_iter().any(|word| shells.contains(&word)) { Self::Shell } else { Self::Text }
    }
}

/// What must stand in front of an anchor.
#[derive(Clone, Copy)]
enum Before {
    /// Anything.
    Any,
    /// No letter, digit, `_`, `-` or `.`.
    Word,
    /// No letter, digit or `_`.
    Edge,
    /// `<` and blanks.
    Tag,
    /// The same, and the beginning of a name.
    TagName,
    /// Neither `<`, `/`, `$`, `{` nor a part of a name: an element whose `<` is lost.
    LostTag,
    /// A blank, a quote, or nothing: an option stands alone.
    Alone,
    /// The letters of a scheme.
    Scheme,
}

impl Before {
    fn fits(self, text: &[u8], at: usize) -> bool {
        let before = text.get(..at).unwrap_or_default();
        let last = before.last().copied();
        let part_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        match self {
            Self::Any => true,
            Self::Word => last.is_none_or(|byte| !part_of_name(byte) && byte != b'.'),
            Self::Edge => last.is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'_'),
            Self::Tag => blanks_aside(before).last() == Some(&b'<'),
            Self::TagName => {
                let near = before.get(before.len().saturating_sub(128)..).unwrap_or_default();
                let name =
                    near.iter().rev().take_while(|byte| part_of_name(**byte) || b".:".contains(byte)).count();
                name > 0
                    && blanks_aside(before.get(..before.len() - name).unwrap_or_default()).last()
                        == Some(&b'<')
            }
            Self::LostTag => last.is_none_or(|byte| !part_of_name(byte) && !b"</${.".contains(&byte)),
            Self::Alone => last.is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'\0`(=>".contains(&byte)),
            Self::Scheme => last.is_some_and(|byte| byte.is_ascii_alphanumeric()),
        }
    }
}

/// Without the blanks at its end, where they are few.
fn blanks_aside(text: &[u8]) -> &[u8] {
    let near = text.get(text.len().saturating_sub(128)..).unwrap_or_default();
    near.trim_ascii_end()
}

/// Finds secrets from an anchor on.
enum Take {
    /// Group 1 of a pattern that begins at the anchor.
    Pattern(Pattern),
    /// The same, when a second look at the text and the group agrees.
    Checked(Pattern, fn(&[u8], &Range<usize>) -> bool),
    /// The same of a word of a command line, which goes on to the quote that closes it.
    Word(Pattern, fn(&[u8], &Range<usize>) -> bool),
    /// By hand.
    Hand(fn(&[u8], Range<usize>, Kind, Mode, &mut Vec<Found>)),
}

/// A pattern that is made ready where an anchor of it first stands: most texts have few of them.
struct Pattern {
    text: Box<str>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(text: &str) -> Self {
        Self { text: text.into(), regex: OnceLock::new() }
    }

    /// None when it does not compile; a test looks at all of them.
    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| Regex::new(&format!(r"\A(?-u:{})", self.text)).ok()).as_ref()
    }

    /// Where group 1 stands in a text that the pattern begins.
    fn group(&self, text: &[u8]) -> Option<Range<usize>> {
        Some(self.regex()?.captures(text)?.get(1)?.range())
    }
}

struct Rule {
    kind: Kind,
    before: Before,
    take: Take,
}

/// Elements of Wazuh's configuration whose text is a secret.
const ELEMENTS: &[(&str, Kind)] = &[
    ("key", Kind::ClusterKey),
    ("api_key", Kind::ApiKey),
    ("apikey", Kind::ApiKey),
    ("hook_url", Kind::HookUrl),
    ("password", Kind::Password),
    ("pass", Kind::Password),
    ("authorization_pass", Kind::EnrollmentPassword),
    ("secret", Kind::Token),
    ("client_secret", Kind::Token),
    ("secret_value", Kind::Token),
    ("application_key", Kind::ApiKey),
    ("account_key", Kind::CloudKey),
    ("secret_key", Kind::ApiKey),
    ("secret_access_key", Kind::CloudKey),
    ("access_key", Kind::CloudKey),
    ("api_token", Kind::Token),
    ("token", Kind::Token),
    ("authorization", Kind::Token),
    ("private_key", Kind::PrivateKey),
    ("community", Kind::SnmpCommunity),
    ("uninstall-auth-token", Kind::Token),
    ("uninstall-auth-login", Kind::Token),
];

/// Names of settings, fields, variables and options whose value is a secret. A name counts where
/// it is the end of a longer one too (`DB_PASSWORD`, `accessToken`).
const NAMES: &[(&str, Kind)] = &[
    ("authorization_pass", Kind::EnrollmentPassword),
    ("registration_password", Kind::EnrollmentPassword),
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passphrase", Kind::Password),
    ("passwort", Kind::Password),
    ("contraseña", Kind::Password),
    ("secret", Kind::Token),
    ("token", Kind::Token),
    ("credential", Kind::Token),
    ("credentials", Kind::Token),
    ("hook_url", Kind::HookUrl),
    ("hook-url", Kind::HookUrl),
    ("hookurl", Kind::HookUrl),
    ("webhook", Kind::HookUrl),
    ("private_key", Kind::PrivateKey),
    ("private-key", Kind::PrivateKey),
    ("privatekey", Kind::PrivateKey),
    ("account_key", Kind::CloudKey),
    ("account-key", Kind::CloudKey),
    ("accountkey", Kind::CloudKey),
    ("access_key", Kind::CloudKey),
    ("access-key", Kind::CloudKey),
    ("accesskey", Kind::CloudKey),
    ("api_key", Kind::ApiKey),
    ("api-key", Kind::ApiKey),
    ("apikey", Kind::ApiKey),
    ("auth_key", Kind::ApiKey),
    ("auth-key", Kind::ApiKey),
    ("authkey", Kind::ApiKey),
    ("secret_key", Kind::ApiKey),
    ("secret-key", Kind::ApiKey),
    ("secretkey", Kind::ApiKey),
    ("shared_key", Kind::ApiKey),
    ("sharedkey", Kind::ApiKey),
    ("encryption_key", Kind::ApiKey),
    ("encryptionkey", Kind::ApiKey),
    ("service_key", Kind::ApiKey),
    ("servicekey", Kind::ApiKey),
    ("routing_key", Kind::ApiKey),
    ("integration_key", Kind::ApiKey),
    ("signing_key", Kind::ApiKey),
    ("master_key", Kind::ApiKey),
    ("subscription-key", Kind::ApiKey),
];

/// Names that count only as a word of their own, or behind `_`, `-` or `.`.
const WORDS: &[(&str, Kind)] = &[("pass", Kind::Password), ("pwd", Kind::Password), ("pw", Kind::Password)];

/// Tokens of services: how they begin, and what they are.
const SERVICES: &[(&[&str], &str)] = &[
    (&["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[opusr]_[A-Za-z0-9]{30,255}"),
    (&["github_pat_"], r"github_pat_[A-Za-z0-9_]{22,255}"),
    (
        &["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-"],
        r"gl(?:pat|dt|rt|ptt|cbt|ft|soat|agent)-[A-Za-z0-9_.-]{20,255}",
    ),
    (
        &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe", "xapp-"],
        r"(?:xox[bparse]|xoxe\.xox[bp]|xapp)-[A-Za-z0-9-]{10,255}",
    ),
    (
        &["sk-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"],
        r"(?:sk-(?:(?:ant|proj|svcacct|or|lf)-[A-Za-z0-9_-]{20,255}|[A-Za-z0-9]{20,255})|[sr]k_(?:live|test)_[A-Za-z0-9]{10,255}|whsec_[A-Za-z0-9+/=]{20,255})",
    ),
    (&["sg."], r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}"),
    (&["aiza"], r"AIza[A-Za-z0-9_-]{35}"),
    (&["ya29."], r"ya29\.[A-Za-z0-9_-]{20,}"),
    (&["gocspx-"], r"GOCSPX-[A-Za-z0-9_-]{20,64}"),
    (&["npm_"], r"npm_[A-Za-z0-9]{36}"),
    (&["pypi-ageichlwas"], r"pypi-AgEIcHlwaS[A-Za-z0-9_-]{50,}"),
    (&["rubygems_"], r"rubygems_[a-f0-9]{48}"),
    (&["dop_v1_", "doo_v1_", "dor_v1_"], r"do[por]_v1_[a-f0-9]{64}"),
    (&["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    (&["shpat_", "shpss_", "shpca_", "shppa_"], r"shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}"),
    (&["dapi"], r"dapi[a-f0-9]{32}"),
    (&["glsa_", "glc_"], r"gl(?:sa|c)_[A-Za-z0-9+/=_]{32,}"),
    (&["atatt3", "atctt3", "atbb"], r"(?:AT[AC]TT3[A-Za-z0-9_=-]{20,}|ATBB[A-Za-z0-9]{24,})"),
    (&["age-secret-key-1"], r"(?i:AGE-SECRET-KEY-1)[A-Z0-9]{58}"),
    (&["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9+/=_]{20,}"),
    (&["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9-]{20,}"),
    (
        &["lin_api_", "figd_", "hf_", "r8_", "gsk_", "nrak-", "pmak-"],
        r"(?:lin_api_[A-Za-z0-9]{32,}|figd_[A-Za-z0-9_-]{36,}|hf_[A-Za-z0-9]{30,}|r8_[A-Za-z0-9]{36,}|gsk_[A-Za-z0-9]{40,}|NRAK-[A-Z0-9]{27}|PMAK-[a-f0-9]{24}-[a-f0-9]{34})",
    ),
];

/// Everything that is looked for.
struct Rules {
    anchors: AhoCorasick,
    /// The rules of each anchor.
    of_anchor: Vec<Vec<u16>>,
    rules: Vec<Rule>,
    /// The first rule of a name: those of all others follow.
    first_name: usize,
    /// Literals of the anchors, for tests.
    #[cfg_attr(not(test), allow(dead_code, reason = "the plain search of the tests wants them"))]
    literals: Vec<String>,
}

/// Collects rules.
#[derive(Default)]
struct Builder {
    literals: Vec<String>,
    of_anchor: Vec<Vec<u16>>,
    rules: Vec<Rule>,
}

impl Builder {
    fn add(&mut self, kind: Kind, anchors: &[&str], before: Before, take: Take) {
        let Ok(rule) = u16::try_from(self.rules.len()) else { return };
        self.rules.push(Rule { kind, before, take });
        for anchor in anchors {
            let anchor = anchor.to_ascii_lowercase();
            let at = self.literals.iter().position(|known| *known == anchor).unwrap_or_else(|| {
                self.literals.push(anchor);
                self.of_anchor.push(Vec::new());
                self.literals.len() - 1
            });
            if let Some(rules) = self.of_anchor.get_mut(at) {
                rules.push(rule);
            }
        }
    }

    fn pattern(&mut self, kind: Kind, anchors: &[&str], before: Before, pattern: &str) {
        self.add(kind, anchors, before, Take::Pattern(Pattern::new(pattern)));
    }

    fn checked(
        &mut self,
        kind: Kind,
        anchors: &[&str],
        before: Before,
        pattern: &str,
        check: fn(&[u8], &Range<usize>) -> bool,
    ) {
        self.add(kind, anchors, before, Take::Checked(Pattern::new(pattern), check));
    }

    fn word(&mut self, kind: Kind, anchors: &[&str], pattern: &str, check: fn(&[u8], &Range<usize>) -> bool) {
        self.add(kind, anchors, Before::Alone, Take::Word(Pattern::new(pattern), check));
    }

    fn elements(&mut self) {
        for &(name, kind) in ELEMENTS {
            self.add(kind, &[name], Before::Tag, Take::Hand(element::element));
            self.add(kind, &[name], Before::TagName, Take::Hand(element::named_alike));
            self.add(kind, &[name], Before::LostTag, Take::Hand(element::lost_start));
        }
        for name in ["passwd", "passphrase", "apitoken"] {
            self.add(Kind::Password, &[name], Before::Tag, Take::Hand(element::named_alike));
            self.add(Kind::Password, &[name], Before::TagName, Take::Hand(element::named_alike));
        }
        self.add(
            Kind::Token,
            &["extra_args", "extra_arguments"],
            Before::Any,
            Take::Hand(element::arguments),
        );
    }

    fn headers(&mut self) {
        let value = r#"([^\s"'<>\\,;]{4,})"#;
        self.checked(
            Kind::AuthorizationHeader,
            &["bearer"],
            Before::Word,
            r"(?i:bearer)[ \t]+([A-Za-z0-9._~+/=-]{8,})",
            is_credential,
        );
        self.checked(
            Kind::AuthorizationHeader,
            &["basic"],
            Before::Word,
            r"(?i:basic)[ \t]+([A-Za-z0-9+/_-]{6,}={0,2})",
            |text, range| {
                is_credential(text, range)
                    && (is_basic(text, range) || is_after_authorization(text, range.start))
            },
        );
        // The scheme stays, what is behind it does not.
        self.checked(
            Kind::AuthorizationHeader,
            &["authorization"],
            Before::Any,
            &format!(r#"(?i:authorization)\\*["']?[ \t]*[:=][ \t]*(?:[rbfRBF]?\\*["'])?(?:(?i:bearer|basic|token|negotiate|apikey|digest|aws4-hmac-sha256)[ \t]+)?{value}"#),
            |text, range| {
                pair::is_secret_value(text.get(range.clone()).unwrap_or_default())
                    && !is_followed_by_prose(text, range)
                    && !is_scheme(text, range)
            },
        );
        // A scheme that is not among them.
        self.checked(
            Kind::AuthorizationHeader,
            &["authorization"],
            Before::Any,
            &format!(r#"(?i:authorization)\\*["']?[ \t]*[:=][ \t]*(?:[rbfRBF]?\\*["'])?[A-Za-z][A-Za-z0-9_-]{{0,40}}[ \t]+({value}(?:,[ \t]*{value})*)"#, value = r#"[^\s"'<>\\,;]{2,}"#),
            |text, range| {
                let value = text.get(range.clone()).unwrap_or_default();
                // `Digest realm="x"`, `authorization=no --other`
                let is_value = !value.starts_with(b"-") && (!value.ends_with(b"=") || value.len() >= 16);
                is_value
                    && value.len() >= 4 && pair::is_secret_value(value) && !value.iter().all(|byte| byte.is_ascii_lowercase() || b"-.:,!".contains(byte)) && !is_followed_by_prose(text, range)
            },
        );
        self.checked(
            Kind::Cookie,
            &["cookie"],
            Before::Any,
            r#"(?i:cookie)\\*["']?[ \t]*[:=][ \t]*\\*["']?([^\s=;"'\\<>]{1,128}=[^\r\n"'\\<>\x00]+)"#,
            |text, range| {
                let value = text.get(range.clone()).unwrap_or_default();
                !value.starts_with(b"$") && !value.contains(&b'(')
            },
        );
    }

    fn urls(&mut self) {
        self.add(Kind::ConnectionString, &["://"], Before::Scheme, Take::Hand(pair::userinfo));
        let path = r#"([^\s<>"'\\`]{4,})"#;
        for host in [
            "hooks.slack.com/",
            "hooks.slack-gov.com/",
            "discord.com/api/webhooks/",
            "discordapp.com/api/webhooks/",
            "webhook.office.com/",
            "outlook.office.com/webhook/",
            "outlook.office365.com/webhook/",
            "hooks.zapier.com/hooks/catch/",
            "api.telegram.org/bot",
            "api.telegram.org/file/bot",
            "chat.googleapis.com/v1/spaces/",
            "events.pagerduty.com/integration/",
            "hook.integromat.com/",
            "hooks.chime.aws/incomingwebhooks/",
        ] {
            let pattern = format!("(?i:{}){path}", regex::escape(host));
            self.pattern(Kind::HookUrl, &[host], Before::Any, &pattern);
        }
        // Mattermost and Rocket.Chat.
        self.pattern(
            Kind::HookUrl,
            &["/hooks/"],
            Before::Any,
            r"/hooks/([A-Za-z0-9]{17,}(?:/[A-Za-z0-9]{20,})?)",
        );
        self.pattern(
            Kind::HookUrl,
            &["/hooks/"],
            Before::Any,
            r"/hooks/[A-Za-z0-9_-]{3,64}/([A-Za-z0-9]{16,})",
        );
        self.pattern(Kind::CloudKey, &["sig="], Before::Word, r"(?i:sig)=([A-Za-z0-9%+/=_-]{20,})");
    }

    fn keys(&mut self) {
        self.add(Kind::JsonWebToken, &["eyj"], Before::Edge, Take::Hand(pair::json_web_token));
        self.checked(
            Kind::CloudKey,
            &["akia", "asia"],
            Before::Edge,
            r"((?:AKIA|ASIA)[A-Z0-9]{16})",
            is_whole_word,
        );
        for &(anchors, pattern) in SERVICES {
            self.checked(Kind::ServiceToken, anchors, Before::Edge, &format!("({pattern})"), is_mixed);
        }
        self.checked(
            Kind::PrivateKey,
            &["-----begin "],
            Before::Any,
            r"(?s:-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----((?:[^-]|-{1,4}[^-])*)-----END)",
            has_key_lines,
        );
        // Cut off.
        self.checked(
            Kind::PrivateKey,
            &["-----begin "],
            Before::Any,
            r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----((?:\s|\\+[nr]|[A-Za-z0-9+/=]{8,}|(?:Proc-Type|DEK-Info|Comment|Version):[ \t]*[^\s<>\\]+)+)",
            has_key_lines,
        );
        self.pattern(
            Kind::PrivateKey,
            &["private-lines:"],
            Before::Any,
            r"(?i:private-lines):[ \t]*[0-9]+(?:\s|\\+[nr])+((?:[A-Za-z0-9+/=]{8,}(?:\s|\\+[nr])*)+)",
        );
        self.pattern(
            Kind::PrivateKey,
            &["begin ssh2 encrypted private key"],
            Before::Any,
            r"(?is:begin ssh2 encrypted private key ----((?:[^-]|-{1,3}[^-])*)---- END)",
        );
        let hashes = [
            r"\$(?:1|5|6|apr1|md5|sha1)\$(?:rounds=[0-9]+\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22,86}",
            r"\$2[abxy]?\$[0-9]{2}\$[./A-Za-z0-9]{53}",
            r"\$(?:y|gy|7)\$[./A-Za-z0-9]{2,}\$?[./A-Za-z0-9]*\$[./A-Za-z0-9]{30,}",
            r"\$(?:argon2(?:id|i|d)|scrypt|pbkdf2[a-z0-9-]*)\$[A-Za-z0-9=,$+/.]{30,}",
        ];
        let starts = [
            "$1$", "$2$", "$2a$", "$2b$", "$2x$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$",
            "$md5$", "$sha1$", "$argon2", "$scrypt$", "$pbkdf2",
        ];
        self.pattern(Kind::PasswordHash, &starts, Before::Any, &format!("({})", hashes.join("|")));
        self.pattern(
            Kind::PasswordHash,
            &["{ssha", "{sha512}", "{sha256}", "{crypt}"],
            Before::Any,
            r"\{(?i:s?sha[0-9]*|crypt)\}([A-Za-z0-9+/=$.]{16,})",
        );
    }

    fn options(&mut self) {
        let value = r#"([^\s"'<>\\]{2,})"#;
        // Also `a1="-u" a2="user:X"` of auditd.
        let gap = r#"(?:[ \t]+|\x00|\\*["'],\s*|\\*"\s+a[0-9]+=)\\*["']?"#;
        self.word(
            Kind::Password,
            &["-u", "--user", "--proxy-user"],
            &format!(r#"(?i:-u|--(?:proxy-)?user)(?:{gap}|=)[^\s:"'<>/\\]+:{value}"#),
            is_password_of_user,
        );
        self.word(Kind::Password, &["-p"], &format!(r#"-p{gap}([^\s"'<>/\\]{{6,}})"#), |text, range| {
            let value = text.get(range.clone()).unwrap_or_default();
            pair::is_secret_value(value) && pair::is_strong(value)
        });
        self.word(Kind::Password, &["-p"], r#"-p\\*["']?([^\s"'<>\\-][^\s"'<>\\]{2,})"#, |text, range| {
            pair::is_secret_value(text.get(range.clone()).unwrap_or_default())
                && is_behind(text, range.start, &[b"mysql", b"mariadb", b"sshpass"])
        });
        self.word(Kind::Password, &["-p"], &format!(r#"-p{gap}{value}"#), |text, range| {
            pair::is_secret_value(text.get(range.clone()).unwrap_or_default())
                && is_behind(text, range.start, &[b"sshpass"])
        });
        self.add(Kind::Password, &["curl"], Before::Edge, Take::Hand(pair::curl));
        let logins = ["auth", "httpbasicauth", "httpdigestauth", "basicauth", "login"];
        self.add(Kind::Password, &logins, Before::Edge, Take::Hand(pair::second_argument));
        self.word(
            Kind::Token,
            &["--oauth2-bearer"],
            &format!(r#"--oauth2-bearer(?:{gap}|=){value}"#),
            |text, range| pair::is_secret_value(text.get(range.clone()).unwrap_or_default()),
        );
        self.pattern(
            Kind::CloudKey,
            &["secret_access_key"],
            Before::Any,
            r"(?i:secret_access_key)[ \t]+([A-Za-z0-9/+=]{40})",
        );
        self.add(Kind::ServiceToken, &[":aa"], Before::Any, Take::Hand(pair::bot_token));
        self.word(Kind::Password, &["pass:"], r#"pass:([^\s"'<>]{4,})"#, |text, range| {
            pair::is_secret_value(text.get(range.clone()).unwrap_or_default())
        });
        self.pattern(
            Kind::Password,
            &["login "],
            Before::Word,
            r"(?i:login)\s+\S+\s+(?i:password)\s+([^\s\x22'<>\\]+)",
        );
        self.pattern(
            Kind::Password,
            &["requirepass", "masterauth"],
            Before::Word,
            &format!(r#"(?i:requirepass|masterauth)[ \t]+["']?{value}"#),
        );
        self.pattern(
            Kind::Password,
            &["identified by"],
            Before::Word,
            r#"(?i:identified by)\s+(?i:password\s+)?\\*['"]([^'"\\]+)"#,
        );
        self.pattern(
            Kind::Password,
            &["convertto-securestring"],
            Before::Any,
            r#"(?i:convertto-securestring)\s+(?i:-string\s+)?\\*["']([^"'$\\]+)"#,
        );
        self.pattern(
            Kind::SnmpCommunity,
            &["rocommunity", "rwcommunity", "trapcommunity", "snmp-server community"],
            Before::Word,
            &format!(r#"(?i:(?:ro|rw|trap)community6?|snmp-server community)[ \t]+["']?{value}"#),
        );
        self.checked(
            Kind::SnmpCommunity,
            &["-c"],
            Before::Alone,
            &format!(r#"-c{gap}{value}"#),
            |text, range| is_behind(text, range.start, &[b"snmp"]),
        );
        self.checked(
            Kind::SnmpCommunity,
            &["community"],
            Before::Word,
            r#"(?i:community)\\*["']?[ \t]*[=:][ \t]*\\*["']?([^\s"'<>\\,;]{3,})"#,
            |text, range| {
                pair::is_secret_value(text.get(range.clone()).unwrap_or_default())
                    && !is_followed_by_prose(text, range)
            },
        );
        self.pattern(
            Kind::SnmpCommunity,
            &["com2sec"],
            Before::Word,
            r"(?i:com2sec6?)[ \t]+\S+[ \t]+\S+[ \t]+([^\s\x22'<>\\]+)",
        );
        // A line of client.keys with the usual address; the others are found at the start of a line.
        self.add(Kind::AgentKey, &[" any "], Before::Any, Take::Hand(pair::agent_key));
    }

    fn names(&mut self) {
        for &(name, kind) in NAMES {
            self.add(kind, &[name], Before::Any, Take::Hand(pair::named));
        }
        for &(name, kind) in WORDS {
            self.add(kind, &[name], Before::Any, Take::Hand(pair::word));
        }
        self.add(Kind::Token, &["_auth"], Before::Any, Take::Hand(pair::named));
        self.add(Kind::Token, &["-auth"], Before::Any, Take::Hand(pair::option_only));
        self.add(Kind::ClusterKey, &["key"], Before::Any, Take::Hand(pair::key));
    }
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder.elements();
    builder.headers();
    builder.urls();
    builder.keys();
    builder.options();
    let first_name = builder.rules.len();
    builder.names();
    let anchors = AhoCorasickBuilder::new()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&builder.literals);
    // Literals without a limit on them always build.
    let anchors = anchors.or_else(|_| AhoCorasick::new(&builder.literals));
    #[allow(clippy::unwrap_used, reason = "no literals always build")]
    let anchors = anchors.unwrap_or_else(|_| AhoCorasick::new([""; 0]).unwrap());
    Rules {
        anchors,
        of_anchor: builder.of_anchor,
        rules: builder.rules,
        first_name,
        literals: builder.literals,
    }
});

/// Where the secrets stand in a text, whether or not it is well formed. They may overlap.
pub(super) fn find(text: &[u8], mode: Mode) -> Vec<Found> {
    let mut all = Vec::new();
    // The shortest is an element: `<key>x`.
    if text.len() < 6 {
        return all;
    }
    let rules = &*RULES;
    let mut nested = Nested::default();
    for anchor in rules.anchors.find_overlapping_iter(text) {
        try_rules(rules, text, anchor.range(), anchor.pattern().as_usize(), mode, &mut nested, &mut all);
    }
    pair::lines_of_keys(text, &mut all);
    if mode == Mode::Shell {
        all = all.into_iter().flat_map(|found| without_syntax(text, found)).collect();
    }
    all
}

/// A secret of a shell script without what the shell runs and expands.
fn without_syntax(text: &[u8], found: Found) -> Vec<Found> {
    let value = text.get(found.range.clone()).unwrap_or_default();
    let is_syntax = |byte: &u8| b"$`;&|<>()\"'".contains(byte) || byte.is_ascii_whitespace();
    if found.kind == Kind::PrivateKey || found.fill != b'*' || !value.iter().any(is_syntax) {
        return vec![found];
    }
    let pieces = super::shell::pieces(text, found.range.clone());
    pieces.into_iter().map(|range| Found { range, ..found.clone() }).collect()
}

/// What each rule found, and what it looked at in vain: of what lies in each other only so much
/// is looked at that a text costs no more than some times its length.
#[derive(Default)]
struct Nested {
    of_rule: Vec<[Region; 2]>,
}

/// Values that overlap.
#[derive(Clone, Copy, Default)]
struct Region {
    start: usize,
    end: usize,
    /// The lengths of all of them.
    spent: usize,
}

impl Region {
    fn add(&mut self, from: usize, to: usize) {
        if from >= self.end {
            *self = Self { start: from, end: to, spent: 0 };
        }
        self.end = self.end.max(to);
        self.spent += to.saturating_sub(from);
    }

    /// A name that ends here has its value in what was looked at so many times.
    fn is_done(&self, name: usize, times: usize) -> bool {
        name + 8 < self.end && self.spent > times * (self.end - self.start)
    }
}

impl Nested {
    /// How often what was found is looked at, and what was not.
    const TIMES: [usize; 2] = [4, 32];

    fn is_done(&self, rule: usize, name: usize) -> bool {
        let regions = self.of_rule.get(rule);
        regions.is_some_and(|both| both.iter().zip(Self::TIMES).any(|(one, times)| one.is_done(name, times)))
    }

    fn add(&mut self, rule: usize, from: usize, to: usize, is_found: bool) {
        if self.of_rule.len() <= rule {
            self.of_rule.resize(rule + 1, [Region::default(); 2]);
        }
        let [found, vain] = match self.of_rule.get_mut(rule) {
            Some(both) => both,
            None => return,
        };
        if is_found { found.add(from, to) } else { vain.add(from, to) }
    }
}

fn try_rules(
    rules: &Rules,
    text: &[u8],
    anchor: Range<usize>,
    literal: usize,
    mode: Mode,
    nested: &mut Nested,
    all: &mut Vec<Found>,
) {
    for &number in rules.of_anchor.get(literal).map_or(&[][..], Vec::as_slice) {
        let Some(rule) = rules.rules.get(usize::from(number)) else { continue };
        if !rule.before.fits(text, anchor.start) {
            continue;
        }
        // Names that are told from each other by their ends have one rule.
        let group = usize::from(number).min(rules.first_name);
        if nested.is_done(group, anchor.end) {
            continue;
        }
        let reach = text.len().min(anchor.start + REACH);
        let Some(rest) = text.get(anchor.start..reach) else { continue };
        let group_one = |pattern: &Pattern| {
            let group = pattern.group(rest)?;
            Some(anchor.start + group.start..anchor.start + group.end)
        };
        let already = all.len();
        // What a pattern takes counts, whether or not it is a secret.
        let mut matched = None;
        match &rule.take {
            Take::Hand(take) => take(text, anchor.clone(), rule.kind, mode, all),
            Take::Pattern(pattern) => {
                all.extend(group_one(pattern).map(|range| Found::new(range, rule.kind)));
            }
            Take::Checked(pattern, check) => {
                matched = group_one(pattern);
                let found = matched.clone().filter(|range| check(text, range));
                all.extend(found.map(|range| Found::new(range, rule.kind)));
            }
            Take::Word(pattern, check) => {
                matched = group_one(pattern);
                let found = matched.clone().filter(|range| check(text, range));
                all.extend(found.map(|range| Found::new(pair::quoted_word(text, range), rule.kind)));
            }
        }
        let end = all.iter().skip(already).map(|found| found.range.end).max();
        if let Some(end) = end.max(matched.map(|range| range.end)) {
            let is_found = all.iter().skip(already).any(|found| !found.is_vain());
            nested.add(group, anchor.start, end, is_found);
        }
        if all.iter().skip(already).any(Found::is_vain) {
            all.retain(|found| !found.is_vain());
        }
    }
}

/// A word and blanks in front of something: what it says is how the rest is to be read.
fn is_scheme(text: &[u8], range: &Range<usize>) -> bool {
    let value = text.get(range.clone()).unwrap_or_default();
    let rest = text.get(range.end..).unwrap_or_default();
    value.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'-')
        && matches!(rest, [b' ' | b'\t', next, ..] if next.is_ascii_alphanumeric() || b"*/+_~".contains(next))
}

/// Not the rest of a sentence ("basic authentication", "bearer tokens are").
fn is_credential(text: &[u8], range: &Range<usize>) -> bool {
    let value = text.get(range.clone()).unwrap_or_default();
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let is_mixed = has(u8::is_ascii_digit) || has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    !pair::is_masked(value) && (is_mixed || is_after_authorization(text, range.start))
}

/// The words in front are those of a header.
fn is_after_authorization(text: &[u8], at: usize) -> bool {
    let before = text.get(at.saturating_sub(48)..at).unwrap_or_default().to_ascii_lowercase();
    memchr::memmem::find(&before, b"authorization").is_some()
}

/// `-u user:X`, and no group.
fn is_password_of_user(text: &[u8], range: &Range<usize>) -> bool {
    let is_word = text.get(range.clone()).is_some_and(|value| value.iter().all(u8::is_ascii_lowercase));
    let of_accounts: [&[u8]; 6] = [b"docker", b"podman", b"chown", b"install", b"sudo", b"rsync"];
    pair::is_password_of_user(text, range) && !(is_word && is_behind(text, range.start, &of_accounts))
}

/// `user:password` in base64.
fn is_basic(text: &[u8], range: &Range<usize>) -> bool {
    pair::decoded(text.get(range.clone()).unwrap_or_default()).is_some_and(|decoded| decoded.contains(&b':'))
}

/// A word behind it, and another one: a sentence goes on.
fn is_followed_by_prose(text: &[u8], range: &Range<usize>) -> bool {
    let value = text.get(range.clone()).unwrap_or_default();
    value.iter().all(u8::is_ascii_alphabetic)
        && text
            .get(range.end..)
            .is_some_and(|rest| rest.starts_with(b" ") && rest.get(1).is_some_and(u8::is_ascii_alphabetic))
}

fn is_whole_word(text: &[u8], range: &Range<usize>) -> bool {
    text.get(range.end).is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
}

/// Letters and digits: no name of a thing that happens to begin alike.
fn is_mixed(text: &[u8], range: &Range<usize>) -> bool {
    let value = text.get(range.clone()).unwrap_or_default();
    value.iter().any(u8::is_ascii_digit)
}

/// The body of a key in PEM form, and not the two marks in a script that looks for them.
fn has_key_lines(text: &[u8], range: &Range<usize>) -> bool {
    let body = text.get(range.clone()).unwrap_or_default();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    body.split(|byte| !is_base64(byte)).any(|word| word.len() >= 16)
}

/// One of the words stands in front on the same line.
fn is_behind(text: &[u8], at: usize, words: &[&[u8]]) -> bool {
    let before = text.get(at.saturating_sub(512)..at).unwrap_or_default();
    let line = before.rsplit(|&byte| byte == b'\n').next().unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|word| memchr::memmem::find(&line, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for rule in &RULES.rules {
            match &rule.take {
                Take::Pattern(pattern) | Take::Checked(pattern, _) | Take::Word(pattern, _) => {
                    assert!(pattern.regex().is_some(), "{}", pattern.text);
                }
                Take::Hand(_) => {}
            }
        }
        assert!(RULES.anchors.patterns_len() > 100);
    }

    /// Every rule tried at every place that one of its literals ends at.
    fn plain(text: &[u8], mode: Mode) -> Vec<Found> {
        let mut all = Vec::new();
        let mut nested = Nested::default();
        let lower = text.to_ascii_lowercase();
        let mut literals: Vec<_> = RULES.literals.iter().enumerate().collect();
        literals.sort_by_key(|(_, literal)| std::cmp::Reverse(literal.len()));
        for end in 1..=text.len() {
            for (number, literal) in &literals {
                if lower[..end].ends_with(literal.as_bytes()) {
                    let anchor = end - literal.len()..end;
                    try_rules(&RULES, text, anchor, *number, mode, &mut nested, &mut all);
                }
            }
        }
        pair::lines_of_keys(text, &mut all);
        if mode == Mode::Shell {
            all = all.into_iter().flat_map(|found| without_syntax(text, found)).collect();
        }
        all
    }

    fn sorted(mut all: Vec<Found>) -> Vec<(usize, usize, Kind)> {
        let mut all: Vec<_> = all.drain(..).map(|one| (one.range.start, one.range.end, one.kind)).collect();
        all.sort_unstable();
        all
    }

    /// How many bytes are looked at, and how many are found again and again.
    fn work(text: &[u8]) -> u64 {
        pair::LOOKS.set(0);
        let all = find(text, Mode::Text);
        pair::LOOKS.get() + all.iter().map(|found| found.range.len() as u64).sum::<u64>()
    }

    /// What strangers write costs four times as much when it is four times as long, and no more.
    #[test]
    fn long_tokens_cost_no_more_than_their_length() {
        for piece in [
            "token=",
            "token=x;",
            "password=token=",
            "a://",
            "a://b:c@",
            "token",
            "token ",
            "key=",
            "<key>",
            "key>",
            "<key><!--",
            "<a_key><![CDATA[",
            "=pass:x",
            "curl ",
            "curl -u",
            "%3Ftoken%3D",
            "token\\u003d",
            "x_key=",
            "cookie:",
            "cookie=a=",
            "eyJaaaaaa-",
            "-----BEGIN PRIVATE KEY-----",
            "\"token\",",
            "get(\"token\",\"",
            "auth=(",
            "login(\"",
            "extra_args:[",
            "-u a:b ",
            "authorization: a ",
            "1:AAa",
            "'token=",
            "\"token=",
            "{token:",
            "token:\n",
            "secret_access_key ",
            "--token ",
            "--token\0",
            "-token-",
            " any ",
            "://hooks/",
        ] {
            let of = |size: usize| work(piece.repeat(size / piece.len()).as_bytes());
            let (small, large) = (of(16 * 1024), of(64 * 1024));
            assert!(large < 6 * small.max(64 * 1024), "{piece:?}: {small}, {large}");
            assert!(large < 64 * 1024 * 600, "{piece:?}: {large}");
        }
    }

    proptest::proptest! {
        #[test]
        fn one_pass_finds_what_the_plain_search_finds(
            parts in proptest::collection::vec(proptest::prop_oneof![
                proptest::sample::select(RULES.literals.clone()),
                proptest::sample::select(RULES.literals.clone()).prop_map(|literal| literal.to_uppercase()),
                "[ =:\"'<>/@,;&\\\\\n-]{1,3}",
                "[A-Za-z0-9]{1,12}",
                "[a-z0-9]{33}",
            ], 0..24),
        ) {
            let text = parts.concat().into_bytes();
            for mode in [Mode::Text, Mode::Code, Mode::Settings, Mode::Shell] {
                proptest::prop_assert_eq!(sorted(find(&text, mode)), sorted(plain(&text, mode)).into_iter().filter(|_| text.len() >= 6).collect::<Vec<_>>());
            }
        }
    }
    use proptest::strategy::Strategy as _;
}
