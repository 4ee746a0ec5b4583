//! The Gmail tools against the sandbox's Gmail, each with no more than the scopes that it names.

use std::sync::Arc;

use jiff::tz::TimeZone;
use secrecy::SecretString;
use valetkey_toolkits::api::{Api, ApiSettings};
use valetkey_toolkits::error::ToolError;
use valetkey_toolkits::output::Output;
use valetkey_toolkits::waits::Waits;

use super::*;

const COMPOSE: &str = "https://www.googleapis.com/auth/gmail.compose";
const MODIFY: &str = "https://www.googleapis.com/auth/gmail.modify";

impl Trial {
    /// Calls a tool with a token that holds these scopes.
    async fn tool_with(
        &self,
        scopes: &str,
        name: &str,
        arguments: Value,
    ) -> Result<Output, ToolError> {
        let tools = valetkey_toolkits::all();
        let tool = tools.iter().find(|tool| tool.name == name).unwrap();
        let token = self.access(Site::Google, scopes).await;
        let http = self.http.clone();
        let api = Api::new(ApiSettings {
            client: http.client(),
            pace: http.pace(),
            links: Arc::new(move || http.client_for_links()),
            base_url: self.sandbox.url(Site::Google, ""),
            file_origins: Vec::new(),
            access_token: SecretString::from(token),
            renew: Arc::new(|_| Box::pin(async { None })),
            account: "ada@example.test".to_owned(),
            shown_as: None,
            now: self.clock.now(),
            zone: TimeZone::UTC,
            allowed: Arc::default(),
            waits: Waits::default(),
            answered: Arc::new(|_| {}),
        });
        tool.run(api, arguments).await
    }

