//! What a configuration may say, and that everything wrong with one is told at once.

use std::collections::BTreeMap;

use super::*;

const TENANT: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
const CLIENT: &str = "11111111-2222-3333-4444-55555555555A";

fn production() -> BTreeMap<&'static str, String> {
    let role = "arn:aws:iam::111122223333:role/schedule";
    let function = "arn:aws:lambda:eu-central-1:111122223333:function:revocation";
    let queue = "arn:aws:sqs:eu-central-1:111122223333:trigger-failures";
    BTreeMap::from(
        [
            ("HOURGLASS_TABLE", "hourglass-Table-1ABC"),
            ("HOURGLASS_CLOUD", "us_gov"),
            ("HOURGLASS_SIGN_IN_TENANTS", TENANT),
            ("HOURGLASS_API_CLIENT_ID", CLIENT),
            (
                "HOURGLASS_API_CLIENTS",
                r#"{"11111111-2222-3333-4444-555555555555": ["Requests.ReadWrite"]}"#,
            ),
            ("HOURGLASS_AUTH_CONTEXT", "c1"),
            ("HOURGLASS_PUBLIC_URL", "https://access.contoso.example"),
            ("HOURGLASS_FORM_ORIGINS", ""),
            ("HOURGLASS_SCHEDULE_GROUP", "hourglass-ScheduleGroup-1ABC"),
            ("HOURGLASS_SCHEDULE_ROLE_ARN", role),
            ("HOURGLASS_SCHEDULE_TARGET_ARN", function),
            ("HOURGLASS_SCHEDULE_DLQ_ARN", queue),
            (
                "HOURGLASS_EXACT_QUEUE_URL",
                "https://sqs.eu-central-1.amazonaws.com/111122223333/exact",
            ),
            ("HOURGLASS_SECRET_PREFIX", "hourglass/"),
        ]
        .map(|(name, value)| (name, value.to_owned())),
    )
}

const ENDPOINTS: [&str; 6] = [
    "HOURGLASS_GRAPH_ENDPOINT",
    "HOURGLASS_LOGIN_ENDPOINT",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SCHEDULER",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
];

fn laptop() -> BTreeMap<&'static str, String> {
    let mut values = production();
    for name in ENDPOINTS {
        values.insert(name, "http://127.0.0.1:4000/base".to_owned());
    }
    values
}

fn read(values: &BTreeMap<&'static str, String>) -> Result<Config, ConfigError> {
    Config::read(|name| values.get(name).cloned())
}

/// The names that are wrong.
fn wrong(values: &BTreeMap<&'static str, String>) -> Vec<&'static str> {
    match read(values) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems.iter().map(|problem| problem.name).collect(),
    }
}

/// What is wrong with `values` when `name` has this value.
fn wrong_with(mut values: BTreeMap<&'static str, String>, name: &'static str, value: &str) -> Vec<&'static str> {
    values.insert(name, value.to_owned());
    wrong(&values)
}

#[test]
fn changes_take_two_unless_it_is_switched_off_in_so_many_words() {
    let name = "HOURGLASS_TWO_PERSON";
    assert!(read(&production()).unwrap().settings().two_person);
    for (value, on) in [("on", true), ("off", false)] {
        let mut values = production();
        values.insert(name, value.to_owned());
        assert_eq!(read(&values).unwrap().settings().two_person, on);
    }
    for value in ["0", "false", "OFF", "no"] {
        assert_eq!(wrong_with(production(), name, value), [name], "{value}");
    }
}

