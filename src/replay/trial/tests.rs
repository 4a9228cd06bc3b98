//! Tests of trials on scripts that are played in words only.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::replay::{Effect, Launch, Target};
use crate::wazuh::execd::Setup;

/// A script that works when all of these are texts, addresses where that is their name.
struct Script {
    needs: Vec<String>,
    contract: Contract,
    timeout: i32,
}

impl Script {
    fn works(&self, plan: &Plan) -> bool {
        let event: Value = serde_json::from_slice(&plan.steps[0].message).unwrap();
        plan.execd.contract == self.contract && self.needs.iter().all(|path| fault_of(&event, path).is_none())
    }

    fn play(&self, plan: &Plan) -> Run {
        let step = &plan.steps[0];
        let (ended, keys, effects) = if self.works(plan) {
            let effect = Effect {
                kind: EffectKind::Firewall,
                what: "iptables".to_owned(),
                change: String::new(),
                added: vec!["-A INPUT -s 203.0.113.45/32 -j DROP".to_owned()],
                removed: Vec::new(),
                taken_back: None,
            };
            (Ended::Exit(0), Some(vec!["203.0.113.45".to_owned()]), vec![effect])
        } else {
            (Ended::Exit(1), None, Vec::new())
        };
        let step = StepRun {
            label: step.label.clone(),
            deed: Some(Deed::Add),
            launch: Some(Launch { started: true, errno: None, by_sh: false }),
            bytes_read: step.message.len() as u64,
            keys: keys.filter(|_| self.timeout != 0),
            ended,
            effects,
            ..StepRun::default()
        };
        Run { steps: vec![step], ..Run::default() }
    }
}

fn payload(event: &Value, contract: Contract, timeout: i32) -> Payload {
    let needs = Needs::default();
    Payload::make(&Wish {
        source: Some(payload::Source { shown: "test", bytes: event.to_string().as_bytes(), is_log: false }),
        contract,
        name: "x60",
        program: "x.sh",
        rule: None,
        agent: None,
        deed: None,
        extra_args: None,
        timeout: Some(timeout),
        set: &[],
        needs: &needs,
    })
    .unwrap()
}

fn plan(payload: &Payload, contract: Contract, timeout: i32) -> Plan {
    let target = Target {
        asked: "./x.sh".to_owned(),
        name: "x60".to_owned(),
        path: PathBuf::from("active-response/bin/x.sh"),
        home: PathBuf::from("/var/ossec"),
        install: None,
        gid: None,
        environment: Vec::new(),
        timeout,
        timeout_from: String::new(),
    };
    let mut plan = Plan {
        target,
        execd: Setup { contract, version: None, agent: true, repeated_offenders: Vec::new() },
        ar_conf: None,
        steps: Vec::new(),
        deadline: 60_000,
        stop_when_stuck: true,
        canaries: Vec::new(),
    };
    let step = Step {
        label: "add".to_owned(),
        deed: Deed::Add,
        message: payload.message.clone(),
        fresh: false,
        table_of: None,
    };
    plan.steps.push(step);
    plan
}

/// What trials prove of a script with an event, and how many there were; none without any.
fn tried(script: &Script, event: &Value, contract: Contract) -> Option<(Proof, usize)> {
    let payload = payload(event, contract, script.timeout);
    let plan = plan(&payload, contract, script.timeout);
    let run = script.play(&plan);
    let needs = Needs::default();
    let case = Case { plan: &plan, run: &run, payload: &payload, needs: &needs };
    if !is_worth(&case) {
        return None;
    }
    let mut runs = 0;
    let proof = of(&case, &mut |plan| {
        runs += 1;
        assert!(plan.deadline <= LONGEST && plan.steps.len() == 1);
        Some(script.play(plan))
    });
    Some((proof, runs))
}

fn paths(proof: &Proof) -> BTreeSet<&str> {
    proof.problems.iter().filter_map(|problem| problem.pointer.as_deref()).collect()
}

fn alert() -> Value {
    serde_json::json!({"rule": {"id": "5710", "level": 5}, "agent": {"id": "003", "name": "web-01"}, "data": {}})
}

fn script(needs: &[&str]) -> Script {
    let needs = needs.iter().map(|path| format!("parameters.alert.{path}")).collect();
    Script { needs, contract: Contract::Json4, timeout: 60 }
}

#[test]
fn the_field_that_matters_is_named() {
    for (data, check) in [
        (serde_json::json!({}), checks::PAYLOAD_FIELD_MISSING),
        (serde_json::json!({"srcip": null}), checks::PAYLOAD_FIELD_MISSING),
        (serde_json::json!({"SRCIP": "203.0.113.9"}), checks::PAYLOAD_FIELD_MISSING),
        (serde_json::json!({"srcip": 7}), checks::PAYLOAD_FIELD_TYPE),
        (serde_json::json!({"srcip": ""}), checks::PAYLOAD_FIELD_TYPE),
        (serde_json::json!({"srcip": ["203.0.113.9"]}), checks::PAYLOAD_FIELD_TYPE),
        (serde_json::json!({"srcip": "10.1"}), checks::PAYLOAD_ADDRESS),
        (serde_json::json!({"srcip": "-"}), checks::PAYLOAD_ADDRESS),
        (serde_json::json!({"srcip": "www.example.com", "dstuser": 7}), checks::PAYLOAD_ADDRESS),
    ] {
        let mut event = alert();
        event["data"] = data.clone();
        let (proof, runs) = tried(&script(&["data.srcip"]), &event, Contract::Json4).unwrap();
        assert_eq!(paths(&proof), BTreeSet::from(["parameters.alert.data.srcip"]), "{data}");
        assert_eq!(proof.problems[0].check, check, "{data}");
        assert_eq!(proof.problems[0].severity, Severity::Error, "{data}");
        assert!(runs <= 4, "{data}: {runs} runs");
    }
}

