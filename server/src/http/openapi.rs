//! Makes the OpenAPI document from the route table and the request types.
//!
//! ```text
//!   routes::table() --> paths        request structs (ToSchema) --> components
//! ```

use axum::http::Method;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, Required, ResponseBuilder,
};

use super::routes::{Body, PUBLIC_PATHS, Route, table};

/// The document of every failed request (RFC 9457).
#[derive(ToSchema)]
#[schema(as = Problem)]
#[allow(dead_code, reason = "only its schema is used")]
struct ProblemDocument {
    /// A URN that names the kind.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What to do next: conflict, not_found, already_exists, invalid, constraint, precondition, limit_exceeded,
    /// unsupported, unavailable, indeterminate, corrupt, closed, unauthenticated or forbidden.
    kind: String,
    /// What went wrong, where, and what to do, for people.
    detail: String,
    /// The condition of a failed statement, as PostgreSQL knows it.
    sqlstate: Option<String>,
    /// Where in the statement it failed, as a character from 1 on.
    position: Option<usize>,
    /// What to do about a failed statement.
    hint: Option<String>,
}

/// The document for every route of the server.
pub(crate) fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new()
        .schema("Problem", <ProblemDocument as utoipa::PartialSchema>::schema())
        .security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    for route in table() {
        if let Some(Body::Json { parts, .. }) = &route.request {
            components = components.schemas_from_iter(parts.iter().cloned());
        }
        let method = method_of(&route.method);
        // OpenAPI has no wildcards: `{*key}` is written like any other parameter.
        paths = paths.path(route.path.replace("{*", "{"), PathItem::new(method, operation(route)));
    }
    let info = InfoBuilder::new()
        .title("Marquetry")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Tables, documents, blobs, cache, search and queues in one transaction."));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

fn method_of(method: &Method) -> HttpMethod {
    match method.as_str() {
        "GET" => HttpMethod::Get,
        "HEAD" => HttpMethod::Head,
        "PUT" => HttpMethod::Put,
        "POST" => HttpMethod::Post,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        other => unreachable!("the route table uses no {other}"),
    }
}

fn operation(route: Route) -> OperationBuilder {
    let mut operation = OperationBuilder::new()
        .tag(route.area)
        .summary(Some(route.summary))
        .operation_id(Some(operation_id(&route)))
        .response(route.success.to_string(), ResponseBuilder::new().description("Done.").build())
        .response("default", problem());
    for name in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let parameter = ParameterBuilder::new().name(name.trim_start_matches('*')).parameter_in(ParameterIn::Path);
        operation = operation.parameter(parameter.required(Required::True).schema(Some(text)));
    }
    for parameter in route.parameters {
        operation = operation.parameter(parameter);
    }
    if !PUBLIC_PATHS.contains(&route.path) {
        operation = operation.security(SecurityRequirement::new("token", Vec::<String>::new()));
    }
    let (media_type, schema) = match route.request {
        None => return operation,
        Some(Body::Json { schema, .. }) => ("application/json", *schema),
        Some(Body::Bytes) => {
            let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
            ("application/octet-stream", ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into())
        }
    };
    let content = ContentBuilder::new().schema(Some(schema)).build();
    operation.request_body(Some(RequestBodyBuilder::new().content(media_type, content).build()))
}

/// `POST /v1/tables/{table}/rows` is called `post_tables_table_rows`.
fn operation_id(route: &Route) -> String {
    let words = route.path.split(['/', '{', '}', '*', '.']).filter(|word| !word.is_empty() && *word != "v1");
    let method = route.method.as_str().to_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn problem() -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description("Failed.").content("application/problem+json", content).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_every_reference_resolves() {
        let text = document().to_json().unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut count = 0;
        for route in table() {
            let path = &document["paths"][route.path.replace("{*", "{")];
            assert!(path[route.method.as_str().to_lowercase()].is_object(), "{} {}", route.method, route.path);
            count += 1;
        }
        let listed: usize =
            document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(listed, count);
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name} is referred to and not described");
        }
    }

    #[test]
    fn the_document_names_operations_as_batches_do() {
        let document: serde_json::Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
        let operations = document["components"]["schemas"]["Operation"]["oneOf"].as_array().unwrap();
        let mut names: Vec<_> =
            operations.iter().map(|one| one["allOf"][1]["properties"]["op"]["enum"][0].as_str().unwrap()).collect();
        assert!(names.contains(&"catalog.list") && names.contains(&"object.put"), "{names:?}");
        let mut bodies: Vec<_> = operations.iter().map(|one| one["allOf"][0]["$ref"].as_str().unwrap()).collect();
        for list in [&mut names, &mut bodies] {
            list.sort_unstable();
            assert!(list.windows(2).all(|pair| pair[0] != pair[1]), "{list:?}");
        }
    }
}
