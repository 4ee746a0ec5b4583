use super::*;

const ENGINE: &str = "api/repos/lovelace-labs/engine";

fn at(path: &str) -> String {
    format!("{ENGINE}/{path}")
}

async fn head(trial: &Trial, token: &str, branch: &str) -> String {
    let (status, answer) = trial
        .get(Site::GitHub, &at(&format!("git/ref/heads/{branch}")), token)
        .await;
    assert_eq!(status, 200);
    text(&answer["object"]["sha"])
}

#[tokio::test]
async fn files_and_trees_of_each_branch_are_read() {
    let trial = Trial::new().await;
    let token = trial.access(Site::GitHub, "read:user").await;
    let get = |path: &'static str| {
        let (trial, token) = (&trial, token.clone());
        async move { trial.get(Site::GitHub, &at(path), &token).await }
    };
    let (_, main) = get("contents/README.md").await;
    let (_, other) = get("contents/README.md?ref=rollback").await;
    assert_ne!(main["content"], other["content"]);
    let (_, folder) = get("contents/src").await;
    assert_eq!(
        (&folder["type"], &folder["entries"][0]["name"]),
        (&json!("dir"), &json!("mill.rs"))
    );
    let (_, tree) = get("git/trees/HEAD?recursive=1").await;
    let paths: Vec<_> = tree["tree"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["path"])
        .collect();
    assert_eq!(
        paths,
        ["README.md", "docs", "docs/cards.md", "src", "src/mill.rs"]
    );
    for path in [
        "contents/none",
        "git/trees/none",
        "git/ref/heads/none",
        "commits?sha=none",
    ] {
        assert_eq!(get(path).await.0, 404, "{path}");
    }
    let (_, files) = get("pulls/6/files").await;
    assert_eq!(files[0]["filename"], "README.md");
    assert_eq!(get("pulls/5").await.0, 404, "an issue is no pull request");
}

#[tokio::test]
async fn branches_move_forward_only_and_to_commits_that_exist() {
    let trial = Trial::new().await;
    let token = trial.access(Site::GitHub, "public_repo").await;
    let base = head(&trial, &token, "main").await;
    let (status, tree) = trial
        .post_json(
            Site::GitHub,
            &at("git/trees"),
            &token,
            &json!({"base_tree": "none", "tree": []}),
        )
        .await;
    assert_eq!(status, 422, "{tree}");
    let (_, commit) = trial
        .get(Site::GitHub, &at(&format!("git/commits/{base}")), &token)
        .await;
    let deletes = json!({"base_tree": commit["tree"]["sha"],
                         "tree": [{"path": "README.md", "mode": "100644", "sha": null}]});
    let (status, tree) = trial
        .post_json(Site::GitHub, &at("git/trees"), &token, &deletes)
        .await;
    assert_eq!(
        (status, tree["tree"][0]["path"].as_str()),
        (201, Some("docs"))
    );
    let new = json!({"message": "Gone", "tree": tree["sha"], "parents": [base]});
    let (status, commit) = trial
        .post_json(Site::GitHub, &at("git/commits"), &token, &new)
        .await;
    assert_eq!(status, 201);

    let patch = |sha: Value| {
        let url = trial.sandbox.url(Site::GitHub, &at("git/refs/heads/main"));
        let request = trial.http.client().patch(url).bearer_auth(&token);
        async move {
            let response = request.json(&json!({"sha": sha})).send().await.unwrap();
            response.status().as_u16()
        }
    };
    assert_eq!(patch(json!("none")).await, 422);
    assert_eq!(patch(commit["sha"].clone()).await, 200);
    assert_eq!(head(&trial, &token, "main").await, text(&commit["sha"]));
    assert_eq!(patch(json!(base)).await, 422, "that would be a step back");
    let again = json!({"ref": "refs/heads/main", "sha": base});
    let (status, _) = trial
        .post_json(Site::GitHub, &at("git/refs"), &token, &again)
        .await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn writes_need_their_scope_and_nobody_approves_their_own_change() {
    let trial = Trial::new().await;
    let reader = trial.access(Site::GitHub, "read:user").await;
    let writer = trial.access(Site::GitHub, "public_repo").await;
    let comment = json!({"body": "Hm."});
    for path in ["issues/2/comments", "pulls", "git/trees", "pulls/6/reviews"] {
        let (status, _) = trial
            .post_json(Site::GitHub, &at(path), &reader, &comment)
            .await;
        assert_eq!(status, 404, "{path}");
    }
    let path = at("issues/2/comments");
    let (status, said) = trial
        .post_json(Site::GitHub, &path, &writer, &comment)
        .await;
    assert_eq!((status, &said["user"]["login"]), (201, &json!("ada")));
    let (_, all) = trial
        .get(Site::GitHub, &format!("{path}?per_page=100"), &writer)
        .await;
    assert_eq!(all.as_array().unwrap().len(), 8);

    let approve = json!({"event": "APPROVE"});
    let (status, _) = trial
        .post_json(Site::GitHub, &at("pulls/6/reviews"), &writer, &approve)
        .await;
    assert_eq!(status, 200, "grace wrote it, ada approves it");
    let new = json!({"title": "T", "head": "rollback", "base": "main"});
    let (status, pull) = trial
        .post_json(Site::GitHub, &at("pulls"), &writer, &new)
        .await;
    assert_eq!((status, &pull["number"]), (201, &json!(7)));
    let (status, _) = trial
        .post_json(Site::GitHub, &at("pulls/7/reviews"), &writer, &approve)
        .await;
    assert_eq!(status, 422);
    let new = json!({"title": "T", "head": "none", "base": "main"});
    assert_eq!(
        trial
            .post_json(Site::GitHub, &at("pulls"), &writer, &new)
            .await
            .0,
        422
    );
}
