//! Mock mode: the same job always gives the same answers.

use crate::common::*;
use mw_integrations::{Progress, Submission, mock};
use mw_media::job::JobSpec;

fn url(spec: &JobSpec) -> String {
    match mock::query(&context(), spec) {
        Progress::Done(output) => {
            assert_eq!(output.raw["mock"], true);
            output.url
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ids_and_urls() {
    for (spec, task_id, expected) in [
        (JobSpec::Generate(generate("veo3")), "run-1-1", "https://assets.mock/run-1-1.mp4"),
        (JobSpec::Render(render()), "run-1-render", "https://mock.video.myloware/run-1-final.mp4"),
    ] {
        assert_eq!(mock::submit(&context(), &spec), Submission::Accepted { task_id: task_id.into() });
        assert_eq!(url(&spec), expected);
    }
}

#[test]
fn posts_are_named_after_their_video_and_content() {
    let post = url(&JobSpec::Publish(publish()));
    let hash = post.strip_prefix("https://publish.mock/final-").unwrap();
    assert!(hash.len() == 6 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{post}");
    assert_eq!(url(&JobSpec::Publish(publish())), post);
    let mut other = publish();
    other.caption = "another".into();
    assert_ne!(url(&JobSpec::Publish(other)), post);
    let mut nameless = publish();
    nameless.video_url = "https://x/?<b>".into();
    assert!(url(&JobSpec::Publish(nameless)).starts_with("https://publish.mock/video-"));
}
