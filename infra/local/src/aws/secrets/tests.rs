//! Secrets Manager driven by the real SDK client.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{Filter as ListFilter, FilterNameStringType};

use super::super::FaultOrder;
use super::super::testing::{any_port, base, base_on};
use super::*;

const TOKEN_1: &str = "00000000-0000-4000-8000-000000000001";
const TOKEN_2: &str = "00000000-0000-4000-8000-000000000002";
const TOKEN_3: &str = "00000000-0000-4000-8000-000000000003";

fn client(secrets: &Secrets) -> Client {
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("laptop", "laptop", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(secrets.url())
        .build();
    Client::from_conf(config)
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> &str {
    error.code().unwrap_or("none")
}

async fn set_up() -> (Base, Secrets, Client) {
    let base = base();
    let secrets = Secrets::start(&base, any_port()).await.unwrap();
    let client = client(&secrets);
    (base, secrets, client)
}

async fn value(client: &Client, id: &str) -> String {
    client
        .get_secret_value()
        .secret_id(id)
        .send()
        .await
        .unwrap()
        .secret_string()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_secret_is_found_by_its_name_and_arn() {
    let (_base, _secrets, client) = set_up().await;
    let made = client
        .create_secret()
        .name("hourglass/contoso/azure")
        .secret_string("first")
        .send()
        .await
        .unwrap();
    let arn = made.arn().unwrap();
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:111122223333:secret:hourglass/contoso/azure-"));
    for id in ["hourglass/contoso/azure", arn, arn.rsplit_once('-').unwrap().0] {
        let got = client.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(got.secret_string(), Some("first"));
        assert_eq!(got.version_id(), made.version_id());
        assert_eq!(got.version_stages(), ["AWSCURRENT"]);
        assert!(got.created_date().is_some());
    }
    let missing = client
        .get_secret_value()
        .secret_id("hourglass/fabrikam/azure")
        .send()
        .await
        .unwrap_err();
    assert!(missing.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn labels_move_as_values_are_put() {
    let (_base, _secrets, client) = set_up().await;
    client
        .create_secret()
        .name("s")
        .client_request_token(TOKEN_1)
        .secret_string("one")
        .send()
        .await
        .unwrap();
    client
        .put_secret_value()
        .secret_id("s")
        .client_request_token(TOKEN_2)
        .secret_string("two")
        .send()
        .await
        .unwrap();
    client
        .update_secret()
        .secret_id("s")
        .client_request_token(TOKEN_3)
        .secret_string("three")
        .send()
        .await
        .unwrap();
    let stages = client
        .describe_secret()
        .secret_id("s")
        .send()
        .await
        .unwrap()
        .version_ids_to_stages()
        .unwrap()
        .clone();
    assert_eq!(stages[TOKEN_3], ["AWSCURRENT"]);
    assert_eq!(stages[TOKEN_2], ["AWSPREVIOUS"]);
    assert_eq!(stages.get(TOKEN_1), None);
    assert_eq!(value(&client, "s").await, "three");
    let previous = client
        .get_secret_value()
        .secret_id("s")
        .version_stage("AWSPREVIOUS")
        .send()
        .await
        .unwrap();
    assert_eq!(previous.secret_string(), Some("two"));
    let oldest = client
        .get_secret_value()
        .secret_id("s")
        .version_id(TOKEN_1)
        .send()
        .await
        .unwrap();
    assert_eq!(oldest.secret_string(), Some("one"));
    let mismatch = client
        .get_secret_value()
        .secret_id("s")
        .version_id(TOKEN_1)
        .version_stage("AWSCURRENT");
    assert_eq!(code(&mismatch.send().await.unwrap_err()), "InvalidRequestException");
    let no_label = client
        .get_secret_value()
        .secret_id("s")
        .version_stage("AWSPENDING")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&no_label), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_put_with_other_labels_leaves_the_current_value() {
    let (_base, _secrets, client) = set_up().await;
    client
        .create_secret()
        .name("s")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    let pending = client
        .put_secret_value()
        .secret_id("s")
        .secret_string("two")
        .version_stages("AWSPENDING");
    assert_eq!(pending.send().await.unwrap().version_stages(), ["AWSPENDING"]);
    assert_eq!(value(&client, "s").await, "one");
}

#[tokio::test]
async fn a_request_token_makes_writes_repeatable() {
    let (_base, _secrets, client) = set_up().await;
    for _ in 0..2 {
        let create = client
            .create_secret()
            .name("s")
            .client_request_token(TOKEN_1)
            .secret_string("one");
        assert_eq!(create.send().await.unwrap().version_id(), Some(TOKEN_1));
    }
    let other = client
        .create_secret()
        .name("s")
        .client_request_token(TOKEN_1)
        .secret_string("other")
        .send()
        .await;
    assert!(other.unwrap_err().into_service_error().is_resource_exists_exception());
    let again = client
        .create_secret()
        .name("s")
        .secret_string("one")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&again), "ResourceExistsException");
    for _ in 0..2 {
        let put = client
            .put_secret_value()
            .secret_id("s")
            .client_request_token(TOKEN_2)
            .secret_string("two");
        put.send().await.unwrap();
    }
    let changed = client
        .put_secret_value()
        .secret_id("s")
        .client_request_token(TOKEN_2)
        .secret_string("changed");
    assert_eq!(code(&changed.send().await.unwrap_err()), "ResourceExistsException");
    assert_eq!(value(&client, "s").await, "two");
}

#[tokio::test]
async fn a_deleted_secret_can_be_restored_until_it_is_forced() {
    let (_base, _secrets, client) = set_up().await;
    client
        .create_secret()
        .name("s")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    let deleted = client
        .delete_secret()
        .secret_id("s")
        .recovery_window_in_days(7)
        .send()
        .await
        .unwrap();
    assert!(deleted.deletion_date().is_some());
    let read = client.get_secret_value().secret_id("s").send().await.unwrap_err();
    assert!(read.into_service_error().is_invalid_request_exception());
    let create = client
        .create_secret()
        .name("s")
        .secret_string("two")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&create), "InvalidRequestException");
    let twice = client.delete_secret().secret_id("s").send().await.unwrap_err();
    assert_eq!(code(&twice), "InvalidRequestException");
    assert!(
        client
            .describe_secret()
            .secret_id("s")
            .send()
            .await
            .unwrap()
            .deleted_date()
            .is_some()
    );

    client.restore_secret().secret_id("s").send().await.unwrap();
    assert_eq!(value(&client, "s").await, "one");

    client
        .delete_secret()
        .secret_id("s")
        .force_delete_without_recovery(true)
        .send()
        .await
        .unwrap();
    client
        .delete_secret()
        .secret_id("s")
        .force_delete_without_recovery(true)
        .send()
        .await
        .unwrap();
    let gone = client.restore_secret().secret_id("s").send().await.unwrap_err();
    assert_eq!(code(&gone), "ResourceNotFoundException");
    client
        .create_secret()
        .name("s")
        .secret_string("new")
        .send()
        .await
        .unwrap();
    assert_eq!(value(&client, "s").await, "new");
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let (_base, _secrets, client) = set_up().await;
    client
        .create_secret()
        .name("s")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    let both = client
        .create_secret()
        .name("b")
        .secret_string("x")
        .secret_binary(Blob::new("x"))
        .send()
        .await;
    assert_eq!(code(&both.unwrap_err()), "InvalidParameterException");
    let name = client
        .create_secret()
        .name("no spaces")
        .secret_string("x")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&name), "ValidationException");
    let token = client
        .put_secret_value()
        .secret_id("s")
        .client_request_token("short")
        .secret_string("x")
        .send()
        .await;
    assert_eq!(code(&token.unwrap_err()), "InvalidParameterException");
    let large = client
        .put_secret_value()
        .secret_id("s")
        .secret_string("x".repeat(MAX_VALUE_BYTES + 1))
        .send()
        .await;
    assert_eq!(code(&large.unwrap_err()), "InvalidParameterException");
    let empty = client.put_secret_value().secret_id("s").send().await.unwrap_err();
    assert_eq!(code(&empty), "InvalidRequestException");
    let days = client
        .delete_secret()
        .secret_id("s")
        .recovery_window_in_days(6)
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&days), "InvalidParameterException");
    let days = client
        .delete_secret()
        .secret_id("s")
        .recovery_window_in_days(7)
        .force_delete_without_recovery(true);
    assert_eq!(code(&days.send().await.unwrap_err()), "InvalidParameterException");
}

