//! REST API with OpenAPI, bearer keys and problem details.
