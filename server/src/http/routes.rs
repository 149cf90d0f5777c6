//! The table of every route, and the router that is made from it.
//!
//! ```text
//!   Route { method, path, summary, handler, request, limits } --+--> axum::Router
//!                                                               '--> OpenAPI document
//! ```
//!
//! A route that is not in this table does not exist, and one that is cannot be missing from the document.

use axum::Extension;
use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use tokio::time::timeout;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use super::error::Problem;
use super::extract::BodySizeMax;
use super::{
    backup, batch, blob, cache, catalog, collection, document, health, message, object, queue, search, sql,
    table as tables, transaction,
};
use crate::app::App;
use crate::limits::Limits;

/// The paths that are answered without a credential.
pub(crate) const PUBLIC_PATHS: [&str; 2] = ["/health", "/ready"];

/// One method of one path, and what the document says about it.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) area: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) request: Option<Body>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) success: u16,
    handler: MethodRouter<App>,
    body: BodyRule,
    streams: bool,
}

/// What a route takes as its body.
pub(crate) enum Body {
    /// JSON of this schema, with the schemas that it refers to.
    Json { schema: Box<RefOr<Schema>>, parts: Vec<(String, RefOr<Schema>)> },
    /// Any bytes.
    Bytes,
}

/// Which limit the body of a route is held to.
#[derive(Clone, Copy)]
enum BodyRule {
    Ordinary,
    Batch,
}

impl Route {
    /// The route `method path` that `handler` answers.
    pub(super) fn new<H, T>(method: Method, path: &'static str, summary: &'static str, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("routes use the standard methods only");
        let area = crate::metrics::area(path);
        Route {
            method,
            path,
            area,
            summary,
            request: None,
            parameters: Vec::new(),
            success: 200,
            handler: on(filter, handler),
            body: BodyRule::Ordinary,
            streams: false,
        }
    }

    pub(super) fn get<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Route::new(Method::GET, path, summary, handler)
    }

    pub(super) fn post<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Route::new(Method::POST, path, summary, handler)
    }

    pub(super) fn put<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Route::new(Method::PUT, path, summary, handler)
    }

    pub(super) fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, summary: &'static str, handler: H) -> Self {
        Route::new(Method::PATCH, path, summary, handler)
    }

    pub(super) fn delete<H: Handler<T, App>, T: 'static>(
        path: &'static str,
        summary: &'static str,
        handler: H,
    ) -> Self {
        Route::new(Method::DELETE, path, summary, handler)
    }

    /// The same route, taking a JSON body of the shape of `T`.
    pub(super) fn json<T: ToSchema>(mut self) -> Self {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        parts.push((T::name().into_owned(), T::schema()));
        let schema = utoipa::openapi::Ref::from_schema_name(T::name().into_owned());
        self.request = Some(Body::Json { schema: Box::new(schema.into()), parts });
        self
    }

    /// The same route, taking any bytes as its body.
    pub(super) fn bytes(mut self) -> Self {
        self.request = Some(Body::Bytes);
        self
    }

    /// The same route, with the query parameters that are the fields of `T`.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        self.parameters.extend(T::into_params(|| Some(ParameterIn::Query)));
        self
    }

    /// The same route, whose success has another status than 200.
    pub(super) fn success(mut self, status: u16) -> Self {
        self.success = status;
        self
    }

    /// The same route, with the larger body of a batch.
    pub(super) fn batch_sized(mut self) -> Self {
        self.body = BodyRule::Batch;
        self
    }

    /// The same route, exempt from the time limit of ordinary requests.
    pub(super) fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }

    fn mount(self, router: Router<App>, limits: &Limits) -> Router<App> {
        let size_max = match self.body {
            BodyRule::Ordinary => limits.body_size_max_bytes,
            BodyRule::Batch => limits.batch_size_max_bytes,
        };
        let mut handler = self.handler.layer(Extension(BodySizeMax(size_max)));
        if !self.streams {
            let time_max = limits.request_timeout();
            handler = handler.layer(from_fn(move |request: Request, next: Next| async move {
                let answer = timeout(time_max, next.run(request)).await;
                answer.unwrap_or_else(|_| Problem::too_slow().into_response())
            }));
        }
        router.route(self.path, handler)
    }
}

/// Every route of the server.
pub(crate) fn table() -> Vec<Route> {
    let parts = [
        health::routes(),
        batch::routes(),
        sql::routes(),
        transaction::routes(),
        catalog::routes(),
        tables::routes(),
        collection::routes(),
        document::routes(),
        blob::routes(),
        object::routes(),
        search::routes(),
        queue::routes(),
        message::routes(),
        cache::routes(),
        backup::routes(),
    ];
    parts.into_iter().flatten().collect()
}

/// The router for every route of the table; what it does not have is answered with a problem document.
pub(crate) fn router(limits: &Limits) -> Router<App> {
    table()
        .into_iter()
        .fold(Router::new(), |router, route| route.mount(router, limits))
        .fallback(async |uri: axum::http::Uri| {
            Problem::not_found(format!("there is nothing at {}; see /openapi.json", uri.path()))
        })
        .method_not_allowed_fallback(async |method: Method, uri: axum::http::Uri| {
            Problem::new(
                axum::http::StatusCode::METHOD_NOT_ALLOWED,
                "unsupported",
                format!("{} does not take {method}; see /openapi.json", uri.path()),
            )
        })
}
