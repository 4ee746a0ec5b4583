//! What the sandbox's accounts start with: reads `data.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::demo::sandbox::git::Git;
use crate::demo::sandbox::issues::{Issue, Proposal, Remark, Repository};
use crate::demo::sandbox::mailbox::Mailbox;
use crate::demo::sandbox::mime;
use crate::demo::sandbox::workspace::{Conversation, Kind, Member, Message, Ts, Workspace};

/// A person who can sign in, with the same two people at every site.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) google_sub: &'static str,
    pub(super) slack_id: &'static str,
    pub(super) login: &'static str,
    pub(super) github_id: u64,
}

pub(super) const ACCOUNTS: [Account; 2] = [
    Account {
        name: "Ada Lovelace",
        email: "ada@example.test",
        google_sub: "100000000000000001815",
        slack_id: "U0ADALOVE1",
        login: "ada",
        github_id: 1815,
    },
    Account {
        name: "Grace Hopper",
        email: "grace@example.test",
        google_sub: "100000000000000001906",
        slack_id: "U0GRACEHO2",
        login: "grace",
        github_id: 1906,
    },
];

/// The files of every repository, and of the branch that its pull requests propose.
const FILES: &[(&str, &str)] = &[
    ("README.md", "# Engine\n\nTurn the crank.\n"),
    ("docs/cards.md", "Columns and holes.\n"),
    ("src/mill.rs", "fn mill() {\n    ring(bell());\n}\n"),
];
const ROLLBACK: &[(&str, &str)] = &[
    (
        "README.md",
        "# Engine\n\nTurn the crank. To roll back, pull the lever.\n",
    ),
    ("docs/cards.md", "Columns and holes.\n"),
    ("src/mill.rs", "fn mill() {\n    ring(bell());\n}\n"),
];

pub(super) const TEAM_ID: &str = "T0SANDBOX1";
pub(super) const TEAM_NAME: &str = "Sandbox Workspace";
pub(super) const TEAM_DOMAIN: &str = "valetkey-sandbox";

