//! What the middleware, the gates and the body's extractor answer, on every route they serve.

use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::operations;
use super::schema::ErrorBody;
use crate::http::session::COOKIE;

/// An answer that many routes share: status, name, description, whether it says when to retry.
struct Shared(&'static str, &'static str, &'static str, bool);

const BAD_BODY: Shared = Shared(
    "400",
    "BadRequest",
    "The request is not acceptable; `field` and `reason` say why",
    false,
);
const TOO_SLOW: Shared = Shared("408", "RequestTimeout", "The body did not arrive in time", false);
const TOO_LARGE: Shared = Shared("413", "ContentTooLarge", "The body is too large", false);
const UNAUTHORIZED: Shared =
    Shared("401", "Unauthorized", "No credential, or one that is not valid here", false);
const TOO_MANY: Shared = Shared("429", "TooManyRequests", "The rate limit is used up", true);
const UNAVAILABLE: Shared = Shared(
    "503",
    "Unavailable",
    "Nothing was done, ask again: `platform_unavailable`, `workspace_quarantined`, `overloaded`, \
     `kms_unavailable`",
    true,
);
const ALL: [&Shared; 6] =
    [&BAD_BODY, &TOO_SLOW, &TOO_LARGE, &UNAUTHORIZED, &TOO_MANY, &UNAVAILABLE];

/// Adds to each operation what is answered before its handler, and how callers authenticate.
pub fn complete(document: &mut OpenApi) {
    name_rests(document);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            let mut shared = vec![&TOO_MANY];
            if operation.security.is_some() {
                shared.extend([&UNAUTHORIZED, &UNAVAILABLE]);
            }
            if let Some(body) = &mut operation.request_body {
                absent_or_object(body);
                shared.extend([&BAD_BODY, &TOO_SLOW, &TOO_LARGE]);
            }
            shared.into_iter().for_each(|answer| add(operation, answer));
        }
    }
    let mut components = ComponentsBuilder::from(document.components.take().unwrap_or_default())
        .schema(ErrorBody::name(), ErrorBody::schema());
    for answer in ALL {
        components = components.response(answer.1, response(answer));
    }
    for (name, scheme) in schemes() {
        components = components.security_scheme(name, scheme);
    }
    document.components = Some(components.build());
}

/// A parameter that takes the rest of a path is written `{*path}` for the router alone.
fn name_rests(document: &mut OpenApi) {
    let paths = std::mem::take(&mut document.paths.paths);
    let named = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item));
    document.paths.paths = named.collect();
}

/// A body that may be absent is described as one that may be null, which no handler takes.
fn absent_or_object(body: &mut RefOr<RequestBody>) {
    let RefOr::T(body) = body else { return };
    for content in body.content.values_mut() {
        if let RefOr::T(Content { schema: Some(schema), .. }) = content
            && let RefOr::T(Schema::OneOf(choice)) = schema
        {
            choice.items.retain(|item| !is_null(item));
            if let [only] = choice.items.as_slice() {
                *schema = only.clone();
            }
        }
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    let null = SchemaType::Type(Type::Null);
    matches!(schema, RefOr::T(Schema::Object(object)) if object.schema_type == null)
}

/// What a handler says of a status itself is left alone.
fn add(operation: &mut Operation, Shared(status, name, ..): &Shared) {
    let reference = RefOr::Ref(Ref::from_response_name(*name));
    operation.responses.responses.entry((*status).to_owned()).or_insert(reference);
}

fn response(Shared(_, _, description, retry): &Shared) -> Response {
    let error = Ref::from_schema_name(ErrorBody::name());
    let content = ContentBuilder::new().schema(Some(error)).build();
    let mut response =
        ResponseBuilder::new().description(*description).content("application/json", content);
    if *retry {
        let seconds = Schema::Object(ObjectBuilder::new().schema_type(Type::Integer).build());
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds to wait"));
        response = response.header("retry-after", header.build());
    }
    response.build()
}

fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "The administrator token, an organisation token, or a workspace's own token where the \
         route is for its agent. In development mode on loopback none is needed.",
    ));
    let cookie = "Set by `GET /login`. It may do what the administrator may.";
    let session = ApiKey::Cookie(ApiKeyValue::with_description(COOKIE, cookie));
    [("bearer", SecurityScheme::Http(bearer.build())), ("session", SecurityScheme::ApiKey(session))]
}
