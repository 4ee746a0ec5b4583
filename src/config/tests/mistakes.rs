use super::auth::MISTAKES as AUTH_MISTAKES;
use super::*;

/// What a case writes: the whole file, the lines of an entry after its id (the first is line 4), or
/// the lines of one of its requests (the first is line 7).
pub(super) enum Part {
    File,
    Entry,
    In(&'static str),
}

use Part::{Entry, File, In};

/// Where it is written, what is written, and parts of what is told.
pub(super) type Mistake = (Part, &'static str, &'static [&'static str]);

/// What is written, and parts of what is told. `CANARY` stands for what must not be told.
const MISTAKES: &[Mistake] = &[
    (
        File,
        "serve: { hold_s: 1 }\n",
        &[":1: ", "`serve`", "`server`"],
    ),
    (
        File,
        "master_key: CANARY\n",
        &[":1: master_key must be", "\"keyring:\""],
    ),
    (
        File,
        "master_key: \"file:\"\n",
        &[":1: master_key must be", "\"file:/absolute/path\""],
    ),
    (
        File,
        "master_key: \"file:key\"\n",
        &[":1: master_key needs a path"],
    ),
    (
        File,
        "store: sled:/data/vault\nmaster_key: file:/data/vault/key\n",
        &[":2: master_key is in the store's own directory"],
    ),
    (
        Entry,
        "client_id: x\nclient_secrt: CANARY",
        &[":5: ", "`client_secrt`", "`client_secret`"],
    ),
    (
        Entry,
        "client_id: x\noauth2: { client_secret:CANARY }",
        &[":5: ", "the key is not known"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: CANARY",
        &[":5: client_secret is a secret", "${env:NAME}"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: 'CANARY${env:A}'",
        &[":5: client_secret is a secret"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: '${env:A}CANARY}'",
        &[":5: client_secret is a secret"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: [CANARY]",
        &[":5: ", "a single value"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: 'CANARY",
        &[":5: ", "YAML"],
    ),
    (
        Entry,
        "client_id: x\nclient_secret: CANARY: CANARY",
        &[":5: ", "YAML"],
    ),
    (
        Entry,
        "client_id: x\nclient_id: CANARY",
        &[":5: ", "`client_id`", "second time"],
    ),
    (
        Entry,
        "client_id: ${env:NOT_SET}",
        &[":4: client_id", "NOT_SET", "not set"],
    ),
    (
        Entry,
        "client_id: ${env:EMPTY}",
        &[":4: client_id is empty"],
    ),
    (
        Entry,
        "client_id: ${vault:CANARY}",
        &[":4: client_id", "neither"],
    ),
    (
        Entry,
        "client_id: ${env:CANARY CANARY}",
        &[":4: client_id", "name"],
    ),
    (
        Entry,
        "client_id: ${env:A",
        &[":4: client_id", "without its"],
    ),
    (
        Entry,
        "client_id: ${file:secret}",
        &[":4: client_id", "begins with /"],
    ),
    (
        Entry,
        "client_id: ${file:/nowhere/secret}",
        &[":4: client_id", "/nowhere/secret", "cannot be read"],
    ),
    (
        Entry,
        "description: none",
        &[":3: ", "`a` has no client_id"],
    ),
    (
        Entry,
        "client_id: x\ntype: saml",
        &[":5: type must be oauth2"],
    ),
    (
        Entry,
        "client_id: x\nenabled: CANARY",
        &[":5: enabled must be true or false"],
    ),
    (
        File,
        "auth:\n  providers:\n    - client_id: x\n",
        &[":3: ", "without an id"],
    ),
    (
        File,
        "auth: { providers: [{ id: CAN/ARY, client_id: x }] }",
        &[":1: id must be 1 to 64"],
    ),
    (
        File,
        "auth:\n  providers:\n    - { id: a, client_id: x }\n    - { id: a, enabled: false }\n",
        &[":4: id `a`", "earlier entry"],
    ),
    (
        In("token_request"),
        "endpoint: http://CANARY.example/token",
        &[":7: token_request.endpoint must be an https:// URL"],
    ),
    (
        In("token_request"),
        "endpoint: javascript:CANARY",
        &[":7: token_request.endpoint must be an https:// URL"],
    ),
    (
        In("authorization_request"),
        "endpoint: --CANARY",
        &[":7: authorization_request.endpoint must be an https:// URL"],
    ),
    (
        In("user_info"),
        "endpoint: https://u:CANARY@a.example/",
        &[":7: user_info_request.endpoint", "user name"],
    ),
    (
        In("token_request"),
        "auth_method: CANARY",
        &[":7: token_request.auth_method must be `client_secret_basic` or"],
    ),
    (
        In("authorize_request"),
        "auth_method: none",
        &[":7: authorization_request.auth_method cannot be set here"],
    ),
    (
        In("refresh_request"),
        "auth_method: bearer_access_token",
        &[":7: refresh_request.auth_method must be"],
    ),
    (
        In("token_request"),
        "method: GET",
        &[":7: token_request.method must be `POST`"],
    ),
    (
        In("token_request"),
        "params: { client_secret: CANARY }",
        &[":7: token_request.params.client_secret can only be {{client_secret}}"],
    ),
    (
        In("token_request"),
        "params: { grant_type: CANARY }",
        &[":7: token_request.params.grant_type can only be authorization_code"],
    ),
    (
        In("authorize_request"),
        "params: { state: CANARY }",
        &[":7: authorization_request.params.state must not be given"],
    ),
    (
        In("authorize_request"),
        "params: { redirect_uri: 'https://CANARY' }",
        &[":7: authorization_request.params.redirect_uri can only be {{redirect_uri}}"],
    ),
    (
        In("authorize_request"),
        "params: { a: '{{client_secret}}' }",
        &[":7: authorization_request.params.a has a template that is not known"],
    ),
    (
        In("user_info"),
        "params: { token: '{{access_token}}' }",
        &[":7: user_info_request.params.token has a template"],
    ),
    (
        In("token_request"),
        "params: { a: }",
        &[":7: ", "a value is missing"],
    ),
    (
        In("token_request"),
        "response_map: { access_token: CANARY }",
        &[":7: token_request.response_map.access_token", "JSONPath"],
    ),
    (
        In("token_request"),
        "request_content_type: text/CANARY",
        &[":7: token_request.request_content_type must be"],
    ),
    (
        In("token_request"),
        "triggers: { on_token_grant: true }",
        &[":7: token_request.triggers is not known here"],
    ),
    (
        In("user_info"),
        "expiration_format: CANARY",
        &[":7: user_info_request.expiration_format is not known here"],
    ),
    (
        In("token_introspection_request"),
        "expiration_format: CANARY",
        &[
            ":7: ",
            "expiration_format must be `absolute_unix_timestamp` or `relative_seconds`",
        ],
    ),
    (
        Entry,
        "client_id: x\noauth2: { user_info: {}, user_info_request: {} }",
        &[":5: user_info_request is here under two names"],
    ),
    (
        Entry,
        "client_id: x\noauth2: { pkce: { code_challenge_method: plain } }",
        &[":5: pkce.code_challenge_method must be `S256`"],
    ),
    (
        Entry,
        "client_id: x\noauth2: { scope_delimiter: CANARY }",
        &[":5: scope_delimiter must be ` ` or `,`"],
    ),
    (
        Entry,
        "client_id: x\noauth2: { issuer: CANARY }",
        &[":5: issuer must be an https:// URL"],
    ),
    (
        Entry,
        "client_id: x\napi: { base_url: 'http://CANARY.example' }",
        &[":5: api.base_url must be an https:// URL"],
    ),
    (
        Entry,
        "client_id: x\napi: { file_origins: ['https://a.example', 'http://CANARY.example'] }",
        &[":5: api.file_origins must be an https:// URL"],
    ),
    (
        Entry,
        "client_id: x\napi: { file_origins: ['https://a.example/CANARY'] }",
        &[":5: api.file_origins must be an origin"],
    ),
    (
        File,
        "server:\n  public_url: http://CANARY.example\n",
        &[":2: server.public_url must be an https:// URL"],
    ),
    (
        File,
        "server: { public_url: 'https://a.example/CANARY' }",
        &[":1: server.public_url must be an origin"],
    ),
    (
        File,
        "server: { callback_port: 0 }",
        &[":1: server.callback_port must be a whole number from 1 to 65535"],
    ),
    (
        File,
        "server: { hold_s: CANARY }",
        &[":1: server.hold_s must be a whole number from 0 to 600"],
    ),
    (File, "audit: { kept: 10 }", &[":1: ", "`kept`", "`keep`"]),
    (
        File,
        "audit:\n  keep: CANARY",
        &[":2: audit.keep must be a whole number from 10 to 1000000"],
    ),
    (
        File,
        "audit: { keep: 9 }",
        &[":1: audit.keep must be a whole number"],
    ),
    (
        File,
        "audit:\n  keep: 10\n  required: CANARY",
        &[":3: audit.required must be true or false"],
    ),
    (
        File,
        "elicitation: { legacy: CANARY }",
        &[":1: elicitation.legacy must be request or error"],
    ),
    (File, "store: CANARY", &[":1: store must be"]),
    (
        File,
        "store: sled:CANARY",
        &[":1: store needs a path that begins with /"],
    ),
    (
        File,
        "toolkits: { providers: { gmail: CANARY } }",
        &[":1: toolkits.providers.gmail is not the id of an enabled"],
    ),
    (File, "--- 1\n--- 2\n", &["keys with values"]),
    (
        File,
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        &[":1: keys with values"],
    ),
    // Keys of the design that belong to later versions.
    (
        File,
        "server:\n  bind: CANARY\n",
        &[":2: server.bind must be an address and a port"],
    ),
    (
        File,
        "server:\n  operator_bind: CANARY\n",
        &[":2: server.operator_bind must be an address and a port"],
    ),
    (
        File,
        "server:\n  operator_bind: 0.0.0.0:8420\n",
        &[":2: server.operator_bind must be an address of loopback or of a private network"],
    ),
    (
        File,
        "server:\n  operator_bind: '[::]:8420'\n",
        &[":2: server.operator_bind must be an address of loopback"],
    ),
    (
        File,
        "server:\n  operator_bind: 192.0.2.7:8420\n",
        &[":2: server.operator_bind must be an address of loopback"],
    ),
    (
        File,
        "server:\n  otlp_endpoint: http://CANARY.example:4318\n",
        &[":2: server.otlp_endpoint must be an https:// URL"],
    ),
    (
        File,
        "server:\n  otlp_endpoint: https://user:CANARY@collector.example\n",
        &[":2: server.otlp_endpoint must not carry a user name or password"],
    ),
    (
        File,
        "server:\n  egress_proxy: http://user:CANARY@proxy.example:3128\n",
        &[
            ":2: server.egress_proxy is a secret and must not be written here",
            "${env:NAME}",
        ],
    ),
    (
        File,
        "server:\n  egress_proxy: socks5://proxy.example/CANARY\n",
        &[":2: server.egress_proxy must be a URL without a path"],
    ),
    (
        File,
        "server:\n  egress_proxy: proxy.example:3128\n",
        &[":2: server.egress_proxy must be a URL without a path"],
    ),
    (
        File,
        "server:\n  allowed_origins: ['https://a.example/CANARY']\n",
        &[":2: server.allowed_origins must be an origin without a path"],
    ),
    (
        File,
        "server:\n  trusted_proxies: [10.0.0.0/8, CANARY]\n",
        &[":2: server.trusted_proxies must be addresses or networks"],
    ),
    (
        File,
        "server:\n  calls_per_minute: CANARY\n",
        &[":2: server.calls_per_minute must be a whole number from 0 to 1000000"],
    ),
    (
        File,
        "toolkits:\n  paths: [CANARY]\n",
        &[":2: toolkits.paths needs a path that begins with / or ~/"],
    ),
    (
        File,
        "toolkits:\n  read_only: maybe\n",
        &[":2: toolkits.read_only must be true or false"],
    ),
    (
        File,
        "toolkits:\n  tools:\n    deny: [gmail_trash, 'CANARY-*']\n",
        &[":3: toolkits.tools.deny must be the name of a tool"],
    ),
    (
        File,
        "toolkits:\n  tools:\n    allow:\n",
        &[":3", "a list is expected here"],
    ),
    (
        File,
        "policy:\n  recipient_domains: [example.com, CANARY]\n",
        &[":2: policy.recipient_domains must be a domain"],
    ),
    (
        File,
        "policy:\n  recipient_domains: ['${env:EMPTY}']\n",
        &[":2: policy.recipient_domains is empty"],
    ),
    (
        File,
        "policy:\n  slack_channels: ['CANARY of mine']\n",
        &[":2: policy.slack_channels must be \"#channel\""],
    ),
    // To YAML this is a comment, and no limit would be left.
    (
        File,
        "policy:\n  slack_channels:\n    - #launch\n",
        &[":3", "a value is missing here"],
    ),
    (
        File,
        "policy:\n  slack_channels: # [C0123456789]\n",
        &[":2", "a list is expected here"],
    ),
    (
        File,
        "policy:\n  github_repos: [octo/app, '*']\n",
        &[":2: policy.github_repos must be owner/repo"],
    ),
    (
        File,
        "policy:\n  require_matching_email: maybe\n",
        &[":2: policy.require_matching_email must be true or false"],
    ),
    (
        File,
        "policy:\n  confirm_sends: sometimes\n",
        &[":2: policy.confirm_sends must be never, new_recipient, external or always"],
    ),
    (
        File,
        "store: postgres://u:CANARY@h/d",
        &[":1: store: postgres://… is not supported by this version"],
    ),
];

#[test]
fn mistakes_are_told_with_line_and_key_and_never_with_a_value() {
    for (part, text, wanted) in MISTAKES.iter().chain(AUTH_MISTAKES) {
        let yaml = match part {
            File => (*text).to_owned(),
            Entry => entry(text),
            In(request) => {
                let lines = text.replace('\n', "\n    ");
                entry(&format!("client_id: x\noauth2:\n  {request}:\n    {lines}"))
            }
        };
        let home = Home::with_file(&yaml)
            .variable("EMPTY", "")
            .variable("A", "CANARY");
        let error = home.load().map(|_| ()).expect_err(&yaml);
        for told in [error.to_string(), format!("{error:?}")] {
            assert!(!told.contains("CANARY"), "{yaml}: {told}");
        }
        let told = error.to_string();
        let file = home.path("").display().to_string();
        assert!(told.starts_with(&file), "{yaml}: {told}");
        for part in *wanted {
            assert!(told.contains(part), "{yaml}: {told} lacks {part}");
        }
    }
}
