//! What shipped programs need, and how a script's reads become needs.
#![allow(clippy::unwrap_used)]

use super::*;

const SRCIP: &str = "parameters.alert.data.srcip";

#[test]
fn places_and_other_languages() {
    let script = b"#!/bin/sh\nread -r L\nIP=$(echo \"$L\" | jq -r '.parameters.alert.data.srcip')\n";
    let needs = Needs::of_text(script);
    assert_eq!(needs.all[0].path(), SRCIP);
    assert_eq!(needs.required().count(), 1);
    let place = needs.all[0].place.clone().unwrap();
    assert_eq!((place.line, place.column), (3, 24));
    assert_eq!(&script[place.span], b"'.parameters.alert.data.srcip'");
    assert_eq!(Needs::of_text(b"#!/usr/bin/lua\nmsg.parameters.alert"), Needs::default());
    assert_eq!(Needs::of_text(b"\x7fELF\x02\0\0jq .parameters.alert"), Needs::default());
}

#[test]
fn shipped_programs() {
    let path = |name: &str, contract| {
        Needs::of_stock(name.as_bytes(), contract, None)
            .map(|needs| needs.all.iter().map(|need| need.path().to_owned()).collect::<Vec<_>>())
    };
    let envelope = ["version", "origin", "parameters"];
    let with =
        |more: &[&str]| Some(envelope.iter().chain(more).map(|path| (*path).to_owned()).collect::<Vec<_>>());
    assert_eq!(path("firewall-drop", Contract::Json4), with(&[SRCIP]));
    assert_eq!(path("disable-account", Contract::Json4), with(&["parameters.alert.data.dstuser"]));
    assert_eq!(path("restart-wazuh", Contract::Json4), with(&[]));
    assert_eq!(path("wazuh-slack", Contract::Json4), with(&["parameters.alert", "parameters.extra_args"]));
    assert_eq!(path("kaspersky", Contract::Json4), with(&["parameters.extra_args"]));
    assert_eq!(path("block-ip", Contract::Json5), Some(vec!["wazuh".to_owned(), "source.ip".to_owned()]));
    assert_eq!(
        path("disable-account", Contract::Json5),
        Some(vec!["wazuh".to_owned(), "user.name".to_owned()])
    );
    assert_eq!(path("firewall-drop", Contract::Json5), None);
    assert_eq!(path("my-script", Contract::Json4), None);
    let old = Needs::of_stock(b"firewall-drop", Contract::Json4, Some(Version::new(4, 2, 5))).unwrap();
    assert_eq!(old.all.last().unwrap().paths, [SRCIP]);
}