#[test]
fn a_good_script_with_a_good_event_is_not_tried() {
    let mut event = alert();
    event["data"]["srcip"] = "203.0.113.9".into();
    assert_eq!(tried(&script(&["data.srcip"]), &event, Contract::Json4), None);
}

#[test]
fn what_no_field_mends_proves_nothing() {
    let (proof, runs) = tried(&script(&["data.nowhere"]), &alert(), Contract::Json4).unwrap();
    assert_eq!(proof, Proof::default());
    assert!(runs <= 3, "{runs}");
}

#[test]
fn a_script_of_the_other_generation_works_with_its_message() {
    let five = Script { needs: vec!["source.ip".to_owned()], contract: Contract::Json5, timeout: 60 };
    for data in [serde_json::json!({}), serde_json::json!({"srcip": "203.0.113.9"})] {
        let mut event = alert();
        event["data"] = data;
        let (proof, _) = tried(&five, &event, Contract::Json4).unwrap();
        assert_eq!(proof.contract.unwrap().0, Contract::Json5);
        assert_eq!(proof.problems, Vec::new());
    }
    let finding = serde_json::json!({"wazuh": {"agent": {"id": "003"}}, "source": {"ip": "203.0.113.9"}});
    let (proof, _) = tried(&script(&["data.srcip", "agent.id"]), &finding, Contract::Json5).unwrap();
    assert_eq!(proof.contract.unwrap().0, Contract::Json4);
}

#[test]
fn chance_and_what_gets_stuck_prove_nothing() {
    let payload = payload(&alert(), Contract::Json4, 60);
    let plan = plan(&payload, Contract::Json4, 60);
    let needs = Needs::default();
    let failing = script(&["data.srcip"]);
    let run = failing.play(&plan);
    let case = Case { plan: &plan, run: &run, payload: &payload, needs: &needs };
    let always = Script { needs: Vec::new(), contract: Contract::Json4, timeout: 60 };
    let proof = of(&case, &mut |plan| Some(always.play(plan)));
    assert_eq!(proof, Proof::default(), "it works without the field too");
    let mut runs = 0;
    let proof = of(&case, &mut |plan| {
        runs += 1;
        let mut run = failing.play(plan);
        run.steps[0].ended = Ended::Deadline;
        Some(run)
    });
    assert_eq!((proof, runs), (Proof::default(), 1));
    let mut runs = 0;
    let proof = of(&case, &mut |_| {
        runs += 1;
        None
    });
    assert_eq!((proof, runs), (Proof::default(), 1));
}

#[test]
fn what_was_guessed_is_replaced() {
    let mut payload = payload(&alert(), Contract::Json4, 60);
    let (proof, _) = tried(&script(&["data.srcip"]), &alert(), Contract::Json4).unwrap();
    let guess = Problem {
        severity: Severity::Warning,
        confidence: Confidence::Likely,
        pointer: Some("*.srcip".to_owned()),
        what: "guessed".to_owned(),
        evidence: Vec::new(),
        ..proof.problems[0].clone()
    };
    payload.problems = vec![guess];
    take_in(&mut payload, proof.problems.clone());
    let [problem] = &payload.problems[..] else { panic!("{:?}", payload.problems) };
    assert_eq!((problem.severity, problem.confidence), (Severity::Error, Confidence::Proven));
    assert_eq!(problem.what, "guessed");
    assert_eq!(problem.evidence, proof.problems[0].evidence);
}

proptest! {
    #[test]
    fn the_fewest_fields_are_found_in_few_runs(
        wanted in prop::collection::btree_set(prop::sample::select(&FOUR[..]), 1..=FIELDS),
        there in prop::collection::btree_set(prop::sample::select(&FOUR[..]), 0..8),
        timeout in prop::sample::select(vec![0, 60]),
    ) {
        let mut message = payload::with(alert().to_string().as_bytes(), "data", &serde_json::json!({})).unwrap();
        for path in &there {
            message = payload::with(&message, path, &value_for(path).into()).unwrap();
        }
        let event: Value = serde_json::from_slice(&message).unwrap();
        let mut script = script(&wanted.iter().copied().collect::<Vec<_>>());
        script.timeout = timeout;
        let envelope = serde_json::json!({"parameters": {"alert": event}});
        let lacking: BTreeSet<&str> = script
            .needs
            .iter()
            .map(String::as_str)
            .filter(|path| fault_of(&envelope, path).is_some())
            .collect();
        match tried(&script, &event, Contract::Json4) {
            None => prop_assert!(lacking.is_empty()),
            Some((proof, runs)) => {
                prop_assert!(runs <= MOST, "{} runs", runs);
                // Three far apart may take more runs than there are; then nothing is said.
                let said = paths(&proof);
                prop_assert!(said == lacking || said.is_empty() && lacking.len() > 1, "{said:?} {lacking:?}");
            }
        }
    }

    #[test]
    fn no_event_makes_it_panic(text in "[{}\\[\\]\":,a.1]{0,40}", path in "[a-z.*\\[\\]0]{0,12}") {
        if let Ok(event) = serde_json::from_str::<Value>(&text) {
            let _ = wanting(&event, Contract::Json4, &Needs::default());
            let _ = fault_of(&event, &path);
            let _ = translated(&event, Contract::Json5);
            let _ = translated(&event, Contract::Json4);
        }
        let _ = (is_envelope(&path), value_for(&path), is_address(&path));
    }
}