/// Everything, as of `now`.
pub(super) fn start(now: Timestamp) -> (Mailbox, Workspace, Vec<Repository>) {
    let data: Data = serde_saphyr::from_str(include_str!("data.yaml"))
        .expect("the data is part of the program and is read in every test");
    let mailbox = mailbox(&data.mails, now);
    let repositories = data.repositories.into_iter();
    let repositories = repositories.map(|it| it.finish(now)).collect();
    let names: BTreeMap<String, String> = data
        .members
        .iter()
        .map(|member| (member.name.clone(), member.id.clone()))
        .collect();
    let conversations = data.conversations.into_iter();
    let workspace = Workspace {
        conversations: conversations.map(|it| it.finish(&names, now)).collect(),
        members: data.members,
        files: Vec::new(),
    };
    (mailbox, workspace, repositories)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    mails: Vec<Letter>,
    members: Vec<Member>,
    conversations: Vec<Talk>,
    repositories: Vec<Project>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    owner: String,
    hours: u64,
    from: String,
    /// The owner, if it does not say.
    to: Option<String>,
    subject: String,
    labels: Vec<String>,
    /// Mails with the same word here are one conversation.
    thread: Option<String>,
    attachment: Option<String>,
    text: String,
    html: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Talk {
    id: String,
    #[serde(default)]
    name: String,
    kind: Kind,
    #[serde(default)]
    topic: String,
    members: Vec<String>,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    messages: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    hours: u64,
    user: String,
    text: String,
    #[serde(default)]
    reactions: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    replies: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    owner: String,
    name: String,
    #[serde(default)]
    private: bool,
    labels: BTreeMap<String, String>,
    issues: Vec<Matter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matter {
    hours: u64,
    title: String,
    body: String,
    author: String,
    #[serde(default)]
    assignees: Vec<String>,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    pull: bool,
    #[serde(default)]
    closed: bool,
    #[serde(default)]
    comments: u64,
}

fn before(now: Timestamp, hours: u64) -> Timestamp {
    now - Duration::from_secs(hours * 3600)
}

fn mailbox(letters: &[Letter], now: Timestamp) -> Mailbox {
    let mut mailbox = Mailbox::default();
    // The word of a conversation, its id and the Message-ID of its first mail.
    let mut threads: BTreeMap<&str, (String, String)> = BTreeMap::new();
    for (number, letter) in letters.iter().enumerate() {
        let owner = ACCOUNTS
            .iter()
            .position(|account| account.login == letter.owner)
            .expect("every mail is one of the two accounts'");
        let account = &ACCOUNTS[owner];
        let own = format!("{} <{}>", account.name, account.email);
        let date = before(now, letter.hours);
        let id = format!("<{number}.sandbox@mail.example.test>");
        let mut headers = vec![
            ("From", letter.from.clone()),
            ("To", letter.to.clone().unwrap_or(own)),
            ("Subject", letter.subject.clone()),
            ("Date", mime::date(date)),
            ("Message-ID", id.clone()),
        ];
        let word = letter.thread.as_deref();
        let known = word.and_then(|word| threads.get(word)).cloned();
        if let Some((_, first)) = &known {
            headers.push(("In-Reply-To", first.clone()));
            headers.push(("References", first.clone()));
        }
        let attachment = letter.attachment.iter();
        let message = mime::Message {
            headers: headers
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            recipients: Vec::new(),
            text: letter.text.clone(),
            html: letter.html.clone(),
            attachments: attachment
                .map(|name| mime::File {
                    name: name.clone(),
                    media_type: "application/pdf".to_owned(),
                    bytes: b"%PDF-1.4 sandbox\n"
                        .iter()
                        .copied()
                        .cycle()
                        .take(11_800)
                        .collect(),
                })
                .collect(),
        };
        let labels: Vec<&str> = letter.labels.iter().map(String::as_str).collect();
        let thread = known.as_ref().map(|(id, _)| id.as_str());
        let mail = mailbox.put(owner, message, &labels, thread, date);
        if let (Some(word), None) = (word, thread) {
            threads.insert(word, (mail.thread.clone(), id));
        }
    }
    mailbox
}

impl Talk {
    fn finish(self, names: &BTreeMap<String, String>, now: Timestamp) -> Conversation {
        let ids = |people: &[String]| people.iter().map(|name| names[name].clone()).collect();
        let message = |said: &Said, thread: Option<Ts>| Message {
            ts: Ts(before(now, said.hours).as_microsecond()),
            user: names[&said.user].clone(),
            text: said.text.clone(),
            thread,
            reactions: said
                .reactions
                .iter()
                .map(|(emoji, people)| (emoji.clone(), ids(people)))
                .collect(),
            edited: false,
        };
        let mut messages: Vec<Message> = Vec::new();
        for said in &self.messages {
            let top = message(said, None);
            let parent = top.ts;
            messages.push(top);
            for (number, reply) in (0..).zip(&said.replies) {
                let mut reply = message(reply, Some(parent));
                reply.ts.0 += number;
                messages.push(reply);
            }
        }
        Conversation {
            members: ids(&self.members),
            id: self.id,
            name: self.name,
            kind: self.kind,
            topic: self.topic,
            archived: self.archived,
            created: before(now, 2000),
            messages,
        }
    }
}

impl Project {
    fn finish(self, now: Timestamp) -> Repository {
        let issues = (1..).zip(self.issues).map(|(number, matter)| Issue {
            number,
            pull: matter.pull,
            title: matter.title,
            body: Some(matter.body),
            open: !matter.closed,
            author: matter.author,
            assignees: matter.assignees,
            labels: matter.labels,
            remarks: (0..matter.comments)
                .map(|number| Remark {
                    author: "katherine".to_owned(),
                    text: format!("Remark {}.", number + 1),
                    time: before(now, matter.hours),
                })
                .collect(),
            proposal: matter.pull.then(|| Proposal {
                head: "rollback".to_owned(),
                base: "main".to_owned(),
                draft: false,
                reviews: Vec::new(),
            }),
            created: before(now, matter.hours),
            updated: before(now, matter.hours / 2),
        });
        Repository {
            owner: self.owner,
            name: self.name,
            private: self.private,
            labels: self.labels,
            issues: issues.collect(),
            git: Git::start(
                &[("main", FILES), ("rollback", ROLLBACK)],
                "ada",
                before(now, 1000),
            ),
        }
    }
}
