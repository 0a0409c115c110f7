//! An ONNX graph that grows node by node, and the file around it.
//!
//! Owns the field numbers and versions of the format (onnx.proto; IR 7 with operators of version
//! 13, or IR 8 with 17 and ai.onnx.ml 3 where there are trees, since `TreeEnsembleRegressor` is
//! refused in newer ones). Does not know what is computed: `heads` does.

use super::wire::{Message, little_endian};

/// The operators of classic machine learning, trees among them.
pub(super) const ML: &str = "ai.onnx.ml";
/// Types of elements.
pub(super) const FLOAT: i64 = 1;
pub(super) const DOUBLE: i64 = 11;

/// The name of a value that flows through the graph.
pub(super) type Name = String;

/// A graph with one input, `features`, a row of floats a request.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    outputs: Vec<Message>,
    has_trees: bool,
}

impl Graph {
    /// An operator: its type, inputs and attributes to the value that it makes, which has the
    /// node's name.
    pub(super) fn node(
        &mut self,
        name: impl Into<Name>,
        operator: &str,
        inputs: &[&str],
        attributes: &[Message],
    ) -> Name {
        self.add(name.into(), operator, inputs, attributes, "")
    }

    /// Boosted trees.
    pub(super) fn trees(&mut self, name: Name, inputs: &[&str], attributes: &[Message]) -> Name {
        self.has_trees = true;
        self.add(name, "TreeEnsembleRegressor", inputs, attributes, ML)
    }

    fn add(
        &mut self,
        name: Name,
        operator: &str,
        inputs: &[&str],
        attributes: &[Message],
        domain: &str,
    ) -> Name {
        let node = inputs
            .iter()
            .fold(Message::new(), |node, input| node.text(1, input))
            .text(2, &name)
            .text(3, &name)
            .text(4, operator)
            .nest_all(5, attributes);
        self.nodes.push(if domain.is_empty() {
            node
        } else {
            node.text(7, domain)
        });
        name
    }

    /// A constant of floats; no dimensions: a single number.
    pub(super) fn floats(&mut self, name: impl Into<Name>, dims: &[usize], values: &[f32]) -> Name {
        self.constant(name.into(), FLOAT, dims, &little_endian(values))
    }

    /// A constant of one double.
    pub(super) fn double(&mut self, name: impl Into<Name>, value: f64) -> Name {
        self.constant(name.into(), DOUBLE, &[], &value.to_le_bytes())
    }

    fn constant(&mut self, name: Name, kind: i64, dims: &[usize], raw: &[u8]) -> Name {
        let tensor = dims
            .iter()
            .fold(Message::new(), |tensor, &dim| tensor.int(1, whole(dim)))
            .int(2, kind)
            .text(8, &name)
            .bytes(9, raw);
        self.constants.push(tensor);
        name
    }

    /// Make a value of that name, so many floats a request, an output.
    pub(super) fn output(&mut self, name: &str, columns: usize) {
        self.outputs.push(rows(name, columns));
    }

    /// The file: the graph with its input, what it needs of a runtime, and what is said about it.
    pub(super) fn into_file(self, columns: usize, doc: &str, said: &[(&str, String)]) -> Vec<u8> {
        let graph = Message::new()
            .nest_all(1, &self.nodes)
            .text(2, "weighbridge_heads")
            .nest_all(5, &self.constants)
            .nest(11, &rows("features", columns))
            .nest_all(12, &self.outputs);
        let version = |domain: &str, version: i64| Message::new().text(1, domain).int(2, version);
        let (ir, mut versions) = if self.has_trees {
            (8, vec![version("", 17)])
        } else {
            (7, vec![version("", 13)])
        };
        versions.extend(self.has_trees.then(|| version(ML, 3)));
        let said: Vec<Message> = said
            .iter()
            .map(|(key, value)| Message::new().text(1, key).text(2, value))
            .collect();
        Message::new()
            .int(1, ir)
            .text(2, "weighbridge")
            .text(3, env!("CARGO_PKG_VERSION"))
            .text(6, doc)
            .nest(7, &graph)
            .nest_all(8, &versions)
            .nest_all(14, &said)
            .into_bytes()
    }
}

/// A value of any number of rows, so many floats each.
fn rows(name: &str, columns: usize) -> Message {
    let any = Message::new().text(2, "requests");
    let fixed = Message::new().int(1, whole(columns));
    let shape = Message::new().nest(1, &any).nest(1, &fixed);
    let tensor = Message::new().int(1, FLOAT).nest(2, &shape);
    Message::new()
        .text(1, name)
        .nest(2, &Message::new().nest(1, &tensor))
}

/// The kinds of an attribute.
const OF_INT: i64 = 2;
const OF_TEXT: i64 = 3;
const OF_FLOATS: i64 = 6;
const OF_INTS: i64 = 7;
const OF_TEXTS: i64 = 8;

pub(super) fn int(name: &str, value: i64) -> Message {
    Message::new().text(1, name).int(3, value).int(20, OF_INT)
}

pub(super) fn text(name: &str, value: &str) -> Message {
    Message::new().text(1, name).text(4, value).int(20, OF_TEXT)
}

pub(super) fn floats(name: &str, values: &[f32]) -> Message {
    let attribute = Message::new().text(1, name);
    attribute.floats(7, values).int(20, OF_FLOATS)
}

pub(super) fn ints(name: &str, values: &[i64]) -> Message {
    let attribute = Message::new().text(1, name);
    attribute.ints(8, values.iter().copied()).int(20, OF_INTS)
}

pub(super) fn texts(name: &str, values: &[&str]) -> Message {
    values
        .iter()
        .fold(Message::new().text(1, name), |attribute, value| {
            attribute.text(9, value)
        })
        .int(20, OF_TEXTS)
}

/// Sizes are bounded by what a router file may hold.
fn whole(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