    /// Calls a tool with the scopes that it asks for.
    async fn tool(&self, name: &str, arguments: Value) -> Output {
        let tools = valetkey_toolkits::all();
        let tool = tools.iter().find(|tool| tool.name == name).unwrap();
        let scopes: Vec<&str> = tool.scopes.iter().map(|group| &*group[0]).collect();
        let output = self.tool_with(&scopes.join(" "), name, arguments).await;
        output.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The first conversation that a search finds.
    async fn found(&self, query: &str) -> Value {
        let output = self.tool("gmail_search", json!({ "query": query })).await;
        output.structured.unwrap()["items"][0].clone()
    }
}

#[tokio::test]
async fn mail_is_found_read_and_its_file_fetched() {
    let trial = Trial::new().await;
    let found = trial.found("subject:launch has:attachment").await;
    let message = json!({ "message_id": found["message_id"] });
    let text = trial.tool("gmail_read_message", message.clone()).await.text;
    assert!(text.contains("Attachment: part_id 1: nanoseconds.pdf (application/pdf, 11800 bytes)"));
    assert!(text.ends_with("Nanoseconds attached.\n\nGrace"), "{text}");
    let mut file = message;
    file["part_id"] = json!("1");
    let text = trial.tool("gmail_get_attachment", file).await.text;
    assert!(text.contains("Size: 11800 bytes"), "{text}");
    assert!(text.contains("\n\nJVBERi0xLjQg"), "{text}");

    let thread = trial.found("subject:checklist").await["thread_id"].clone();
    let text = trial
        .tool("gmail_read_thread", json!({ "thread_id": thread }))
        .await
        .text;
    assert_eq!(text.matches("\n=== Message ").count(), 3, "{text}");
}

#[tokio::test]
async fn what_a_mail_hides_does_not_reach_the_model() {
    let trial = Trial::new().await;
    let message = trial.found("from:billing@invoices.example").await["message_id"].clone();
    let text = trial
        .tool("gmail_read_message", json!({ "message_id": message }))
        .await
        .text;
    assert!(text.contains("invisible characters are left out"), "{text}");
    assert!(
        !text.contains('\u{e0049}') && !text.contains('\u{200b}'),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_is_in_the_conversation_for_its_recipient() {
    let trial = Trial::new().await;
    let thread = trial.found("subject:review from:katherine").await;
    let arguments = json!({ "thread_id": thread["thread_id"], "body": "Gladly." });
    let sent = trial
        .tool("gmail_reply", arguments)
        .await
        .structured
        .unwrap();
    assert_eq!(sent["thread_id"], thread["thread_id"]);
    assert_eq!(sent["subject"], "Re: Launch review on Thursday");
    let raw = trial.sandbox.sent_mail().pop().unwrap();
    let raw = String::from_utf8(raw).unwrap();
    assert!(
        raw.contains("In-Reply-To: <10.sandbox@mail.example.test>"),
        "{raw}"
    );
    assert!(
        raw.contains("References: <10.sandbox@mail.example.test>"),
        "{raw}"
    );

    // The answer and its files are in one large upload that names the conversation.
    let text = "many words ".repeat(500_000);
    let large = json!({ "thread_id": thread["thread_id"], "body": text, "body_format": "plain" });
    let sent = trial.tool("gmail_reply", large).await.structured.unwrap();
    assert_eq!(sent["thread_id"], thread["thread_id"]);
}

#[tokio::test]
async fn a_draft_is_saved_listed_and_sent_and_an_answer_asks_for_reading_too() {
    let trial = Trial::new().await;
    let parent = trial.found("subject:budget").await["message_id"].clone();
    let arguments = json!({ "body": "Yes.", "reply_to_message_id": parent, "reply_all": true });
    let lacking = trial.tool_with(COMPOSE, "gmail_create_draft", arguments.clone());
    assert_eq!(lacking.await.unwrap_err().missing_scopes, [GMAIL]);
    let both = format!("{COMPOSE} {GMAIL}");
    let draft = trial
        .tool_with(&both, "gmail_create_draft", arguments)
        .await;
    let draft = draft.unwrap().structured.unwrap();

    let listed = trial
        .tool("gmail_list_drafts", json!({ "query": "subject:budget" }))
        .await;
    let listed = listed.structured.unwrap();
    assert_eq!(listed["items"][0]["draft_id"], draft["draft_id"]);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);

    let arguments = json!({ "draft_id": draft["draft_id"] });
    let sent = trial
        .tool("gmail_send_draft", arguments.clone())
        .await
        .structured
        .unwrap();
    assert_eq!(sent["labels"], json!(["Sent"]));
    assert_eq!(sent["thread_id"], draft["thread_id"]);
    let raw = String::from_utf8(trial.sandbox.sent_mail().pop().unwrap()).unwrap();
    assert!(
        raw.contains("Cc: <grace@example.test>") || raw.contains("Grace"),
        "{raw}"
    );
    assert!(!raw.contains("ada@example.test"), "{raw}");
    // `gmail.send` is not enough for drafts, and a sent draft is gone.
    let send_only = "https://www.googleapis.com/auth/gmail.send";
    let error = trial
        .tool_with(send_only, "gmail_send_draft", arguments.clone())
        .await;
    assert_eq!(error.unwrap_err().missing_scopes, [COMPOSE]);
    let error = trial
        .tool_with(COMPOSE, "gmail_send_draft", arguments)
        .await;
    assert!(error.unwrap_err().message.contains("does not know"));
}

#[tokio::test]
async fn mail_is_labelled_trashed_and_restored() {
    let trial = Trial::new().await;
    let create = json!({ "name": "Work/Budget" });
    let label = trial
        .tool("gmail_create_label", create.clone())
        .await
        .structured
        .unwrap();
    assert_eq!(label["created"], true);
    let again = trial
        .tool("gmail_create_label", create)
        .await
        .structured
        .unwrap();
    assert_eq!(
        (&again["created"], &again["label"]),
        (&json!(false), &label["label"])
    );

    let thread = trial.found("subject:budget").await["thread_id"].clone();
    let arguments = json!({
        "thread_ids": [thread], "action": "archive", "add_labels": ["work/budget", "Starred"],
    });
    trial.tool("gmail_modify_messages", arguments).await;
    let labels = json!({ "prefix": "Work", "include_counts": true });
    let labels = trial
        .tool("gmail_list_labels", labels)
        .await
        .structured
        .unwrap();
    assert_eq!(labels["items"][0]["name"], "Work/Budget");
    assert_eq!(labels["items"][0]["threads"], 1);
    let found = trial.found("subject:budget").await;
    assert_eq!(found["labels"], json!(["Launch", "Work/Budget", "Starred"]));

    let one = json!({ "thread_ids": [thread] });
    trial.tool("gmail_trash", one.clone()).await;
    assert_eq!(trial.found("subject:budget").await, Value::Null);
    trial.tool("gmail_restore", one.clone()).await;
    let found = trial.found("subject:budget in:inbox").await;
    assert_eq!(found["thread_id"], thread);
    let error = trial.tool_with(GMAIL, "gmail_trash", one).await;
    assert_eq!(error.unwrap_err().missing_scopes, [MODIFY]);
}
