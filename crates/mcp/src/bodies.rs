//! What the routes of MCP take and give, as far as a schema can say it: docs/mcp.md has the rest.

use mw_edge::body::Text;
use mw_edge::shape;
use serde_json::{Map, Value};

shape! {
    /// A message of JSON-RPC 2.0: a request with an id, or a notification without one.
    pub struct RpcMessage {
        #[schemars(extend("const" = "2.0"))]
        pub jsonrpc: String,
        #[schemars(extend("type" = ["string", "integer"], "minimum" = -9_007_199_254_740_991_i64, "maximum" = 9_007_199_254_740_991_i64))]
        pub id: Option<Value>,
        pub method: String,
        /// Parameters by name; null and what is empty are none.
        #[schemars(extend("type" = ["object", "array", "string"], "maxItems" = 0, "maxLength" = 0))]
        pub params: Option<Map<String, Value>>,
    }

    /// A message, or a plain call.
    #[serde(transparent)]
    #[schemars(inline, extend("anyOf" = [
        mw_edge::body::schema_of::<RpcMessage>(),
        {"type": "object", "properties": {"method": {"const": "tools/list"}}, "required": ["method"]},
    ]))]
    pub struct RpcOrPlain {
        pub message: Value,
    }

    /// The result or the error of a request; without `jsonrpc`, the plain answer to `tools/list` or `tools/call`.
    #[serde(transparent)]
    pub struct RpcAnswer {
        pub answer: Map<String, Value>,
    }

    #[schemars(rename = "RpcError")]
    pub struct RpcFault {
        #[schemars(extend("const" = "2.0"))]
        pub jsonrpc: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("type" = ["string", "integer"]))]
        pub id: Option<Value>,
        pub error: RpcCause,
    }

    #[schemars(inline)]
    pub struct RpcCause {
        pub code: i64,
        pub message: String,
    }

    pub struct ToolAnswer {
        pub content: Vec<ToolText>,
        #[serde(skip_serializing_if = "Option::is_none", rename = "isError")]
        #[schemars(with = "bool")]
        pub is_error: Option<bool>,
    }

    #[schemars(inline)]
    pub struct ToolText {
        #[schemars(extend("const" = "text"))]
        pub r#type: String,
        pub text: String,
    }

    #[schemars(inline)]
    pub struct ToolList {
        pub tools: Vec<Tool>,
    }

    #[serde(rename_all = "camelCase")]
    #[schemars(inline)]
    pub struct Tool {
        pub name: String,
        pub description: String,
        pub input_schema: Map<String, Value>,
    }

    pub struct OlderHeaders {
        /// Calls in a minute.
        #[serde(rename = "X-RateLimit-Limit")]
        pub limit: u32,
        /// What is left of them.
        #[serde(rename = "X-RateLimit-Remaining")]
        pub remaining: u32,
        /// When they are whole again, in unix seconds.
        #[serde(rename = "X-RateLimit-Reset")]
        pub reset: i64,
    }
}

shape! {
    /// `plain` reads it, and answers what is wrong with it in its own words.
    pub struct ToolCall {
        pub name: Text<1, { usize::MAX }>,
        /// By name; null and what is empty are none.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("type" = ["object", "array", "string", "null"], "maxItems" = 0, "maxLength" = 0))]
        pub arguments: Option<Map<String, Value>>,
    }
}
