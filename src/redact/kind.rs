//! The published list of secrets that are recognised: what each is, and by what it is known.

use std::fmt::Write as _;

use serde::Serialize;

/// What sort of secret something is. The names are part of the format of captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The key an agent and its manager share.
    AgentKey,
    /// What a new agent has to know.
    EnrollmentPassword,
    /// The key the nodes of a cluster share.
    ClusterKey,
    /// A password.
    Password,
    /// A key to the interface of a service.
    ApiKey,
    /// A URL that lets everybody who knows it post.
    HookUrl,
    /// A token or shared secret, known by the name it stands under.
    Token,
    /// A token of a known service, known by how it begins.
    ServiceToken,
    /// A private key.
    PrivateKey,
    /// A JSON Web Token.
    JsonWebToken,
    /// The credentials of an HTTP request.
    AuthorizationHeader,
    /// A key to a cloud account.
    CloudKey,
    /// Cookies of HTTP.
    Cookie,
    /// User and password inside of an address of a database or a site.
    ConnectionString,
    /// The community of SNMP.
    SnmpCommunity,
    /// What a password was hashed to.
    PasswordHash,
    /// The value of an environment variable whose name says that it is secret.
    Variable,
    /// What cannot be looked into, and is hidden as a whole.
    Opaque,
}

/// What is published of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name, as ledgers have it.
    pub name: &'static str,
    /// What it is, in one line.
    pub what: &'static str,
    /// By what it is recognised.
    pub known_by: &'static str,
}

impl Kind {
    /// All of them, in the order they are published.
    pub const ALL: [Self; 18] = [
        Self::AgentKey,
        Self::EnrollmentPassword,
        Self::ClusterKey,
        Self::Password,
        Self::ApiKey,
        Self::HookUrl,
        Self::Token,
        Self::ServiceToken,
        Self::PrivateKey,
        Self::JsonWebToken,
        Self::AuthorizationHeader,
        Self::CloudKey,
        Self::Cookie,
        Self::ConnectionString,
        Self::SnmpCommunity,
        Self::PasswordHash,
        Self::Variable,
        Self::Opaque,
    ];