#[test]
fn a_deployment_is_read() {
    let mut values = production();
    values.insert(
        "HOURGLASS_API_CLIENTS",
        format!(r#"{{"{CLIENT}": ["Requests.ReadWrite", "Decisions.Write"]}}"#),
    );
    values.insert("HOURGLASS_SIGN_IN_TENANTS", format!("{TENANT}, {CLIENT}"));
    values.insert(
        "HOURGLASS_FORM_ORIGINS",
        "https://forms.contoso.example, http://localhost:3000".to_owned(),
    );
    let config = read(&values).unwrap();
    assert_eq!(config.cloud, Cloud::UsGov);
    assert_eq!(config.login(), "https://login.microsoftonline.us");
    assert_eq!(config.sign_in_tenants.len(), 2);
    assert_eq!(config.sign_in_tenants[0].to_string(), TENANT);
    let scopes = &config.api_clients[&CLIENT.to_ascii_lowercase()];
    assert_eq!(*scopes, Scopes::from([Scope::RequestsReadWrite, Scope::DecisionsWrite]));
    assert_eq!(
        config.form_origins,
        ["https://forms.contoso.example", "http://localhost:3000"]
    );
    assert_eq!(config.settings().confirm_after_seconds, 60);
    assert!(!config.short_durations);
    assert_eq!(config.dynamodb_endpoint, None);
}

#[test]
fn everything_missing_is_told_at_once() {
    let required: Vec<&str> = production()
        .into_keys()
        .filter(|name| *name != "HOURGLASS_FORM_ORIGINS")
        .collect();
    assert_eq!(wrong(&BTreeMap::new()), required);
    let text = read(&BTreeMap::new()).unwrap_err().to_string();
    assert!(text.contains("HOURGLASS_TABLE is missing"), "{text}");
    // An empty value is as good as none.
    let empty = production().into_keys().map(|name| (name, " ".to_owned())).collect();
    assert_eq!(wrong(&empty), required);
}

#[test]
fn a_wrong_value_is_named_and_not_repeated() {
    for (name, values) in [
        ("HOURGLASS_TABLE", &["a table", "a/b"][..]),
        ("HOURGLASS_CLOUD", &["germany", "Global"]),
        (
            "HOURGLASS_SIGN_IN_TENANTS",
            &["contoso.example", "6f9619ff-8b86-d011-b42d-00cf4fc964ff,"],
        ),
        (
            "HOURGLASS_API_CLIENT_ID",
            &["api://hourglass", "111111112222333344445555555555aa"],
        ),
        (
            "HOURGLASS_API_CLIENTS",
            &[
                "{}",
                "[]",
                "canary",
                r#"{"not-a-guid": []}"#,
                r#"{"11111111-2222-3333-4444-555555555555": ["Everything"]}"#,
                r#"{"11111111-2222-3333-4444-555555555555": "Requests.ReadWrite"}"#,
            ],
        ),
        ("HOURGLASS_AUTH_CONTEXT", &["c", "c0", "c01", "c100", "C1", "1"]),
        (
            "HOURGLASS_PUBLIC_URL",
            &[
                "http://access.contoso.example",
                "https://access.contoso.example/",
                "https://access.contoso.example/path",
                "https://user@access.contoso.example",
                "ftp://localhost",
                "access.contoso.example",
            ],
        ),
        (
            "HOURGLASS_FORM_ORIGINS",
            &[
                "*",
                "null",
                "http://forms.contoso.example",
                "https://a.example,,https://b.example",
            ],
        ),
        (
            "HOURGLASS_CONFIRM_AFTER_SECONDS",
            &["59", "-1", "3601", "a minute", "60.5"],
        ),
        ("HOURGLASS_SHORT_DURATIONS", &["1", "yes"]),
        ("HOURGLASS_SCHEDULE_GROUP", &["a group"]),
        (
            "HOURGLASS_SCHEDULE_ROLE_ARN",
            &[
                "arn:aws:sqs:eu-central-1:111122223333:q",
                "role",
                "arn:aws:iam::1:role/x",
            ],
        ),
        ("HOURGLASS_SCHEDULE_TARGET_ARN", &["arn:aws:iam::111122223333:role/x"]),
        (
            "HOURGLASS_SCHEDULE_DLQ_ARN",
            &["arn:aws:lambda:eu-central-1:111122223333:function:f"],
        ),
        (
            "HOURGLASS_EXACT_QUEUE_URL",
            &[
                "arn:aws:sqs:eu-central-1:111122223333:q",
                "http://sqs.eu-central-1.amazonaws.com/111122223333/q",
                "https://sqs.eu-central-1.amazonaws.com/q",
                "https://sqs.eu-central-1.amazonaws.com/111122223333/q?x",
            ],
        ),
        ("HOURGLASS_SECRET_PREFIX", &["a b/", "*"]),
    ] {
        for value in values {
            assert_eq!(wrong_with(production(), name, value), [name], "{value}");
            let mut with = production();
            with.insert(name, (*value).to_owned());
            let text = read(&with).unwrap_err().to_string();
            assert!(value.len() < 6 || !text.contains(value), "{text}");
        }
    }
}

#[test]
fn an_endpoint_may_only_be_on_this_machine() {
    for name in ENDPOINTS {
        for good in [
            "http://127.0.0.1:4000",
            "http://127.8.9.1",
            "http://[::1]:4000/base/",
            "https://localhost:1",
        ] {
            assert_eq!(wrong_with(production(), name, good), Vec::<&str>::new(), "{good}");
        }
        for bad in [
            "http://10.0.0.1:4000",
            "https://graph.microsoft.com",
            "http://localhost.contoso.example",
            "http://127.0.0.1.contoso.example",
            "http://0.0.0.0:4000",
            "http://127.0.0.1@contoso.example",
            "http://user@127.0.0.1",
            "http://127.0.0.1:4000/?x=1",
            "http://127.0.0.1:4000/#x",
            "file://localhost/etc",
            "127.0.0.1:4000",
            "localhost",
        ] {
            assert_eq!(wrong_with(production(), name, bad), [name], "{bad}");
        }
    }
}

#[test]
fn what_weakens_the_product_needs_every_endpoint_on_this_machine() {
    for (name, value) in [
        ("HOURGLASS_CONFIRM_AFTER_SECONDS", "1"),
        ("HOURGLASS_SHORT_DURATIONS", "1"),
    ] {
        assert_eq!(wrong_with(laptop(), name, value), Vec::<&str>::new());
        for missing in ENDPOINTS {
            let mut almost = laptop();
            almost.remove(missing);
            assert_eq!(wrong_with(almost, name, value), [name], "{missing}");
            assert!(wrong_with(laptop_with(missing, "https://elsewhere.example"), name, value).contains(&name));
        }
    }
    assert_eq!(
        wrong_with(laptop(), "HOURGLASS_CONFIRM_AFTER_SECONDS", "0"),
        ["HOURGLASS_CONFIRM_AFTER_SECONDS"]
    );
}

fn laptop_with(name: &'static str, value: &str) -> BTreeMap<&'static str, String> {
    let mut values = laptop();
    values.insert(name, value.to_owned());
    values
}

#[test]
fn a_laptop_needs_no_tls() {
    let mut values = laptop_with("HOURGLASS_PUBLIC_URL", "http://localhost:8080");
    values.insert("HOURGLASS_LOGIN_ENDPOINT", "http://127.0.0.1:4001/".to_owned());
    let config = read(&values).unwrap();
    assert_eq!(config.login(), "http://127.0.0.1:4001");
}

#[test]
fn a_configuration_made_by_hand_is_checked_as_well() {
    let mut config = read(&production()).unwrap();
    config.check().unwrap();
    config.short_durations = true;
    config.scheduler_endpoint = Some("http://10.0.0.1".to_owned());
    let error = config.check().unwrap_err();
    let names: Vec<&str> = error.problems.iter().map(|problem| problem.name).collect();
    assert_eq!(names, ["AWS_ENDPOINT_URL_SCHEDULER", "HOURGLASS_SHORT_DURATIONS"]);
}

#[test]
fn logging_follows_lambda() {
    let with = |values: &[(&str, &str)]| {
        LogConfig::read(|name| {
            let found = values.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let silent = with(&[]);
    assert_eq!((silent.level, silent.json), (tracing::Level::INFO, true));
    let lambda = with(&[
        ("AWS_LAMBDA_LOG_LEVEL", "FATAL"),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
        ("AWS_LAMBDA_FUNCTION_NAME", "hourglass-revocation"),
    ]);
    assert_eq!((lambda.level, lambda.json), (tracing::Level::ERROR, false));
    assert_eq!(lambda.function, "hourglass-revocation");
    assert_eq!(with(&[("AWS_LAMBDA_LOG_LEVEL", "DEBUG")]).level, tracing::Level::DEBUG);
}
