//! Labels of SELinux, and the label a path should have: the text files of selabel_file(5).
//! Pure; bytes in, facts out.

use regex::bytes::Regex;

use super::FileType;

/// The type in a context `user:role:type[:level]`.
pub fn type_of(context: &str) -> Option<&str> {
    context.split(':').nth(2).filter(|name| !name.is_empty())
}

/// What a path should be labelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This context.
    Context(String),
    /// The policy leaves it as it is (`<<none>>`), or knows no such path.
    Nothing,
}

/// One line: a pattern, the type of entry it is for, a context.
#[derive(Clone, Debug)]
struct Spec {
    pattern: String,
    file_type: Option<FileType>,
    context: Option<String>,
    /// What every path begins with that it fits.
    stem: Vec<u8>,
    /// It fits one path only.
    exact: bool,
}

/// The rules of one policy, in the order in which they count: the last one that fits wins, one
/// without special characters before all others.
#[derive(Clone, Debug, Default)]
pub struct FileContexts {
    specs: Vec<Spec>,
    /// Prefixes that are looked up as others, local ones first.
    substitutions: [Vec<(String, String)>; 2],
}

impl FileContexts {
    /// Adds a file of rules: `file_contexts`, then `.homedirs`, then `.local`.
    pub fn add(&mut self, text: &[u8]) {
        for line in String::from_utf8_lossy(text).lines() {
            self.specs.extend(spec(line));
        }
    }

    /// Adds `file_contexts.subs` (`local`), or `file_contexts.subs_dist`.
    pub fn substitute(&mut self, text: &[u8], local: bool) {
        let list = &mut self.substitutions[usize::from(!local)];
        for line in String::from_utf8_lossy(text).lines() {
            let mut words = line.split_ascii_whitespace();
            if let (Some(from), Some(to)) = (words.next(), words.next())
                && from.starts_with('/')
                && from != to
            {
                list.push((from.to_owned(), to.to_owned()));
            }
        }
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }

    /// What an entry should be labelled; none when a rule that may fit cannot be read.
    pub fn expected(&self, path: &str, file_type: FileType) -> Option<Expected> {
        let mut path = path.to_owned();
        for list in &self.substitutions {
            let replaced = list.iter().find_map(|(from, to)| {
                let rest = path.strip_prefix(from.as_str())?;
                (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
            });
            path = replaced.unwrap_or(path);
        }
        let of_type = |spec: &&Spec| spec.file_type.is_none_or(|wanted| wanted == file_type);
        let exact =
            self.specs.iter().rev().filter(of_type).find(|spec| spec.exact && spec.stem == path.as_bytes());
        let found = match exact {
            Some(spec) => Some(spec),
            None => {
                let mut found = None;
                for spec in self.specs.iter().rev().filter(of_type) {
                    // A pattern costs more to compile than to compare, and few of thousands are left.
                    if spec.exact || !path.as_bytes().starts_with(&spec.stem) {
                        continue;
                    }
                    if Regex::new(&format!("^(?:{})$", spec.pattern)).ok()?.is_match(path.as_bytes()) {
                        found = Some(spec);
                        break;
                    }
                }
                found
            }
        };
        Some(match found.and_then(|spec| spec.context.clone()) {
            Some(context) => Expected::Context(context),
            None => Expected::Nothing,
        })
    }
}

fn spec(line: &str) -> Option<Spec> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut words = line.split_ascii_whitespace();
    let pattern = words.next()?.to_owned();
    let (file_type, context) = match (words.next()?, words.next()) {
        (context, None) => (None, context),
        (kind, Some(context)) => (Some(file_type(kind)?), context),
    };
    let (stem, exact) = stem(&pattern);
    let context = (context != "<<none>>").then(|| context.to_owned());
    Some(Spec { pattern, file_type, context, stem, exact })
}

fn file_type(word: &str) -> Option<FileType> {
    Some(match word {
        "--" => FileType::Regular,
        "-d" => FileType::Directory,
        "-l" => FileType::Symlink,
        "-p" => FileType::Fifo,
        "-s" => FileType::Socket,
        "-c" => FileType::CharDevice,
        "-b" => FileType::BlockDevice,
        _ => return None,
    })
}

