//! Messages about functions that a provider offers (Terraform 1.8 and later).

use super::DynamicValue;
use bytes::Bytes;

/// A function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Function {
    /// Its parameters, in order.
    #[prost(message, repeated, tag = "1")]
    pub parameters: Vec<Parameter>,
    /// What takes any number of further arguments.
    #[prost(message, optional, tag = "2")]
    pub variadic_parameter: Option<Parameter>,
    /// What it returns.
    #[prost(message, optional, tag = "3")]
    pub r#return: Option<Return>,
}

/// A parameter of a function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Parameter {
    /// Its name, for messages.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The JSON of its type.
    #[prost(bytes = "bytes", tag = "2")]
    pub r#type: Bytes,
    /// The argument may be null.
    #[prost(bool, tag = "3")]
    pub allow_null_value: bool,
    /// The function is also called with unknown arguments.
    #[prost(bool, tag = "4")]
    pub allow_unknown_values: bool,
}

/// What a function returns.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Return {
    /// The JSON of its type.
    #[prost(bytes = "bytes", tag = "1")]
    pub r#type: Bytes,
}

/// Call a function.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CallFunctionRequest {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The arguments, those of the variadic parameter after the others.
    #[prost(message, repeated, tag = "2")]
    pub arguments: Vec<DynamicValue>,
}

/// What it returned.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CallFunctionResponse {
    /// The result, of the type that the function declared.
    #[prost(message, optional, tag = "1")]
    pub result: Option<DynamicValue>,
    /// Why there is none.
    #[prost(message, optional, tag = "2")]
    pub error: Option<FunctionError>,
}

/// Why a function returned nothing.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FunctionError {
    /// What to tell the user.
    #[prost(string, tag = "1")]
    pub text: String,
    /// Which argument is to blame, counted from zero.
    #[prost(int64, optional, tag = "2")]
    pub function_argument: Option<i64>,
}
