use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::*;

const SEND: &str = "https://www.googleapis.com/auth/gmail.send";

#[tokio::test]
async fn scopes_are_enforced_and_each_site_says_so_in_its_way() {
    let trial = Trial::new().await;
    let google = trial.access(Site::Google, SEND).await;
    let (status, answer) = trial
        .get(Site::Google, "gmail/v1/users/me/threads", &google)
        .await;
    assert_eq!(status, 403);
    let reason = answer.pointer("/error/details/0/reason");
    assert_eq!(reason, Some(&json!("ACCESS_TOKEN_SCOPE_INSUFFICIENT")));
    assert_eq!(
        answer["error"]["errors"][0]["reason"],
        "insufficientPermissions"
    );

    let slack = trial.access(Site::Slack, "channels:read").await;
    let path = "api/conversations.history?channel=C0GENERAL1";
    let (status, answer) = trial.get(Site::Slack, path, &slack).await;
    assert_eq!(
        (status, answer["error"].as_str()),
        (200, Some("missing_scope"))
    );
    assert_eq!(answer["needed"], "channels:history");
    assert_eq!(answer["provided"], "channels:read");
    let path = "api/conversations.list?types=public_channel,private_channel";
    let (_, answer) = trial.get(Site::Slack, path, &slack).await;
    assert_eq!(answer["needed"], "channels:read,groups:read");

    let github = trial.access(Site::GitHub, "public_repo").await;
    let path = "api/repos/lovelace-labs/plans/issues";
    assert_eq!(trial.get(Site::GitHub, path, &github).await.0, 404);
    let path = "api/repos/lovelace-labs/engine/issues";
    assert_eq!(trial.get(Site::GitHub, path, &github).await.0, 200);
    let reader = trial.access(Site::GitHub, "read:user").await;
    let issue = json!({"title": "Oil the mill"});
    assert_eq!(
        trial.post_json(Site::GitHub, path, &reader, &issue).await.0,
        404
    );

    let custom = trial.access(Site::Custom, "write").await;
    assert_eq!(trial.get(Site::Custom, "api/notes", &custom).await.0, 403);
}