#[tokio::test]
async fn binary_values_come_back_as_they_were() {
    let (_base, _secrets, client) = set_up().await;
    let bytes = Blob::new([0_u8, 255, 10, 13]);
    client
        .create_secret()
        .name("b")
        .secret_binary(bytes.clone())
        .send()
        .await
        .unwrap();
    let got = client.get_secret_value().secret_id("b").send().await.unwrap();
    assert_eq!((got.secret_binary(), got.secret_string()), (Some(&bytes), None));
}

#[tokio::test]
async fn lists_come_in_pages_and_can_be_filtered() {
    let (_base, _secrets, client) = set_up().await;
    for name in ["app/a", "app/b", "app/c", "other"] {
        client
            .create_secret()
            .name(name)
            .secret_string("x")
            .send()
            .await
            .unwrap();
    }
    client.delete_secret().secret_id("app/b").send().await.unwrap();
    let list = async |planned: bool| {
        let filter = ListFilter::builder()
            .key(FilterNameStringType::Name)
            .values("app/")
            .build();
        let list = client
            .list_secrets()
            .filters(filter)
            .include_planned_deletion(planned)
            .max_results(2);
        let pages: Vec<_> = list
            .into_paginator()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .unwrap();
        let names = pages
            .iter()
            .flat_map(|page| page.secret_list())
            .map(|secret| secret.name().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(list(false).await, ["app/a", "app/c"]);
    assert_eq!(list(true).await, ["app/a", "app/b", "app/c"]);
}

#[tokio::test]
async fn calls_are_counted_without_their_values_and_faults_obeyed() {
    let (_base, secrets, client) = set_up().await;
    client
        .create_secret()
        .name("s")
        .secret_string("t0p-s3cret")
        .send()
        .await
        .unwrap();
    value(&client, "s").await;
    secrets.faults().order(FaultOrder {
        answer: Some(503),
        ..FaultOrder::new("GetSecretValue")
    });
    assert!(client.get_secret_value().secret_id("s").send().await.is_err());
    secrets.faults().order(FaultOrder {
        apply_then_drop: true,
        ..FaultOrder::new("PutSecretValue")
    });
    assert!(
        client
            .put_secret_value()
            .secret_id("s")
            .secret_string("next")
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        value(&client, "s").await,
        "next",
        "the put was applied and its answer lost"
    );
    let calls = reqwest::get(format!("{}/_calls", secrets.url()))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(calls, r#"{"CreateSecret":1,"GetSecretValue":3,"PutSecretValue":1}"#);
    let version = NewVersion {
        id: TOKEN_1.to_owned(),
        text: Some("t0p-s3cret".to_owned()),
        binary: None,
        created: Timestamp::UNIX_EPOCH,
    };
    assert!(!format!("{version:?}").contains("t0p-s3cret"));
}

#[tokio::test]
async fn secrets_outlive_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("aws.db");
    let base = base_on(State::open(&path).unwrap());
    let secrets = Secrets::start(&base, any_port()).await.unwrap();
    client(&secrets)
        .create_secret()
        .name("s")
        .secret_string("kept")
        .send()
        .await
        .unwrap();
    base.shutdown.finish().await;
    let base = base_on(State::open(&path).unwrap());
    let secrets = Secrets::start(&base, any_port()).await.unwrap();
    assert_eq!(value(&client(&secrets), "s").await, "kept");
}