/// What a pattern begins with before its first special character, and whether there is none.
fn stem(pattern: &str) -> (Vec<u8>, bool) {
    let mut stem = Vec::new();
    let mut bytes = pattern.bytes();
    let mut depth = 0_u32;
    let mut escaped = false;
    for byte in pattern.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            // It divides the whole pattern.
            b'|' if depth == 0 => return (Vec::new(), false),
            _ => {}
        }
    }
    while let Some(byte) = bytes.next() {
        match byte {
            // What may be there or not belongs to no stem.
            b'?' | b'*' | b'{' => {
                stem.pop();
                return (stem, false);
            }
            b'.' | b'^' | b'$' | b'|' | b'+' | b'(' | b')' | b'[' | b']' | b'}' => return (stem, false),
            b'\\' => match bytes.next() {
                // A class such as \d.
                Some(next) if next.is_ascii_alphanumeric() => return (stem, false),
                Some(next) => stem.push(next),
                None => return (stem, false),
            },
            byte => stem.push(byte),
        }
    }
    (stem, true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules() -> FileContexts {
        let mut rules = FileContexts::default();
        rules.add(
            b"# comment\n/.*\tsystem_u:object_r:default_t:s0\n/var/.*\tsystem_u:object_r:var_t:s0\n\
              /home/[^/]+/.+\tunconfined_u:object_r:user_home_t:s0\n/usr/(.*/)?bin(/.*)?\tsystem_u:object_r:bin_t:s0\n\
              /usr/bin/bash\t--\tsystem_u:object_r:shell_exec_t:s0\n/var/run\t-l\tsystem_u:object_r:var_run_t:s0\n\
              /var/lib/nothing(/.*)?\t<<none>>\n/etc/hosts\\.deny.*\t--\tsystem_u:object_r:net_conf_t:s0\n\
              /a|/b/c\tsystem_u:object_r:ab_t:s0\n/opt/x?y\tsystem_u:object_r:xy_t:s0\n",
        );
        rules.add(b"/var/ossec/active-response/bin(/.*)?    system_u:object_r:bin_t:s0\n");
        rules.substitute(b"/srv/ossec /var/ossec\n", true);
        rules.substitute(b"/usr/local /usr\n# x\n", false);
        rules
    }

    fn of(path: &str, file_type: FileType) -> Option<String> {
        match rules().expected(path, file_type).unwrap() {
            Expected::Context(context) => type_of(&context).map(str::to_owned),
            Expected::Nothing => None,
        }
    }

    #[test]
    fn the_last_rule_wins_and_an_exact_one_before_it() {
        for (path, label) in [
            ("/var/ossec/x", Some("var_t")),
            ("/var/ossec/active-response/bin/x.sh", Some("bin_t")),
            ("/srv/ossec/active-response/bin", Some("bin_t")),
            ("/srv/ossec-old", Some("default_t")),
            ("/usr/local/bin/x", Some("bin_t")),
            ("/usr/bin/bash", Some("shell_exec_t")),
            ("/home/joe/x.sh", Some("user_home_t")),
            ("/var/lib/nothing/x", None),
            ("/etc/hosts.deny", Some("net_conf_t")),
            ("/etc/hostsxdeny", Some("default_t")),
            ("/b/c", Some("ab_t")),
            ("/opt/y", Some("xy_t")),
            ("/x", Some("default_t")),
        ] {
            assert_eq!(of(path, FileType::Regular).as_deref(), label, "{path}");
        }
        assert_eq!(of("/usr/bin/bash", FileType::Symlink).as_deref(), Some("bin_t"));
        assert_eq!(of("/var/run", FileType::Symlink).as_deref(), Some("var_run_t"));
    }

    #[test]
    fn a_rule_that_cannot_be_read_decides_nothing() {
        let mut rules = rules();
        rules.add(b"/var/ossec/(?=x)y.*\tsystem_u:object_r:odd_t:s0\n");
        assert_eq!(rules.expected("/var/ossec/x", FileType::Regular), None);
        assert!(rules.expected("/etc/x", FileType::Regular).is_some());
        assert!(FileContexts::default().is_empty());
    }

    #[test]
    fn types() {
        assert_eq!(type_of("system_u:object_r:bin_t:s0:c1,c2"), Some("bin_t"));
        assert_eq!(type_of("unconfined"), None);
        assert_eq!(type_of("a:b:"), None);
    }

    proptest! {
        #[test]
        fn any_rules(text in "[ -~\n]{0,200}", path in "/[ -~]{0,40}") {
            let mut rules = FileContexts::default();
            rules.add(text.as_bytes());
            rules.substitute(text.as_bytes(), true);
            let _ = rules.expected(&path, FileType::Regular);
        }

        #[test]
        fn a_stem_never_hides_a_rule(pattern in "/[a-c]{1,3}(\\.|\\?|\\*|\\|/a|\\(/b\\)\\?|\\\\\\.){0,3}", path in "/[a-c./]{0,6}") {
            let mut rules = FileContexts::default();
            rules.add(format!("{pattern} u:r:t_t:s0\n").as_bytes());
            let fits = Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(path.as_bytes()));
            let found = rules.expected(&path, FileType::Regular);
            prop_assert_eq!(fits, matches!(found, Some(Expected::Context(_))));
        }
    }
}