#[tokio::test]
async fn a_token_of_another_site_or_none_is_refused() {
    let trial = Trial::new().await;
    let slack = trial.access(Site::Slack, scope(Site::Slack)).await;
    assert_eq!(trial.identity(Site::Google, &slack).await.0, 401);
    assert_eq!(
        trial.identity(Site::GitHub, "gho_unknown").await.1["message"],
        "Bad credentials"
    );
    assert_eq!(
        trial.identity(Site::Slack, "xoxp-unknown").await.1["error"],
        "invalid_auth"
    );
    let url = trial.sandbox.url(Site::Slack, "api/auth.test");
    let answer: Value = trial
        .http
        .client()
        .get(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(answer["error"], "not_authed");
}

#[tokio::test]
async fn mail_is_listed_in_pages_read_and_sent() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Google, &format!("{GMAIL} {SEND}")).await;
    let list = |query: String| {
        let (trial, token) = (&trial, token.clone());
        async move {
            let path = format!("gmail/v1/users/me/{query}");
            trial.get(Site::Google, &path, &token).await.1
        }
    };
    let all = list("messages?q=-in:drafts".to_owned()).await;
    let first = list("messages?q=-in:drafts&maxResults=3".to_owned()).await;
    assert_eq!(
        first["messages"].as_array().unwrap()[..],
        all["messages"].as_array().unwrap()[..3]
    );
    let next = text(&first["nextPageToken"]);
    let second = list(format!(
        "messages?q=-in:drafts&maxResults=3&pageToken={next}"
    ))
    .await;
    assert_eq!(second["messages"][0], all["messages"][3]);
    assert!(
        list("messages?q=nobody".to_owned())
            .await
            .get("messages")
            .is_none()
    );
    let spam = list("messages?q=in:spam".to_owned()).await;
    assert_eq!(spam["messages"].as_array().unwrap().len(), 1);
    let launch = list("threads?labelIds=Label_1&labelIds=UNREAD".to_owned()).await;
    assert_eq!(launch["threads"].as_array().unwrap().len(), 3);

    let threads = list("threads?q=subject:checklist".to_owned()).await;
    let thread = text(&threads["threads"][0]["id"]);
    let path = format!("threads/{thread}?format=metadata&metadataHeaders=subject");
    let read = list(path).await;
    let messages = read["messages"].as_array().unwrap();
    let subjects: Vec<_> = messages
        .iter()
        .map(|message| message["payload"]["headers"][0]["value"].as_str().unwrap())
        .collect();
    assert_eq!(
        subjects,
        [
            "Launch checklist",
            "Re: Launch checklist",
            "Re: Launch checklist"
        ]
    );
    assert_eq!(
        messages[0]["payload"]["headers"].as_array().unwrap().len(),
        1
    );

    let mail =
        "To: grace@example.test\r\nBcc: ada@example.test\r\nSubject: Hello\r\n\r\nDear Grace\r\n";
    let path = "gmail/v1/users/me/messages/send";
    let body = json!({"raw": URL_SAFE.encode(mail), "threadId": thread});
    let (status, sent) = trial.post_json(Site::Google, path, &token, &body).await;
    assert_eq!(
        (status, sent["threadId"].as_str()),
        (200, Some(thread.as_str()))
    );
    let url = trial
        .sandbox
        .url(Site::Google, &format!("upload/{path}?uploadType=media"));
    let request = trial.http.client().post(url).bearer_auth(&token);
    let request = request.header("content-type", "message/rfc822").body(mail);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let found = list("messages?q=subject:hello".to_owned()).await;
    assert_eq!(found["messages"].as_array().unwrap().len(), 2);
    assert_eq!(
        trial.sandbox.sent_mail(),
        [mail.as_bytes(), mail.as_bytes()]
    );

    let person = Person::new().account("grace@example.test");
    let back = trial.consent(Site::Google, GMAIL, person, &[]).await;
    let code = parameter(&back, "code").unwrap();
    let (_, answer) = trial.exchange(Site::Google, &code, VERIFIER).await;
    let grace = text(&answer["access_token"]);
    let path = "gmail/v1/users/me/messages?q=from:ada";
    let (_, inbox) = trial.get(Site::Google, path, &grace).await;
    let id = text(&inbox["messages"][0]["id"]);
    let path = format!("gmail/v1/users/me/messages/{id}");
    let (_, received) = trial.get(Site::Google, &path, &grace).await;
    let names: Vec<_> = received["payload"]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"From") && names.contains(&"Date") && !names.contains(&"Bcc"));
    // Another account's mailbox is not there.
    let path = "gmail/v1/users/ada@example.test/messages";
    assert_eq!(trial.get(Site::Google, path, &grace).await.0, 404);

    let nobody = json!({"raw": URL_SAFE.encode("Subject: x\r\n\r\n")});
    let path = "gmail/v1/users/me/messages/send";
    assert_eq!(
        trial.post_json(Site::Google, path, &token, &nobody).await.0,
        400
    );
}

#[tokio::test]
async fn headers_only_means_no_search_and_no_text() {
    let trial = Trial::new().await;
    let metadata = "https://www.googleapis.com/auth/gmail.metadata";
    let token = trial.access(Site::Google, metadata).await;
    let get = async |path: &str| {
        let path = format!("gmail/v1/users/me/{path}");
        trial.get(Site::Google, &path, &token).await
    };
    let (status, list) = get("messages").await;
    assert_eq!(status, 200);
    assert_eq!(get("messages?q=launch").await.0, 403);
    let id = text(&list["messages"][0]["id"]);
    assert_eq!(get(&format!("messages/{id}")).await.0, 403);
    assert_eq!(get(&format!("messages/{id}?format=metadata")).await.0, 200);
}

