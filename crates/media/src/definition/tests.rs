use super::*;
use crate::persona;
use crate::run::testing;

fn shipped(name: &str) -> String {
    std::fs::read_to_string(format!("{}/../../projects/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_shipped_definitions_are_valid() {
    for (name, steps) in [("test_video_gen", 10), ("aismr", 10), ("general", 0)] {
        let definition = Definition::from_json(&shipped(name)).unwrap();
        assert_eq!(definition.key, name);
        assert_eq!(definition.steps.len(), steps);
    }
}

#[test]
fn a_digest_changes_with_any_field_and_survives_a_round_trip() {
    let definition = Definition::from_json(&shipped("aismr")).unwrap();
    let again = Definition::from_json(&serde_json::to_string(&definition).unwrap()).unwrap();
    assert_eq!(definition.digest(), again.digest());
    let mut other = definition.clone();
    other.title.push('!');
    assert_ne!(definition.digest(), other.digest());
}

type Change = fn(&mut serde_json::Value);

#[test]
fn a_definition_that_breaks_a_rule_is_refused_with_the_rule() {
    let cases: &[(&str, Change)] = &[
        ("key", |v| v["key"] = "Bad Key".into()),
        ("version", |v| v["version"] = "".into()),
        ("must not contain", |v| v["title"] = "a\0b".into()),
        ("unknown field", |v| v["surprise"] = 1.into()),
        ("needs settings", |v| v["settings"] = serde_json::Value::Null),
        ("an earlier step has the name workflow", |v| v["steps"][2]["gate"] = "workflow".into()),
        ("no place {clip}", |v| v["steps"][0]["summary"] = "Start {clip}".into()),
        ("no group of texts", |v| v["steps"][0]["policy"]["edits"] = serde_json::json!(["all"])),
        ("only captions", |v| v["steps"][7]["policy"]["edits"] = serde_json::json!(["script"])),
        ("exactly one generate", |v| {
            v["steps"].as_array_mut().unwrap().remove(4);
        }),
        ("publish is the last", |v| {
            v["steps"].as_array_mut().unwrap().push(serde_json::json!({"kind":"persona","persona":"x","role":"edit"}))
        }),
        ("write persona, generate", |v| v["steps"].as_array_mut().unwrap().swap(3, 4)),
        ("clips.count", |v| v["settings"]["clips"]["count"] = 0.into()),
        ("clips_per_day", |v| v["settings"]["clips_per_day"] = 1.into()),
        ("clips.duration_seconds", |v| v["settings"]["clips"]["duration_seconds"] = 0.into()),
        ("one entry per clip", |v| v["settings"]["clips"]["count"] = 3.into()),
        ("at least one platform", |v| v["settings"]["publish"]["platforms"] = serde_json::json!([])),
        ("no persona of the steps", |v| v["optional_personas"][0]["before"] = "nobody".into()),
        ("time limit", |v| v["steps"][0]["expires_after_seconds"] = 0.into()),
        ("no name of a gate", |v| v["steps"][0]["gate"] = "the final one".into()),
        ("missing field `provider`", |v| {
            v["steps"][4].as_object_mut().unwrap().remove("provider");
        }),
        ("provider \"Reel House\" must be", |v| v["steps"][4]["provider"] = "Reel House".into()),
        ("unknown variant", |v| v["steps"][0]["waiting_status"] = "published".into()),
        ("unknown variant `approve_gate`", |v| v["steps"][1]["tools"] = serde_json::json!(["approve_gate"])),
    ];
    for (expected, change) in cases {
        let mut value: serde_json::Value = serde_json::from_str(&shipped("test_video_gen")).unwrap();
        change(&mut value);
        let error = Definition::from_json(&value.to_string()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn shipped_projects_say_what_they_always_said() {
    let by_rules = |key: &str, role| persona::by_rules(&testing::started(key), role);
    let moon = "One continuous macro shot of moon, 8 seconds, real foley, no music, no text. Theme: candles.";
    assert_eq!(by_rules("test_video_gen", Role::Write).prompts[0], moon);
    let surreal = by_rules("aismr", Role::Write).prompts[11].clone();
    assert!(surreal.contains(", real foley, one word whispered at 3 seconds, no music, no text. Theme: "), "{surreal}");
    let caption = by_rules("test_video_gen", Role::Caption);
    assert_eq!(caption.caption.as_deref(), Some("Test Video Generation: candles #test"));
    assert_eq!(caption.title.as_deref(), Some("Test Video Generation: candles"));
    assert_eq!(by_rules("test_video_gen", Role::Ideate).summary, "2 clips about moon and sun.");
}

#[test]
fn shipped_work_keeps_its_makers() {
    for key in ["test_video_gen", "aismr"] {
        let makers: Vec<_> =
            testing::definition(key).works().filter_map(|work| work.persona.map(str::to_owned)).collect();
        assert_eq!(makers, ["riley", "alex", "quinn"], "{key}");
    }
}

mod another_project {
    //! A project that shares no name with the shipped ones is data alone.

    use super::super::*;
    use crate::brendan::KnownProject;
    use crate::brendan::rules::{Intent, plan};
    use crate::principal::{Principal, Role as PrincipalRole};
    use crate::run::testing::{T0, decide_with, request, with_context};
    use crate::run::{Command, Decided, GateDecision, JobPhase, MediaCommand, Run, StartRequest, apply, start};
    use crate::status::{Channel, Status, Verdict};

    fn harbour() -> Definition {
        Definition::from_json(include_str!("../../fixtures/harbour.json")).unwrap()
    }

    fn requested(skip: &[&str], add: &[&str]) -> Decided {
        let definition = harbour();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let request = StartRequest {
            digest: definition.digest(),
            definition,
            skip: names(skip),
            add: names(add),
            ..request("test_video_gen")
        };
        with_context(T0, |context| start(request, context)).unwrap()
    }

    /// The next thing that happens to a job of the step.
    fn job_command(run: &Run) -> Command {
        let requested = run.body.step_jobs().find(|(_, job)| job.phase == JobPhase::Requested);
        let submitted = || run.body.step_jobs().find(|(_, job)| matches!(job.phase, JobPhase::Submitted { .. }));
        match requested {
            Some((id, _)) => {
                Command::Own(MediaCommand::SubmitJob { job_id: id.clone(), task_id: format!("t-{id}"), adopted: false })
            }
            None => Command::Own(MediaCommand::FinishJob {
                job_id: submitted().unwrap().0.clone(),
                url: "https://files.test/x".into(),
            }),
        }
    }

    /// Approves as the project's own approver.
    fn approval(run: &Run) -> Command {
        let mara = Principal::known("mara", PrincipalRole::Approver, Vec::new());
        Command::DecideGate(GateDecision::new(run.gates[0].gate, Verdict::Approve, mara, Channel::Api))
    }

    #[test]
    fn a_project_of_its_own_runs_from_start_to_published() {
        let mut transition = requested(&[], &["otto"]);
        let mut makers = Vec::new();
        while !transition.run.status.is_terminal() {
            let run = transition.run;
            let command = match run.gates.first() {
                Some(_) => approval(&run),
                None => job_command(&run),
            };
            transition = with_context(T0, |context| apply(&run, &command, "t", context)).unwrap().unwrap();
            let made = transition.rows.artifacts.iter();
            makers.extend(made.filter_map(|made| Some((made.artifact_type.clone(), made.persona.clone()?))));
        }
        let run = transition.run;
        assert_eq!((run.status, run.body.publish_url.is_some()), (Status::Published, true));
        assert_eq!(run.body.concept.as_deref(), Some("3 views of a tugboat and a crane and a ferry, 5 s each."));
        let prompt = "Dawn mist over a crane, at most two boats, 5 s. Mood: candles.";
        assert_eq!(run.body.clips[1].prompt.as_deref(), Some(prompt));
        assert_eq!(run.body.caption.as_deref(), Some("Harbour at dawn: candles, seen 3 times #dawn"));
        assert_eq!(run.body.post_title.as_deref(), Some("Dawn: candles"));
        makers.dedup();
        let makers: Vec<(&str, &str)> = makers.iter().map(|(made, maker)| (made.as_str(), maker.as_str())).collect();
        assert_eq!(
            makers,
            [
                ("reel-house.job", "sven"),
                ("reel-house.wait", "sven"),
                ("cutting-room.timeline", "wanda"),
                ("render.url", "wanda"),
                ("sound.design", "otto"),
                ("publish.url", "ivo"),
            ]
        );
    }

    #[test]
    fn its_guardrails_are_checked() {
        let mut run = requested(&[], &[]).run;
        let broken = |run: &Run| -> Vec<(String, String)> {
            let checks = run.briefs().next().unwrap().about.checks.into_iter();
            checks.filter(|check| !check.kept).map(|check| (check.rule, check.detail)).collect()
        };
        assert_eq!(broken(&run), []);
        run.body.clips[2].prompt = Some("Seven boats in a storm".into());
        let rules = ["each prompt has mist or fog", "At most two boats.", "It does not rain."];
        assert_eq!(broken(&run), rules.map(|rule| (rule.to_owned(), "clip 3".to_owned())));
    }

    #[test]
    fn its_words_choose_it_and_its_personas() {
        let known = [KnownProject::from(harbour())];
        let planned = |message: &str| match plan(message, &[], &known, &[]) {
            Intent::Start(proposal) => (proposal.project, proposal.skip.concat(), proposal.add.concat()),
            other => panic!("{message}: {other:?}"),
        };
        let wanted = |skip: &str, add: &str| ("harbour".to_owned(), skip.to_owned(), add.to_owned());
        assert_eq!(planned("make a quay film, with a foghorn"), wanted("", "otto"));
        assert_eq!(planned("make a film about cranes as raw footage"), wanted("wanda", ""));
        assert_eq!(planned("make a simple clip of soap with a soundtrack"), wanted("", ""));
        let run = requested(&["wanda"], &[]).run;
        assert!(!run.body.effects && !run.body.pipeline.iter().any(|step| step.name() == "wanda"));
    }

    #[test]
    fn changes_reach_its_prompts() {
        let run = requested(&[], &[]).run;
        let mut decision = match approval(&run) {
            Command::DecideGate(decision) => decision,
            other => panic!("{other:?}"),
        };
        decision.verdict = Verdict::RequestChanges;
        decision.comment = Some("more gulls".into());
        let run = decide_with(&run, Command::DecideGate(decision));
        assert!(
            run.body.clips[0].prompt.as_ref().unwrap().ends_with("Mood: candles. Please: more gulls."),
            "{:?}",
            run.body.clips
        );
    }
}

#[test]
fn every_fault_is_named_with_its_place() {
    let mut value: serde_json::Value = serde_json::from_str(&shipped("aismr")).unwrap();
    value["version"] = "a b".into();
    value["requests"][0]["skip"][0] = "nobody".into();
    value["requests"][1]["words"] = serde_json::json!([]);
    value["steps"][1]["by_rule"]["prompt"] = "A shot.".into();
    value["steps"][3]["by_rule"]["prompt"] = "A shot of {object}.".into();
    value["steps"][8]["by_rule"]["caption"].take();
    value["optional_personas"][0]["by_rule"]["sound"][1] = "[rain".into();
    value["settings"]["clips"]["count"] = 99.into();
    value["settings"]["guardrails"][2]["check"]["any_of"][0] = " ".into();
    value["settings"]["guardrails"][4]["check"]["noun"] = "both hands".into();
    value["settings"]["guardrails"][5]["rule"] = "r".into();
    let Err(DefinitionError::Faults(faults)) = Definition::from_json(&value.to_string()) else { panic!() };
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/version",
            "/requests/0/skip/0",
            "/requests/1/words",
            "/steps/1/by_rule/prompt",
            "/steps/3/by_rule/prompt",
            "/steps/8/by_rule/caption",
            "/optional_personas/0/by_rule/sound/1",
            "/settings/clips/count",
            "/settings/guardrails/2/check/any_of",
            "/settings/guardrails/4/check/noun",
            "/settings/guardrails/5/rule",
        ]
    );
    assert!(faults.iter().all(|fault| fault.detail.len() > 10), "{faults:?}");
}