    /// Its name: `agent-key`.
    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// What is published of it.
    pub fn about(self) -> About {
        let (name, what, known_by) = match self {
            Self::AgentKey => (
                "agent-key",
                "the key an agent and its manager share",
                "what follows the address in a line of `client.keys` and its copies; a line `ID NAME ADDRESS KEY` anywhere",
            ),
            Self::EnrollmentPassword => (
                "enrollment-password",
                "the password a new agent has to know",
                "the lines of `authd.pass`; `authorization_pass` as element or key; `WAZUH_REGISTRATION_PASSWORD`",
            ),
            Self::ClusterKey => (
                "cluster-key",
                "the key the nodes of a cluster share",
                "the element `<key>`; the key `key` with a value of 24 or more letters and digits, names that end in `_key` with 16 \
                 or more, variables in capitals (`MISP_KEY`) and options (`--key X`) with 8 or more",
            ),
            Self::Password => (
                "password",
                "a password: of the Wazuh API, the indexer, mail, a database, an account",
                "elements `<password>`, `<pass>` and those that end so (`<db_password>`); keys and variables that end in `password`, `passwd`, `passphrase`, `pwd` or \
                 `_pass`; options `--password X`, `-u user:X`, `-su user:X`, `-p X`, `mysql -pX`, `pass:X`; `.netrc`, `.pgpass`, \
                 `IDENTIFIED BY`, `requirepass`, `ConvertTo-SecureString`; `auth=(\"user\", \"X\")`, `HTTPBasicAuth`, `login(...)`",
            ),
            Self::ApiKey => (
                "api-key",
                "a key to the interface of a service: VirusTotal, PagerDuty, MaltiVerse, Shuffle",
                "elements, keys, headers and options that end in `api_key`, `application_key`, `access_key`, `secret_key`, `auth_key`, \
                 `service_key`, `routing_key`, `integration_key`, `encryption_key` and the like",
            ),
            Self::HookUrl => (
                "hook-url",
                "a URL that lets everybody who knows it post",
                "the element `<hook_url>`; keys `hook_url`, `webhook`, `webhook_url`; the paths of hooks of Slack, Discord, Teams, \
                 Google Chat, Telegram, Zapier, PagerDuty, Mattermost and Rocket.Chat",
            ),
            Self::Token => (
                "token",
                "a token or shared secret that is known by the name it stands under",
                "elements `<token>`, `<secret>`, `<secret_value>`, `<authorization>`, and those that end so; keys, variables and \
                 options that end in `token`, `secret`, `credentials`; words of `extra_args` with letters and digits in disorder",
            ),
            Self::ServiceToken => (
                "service-token",
                "a token of a known service",
                "how it begins: `ghp_`, `github_pat_`, `glpat-`, `xoxb-`, `sk-`, `sk_live_`, `AIza`, `npm_`, `hvs.`, `SG.` and \
                 others, with the length and the letters of its kind",
            ),
            Self::PrivateKey => (
                "private-key",
                "a private key, encrypted or not",
                "what stands between BEGIN and END of a PRIVATE KEY (PKCS#1, PKCS#8, EC, OpenSSH, PGP), cut off or escaped too; \
                 PuTTY's private lines; keys `private_key`; files that end in .key, .p12, .pfx, .jks, .keystore",
            ),
            Self::JsonWebToken => {
                ("json-web-token", "a JSON Web Token", "two or more parts in base64, the first begins `eyJ`")
            }
            Self::AuthorizationHeader => (
                "authorization-header",
                "the credentials of an HTTP request",
                "what follows `Bearer`, `Basic` or `Authorization:`, whatever its scheme",
            ),
            Self::CloudKey => (
                "cloud-key",
                "a key to a cloud account",
                "`AKIA`, `ASIA` and 16 letters (AWS); `AccountKey=`, `SharedAccessKey=`, `sig=` (Azure); `private_key` in the \
                 JSON of a service account (Google)",
            ),
            Self::Cookie => ("cookie", "cookies of HTTP", "the values in `Cookie:` and `Set-Cookie:`"),
            Self::ConnectionString => (
                "connection-string",
                "the password inside of the address of a database or a site",
                "`scheme://user:X@host`; `Password=X;` and `Pwd=X;`",
            ),
            Self::SnmpCommunity => (
                "snmp-community",
                "the community of SNMP",
                "the element `<community>`; `rocommunity X`, `rwcommunity X`, `community X` of snmpd and routers; \
                 `snmpget -c X` and its sisters",
            ),
            Self::PasswordHash => (
                "password-hash",
                "what a password was hashed to",
                "the second field of `shadow`, `gshadow` and `.htpasswd`; `$6$`, `$y$`, `$2y$`, `$argon2id$` and their sisters \
                 anywhere; `{SSHA}`",
            ),
            Self::Variable => (
                "variable",
                "an environment variable of a process whose name says that it is secret",
                "a name with PASS, SECRET, TOKEN, CREDENTIAL, AUTH or KEY as a word of it",
            ),
            Self::Opaque => {
                ("opaque", "what cannot be looked into", "key stores and compressed files: hidden as a whole")
            }
        };
        About { name, what, known_by }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How secrets are treated, in paragraphs.
pub const SECRETS: [&str; 6] = [
    "A secret is overwritten with `*`, byte for byte: lengths, line breaks and what stands around it stay. It is remembered \
     too, and hidden wherever else it turns up, also as JSON, XML and URLs escape it; from 6 bytes on, unless it is a word \
     anybody would guess (`password`, `changeme`).",
    "References are no secrets: variables (`$TOKEN`), calls (`getenv(...)`), paths (`/etc/x.pem`), placeholders (`null`, \
     `required`) stay, and so does prose. In programs only what is quoted, or looks like a key, is taken for one. What a shell \
     runs or expands (`$(...)`, `${X}`), its signs, and the tags inside of an element stay, so that a script and a \
     configuration keep their faults.",
    "Anybody may write to a log: `Invalid user password=wazuh-execd` hides the word there, and nowhere else. Of what only a \
     log tells it is remembered when letters and digits make it no word, 20,000 secrets at most (the ledger says so when \
     there were more). The words that captures and reports are made of, names of daemons, files and fields, and of this \
     host's responses, commands and executables, are never hidden because of a secret of the same name elsewhere. Agent \
     keys are hidden in base64, too, as `manage_agents -e` prints them.",
    "A ledger says what was hidden in which file, of which kind and how often, never the value. Before a capture is handed \
     over it is searched for every secret of 8 bytes or more that was seen; one that is found fails it.",
    "Checksums of a script in which a secret stands are of its text with `*` in place of it, in reports and captures: from \
     the sum of the whole, who knows the rest could try out a short secret. Only a file just as its package brought it keeps \
     its own.",
    "Secrets that look like ordinary text, in a place that does not say so, are not recognised: `the password is X` in a \
     sentence, `echo X | sudo -S`, and what only one command takes for a password (`ipmitool -P X`, `7z -pX`, `zip -P X`, \
     `smbclient -U user%X`), unless it looks like a key. Read a capture before you pass it on.",
];

/// How identities are treated, in paragraphs.
pub const IDENTITIES: [&str; 5] = [
    "`--redact identities` puts pseudonyms in place of hosts, agents, users, mail and IP addresses, after the secrets: \
     `host-3f9a`, `agent-7c21`, `net-90ab.example`, `user-51d0`, `mail-77e2@example.invalid`. A name is learned where a field \
     says what it is (`client.keys`, host.json, `/etc/passwd`, `<email_to>`, `<address>`, `agent.name`, the header of syslog), \
     and replaced wherever it stands as a whole word, in capitals where it stands in capitals. Names of users that only a log \
     tells are replaced in that place alone.",
    "Names that Wazuh's logic or every host has stay: `root`, `wazuh`, `any`, `server`, `localhost`, accounts below 1000, \
     names of responses; and names of one or two letters. Mail is replaced wherever it stands; agents that ask for a key are, in \
     the lines that tell of them.",
    "Addresses keep their prefixes: two addresses have as many leading bits in common as their pseudonyms, so networks, \
     netmasks, beginnings such as `^192.0.2.` and white lists match what they matched. Loopback, multicast, reserved and \
     unspecified addresses and link-local ones of IPv4 stay; private, shared, documentation and unique local ones stay in \
     their range, and link-local ones of IPv6 in fe80::/64: behind it stands what tells a network card from all others.",
    "To keep these ranges apart, bits that lead to one are never changed: up to the first eight bits of most public IPv4 \
     addresses, and more next to a special range, are what they were. What is compared letter by letter in the middle of an \
     address, or in a part of a number (`^192.16`), may no longer match: the ledger and the last lines of `capture` name \
     each `<white_list>`, `<srcip>` and `<dstip>` with such a pattern.",
    "The salt is new for each capture: pseudonyms of two captures have nothing in common. Only `--map FILE` writes which \
     name is whose.",
];

/// The published page, in Markdown.
pub fn page() -> String {
    let mut text = String::from(
        "# What is redacted\n\nThis page is generated; `ar-doctor explain redaction` prints the same.\n\n## Secrets\n\n",
    );
    let _ = writeln!(text, "{}\n", SECRETS.join("\n\n"));
    text += "| Kind | What it is | Known by |\n| --- | --- | --- |\n";
    for kind in Kind::ALL {
        let About { name, what, known_by } = kind.about();
        let _ = writeln!(text, "| {name} | {what} | {known_by} |");
    }
    let _ = write!(text, "\n## Identities\n\n{}\n", IDENTITIES.join("\n\n"));
    text
}