#[tokio::test]
async fn the_mailbox_holds_a_mail_with_invisible_text() {
    let trial = Trial::new().await;
    let token = trial.access(Site::Google, GMAIL).await;
    let path = "gmail/v1/users/me/messages?q=from:invoices.example";
    let (_, list) = trial.get(Site::Google, path, &token).await;
    let path = format!(
        "gmail/v1/users/me/messages/{}",
        text(&list["messages"][0]["id"])
    );
    let (_, mail) = trial.get(Site::Google, &path, &token).await;
    let subject = mail["payload"]["headers"][2]["value"].as_str().unwrap();
    assert!(
        subject.contains('\u{200b}') && subject.contains('\u{202e}'),
        "{subject:?}"
    );
    let encoded = mail["payload"]["parts"][0]["body"]["data"]
        .as_str()
        .unwrap();
    let body = String::from_utf8(URL_SAFE.decode(encoded).unwrap()).unwrap();
    assert!(body.contains('\u{e0067}'), "{body:?}");
}

#[tokio::test]
async fn slack_conversations_are_found_and_read_in_a_window() {
    let trial = Trial::new().await;
    let scopes = "channels:history,channels:read,groups:read";
    let token = trial.access(Site::Slack, scopes).await;
    let get = async |path: &str| {
        trial
            .get(Site::Slack, &format!("api/{path}"), &token)
            .await
            .1
    };
    let names = |answer: &Value| -> Vec<String> {
        let channels = answer["channels"].as_array().unwrap();
        channels
            .iter()
            .map(|channel| text(&channel["name"]))
            .collect()
    };
    let own =
        get("users.conversations?types=public_channel,private_channel&exclude_archived=true").await;
    assert_eq!(names(&own), ["general", "launch", "budget"]);
    let first = get("conversations.list?limit=2").await;
    let cursor = text(&first["response_metadata"]["next_cursor"]);
    let rest = get(&format!("conversations.list?limit=2&cursor={cursor}")).await;
    assert_eq!(
        [names(&first), names(&rest)].concat(),
        ["general", "launch", "old-news", "compilers"]
    );
    assert_eq!(rest["response_metadata"]["next_cursor"], "");

    let history = get("conversations.history?channel=C0LAUNCH02").await;
    let messages = history["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5, "replies are not in the channel");
    assert_eq!(messages[0]["text"], "Release notes are up. I say *go*.");
    let question = &messages[1];
    assert_eq!(
        (&question["reply_count"], &question["thread_ts"]),
        (&json!(2), &question["ts"])
    );
    let ts = text(&question["ts"]);
    let window = get(&format!(
        "conversations.history?channel=C0LAUNCH02&oldest={ts}&limit=1"
    ))
    .await;
    assert_eq!(window["messages"].as_array().unwrap().len(), 1);
    let window = get(&format!(
        "conversations.history?channel=C0LAUNCH02&latest={ts}&inclusive=true"
    ))
    .await;
    assert_eq!(window["messages"][0]["ts"], ts);
    let thread = get(&format!("conversations.replies?channel=C0LAUNCH02&ts={ts}")).await;
    assert_eq!(thread["messages"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn slack_messages_are_posted_and_people_written_to() {
    let trial = Trial::new().await;
    let scopes = "channels:history,chat:write,im:write,im:history,users:read";
    let token = trial.access(Site::Slack, scopes).await;
    let get = async |path: &str| {
        let path = format!("api/{path}");
        trial.get(Site::Slack, &path, &token).await.1
    };
    let post = async |body: Value| {
        trial
            .post_json(Site::Slack, "api/chat.postMessage", &token, &body)
            .await
            .1
    };
    let body = json!({"channel": "C0GENERAL1", "markdown_text": "**Hello**"});
    let posted = post(body).await;
    let ts = text(&posted["ts"]);
    assert_eq!(
        get("conversations.history?channel=C0GENERAL1").await["messages"][0]["ts"],
        ts
    );
    let link = get(&format!(
        "chat.getPermalink?channel=C0GENERAL1&message_ts={ts}"
    ))
    .await;
    assert!(text(&link["permalink"]).ends_with(&format!("/C0GENERAL1/p{}", ts.replace('.', ""))));
    let reply = post(json!({"channel": "C0GENERAL1", "text": "!", "thread_ts": ts})).await;
    assert_eq!(reply["message"]["thread_ts"], ts);

    for (body, error) in [
        (json!({"channel": "C0GENERAL1"}), "no_text"),
        (
            json!({"channel": "C0GENERAL1", "text": "a", "markdown_text": "b"}),
            "markdown_text_conflict",
        ),
        (
            json!({"channel": "C0NOADA006", "text": "a"}),
            "not_in_channel",
        ),
        (json!({"channel": "C0OLDNEWS5", "text": "a"}), "is_archived"),
        (
            json!({"channel": "C0UNKNOWN9", "text": "a"}),
            "channel_not_found",
        ),
        (
            json!({"channel": "C0GENERAL1", "text": "a", "thread_ts": "1.000000"}),
            "thread_not_found",
        ),
    ] {
        assert_eq!(post(body.clone()).await["error"], error, "{body}");
    }

    let opened = get("conversations.open?users=U0GRACEHO2").await;
    assert_eq!(opened["channel"]["id"], "D0ADAGRAC4");
    let opened = get("conversations.open?users=U0CHARLES3").await;
    let id = text(&opened["channel"]["id"]);
    assert_eq!(opened["channel"]["user"], "U0CHARLES3");
    assert_eq!(
        post(json!({"channel": id, "text": "Brass?"})).await["ok"],
        true
    );
    let people = get("users.list").await;
    assert_eq!(people["members"].as_array().unwrap().len(), 5);
    assert!(people["members"][0]["profile"].get("email").is_none());
    assert_eq!(
        get("users.info?user=U0GRACEHO2").await["user"]["name"],
        "grace"
    );
    assert_eq!(get("no.such").await["error"], "unknown_method");
}

#[tokio::test]
async fn issues_are_searched_in_pages_and_created() {
    let trial = Trial::new().await;
    let token = trial.access(Site::GitHub, "repo").await;
    let path = "api/search/issues?q=launch+is:issue&per_page=1";
    let request = trial
        .http
        .client()
        .get(trial.sandbox.url(Site::GitHub, path));
    let response = request.bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.headers()["x-oauth-scopes"], "repo");
    let link = response.headers()["link"].to_str().unwrap().to_owned();
    let first: Value = response.json().await.unwrap();
    assert_eq!(first["total_count"], 2, "the private one included: {first}");
    assert_eq!(
        first["items"][0]["title"],
        "Secret plan for the launch party"
    );
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let request = trial.http.client().get(next).bearer_auth(&token);
    let second: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(second["items"][0]["title"], "Release notes for the launch");

    let issues = "api/repos/lovelace-labs/engine/issues";
    let body = json!({"title": "Oil the mill", "labels": ["bug"], "assignees": ["grace"]});
    let (status, created) = trial.post_json(Site::GitHub, issues, &token, &body).await;
    assert_eq!(
        (status, &created["number"], &created["user"]["login"]),
        (201, &json!(7), &json!("ada"))
    );
    let (_, found) = trial
        .get(
            Site::GitHub,
            "api/search/issues?q=mill+label:bug+is:open",
            &token,
        )
        .await;
    assert_eq!(found["items"][0]["title"], "Oil the mill");
    let (_, same) = trial
        .get(Site::GitHub, &format!("{issues}/7"), &token)
        .await;
    assert_eq!(same, created);
    let (_, list) = trial.get(Site::GitHub, issues, &token).await;
    assert_eq!(list[0], created);
    let (_, labels) = trial
        .get(
            Site::GitHub,
            "api/repos/lovelace-labs/engine/labels",
            &token,
        )
        .await;
    assert_eq!(labels[0]["name"], "bug");

    for (body, field) in [
        (json!({"title": " "}), "title"),
        (
            json!({"title": "x", "assignees": ["stranger"]}),
            "assignees",
        ),
    ] {
        let (status, answer) = trial.post_json(Site::GitHub, issues, &token, &body).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!(field))
        );
    }
    assert_eq!(
        trial
            .get(Site::GitHub, "api/search/issues?q=", &token)
            .await
            .0,
        422
    );
    assert_eq!(
        trial
            .get(Site::GitHub, "api/repos/lovelace-labs/nothing", &token)
            .await
            .0,
        404
    );
}
