//! Each kind in each place, and what must stay.

use super::*;

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
